//! What clients send: the startup, queries, and the parts of extended queries up to their Sync.
use super::message::{HEADER, Message, text};
use super::startup::{self, Startup};
use super::{Asked, PostgreSql, done, more};
use crate::reader::Reader;
use crate::sql::{Dialect, PreparedStatement, Statement};
use crate::{Cx, MOST_TEXT, Parsed, string};
use messages::{L7Message, L7Protocol, Mark, ResponseStatus, Side, Text};

/// Longer names of statements and portals are not remembered; real ones have 63 bytes at most.
const MOST_NAME: usize = 256;

/// Messages of an extended query, until Sync or Flush makes them a request.
#[derive(Debug)]
pub(super) struct Batch {
    message: L7Message,
    /// How much the type that was found tells.
    rank: u8,
    /// Messages that the server will answer with.
    answers: u32,
}

impl PostgreSql {
    /// What comes before messages have types.
    pub(super) fn startup(&mut self, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < startup::LEAST {
            return if cx.cut {
                Parsed::Done(data.len() as u64)
            } else {
                Parsed::Need(startup::LEAST)
            };
        }
        let Some(len) = Startup::len(data) else {
            return Parsed::Not;
        };
        if !cx.cut && data.len() < len {
            return Parsed::Need(len);
        }
        let Some(packet) = Startup::read(data) else {
            return Parsed::Not;
        };
        let seen = data.len().min(len);
        match packet {
            Startup::Encryption(name) => {
                let mut m = alone(name);
                m.start = cx.at(0);
                m.end = cx.at(seen.saturating_sub(1));
                m.captured_bytes = seen as u32;
                m.from = Side::Client;
                m.is_tls = true;
                self.encryption = Some(m);
            }
            Startup::Cancel => cx.emit(alone("CancelRequest"), 0..seen),
            Startup::Session {
                minor,
                user,
                database,
                application,
            } => {
                self.in_messages = true;
                self.version = Text::from(format!("3.{minor}"));
                self.database = crate::text(database);
                let mut m = self.request();
                let login = format!("Login username: {} db: {}", string(user), self.database);
                m.endpoint = login.clone().into();
                m.request_resource = login.into();
                m.attribute("application_name", crate::text(application));
                cx.emit(m, 0..seen);
                self.asks(Asked::Startup);
            }
        }
        Parsed::Done(len as u64)
    }

    /// The server agreed: nothing can be read any more.
    pub(super) fn encrypt(&mut self, cx: &mut Cx<'_>) -> Parsed {
        self.is_encrypted = true;
        if let Some(m) = self.encryption.take() {
            cx.emit_held(m);
        }
        Parsed::Done(u64::MAX)
    }

    pub(super) fn client(&mut self, m: &Message<'_>, cx: &mut Cx<'_>) -> Parsed {
        let Some((kind, wanted)) = kind(m.kind) else {
            return Parsed::Not;
        };
        if let Some(need) = more(m, wanted, cx) {
            return need;
        }
        self.in_messages = true;
        let mut r = Reader::new(m.body);
        match m.kind {
            b'Q' | b'F' => {
                self.tell_batch(cx);
                let mut request = self.request();
                request.request_type = Text::new_static(kind);
                if m.kind == b'Q' {
                    statement(text(&mut r), cx).tell(&mut request);
                }
                cx.emit(request, 0..m.head(wanted));
                self.asks(Asked::Request);
            }
            b'P' => {
                let name = text(&mut r);
                let s = statement(text(&mut r), cx);
                let name = name.get(..MOST_NAME).unwrap_or(name);
                self.prepared
                    .insert(string(name), PreparedStatement::of(&s), ());
                let batch = self.part(kind, m, cx);
                if batch.request_resource.is_empty() {
                    s.tell(batch);
                }
            }
            b'B' => self.bind(r, m, cx),
            b'D' | b'C' => {
                let what = r.u8();
                let name = string(text(&mut r));
                let known = match what {
                    Some(b'S') => self.prepared.get(&name),
                    _ => self.portals.get(&name),
                };
                let known = known.map(|(s, ())| s.clone());
                if m.kind == b'C' {
                    match what {
                        Some(b'S') => self.prepared.remove(&name),
                        _ => self.portals.remove(&name),
                    }
                }
                let batch = self.part(kind, m, cx);
                tell_known(batch, known);
            }
            b'E' => {
                let portal = text(&mut r);
                let known = if portal.is_empty() {
                    None
                } else {
                    self.portals.get(&string(portal)).map(|(s, ())| s.clone())
                };
                let batch = self.part(kind, m, cx);
                tell_known(batch, known);
            }
            b'H' | b'S' => self.close(m, cx),
            b'c' | b'f' => self.has_copied = true,
            b'X' => cx.emit(self.message(alone(kind)), 0..m.head(0)),
            // Passwords, and the data of COPY.
            _ => {}
        }
        done(m)
    }

    /// A portal is made of a statement.
    fn bind(&mut self, mut r: Reader<'_>, m: &Message<'_>, cx: &Cx<'_>) {
        let (portal, name) = (text(&mut r), string(text(&mut r)));
        // Of a statement that this very request prepared the text is there already.
        let is_told = self
            .batch
            .as_ref()
            .is_some_and(|b| !b.message.request_resource.is_empty());
        let mut known = None;
        if !is_told || !portal.is_empty() {
            known = self.prepared.get(&name).map(|(s, ())| s.clone());
        }
        if let Some(s) = &known
            && !portal.is_empty()
            && portal.len() <= MOST_NAME
        {
            self.portals.insert(string(portal), s.clone(), ());
        }
        let batch = self.part("B", m, cx);
        tell_known(batch, known);
    }

    /// Takes a message into the request that is collected.
    fn part(&mut self, kind: &'static str, m: &Message<'_>, cx: &Cx<'_>) -> &mut L7Message {
        let start = cx.at(0);
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => Batch {
                message: L7Message {
                    start,
                    ..self.request()
                },
                rank: 0,
                answers: 0,
            },
        };
        let batch = self.batch.insert(batch);
        // What is run tells more than what it is run with.
        let rank = match m.kind {
            b'P' => 3,
            b'E' => 2,
            _ => 1,
        };
        if rank > batch.rank {
            batch.rank = rank;
            batch.message.request_type = Text::new_static(kind);
        }
        batch.answers = batch.answers.saturating_add(1);
        batch.add(m, start);
        &mut batch.message
    }

    /// Sync or Flush.
    fn close(&mut self, m: &Message<'_>, cx: &mut Cx<'_>) {
        let is_sync = m.kind == b'S';
        let has_copied = is_sync && std::mem::take(&mut self.has_copied);
        if let Some(batch) = &mut self.batch {
            batch.add(m, cx.at(HEADER - 1));
            let asked = if is_sync {
                Asked::Request
            } else {
                Asked::Flushed(batch.answers)
            };
            self.tell_batch(cx);
            self.asks(asked);
        } else if is_sync && !has_copied {
            // During a COPY the first Sync counts for nothing, and the one behind it for the request.
            self.asks(Asked::Sync);
        }
    }

    /// Tells the request that is collected as it is.
    pub(super) fn tell_batch(&mut self, cx: &mut Cx<'_>) {
        if let Some(batch) = self.batch.take() {
            cx.emit_held(batch.message);
        }
    }

    fn request(&self) -> L7Message {
        let mut m = self.message(L7Message::request(L7Protocol::PostgreSql));
        m.request_domain = self.database.clone();
        m
    }
}

impl Batch {
    fn add(&mut self, m: &Message<'_>, end: Mark) {
        let bytes = u32::try_from(m.total()).unwrap_or(u32::MAX);
        self.message.captured_bytes = self.message.captured_bytes.saturating_add(bytes);
        self.message.end = end;
    }
}

fn alone(kind: &'static str) -> L7Message {
    let mut m = L7Message::session(L7Protocol::PostgreSql);
    m.status = ResponseStatus::Ok;
    m.request_type = Text::new_static(kind);
    m
}

fn statement(text: &[u8], cx: &Cx<'_>) -> Statement {
    Statement::read(string(text), Dialect::PostgreSql, cx.settings)
}

fn tell_known(m: &mut L7Message, known: Option<PreparedStatement>) {
    if let Some(s) = known
        && m.request_resource.is_empty()
    {
        m.request_resource = s.text.into();
        m.endpoint = s.endpoint.into();
    }
}

/// The type of a client's message as text, and how many bytes of its body are looked at.
pub(super) const fn kind(byte: u8) -> Option<(&'static str, usize)> {
    Some(match byte {
        b'Q' => ("Q", MOST_TEXT + 1),
        b'P' => ("P", MOST_NAME + MOST_TEXT + 2),
        b'B' => ("B", 2 * MOST_NAME + 2),
        b'D' => ("D", MOST_NAME + 2),
        b'C' => ("C", MOST_NAME + 2),
        b'E' => ("E", MOST_NAME + 1),
        b'F' => ("F", 0),
        b'H' => ("H", 0),
        b'S' => ("S", 0),
        b'X' => ("X", 0),
        b'p' => ("p", 0),
        b'd' => ("d", 0),
        b'c' => ("c", 0),
        b'f' => ("f", 0),
        _ => return None,
    })
}
