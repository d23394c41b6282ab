//! A host and a client of it on a wire of their own: what the agent sees of its own host's side.
use integration::agent::{Agent, AgentOptions};
use integration::namespace::Namespace;
use integration::process::{Program, run};
use integration::requirement::{self, or_skip};
use integration::server::{Server, ServerOptions, number};
use std::net::Ipv4Addr;
use std::time::Duration;

const VISITS: u64 = 12;

#[test]
fn a_host_is_the_server_of_its_client() {
    let needs = [requirement::libchdb(), requirement::root()];
    if !or_skip("a_host_is_the_server_of_its_client", &needs).unwrap() {
        return;
    }
    let (host, client) = (Namespace::new().unwrap(), Namespace::new().unwrap());
    host.join(
        &client,
        Ipv4Addr::new(10, 77, 0, 1),
        Ipv4Addr::new(10, 77, 0, 2),
    )
    .unwrap();
    let server = Server::ready(&ServerOptions {
        namespace: Some(host.name().to_owned()),
        ..ServerOptions::default()
    })
    .unwrap();
    let options = AgentOptions {
        namespace: Some(host.name().to_owned()),
        ..AgentOptions::default().set("capture.interfaces", "[eth0]")
    };
    let agent = Agent::start(server.data, &options).unwrap();

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("page"), [b'x'; 5000]).unwrap();
    let mut shop = host.command("python3");
    shop.args(["-u", "-m", "http.server", "8080", "--bind", "10.77.0.1"])
        .current_dir(folder.path());
    let shop = Program::start("shop", &mut shop).unwrap();
    shop.line("Serving HTTP", Duration::from_secs(60)).unwrap();
    for _ in 0..VISITS {
        let page = run(client
            .command("curl")
            .args(["-sS", "http://10.77.0.1:8080/page"]))
        .unwrap();
        assert_eq!(page.len(), 5000);
    }
    let flows = "SELECT count() FROM flow_log.l4_flow_log WHERE server_port = 8080";
    server.wait_number(flows, VISITS).unwrap();
    assert_eq!(agent.drain().unwrap(), 0);

    // The map has both ends and says whose side it was seen from; the single rows are about this host alone.
    for interval in ["1s", "1m"] {
        let closed = format!(
            "SELECT sum(closed_flow) FROM flow_metrics.`network.{interval}` WHERE server_port = 8080"
        );
        server.wait_number(&closed, VISITS).unwrap();
        let sql = format!(
            "SELECT any(observation_point) AS point, uniqExact(observation_point) AS points,
                    IPv4NumToString(any(ip4_0)) AS client, IPv4NumToString(any(ip4_1)) AS server,
                    sum(new_flow) AS flows, min(direction_score) AS score
             FROM flow_metrics.`network_map.{interval}` WHERE server_port = 8080"
        );
        let row = &server.query(&sql).unwrap()[0];
        assert_eq!(row["point"], "s", "{row}");
        assert_eq!(number(&row["points"]), Some(1), "{row}");
        assert_eq!(
            (&row["client"], &row["server"]),
            (&"10.77.0.2".into(), &"10.77.0.1".into()),
            "{row}"
        );
        assert_eq!(
            (number(&row["flows"]), number(&row["score"])),
            (Some(VISITS), Some(255)),
            "{row}"
        );
        let sql = format!(
            "SELECT IPv4NumToString(any(ip4)) AS ip, any(role) AS role, sum(l4_byte_tx) AS sent, sum(retrans) AS retrans
             FROM flow_metrics.`network.{interval}` WHERE server_port = 8080"
        );
        let row = &server.query(&sql).unwrap()[0];
        assert_eq!(
            (&row["ip"], number(&row["role"])),
            (&"10.77.0.1".into(), Some(1)),
            "{row}"
        );
        assert!(
            number(&row["sent"]).unwrap() >= VISITS * 5000,
            "what the server sent is tx: {row}"
        );
    }
    let sql = "SELECT countIf(l2_end_1 = 1 AND l3_end_1 = 1 AND l2_end_0 = 0 AND mac_0 != 0 AND close_type = 1) AS n
               FROM flow_log.l4_flow_log WHERE server_port = 8080";
    assert_eq!(server.number(sql).unwrap(), VISITS);
    assert_eq!(server.drain().unwrap(), 0);
}
