use super::*;
use proptest::prelude::*;

#[test]
fn a_pcap_file_cut_anywhere() {
    let bytes = written(&[(1, b"first packet", 12), (2, b"", 0), (3, b"third", 99)]);
    cut_everywhere(&bytes, &read(&bytes).0);
}

#[test]
fn a_pcapng_file_cut_anywhere() {
    cut_everywhere(&sample_pcapng(), &sample_packets());
}

#[test]
fn a_gzip_file_cut_anywhere_is_an_error() {
    let plain = written(&[(1, b"first packet", 12), (3, b"third", 99)]);
    let (all, _) = read(&plain);
    let bytes = packed(&plain);
    for len in 0..bytes.len() {
        let (packets, error) = read(&bytes[..len]);
        assert!(all.starts_with(&packets), "cut at {len}");
        assert!(error.is_some(), "cut at {len}");
    }
    // All packets are there before the missing checksum is noticed.
    let (packets, error) = read(&bytes[..bytes.len() - 1]);
    assert_eq!(packets, all);
    assert!(matches!(error.unwrap().damage(), Damage::Gzip(_)));
}

#[test]
fn errors_say_which_file_where_and_what() {
    let text = |bytes: &[u8]| read(bytes).1.unwrap().to_string();
    assert_eq!(
        text(b""),
        "`test`: capture file damaged at byte 0: the file is empty"
    );
    assert_eq!(
        text(b"GET / HTTP/1.1"),
        "`test`: capture file damaged at byte 0: neither pcap nor pcapng: it starts with 0x47455420"
    );
    let bytes = written(&[(1, b"first packet", 12)]);
    assert_eq!(
        text(&bytes[..bytes.len() - 4]),
        "`test`: pcap damaged at byte 24: the file ends in the middle of a packet: 24 of 28 bytes are there"
    );
    assert!(text(&packed(&bytes[..bytes.len() - 4])).contains("damaged at byte 24 (unpacked): "));
    let huge = [&bytes[..], &[0; 8], &262_145u32.to_le_bytes(), &[0xff; 4]].concat();
    assert_eq!(
        text(&huge),
        "`test`: pcap damaged at byte 52: a packet says it has 262145 bytes, allowed are 0 to 262144"
    );
    let e = CaptureFile::open(Path::new("/no/such.pcap")).err().unwrap();
    assert!(
        e.to_string().starts_with("cannot read `/no/such.pcap`: "),
        "{e}"
    );
}

#[test]
fn damaged_blocks_are_named() {
    let le = Bytes(false);
    let section = le.section();
    let damage = |blocks: &[Vec<u8>]| {
        let bytes = [section.clone(), blocks.concat()].concat();
        let e = read(&bytes).1.unwrap();
        (e.offset() as usize - section.len(), e.damage().to_string())
    };
    let interface = le.interface(1, 0, &[]);
    assert_eq!(
        damage(&[interface.clone(), le.enhanced(1, 0, b"a", &[])]),
        (
            20,
            "a packet is of interface 1, but the section describes 1".to_owned()
        )
    );
    assert_eq!(
        damage(&[le.block(3, &[0; 4])]),
        (
            0,
            "a packet is of interface 0, but the section describes 0".to_owned()
        )
    );
    assert_eq!(
        damage(&[le.words(&[99, 12, 16])]),
        (
            0,
            "a block says at its start that it has 12 bytes and at its end 16".to_owned()
        )
    );
    assert_eq!(
        damage(&[le.words(&[99, 8, 8])]),
        (
            0,
            "a block says it has 8 bytes, allowed are 12 to 16777216".to_owned()
        )
    );
    assert_eq!(
        damage(&[le.words(&[99, 16_777_220])]),
        (
            0,
            "a block says it has 16777220 bytes, allowed are 12 to 16777216".to_owned()
        )
    );
    assert_eq!(
        damage(&[le.words(&[99, 13])]),
        (
            0,
            "a block (always a multiple of 4) says it has 13 bytes, allowed are 12 to 16777216"
                .to_owned()
        )
    );
    assert_eq!(
        damage(&[interface, le.block(6, &le.words(&[0, 0, 0, 5, 5, 0]))]).1,
        "a packet says it has 5 bytes, allowed are 0 to 4"
    );
    assert_eq!(
        damage(&[le.block(6, &[0; 16])]).1,
        "a packet block's body says it has 16 bytes, allowed are 20 to 16777216"
    );
    assert_eq!(
        damage(&[le.words(&[0x0a0d_0d0a, 28, 0x1234_5678])]).1,
        "byte-order magic 0x78563412 of a section is not known"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
        for head in [&written(&[])[..], &sample_pcapng()[..48], &sample_pcapng()[..100]] {
            read(&[head, &bytes].concat());
        }
    }

    #[test]
    fn damaged_bytes_never_panic(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        is_packed: bool,
    ) {
        let mut bytes = sample_pcapng();
        if is_packed {
            bytes = packed(&bytes);
        }
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let (packets, _) = read(&bytes);
        prop_assert!(packets.len() <= bytes.len());
    }
}
