//! redis-server, asked in RESP2 and RESP3 (redis.io, "Redis serialization protocol specification").
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, lab};
use crate::wire::{Moment, Wire};

#[test]
fn redis() {
    lab("redis::redis", &["redis-server"], experiment);
}

/// Reads a reply whole; whether it is an error.
fn reply(w: &mut Wire) -> Result<bool, String> {
    let line = w.line()?;
    let (kind, rest) = line.split_at(1);
    let length = rest.parse::<i64>();
    match kind {
        "$" | "=" if length != Ok(-1) => {
            let n = length.map_err(|e| format!("{line}: {e}"))?;
            w.take(usize::try_from(n).unwrap() + 2)?;
        }
        "*" | "~" | "%" if length != Ok(-1) => {
            let n = length.map_err(|e| format!("{line}: {e}"))?;
            for _ in 0..n * if kind == "%" { 2 } else { 1 } {
                reply(w)?;
            }
        }
        _ => {}
    }
    Ok(kind == "-")
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(*word);
        bytes.extend(b"\r\n");
    }
    bytes
}

fn asked(port: u16, words: &[&str], is_error: bool, micros: u64) -> Asked {
    let a = Asked::ok(port, words[0], words.join(" ")).took(micros);
    if is_error {
        a.status("server_error")
    } else {
        a
    }
}

/// Sends the commands in one piece and reads the replies one after another.
fn ask(w: &mut Wire, commands: &[(&[&str], bool)], all: &mut Vec<Asked>) -> Result<(), String> {
    let bytes: Vec<u8> = commands
        .iter()
        .flat_map(|(words, _)| command(&words.iter().map(|w| w.as_bytes()).collect::<Vec<_>>()))
        .collect();
    let begin = Moment::now();
    w.send(&bytes)?;
    for (words, fails) in commands {
        let is_error = reply(w)?;
        assert_eq!(is_error, *fails, "{words:?}");
        all.push(asked(w.port, words, is_error, begin.micros()));
    }
    Ok(())
}

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let mut server = lab.command("redis-server")?;
    server.args(["--port", &PORT.to_string(), "--bind", "127.0.0.1"]);
    server.args(["--save", "", "--dir", &lab.path("")]);
    let _server = lab.serve("redis-server", &mut server)?;
    let capture = lab.capture()?;
    let mut all = vec![];

    let w = &mut Wire::connect()?;
    let large = "v".repeat(100_000);
    let one_by_one: &[(&[&str], bool)] = &[
        (&["PING"], false),
        (&["SET", "name", "value"], false),
        (&["GET", "name"], false),
        (&["GET", "nothing"], false),
        (&["SET", "empty", ""], false),
        (&["GET", "empty"], false),
        (&["STRLEN", "empty"], false),
        (&["INCR", "counter"], false),
        (&["INCRBY", "counter", "41"], false),
        (&["INCR", "name"], true),
        (&["LPUSH", "name", "x"], true),
        (&["RPUSH", "list", "a", "b", "c"], false),
        (&["LRANGE", "list", "0", "-1"], false),
        (&["HSET", "hash", "f", "1", "g", "2"], false),
        (&["HGETALL", "hash"], false),
        (&["NOSUCHCOMMAND", "x"], true),
        (&["GET"], true),
        (&["EXPIRE", "name", "100"], false),
        (&["TTL", "name"], false),
        (&["SET", "large", &large], false),
        (&["GET", "large"], false),
        (&["APPEND", "large", &large], false),
        (&["GET", "large"], false),
        (&["EVAL", "return redis.error_reply('MINE no')", "0"], true),
        (
            &["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"],
            true,
        ),
        (&["MULTI"], false),
        (&["SET", "a", "1"], false),
        (&["INCR", "a"], false),
        (&["EXEC"], false),
        (&["EXEC"], true),
        (&["SCAN", "0"], false),
        (&["DEL", "name", "large"], false),
        (&["DEL", "name"], false),
    ];
    for one in one_by_one {
        ask(w, std::slice::from_ref(one), &mut all)?;
    }

    // A pipeline, and one that spans many segments each way.
    ask(
        w,
        &[
            (&["SET", "p", "1"], false),
            (&["INCR", "p"], false),
            (&["INCR", "nope", "too", "many"], true),
            (&["GET", "p"], false),
            (&["LPUSH", "p", "x"], true),
            (&["GET", "p"], false),
        ],
        &mut all,
    )?;
    let middle = "m".repeat(20_000);
    let keys: Vec<String> = (0..20).map(|i| format!("key{i}")).collect();
    let sets: Vec<[&str; 3]> = keys.iter().map(|k| ["SET", k.as_str(), &middle]).collect();
    let gets: Vec<[&str; 2]> = keys.iter().map(|k| ["GET", k.as_str()]).collect();
    let mut many: Vec<(&[&str], bool)> = vec![];
    for (set, get) in sets.iter().zip(&gets) {
        many.push((set, false));
        many.push((get, false));
    }
    ask(w, &many, &mut all)?;

    // RESP3, on a connection of its own, and an inline command.
    let w = &mut Wire::connect()?;
    ask(w, &[(&["HELLO", "3"], false)], &mut all)?;
    ask(w, &[(&["HGETALL", "hash"], false)], &mut all)?;
    ask(w, &[(&["GET", "nothing"], false)], &mut all)?;
    ask(w, &[(&["SMEMBERS", "hash"], true)], &mut all)?;
    let w = &mut Wire::connect()?;
    for (line, fails) in [("PING", false), ("GET p", false), ("WHAT is", true)] {
        let begin = Moment::now();
        w.send(format!("{line}\r\n").as_bytes())?;
        assert_eq!(reply(w)?, fails);
        let words: Vec<&str> = line.split(' ').collect();
        all.push(asked(w.port, &words, fails, begin.micros()));
    }
    capture.compare("redis", &["Redis"], &all)
}
