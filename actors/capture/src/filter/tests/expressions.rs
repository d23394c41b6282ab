use super::*;

fn filter(exclude: Exclude, text: &str) -> Filter {
    Filter {
        exclude,
        expression: Some(Expression::compile(text).unwrap()),
    }
}

/// What libpcap itself says of a packet.
fn says(link: i32, text: &str, packet: &[u8]) -> bool {
    let handle = pcap::Capture::dead(pcap::Linktype(link)).unwrap();
    handle.compile(text, true).unwrap().filter(packet)
}

const EXPRESSIONS: [&str; 8] = [
    "tcp",
    "port 7",
    "host 10.0.0.1 and not port 80",
    "ip6",
    "net 10.0.0.0/31 or src port 300",
    "tcp[tcpflags] & tcp-syn == 0 and greater 50",
    "not ip and dst portrange 1-200",
    "src host 2001:db8::1 or dst host 10.0.0.2",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_packet_is_kept_if_it_is_not_ours_and_the_expression_takes_it(
        exclude in any_exclude(),
        which in 0..EXPRESSIONS.len(),
        packet in any_packet(),
        is_raw in any::<bool>(),
        is_tagged in proptest::bool::weighted(0.2),
        snap_len in prop_oneof![Just(128u32), Just(SNAP_LEN), Just(262_144)],
    ) {
        let text = EXPRESSIONS[which];
        let (link, hardware, number, bytes) = if is_raw {
            (LinkType::Raw, 0xfffe, 12, packet)
        } else {
            let tags: &[u16] = if is_tagged { &[0x8100] } else { &[] };
            (LinkType::Ethernet, 1, 1, frame(tags, &packet))
        };
        let wanted = is_captured(&exclude, &bytes, hardware, 0) && says(number, text, &bytes);
        for links in [Links::Of(link), Links::Any] {
            let Ok(program) = filter(exclude.clone(), text).program(links, snap_len) else {
                return Ok(());
            };
            interpreter::assert_is_taken(&program);
            let kept = run(&program, &bytes, hardware, 0);
            prop_assert_eq!(kept, if wanted { snap_len } else { 0 }, "{} on {:?}", text, links);
        }
    }
}

#[test]
fn our_own_traffic_cannot_be_asked_for() {
    let ours = frame(&[], &packet((v4(9), 5000), (v4(1), 20033), 0));
    let other = frame(&[], &packet((v4(9), 5000), (v4(3), 20033), 0));
    let links = Links::Of(LinkType::Ethernet);
    let program = filter(sample(), "port 20033 or port 38086").program(links, 200);
    let program = program.unwrap();
    assert_eq!(run(&program, &ours, ETHERNET, 0), 0);
    assert_eq!(run(&program, &other, ETHERNET, 0), 200);
    // What loopback shows as sent is shown again: an expression does not change that.
    assert_eq!(run(&program, &other, LOOPBACK, OUTGOING), 0);
    assert_eq!(run(&program, &other, LOOPBACK, 0), 200);
}

#[test]
fn what_is_no_expression_is_refused_with_the_words_of_libpcap() {
    let refused = |text: &str| Expression::compile(text).unwrap_err().to_string();
    assert_eq!(
        refused("tcp port (80"),
        "`tcp port (80` is no filter expression: libpcap error: can't parse filter expression: syntax error"
    );
    let e = refused("host 10.0.0.1.2.3 and tcp");
    assert!(
        e.starts_with("`host 10.0.0.1.2.3 and tcp` is no filter expression: libpcap error: "),
        "{e}"
    );
    let e = refused("ip6 protochain 6");
    assert!(e.ends_with("is there a `protochain`?"), "{e}");
    let e = refused("tcp\0");
    assert!(e.contains("is no filter expression"), "{e}");
    let e = refused(&"host 10.0.0.1 or ".repeat(300));
    assert!(e.ends_with("5099 bytes, at most 4096 are taken"), "{e}");
    assert!(e.len() < 300, "the text is cut: {e}");
}

#[test]
fn an_expression_may_fit_one_kind_of_link_only() {
    let f = filter(Exclude::default(), "ether host 02:00:00:00:00:01");
    assert!(f.program(Links::Of(LinkType::Ethernet), 100).is_ok());
    for links in [Links::Of(LinkType::Raw), Links::Any] {
        let e = f.program(links, 100).unwrap_err().to_string();
        assert!(
            e.starts_with("the expression cannot be used on this kind of link (IP without a link header): libpcap"),
            "{e}"
        );
    }
}

#[test]
fn a_filter_that_is_too_long_says_whose_part_is_how_long() {
    // Just under what libpcap is given time for, and ports beside it that leave no room.
    let hosts: Vec<_> = (0..200).map(|n| format!("host 10.0.{n}.1")).collect();
    let exclude = Exclude {
        endpoints: vec![],
        ports: (0..900).collect(),
    };
    let f = filter(exclude, &hosts.join(" or "));
    let e = f.program(Links::Of(LinkType::Ethernet), 100).unwrap_err();
    let FilterError::TooLong {
        instructions,
        expression,
        endpoints: 0,
        ports: 900,
    } = e
    else {
        panic!("{e}");
    };
    assert!(expression > 800 && instructions > MAX_INSTRUCTIONS, "{e}");
}

#[test]
fn tags_that_the_kernel_took_out_are_seen_where_it_may_be_asked() {
    let expression = Expression::compile("vlan 7 and tcp").unwrap();
    let f = Filter {
        exclude: Exclude::default(),
        expression: Some(expression.clone()),
    };
    let program = f.program(Links::Of(LinkType::Ethernet), 100).unwrap();
    let plain = packet((v4(1), 1), (v4(2), 2), 0);
    let in_frame = frame(&[0x8100], &plain);
    assert_eq!(run(&program, &in_frame, ETHERNET, 0), 100);
    let beside = frame(&[], &plain);
    let beside = Packet {
        vlan: Some(7),
        ..Packet::of_filter(&beside, ETHERNET, 0)
    };
    let kept = interpreter::run(&program, &beside);
    assert_eq!(kept > 0, !expression.is_blind_to_tags());
    assert!(!Expression::compile("tcp").unwrap().is_blind_to_tags());
}
