use super::*;

#[test]
fn unknown_keys_are_refused_with_a_suggestion() {
    assert_eq!(
        refused("name: a\nsender:\n  sever: b\n"),
        "agent.yaml:3:3: unknown key `sender.sever`; did you mean `sender.server`?"
    );
    assert_eq!(
        refused("capture:\n  colour: red\n"),
        "agent.yaml:2:3: unknown key `capture.colour`; the keys here are cpu, interfaces, mode, snap_len"
    );
    assert_eq!(
        refused("listeners:\n- port: 1\n- prot: 2\n"),
        "agent.yaml:3:3: unknown key `listeners[1].prot`; did you mean `listeners[1].port`?"
    );
    assert_eq!(
        refused_variable("TEST_SENDR__SERVER", "a"),
        "environment variable TEST_SENDR__SERVER: there is no such setting; did you mean TEST_SENDER__SERVER?"
    );
    assert_eq!(
        refused_flag("sender.sever", "a"),
        "--set sender.sever: there is no such setting; did you mean `sender.server`?"
    );
    assert_eq!(
        refused_flag("zzz", "a"),
        "--set zzz: there is no such setting; the settings are capture.cpu, capture.interfaces, capture.mode, \
         capture.snap_len, labels, listeners, name, proxy.url, sender.compress, sender.queue, sender.server, \
         sender.timeout and 1 more"
    );
    for key in ["", ".", "sender.", "sender.server.x"] {
        assert!(
            refused_flag(key, "a").contains("there is no such setting"),
            "{key}"
        );
    }
}

#[test]
fn values_of_a_wrong_kind_are_named_with_key_and_line() {
    for (yaml, message) in [
        (
            "capture:\n  snap_len: 65536\n",
            "2:13: `capture.snap_len` must be a whole number from 0 to 65535, not the number 65536",
        ),
        (
            "capture:\n  snap_len: all\n",
            "2:13: `capture.snap_len` must be a whole number from 0 to 65535, not the text \"all\"",
        ),
        (
            "capture:\n  snap_len: 1.5\n",
            "2:13: `capture.snap_len` must be a whole number from 0 to 65535, not the number 1.5",
        ),
        (
            "name: 5\n",
            "1:7: `name` must be text, not the number 5; put it in quotes",
        ),
        ("name: [a]\n", "1:7: `name` must be text, not a list"),
        ("name:\n", "1:5: `name` must be text, not empty"),
        (
            "sender: {compress: yes}\n",
            "1:20: `sender.compress` must be `true` or `false`, not the text \"yes\"",
        ),
        (
            "sender: {timeout: 5}\n",
            "1:19: `sender.timeout` must be a duration like `300ms`, `5s`, `10m`, `1h` or `off`, not the number 5",
        ),
        (
            "sender: {timeout: 5x}\n",
            "1:19: `sender.timeout`: \"5x\" is no duration; write a duration like `300ms`, `5s`, `10m`, `1h` or \
             `off`",
        ),
        (
            "sender: {queue: 64mb}\n",
            "1:17: `sender.queue`: \"64mb\" is no size; write a number of bytes like `65536`, `64KiB`, `16MiB` or \
             `2GB`",
        ),
        (
            "capture: {mode: mirorr}\n",
            "1:17: `capture.mode` must be `local` or `mirror`, not the text \"mirorr\"; did you mean `mirror`?",
        ),
        (
            "capture: {interfaces: eth0}\n",
            "1:23: `capture.interfaces` must be a list, not the text \"eth0\"",
        ),
        (
            "sender: on\n",
            "1:9: `sender` must be keys with values, not the text \"on\"",
        ),
        (
            "share: much\n",
            "1:8: `share` must be a number, not the text \"much\"",
        ),
        (
            "- a\n",
            "1:1: the configuration must be keys with values, not a list",
        ),
        (
            "listeners: [{}]\n",
            "1:13: `listeners[0]`: missing field `port`",
        ),
    ] {
        assert_eq!(refused(yaml), format!("agent.yaml:{message}"));
    }
    assert_eq!(
        refused_variable("TEST_CAPTURE__SNAP_LEN", "all"),
        "environment variable TEST_CAPTURE__SNAP_LEN: `capture.snap_len` must be a whole number from 0 to 65535, \
         not the text \"all\""
    );
    assert_eq!(
        refused_flag("sender.timeout", "5x"),
        "--set sender.timeout: `sender.timeout`: \"5x\" is no duration; write a duration like `300ms`, `5s`, `10m`, \
         `1h` or `off`"
    );
}

#[test]
fn all_problems_are_told_at_once_up_to_a_limit() {
    assert_eq!(
        refused("nam: a\nshare: b\n"),
        "agent.yaml:1:1: unknown key `nam`; did you mean `name`?\n\
         agent.yaml:2:8: `share` must be a number, not the text \"b\""
    );
    let many: String = (0..30).map(|n| format!("key{n}: 1\n")).collect();
    let text = refused(&many);
    assert_eq!(text.lines().count(), 21);
    assert!(text.ends_with("\nand 10 more problems"), "{text}");
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    assert_eq!(
        refused("name: a\nshare: 1\nname: b\n"),
        "agent.yaml:3:1: key `name` is there twice, first in line 1; remove one"
    );
}

#[test]
fn what_is_not_yaml_is_refused_with_its_place() {
    for yaml in [
        "sender: {server\n",
        "a: b: c\n",
        "name: 'a\n",
        "a: *b\n",
        "--- a\n--- b\n",
    ] {
        let text = refused(yaml);
        assert!(
            text.starts_with("agent.yaml:") && text.contains(": this cannot be read as YAML: "),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    assert_eq!(
        refused("sender: {server\n"),
        "agent.yaml:1:9: this cannot be read as YAML: unclosed bracket '{'"
    );
    assert_eq!(
        refused("--- a\n--- b\n"),
        "agent.yaml:2:1: this cannot be read as YAML: there is more than one document (`---`)"
    );
    let nested = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(
        refused(&nested),
        "agent.yaml:1:33: this cannot be read as YAML: values are nested more than 32 deep"
    );
    let deep = "[".repeat(1_000);
    assert!(
        refused(&deep).contains("this cannot be read as YAML"),
        "{}",
        refused(&deep)
    );
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..9 {
        let items = vec![format!("*a{}", n - 1); 10].join(",");
        bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    let text = refused(&bomb);
    assert!(text.contains("this cannot be read as YAML"), "{text}");
}

#[test]
fn files_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let load_from = |name: &str| {
        let path = folder.path().join(name);
        load::<Sample>(Some(&path), "TEST", [].into_iter(), &[])
            .unwrap_err()
            .to_string()
    };
    let missing = load_from("none.yaml");
    assert!(
        missing.starts_with("cannot read configuration file `"),
        "{missing}"
    );
    assert!(missing.contains("none.yaml`: No such file"), "{missing}");
    fs::write(
        folder.path().join("long.yaml"),
        vec![b'#'; MAX_FILE as usize + 1],
    )
    .unwrap();
    let long = load_from("long.yaml");
    assert!(
        long.ends_with("long.yaml` is longer than 1048576 bytes: is it the right file?"),
        "{long}"
    );
    fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe, 0]).unwrap();
    let binary = load_from("binary.yaml");
    assert!(
        binary.ends_with("binary.yaml`: it is not UTF-8 text"),
        "{binary}"
    );
}
