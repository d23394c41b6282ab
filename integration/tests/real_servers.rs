//! Request logs of real servers' traffic: every request of a known list is found once, with its command, its status and
//! a response time that the client's own clock allows. See docs/requests.md.
#[path = "real_servers/asked.rs"]
mod asked;
#[path = "real_servers/dns.rs"]
mod dns;
#[path = "real_servers/http1.rs"]
mod http1;
#[path = "real_servers/http2.rs"]
mod http2;
#[path = "real_servers/lab.rs"]
mod lab;
#[path = "real_servers/memcached.rs"]
mod memcached;
#[path = "real_servers/mqtt.rs"]
mod mqtt;
#[path = "real_servers/mysql.rs"]
mod mysql;
#[path = "real_servers/nginx.rs"]
mod nginx;
#[path = "real_servers/postgresql.rs"]
mod postgresql;
#[path = "real_servers/redis.rs"]
mod redis;
#[path = "real_servers/wire.rs"]
mod wire;
