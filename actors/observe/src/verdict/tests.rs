use super::*;
use crate::links::tests::row;
use crate::row::Mailbox;
use stage::{Counted, ErrorRecord};

fn chain() -> Vec<Row> {
    vec![
        row(Origin::Local, "receiver", &["decoder"]),
        row(Origin::Local, "decoder", &["throttler"]),
        row(Origin::Local, "throttler", &["dbwriter"]),
        row(Origin::Local, "dbwriter", &["!ClickHouse"]),
    ]
}

fn say(rows: &[Row]) -> Verdict {
    judge(rows, &Links::resolve(rows, &[]))
}

#[test]
fn a_quiet_pipeline_is_called_quiet() {
    let v = say(&chain());
    assert_eq!(
        (v.level, v.sentence.as_str()),
        (Level::Ok, "All mailboxes below half full.")
    );
    assert_eq!(say(&[]).sentence, "No stage has reported yet.");
}

#[test]
fn the_first_busy_stage_below_a_blocked_one_is_named() {
    let mut rows = chain();
    rows[0].blocked = 0.9;
    rows[1].blocked = 0.7;
    rows[1].busy = 0.3;
    rows[2].busy = 0.95;
    rows[3].busy = 0.9;
    let v = say(&rows);
    assert_eq!(v.stage.as_deref(), Some("throttler"));
    assert_eq!(
        v.sentence,
        "throttler is the bottleneck: busy 95 % of its time, 2 stages above it are blocked."
    );
}

#[test]
fn a_busy_stage_that_is_blocked_itself_is_not_the_cause() {
    let mut rows = chain();
    rows[0].blocked = 0.6;
    rows[1].busy = 0.55;
    rows[1].blocked = 0.4;
    rows[2].busy = 0.8;
    assert_eq!(say(&rows).stage.as_deref(), Some("throttler"));
}

#[test]
fn a_busy_stage_that_holds_nobody_up_is_no_bottleneck() {
    let mut rows = chain();
    rows[1].busy = 0.99;
    assert_eq!(say(&rows).level, Level::Ok);
}

#[test]
fn a_store_that_is_down_or_slow_is_named() {
    let mut rows = chain();
    for r in &mut rows {
        r.blocked = 0.98;
    }
    rows[3].connected = Some(false);
    rows[3].mailbox = Some(Mailbox {
        depth: 9,
        fill: 0.9,
        ..Mailbox::default()
    });
    let v = say(&rows);
    assert_eq!(
        v.sentence,
        "ClickHouse is not reachable: dbwriter waits for it; the mailbox of dbwriter is 90 % full."
    );
    rows[3].connected = Some(true);
    assert!(
        say(&rows)
            .sentence
            .starts_with("ClickHouse is slow: dbwriter waits 98 %")
    );
}

#[test]
fn failure_loss_disconnection_filling_and_silence_have_words() {
    let mut rows = chain();
    rows[0].stale_instances = 1;
    assert_eq!(say(&rows).level, Level::Warn);
    assert!(
        say(&rows)
            .sentence
            .starts_with("receiver has not reported for 5 s")
    );
    rows[2].mailbox = Some(Mailbox {
        fill: 0.63,
        ..Mailbox::default()
    });
    assert!(say(&rows).sentence.contains("throttler is 63 % full"));
    rows[3].connected = Some(false);
    assert_eq!(
        say(&rows).sentence,
        "dbwriter is not connected to ClickHouse."
    );
    rows[1].lost_60s = 12;
    rows[1].dropped = vec![Counted {
        name: "decode_error".into(),
        items: 12,
    }];
    assert_eq!(
        say(&rows).sentence,
        "decoder lost 12 in the last minute, most of all for decode_error."
    );
    rows[2].health = Health::Failed;
    rows[2].errors = vec![ErrorRecord {
        unix_ms: 1,
        cause: "index out of bounds".into(),
    }];
    assert_eq!(
        say(&rows).sentence,
        "throttler has failed: index out of bounds"
    );
}

#[test]
fn a_claimed_cycle_ends() {
    let mut rows = vec![
        row(Origin::Agents, "a", &["b"]),
        row(Origin::Agents, "b", &["a"]),
    ];
    rows[0].blocked = 1.0;
    assert_eq!(say(&rows).level, Level::Ok);
}
