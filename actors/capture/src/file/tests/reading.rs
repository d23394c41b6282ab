use super::*;

#[test]
fn what_was_written_is_read() {
    let big = vec![7; MAX_CAPTURED as usize];
    let bytes = written(&[
        (5, b"", 60),
        (1_700_000_000_123_456_789, b"abc", 3),
        (9, &big, 0),
    ]);
    let (packets, error) = read(&bytes);
    assert!(error.is_none(), "{error:?}");
    let lens: Vec<_> = packets
        .iter()
        .map(|p| (p.time_ns, p.data.len(), p.wire_len))
        .collect();
    assert_eq!(
        lens,
        [
            (5, 0, 60),
            (1_700_000_000_123_456_789, 3, 3),
            (9, 262_144, 262_144)
        ]
    );
    assert_eq!(read(&packed(&bytes)).0, packets);
}

#[test]
fn the_writer_refuses_what_the_format_cannot_hold() {
    let mut w = PcapWriter::new(Vec::new(), LinkType::Raw).unwrap();
    let late = w.write(u64::MAX, b"", 0).unwrap_err();
    assert_eq!(late.to_string(), "pcap holds no time after the year 2106");
    let long = w.write(0, &vec![0; 262_145], 0).unwrap_err();
    assert_eq!(
        long.to_string(),
        "packet longer than a capture file may hold"
    );
    assert_eq!(w.finish().unwrap().len(), 24);
}

#[test]
fn both_byte_orders_and_both_resolutions_of_pcap() {
    for (magic, ns) in [(0xa1b2_c3d4, 2_000_003_000), (0xa1b2_3c4d, 2_000_000_003)] {
        for order in [Bytes(false), Bytes(true)] {
            let version = [order.u16(2), order.u16(4)].concat();
            let bytes = [
                order.u32(magic).to_vec(),
                version,
                // A snap length that is a lie, and a frame check sequence beside the link type.
                order.words(&[0, 0, 1, 0x1400_0071]),
                order.words(&[2, 3, 4, 70]),
                b"data".to_vec(),
            ]
            .concat();
            let (packets, error) = read(&bytes);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(packets.len(), 1);
            assert_eq!((packets[0].time_ns, packets[0].wire_len), (ns, 70));
            assert_eq!(
                (packets[0].link, &packets[0].data[..]),
                (LinkType::LinuxCooked, &b"data"[..])
            );
        }
    }
}

#[test]
fn modified_pcap_tells_interface_and_direction() {
    let order = Bytes(true);
    let version = [order.u16(2), order.u16(4)].concat();
    let extra = [
        order.u32(3).to_vec(),
        order.u16(0x0800).to_vec(),
        vec![4, 0],
    ]
    .concat();
    let bytes = [
        order.u32(0xa1b2_cd34).to_vec(),
        version,
        order.words(&[0, 0, 1_500, 1]),
        order.words(&[2, 3, 4, 70]),
        extra,
        b"data".to_vec(),
    ]
    .concat();
    let (packets, error) = read(&bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(packets.len(), 1);
    let p = &packets[0];
    assert_eq!(
        (p.interface, p.direction, p.time_ns),
        (3, PacketDirection::Outgoing, 2_000_003_000)
    );
    assert_eq!(p.data, b"data");
    cut_everywhere(&bytes, &packets);
}

#[test]
fn all_blocks_of_pcapng() {
    let (packets, error) = read(&sample_pcapng());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(packets, sample_packets());
}

/// A reader that gives one byte at a time.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(1);
        self.0.read(&mut out[..n])
    }
}

#[test]
fn the_size_of_reads_makes_no_difference() {
    for bytes in [sample_pcapng(), packed(&sample_pcapng())] {
        let mut file = CaptureFile::new("trickle", Trickle(Cursor::new(bytes))).unwrap();
        let mut packets = Vec::new();
        while let Some(p) = file.next().unwrap() {
            packets.push(owned(p));
        }
        assert_eq!(packets, sample_packets());
    }
}

#[test]
fn the_window_slides_over_a_file_larger_than_itself() {
    let data: Vec<u8> = (0..=255).cycle().take(1_400).collect();
    let mut w = PcapWriter::new(Vec::new(), LinkType::Ethernet).unwrap();
    for i in 0..2_000 {
        w.write(i, &data[..(i as usize * 7) % 1_400], 1_500)
            .unwrap();
    }
    let mut file = CaptureFile::new("large", Cursor::new(w.finish().unwrap())).unwrap();
    for i in 0..2_000 {
        let p = file.next().unwrap().unwrap();
        assert_eq!((p.time_ns, p.data), (i, &data[..(i as usize * 7) % 1_400]));
    }
    assert!(file.next().unwrap().is_none());
}
