use super::packet::Packet;
use crate::sql::begins_statement;

macro_rules! commands {
    ($($name:ident = $byte:literal, $text:literal;)*) => {
        /// What a client asks a server to do: the first byte of a packet whose sequence number is 0.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Command {
            /// The answer to the greeting, which is no command but is answered like one.
            Login = 0xff,
            $($name = $byte,)*
        }

        impl Command {
            pub(super) const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$name),)* _ => None }
            }

            /// Its name in the protocol's documents.
            pub(super) const fn name(self) -> &'static str {
                match self { Self::Login => "", $(Self::$name => $text,)* }
            }
        }
    };
}

commands! {
    Sleep = 0x00, "COM_SLEEP";
    Quit = 0x01, "COM_QUIT";
    InitDb = 0x02, "COM_INIT_DB";
    Query = 0x03, "COM_QUERY";
    FieldList = 0x04, "COM_FIELD_LIST";
    CreateDb = 0x05, "COM_CREATE_DB";
    DropDb = 0x06, "COM_DROP_DB";
    Refresh = 0x07, "COM_REFRESH";
    Shutdown = 0x08, "COM_SHUTDOWN";
    Statistics = 0x09, "COM_STATISTICS";
    ProcessInfo = 0x0a, "COM_PROCESS_INFO";
    Connect = 0x0b, "COM_CONNECT";
    ProcessKill = 0x0c, "COM_PROCESS_KILL";
    Debug = 0x0d, "COM_DEBUG";
    Ping = 0x0e, "COM_PING";
    Time = 0x0f, "COM_TIME";
    DelayedInsert = 0x10, "COM_DELAYED_INSERT";
    ChangeUser = 0x11, "COM_CHANGE_USER";
    BinlogDump = 0x12, "COM_BINLOG_DUMP";
    TableDump = 0x13, "COM_TABLE_DUMP";
    ConnectOut = 0x14, "COM_CONNECT_OUT";
    RegisterSlave = 0x15, "COM_REGISTER_SLAVE";
    Prepare = 0x16, "COM_STMT_PREPARE";
    Execute = 0x17, "COM_STMT_EXECUTE";
    SendLongData = 0x18, "COM_STMT_SEND_LONG_DATA";
    Close = 0x19, "COM_STMT_CLOSE";
    Reset = 0x1a, "COM_STMT_RESET";
    SetOption = 0x1b, "COM_SET_OPTION";
    Fetch = 0x1c, "COM_STMT_FETCH";
    Daemon = 0x1d, "COM_DAEMON";
    BinlogDumpGtid = 0x1e, "COM_BINLOG_DUMP_GTID";
    ResetConnection = 0x1f, "COM_RESET_CONNECTION";
    Clone = 0x20, "COM_CLONE";
    BulkExecute = 0xfa, "COM_STMT_BULK_EXECUTE";
}

/// Lengths of COM_BINLOG_DUMP, _GTID and COM_REGISTER_SLAVE with everything empty, and of any name in them.
const LEAST_DUMP: usize = 11;
const LEAST_DUMP_GTID: usize = 23;
const LEAST_REGISTER: usize = 18;
const MOST_NAMES: usize = 1024;

impl Command {
    /// The server says nothing to it.
    pub(super) const fn is_silent(self) -> bool {
        matches!(self, Self::Quit | Self::SendLongData | Self::Close)
    }

    /// Its payload begins with the number of a statement.
    pub(super) const fn has_statement_id(self) -> bool {
        matches!(
            self,
            Self::Execute
                | Self::BulkExecute
                | Self::SendLongData
                | Self::Close
                | Self::Reset
                | Self::Fetch
        )
    }

    /// Its answer is a stream of events without an end.
    pub(super) const fn is_dump(self) -> bool {
        matches!(
            self,
            Self::BinlogDump | Self::BinlogDumpGtid | Self::TableDump
        )
    }

    /// Whether `p` can be a command, judged by its length and whatever else is certain of it; for where nobody knows
    /// whether a packet begins here.
    pub(super) fn fitting(p: &Packet<'_>) -> Option<Self> {
        if p.sequence != 0 {
            return None;
        }
        let command = Self::from_byte(p.first()?)?;
        let body = p.payload.get(1..).unwrap_or_default();
        let fits = match command {
            Self::Quit
            | Self::Statistics
            | Self::ProcessInfo
            | Self::Debug
            | Self::Ping
            | Self::ResetConnection => p.len == 1,
            Self::InitDb | Self::CreateDb | Self::DropDb => {
                (2..=MOST_NAMES).contains(&p.len) && is_text(body)
            }
            Self::Query | Self::Prepare => p.len > 4 && is_text(statement(body)),
            Self::FieldList => {
                (3..=MOST_NAMES).contains(&p.len) && body.iter().all(|b| *b == 0 || *b >= b' ')
            }
            Self::Refresh | Self::Shutdown => p.len <= 2,
            Self::ProcessKill | Self::Close | Self::Reset => p.len == 5,
            Self::ChangeUser => {
                let user = body.split(|b| *b == 0).next().unwrap_or_default();
                p.len > 4 && p.len <= 1 << 16 && user.len() < body.len() && is_text(user)
            }
            Self::BinlogDump => {
                let file = body.get(LEAST_DUMP - 1..).unwrap_or_default();
                (LEAST_DUMP..MOST_NAMES).contains(&p.len)
                    && is_flags(body.get(4..6))
                    && is_name(file)
            }
            Self::BinlogDumpGtid => {
                let length = body.get(6..10);
                (LEAST_DUMP_GTID..1 << 16).contains(&p.len)
                    && is_flags(body.get(..2))
                    && matches!(length, Some([_, 0 | 1, 0, 0]))
            }
            Self::RegisterSlave => {
                let host = body.get(4).map_or(0, |n| usize::from(*n));
                (LEAST_REGISTER..MOST_NAMES).contains(&p.len)
                    && body.get(5..5 + host).is_some_and(is_name)
            }
            // Flags are few, and the number of iterations is always 1.
            Self::Execute => {
                p.len >= 10 && matches!(body.get(4..9), Some([f, 1, 0, 0, 0]) if *f < 0x20)
            }
            Self::BulkExecute => p.len > 7 && matches!(body.get(4..6), Some([_, 0])),
            Self::SendLongData => p.len >= 7,
            Self::SetOption => p.len == 3,
            Self::Fetch => p.len == 9,
            // Nobody sends the others.
            _ => false,
        };
        fits.then_some(command)
    }

    /// Whether `data` can be commands and nothing else, as far as they go.
    pub(super) fn begins(data: &[u8]) -> bool {
        let mut rest = data;
        for i in 0..4 {
            let Some(p) = Packet::read(rest) else {
                return i > 0;
            };
            if p.payload.is_empty() && i > 0 {
                return p.sequence == 0;
            }
            if Self::fitting(&p).is_none() {
                return false;
            }
            rest = rest.get(p.total()..).unwrap_or_default();
            if rest.is_empty() {
                return true;
            }
        }
        true
    }

    /// `p` is certainly a command: it holds a statement.
    pub(super) fn is_statement(p: &Packet<'_>) -> bool {
        matches!(Self::fitting(p), Some(Self::Query | Self::Prepare))
            && begins_statement(statement(p.payload.get(1..).unwrap_or_default()))
    }
}

/// The text of a query without the mark that it has no attributes (MySQL 8.0.23 and later).
fn statement(body: &[u8]) -> &[u8] {
    body.strip_prefix(&[0, 1]).unwrap_or(body)
}

/// Flags of a dump are few.
const fn is_flags(flags: Option<&[u8]>) -> bool {
    matches!(flags, Some([0..=7, 0]))
}

fn is_name(name: &[u8]) -> bool {
    name.iter().all(|b| *b >= b' ' && *b != 0x7f)
}

/// The first bytes are text, whatever may be inside of literals later.
fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..16).unwrap_or(bytes);
    !head.is_empty()
        && head
            .iter()
            .all(|b| *b >= b' ' && *b != 0x7f || b.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(payload: &[u8]) -> Option<Command> {
        let mut data = vec![payload.len() as u8, 0, 0, 0];
        data.extend_from_slice(payload);
        Command::fitting(&Packet::read(&data).unwrap())
    }

    #[test]
    fn commands_are_known_by_their_shape() {
        for (payload, want) in [
            (&b"\x01"[..], Some(Command::Quit)),
            (b"\x0e\x00", None),
            (b"\x03select 1", Some(Command::Query)),
            (b"\x03\x00\x01select 1", Some(Command::Query)),
            (b"\x03\x00\x00\x00\x00\x00\x00", None),
            (b"\x17\x01\0\0\0\0\x01\0\0\0", Some(Command::Execute)),
            (b"\x17\x01\0\0\0\0\x02\0\0\0", None),
            (b"\x19\x01\0\0\0", Some(Command::Close)),
            (b"\x02db", Some(Command::InitDb)),
            (b"\x02\x01\x02", None),
            (b"\x11root\0\0db\0", Some(Command::ChangeUser)),
            (b"\x00", None),
            (b"\xc0select", None),
        ] {
            assert_eq!(fitting(payload), want, "{payload:?}");
        }
    }

    #[test]
    fn bytes_and_names_are_one_to_one() {
        let mut names: Vec<_> = (0..=255)
            .filter_map(Command::from_byte)
            .map(Command::name)
            .collect();
        let n = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((n, names.len()), (34, 34));
        assert_eq!(
            Command::from_byte(0x16).map(Command::name),
            Some("COM_STMT_PREPARE")
        );
    }
}
