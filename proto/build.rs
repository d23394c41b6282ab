//! Generates the wire types from the `.proto` files, without an external compiler.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    const FILES: [&str; 3] = ["metric.proto", "flow_log.proto", "stats.proto"];
    for f in FILES {
        println!("cargo::rerun-if-changed={f}");
    }
    let set = protox::compile(FILES, ["."])?;
    prost_build::Config::new().compile_fds(set)?;
    Ok(())
}
