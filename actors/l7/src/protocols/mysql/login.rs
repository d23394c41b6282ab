use super::packet::{Packet, integer, terminated};
use crate::reader::Reader;

/// What client and server agree on, as bits of 32 (MySQL's documents, "Capabilities Flags").
pub(super) mod capability {
    pub(in super::super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(in super::super) const COMPRESS: u32 = 1 << 5;
    pub(in super::super) const PROTOCOL_41: u32 = 1 << 9;
    pub(in super::super) const SSL: u32 = 1 << 11;
    pub(in super::super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(in super::super) const LENENC_AUTH: u32 = 1 << 21;
    pub(in super::super) const ZSTD: u32 = 1 << 26;
    pub(in super::super) const QUERY_ATTRIBUTES: u32 = 1 << 27;
}
use capability::{CONNECT_WITH_DB, LENENC_AUTH, PROTOCOL_41, SECURE_CONNECTION, SSL};

/// Longest greeting; real ones have about 100 bytes.
pub(super) const MOST_GREETING: usize = 512;
/// Longest user name: 32 characters in MySQL, 128 in MariaDB.
const MOST_USER: usize = 512;
/// Bytes of a login before its user name, since MySQL 4.1.
const FIXED: usize = 32;

/// What a server says first.
#[derive(Debug)]
pub(super) struct Greeting<'a> {
    /// Version of the protocol: 10, or 9 before MySQL 3.21.
    pub(super) protocol: u8,
    /// Version of the server.
    pub(super) version: &'a [u8],
    /// Number of the connection at the server.
    pub(super) connection: u32,
    pub(super) capabilities: u32,
}

impl<'a> Greeting<'a> {
    pub(super) fn read(p: &Packet<'a>) -> Option<Self> {
        if p.sequence != 0 || !(20..=MOST_GREETING).contains(&p.len) {
            return None;
        }
        let mut r = Reader::new(p.payload);
        let protocol = r.u8().filter(|v| matches!(v, 9 | 10))?;
        let version = r.until(0)?;
        if version.is_empty()
            || version.len() > 128
            || !version.iter().all(|b| (b' '..0x7f).contains(b))
        {
            return None;
        }
        let connection = r.u32_le()?;
        let mut greeting = Self {
            protocol,
            version,
            connection,
            capabilities: 0,
        };
        if protocol == 10 {
            // The first part of the scramble and its end.
            r.take(8)?;
            if r.u8()? != 0 {
                return None;
            }
            greeting.capabilities = r.u16_le()?.into();
            // Character set and status.
            if r.take(3).is_some()
                && let Some(high) = r.u16_le()
            {
                greeting.capabilities |= u32::from(high) << 16;
            }
        }
        Some(greeting)
    }
}

/// What a client answers to the greeting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login<'a> {
    pub(super) capabilities: u32,
    pub(super) user: &'a [u8],
    /// Empty where none is chosen.
    pub(super) database: &'a [u8],
}

impl<'a> Login<'a> {
    /// HandshakeResponse41, or HandshakeResponse320 of older clients.
    pub(super) fn read(p: &Packet<'a>) -> Option<Self> {
        let mut r = Reader::new(p.payload);
        let low = r.u16_le()?;
        if u32::from(low) & PROTOCOL_41 == 0 {
            return Self::read_old(low, r);
        }
        let capabilities = u32::from(low) | u32::from(r.u16_le()?) << 16;
        // Most packet, character set, nothing.
        r.take(FIXED - 4)?;
        let mut login = Self {
            capabilities,
            user: terminated(&mut r),
            database: b"",
        };
        let authentication = if capabilities & LENENC_AUTH != 0 {
            integer(&mut r).and_then(|n| r.take(usize::try_from(n).ok()?))
        } else if capabilities & SECURE_CONNECTION != 0 {
            r.u8().and_then(|n| r.take(n.into()))
        } else {
            Some(terminated(&mut r))
        };
        if authentication.is_some() && capabilities & CONNECT_WITH_DB != 0 {
            login.database = terminated(&mut r);
        }
        Some(login)
    }

    fn read_old(capabilities: u16, mut r: Reader<'a>) -> Option<Self> {
        let capabilities = u32::from(capabilities);
        r.u24_le()?;
        let user = terminated(&mut r);
        let mut database: &[u8] = b"";
        if capabilities & CONNECT_WITH_DB != 0 && r.until(0).is_some() {
            database = terminated(&mut r);
        }
        Some(Self {
            capabilities,
            user,
            database,
        })
    }

    /// Whether `p` can be one, for where the greeting was not seen.
    pub(super) fn fits(p: &Packet<'_>) -> bool {
        let user = p.payload.get(FIXED..).unwrap_or_default();
        let end = user.iter().position(|b| *b == 0);
        let name = user.get(..end.unwrap_or(user.len())).unwrap_or_default();
        matches!(p.sequence, 1 | 2)
            && p.len > FIXED
            && p.len <= 1 << 16
            && is_fixed_part(p.payload)
            && (end.is_some() || !p.is_whole())
            && (1..=MOST_USER).contains(&name.len())
            && name.iter().all(|b| *b >= b' ' && *b != 0x7f)
    }
}

/// A client goes over to TLS: what it says is its login up to the user name, which follows encrypted.
pub(super) fn is_ssl_request(p: &Packet<'_>) -> bool {
    let Some([low, high, ..]) = p.payload.first_chunk::<4>() else {
        return false;
    };
    let capabilities = u32::from(u16::from_le_bytes([*low, *high]));
    let is_old = p.len == 5 && capabilities & PROTOCOL_41 == 0;
    let is_new = p.len == FIXED && is_fixed_part(p.payload);
    p.sequence == 1 && capabilities & SSL != 0 && (is_old || is_new)
}

/// Protocol 4.1 is spoken, some character set is, and what is unused is 0: 23 bytes, or 19 before MariaDB's own
/// capabilities.
fn is_fixed_part(payload: &[u8]) -> bool {
    let low = payload
        .first_chunk::<2>()
        .map_or(0, |c| u16::from_le_bytes(*c));
    u32::from(low) & PROTOCOL_41 != 0
        && payload.get(8).is_some_and(|charset| *charset != 0)
        && payload
            .get(9..28)
            .is_some_and(|unused| unused.iter().all(|b| *b == 0))
}
