use super::message::text;
use crate::reader::Reader;

/// Longest packet before messages begin (PostgreSQL takes no longer one), bytes.
pub(super) const MOST: usize = 10_000;
/// Bytes of its length and its code.
pub(super) const LEAST: usize = 8;
/// Codes that are no version: 1234 and 5678 to 5680.
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// What a client sends first: it has a length, but no type.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Startup<'a> {
    /// Encryption is asked for; one byte answers.
    Encryption(&'static str),
    /// Another connection's query is to end.
    Cancel,
    /// Who connects to what.
    Session {
        /// Minor version of protocol 3.
        minor: u16,
        user: &'a [u8],
        database: &'a [u8],
        application: &'a [u8],
    },
}

impl<'a> Startup<'a> {
    /// The length that the packet states, where it is possible; with it.
    pub(super) fn len(data: &[u8]) -> Option<usize> {
        let len = Reader::new(data).u32()? as usize;
        (LEAST..=MOST).contains(&len).then_some(len)
    }

    /// The packet that begins `data`, which may be cut.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let len = Self::len(data)?;
        let mut r = Reader::new(data.get(..len).unwrap_or(data));
        r.u32()?;
        match r.u32()? {
            SSL if len == LEAST => Some(Self::Encryption("SSLRequest")),
            GSS if len == LEAST => Some(Self::Encryption("GSSENCRequest")),
            CANCEL => Some(Self::Cancel),
            code if code >> 16 == 3 => {
                let mut user: &[u8] = b"";
                let mut database: &[u8] = b"";
                let mut application: &[u8] = b"";
                while let Some(name) = r.until(0)
                    && !name.is_empty()
                {
                    let value = text(&mut r);
                    match name {
                        b"user" => user = value,
                        b"database" => database = value,
                        b"application_name" => application = value,
                        _ => {}
                    }
                }
                if database.is_empty() {
                    database = user;
                }
                Some(Self::Session {
                    minor: code as u16,
                    user,
                    database,
                    application,
                })
            }
            _ => None,
        }
    }
}
