//! `flow::FlowMap` behind `flow::Decoder`: any packets at any times.

use super::script::{self, Options, Step};
use crate::seeds::flow_scripts;
use crate::{FromCaptures, Target};
use flow::{Decoder, FlowMap, FlowMapConfig, Output, Report, TunnelTypes};
use messages::{CloseType, L4Perf, Latency, LinkType, MetaPacket, TaggedFlow, Tunnel};

/// A script of packets, one by one and in batches.
pub const TARGET: Target = Target {
    name: "flow_map",
    check: run,
    seeds: flow_scripts::all,
    from_captures: FromCaptures::Nothing,
};

const SECOND: u64 = 1_000_000_000;
/// Memory of an empty map (its ring of seconds above all), and of what a script can open, bytes.
const MEMORY: u64 = 8 << 20;

/// What happens to the map.
enum Event {
    Packet(MetaPacket),
    Advance(u64),
}

/// A script as the decoder read it.
struct Traffic {
    events: Vec<Event>,
    tunnels: Vec<Tunnel>,
}

fn run(input: &[u8]) {
    let (options, steps) = script::read(input);
    let traffic = decoded(steps, &options);
    let single = one_by_one(&options, &traffic);
    let batches = in_batches(&options, &traffic);
    assert_eq!(
        single, batches,
        "how packets are put together makes no difference"
    );
    let portions = in_portions(&options, &traffic);
    assert_eq!(
        single, portions,
        "how reports are taken makes no difference"
    );
}

/// What a script leads to.
#[cfg(test)]
pub(crate) fn reports(input: &[u8]) -> Vec<TaggedFlow> {
    let (options, steps) = script::read(input);
    in_batches(&options, &decoded(steps, &options)).flows
}

fn decoded(steps: Vec<Step>, options: &Options) -> Traffic {
    let mut decoder = if options.decapsulate {
        Decoder::with_tunnels(TunnelTypes::all())
    } else {
        Decoder::new()
    };
    let mut events = vec![];
    for (step, frame) in steps.into_iter().zip(1..) {
        match step {
            Step::Advance(to) => events.push(Event::Advance(to)),
            Step::Frame {
                time_ns,
                interface,
                wire_len,
                ends,
                data,
                is_whole,
            } => {
                let mut p = MetaPacket {
                    interface,
                    ..MetaPacket::default()
                };
                let decoded =
                    decoder.decode(&data, LinkType::Ethernet, wire_len, time_ns, frame, &mut p);
                assert!(decoded.is_ok() || !is_whole, "{decoded:?} of {data:02x?}");
                if decoded.is_ok() {
                    p.flags |= ends;
                    events.push(Event::Packet(p));
                }
            }
        }
    }
    Traffic {
        events,
        tunnels: decoder.take_tunnels(),
    }
}

fn map_of(options: &Options) -> FlowMap {
    FlowMap::new(FlowMapConfig {
        packet_delay_ns: options.delay_ns,
        flow_limit: options.flow_limit,
        trace: options.trace,
        report: if options.is_slow {
            Report::EveryMinute
        } else {
            Report::EverySecond
        },
        hash_seed: 1,
        ..FlowMapConfig::default()
    })
}

/// Reports all that is open, `most` reports at a time.
fn end(map: &mut FlowMap, options: &Options, most: usize, out: &mut Output) {
    in_turns(most, out, |most, out| {
        if options.finish {
            map.finish(most, out)
        } else {
            map.advance(u64::MAX, most, out)
        }
    });
    assert!(map.is_empty(), "{} flows are left", map.len());
    assert!(map.memory() <= MEMORY, "{} bytes", map.memory());
}

/// Hands over packet after packet, and looks at what each of them did.
fn one_by_one(options: &Options, traffic: &Traffic) -> Output {
    let mut map = map_of(options);
    let mut out = Output::default();
    let (mut packets, mut bytes, mut watermark) = (0, 0, 0);
    for event in &traffic.events {
        let (reported, dropped) = (out.flows.len(), drops(&out));
        match event {
            Event::Advance(to) => assert!(map.advance(*to, usize::MAX, &mut out)),
            Event::Packet(p) => {
                map.inject(std::slice::from_ref(p), &traffic.tunnels, &mut out);
                if drops(&out) == dropped {
                    packets += 1;
                    bytes += u64::from(p.wire_len);
                }
                assert!(drops(&out) <= dropped + 1, "one packet is dropped once");
            }
        }
        assert!(map.len() <= options.flow_limit as usize);
        assert!(
            map.watermark_ns() >= watermark,
            "what is reported stays reported"
        );
        let over_s = (watermark / SECOND).min(u64::from(u32::MAX) - 1);
        // A report of a minute states its first second.
        for f in out.flows[reported..].iter().filter(|_| !options.is_slow) {
            assert!(
                u64::from(f.stat_time_s) >= over_s,
                "reported after its second was over: {f:?}"
            );
        }
        watermark = map.watermark_ns();
    }
    end(&mut map, options, usize::MAX, &mut out);
    check_sums(&out, packets, bytes);
    out
}

/// Hands over all packets between two steps of time at once.
fn in_batches(options: &Options, traffic: &Traffic) -> Output {
    let mut map = map_of(options);
    let mut out = Output::default();
    let mut batch = vec![];
    for event in &traffic.events {
        match event {
            Event::Packet(p) => batch.push(*p),
            Event::Advance(to) => {
                map.inject(&batch, &traffic.tunnels, &mut out);
                batch.clear();
                map.advance(*to, usize::MAX, &mut out);
            }
        }
    }
    map.inject(&batch, &traffic.tunnels, &mut out);
    end(&mut map, options, usize::MAX, &mut out);
    out
}

/// Hands over what time allows, and takes few reports at a time.
fn in_portions(options: &Options, traffic: &Traffic) -> Output {
    let mut map = map_of(options);
    let mut out = Output::default();
    let most = options.most;
    for event in &traffic.events {
        let advance_to = match event {
            Event::Advance(to) => Some(*to),
            Event::Packet(p) => {
                let taken = map.take_in(std::slice::from_ref(p), &traffic.tunnels, &mut out);
                (taken == 0).then_some(p.time_ns)
            }
        };
        let Some(to) = advance_to else { continue };
        in_turns(most, &mut out, |most, out| map.advance(to, most, out));
        if let Event::Packet(p) = event {
            let taken = map.take_in(std::slice::from_ref(p), &traffic.tunnels, &mut out);
            assert_eq!(taken, 1, "time has come to where the packet is");
        }
    }
    end(&mut map, options, most, &mut out);
    out
}

/// Calls `f` until it is done, each time with room for `most` reports.
fn in_turns(most: usize, out: &mut Output, mut f: impl FnMut(usize, &mut Output) -> bool) {
    loop {
        let before = out.flows.len();
        if f(before.saturating_add(most), out) {
            return;
        }
        let reported = out.flows.len() - before;
        assert!(
            reported >= most,
            "it stopped with {reported} of {most} reports"
        );
        assert!(
            reported <= most.saturating_add(64),
            "{reported} reports instead of {most}"
        );
    }
}

const fn drops(out: &Output) -> u64 {
    out.dropped_before_window + out.dropped_flow_limit + out.retired
}

/// The reports are about `packets` packets of `bytes` bytes, and each of them makes sense.
fn check_sums(out: &Output, packets: u64, bytes: u64) {
    let peers = || out.flows.iter().flat_map(|f| &f.peers);
    assert_eq!(peers().map(|p| p.packets).sum::<u64>(), packets);
    assert_eq!(peers().map(|p| p.bytes).sum::<u64>(), bytes);
    let is_end = |f: &&TaggedFlow| f.close_type != CloseType::ForcedReport;
    let ends = || out.flows.iter().filter(is_end);
    let totals =
        |of: fn(&messages::FlowPeer) -> u64| ends().flat_map(|f| &f.peers).map(of).sum::<u64>();
    assert_eq!(
        totals(|p| p.total_packets),
        packets,
        "the last report of a flow knows all of it"
    );
    assert_eq!(totals(|p| p.total_bytes), bytes);
    let begun = out.flows.iter().filter(|f| f.is_new).count();
    assert_eq!(
        ends().count(),
        begun,
        "every flow begins once and ends once"
    );
    for f in &out.flows {
        check_report(f);
    }
}

fn check_report(f: &TaggedFlow) {
    assert!(f.end_ns >= f.start_ns, "{f:?}");
    assert!(
        f.peers
            .iter()
            .all(|p| p.packets <= p.total_packets && p.bytes <= p.total_bytes),
        "{f:?}"
    );
    let packets: u64 = f.peers.iter().map(|p| p.packets).sum();
    let Some(perf) = &f.perf else { return };
    let L4Perf {
        rtt: _,
        rtt_client,
        rtt_server,
        srt,
        art,
        cit,
        retrans,
        zero_win,
        ooo,
        syn,
        synack,
        retrans_syn,
        retrans_synack,
        fin,
    } = perf;
    for (i, n) in [*retrans, *zero_win, *ooo].into_iter().enumerate() {
        assert!(
            u64::from(n[0]) + u64::from(n[1]) <= packets,
            "more segments ({i}) than packets: {f:?}"
        );
    }
    for (i, n) in [syn + synack, retrans_syn + retrans_synack, *fin]
        .into_iter()
        .enumerate()
    {
        assert!(
            u64::from(n) <= packets,
            "more flags ({i}) than packets: {f:?}"
        );
    }
    for Latency { sum, max, count } in [rtt_client, rtt_server, srt, art, cit] {
        assert!(
            *sum <= u64::from(*max) * u64::from(*count) && *sum >= u64::from(*max),
            "{f:?}"
        );
        assert!(u64::from(*count) <= packets, "{f:?}");
    }
}
