use super::*;

/// [`frame`] in VXLAN.
fn tunnelled() -> Vec<u8> {
    let inner = frame();
    let total = (20 + 8 + 8 + inner.len()) as u16;
    let mut f = [THEIRS.as_slice(), &OURS, &[8, 0, 0x45, 0]].concat();
    f.extend(total.to_be_bytes());
    f.extend([0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    f.extend([0x9c, 0x40, 0x12, 0xb5]);
    f.extend((total - 20).to_be_bytes());
    f.extend([0, 0, 8, 0, 0, 0, 0, 0, 42, 0]);
    f.extend(inner);
    f
}

#[test]
fn tunnels_travel_with_the_packets_that_came_in_them() {
    sim(async {
        let times: Vec<u64> = (0..300).map(|n| TEST_EPOCH_NS + n * 1000).collect();
        let script = || Script {
            data: tunnelled(),
            ..Script::default()
        };
        let config = DispatcherConfig {
            tunnels: TunnelTypes::all(),
            ..live()
        };
        let mut b = Bench::new(config, script(), vec![times.clone()]);
        let (_, out) = b.pull();
        for batch in &out {
            let [t] = batch.tunnels.as_slice() else {
                panic!("{} tunnels in a batch", batch.tunnels.len());
            };
            assert_eq!((t.id, t.src), (42, messages::Ip::v4([192, 0, 2, 1])));
            assert!(
                batch
                    .packets
                    .iter()
                    .all(|p| (p.tunnel, p.port_dst) == (1, 53))
            );
        }
        let all: usize = out.iter().map(|b| b.packets.len()).sum();
        assert_eq!((out.len() >= 2, all), (true, 300));

        let mut b = Bench::new(live(), script(), vec![times]);
        let (_, out) = b.pull();
        for batch in &out {
            assert!(batch.tunnels.is_empty());
            assert!(
                batch
                    .packets
                    .iter()
                    .all(|p| (p.tunnel, p.port_dst) == (0, 4789))
            );
        }
    });
}
