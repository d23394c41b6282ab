/// How a flow ended, or why it is reported while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[allow(
    missing_docs,
    reason = "the names are the field's own; `name` prints them"
)]
pub enum CloseType {
    #[default]
    Unknown = 0,
    Finish = 1,
    TcpServerRst = 2,
    Timeout = 3,
    /// Not an end: the flow's report of a second or minute.
    ForcedReport = 5,
    ClientSynRepeat = 7,
    ServerHalfClose = 8,
    TcpClientRst = 9,
    ServerSynAckRepeat = 10,
    ClientHalfClose = 11,
    ClientSourcePortReuse = 13,
    ServerReset = 15,
    ServerQueueLack = 17,
    ClientEstablishReset = 18,
    ServerEstablishReset = 19,
    /// A normal end that the client cut short with RST.
    TcpFinClientRst = 20,
}

impl CloseType {
    /// The name as `flowstage-agent replay` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Finish => "Finish",
            Self::TcpServerRst => "TcpServerRst",
            Self::Timeout => "Timeout",
            Self::ForcedReport => "ForcedReport",
            Self::ClientSynRepeat => "ClientSynRepeat",
            Self::ServerHalfClose => "ServerHalfClose",
            Self::TcpClientRst => "TcpClientRst",
            Self::ServerSynAckRepeat => "ServerSynAckRepeat",
            Self::ClientHalfClose => "ClientHalfClose",
            Self::ClientSourcePortReuse => "ClientSourcePortReuse",
            Self::ServerReset => "ServerReset",
            Self::ServerQueueLack => "ServerQueueLack",
            Self::ClientEstablishReset => "ClientEstablishReset",
            Self::ServerEstablishReset => "ServerEstablishReset",
            Self::TcpFinClientRst => "TcpFinClientRst",
        }
    }

    /// The flow goes on after this report.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::ForcedReport)
    }
}
