use crate::{L7Protocol, Side};
use smol_str::SmolStr;

/// A text of a message. Words that are known and what is short need no memory of their own, and copies of what is long
/// share it. Empty = absent.
pub type Text = SmolStr;

/// What a message is in its conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// Asks for an answer.
    #[default]
    Request = 0,
    /// Answers.
    Response = 1,
    /// Expects no answer, or stands for both sides.
    Session = 2,
}

/// How a request went, as rows and the wire number it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ResponseStatus {
    Ok = 0,
    Timeout = 2,
    ServerError = 3,
    ClientError = 4,
    /// It was not seen how.
    #[default]
    Unknown = 5,
    /// The answer could not be read.
    ParseFailed = 6,
}

/// Where in the capture a byte was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Number of the frame in its capture file, from 1; 0 in live capture.
    pub frame: u64,
    /// Time of the packet, ns since the epoch.
    pub time_ns: u64,
    /// Its TCP sequence number.
    pub tcp_seq: u32,
}

/// What ties a message to a trace and to what stands behind proxies; few messages have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// Trace ids, the most trusted first; at most [`TraceContext::MOST_IDS`].
    pub trace_ids: Vec<String>,
    /// Span id.
    pub span_id: String,
    /// Request id that proxies pass on.
    pub x_request_id: String,
    /// Address of the client in front of all proxies.
    pub client_ip: String,
    /// User agent of the client.
    pub user_agent: String,
    /// Page that led here.
    pub referer: String,
}

impl TraceContext {
    /// More trace ids are not kept.
    pub const MOST_IDS: usize = 3;

    /// Adds what `other` knows beyond this.
    pub(crate) fn add(&mut self, other: Self) {
        for id in other.trace_ids {
            if self.trace_ids.len() < Self::MOST_IDS && !self.trace_ids.contains(&id) {
                self.trace_ids.push(id);
            }
        }
        for (mine, theirs) in [
            (&mut self.span_id, other.span_id),
            (&mut self.x_request_id, other.x_request_id),
            (&mut self.client_ip, other.client_ip),
            (&mut self.user_agent, other.user_agent),
            (&mut self.referer, other.referer),
        ] {
            if mine.is_empty() {
                *mine = theirs;
            }
        }
    }

    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A message of an application protocol, as parsed: FlowGenerator to AppProtoLogsParser as part of a `MetaAppProto`.
///
/// Every text is bounded by its parser; an empty one is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L7Message {
    /// Protocol.
    pub protocol: L7Protocol,
    /// Request, response or alone.
    pub kind: MessageKind,
    /// Who sent it. Requests of [`Side::Server`] are the server's own.
    pub from: Side,
    /// The protocol's own number that a response shares with its request; `None` where responses come in order.
    pub session: Option<u64>,
    /// First byte.
    pub start: Mark,
    /// Last byte that was needed to know all this.
    pub end: Mark,
    /// Bytes of it that were seen on the wire from first to last.
    pub captured_bytes: u32,
    /// It went over TLS.
    pub is_tls: bool,
    /// Sent without waiting.
    pub is_async: bool,
    /// Version of the protocol.
    pub version: Text,
    /// Method, command, kind of request.
    pub request_type: Text,
    /// Whom it is for: host, virtual host, database.
    pub request_domain: Text,
    /// What it is about: path, statement, topic.
    pub request_resource: Text,
    /// `request_resource` with what varies taken off.
    pub endpoint: Text,
    /// Number of the request as the protocol states it.
    pub request_id: Option<u64>,
    /// Length of the request as the protocol states it, bytes.
    pub request_length: Option<u32>,
    /// Length of the response as the protocol states it, bytes.
    pub response_length: Option<u32>,
    /// How it went; of requests [`ResponseStatus::Unknown`].
    pub status: ResponseStatus,
    /// The protocol's own code of how it went.
    pub code: Option<i32>,
    /// What went wrong, in words.
    pub exception: Text,
    /// What was answered.
    pub result: Text,
    /// Service that is called.
    pub rpc_service: Text,
    /// Rows that a statement changed.
    pub affected_rows: Option<u64>,
    /// Traces and proxies.
    pub trace: Option<Box<TraceContext>>,
    /// What a protocol has beyond all this.
    pub attributes: Vec<(Text, Text)>,
}

impl L7Message {
    /// A request of `protocol`.
    #[must_use]
    pub fn request(protocol: L7Protocol) -> Self {
        Self {
            protocol,
            ..Self::default()
        }
    }

    /// A response of `protocol` that is known to have gone as `status` says.
    #[must_use]
    pub fn response(protocol: L7Protocol, status: ResponseStatus) -> Self {
        Self {
            protocol,
            kind: MessageKind::Response,
            status,
            ..Self::default()
        }
    }

    /// A message of `protocol` that stands alone.
    #[must_use]
    pub fn session(protocol: L7Protocol) -> Self {
        Self {
            protocol,
            kind: MessageKind::Session,
            ..Self::default()
        }
    }

    /// It counts as one that asks: a request, or a lone message of a client.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        match self.kind {
            MessageKind::Request => true,
            MessageKind::Response => false,
            MessageKind::Session => self.from == Side::Client,
        }
    }

    /// It counts as one that answers: a response, or a lone message of a server that does something; a greeting does
    /// not.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        match self.kind {
            MessageKind::Request => false,
            MessageKind::Response => true,
            MessageKind::Session => self.from == Side::Server && !self.request_type.is_empty(),
        }
    }

    /// The server asked or spoke by itself, or the client answered: client and server change their roles.
    #[must_use]
    pub const fn is_reversed(&self) -> bool {
        matches!(
            (self.kind, self.from),
            (MessageKind::Request | MessageKind::Session, Side::Server)
                | (MessageKind::Response, Side::Client)
        )
    }

    /// Adds what the protocol has beyond the fields; an empty value is absent.
    pub fn attribute(&mut self, name: &'static str, value: impl Into<Text>) {
        let value = value.into();
        if !value.is_empty() {
            self.attributes.push((Text::new_static(name), value));
        }
    }

    /// The traces and proxies, made where there are none yet.
    pub fn trace_mut(&mut self) -> &mut TraceContext {
        self.trace.get_or_insert_default()
    }
}
