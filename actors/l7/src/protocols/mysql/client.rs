//! What clients send: the login, and commands.
use super::command::Command;
use super::connection::{Asked, Connection, Parameters, done, more, number};
use super::login::{Login, capability, is_ssl_request};
use super::packet::{MOST_PAYLOAD, Packet, integer, terminated};
use super::values::{Value, parameters, rendered};
use crate::reader::Reader;
use crate::sql::{Dialect, PreparedStatement, Statement};
use crate::{Cx, MOST_TEXT, Parsed, string, text};
use messages::{L7Message, L7Protocol};

/// Most bytes of a command that are looked at: a longest text, and before it the attributes of the query.
pub(super) const MOST_COMMAND: usize = MOST_TEXT + (4 << 10);
/// Of one that names something.
const MOST_NAMES: usize = 1024;
/// Flag of COM_STMT_EXECUTE: the number of parameters is stated.
const HAS_COUNT: u8 = 8;
/// Where MariaDB's clients mean the statement that they prepared last.
const LAST: u32 = u32::MAX;

impl Connection {
    pub(super) fn client(&mut self, p: &Packet<'_>, cx: &mut Cx<'_>) -> Parsed {
        if self.sends_file {
            // An empty packet ends the file.
            self.sends_file = p.len > 0;
            return done(p);
        }
        if p.sequence == 0 {
            return self.command(p, cx);
        }
        if !self.is_logged_in && self.capabilities.is_none() {
            return self.login(p, cx);
        }
        let goes_on = self.command_goes_on;
        self.command_goes_on = goes_on && p.len == MOST_PAYLOAD;
        let authenticates = matches!(self.asked(), Some(Command::Login | Command::ChangeUser));
        if goes_on || authenticates {
            done(p)
        } else {
            Parsed::Not
        }
    }

    fn login(&mut self, p: &Packet<'_>, cx: &mut Cx<'_>) -> Parsed {
        if let Some(need) = more(p, MOST_COMMAND, cx) {
            return need;
        }
        if is_ssl_request(p) {
            self.is_tls = true;
            self.release(cx);
            let mut m = self.alone();
            m.request_type = "SSLRequest".into();
            m.is_tls = true;
            cx.emit(m, 0..p.head(MOST_COMMAND));
            return Parsed::Done(u64::MAX);
        }
        let known = self.server.is_some();
        let login = Some(p)
            .filter(|p| known || Login::fits(p))
            .and_then(Login::read);
        let Some(login) = login else {
            return Parsed::Not;
        };
        self.capabilities = Some(login.capabilities & self.server.unwrap_or(u32::MAX));
        self.release(cx);
        let mut m = self.message(L7Message::request(L7Protocol::MySql));
        tell_login(&mut m, login.user, login.database);
        cx.emit(m, 0..p.head(MOST_COMMAND));
        self.ask(Command::Login, p);
        done(p)
    }

    fn command(&mut self, p: &Packet<'_>, cx: &mut Cx<'_>) -> Parsed {
        if p.len == 0 {
            return Parsed::Not;
        }
        let Some(byte) = p.first() else {
            // Cut off, or yet to come.
            return more(p, 1, cx).unwrap_or_else(|| done(p));
        };
        let Some(command) = Command::from_byte(byte) else {
            return Parsed::Not;
        };
        let wanted = match command {
            Command::Query | Command::Prepare | Command::Execute => MOST_COMMAND,
            _ => MOST_NAMES,
        };
        if let Some(need) = more(p, wanted, cx) {
            return need;
        }
        if !self.in_step && Command::fitting(p).is_none() {
            return Parsed::Not;
        }
        self.in_step = true;
        self.is_logged_in = true;
        self.command_goes_on = p.len == MOST_PAYLOAD;
        let mut m = if command.is_silent() {
            self.alone()
        } else {
            self.message(L7Message::request(L7Protocol::MySql))
        };
        m.request_type = command.name().into();
        m.request_length = u32::try_from(p.len).ok();
        let is_write = self.body(command, p, cx, &mut m);
        self.release(cx);
        cx.emit(m, 0..p.head(wanted));
        if !command.is_silent() {
            self.ask(command, p);
            if let Some(asked) = self.pending.back_mut() {
                asked.is_write = is_write.0;
                asked.prepared = is_write.1;
            }
        }
        done(p)
    }

    fn ask(&mut self, command: Command, p: &Packet<'_>) {
        self.asks(Asked {
            command,
            is_write: false,
            is_late: p.len >= MOST_PAYLOAD,
            prepared: None,
        });
    }

    /// What stands behind the command's byte. Returns whether rows are changed, and what is prepared.
    fn body(
        &mut self,
        command: Command,
        p: &Packet<'_>,
        cx: &Cx<'_>,
        m: &mut L7Message,
    ) -> (bool, Option<Box<PreparedStatement>>) {
        let mut r = Reader::new(p.payload);
        r.u8();
        match command {
            Command::Query | Command::Prepare => {
                let attributes = if command == Command::Query {
                    query_attributes(&mut r)
                } else {
                    Vec::new()
                };
                let mut s = Statement::read(string(r.rest()), Dialect::MySql, cx.settings);
                for (name, value) in attributes {
                    if let Value::Bytes(value) = value {
                        s.trace.take(cx.settings, name, value);
                    }
                }
                let is_write = s.is_write;
                let prepared =
                    (command == Command::Prepare).then(|| Box::new(PreparedStatement::of(&s)));
                s.tell(m);
                return (is_write, prepared);
            }
            Command::InitDb | Command::CreateDb | Command::DropDb => {
                m.request_resource = text(r.rest());
            }
            Command::FieldList => m.request_resource = text(terminated(&mut r)),
            Command::ChangeUser => {
                let user = terminated(&mut r);
                let capabilities = self.capabilities.unwrap_or(capability::SECURE_CONNECTION);
                if capabilities & capability::SECURE_CONNECTION != 0 {
                    let n = r.u8().unwrap_or(0);
                    r.take(n.into());
                } else {
                    terminated(&mut r);
                }
                tell_login(m, user, terminated(&mut r));
                self.prepared.clear();
            }
            Command::ProcessKill => {
                if let Some(id) = r.u32_le() {
                    m.request_resource = number(id);
                }
            }
            Command::ResetConnection => self.prepared.clear(),
            _ if command.has_statement_id() => return (self.statement(command, r, cx, m), None),
            _ => {}
        }
        (false, None)
    }

    /// A command on a statement that was prepared. Returns whether it changes rows.
    fn statement(
        &mut self,
        command: Command,
        mut r: Reader<'_>,
        cx: &Cx<'_>,
        m: &mut L7Message,
    ) -> bool {
        let Some(id) = r.u32_le() else { return false };
        if id == LAST {
            let last = self.pending.iter().rev().find_map(|a| a.prepared.as_ref());
            let Some(last) = last else { return false };
            m.request_resource = last.text.clone().into();
            m.endpoint = last.endpoint.clone().into();
            return last.is_write;
        }
        m.request_id = Some(id.into());
        m.attribute("statement_id", number(id));
        let names = self
            .capabilities
            .map(|c| c & capability::QUERY_ATTRIBUTES != 0);
        let mut is_write = false;
        if let Some((statement, more)) = self.prepared.get(&id) {
            is_write = statement.is_write;
            m.request_resource = statement.text.clone().into();
            m.endpoint = statement.endpoint.clone().into();
            match command {
                Command::SendLongData => more.has_long_data = true,
                Command::Reset => more.has_long_data = false,
                Command::Execute => {
                    let values = execute(r, names, more, cx.settings.obfuscate);
                    m.attribute("parameters", values);
                    more.has_long_data = false;
                }
                _ => {}
            }
        }
        if command == Command::Close {
            self.prepared.remove(&id);
        }
        is_write
    }
}

/// The text of a login, as its endpoint too: whom it is for is all there is to tell.
fn tell_login(m: &mut L7Message, user: &[u8], database: &[u8]) {
    let mut s = format!("Login username: {}", string(user));
    if !database.is_empty() {
        s.push_str(" db: ");
        s.push_str(&string(database));
        m.request_domain = text(database);
    }
    m.endpoint = s.clone().into();
    m.request_resource = s.into();
}

/// Reads what may stand before the text of a query: names and values, or that there are none. No text begins like
/// that, so it need not be known whether it was agreed on.
fn query_attributes<'a>(r: &mut Reader<'a>) -> Vec<(&'a [u8], Value<'a>)> {
    let [count @ 0..=0x40, 1, ..] = *r.rest() else {
        return Vec::new();
    };
    r.take(2);
    let mut types = Vec::new();
    parameters(r, count.into(), true, &mut types)
}

/// The values that a statement is executed with.
fn execute(mut r: Reader<'_>, names: Option<bool>, p: &mut Parameters, masked: bool) -> String {
    let flags = r.u8().unwrap_or(0);
    r.u32_le();
    let has_count = names.unwrap_or(flags & HAS_COUNT != 0);
    let mut count = usize::from(p.count);
    if has_count && (count > 0 || flags & HAS_COUNT != 0) {
        count = integer(&mut r).map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    }
    if p.has_long_data {
        return String::new();
    }
    rendered(&parameters(&mut r, count, has_count, &mut p.types), masked)
}
