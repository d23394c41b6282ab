//! temporary
#![allow(clippy::unwrap_used, reason = "temporary")]
use ingester::*;
use std::time::Duration;
use store::rows::*;
use store::tables::*;
use store::*;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut a = std::env::args().skip(1);
    let mut c = ClickHouseConfig::new(a.next().unwrap());
    c.password = Some(Secret::new(a.next().unwrap()));
    let ch = ClickHouse::new(c).unwrap();
    ch.ensure_schema().await.unwrap();
    let limits = BlockLimits {
        rows: 1_000_000,
        bytes: 1 << 30,
        age: Duration::from_secs(1),
    };
    #[allow(clippy::disallowed_methods, reason = "temporary")]
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as u32;
    let mut b = TableBlock::<NetworkMap>::new(Table::NetworkMap1m, Dialect::Modern);
    let mut l = TableBlock::<L4FlowLog>::new(Table::L4FlowLog, Dialect::Modern);
    let mut full = vec![];
    for i in 0..10_000u32 {
        let time_s = now - (i % 3) * 12 * 3600;
        b.append(
            &NetworkMapRow {
                time_s,
                server_port: (i % 60_000) as u16,
                ..Default::default()
            },
            time_s,
            &limits,
            tokio::time::Instant::now(),
            &mut full,
        );
        let r = L4FlowLogRow {
            flow_id: i.into(),
            end_time_us: i64::from(time_s) * 1_000_000,
            acl_gids: &[1, 2],
            request_domain: "a.b",
            ..Default::default()
        };
        l.append(&r, time_s, &limits, tokio::time::Instant::now(), &mut full);
    }
    let (b, l) = (b.take().unwrap(), l.take().unwrap());
    for i in 0..3 {
        ch.insert_once(b.table, b.body.clone(), "t1").await.unwrap();
        ch.insert_once(l.table, l.body.clone(), "t2").await.unwrap();
        for t in ["flow_metrics.`network_map.1m`", "flow_log.l4_flow_log"] {
            let n = ch.query_raw(&format!("SELECT count(), uniqExact(server_port), uniqExact(flow_id), sum(length(acl_gids)) FROM {t}").replace(if t.contains("l4") { "_none" } else { ", uniqExact(flow_id), sum(length(acl_gids))" }, ""), "TabSeparated", true).await.unwrap();
            println!("{i} {t} {:?}", String::from_utf8_lossy(&n));
        }
    }
    let n = ch.query_raw("SELECT table, count(), sum(rows) FROM system.parts WHERE active AND database LIKE 'flow%' GROUP BY table", "TabSeparated", true).await.unwrap();
    println!("{}", String::from_utf8_lossy(&n));
    // Two partitions too many: what is it sorted as?
    let mut p = Block::<Network>::new(Dialect::Modern);
    for i in 0..300u32 {
        p.append(&NetworkRow {
            time_s: i * 4 * 3600 + 1_600_000_000,
            ..Default::default()
        });
    }
    let mut o = vec![];
    p.encode(&mut o);
    println!("{:?}", ch.insert(Table::Network1s, o.into()).await);
}
