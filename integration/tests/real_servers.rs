//! Request logs of real servers' traffic: every request of a known list is found once, with its command, its status and
//! a response time that the client's own clock allows. See docs/requests.md.
#[path = "real_servers/asked.rs"]
mod asked;
#[path = "real_servers/lab.rs"]
mod lab;
#[path = "real_servers/redis.rs"]
mod redis;
#[path = "real_servers/wire.rs"]
mod wire;
