//! nginx as both versions of HTTP ask it.
use crate::lab::{Lab, PORT};
use integration::process::Program;
use integration::traffic::free_ports;

/// Bytes of the large file.
const LARGE: usize = 1 << 20;

/// `response_status` of a status code.
pub(crate) fn status(code: i64) -> &'static str {
    match code {
        400..=499 => "client_error",
        500..=599 => "server_error",
        _ => "ok",
    }
}

/// Starts it, with `protocol` added to what it listens with.
pub(crate) fn serve(lab: &Lab, protocol: &str) -> Result<Program, String> {
    lab.write("large", vec![b'l'; LARGE])?;
    lab.write("empty", "")?;
    let folder = lab.folder().display();
    let [nobody] = free_ports()?;
    let config = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    client_max_body_size 2m;
    if_modified_since before; gzip on; gzip_types *;
    keepalive_requests 10000;
    server {{
        listen 127.0.0.1:{PORT} {protocol};
        root {folder};
        location /ok {{ return 200 'it is well'; }}
        location /nothing {{ return 204; }}
        location /moved {{ return 301 /ok; }}
        location /forbidden {{ deny all; }}
        location /failing {{ return 500 'no'; }}
        location /unavailable {{ return 503; }}
        location /broken {{ proxy_pass http://127.0.0.1:{nobody}; }}
        location /take {{ proxy_pass http://127.0.0.1:{nobody}; }}
    }}
}}
"
    );
    let config = lab.write("nginx.conf", config)?;
    let mut nginx = lab.command("nginx")?;
    nginx.args(["-p", &lab.path(""), "-e", "stderr", "-c", &config]);
    lab.serve("nginx", &mut nginx)
}
