//! The receiver by hand: unpacking, who sent it, what is refused.

use crate::support::{body_of, frame};
use bytes::Bytes;
use ingester::*;
use messages::frame::{Encoder, MessageType::Metrics};
use proto::stats::Stats;
use stage::testing::{TestCx, assert_stage_contract, flush, probe, taken};
use stage::{DropReason, Mail, Stage};
use std::io::Write;

fn messages(n: usize) -> Vec<Stats> {
    (0..n)
        .map(|i| Stats {
            name: format!("message {i}"),
            ..Default::default()
        })
        .collect()
}

fn packed(encoder: Encoder, plain: &[u8]) -> Bytes {
    match encoder {
        Encoder::Raw => plain.to_vec(),
        Encoder::Zstd => zstd::encode_all(plain, 3).unwrap(),
        Encoder::Zlib => {
            let mut e = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::fast());
            e.write_all(plain).unwrap();
            e.finish().unwrap()
        }
        Encoder::Gzip => {
            let mut e = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
            e.write_all(plain).unwrap();
            e.finish().unwrap()
        }
    }
    .into()
}

fn receive(frames: Vec<Frame>, config: ReceiverConfig) -> (Vec<MessageBatch>, TestCx, Agents) {
    let (cx, agents) = (TestCx::new(), Agents::default());
    let (mut out, inbox) = probe();
    Receiver::new(config, agents.clone())
        .handle(Frames(frames), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    (taken(&inbox), cx, agents)
}

#[test]
fn the_receiver_keeps_the_contract() {
    assert_stage_contract(
        || Receiver::new(ReceiverConfig::default(), Agents::default()),
        || probe().0,
        || {
            let body = body_of(&messages(3));
            (0..4)
                .map(|_| Frames(vec![frame(Metrics, Encoder::Raw, body.clone()); 2]))
                .collect()
        },
    );
}

#[tokio::test]
async fn frames_of_every_encoder_follow_each_other() {
    let body = body_of(&messages(5));
    let encoders = [
        Encoder::Raw,
        Encoder::Zstd,
        Encoder::Raw,
        Encoder::Gzip,
        Encoder::Zlib,
        Encoder::Zstd,
        Encoder::Raw,
    ];
    let frames = encoders
        .map(|e| frame(Metrics, e, packed(e, &body)))
        .to_vec();
    let (batches, cx, agents) = receive(frames, ReceiverConfig::default());
    assert_eq!(batches.len(), 7);
    for b in &batches {
        assert_eq!(b.messages().map(<[u8]>::to_vec).collect::<Vec<_>>(), {
            messages(5)
                .iter()
                .map(proto::Message::encode_to_vec)
                .collect::<Vec<_>>()
        });
    }
    assert_eq!(cx.counters().losses(), 0);
    let [a] = agents.snapshot()[..] else {
        panic!("one agent, one type")
    };
    assert_eq!(
        (a.agent_id, a.frames, a.messages, a.decode_errors),
        (7, 7, 35, 0)
    );
}

#[tokio::test]
async fn organisation_and_team_are_made_valid() {
    for (org, team, expected) in [
        (0, 0, (1, 1)),
        (1025, 65_536, (1, 1)),
        (1024, 65_535, (1024, 65_535)),
        (3, 4, (3, 4)),
        (u16::MAX, u32::MAX, (1, 1)),
    ] {
        let mut f = frame(Metrics, Encoder::Raw, body_of(&messages(1)));
        (f.header.org_id, f.header.team_id) = (org, team);
        let (batches, ..) = receive(vec![f], ReceiverConfig::default());
        assert_eq!(
            (batches[0].from.org_id, batches[0].team_id),
            expected,
            "org {org}, team {team}"
        );
    }
}

#[tokio::test]
async fn what_stands_before_a_cut_element_is_kept() {
    let body = body_of(&messages(3));
    let cut = frame(Metrics, Encoder::Raw, body[..body.len() - 1].to_vec());
    let hangup = cut.hangup.clone();
    let (batches, cx, agents) = receive(vec![cut], ReceiverConfig::default());
    assert_eq!(batches.iter().map(Mail::items).sum::<u64>(), 2);
    assert_eq!(cx.counters().dropped_for(DropReason::DecodeError), 1);
    assert_eq!(agents.snapshot()[0].decode_errors, 1);
    assert!(!hangup.ask(), "the connection's end was asked for");
}

#[tokio::test]
async fn bombs_and_junk_are_counted_and_hung_up_on() {
    let zeros = vec![0; 17 << 20];
    for (encoder, body, reason) in [
        (
            Encoder::Zstd,
            packed(Encoder::Zstd, &zeros),
            DropReason::Oversize,
        ),
        (
            Encoder::Gzip,
            packed(Encoder::Gzip, &zeros),
            DropReason::Oversize,
        ),
        (
            Encoder::Zlib,
            packed(Encoder::Zlib, &zeros),
            DropReason::Oversize,
        ),
        (
            Encoder::Zstd,
            Bytes::from_static(b"junk"),
            DropReason::DecodeError,
        ),
        (
            Encoder::Gzip,
            Bytes::from_static(b"junk"),
            DropReason::DecodeError,
        ),
        (
            Encoder::Zlib,
            Bytes::from_static(b"junk"),
            DropReason::DecodeError,
        ),
    ] {
        let bad = frame(Metrics, encoder, body);
        let hangup = bad.hangup.clone();
        let good = frame(Metrics, Encoder::Raw, body_of(&messages(1)));
        let (batches, cx, _) = receive(vec![bad, good], ReceiverConfig::default());
        assert_eq!(batches.len(), 1, "the frame behind it is taken");
        assert_eq!(cx.counters().dropped_for(reason), 1, "{encoder:?}");
        assert!(!hangup.ask());
    }
}

#[tokio::test]
async fn a_frame_of_many_messages_becomes_several_batches() {
    let config = ReceiverConfig {
        batch_messages: 10,
        ..ReceiverConfig::default()
    };
    let (batches, ..) = receive(
        vec![frame(Metrics, Encoder::Raw, body_of(&messages(25)))],
        config,
    );
    assert_eq!(
        batches.iter().map(Mail::items).collect::<Vec<_>>(),
        [10, 10, 5]
    );
    let all: Vec<Stats> = batches
        .iter()
        .flat_map(|b| {
            b.messages()
                .map(|m| proto::Message::decode(m).unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(all, messages(25));
    // Each stands for its own part of the body only.
    let bytes: u64 = batches.iter().map(|b| b.body.len() as u64).sum();
    assert!(bytes <= body_of(&messages(25)).len() as u64);
}
