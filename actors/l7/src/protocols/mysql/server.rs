//! What servers send: the greeting, and answers, of which only the beginning counts.
use super::answer::{END, EOF_LEN, ERROR, FILE, MOST_ERROR, OK, PREPARED_LEN, code, is_head};
use super::command::Command;
use super::connection::{Answer, Connection, Parameters, done, more, number};
use super::login::{Greeting, MOST_GREETING, capability};
use super::packet::{MOST_PAYLOAD, Packet, integer, terminated};
use crate::reader::Reader;
use crate::{Cx, Parsed, text};
use messages::{L7Message, L7Protocol, ResponseStatus};

/// Status flags (MySQL's documents, "SERVER_STATUS_flags_enum").
const MORE_RESULTS: u16 = 1 << 3;
const CURSOR: u16 = 1 << 6;

/// OK packets are read this far: two numbers, status, warnings.
const MOST_OK: usize = 1 + 9 + 9 + 2 + 2;
/// MariaDB tells progress by errors of this code.
const PROGRESS: u16 = 0xffff;
/// Length of the packet that states the number of columns, with a flag.
const MOST_COUNT: usize = 5;

impl Connection {
    pub(super) fn server(&mut self, p: &Packet<'_>, cx: &mut Cx<'_>) -> Parsed {
        if let Some(need) = more(p, 1, cx) {
            return need;
        }
        let is_next = p.sequence == self.sequence.wrapping_add(1);
        if !is_next && self.is_inside() {
            if p.sequence != 1 {
                return Parsed::Not;
            }
            // The rest of the answer was not what it seemed, but here the next begins.
            self.forget_rest(cx);
        }
        let parsed = if self.goes_on {
            done(p)
        } else {
            match self.answer {
                Answer::More | Answer::MoreAfterFile => self.another(p, cx),
                Answer::Head | Answer::File => self.head(p, cx),
                Answer::Columns => self.columns(p, cx),
                Answer::Rows => self.row(p, cx),
                Answer::Definitions(_) | Answer::AfterDefinitions => self.definition(p, cx),
                Answer::Events => {
                    if matches!(p.first(), Some(END | ERROR)) {
                        self.answer = Answer::Head;
                    }
                    done(p)
                }
            }
        };
        if matches!(parsed, Parsed::Done(_)) {
            self.sequence = p.sequence;
            self.goes_on = p.len == MOST_PAYLOAD;
            self.settle(cx);
        }
        parsed
    }

    /// Between packets of an answer, whose numbers go up by one.
    fn is_inside(&self) -> bool {
        let is_open = matches!(
            self.answer,
            Answer::Head | Answer::File | Answer::MoreAfterFile
        );
        self.goes_on || !is_open
    }

    fn definition(&mut self, p: &Packet<'_>, cx: &mut Cx<'_>) -> Parsed {
        let is_end = p.len == EOF_LEN && p.first() == Some(END);
        match self.answer {
            // What divides parameters and columns is not counted.
            Answer::Definitions(_) if is_end => done(p),
            Answer::Definitions(left) if left > 1 => {
                self.answer = Answer::Definitions(left - 1);
                done(p)
            }
            Answer::Definitions(_) => {
                self.answer = Answer::AfterDefinitions;
                done(p)
            }
            _ => {
                self.answer = Answer::Head;
                if is_end && p.sequence != 1 {
                    done(p)
                } else {
                    self.head(p, cx)
                }
            }
        }
    }

    fn head(&mut self, p: &Packet<'_>, cx: &mut Cx<'_>) -> Parsed {
        let Some(first) = p.first() else {
            return if p.len > 0 { done(p) } else { Parsed::Not };
        };
        if p.sequence == 0 && self.pending.is_empty() && !self.is_logged_in {
            return self.greeting(p, first, cx);
        }
        if let Some(need) = more(p, wanted(first), cx) {
            return need;
        }
        match self.asked() {
            Some(Command::Login | Command::ChangeUser) => self.authentication(p, first, cx),
            Some(_) => {
                let is_late = self.pending.front().is_some_and(|a| a.is_late);
                if self.answer == Answer::Head && p.sequence != 1 && !is_late {
                    return Parsed::Not;
                }
                self.answer(p, first, cx)
            }
            None if is_head(p) => self.answer(p, first, cx),
            None => Parsed::Not,
        }
    }

    /// The server speaks first: who it is, or why it will not.
    fn greeting(&mut self, p: &Packet<'_>, first: u8, cx: &mut Cx<'_>) -> Parsed {
        if let Some(need) = more(p, MOST_GREETING, cx) {
            return need;
        }
        if first == ERROR && self.server.is_none() {
            let mut m = self.alone();
            tell_error(&mut m, p);
            cx.emit(m, 0..p.head(MOST_GREETING));
            return done(p);
        }
        let Some(greeting) = Greeting::read(p) else {
            return Parsed::Not;
        };
        self.version = number(greeting.protocol);
        self.server = Some(greeting.capabilities);
        let mut m = self.alone();
        m.attribute("server_version", text(greeting.version));
        m.attribute("connection_id", number(greeting.connection));
        cx.emit(m, 0..p.head(MOST_GREETING));
        done(p)
    }

    fn authentication(&mut self, p: &Packet<'_>, first: u8, cx: &mut Cx<'_>) -> Parsed {
        match first {
            OK | ERROR => {
                let is_login = self.asked() == Some(Command::Login);
                let m = self.answered(p, first);
                self.respond(m, p.head(wanted(first)), cx);
                if first == OK {
                    self.is_logged_in = true;
                    let compress = capability::COMPRESS | capability::ZSTD;
                    self.is_compressed |=
                        is_login && self.capabilities.is_some_and(|c| c & compress != 0);
                }
            }
            END => {
                let mut m = self.alone();
                let mut r = Reader::new(p.payload.get(1..).unwrap_or_default());
                m.attribute("auth_plugin", text(terminated(&mut r)));
                cx.emit(m, 0..p.head(wanted(first)));
            }
            // More of what the plugin has to say.
            _ => {}
        }
        done(p)
    }

    /// The first packet of an answer.
    fn answer(&mut self, p: &Packet<'_>, first: u8, cx: &mut Cx<'_>) -> Parsed {
        let command = self.asked();
        let is_progress = first == ERROR && code(p) == Some(PROGRESS);
        if is_progress {
            if let Some(asked) = self.pending.front_mut() {
                asked.is_late = true;
            }
            return done(p);
        }
        let is_count = !matches!(first, OK | FILE | END | ERROR) && p.len <= MOST_COUNT;
        let is_other = matches!(command, Some(Command::Statistics | Command::FieldList));
        if !matches!(first, OK | FILE | END | ERROR) && !is_count && !is_other {
            return Parsed::Not;
        }
        if first == FILE && matches!(command, Some(Command::Query | Command::Execute)) {
            self.answer = Answer::File;
            self.sends_file = true;
            return done(p);
        }
        self.sends_file = false;
        let m = self.answered(p, first);
        self.answer = match (first, command) {
            (ERROR, _) | (_, Some(Command::Statistics)) => Answer::Head,
            (OK, Some(c)) if c.is_dump() => Answer::Events,
            (OK, Some(Command::Prepare)) if p.len >= PREPARED_LEN => self.answer,
            (_, Some(Command::Fetch)) if first != END => Answer::Rows,
            // What closes its definitions closes the answer, too.
            (_, Some(Command::FieldList)) if first != END => Answer::Rows,
            _ => following(p, first),
        };
        self.respond(m, p.head(wanted(first)), cx);
        done(p)
    }

    /// The first packet of a further result.
    fn another(&mut self, p: &Packet<'_>, cx: &Cx<'_>) -> Parsed {
        let Some(first) = p.first() else {
            return if p.len > 0 { done(p) } else { Parsed::Not };
        };
        if let Some(need) = more(p, wanted(first), cx) {
            return need;
        }
        match first {
            ERROR if code(p) == Some(PROGRESS) => {}
            ERROR => self.fails(p, cx),
            FILE => {
                self.answer = Answer::MoreAfterFile;
                self.sends_file = true;
            }
            _ => {
                self.sends_file = false;
                self.answer = following(p, first);
            }
        }
        done(p)
    }

    fn columns(&mut self, p: &Packet<'_>, cx: &Cx<'_>) -> Parsed {
        let most = p.first().map_or(MOST_OK, wanted);
        if let Some(need) = more(p, most, cx) {
            return need;
        }
        match p.first() {
            Some(ERROR) => self.fails(p, cx),
            Some(END) if p.len == EOF_LEN => {
                let status = status(p, END);
                self.answer = if status & CURSOR == 0 {
                    Answer::Rows
                } else {
                    after(status)
                };
            }
            Some(END) if p.len < MOST_PAYLOAD => self.answer = after(status(p, END)),
            // The catalog of a column is always "def".
            Some(3) if p.payload.get(1..4) == Some(b"def") => {}
            _ => self.answer = Answer::Rows,
        }
        done(p)
    }

    fn row(&mut self, p: &Packet<'_>, cx: &Cx<'_>) -> Parsed {
        match p.first() {
            Some(END) if p.len < MOST_PAYLOAD => {
                if let Some(need) = more(p, MOST_OK, cx) {
                    return need;
                }
                self.answer = after(status(p, END));
            }
            Some(ERROR) => {
                if let Some(need) = more(p, MOST_ERROR, cx) {
                    return need;
                }
                self.fails(p, cx);
            }
            _ => {}
        }
        done(p)
    }

    /// The response that begins with `p`.
    fn answered(&mut self, p: &Packet<'_>, first: u8) -> L7Message {
        self.answer = Answer::Head;
        let asked = self.pending.pop_front();
        let mut m = self.message(L7Message::response(L7Protocol::MySql, ResponseStatus::Ok));
        let command = asked.as_ref().map(|a| a.command);
        match (first, command) {
            (_, Some(Command::Statistics)) => {}
            (ERROR, _) => tell_error(&mut m, p),
            (OK, Some(Command::Prepare)) if p.len >= PREPARED_LEN => {
                self.prepared(p, asked.and_then(|a| a.prepared), &mut m);
            }
            (OK, Some(c))
                if c != Command::Fetch && !c.is_dump() && asked.is_some_and(|a| a.is_write) =>
            {
                let mut r = Reader::new(p.payload);
                r.u8();
                m.affected_rows = integer(&mut r);
            }
            _ => {}
        }
        m
    }

    fn prepared(
        &mut self,
        p: &Packet<'_>,
        statement: Option<Box<crate::sql::PreparedStatement>>,
        m: &mut L7Message,
    ) {
        let mut r = Reader::new(p.payload);
        r.u8();
        let (Some(id), Some(columns), Some(count)) = (r.u32_le(), r.u16_le(), r.u16_le()) else {
            return;
        };
        m.request_id = Some(id.into());
        m.attribute("statement_id", number(id));
        if let Some(statement) = statement {
            let parameters = Parameters {
                count,
                ..Parameters::default()
            };
            self.prepared.insert(id, *statement, parameters);
        }
        self.answer = match u32::from(columns) + u32::from(count) {
            0 => Answer::Head,
            n => Answer::Definitions(n),
        };
    }
}

/// How much of a packet's payload is looked at.
const fn wanted(first: u8) -> usize {
    match first {
        ERROR | END => MOST_ERROR,
        _ => MOST_OK,
    }
}

/// What follows the first packet of a result that is no error.
fn following(p: &Packet<'_>, first: u8) -> Answer {
    match first {
        OK | END => after(status(p, first)),
        _ => Answer::Columns,
    }
}

fn after(status: u16) -> Answer {
    if status & MORE_RESULTS == 0 {
        Answer::Head
    } else {
        Answer::More
    }
}

/// The status flags of an OK or EOF packet.
fn status(p: &Packet<'_>, first: u8) -> u16 {
    let mut r = Reader::new(p.payload);
    r.u8();
    let flags = if first == END && p.len == EOF_LEN {
        r.u16_le().and_then(|_warnings| r.u16_le())
    } else {
        integer(&mut r)
            .and_then(|_rows| integer(&mut r))
            .and_then(|_id| r.u16_le())
    };
    flags.unwrap_or(0)
}

/// Codes from 2000 to 2999 are those of clients.
pub(super) fn tell_error(m: &mut L7Message, p: &Packet<'_>) {
    let mut r = Reader::new(p.payload);
    r.u8();
    let code = r.u16_le();
    m.status = match code {
        Some(2000..=2999) => ResponseStatus::ClientError,
        _ => ResponseStatus::ServerError,
    };
    m.code = code.map(i32::from);
    let rest = r.rest();
    let (state, message) = match rest.split_at_checked(6) {
        Some(([b'#', state @ ..], message)) => (state, message),
        _ => (&b""[..], rest),
    };
    m.exception = text(message);
    m.attribute("sql_state", text(state));
}
