//! The messages of a frame on their way to a decoder, and how a body is cut into them.

use crate::AgentKey;
use bytes::Bytes;
use stage::Mail;
use std::fmt;
use std::ops::Range;

/// Messages of one frame: one body and where in it they are. Nothing is copied.
#[derive(Clone, Debug)]
pub struct MessageBatch {
    /// Who sent them, and what they are.
    pub from: AgentKey,
    /// The agent's team, 1..=65535.
    pub team_id: u16,
    /// What the ranges are of.
    pub body: Bytes,
    /// Where the messages are in `body`: made by [`split_messages`], so never outside of it.
    pub ranges: Vec<Range<u32>>,
}

impl MessageBatch {
    /// The messages, still encoded.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.ranges.iter().map(|r| {
            self.body
                .get(r.start as usize..r.end as usize)
                .unwrap_or_default()
        })
    }
}

impl Mail for MessageBatch {
    fn items(&self) -> u64 {
        self.ranges.len() as u64
    }

    fn bytes(&self) -> u64 {
        (self.body.len() + self.ranges.len() * size_of::<Range<u32>>()) as u64
    }
}

/// A body does not end with the end of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadElement {
    /// Where it begins.
    pub at: usize,
    /// Bytes it claims, or `None` if not even the length is whole.
    pub claims: Option<u32>,
    /// Bytes that are left for it.
    pub left: usize,
}

impl fmt::Display for BadElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, claims, left } = self;
        match claims {
            Some(claims) => write!(
                f,
                "the message at byte {at} claims {claims} bytes and has {left}"
            ),
            None => write!(
                f,
                "the length of the message at byte {at} is cut after {left} bytes"
            ),
        }
    }
}

impl std::error::Error for BadElement {}

/// Cuts `body`, which is repeated `[length, u32 little-endian][message]`, and gives each message's place to `each`.
///
/// # Errors
/// The last element is not whole; all before it have been given.
pub fn split_messages(body: &[u8], mut each: impl FnMut(Range<u32>)) -> Result<(), BadElement> {
    let mut rest = body;
    while !rest.is_empty() {
        let at = body.len() - rest.len();
        let Some((len, after)) = rest.split_first_chunk::<4>() else {
            return Err(BadElement {
                at,
                claims: None,
                left: rest.len(),
            });
        };
        let claims = u32::from_le_bytes(*len);
        let bad = BadElement {
            at,
            claims: Some(claims),
            left: after.len(),
        };
        let (_, after) = after.split_at_checked(claims as usize).ok_or(bad)?;
        // Bodies are far shorter than 4 GiB.
        let start = u32::try_from(at + 4).map_err(|_| bad)?;
        each(start..start + claims);
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn join(messages: &[Vec<u8>]) -> Vec<u8> {
        messages
            .iter()
            .flat_map(|m| [&(m.len() as u32).to_le_bytes()[..], m].concat())
            .collect()
    }

    fn split(body: &[u8]) -> (Vec<Vec<u8>>, Result<(), BadElement>) {
        let mut all = vec![];
        let end = split_messages(body, |r| {
            all.push(body[r.start as usize..r.end as usize].to_vec());
        });
        (all, end)
    }

    #[test]
    fn what_stands_before_a_cut_is_kept() {
        let body = join(&[b"one".to_vec(), vec![], b"three".to_vec()]);
        assert_eq!(
            split(&body),
            (vec![b"one".to_vec(), vec![], b"three".to_vec()], Ok(()))
        );
        let (kept, end) = split(&body[..body.len() - 1]);
        assert_eq!(kept.len(), 2);
        assert_eq!(
            end,
            Err(BadElement {
                at: 11,
                claims: Some(5),
                left: 4
            })
        );
        let (kept, end) = split(&body[..13]);
        assert_eq!(kept.len(), 2);
        assert_eq!(
            end,
            Err(BadElement {
                at: 11,
                claims: None,
                left: 2
            })
        );
    }

    #[test]
    fn a_lying_length_is_named() {
        let (kept, end) = split(&[0xff, 0xff, 0xff, 0xff, 1]);
        assert!(kept.is_empty());
        assert_eq!(
            end.unwrap_err().to_string(),
            "the message at byte 0 claims 4294967295 bytes and has 1"
        );
    }

    proptest! {
        #[test]
        fn any_messages_come_back(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            prop_assert_eq!(split(&join(&messages)), (messages, Ok(())));
        }

        #[test]
        fn any_bytes_are_cut_inside_their_bounds(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (kept, end) = split(&body);
            let used: usize = kept.iter().map(|m| m.len() + 4).sum();
            match end {
                Ok(()) => prop_assert_eq!(used, body.len()),
                Err(bad) => prop_assert_eq!(bad.at, used),
            }
        }
    }
}
