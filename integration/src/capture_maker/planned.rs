use super::frame::{UDP_HEADER, Wrap, ip_header, tcp_header};
use super::side::Side;
use messages::CloseType;
use std::net::IpAddr;

/// What a packet carries: bytes of its flow's text, then filler, so that long bodies need not be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Payload {
    /// Where in the text.
    pub(super) at: u32,
    /// Bytes from the text.
    pub(super) text: u32,
    /// Bytes of filler after them.
    pub(super) filler: u32,
}

impl Payload {
    pub(super) const NONE: Self = Self::filler(0);

    pub(super) const fn filler(bytes: u32) -> Self {
        Self {
            at: 0,
            text: 0,
            filler: bytes,
        }
    }

    pub(super) const fn len(self) -> u32 {
        self.text + self.filler
    }

    /// The first `bytes` of it, which it loses.
    pub(super) fn take(&mut self, bytes: u32) -> Self {
        let text = self.text.min(bytes);
        let taken = Self {
            at: self.at,
            text,
            filler: (bytes - text).min(self.filler),
        };
        self.at += text;
        self.text -= text;
        self.filler -= taken.filler;
        taken
    }
}

/// What follows the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp {
        seq: u32,
        ack: u32,
        flags: u8,
        window: u16,
    },
    Udp,
    /// A part of a datagram whose payload is `whole`, from `offset` bytes after the IP header on.
    Fragment {
        id: u16,
        offset: u16,
        last: bool,
        whole: Payload,
    },
}

impl Transport {
    /// Flags and window of a segment.
    pub(super) const fn tcp(&self) -> Option<(u8, u16)> {
        match self {
            Self::Tcp { flags, window, .. } => Some((*flags, *window)),
            Self::Udp | Self::Fragment { .. } => None,
        }
    }

    /// Bytes of the transport header that the packet has; later fragments have none.
    pub(super) const fn header(&self) -> u32 {
        match self {
            Self::Tcp { flags, .. } => tcp_header(*flags),
            Self::Udp | Self::Fragment { offset: 0, .. } => UDP_HEADER,
            Self::Fragment { .. } => 0,
        }
    }
}

/// An application protocol as `replay` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum L7 {
    Http,
    Tls,
    Mysql,
    Redis,
    Grpc,
    Dns,
}

impl L7 {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Tls => "TLS",
            Self::Mysql => "MySQL",
            Self::Redis => "Redis",
            Self::Grpc => "gRPC",
            Self::Dns => "DNS",
        }
    }
}

/// Whose fault an answer tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    ClientError,
    ServerError,
}

/// What an application message is; one that expects no answer is a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Request(L7),
    Response(L7, Status),
    Session(L7),
}

/// What a packet must be found to say; delays in us, 0 where it tells none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) rtt: u32,
    pub(super) rtt_client: u32,
    pub(super) rtt_server: u32,
    pub(super) srt: u32,
    pub(super) art: u32,
    pub(super) cit: u32,
    /// It was captured before.
    pub(super) again: bool,
    /// It fills a hole.
    pub(super) out_of_order: bool,
    /// An application message begins here.
    pub(super) said: Option<Said>,
}

/// How a flow stands after a packet: how it ends if none follows, and after how many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) close: CloseType,
    pub(super) timeout_s: u64,
}

/// A packet before it is bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// When it is captured, us after the start of its flow.
    pub(super) at_us: u64,
    pub(super) side: Side,
    pub(super) transport: Transport,
    pub(super) payload: Payload,
    pub(super) marks: Marks,
    pub(super) stand: Stand,
}

/// Bytes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// On the wire.
    pub(super) wire: u32,
    /// After the (inner) IP header.
    pub(super) l3: u32,
    /// After the transport header.
    pub(super) l4: u32,
}

impl Size {
    /// Of a packet between addresses of the kind of `ip`, where short frames are padded if `pad`.
    pub(super) fn of(p: &Planned, ip: IpAddr, wrap: &Wrap, pad: bool) -> Self {
        let l4 = p.payload.len();
        let l3 = p.transport.header() + l4;
        let wire = wrap.overhead() + ip_header(ip) + l3;
        Self {
            wire: if pad {
                wire.max(super::frame::MIN_FRAME)
            } else {
                wire
            },
            l3,
            l4,
        }
    }
}
