//! Every route over a real loopback socket.
mod page;

use observe::{Readiness, Stats, Topology};
use page::{Page, START, Source, ticks};
use stage::{
    Counted, Edge, ErrorRecord, Health, MailboxSnapshot, NodeKind, Quantiles, StageSnapshot,
};
use std::sync::Arc;

fn stage(name: &str, to: &str, n: u64) -> StageSnapshot {
    StageSnapshot {
        name: name.into(),
        group: "ingester".into(),
        edges: vec![Edge {
            to: to.into(),
            label: "L4FlowLog".into(),
            external: to == "ClickHouse",
        }],
        mailbox: Some(MailboxSnapshot {
            capacity: 1024,
            when_full: "block".into(),
            depth: 700 + n % 7,
            depth_items: 123_456 + n,
            high_water: 1000,
            ..MailboxSnapshot::default()
        }),
        health: Health::Up,
        received: 123_456_789 * n,
        processed: 123_000_000 * n,
        emitted: 122_999_999 * n,
        delivered: 122_999_999 * n,
        dropped: vec![
            Counted {
                name: "mailbox_full".into(),
                items: 987_654 * n,
            },
            Counted {
                name: "expired".into(),
                items: 12_345,
            },
        ],
        discarded: vec![Counted {
            name: "sampled".into(),
            items: 3_456_789 * n,
        }],
        held: vec![
            Counted {
                name: "rows".into(),
                items: 65_536,
            },
            Counted {
                name: "windows".into(),
                items: 61,
            },
        ],
        restarts: 12,
        rehosts: 1,
        errors: vec![ErrorRecord {
            unix_ms: START + 5,
            cause: "index out of bounds".into(),
        }],
        busy_ns: 512_345_678 * n,
        blocked_ns: 287_654_321 * n,
        up_ns: 1_000_000_000 * n,
        wait: Quantiles {
            p50_ns: 1_234_567,
            p99_ns: 98_765_432,
        },
        handling: Quantiles {
            p50_ns: 234_567,
            p99_ns: 8_765_432,
        },
        connected: (to == "ClickHouse").then_some(true),
        ..StageSnapshot::default()
    }
}

fn chain() -> Source {
    Arc::new(|n| {
        let receiver = StageSnapshot {
            kind: NodeKind::Source,
            mailbox: None,
            ..stage("flow_log.receiver", "flow_log.decoder", n)
        };
        vec![
            receiver,
            stage("flow_log.decoder", "flow_log.dbwriter", n),
            stage("flow_log.dbwriter", "ClickHouse", n),
        ]
    })
}

fn hostile() -> Source {
    Arc::new(|n| {
        let mut s = stage(
            "<script>alert(1)</script>\"\\\n",
            "\"><img src=x onerror=1>",
            n,
        );
        s.group = "</style><script>".into();
        s.errors = vec![ErrorRecord {
            unix_ms: 1,
            cause: "<b>{{table}}</b>' onload='x".into(),
        }];
        s.dropped = vec![Counted {
            name: "<i>".into(),
            items: 1,
        }];
        vec![s]
    })
}

#[tokio::test]
async fn every_route_answers_with_its_type_and_guards() {
    let page = Page::open(chain(), Readiness::ready()).await;
    page.tick();
    for (path, kind) in [
        ("/", "text/html"),
        ("/debug/pipeline", "text/html"),
        ("/assets/pipeline.js", "text/javascript"),
        ("/assets/pipeline.css", "text/css"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/api/v1/pipeline", "application/json"),
        ("/api/v1/pipeline/stats", "application/json"),
        ("/metrics", "text/plain; version=0.0.4"),
        ("/livez", "text/plain"),
        ("/readyz", "application/json"),
    ] {
        let (head, body) = page.get(path, "").await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(
            head.contains(&format!("content-type: {kind}")),
            "{path}: {head}"
        );
        assert!(
            head.contains("content-security-policy: default-src 'self'"),
            "{path}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{path}");
        assert_eq!(
            head.contains("cache-control: no-store"),
            !path.starts_with("/assets"),
            "{path}"
        );
        assert!(!body.is_empty());
    }
    let (head, _) = page.get("/assets/../Cargo.toml", "").await;
    assert!(head.starts_with("http/1.1 404"));
    page.close().await;
}

#[tokio::test]
async fn the_first_paint_needs_no_script() {
    let page = Page::open(
        chain(),
        Readiness::ready().and_not("ClickHouse", "connection refused"),
    )
    .await;
    page.tick();
    for path in ["/", "/debug/pipeline"] {
        let (_, body) = page.get(path, "").await;
        for word in [
            "flow_log.dbwriter",
            "mailbox_full",
            "no: ClickHouse: connection refused",
            "+ in flight",
            "index out of bounds",
        ] {
            assert!(body.contains(word), "{path}: {word}");
        }
    }
    let (_, body) = page.get("/debug/pipeline", "").await;
    assert!(body.contains("http-equiv=\"refresh\"") && !body.contains("<script"));
    page.close().await;
}

#[tokio::test]
async fn hostile_names_stay_text_everywhere() {
    let page = Page::open(hostile(), Readiness::ready()).await;
    page.tick();
    for path in ["/", "/debug/pipeline"] {
        let (_, body) = page.get(path, "").await;
        assert!(
            !body.contains("<script>") && !body.contains("<img src=x") && !body.contains("<i>"),
            "{path}"
        );
        assert!(
            body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{path}"
        );
        assert!(
            body.contains("{{table}}"),
            "what is filled in is not filled again"
        );
    }
    let (_, metrics) = page.get("/metrics", "").await;
    assert!(metrics.contains(r#"stage="<script>alert(1)</script>\"\\\n",group"#));
    for line in metrics.lines() {
        let sample = line.starts_with("# ")
            || line
                .rsplit_once(' ')
                .is_some_and(|(_, v)| v.parse::<f64>().is_ok());
        assert!(sample, "{line}");
    }
    page.close().await;
}

#[tokio::test]
async fn the_json_can_be_read_back() {
    let page = Page::open(chain(), Readiness::ready()).await;
    for _ in 0..5 {
        page.tick();
    }
    let (_, body) = page.get("/api/v1/pipeline", "").await;
    let topology: Topology = serde_json::from_str(&body).unwrap();
    let names: Vec<&str> = topology.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "flow_log.receiver",
            "flow_log.decoder",
            "flow_log.dbwriter",
            "ClickHouse",
            "agents"
        ]
    );
    assert_eq!(topology.edges.len(), 4);
    let (_, body) = page
        .get(
            &format!("/api/v1/pipeline/stats?since={}", START + 3000),
            "",
        )
        .await;
    let stats: Stats = serde_json::from_str(&body).unwrap();
    assert_eq!(stats.stages.len(), 3);
    assert_eq!(stats.history["flow_log.decoder"].len(), 4);
    assert_eq!(stats.history["total"].len(), 4);
    let (_, body) = page
        .get("/api/v1/pipeline/stats?stage=flow_log.decoder", "")
        .await;
    let stats: Stats = serde_json::from_str(&body).unwrap();
    assert_eq!(stats.stages.len(), 1);
    assert!(stats.history.is_empty());
    let table = observe::top::render(&stats, 120, false);
    assert!(table.contains("flow_log.decoder") && table.contains("received ="));
    page.close().await;
}

#[tokio::test]
async fn readiness_says_what_is_missing_and_liveness_does_not_care() {
    let page = Page::open(
        chain(),
        Readiness::ready().and_not("mysql", "no route to host"),
    )
    .await;
    let (head, body) = page.get("/readyz", "").await;
    assert!(head.starts_with("http/1.1 503"));
    assert_eq!(
        body,
        r#"{"not_ready":[{"what":"mysql","why":"no route to host"}],"ready":false}"#
    );
    assert!(page.get("/livez", "").await.0.starts_with("http/1.1 200"));
    page.close().await;
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let page = Page::open(chain(), Readiness::ready()).await;
    let (head, _) = page.get("/assets/graph.js", "").await;
    let etag = head
        .lines()
        .find_map(|l| l.strip_prefix("etag: "))
        .unwrap()
        .to_owned();
    let (head, body) = page
        .get("/assets/graph.js", &format!("If-None-Match: {etag}\r\n"))
        .await;
    assert!(head.starts_with("http/1.1 304") && body.is_empty());
    page.close().await;
}

#[tokio::test]
async fn agents_are_merged_listed_and_looked_at_alone() {
    let page = Page::open(chain(), Readiness::ready()).await;
    let sender = StageSnapshot {
        group: "whatever".into(),
        ..stage("uniform_sender.l4_flow_log", "flow_log.receiver", 1)
    };
    page.obs
        .agent_report(7, "node-7", START + 1500, vec![sender]);
    page.tick();
    let (_, body) = page.get("/api/v1/pipeline", "").await;
    let topology: Topology = serde_json::from_str(&body).unwrap();
    assert_eq!(topology.agents[0].host, "node-7");
    assert!(
        topology
            .edges
            .iter()
            .any(|e| e.from == "agents/uniform_sender.l4_flow_log" && e.to == "flow_log.receiver")
    );
    let (_, body) = page.get("/api/v1/pipeline?agent=7", "").await;
    assert!(body.contains("agent:7/uniform_sender.l4_flow_log"));
    for path in [
        "/?agent=8",
        "/api/v1/pipeline/stats?agent=x",
        "/api/v1/pipeline/events?agent=70000",
    ] {
        assert!(
            page.get(path, "").await.0.starts_with("http/1.1 404"),
            "{path}"
        );
    }
    let (_, metrics) = page.get("/metrics", "").await;
    assert!(
        metrics
            .contains(r#"stage="uniform_sender.l4_flow_log",group="agent",instance="",agent="7""#)
    );
    page.close().await;
}

#[tokio::test]
async fn a_tick_of_sixty_mailboxes_is_at_most_20_kb() {
    let sixty: Source = Arc::new(|n| {
        (0..60)
            .map(|i| {
                stage(
                    &format!("flow_metrics.some_long_stage_name.{i}"),
                    "ClickHouse",
                    n,
                )
            })
            .collect()
    });
    let page = Page::open(sixty, Readiness::ready()).await;
    let mut stream = page.request("/api/v1/pipeline/events", "").await;
    let tick = ticks(&mut stream, 3, || page.tick()).await;
    assert!(tick.len() <= 20 * 1024, "{}", tick.len());
    let value: serde_json::Value = serde_json::from_str(&tick).unwrap();
    assert_eq!(value["rows"].as_array().unwrap().len(), 60);
    assert_eq!(value["t"], START + 3000);
    drop(stream);
    page.close().await;
}

#[tokio::test]
async fn one_viewer_too_many_is_told_to_come_back_and_open_streams_do_not_hold_up_the_end() {
    let page = Page::open(chain(), Readiness::ready()).await;
    let mut viewers = Vec::new();
    for _ in 0..observe::MAX_VIEWERS {
        let mut stream = page.request("/api/v1/pipeline/events", "").await;
        ticks(&mut stream, 1, || ()).await;
        viewers.push(stream);
    }
    let (head, _) = page.get("/api/v1/pipeline/events", "").await;
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: 5"));
    assert!(page.get("/", "").await.0.starts_with("http/1.1 200"));
    page.close().await;
}
