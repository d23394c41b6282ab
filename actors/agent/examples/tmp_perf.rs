use agent::*;
use messages::*;
use stage::testing::*;
use stage::*;
use std::sync::Arc;
fn flow(n: u64, s: u32) -> TaggedFlow {
    let t0 = 1_767_225_600u32;
    let mut f = TaggedFlow::default();
    f.flow_id = n.wrapping_mul(0x9e3779b97f4a7c15);
    f.key.ip = [
        Ip::v4((0x0a00_0000 + n as u32).to_be_bytes()),
        Ip::v4([192, 168, 0, 1]),
    ];
    f.key.port = [40_000, 443];
    f.key.protocol = 6;
    f.start_ns = t0 as u64 * 1_000_000_000 + n * 7_000;
    f.stat_time_s = t0 + s;
    f.peers[0].packets = 2;
    f.peers[1].packets = 2;
    f.perf = Some(L4Perf::default());
    f.close_type = CloseType::ForcedReport;
    f.observation_point = ObservationPoint::CLIENT;
    f.is_new = s == 0;
    f
}
fn main() {
    println!(
        "TaggedFlow {} AccumulatedFlow {} Document {} MetaPacket {}",
        size_of::<TaggedFlow>(),
        size_of::<AccumulatedFlow>(),
        size_of::<Document>(),
        size_of::<MetaPacket>()
    );
    let n = 200_000u64;
    let cx = TestCx::new();
    let batches: Vec<Vec<FlowBatch>> = (0..4)
        .map(|s| {
            let mut ids: Vec<u64> = (0..n).collect();
            let mut r = fastrand::Rng::with_seed(s as u64 + 1);
            r.shuffle(&mut ids);
            ids.chunks(512)
                .map(|c| FlowBatch {
                    watermark_ns: 1_767_225_600_000_000_000,
                    flows: Arc::new(c.iter().map(|i| flow(*i, s)).collect::<Vec<_>>().into()),
                })
                .collect()
        })
        .collect();
    let cpu = || {
        let t = std::fs::read_to_string("/proc/self/schedstat").unwrap();
        t.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    for interval in [Interval::Minute, Interval::Second] {
        let mut st = SubQuadGen::new(SubQuadGenConfig::new(interval));
        let (mut out, _in) = probe();
        for (s, b) in batches.iter().enumerate() {
            let t = cpu();
            for m in b {
                st.handle(m.clone(), &mut out, &cx.cx()).unwrap();
            }
            println!(
                "SubQuadGen {} pass {s}: {} ns/flow",
                interval.name(),
                (cpu() - t) / n
            );
        }
        let t = cpu();
        st.handle(FlowBatch::time(u64::MAX), &mut out, &cx.cx())
            .unwrap();
        println!("close: {} ns/quadruple-window", (cpu() - t) / n);
        let outs: Vec<AccumulatedBatch> = {
            flush(&mut out);
            taken(&_in)
        };
        let mut c = Collector::new(CollectorConfig::default());
        let (mut dout, din) = probe();
        let k: usize = outs.iter().map(|b| b.flows.len()).sum();
        let t = cpu();
        for b in outs {
            c.handle(b, &mut dout, &cx.cx()).unwrap();
        }
        println!("Collector: {} ns/quadruple", (cpu() - t) / k as u64);
        flush(&mut dout);
        let docs: Vec<Batch<Document>> = taken(&din);
        let k: usize = docs.iter().map(|b| b.len()).sum();
        let mut us = UniformSender::<Document, Outlet<Frame>>::new(UniformSenderConfig::default());
        let (mut fout, fin) = probe();
        let t = cpu();
        for b in docs {
            us.handle(b, &mut fout, &cx.cx()).unwrap();
            flush(&mut fout);
            taken(&fin);
        }
        println!(
            "UniformSender<Document>: {} ns/doc ({k})",
            (cpu() - t) / k as u64
        );
    }
    let mut st = FlowAggr::new(FlowAggrConfig::default());
    let (mut out, _in) = probe();
    for (s, b) in batches.iter().enumerate() {
        let t = cpu();
        for m in b {
            st.handle(m.clone(), &mut out, &cx.cx()).unwrap();
        }
        println!("FlowAggr pass {s}: {} ns/flow", (cpu() - t) / n);
    }
    let t = cpu();
    st.handle(FlowBatch::time(u64::MAX), &mut out, &cx.cx())
        .unwrap();
    println!("close: {} ns/flow", (cpu() - t) / n);
    flush(&mut out);
    let logs = taken(&_in);
    let mut us = UniformSender::<TaggedFlow, Outlet<Frame>>::new(UniformSenderConfig::default());
    let (mut fout, fin) = probe();
    let t = cpu();
    for b in logs {
        us.handle(b.flows, &mut fout, &cx.cx()).unwrap();
        flush(&mut fout);
        taken(&fin);
    }
    println!("UniformSender<TaggedFlow>: {} ns/log", (cpu() - t) / n);
}
