//! What the fields of a header block say.
use super::grpc;
use crate::endpoint::endpoint;
use crate::trace::{Configured, TraceHeaders};
use crate::{Settings, string, text};
use messages::{L7Message, L7Protocol, ResponseStatus, Text};
use std::mem::take;

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
    method: Text,
    path: Text,
    authority: Text,
    host: Text,
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
    #[inline]
    pub(super) fn take(
        &mut self,
        settings: &Settings,
        configured: &Configured,
        field: Option<(&[u8], &[u8])>,
    ) {
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
        // By length first: most names are told from all others by it.
        match name.len() {
            4 if name == b"host" => self.host = text(value),
            5 if name == b":path" => self.path = text(value),
            7 if name == b":method" => self.method = method(value),
            7 if name == b":status" => {
                self.status = digits(value).and_then(|n| u16::try_from(n).ok());
            }
            7 if name == b"referer" => self.trace.referer(value),
            10 if name == b":authority" => self.authority = text(value),
            10 if name == b"user-agent" => self.trace.user_agent(value),
            11 if name == b"grpc-status" => self.grpc_status = digits(value),
            12 if name == b"content-type" => {
                self.content_type = Some(value.starts_with(b"application/grpc"));
            }
            12 if name == b"grpc-message" => {
                self.grpc_message = string(&grpc::percent_decoded(value));
            }
            14 if name == b"content-length" => self.content_length = digits(value),
            _ => {}
        }
        self.grpc_fields |= name.starts_with(b"grpc-");
        if configured.may_hold(name) {
            self.trace.take(settings, name, value);
        }
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
    pub(super) fn is_request(&self) -> bool {
        !self.method.is_empty() || !self.path.is_empty() || !self.authority.is_empty()
    }

    /// Writes the request that the block is the head of into `m`, which is one of its protocol.
    pub(super) fn request(&mut self, m: &mut L7Message, stream: u32, settings: &Settings) {
        of_stream(m, stream);
        let is_grpc = m.protocol == L7Protocol::Grpc;
        m.request_type = take(&mut self.method);
        m.request_domain = match self.authority.is_empty() {
            true => take(&mut self.host),
            false => take(&mut self.authority),
        };
        m.endpoint = match &self.path {
            p if p.is_empty() => "".into(),
            p if is_grpc => p.clone(),
            p => endpoint(p, settings.endpoint_segments).into(),
        };
        if is_grpc {
            m.rpc_service = grpc::service(&self.path).to_owned().into();
        }
        m.request_resource = take(&mut self.path);
        m.request_length = self.content_length;
        take(&mut self.trace).finish(m);
    }

    /// Writes the response that the block is the head of, and perhaps the end, too, into `m`, which is one of its
    /// protocol.
    pub(super) fn response(&mut self, m: &mut L7Message, stream: u32) {
        of_stream(m, stream);
        m.status = match self.status {
            None => ResponseStatus::Unknown,
            Some(400..=499) => ResponseStatus::ClientError,
            Some(500..=599) => ResponseStatus::ServerError,
            // How a call went is said at its end.
            Some(_) if m.protocol == L7Protocol::Grpc => ResponseStatus::Unknown,
            Some(_) => ResponseStatus::Ok,
        };
        m.code = self.status.map(i32::from);
        m.response_length = self.content_length;
        self.end(m);
        take(&mut self.trace).finish(m);
    }

    /// What the block, at the end of a response, says of it.
    pub(super) fn end(&mut self, m: &mut L7Message) {
        let Some(code) = self.grpc_status else {
            return;
        };
        m.protocol = L7Protocol::Grpc;
        m.status = grpc::status(code);
        m.attributes.reserve_exact(1);
        match grpc::digits(code) {
            Some(digits) => m.attribute("grpc_status", digits),
            None => m.attribute("grpc_status", code.to_string()),
        }
        if code != 0 {
            m.exception = match take(&mut self.grpc_message) {
                text if text.is_empty() => grpc::name(code).into(),
                text => text.into(),
            };
        }
    }
}

/// What every message of a stream has.
pub(super) fn of_stream(m: &mut L7Message, stream: u32) {
    m.session = Some(u64::from(stream));
    m.request_id = m.session;
    m.version = "2".into();
}

pub(super) const fn protocol(grpc: bool) -> L7Protocol {
    match grpc {
        true => L7Protocol::Grpc,
        false => L7Protocol::Http2,
    }
}

/// A method; the usual ones need no memory.
fn method(value: &[u8]) -> Text {
    match value {
        b"GET" => "GET".into(),
        b"POST" => "POST".into(),
        b"PUT" => "PUT".into(),
        b"HEAD" => "HEAD".into(),
        b"PATCH" => "PATCH".into(),
        b"DELETE" => "DELETE".into(),
        b"OPTIONS" => "OPTIONS".into(),
        other => text(other),
    }
}

fn digits(value: &[u8]) -> Option<u32> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u32, |n, b| {
        let digit = b.is_ascii_digit().then(|| u32::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}
