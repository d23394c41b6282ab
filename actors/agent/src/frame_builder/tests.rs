use super::*;
use crate::testing::{flow, frame_messages};
use messages::TaggedFlow;
use messages::frame::MessageType;
use proto::Message;
use proto::flow_log;

const IDS: SenderIds = SenderIds {
    team_id: 70_000,
    org_id: 3,
    agent_id: 12,
};

/// A message of any size.
struct Blob(usize);

impl Encode for Blob {
    const TYPE: MessageType = MessageType::Syslog;

    fn encode(&self, _: u16, w: &mut Wire<'_>) {
        w.raw(&vec![7; self.0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_header_and_messages() {
    let mut b = FrameBuilder::<TaggedFlow>::new(IDS, false);
    for n in 0..3 {
        assert!(b.push(&flow(n), Instant::now()).unwrap().is_none());
    }
    assert_eq!(b.rows(), 3);
    let frame = b.take().unwrap();
    assert_eq!((frame.rows, b.rows()), (3, 0));
    let (header, messages) = frame_messages(&frame.bytes);
    assert_eq!(
        (header.team_id, header.org_id, header.agent_id),
        (70_000, 3, 12)
    );
    assert_eq!(
        (header.message_type, header.encoder),
        (MessageType::TaggedFlow, Encoder::Raw)
    );
    let ids: Vec<u64> = messages
        .iter()
        .map(|m| {
            flow_log::TaggedFlow::decode(m.as_slice())
                .unwrap()
                .flow
                .unwrap()
                .flow_id
        })
        .collect();
    assert_eq!(ids, [1, 2, 3]);
    assert!(b.take().is_none(), "an empty frame is not sent");
}

#[tokio::test(start_paused = true)]
async fn it_is_full_when_its_body_passes_the_limit() {
    let mut b = FrameBuilder::<Blob>::new(IDS, false);
    // 262144 bytes are not over the limit yet; the next message makes the frame full and is in it.
    for _ in 0..4 {
        assert!(b.push(&Blob(65_532), Instant::now()).unwrap().is_none());
    }
    let frame = b.push(&Blob(0), Instant::now()).unwrap().unwrap();
    assert_eq!(frame.rows, 5);
    assert_eq!(frame.bytes.len(), HEADER_LEN + BATCH_BYTES + 4);
    assert_eq!(frame_messages(&frame.bytes).1.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn it_leaves_by_age() {
    let age = Duration::from_secs(1);
    let mut b = FrameBuilder::<Blob>::new(IDS, false);
    let start = Instant::now();
    assert!(b.take_older(age, start + age).is_none());
    b.push(&Blob(1), start).unwrap();
    b.push(&Blob(1), start + age / 2).unwrap();
    assert!(
        b.take_older(age, start + age - Duration::from_nanos(1))
            .is_none()
    );
    assert_eq!(b.take_older(age, start + age).unwrap().rows, 2);
    b.push(&Blob(1), start + age * 3).unwrap();
    assert!(
        b.take_older(age, start + age * 3).is_none(),
        "the next one has an age of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn zstd_is_one_stream_after_the_header() {
    let mut b = FrameBuilder::<TaggedFlow>::new(IDS, true);
    for n in 0..100 {
        b.push(&flow(n), Instant::now()).unwrap();
    }
    let frame = b.take().unwrap();
    let (header, messages) = frame_messages(&frame.bytes);
    assert_eq!((header.encoder, messages.len()), (Encoder::Zstd, 100));
    let raw: usize = messages.iter().map(|m| m.len() + 4).sum();
    assert!(
        frame.bytes.len() * 3 < raw,
        "{} of {raw}",
        frame.bytes.len()
    );
    b.push(&flow(1), Instant::now()).unwrap();
    assert_eq!(
        frame_messages(&b.take().unwrap().bytes).1.len(),
        1,
        "the compressor is good for the next one"
    );
}

#[tokio::test(start_paused = true)]
async fn what_no_receiver_takes_is_refused() {
    let mut b = FrameBuilder::<Blob>::new(IDS, false);
    assert!(b.push(&Blob(MAX_FRAME), Instant::now()).is_err());
    assert!(b.take().is_none());
    b.push(&Blob(10), Instant::now()).unwrap();
    assert!(b.push(&Blob(MAX_FRAME), Instant::now()).is_err());
    let frame = b
        .push(&Blob(MAX_FRAME - 300_000), Instant::now())
        .unwrap()
        .unwrap();
    assert!(frame.bytes.len() <= MAX_FRAME);
    assert_eq!(
        frame_messages(&frame.bytes)
            .1
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>(),
        [10, MAX_FRAME - 300_000]
    );
}

#[tokio::test(start_paused = true)]
async fn it_knows_which_rows_came_before_this_call() {
    let mut b = FrameBuilder::<Blob>::new(IDS, false);
    b.begin();
    b.push(&Blob(1), Instant::now()).unwrap();
    b.begin();
    b.push(&Blob(1), Instant::now()).unwrap();
    let frame = b.take().unwrap();
    assert_eq!((frame.rows, frame.carried), (2, 1));
    b.push(&Blob(1), Instant::now()).unwrap();
    assert_eq!(b.take().unwrap().carried, 0);
}

#[tokio::test(start_paused = true)]
async fn memory_of_frames_goes_round() {
    let mut b = FrameBuilder::<TaggedFlow>::new(IDS, false);
    b.push(&flow(1), Instant::now()).unwrap();
    let at = {
        let frame = b.take().unwrap();
        frame.bytes.as_ptr()
    };
    // The one that was made while the first was out comes first.
    b.push(&flow(2), Instant::now()).unwrap();
    drop(b.take());
    b.push(&flow(3), Instant::now()).unwrap();
    assert_eq!(b.take().unwrap().bytes.as_ptr(), at);
}
