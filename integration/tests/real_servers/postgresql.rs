//! postgres, asked in version 3 of its protocol (PostgreSQL documentation, "Frontend/Backend Protocol"): simple and
//! extended queries, prepared statements, COPY.
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, client, lab};
use crate::wire::{Moment, Wire};

#[test]
fn postgresql() {
    let programs = ["initdb", "postgres"];
    lab("postgresql::postgresql", &programs, experiment);
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![kind];
    bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"])
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"])
}

/// Binds parameters as text to the unnamed portal, and asks for its columns and for all its rows.
fn run(name: &str, parameters: &[&str]) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(name.bytes());
    body.extend([0, 0, 0]);
    body.extend(u16::try_from(parameters.len()).unwrap().to_be_bytes());
    for p in parameters {
        body.extend(u32::try_from(p.len()).unwrap().to_be_bytes());
        body.extend(p.bytes());
    }
    body.extend([0, 0]);
    let mut bytes = message(b'B', &[&body]);
    bytes.extend(message(b'D', &[b"P\0"]));
    bytes.extend(message(b'E', &[b"\0\0\0\0\0"]));
    bytes
}

fn sync() -> Vec<u8> {
    message(b'S', &[])
}

fn startup(user: &str, database: &str) -> Vec<u8> {
    let text = format!("user\0{user}\0database\0{database}\0application_name\0test\0\0");
    let mut bytes = u32::try_from(text.len() + 8)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    bytes.extend(196_608_u32.to_be_bytes());
    bytes.extend(text.bytes());
    bytes
}

fn read(w: &mut Wire) -> Result<(u8, Vec<u8>), String> {
    let head = w.take(5)?;
    let n = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    Ok((head[0], w.take(n as usize - 4)?))
}

/// Reads up to ReadyForQuery, or to the end after a fatal error; the SQLSTATE if there is one.
fn answer(w: &mut Wire) -> Result<Option<String>, String> {
    let mut state = None;
    loop {
        let (kind, body) = read(w)?;
        match kind {
            b'E' => {
                let fields = String::from_utf8_lossy(&body).into_owned();
                let is_fatal = fields.split('\0').any(|f| f == "VFATAL");
                state = fields
                    .split('\0')
                    .find_map(|f| f.strip_prefix('C'))
                    .map(str::to_owned);
                if is_fatal {
                    w.closed()?;
                    return Ok(state);
                }
            }
            b'Z' => return Ok(state),
            // The server waits for data.
            b'G' => return Ok(None),
            _ => {}
        }
    }
}

/// A request of a list: its bytes, what the log says of it, and its SQLSTATE.
struct Request<'a> {
    bytes: Vec<u8>,
    kind: &'a str,
    text: &'a str,
    state: Option<&'a str>,
}

fn told(r: &Request<'_>, port: u16, micros: u64) -> Asked {
    let a = Asked::ok(port, r.kind, r.text).took(micros);
    match r.state {
        // Classes 57 (operator intervention) and 28 (invalid authorization) are no syntax errors.
        Some(state) if state.starts_with("57") || state.starts_with("P0") => {
            a.status("server_error").also("response_result", state)
        }
        Some(state) => a.status("client_error").also("response_result", state),
        None => a,
    }
}

/// Sends all in one piece, reads the answers one after another.
fn ask(w: &mut Wire, requests: &[Request<'_>], all: &mut Vec<Asked>) -> Result<(), String> {
    let bytes: Vec<u8> = requests.iter().flat_map(|r| r.bytes.clone()).collect();
    let begin = Moment::now();
    w.send(&bytes)?;
    for r in requests {
        let state = answer(w)?;
        let micros = begin.micros();
        assert_eq!(state.as_deref(), r.state, "{}", r.text);
        all.push(told(r, w.port, micros));
    }
    Ok(())
}

fn simple<'a>(sql: &'a str, state: Option<&'a str>) -> Request<'a> {
    Request {
        bytes: query(sql),
        kind: "Q",
        text: sql,
        state,
    }
}

fn extended<'a>(sql: &'a str, parameters: &[&str], state: Option<&'a str>) -> Request<'a> {
    Request {
        bytes: [parse("", sql), run("", parameters), sync()].concat(),
        kind: "P",
        text: sql,
        state,
    }
}

fn log_in(
    user: &str,
    database: &str,
    all: &mut Vec<Asked>,
    state: Option<&str>,
) -> Result<Wire, String> {
    let mut w = Wire::connect()?;
    let text = format!("Login username: {user} db: {database}");
    let login = Request {
        bytes: startup(user, database),
        kind: "",
        text: &text,
        state,
    };
    ask(&mut w, &[login], all)?;
    Ok(w)
}

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let data = lab.path("data");
    let mut initdb = lab.command("initdb")?;
    initdb.args([
        "--no-sync",
        "--auth=trust",
        "--username=owner",
        "--no-locale",
        "--encoding=UTF8",
    ]);
    client(initdb.args(["--no-instructions", "-D", &data]))?;
    let mut server = lab.command("postgres")?;
    server.args([
        "-D",
        &data,
        "-p",
        &PORT.to_string(),
        "-h",
        "127.0.0.1",
        "-k",
        "",
    ]);
    server.args([
        "-c",
        "fsync=off",
        "-c",
        "autovacuum=off",
        "-c",
        "max_parallel_workers=0",
    ]);
    let server = lab.serve("postgres", &mut server)?;
    lab.wait_for_line(&server, "ready to accept connections")?;
    let capture = lab.capture()?;
    let mut all = vec![];

    let w = &mut log_in("owner", "postgres", &mut all, None)?;
    let large = format!("SELECT '{}'", "x".repeat(100_000));
    for r in [
        simple("CREATE TABLE item (id int PRIMARY KEY, name text)", None),
        simple(
            "INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, '')",
            None,
        ),
        simple("SELECT * FROM item ORDER BY id", None),
        simple("SELECT * FROM item WHERE id = 99", None),
        simple("SELECT repeat('y', 200000)", None),
        simple(&large, None),
        simple("SELECT 1; SELECT 2; SELECT 3", None),
        simple("", None),
        simple("SELECT * FROM nowhere", Some("42P01")),
        simple("SELEKT 1", Some("42601")),
        simple("INSERT INTO item VALUES (1, 'again')", Some("23505")),
        simple("SELECT 1/0", Some("22012")),
        simple("SELECT 'x'::int", Some("22P02")),
        simple("DO $$ BEGIN RAISE EXCEPTION 'mine'; END $$", Some("P0001")),
        simple("SELECT 1; SELECT 1/0; SELECT 3", Some("22012")),
        simple("BEGIN", None),
        simple("UPDATE item SET name = 'uno' WHERE id = 1", None),
        simple("ROLLBACK", None),
        simple("SELECT generate_series(1, 20000)", None),
        extended("SELECT name FROM item WHERE id = $1::int", &["2"], None),
        extended("SELECT $1::text || 'z'", &[&"p".repeat(90_000)], None),
        extended("SELECT $1::int / 0", &["5"], Some("22012")),
        extended("SELECT nothing FROM item", &[], Some("42703")),
        extended("DELETE FROM item WHERE id = $1::int", &["77"], None),
    ] {
        ask(w, &[r], &mut all)?;
    }

    // A statement that is prepared first and run later, several times.
    let sql = "SELECT id FROM item WHERE name = $1::text";
    let prepared = Request {
        bytes: [
            parse("by_name", sql),
            message(b'D', &[b"Sby_name\0"]),
            sync(),
        ]
        .concat(),
        kind: "P",
        text: sql,
        state: None,
    };
    ask(w, &[prepared], &mut all)?;
    for name in ["one", "two", "none", ""] {
        let r = Request {
            bytes: [run("by_name", &[name]), sync()].concat(),
            kind: "E",
            text: sql,
            state: None,
        };
        ask(w, &[r], &mut all)?;
    }
    let closed = Request {
        bytes: [message(b'C', &[b"Sby_name\0"]), sync()].concat(),
        kind: "C",
        text: sql,
        state: None,
    };
    ask(w, &[closed], &mut all)?;
    let gone = Request {
        bytes: [run("by_name", &["one"]), sync()].concat(),
        kind: "E",
        text: "",
        state: Some("26000"),
    };
    ask(w, &[gone], &mut all)?;

    // A pipeline, with an error in its midst.
    ask(
        w,
        &[
            extended("SELECT 10", &[], None),
            extended("SELECT 11 FROM nowhere", &[], Some("42P01")),
            simple("SELECT 12", None),
            extended("SELECT 13", &[], None),
            simple("SELECT 14 / 0", Some("22012")),
            extended("SELECT $1::int", &["15"], None),
        ],
        &mut all,
    )?;

    // COPY in and out.
    let sql = "COPY item FROM STDIN";
    let begin = Moment::now();
    w.send(&query(sql))?;
    assert_eq!(answer(w)?, None);
    let mut bytes = vec![];
    for i in 100..3000 {
        bytes.extend(message(b'd', &[format!("{i}\tname{i}\n").as_bytes()]));
    }
    bytes.extend(message(b'c', &[]));
    w.send(&bytes)?;
    assert_eq!(answer(w)?, None);
    all.push(Asked::ok(w.port, "Q", sql).took(begin.micros()));
    ask(w, &[simple("COPY item TO STDOUT", None)], &mut all)?;
    ask(w, &[simple("SELECT count(*) FROM item", None)], &mut all)?;
    w.send(&message(b'X', &[]))?;
    w.closed()?;
    all.push(Asked::ok(w.port, "X", ""));

    // Nobody gets in.
    log_in("owner", "elsewhere", &mut all, Some("3D000"))?;
    log_in("stranger", "postgres", &mut all, Some("28000"))?;
    capture.compare("postgresql", &["PostgreSQL"], &all)
}
