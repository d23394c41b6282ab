//! mariadbd, asked in the MySQL protocol: text and prepared statements, errors, with and without EOF packets.
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, client, lab};
use crate::wire::{Moment, Wire};

#[test]
fn mysql() {
    let programs = ["mariadbd", "mariadb-install-db", "mariadb"];
    lab("mysql::mysql", &programs, experiment);
}

/// CLIENT_LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS,
/// MULTI_RESULTS, PLUGIN_AUTH.
const CAPABILITIES: u32 = 1 | 8 | 0x200 | 0x2000 | 0x8000 | 0x1_0000 | 0x2_0000 | 0x8_0000;
const DEPRECATE_EOF: u32 = 0x100_0000;
/// Status flag of an OK or EOF packet: another result follows.
const MORE: u16 = 8;

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let n = u32::try_from(body.len()).unwrap();
    assert!(n < 0xff_ffff);
    let mut bytes = n.to_le_bytes()[..3].to_vec();
    bytes.push(sequence);
    bytes.extend(body);
    bytes
}

fn command(byte: u8, body: &[u8]) -> Vec<u8> {
    packet(0, &[&[byte], body].concat())
}

/// A length-encoded integer, and how long it is.
fn integer(p: &[u8]) -> (u64, usize) {
    let le = |n: usize| p[1..=n].iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
    match p[0] {
        0xfc => (le(2), 3),
        0xfd => (le(3), 4),
        0xfe => (le(8), 9),
        n => (n.into(), 1),
    }
}

struct Client {
    w: Wire,
    without_eof: bool,
}

impl Client {
    fn read(&mut self) -> Result<Vec<u8>, String> {
        let head = self.w.take(4)?;
        let n = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        let mut body = self.w.take(n)?;
        if n == 0xff_ffff {
            body.extend(self.read()?);
        }
        Ok(body)
    }

    fn is_end(&self, p: &[u8]) -> bool {
        p[0] == 0xfe && (p.len() < 9 || self.without_eof && p.len() < 0xff_ffff)
    }

    /// The flags of an OK or EOF packet.
    fn flags(p: &[u8], is_ok: bool) -> u16 {
        let at = if is_ok {
            let (_, n) = integer(&p[1..]);
            let (_, m) = integer(&p[1 + n..]);
            1 + n + m
        } else {
            3
        };
        u16::from_le_bytes([p[at], p[at + 1]])
    }

    fn code(p: &[u8]) -> Option<i64> {
        Some(u16::from_le_bytes([p[1], p[2]]).into())
    }

    /// Reads all results of a query; the number of its error if there is one.
    fn results(&mut self) -> Result<Option<i64>, String> {
        loop {
            let p = self.read()?;
            let flags = match p[0] {
                0xff => return Ok(Self::code(&p)),
                0 => Self::flags(&p, true),
                _ => {
                    for _ in 0..integer(&p).0 {
                        self.read()?;
                    }
                    if !self.without_eof {
                        self.read()?;
                    }
                    loop {
                        let p = self.read()?;
                        if p[0] == 0xff {
                            return Ok(Self::code(&p));
                        }
                        if self.is_end(&p) {
                            break Self::flags(&p, self.without_eof);
                        }
                    }
                }
            };
            if flags & MORE == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the answer to COM_STMT_PREPARE: the statement's number, or that of its error.
    fn prepared(&mut self) -> Result<Result<u32, i64>, String> {
        let p = self.read()?;
        if p[0] == 0xff {
            return Ok(Err(Self::code(&p).unwrap_or(0)));
        }
        for at in [7, 5] {
            let n = u16::from_le_bytes([p[at], p[at + 1]]);
            for _ in 0..n {
                self.read()?;
            }
            if n > 0 && !self.without_eof {
                self.read()?;
            }
        }
        Ok(Ok(u32::from_le_bytes([p[1], p[2], p[3], p[4]])))
    }

    fn log_in(
        user: &str,
        database: &str,
        without_eof: bool,
        all: &mut Vec<Asked>,
        code: Option<i64>,
    ) -> Result<Self, String> {
        let mut c = Self {
            w: Wire::connect()?,
            without_eof,
        };
        // The greeting stands alone.
        c.read()?;
        all.push(Asked::ok(c.w.port, "", ""));
        let mut capabilities = CAPABILITIES;
        if without_eof {
            capabilities |= DEPRECATE_EOF;
        }
        let mut body = capabilities.to_le_bytes().to_vec();
        body.extend(0x100_0000_u32.to_le_bytes());
        // utf8mb4_general_ci; no password.
        body.push(45);
        body.extend([0; 23]);
        body.extend(user.bytes().chain([0, 0]));
        body.extend(database.bytes().chain([0]));
        body.extend(b"mysql_native_password\0");
        let begin = Moment::now();
        c.w.send(&packet(1, &body))?;
        let said = c.results()?;
        assert_eq!(said, code, "{user} {database}");
        let text = format!("Login username: {user} db: {database}");
        all.push(asked(c.w.port, "", &text, code).took(begin.micros()));
        Ok(c)
    }

    /// Sends a command and reads its results.
    fn ask(
        &mut self,
        (byte, name): (u8, &str),
        text: &str,
        code: Option<i64>,
        all: &mut Vec<Asked>,
    ) -> Result<(), String> {
        let begin = Moment::now();
        self.w.send(&command(byte, text.as_bytes()))?;
        let said = self.results()?;
        assert_eq!(said, code, "{name} {text}");
        all.push(asked(self.w.port, name, text, code).took(begin.micros()));
        Ok(())
    }

    fn prepare(
        &mut self,
        sql: &str,
        code: Option<i64>,
        all: &mut Vec<Asked>,
    ) -> Result<u32, String> {
        let begin = Moment::now();
        self.w.send(&command(0x16, sql.as_bytes()))?;
        let said = self.prepared()?;
        assert_eq!(said.err(), code, "{sql}");
        all.push(asked(self.w.port, "COM_STMT_PREPARE", sql, code).took(begin.micros()));
        Ok(said.unwrap_or(0))
    }

    /// Runs a statement with texts for its parameters.
    fn execute(
        &mut self,
        id: u32,
        sql: &str,
        parameters: &[&str],
        code: Option<i64>,
        all: &mut Vec<Asked>,
    ) -> Result<(), String> {
        let mut body = id.to_le_bytes().to_vec();
        // No cursor, once.
        body.extend([0, 1, 0, 0, 0]);
        if !parameters.is_empty() {
            body.extend(vec![0; parameters.len().div_ceil(8)]);
            body.push(1);
            for _ in parameters {
                // VAR_STRING
                body.extend([0xfd, 0]);
            }
            for p in parameters {
                match p.len() {
                    n @ ..=250 => body.push(u8::try_from(n).unwrap()),
                    n => {
                        body.push(0xfd);
                        body.extend(&u32::try_from(n).unwrap().to_le_bytes()[..3]);
                    }
                }
                body.extend(p.bytes());
            }
        }
        let begin = Moment::now();
        self.w.send(&command(0x17, &body))?;
        let said = self.results()?;
        assert_eq!(said, code, "{sql} {parameters:?}");
        all.push(asked(self.w.port, "COM_STMT_EXECUTE", sql, code).took(begin.micros()));
        Ok(())
    }
}

fn asked(port: u16, command: &str, text: &str, code: Option<i64>) -> Asked {
    let a = Asked::ok(port, command, text);
    match code {
        Some(code) => a.status("server_error").code(code),
        None => a,
    }
}

const QUERY: (u8, &str) = (3, "COM_QUERY");

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let data = lab.path("data");
    let mut install = lab.command("mariadb-install-db")?;
    install.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
    install.args([
        "--skip-name-resolve",
        "--skip-test-db",
        "--innodb-flush-log-at-trx-commit=0",
    ]);
    client(install.arg(format!("--datadir={data}")))?;
    let mut server = lab.command("mariadbd")?;
    server.args([
        "--no-defaults",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
    ]);
    server.args(["--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"]);
    server
        .arg(format!("--datadir={data}"))
        .arg(format!("--port={PORT}"));
    server.args([
        format!("--socket={}", lab.path("socket")),
        format!("--pid-file={}", lab.path("pid")),
    ]);
    let _server = lab.serve("mariadbd", &mut server)?;
    let capture = lab.capture()?;
    let mut all = vec![];
    let large = format!("SELECT '{}'", "x".repeat(100_000));
    let insert = format!("INSERT INTO shop.item VALUES (9, '{}')", "i".repeat(50_000));

    for without_eof in [false, true] {
        let c = &mut Client::log_in("root", "mysql", without_eof, &mut all, None)?;
        for (sql, code) in [
            ("CREATE DATABASE shop", None),
            (
                "CREATE TABLE shop.item (id INT PRIMARY KEY, name MEDIUMTEXT)",
                None,
            ),
            (
                "INSERT INTO shop.item VALUES (1, 'one'), (2, 'two'), (3, '')",
                None,
            ),
            ("SELECT * FROM shop.item ORDER BY id", None),
            ("SELECT * FROM shop.item WHERE id = 99", None),
            ("SELECT REPEAT('y', 200000)", None),
            (&large, None),
            (&insert, None),
            ("SELECT name FROM shop.item", None),
            ("SELECT * FROM shop.nowhere", Some(1146)),
            ("SELEKT 1", Some(1064)),
            ("INSERT INTO shop.item VALUES (1, 'again')", Some(1062)),
            ("SELECT nothing FROM shop.item", Some(1054)),
            ("", Some(1065)),
            ("USE nowhere", Some(1049)),
            ("SELECT 1; SELECT 2; SELECT 3", None),
            // Of what begins well, the last statement fails, or a row after others were sent.
            (
                "SELECT 1; SELECT 2; SELECT nothing FROM shop.item",
                Some(1054),
            ),
            (
                "SELECT REPEAT('z', 1000), (SELECT 1 FROM seq_1_to_2 s WHERE t.seq > 100 OR s.seq = 1) \
                 FROM seq_1_to_200 t",
                Some(1242),
            ),
            ("SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 4242", Some(4242)),
            ("BEGIN", None),
            ("UPDATE shop.item SET name = 'uno' WHERE id = 1", None),
            ("ROLLBACK", None),
            ("SELECT seq FROM seq_1_to_20000", None),
        ] {
            c.ask(QUERY, sql, code, &mut all)?;
        }
        c.ask((2, "COM_INIT_DB"), "shop", None, &mut all)?;
        c.ask((2, "COM_INIT_DB"), "nowhere", Some(1049), &mut all)?;
        c.ask((0x0e, "COM_PING"), "", None, &mut all)?;
        // An answer that is nothing but text.
        let begin = Moment::now();
        c.w.send(&command(9, b""))?;
        c.read()?;
        all.push(asked(c.w.port, "COM_STATISTICS", "", None).took(begin.micros()));

        let sql = "SELECT name FROM item WHERE id = ? AND name <> ?";
        let id = c.prepare(sql, None, &mut all)?;
        c.execute(id, sql, &["1", "x"], None, &mut all)?;
        c.execute(id, sql, &["99", ""], None, &mut all)?;
        c.execute(id, sql, &["9", &"q".repeat(70_000)], None, &mut all)?;
        c.prepare("SELECT nothing FROM item", Some(1054), &mut all)?;
        let sql = "INSERT INTO item VALUES (?, 'p')";
        let insert = c.prepare(sql, None, &mut all)?;
        c.execute(insert, sql, &["50"], None, &mut all)?;
        c.execute(insert, sql, &["50"], Some(1062), &mut all)?;
        let begin = Moment::now();
        c.w.send(&command(0x1a, &insert.to_le_bytes()))?;
        assert_eq!(c.results()?, None);
        all.push(asked(c.w.port, "COM_STMT_RESET", sql, None).took(begin.micros()));
        // Nobody answers.
        c.w.send(&command(0x19, &insert.to_le_bytes()))?;
        all.push(asked(c.w.port, "COM_STMT_CLOSE", sql, None));
        c.execute(insert, "", &[], Some(1243), &mut all)?;
        c.ask((0x1f, "COM_RESET_CONNECTION"), "", None, &mut all)?;
        c.ask(QUERY, "DROP DATABASE shop", None, &mut all)?;
        c.w.send(&command(1, b""))?;
        c.w.closed()?;
        all.push(asked(c.w.port, "COM_QUIT", "", None));
    }

    // Nobody gets in.
    Client::log_in("stranger", "mysql", false, &mut all, Some(1045))?;
    Client::log_in("root", "nowhere", false, &mut all, Some(1049))?;
    capture.compare("mariadb", &["MySQL"], &all)
}
