//! Server and agent end and start again: what is lost is counted, what is counted as stored is there.
use integration::agent::{Agent, AgentOptions};
use integration::deadline::wait_for;
use integration::requirement::{self, or_skip};
use integration::server::{Server, ServerOptions, dropped, received};
use integration::traffic::{Done, Shop, free_ports};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// A server with a port and a folder that a later one can have again.
fn first_server(folder: &tempfile::TempDir) -> (Server, ServerOptions) {
    let [port] = free_ports().unwrap();
    let options = ServerOptions {
        data_dir: Some(folder.path().join("data")),
        ..ServerOptions::default().set("data.listen", format!("127.0.0.1:{port}"))
    };
    (Server::ready(&options).unwrap(), options)
}

fn add(sum: &mut Done, more: Done) {
    sum.connections += more.connections;
    sum.sent += more.sent;
    sum.answered += more.answered;
}

/// Visits the shop until a visit's flows are stored: the agent is connected again.
fn visit_until_stored(shop: &Shop, server: &Server, done: &mut Done) {
    let before = flows(server, shop);
    wait_for("rows of new flows", MINUTE, || {
        add(done, shop.visit(1, 1)?);
        match flows(server, shop) {
            n if n > before => Ok(()),
            n => Err(format!("{n} rows")),
        }
    })
    .unwrap();
}

/// Rows of flows to the shop.
fn flows(server: &Server, shop: &Shop) -> u64 {
    let sql = format!(
        "SELECT count() FROM flow_log.l4_flow_log WHERE server_port = {}",
        shop.port()
    );
    match server.number(&sql) {
        Ok(rows) => rows,
        // Tables are made with the first row.
        Err(why) if why.contains("UNKNOWN_DATABASE") || why.contains("UNKNOWN_TABLE") => 0,
        Err(why) => panic!("{why}\n{}", server.program.output()),
    }
}

#[test]
fn the_agent_finds_a_server_that_was_restarted() {
    let needs = [requirement::libchdb(), requirement::root()];
    if !or_skip("the_agent_finds_a_server_that_was_restarted", &needs).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (server, options) = first_server(&folder);
    let agent_options = AgentOptions::default().set("sender.max_reconnect_pause", "1s");
    let mut agent = Agent::start(server.data, &agent_options).unwrap();
    let shop = Shop::open().unwrap();
    let mut done = Done::default();

    add(&mut done, shop.visit(10, 2).unwrap());
    visit_until_stored(&shop, &server, &mut done);
    assert_eq!(
        server.drain().unwrap(),
        0,
        "rows lost by a server that ended in order"
    );
    // Flows that end while nobody listens.
    add(&mut done, shop.visit(10, 2).unwrap());

    let server = Server::ready(&options).unwrap();
    visit_until_stored(&shop, &server, &mut done);
    agent.program.still_runs().unwrap();

    // Every flow is stored, or counted where it was lost.
    let balance = wait_for("all flows to be stored or counted", MINUTE, || {
        let stored = flows(&server, &shop);
        let counted = dropped(&agent.stats()?, "uniform_sender.l4_flow_log");
        if stored + counted >= done.connections {
            Ok((stored, counted))
        } else {
            Err(format!(
                "{stored} stored, {counted} counted of {}",
                done.connections
            ))
        }
    });
    let (stored, _) = balance
        .map_err(|e| format!("{e}\n{}", agent.program.output()))
        .unwrap();
    assert!(
        stored <= done.connections,
        "{stored} rows of {} flows",
        done.connections
    );
    assert_eq!(agent.drain().unwrap(), 0);
    assert_eq!(server.drain().unwrap(), 0);
}

#[test]
fn the_agent_finds_a_server_that_was_killed() {
    let needs = [requirement::libchdb(), requirement::root()];
    if !or_skip("the_agent_finds_a_server_that_was_killed", &needs).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (server, options) = first_server(&folder);
    let agent_options = AgentOptions::default().set("sender.max_reconnect_pause", "1s");
    let mut agent = Agent::start(server.data, &agent_options).unwrap();
    let shop = Shop::open().unwrap();
    let mut done = Done::default();
    add(&mut done, shop.visit(10, 2).unwrap());
    visit_until_stored(&shop, &server, &mut done);
    let sure = flows(&server, &shop);

    let engine = server.engine().unwrap();
    server.program.signal("KILL").unwrap();
    drop(server);
    wait_for("the engine to follow its server", MINUTE, || {
        match integration::process::signal_process(engine, "0") {
            Ok(()) => Err("it runs".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .unwrap();

    let mut server = Server::ready(&options).unwrap();
    assert!(
        flows(&server, &shop) >= sure,
        "what was stored once is stored"
    );
    visit_until_stored(&shop, &server, &mut done);
    agent.program.still_runs().unwrap();
    agent.drain().unwrap();
    assert!(flows(&server, &shop) <= done.connections);
    server.wait_ready(MINUTE).unwrap();
    assert_eq!(server.drain().unwrap(), 0);
}

#[test]
fn an_agent_without_a_server_captures_waits_and_ends_in_order() {
    let needs = [requirement::root()];
    if !or_skip(
        "an_agent_without_a_server_captures_waits_and_ends_in_order",
        &needs,
    )
    .unwrap()
    {
        return;
    }
    let [port] = free_ports().unwrap();
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut agent = Agent::start(nobody, &AgentOptions::default()).unwrap();
    let shop = Shop::open().unwrap();
    let done = shop.visit(5, 1).unwrap();
    let seen = wait_for("packets of the visits", MINUTE, || {
        let stats = agent.stats()?;
        let packets = received(&stats, "flow_generator");
        // Handshake, request, answer and end of each.
        if packets >= done.connections * 8 {
            Ok(packets)
        } else {
            Err(format!("{packets}: {stats}"))
        }
    });
    seen.unwrap();
    agent.program.still_runs().unwrap();
    let lost = agent.drain().unwrap();
    assert!(
        lost >= done.connections,
        "the flows of {} visits are lost and counted: {lost}",
        done.connections
    );
}
