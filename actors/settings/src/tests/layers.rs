use super::*;
use proptest::prelude::*;

#[test]
fn without_layers_there_are_the_defaults() {
    assert_eq!(
        load::<Sample>(None, "TEST", [].into_iter(), &[]).unwrap(),
        Sample::default()
    );
    for empty in [
        "",
        "\n# nothing yet\n",
        "sender:\n  # server: a\n",
        "---\n{}\n",
        "# a\n---\n",
    ] {
        assert_eq!(
            layered(empty, &[], &[]).unwrap(),
            Sample::default(),
            "{empty:?}"
        );
    }
}

#[test]
fn every_layer_covers_those_below() {
    let yaml = "name: file\nsender: {server: 'file:1', timeout: 1s, queue: 1MiB}\ncapture:\n  snap_len: 100\n";
    let env = [
        ("TEST_SENDER__SERVER", "env:1"),
        ("TEST_SENDER__TIMEOUT", "2s"),
        ("TEST_CAPTURE__INTERFACES", "eth0, eth1"),
        ("OTHER_NAME", "not ours"),
        ("TESTING", "not ours"),
    ];
    let flags = [
        ("sender.timeout", "1s"),
        ("sender.timeout", "off"),
        ("capture.mode", "mirror"),
    ];
    let c = layered(yaml, &env, &flags).unwrap();
    assert_eq!(c.name, "file");
    assert_eq!(c.sender.server, "env:1");
    assert_eq!(c.sender.timeout, Span::OFF);
    assert_eq!(c.sender.queue, ByteSize::mib(1));
    assert!(c.sender.compress);
    assert_eq!(c.capture.interfaces, ["eth0", "eth1"]);
    assert_eq!((c.capture.snap_len, c.capture.mode), (100, Mode::Mirror));
}

#[test]
fn every_kind_of_value_is_taken_from_every_layer() {
    let yaml = "share: 1\nproxy: {url: a}\ncapture: {cpu: 3, interfaces: []}\nlabels: {zone: a}\n\
                listeners:\n- port: 1\n- port: 2\nsender: {queue: 4096, timeout: off, compress: false}\n";
    let from_file = layered(yaml, &[], &[]).unwrap();
    assert_eq!(
        from_file.labels,
        [("zone".to_owned(), "a".to_owned())].into()
    );
    assert_eq!(
        from_file.listeners,
        [Listener { port: 1 }, Listener { port: 2 }]
    );
    assert_eq!(from_file.proxy, Some(Proxy { url: "a".into() }));
    let env = [
        ("TEST_SHARE", "1"),
        ("TEST_PROXY__URL", "a"),
        ("TEST_CAPTURE__CPU", "3"),
        ("TEST_CAPTURE__INTERFACES", "[]"),
        ("TEST_LABELS__ZONE", "a"),
        ("TEST_LISTENERS", "[{port: 1}, {port: 2}]"),
        ("TEST_SENDER__QUEUE", "4096"),
        ("TEST_SENDER__TIMEOUT", "off"),
        ("TEST_SENDER__COMPRESS", "false"),
    ];
    assert_eq!(layered("", &env, &[]).unwrap(), from_file);
    let flags = env.map(|(name, value)| {
        (
            name.trim_start_matches("TEST_")
                .to_lowercase()
                .replace("__", "."),
            value.to_owned(),
        )
    });
    assert_eq!(
        load::<Sample>(None, "TEST", [].into_iter(), &flags).unwrap(),
        from_file
    );
    let unset = layered("capture: {cpu: 3}", &[("TEST_CAPTURE__CPU", "")], &[]).unwrap();
    assert_eq!(unset.capture.cpu, None);
    let quoted = layered("name: '007'", &[("TEST_SENDER__SERVER", "007")], &[]).unwrap();
    assert_eq!(
        (quoted.name.as_str(), quoted.sender.server.as_str()),
        ("007", "007")
    );
}

#[test]
fn variables_that_kubernetes_makes_for_services_are_passed_over() {
    let links = [
        ("TEST_SERVICE_HOST", "10.0.0.1"),
        ("TEST_SERVICE_PORT", "20033"),
        ("TEST_SERVICE_PORT_DATA", "20033"),
        ("TEST_PORT", "tcp://10.0.0.1:20033"),
        ("TEST_PORT_20033_TCP", "tcp://10.0.0.1:20033"),
        ("TEST_PORT_20033_TCP_ADDR", "10.0.0.1"),
        ("TEST_DATA_PORT_20033_UDP_PROTO", "udp"),
    ];
    assert_eq!(layered("", &links, &[]).unwrap(), Sample::default());
    assert!(refused_variable("TEST_PORT", "20033").contains("there is no such setting"));
}

proptest! {
    #[test]
    fn no_text_panics(yaml in "[a-z:{}\\[\\]&*!#|>'\" \n\t0-9-]{0,80}", value: String) {
        let _ = yaml::parse("random", &yaml);
        for key in ["name", "listeners", "capture.interfaces", "proxy", "sender.queue", "labels.a"] {
            let _ = load::<Sample>(None, "TEST", [].into_iter(), &pairs(&[(key, &value), (key, &yaml)]));
        }
    }

    #[test]
    fn what_was_serialised_is_loaded_as_the_same(
        name in "[a-z0-9 ]{0,10}",
        snap_len: u16,
        millis: u32,
        interfaces in proptest::collection::vec("[a-z]{1,5}[0-9]", 0..4),
    ) {
        let mut sample = Sample { name, ..Sample::default() };
        sample.capture.snap_len = snap_len;
        sample.capture.interfaces = interfaces;
        sample.sender.timeout = Span::millis(millis);
        // JSON is YAML.
        let text = serde_json::to_string(&sample).unwrap();
        prop_assert_eq!(layered(&text, &[], &[]).unwrap(), sample);
    }
}
