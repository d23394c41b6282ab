//! What a conversation does with the answers of its parser, whoever that is.
use super::*;
use crate::stream::MOST_KEPT;
use crate::{Parsed, Probe, Verdict};
use messages::L7Protocol;

/// A protocol of our own: `L` and a length byte and so many bytes are a message; `S` and a 4-byte length skips so many
/// bytes; `N` and a 4-byte length wants so many bytes at once; `E` takes all that follows; anything else is none.
static TOY: Protocol = Protocol {
    id: L7Protocol::Custom,
    transports: &[Transport::Tcp, Transport::Udp],
    probe: |_: &Probe<'_>| Verdict::No,
    parser: || Box::new(Toy { lost: 0 }),
};

struct Toy {
    lost: u32,
}

fn say(cx: &mut Cx<'_>, words: String, len: usize) {
    let message = L7Message {
        result: words.into(),
        ..L7Message::session(L7Protocol::Custom)
    };
    cx.emit(message, 0..len);
}

fn long(data: &[u8]) -> Option<usize> {
    let n = data.get(1..5)?.try_into().ok()?;
    Some(u32::from_be_bytes(n) as usize)
}

impl Parser for Toy {
    fn parse(&mut self, _: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        match (data[0], cx.cut) {
            (b'L', cut) => match data.get(1) {
                None if cut => Parsed::Not,
                None => Parsed::Need(2),
                Some(n) => {
                    let whole = usize::from(*n) + 2;
                    if data.len() < whole && !cut {
                        return Parsed::Need(whole);
                    }
                    let have = whole.min(data.len());
                    say(
                        cx,
                        String::from_utf8_lossy(&data[2..have]).into_owned(),
                        have,
                    );
                    Parsed::Done(whole as u64)
                }
            },
            (b'S', _) => match long(data) {
                None if cx.cut => Parsed::Not,
                None => Parsed::Need(5),
                Some(n) => {
                    say(cx, format!("skip {n}"), 5);
                    Parsed::Done(5 + n as u64)
                }
            },
            (b'N', cut) => match long(data) {
                Some(n) if cut || data.len() >= 5 + n => {
                    say(cx, format!("{} of {n}", data.len() - 5), 5);
                    Parsed::Done(5 + n as u64)
                }
                Some(n) => Parsed::Need(5 + n),
                None if cut => Parsed::Not,
                None => Parsed::Need(5),
            },
            (b'E', _) => Parsed::Done(u64::MAX),
            // Answers that make no sense must not do harm.
            (b'0', _) => Parsed::Done(0),
            (b'1', _) => Parsed::Need(0),
            _ => Parsed::Not,
        }
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        matches!(data[0], b'L' | b'S' | b'N')
    }

    fn lost(&mut self, _: Side, _: &mut Cx<'_>) {
        self.lost += 1;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        let lost = self.lost;
        cx.emit_held(L7Message {
            result: format!("lost {lost}").into(),
            ..L7Message::default()
        });
    }
}

struct Bench {
    c: Conversation,
    out: Vec<L7Message>,
    frame: u64,
}

impl Bench {
    fn new(transport: Transport) -> Self {
        Self {
            c: Conversation::new(&TOY, transport),
            out: Vec::new(),
            frame: 0,
        }
    }

    fn take(&mut self, data: &[u8]) {
        self.frame += 1;
        let mark = Mark {
            frame: self.frame,
            ..Mark::default()
        };
        self.c.take(
            Side::Client,
            data,
            mark,
            &Settings::default(),
            &mut self.out,
        );
    }

    fn gap(&mut self, n: u64) {
        self.c
            .gap(Side::Client, n, &Settings::default(), &mut self.out);
    }

    fn heard(&mut self) -> Vec<String> {
        self.out.drain(..).map(|m| m.result.to_string()).collect()
    }

    fn end(&mut self) -> Vec<String> {
        self.c.end(&Settings::default(), &mut self.out);
        self.heard()
    }
}

fn with_length(kind: u8, n: usize) -> Vec<u8> {
    let [a, b, c, d] = (n as u32).to_be_bytes();
    vec![kind, a, b, c, d]
}

#[test]
fn marks_are_of_the_segments_that_bytes_came_in() {
    let mut b = Bench::new(Transport::Tcp);
    b.take(b"L\x02abL\x04c");
    b.take(b"de");
    b.take(b"fL");
    b.take(b"\x01g");
    let frames: Vec<_> = b.out.iter().map(|m| (m.start.frame, m.end.frame)).collect();
    assert_eq!(frames, [(1, 1), (1, 3), (3, 4)]);
    assert_eq!(b.heard(), ["ab", "cdef", "g"]);
}

#[test]
fn what_nobody_wants_is_skipped_without_being_kept() {
    let mut b = Bench::new(Transport::Tcp);
    b.take(&with_length(b'S', 1_000_000));
    for _ in 0..1000 {
        b.take(&[b'x'; 1000]);
        assert!(b.c.memory() < 1000);
    }
    b.take(b"L\x01a");
    assert_eq!(b.heard(), ["skip 1000000", "a"]);
    assert_eq!(b.c.unparsed(), 0);
}

#[test]
fn a_gap_inside_of_what_is_skipped_does_no_harm() {
    let mut b = Bench::new(Transport::Tcp);
    b.take(&with_length(b'S', 100));
    b.gap(60);
    b.take(&[b'x'; 40]);
    b.take(b"L\x01a");
    assert_eq!(
        (b.heard(), b.c.losses()),
        (vec!["skip 100".into(), "a".into()], 0)
    );
    // One that goes beyond it does.
    b.take(&with_length(b'S', 100));
    b.gap(101);
    b.take(b"\x01bL\x01");
    b.take(b"L\x01c");
    assert_eq!(b.heard(), ["skip 100", "c"]);
    assert_eq!((b.c.losses(), b.c.failures(), b.c.unparsed()), (1, 0, 4));
    assert_eq!(b.end(), ["lost 1"]);
}

#[test]
fn too_long_a_message_is_told_by_its_beginning() {
    let mut b = Bench::new(Transport::Tcp);
    let n = 200_000;
    b.take(&with_length(b'N', n));
    let mut given = 0;
    while given < n {
        b.take(&[b'x'; 1000]);
        given += 1000;
        assert!(b.c.memory() <= 2 * MOST_KEPT, "{}", b.c.memory());
    }
    b.take(b"L\x01a");
    assert_eq!(
        b.heard(),
        [format!("0 of {n}"), "a".into()],
        "it will never fit: told at once"
    );
    assert_eq!(b.c.unparsed(), 0);
}

#[test]
fn the_longest_message_that_is_kept() {
    let mut b = Bench::new(Transport::Tcp);
    let n = MOST_KEPT - 5;
    b.take(&with_length(b'N', n));
    for part in vec![b'x'; n].chunks(999) {
        b.take(part);
    }
    assert_eq!(b.heard(), [format!("{n} of {n}")]);
    assert!(b.c.memory() < MOST_KEPT, "its memory is not kept");
}

#[test]
fn a_gap_tells_what_came_before_it() {
    let mut b = Bench::new(Transport::Tcp);
    b.take(b"L\x0aabc");
    b.gap(7);
    b.take(b"L\x01z");
    assert_eq!(b.heard(), ["abc", "z"], "all of the gap was this message's");
    b.take(b"L\x0aabc");
    b.gap(8);
    b.take(b"?");
    b.take(b"L\x01z");
    assert_eq!(b.heard(), ["abc", "z"]);
    assert_eq!((b.c.losses(), b.c.unparsed()), (1, 1));
}

#[test]
fn out_of_step_goes_on_where_a_message_may_begin() {
    let mut b = Bench::new(Transport::Tcp);
    b.take(b"L\x01a?????");
    b.take(b"???");
    b.take(b"L\x01b");
    assert_eq!(b.heard(), ["a", "b"]);
    assert_eq!((b.c.failures(), b.c.losses(), b.c.unparsed()), (1, 1, 8));
}

#[test]
fn joined_in_the_middle_it_waits_for_a_beginning() {
    let mut b = Bench::new(Transport::Tcp);
    b.c = Conversation::joined(&TOY, Transport::Tcp);
    b.take(b"ab");
    b.take(b"L\x01c");
    assert_eq!(b.heard(), ["c"]);
    assert_eq!((b.c.failures(), b.c.losses()), (0, 0), "nothing went wrong");
}

#[test]
fn nothing_is_wanted_of_a_side_any_more() {
    let mut b = Bench::new(Transport::Tcp);
    b.take(b"L\x01aE..");
    b.take(b"L\x01b");
    b.gap(1 << 40);
    b.take(b"L\x01c");
    assert_eq!((b.heard(), b.c.losses()), (vec!["a".into()], 0));
}

#[test]
fn datagrams_have_nothing_before_or_after_them() {
    let mut b = Bench::new(Transport::Udp);
    b.take(b"L\x09ab");
    b.take(b"L\x01c");
    b.take(b"???");
    b.take(&with_length(b'S', 50));
    b.take(b"L\x01dL\x01e");
    assert_eq!(b.heard(), ["ab", "c", "skip 50", "d", "e"]);
    assert_eq!((b.c.failures(), b.c.unparsed(), b.c.memory()), (1, 3, 0));
}

#[test]
fn senseless_answers_of_a_parser_do_not_hang() {
    for bytes in [b"0000", b"1111"] {
        let mut b = Bench::new(Transport::Tcp);
        b.take(bytes);
        b.take(b"L\x01a");
        assert_eq!((b.heard(), b.c.failures()), (vec!["a".into()], 1));
    }
}

#[test]
fn the_end_tells_what_is_unfinished() {
    let mut b = Bench::new(Transport::Tcp);
    b.take(b"L\x0aabc");
    assert_eq!(b.end(), ["abc", "lost 0"]);
}
