use crate::reader::Reader;
use messages::{ResponseStatus, Side};

/// The header of a message: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) service: u16,
    pub(super) method: u16,
    /// Bytes from the client's id on.
    pub(super) length: u32,
    pub(super) client: u16,
    pub(super) session: u16,
    /// Of the service's interface.
    pub(super) interface: u8,
    pub(super) kind: Kind,
    /// It is a segment of a message (SOME/IP-TP).
    pub(super) segment: bool,
    pub(super) code: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    RequestNoReturn,
    Notification,
    Response,
    Error,
}

/// Bytes of a header.
pub(super) const SIZE: usize = 16;
/// Bytes of it that its length does not count.
const UNCOUNTED: usize = 8;
/// The one version of the protocol that there is.
pub(super) const VERSION: u8 = 1;
/// Longer messages are not believed.
const MOST_LENGTH: u32 = 16 << 20;
/// Codes of errors that services define themselves end here.
const MOST_CODE: u8 = 0x5e;

impl Header {
    /// The header that `data` begin with; `None` where they are none, or too few.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let (service, method, length) = (r.u16()?, r.u16()?, r.u32()?);
        let (client, session) = (r.u16()?, r.u16()?);
        let [VERSION, interface, kind, code] = r.array()? else {
            return None;
        };
        let header = Self {
            service,
            method,
            length,
            client,
            session,
            interface,
            kind: match kind & !0x20 {
                0x00 => Kind::Request,
                0x01 => Kind::RequestNoReturn,
                0x02 => Kind::Notification,
                0x80 => Kind::Response,
                0x81 => Kind::Error,
                _ => return None,
            },
            segment: kind & 0x20 != 0,
            code,
        };
        let answers = matches!(header.kind, Kind::Response | Kind::Error);
        let fits =
            (8..=MOST_LENGTH).contains(&length) && code <= if answers { MOST_CODE } else { 0 };
        fits.then_some(header)
    }

    /// Bytes of the message.
    pub(super) const fn total(self) -> usize {
        UNCOUNTED.saturating_add(self.length as usize)
    }

    /// What a response has in common with its request.
    pub(super) fn pair(self) -> u64 {
        [self.service, self.method, self.client, self.session]
            .iter()
            .fold(0, |n, part| n << 16 | u64::from(*part))
    }

    /// Sent over TCP to find the beginning of messages again; says nothing.
    pub(super) const fn is_magic_cookie(self) -> bool {
        self.service == 0xffff
            && matches!(self.method, 0x0000 | 0x8000)
            && self.client == 0xdead
            && self.session == 0xbeef
    }

    pub(super) const fn sender(self) -> Side {
        match self.kind {
            Kind::Request | Kind::RequestNoReturn => Side::Client,
            _ => Side::Server,
        }
    }

    pub(super) const fn status(self) -> ResponseStatus {
        match self.code {
            0 if matches!(self.kind, Kind::Error) => ResponseStatus::ServerError,
            0 => ResponseStatus::Ok,
            // What was asked for does not exist or could not be read.
            2 | 3 | 7..=10 => ResponseStatus::ClientError,
            _ => ResponseStatus::ServerError,
        }
    }

    /// What the return code says.
    pub(super) const fn words(self) -> &'static str {
        match self.code {
            0 => "No error occurred",
            1 => "Unspecified error",
            2 => "Unknown service",
            3 => "Unknown method",
            4 => "Application not ready",
            5 => "Service not reachable",
            6 => "Timeout",
            7 => "Wrong protocol version",
            8 => "Wrong interface version",
            9 => "Malformed message",
            10 => "Wrong message type",
            11 => "E2E: repeated",
            12 => "E2E: wrong sequence",
            13 => "E2E: error",
            14 => "E2E: not available",
            15 => "E2E: no new data",
            0x20..=MOST_CODE => "Error of the service",
            _ => "Reserved error",
        }
    }
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::RequestNoReturn => "Request No Return",
            Self::Notification => "Notification",
            Self::Response => "Response",
            Self::Error => "Error",
        }
    }
}
