//! The server's data port: any bytes as a stream of frames.

use crate::seeds::messages;
use crate::{FromCaptures, Target};
use ::messages::frame::{HEADER_LEN, HeaderError, MessageType};
use bytes::Bytes;
use ingester::{FrameSplitter, Limits, Refused, Split, TypeSet, decompress, split_messages};

/// A stream to its messages.
pub const TARGET: Target = Target {
    name: "frames",
    check: run,
    seeds: messages::streams,
    from_captures: FromCaptures::Nothing,
};

/// Small, so that what is over a limit is found soon: bytes a body may unpack to.
const LIMITS: Limits = Limits {
    max_bytes: 2 << 20,
    max_ratio: 100,
};

fn run(input: &[u8]) {
    let whole = split([input]);
    let pieces = split(input.chunks(input.len() % 61 + 1));
    assert_eq!(whole, pieces, "how the bytes came makes no difference");
    let (frames, _) = whole;
    let claimed = frames.iter().map(|f| f.header().frame_size as usize);
    assert!(
        claimed.sum::<usize>() <= input.len(),
        "more frames than bytes"
    );
    for frame in frames {
        let header = *frame.header();
        let body_len = header.frame_size as usize - HEADER_LEN;
        match frame {
            Split::Frame(_, body) => {
                assert_eq!(body.len(), body_len);
                if let Some(unpacked) = unpack(header.encoder, &body) {
                    cut(&unpacked);
                }
            }
            Split::Discarded(_) => assert_eq!(header.message_type, MessageType::Syslog),
            Split::Empty(_) => assert_eq!(body_len, 0),
        }
    }
}

/// The frames of a stream that comes in these pieces, and how it ended.
fn split<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Split>, Result<bool, HeaderError>) {
    let all = MessageType::ALL
        .into_iter()
        .filter(|t| *t != MessageType::Syslog);
    let mut splitter = FrameSplitter::new(all.fold(TypeSet::default(), TypeSet::with));
    let mut frames = vec![];
    for mut piece in pieces {
        loop {
            match splitter.next(&mut piece) {
                Ok(Some(s)) => frames.push(s),
                Ok(None) => break,
                Err(e) => return (frames, Err(e)),
            }
        }
        assert!(piece.is_empty(), "nothing is left over");
    }
    (frames, Ok(splitter.is_between_frames()))
}

fn unpack(encoder: ::messages::frame::Encoder, body: &Bytes) -> Option<Bytes> {
    match decompress(encoder, body, &LIMITS) {
        Ok(unpacked) => {
            assert!(unpacked.len() <= LIMITS.max_bytes);
            Some(unpacked)
        }
        Err(Refused::Bomb(limit)) => {
            assert!(limit <= LIMITS.max_bytes);
            None
        }
        Err(Refused::Corrupt(..)) => None,
    }
}

/// Messages lie one behind the other, each behind its length.
fn cut(body: &[u8]) {
    let mut at = 0;
    let end = split_messages(body, |r| {
        assert_eq!(r.start as usize, at + 4);
        assert!(r.start <= r.end && r.end as usize <= body.len());
        at = r.end as usize;
    });
    match end {
        Ok(()) => assert_eq!(at, body.len()),
        Err(bad) => assert_eq!(bad.at, at, "{bad}"),
    }
}
