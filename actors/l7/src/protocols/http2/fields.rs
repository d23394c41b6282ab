//! What the fields of a header block say.
use super::grpc;
use crate::endpoint::endpoint;
use crate::trace::TraceHeaders;
use crate::{Settings, string};
use messages::{L7Message, L7Protocol, ResponseStatus};

/// What the first field of a block is: the pseudo-header fields of a head come before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum First {
    #[default]
    Unknown,
    Pseudo,
    Regular,
}

/// Collected from one block; what is not known of it is as if it were not there.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) first: First,
    /// Fields of the block so far.
    count: usize,
    /// There were fields that are not known.
    pub(super) unknown: bool,
    method: String,
    path: String,
    authority: String,
    host: String,
    pub(super) status: Option<u16>,
    /// `content-type`: it is gRPC's.
    content_type: Option<bool>,
    /// There are fields that only gRPC has.
    grpc_fields: bool,
    content_length: Option<u32>,
    pub(super) grpc_status: Option<u32>,
    grpc_message: String,
    trace: TraceHeaders,
}

impl Fields {
    /// Takes in the next field; `None` = it is not known.
    pub(super) fn take(&mut self, settings: &Settings, field: Option<(&[u8], &[u8])>) {
        self.count += 1;
        let Some((name, value)) = field else {
            self.unknown = true;
            return;
        };
        if self.count == 1 {
            self.first = match name {
                [b':', ..] => First::Pseudo,
                _ => First::Regular,
            };
        }
        match name {
            b":method" => self.method = string(value),
            b":path" => self.path = string(value),
            b":authority" => self.authority = string(value),
            b":status" => self.status = digits(value).and_then(|n| u16::try_from(n).ok()),
            b"host" => self.host = string(value),
            b"content-type" => self.content_type = Some(value.starts_with(b"application/grpc")),
            b"content-length" => self.content_length = digits(value),
            b"grpc-status" => self.grpc_status = digits(value),
            b"grpc-message" => self.grpc_message = string(&grpc::percent_decoded(value)),
            b"user-agent" => self.trace.user_agent(value),
            b"referer" => self.trace.referer(value),
            _ => {}
        }
        self.grpc_fields |= name.starts_with(b"grpc-");
        self.trace.take(settings, name, value);
    }

    /// It is gRPC: `None` = it cannot be told.
    pub(super) const fn grpc(&self) -> Option<bool> {
        match self.content_type {
            None if self.grpc_fields => Some(true),
            None if self.unknown => None,
            None => Some(false),
            known => known,
        }
    }

    /// A response that others follow (RFC 9110, section 15.2).
    pub(super) fn is_interim(&self) -> bool {
        self.status.is_some_and(|s| s / 100 == 1)
    }

    /// There is what only a request has.
    pub(super) const fn is_request(&self) -> bool {
        !self.method.is_empty() || !self.path.is_empty() || !self.authority.is_empty()
    }

    /// The request that the block is the head of.
    pub(super) fn request(self, stream: u32, grpc: bool, settings: &Settings) -> L7Message {
        let mut m = of_stream(L7Message::request(protocol(grpc)), stream);
        m.request_type = self.method.into();
        m.request_domain = match self.authority.is_empty() {
            true => self.host.into(),
            false => self.authority.into(),
        };
        m.endpoint = match &self.path {
            p if p.is_empty() => "".into(),
            p if grpc => p.clone().into(),
            p => endpoint(p, settings.endpoint_segments).into(),
        };
        if grpc {
            m.rpc_service = grpc::service(&self.path).to_owned().into();
        }
        m.request_resource = self.path.into();
        m.request_length = self.content_length;
        self.trace.finish(&mut m);
        m
    }

    /// The response that the block is the head of, and perhaps the end, too.
    pub(super) fn response(mut self, stream: u32, grpc: bool) -> L7Message {
        let status = match self.status {
            None => ResponseStatus::Unknown,
            Some(400..=499) => ResponseStatus::ClientError,
            Some(500..=599) => ResponseStatus::ServerError,
            // How a call went is said at its end.
            Some(_) if grpc => ResponseStatus::Unknown,
            Some(_) => ResponseStatus::Ok,
        };
        let mut m = of_stream(L7Message::response(protocol(grpc), status), stream);
        m.code = self.status.map(i32::from);
        m.response_length = self.content_length;
        self.end(&mut m);
        self.trace.finish(&mut m);
        m
    }

    /// What the block, at the end of a response, says of it.
    pub(super) fn end(&mut self, m: &mut L7Message) {
        let Some(code) = self.grpc_status else {
            return;
        };
        m.protocol = L7Protocol::Grpc;
        m.status = grpc::status(code);
        m.attribute("grpc_status", code.to_string());
        if code != 0 {
            m.exception = match std::mem::take(&mut self.grpc_message) {
                text if text.is_empty() => grpc::name(code).into(),
                text => text.into(),
            };
        }
    }
}

/// What every message of a stream has.
pub(super) fn of_stream(mut m: L7Message, stream: u32) -> L7Message {
    m.session = Some(u64::from(stream));
    m.request_id = m.session;
    m.version = "2".into();
    m
}

pub(super) const fn protocol(grpc: bool) -> L7Protocol {
    match grpc {
        true => L7Protocol::Grpc,
        false => L7Protocol::Http2,
    }
}

fn digits(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}
