//! How parsers are tested: whole conversations, the same in pieces of every size, and bytes of any kind.
use crate::{Conversation, Probe, Protocol, Settings, Transport, Verdict};
use messages::{L7Message, Mark, Side};

/// What is said in a conversation, segment by segment (or datagram by datagram).
pub(crate) type Script<'a> = [(Side, &'a [u8])];

/// The messages of a TCP conversation; the first segment is frame 1, and each is 1 ms after the one before.
pub(crate) fn talk(protocol: &'static Protocol, script: &Script<'_>) -> Vec<L7Message> {
    talk_with(protocol, Transport::Tcp, &Settings::default(), script)
}

/// The same over another transport or with other settings.
pub(crate) fn talk_with(
    protocol: &'static Protocol,
    transport: Transport,
    settings: &Settings,
    script: &Script<'_>,
) -> Vec<L7Message> {
    run(Conversation::new(protocol, transport), settings, script)
}

/// The same, joined in the middle.
pub(crate) fn overhear(protocol: &'static Protocol, script: &Script<'_>) -> Vec<L7Message> {
    let conversation = Conversation::joined(protocol, Transport::Tcp);
    run(conversation, &Settings::default(), script)
}

fn run(mut c: Conversation, settings: &Settings, script: &Script<'_>) -> Vec<L7Message> {
    let mut out = Vec::new();
    for (i, (from, data)) in script.iter().enumerate() {
        let frame = i as u64 + 1;
        let mark = Mark {
            frame,
            time_ns: frame * 1_000_000,
            tcp_seq: 0,
        };
        c.take(*from, data, mark, settings, &mut out);
    }
    c.end(settings, &mut out);
    out
}

/// What is told apart from where its segments were cut.
fn essence(mut m: L7Message) -> L7Message {
    m.start = Mark::default();
    m.end = Mark::default();
    m
}

/// Asserts that the conversation gives the same messages when every turn is one segment (turns that follow each other
/// are joined), when every byte is a segment, and when each segment is cut in two at any place.
pub(crate) fn assert_cuts_do_not_matter(protocol: &'static Protocol, script: &Script<'_>) {
    let whole: Vec<_> = talk(protocol, script).into_iter().map(essence).collect();
    assert!(!whole.is_empty(), "the conversation has messages");
    let check = |script: &Script<'_>, how: &str| {
        let got: Vec<_> = talk(protocol, script).into_iter().map(essence).collect();
        assert_eq!(got, whole, "{how}");
    };

    let mut turns: Vec<(Side, Vec<u8>)> = Vec::new();
    for (from, data) in script {
        match turns.last_mut() {
            Some((last, bytes)) if last == from => bytes.extend_from_slice(data),
            _ => turns.push((*from, data.to_vec())),
        }
    }
    let joined: Vec<_> = turns.iter().map(|(f, d)| (*f, d.as_slice())).collect();
    check(&joined, "turns joined");

    let bytes: Vec<_> = turns
        .iter()
        .flat_map(|(from, data)| data.chunks(1).map(|b| (*from, b)))
        .collect();
    check(&bytes, "a byte a segment");

    for (i, (from, data)) in script.iter().enumerate() {
        let step = (data.len() / 200).max(1);
        for cut in (1..data.len()).step_by(step) {
            let (a, b) = data.split_at(cut);
            let mut parts = script.to_vec();
            parts.splice(i..=i, [(*from, a), (*from, b)]);
            check(&parts, &format!("segment {i} cut at {cut}"));
        }
    }
}

/// Asserts that nothing breaks, whatever of a good conversation is lost, flipped or followed by anything: `bytes`
/// says what happens.
pub(crate) fn torment(protocol: &'static Protocol, script: &Script<'_>, bytes: &[u8]) {
    let settings = Settings {
        obfuscate: true,
        ..Settings::default()
    };
    for transport in protocol.transports {
        for joined in [false, true] {
            let mut c = if joined {
                Conversation::joined(protocol, *transport)
            } else {
                Conversation::new(protocol, *transport)
            };
            let mut out = Vec::new();
            let mut harm = bytes.iter().copied().cycle().take(script.len() * 4 + 4);
            for (from, data) in script {
                let (how, at, what) = (
                    harm.next().unwrap_or(0),
                    usize::from(harm.next().unwrap_or(0)),
                    harm.next().unwrap_or(0),
                );
                let mut data = data.to_vec();
                let len = data.len();
                match how % 6 {
                    0 => data.truncate(at),
                    1 => {
                        if let Some(b) = data.get_mut(at % len.max(1)) {
                            *b = what;
                        }
                    }
                    2 => c.gap(*from, at as u64, &settings, &mut out),
                    3 => drop(data.drain(..at.min(len))),
                    4 => data.extend_from_slice(bytes),
                    _ => {}
                }
                if !data.is_empty() {
                    c.take(*from, &data, Mark::default(), &settings, &mut out);
                }
            }
            for from in [Side::Client, Side::Server] {
                if !bytes.is_empty() {
                    c.take(from, bytes, Mark::default(), &settings, &mut out);
                }
            }
            c.end(&settings, &mut out);
            let held: usize = out
                .iter()
                .map(|m| m.request_resource.len() + m.result.len())
                .sum();
            assert!(held < 64 << 20, "{held} bytes of text");
        }
    }
    if !bytes.is_empty() {
        probe(protocol, bytes, b"", 1024);
    }
}

/// What a protocol says to the first bytes of a TCP stream to `port`, and to the first bytes of the other side.
pub(crate) fn probe(protocol: &Protocol, data: &[u8], other: &[u8], port: u16) -> Verdict {
    (protocol.probe)(&Probe {
        data,
        other,
        transport: *protocol.transports.first().unwrap(),
        port_src: 40_000,
        port_dst: port,
        from_start: true,
    })
}
