//! The frame between agent and server: a header of 19 bytes and repeated length-prefixed messages.
//!
//! | offset | size | field | byte order |
//! |---|---|---|---|
//! | 0 | 4 | size of the whole frame | big |
//! | 4 | 1 | message type | |
//! | 5 | 2 | version, 0x8000 | little |
//! | 7 | 1 | encoder | |
//! | 8 | 4 | team id | little |
//! | 12 | 2 | organisation id | little |
//! | 14 | 2 | reserved | |
//! | 16 | 2 | agent id | little |
//! | 18 | 1 | reserved | |

/// Bytes of the header.
pub const HEADER_LEN: usize = 19;
/// The version that both sides speak.
pub const VERSION: u16 = 0x8000;
/// Largest frame that a server takes.
pub const MAX_FRAME: usize = 16 << 20;
/// An agent closes a frame when its uncompressed body passes this many bytes.
pub const BATCH_BYTES: usize = 262_144;

/// What the messages of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the wire's own")]
pub enum MessageType {
    Compress = 0,
    Syslog = 1,
    ServerDfstats = 2,
    Metrics = 3,
    TaggedFlow = 4,
    ProtocolLog = 5,
    OpenTelemetry = 6,
    Prometheus = 7,
    Telegraf = 8,
    PacketSequence = 9,
    Dfstats = 10,
    OpenTelemetryCompressed = 11,
    RawPcap = 12,
    Profile = 13,
    ProcEvent = 14,
    AlarmEvent = 15,
    K8sEvent = 16,
    ApplicationLog = 17,
    AgentLog = 18,
    SkyWalking = 19,
    Datadog = 20,
    AlertEvent = 21,
}

impl MessageType {
    /// Every type, by number.
    pub const ALL: [Self; 22] = [
        Self::Compress,
        Self::Syslog,
        Self::ServerDfstats,
        Self::Metrics,
        Self::TaggedFlow,
        Self::ProtocolLog,
        Self::OpenTelemetry,
        Self::Prometheus,
        Self::Telegraf,
        Self::PacketSequence,
        Self::Dfstats,
        Self::OpenTelemetryCompressed,
        Self::RawPcap,
        Self::Profile,
        Self::ProcEvent,
        Self::AlarmEvent,
        Self::K8sEvent,
        Self::ApplicationLog,
        Self::AgentLog,
        Self::SkyWalking,
        Self::Datadog,
        Self::AlertEvent,
    ];

    /// The type with this number.
    #[must_use]
    pub fn from_number(n: u8) -> Option<Self> {
        Self::ALL.get(usize::from(n)).copied()
    }
}

/// How the body of a frame is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the formats' own")]
pub enum Encoder {
    Raw = 0,
    Zlib = 1,
    Gzip = 2,
    Zstd = 3,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole frame, header included.
    pub frame_size: u32,
    /// What its messages are.
    pub message_type: MessageType,
    /// How the body is compressed.
    pub encoder: Encoder,
    /// Team, 0 before registration.
    pub team_id: u32,
    /// Organisation, 0 before registration.
    pub org_id: u16,
    /// Agent, 0 before registration.
    pub agent_id: u16,
}

/// Why bytes are not the header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// No message type has this number.
    UnknownType(u8),
    /// No encoder has this number.
    UnknownEncoder(u8),
    /// The frame claims fewer bytes than its header has.
    TooShort(u32),
    /// The frame claims more than [`MAX_FRAME`].
    TooLong(u32),
}

impl std::fmt::Display for HeaderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownType(n) => write!(f, "message type {n} is unknown"),
            Self::UnknownEncoder(n) => {
                write!(f, "encoder {n} is unknown (0 raw, 1 zlib, 2 gzip, 3 zstd)")
            }
            Self::TooShort(n) => write!(
                f,
                "a frame of {n} bytes is shorter than its header of {HEADER_LEN}"
            ),
            Self::TooLong(n) => write!(f, "a frame of {n} bytes is over the limit of {MAX_FRAME}"),
        }
    }
}

impl std::error::Error for HeaderError {}

impl Header {
    /// The header as it goes onto the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut b = [0; HEADER_LEN];
        b[0..4].copy_from_slice(&self.frame_size.to_be_bytes());
        b[4] = self.message_type as u8;
        b[5..7].copy_from_slice(&VERSION.to_le_bytes());
        b[7] = self.encoder as u8;
        b[8..12].copy_from_slice(&self.team_id.to_le_bytes());
        b[12..14].copy_from_slice(&self.org_id.to_le_bytes());
        b[16..18].copy_from_slice(&self.agent_id.to_le_bytes());
        b
    }

    /// Reads a header.
    ///
    /// A version other than [`VERSION`] is the legacy header, of which only the agent id means anything: its frames
    /// belong to organisation and team 1 and are not compressed.
    ///
    /// # Errors
    /// When the type or encoder is unknown or the size is impossible: the stream cannot be followed further.
    pub fn decode(b: &[u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        let frame_size = u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
        if (frame_size as usize) < HEADER_LEN {
            return Err(HeaderError::TooShort(frame_size));
        }
        if frame_size as usize > MAX_FRAME {
            return Err(HeaderError::TooLong(frame_size));
        }
        let message_type = MessageType::from_number(b[4]).ok_or(HeaderError::UnknownType(b[4]))?;
        let agent_id = u16::from_le_bytes([b[16], b[17]]);
        if u16::from_le_bytes([b[5], b[6]]) != VERSION {
            return Ok(Self {
                frame_size,
                message_type,
                encoder: Encoder::Raw,
                team_id: 1,
                org_id: 1,
                agent_id,
            });
        }
        let encoder = match b[7] {
            0 => Encoder::Raw,
            1 => Encoder::Zlib,
            2 => Encoder::Gzip,
            3 => Encoder::Zstd,
            n => return Err(HeaderError::UnknownEncoder(n)),
        };
        Ok(Self {
            frame_size,
            message_type,
            encoder,
            team_id: u32::from_le_bytes([b[8], b[9], b[10], b[11]]),
            org_id: u16::from_le_bytes([b[12], b[13]]),
            agent_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_as_it_went_out() {
        let h = Header {
            frame_size: 365,
            message_type: MessageType::TaggedFlow,
            encoder: Encoder::Zstd,
            team_id: 70_000,
            org_id: 2,
            agent_id: 7,
        };
        let b = h.encode();
        assert_eq!(b[0..4], [0, 0, 1, 109], "the size is big-endian");
        assert_eq!(b[16..18], [7, 0], "the rest is little-endian");
        assert_eq!(Header::decode(&b), Ok(h));
    }

    #[test]
    fn impossible_headers_are_refused() {
        let ok = Header {
            frame_size: 19,
            message_type: MessageType::Metrics,
            encoder: Encoder::Raw,
            team_id: 0,
            org_id: 0,
            agent_id: 0,
        }
        .encode();
        let with = |at: usize, v: u8| {
            let mut b = ok;
            b[at] = v;
            Header::decode(&b)
        };
        assert_eq!(with(4, 22), Err(HeaderError::UnknownType(22)));
        assert_eq!(with(7, 4), Err(HeaderError::UnknownEncoder(4)));
        assert_eq!(with(3, 18), Err(HeaderError::TooShort(18)));
        assert_eq!(with(0, 0xff), Err(HeaderError::TooLong(0xff00_0013)));
    }

    #[test]
    fn a_legacy_header_keeps_only_its_agent_id() {
        let mut b = [0; HEADER_LEN];
        b[3] = 30;
        b[4] = 3;
        b[7] = 99;
        b[16] = 9;
        let h = Header::decode(&b).unwrap();
        assert_eq!(
            (h.agent_id, h.org_id, h.team_id, h.encoder),
            (9, 1, 1, Encoder::Raw)
        );
    }
}
