use crate::reader::Reader;
use messages::Side;

/// Bytes of the head of a record.
pub(super) const HEAD: usize = 8;

/// Types of records (FastCGI specification, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BeginRequest,
    AbortRequest,
    EndRequest,
    Params,
    Stdin,
    Stdout,
    Stderr,
    Data,
    GetValues,
    GetValuesResult,
    UnknownType,
}

impl Kind {
    const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::BeginRequest,
            2 => Self::AbortRequest,
            3 => Self::EndRequest,
            4 => Self::Params,
            5 => Self::Stdin,
            6 => Self::Stdout,
            7 => Self::Stderr,
            8 => Self::Data,
            9 => Self::GetValues,
            10 => Self::GetValuesResult,
            11 => Self::UnknownType,
            _ => return None,
        })
    }

    /// The web server is the client of the application.
    pub(super) const fn sender(self) -> Side {
        match self {
            Self::EndRequest
            | Self::Stdout
            | Self::Stderr
            | Self::GetValuesResult
            | Self::UnknownType => Side::Server,
            _ => Side::Client,
        }
    }

    /// It is about the connection, not about a request.
    pub(super) const fn is_management(self) -> bool {
        matches!(
            self,
            Self::GetValues | Self::GetValuesResult | Self::UnknownType
        )
    }

    /// Bytes of content, where they are always as many.
    const fn size(self) -> Option<usize> {
        match self {
            Self::BeginRequest | Self::EndRequest | Self::UnknownType => Some(8),
            Self::AbortRequest => Some(0),
            _ => None,
        }
    }
}

/// A record, or what is still to come of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// Number of the request; 0 for the connection itself.
    pub(super) id: u16,
    /// Bytes of content.
    pub(super) size: usize,
    /// Bytes behind the content that mean nothing.
    pub(super) padding: usize,
}

impl Record {
    /// `None` where it cannot be one, or its head is not whole.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let (version, kind, id) = (r.u8()?, r.u8()?, r.u16()?);
        let (size, padding, _reserved) = (r.u16()?, r.u8()?, r.u8()?);
        let record = Self {
            kind: Kind::of(kind)?,
            id,
            size: usize::from(size),
            padding: usize::from(padding),
        };
        let fits = version == 1
            && record.kind.is_management() == (id == 0)
            && record.kind.size().is_none_or(|n| n == record.size);
        fits.then_some(record)
    }

    /// The same, of a sender who pads to whole words or not at all, as all do.
    pub(super) fn read_strict(data: &[u8]) -> Option<Self> {
        Self::read(data).filter(|r| {
            data.get(7) == Some(&0) && (r.padding == 0 || (r.size + r.padding).is_multiple_of(8))
        })
    }

    pub(super) const fn total(self) -> usize {
        HEAD + self.size + self.padding
    }
}
