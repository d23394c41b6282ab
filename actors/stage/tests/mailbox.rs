//! The mailbox: bounds, policies, and that every item offered is somewhere.
use proptest::prelude::*;
use stage::testing::taken;
use stage::{
    DropReason, Inbox, Mail, MailboxSnapshot, Policy, Port, StageSnapshot, WhenFull, block,
    drop_newest, drop_oldest, mailbox,
};

fn counters<M: Mail>(port: &Port<M>) -> StageSnapshot {
    stage::testing::snapshot_of(&port.stats(), Some(MailboxSnapshot::default()))
}

fn fill(policy: Policy) -> (Port<Vec<u64>>, Inbox<Vec<u64>>, Vec<bool>) {
    let (port, inbox) = mailbox("q", policy);
    let taken = (0..5).map(|k| port.offer(vec![k; 10]).is_ok()).collect();
    (port, inbox, taken)
}

#[test]
fn block_gives_the_batch_back() {
    let (port, inbox, accepted) = fill(block(2));
    assert_eq!(accepted, [true, true, false, false, false]);
    assert_eq!(taken(&inbox).concat().len(), 20);
    let s = counters(&port);
    assert_eq!(
        (s.received, s.losses()),
        (20, 0),
        "what was given back was not received"
    );
}

#[test]
fn drop_newest_keeps_the_first() {
    let (port, inbox, accepted) = fill(drop_newest(2));
    assert_eq!(accepted, [true; 5]);
    assert_eq!(taken(&inbox), [vec![0; 10], vec![1; 10]]);
    let s = counters(&port);
    assert_eq!(
        (s.received, s.dropped_for(DropReason::MailboxFull)),
        (50, 30),
        "items are counted, not batches"
    );
}

#[test]
fn drop_oldest_keeps_the_last() {
    let (port, inbox, _) = fill(drop_oldest(2));
    assert_eq!(taken(&inbox), [vec![3; 10], vec![4; 10]]);
    let s = counters(&port);
    assert_eq!(
        (s.received, s.dropped_for(DropReason::MailboxFull)),
        (50, 30)
    );
    assert_eq!(s.mailbox.unwrap().high_water, 2);
}

/// A batch of as many items and bytes as it says.
#[derive(Debug, PartialEq)]
struct Heavy(u64);

impl Mail for Heavy {
    fn items(&self) -> u64 {
        1
    }
    fn bytes(&self) -> u64 {
        self.0
    }
}

#[test]
fn bytes_bound_a_mailbox_and_a_giant_still_gets_through_alone() {
    let (port, inbox) = mailbox("q", block(100).bytes(1000));
    port.offer(Heavy(600)).unwrap();
    assert_eq!(port.offer(Heavy(600)), Err(Heavy(600)));
    port.offer(Heavy(400)).unwrap();
    assert_eq!(taken(&inbox).len(), 2);
    port.offer(Heavy(5000)).unwrap();
    assert_eq!(port.offer(Heavy(1)), Err(Heavy(1)));
}

#[test]
fn mail_after_the_last_port_closed_is_counted_as_shutdown() {
    let (port, inbox) = mailbox::<Vec<u64>>("q", block(4));
    let stats = port.stats();
    let other = port.clone();
    drop(port);
    assert!(!inbox.is_closed(), "one sender is left");
    drop(other);
    assert!(inbox.is_closed());
    assert_eq!(stage::testing::snapshot_of(&stats, None).received, 0);
}

#[derive(Clone, Debug)]
enum Op {
    Offer(usize),
    Take,
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_mailbox_every_item_is_somewhere(
        ops in prop::collection::vec(
            prop_oneof![(0usize..20).prop_map(Op::Offer), Just(Op::Take)], 0..200),
        capacity in 1usize..8,
        bytes in prop::option::of(1u64..100),
        when_full in prop_oneof![
            Just(WhenFull::Block), Just(WhenFull::DropNewest), Just(WhenFull::DropOldest)],
    ) {
        let (port, inbox) = mailbox::<Heavies>("q", Policy { capacity, capacity_bytes: bytes, when_full });
        let (mut offered, mut got) = (0u64, 0u64);
        for op in ops {
            match op {
                Op::Offer(n) => if port.offer(Heavies(n as u64)).is_ok() { offered += n as u64 },
                Op::Take => if let Some((m, _)) = inbox.take() { got += m.items() },
            }
            let s = counters(&port);
            let m = s.mailbox.clone().unwrap();
            let dropped: u64 = s.dropped.iter().map(|c| c.items).sum();
            prop_assert_eq!(s.received, offered);
            prop_assert_eq!(s.received, got + dropped + m.depth_items);
            prop_assert!(m.depth <= capacity as u64);
            if let Some(limit) = bytes {
                prop_assert!(m.depth_bytes <= limit || m.depth == 1);
            }
        }
    }
}

/// As many items as bytes.
struct Heavies(u64);

impl Mail for Heavies {
    fn items(&self) -> u64 {
        self.0
    }
    fn bytes(&self) -> u64 {
        self.0
    }
}
