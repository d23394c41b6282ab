use crate::protocols::json::{self, Value};
use crate::reader::Reader;
use crate::string;

/// What of a command's header is told.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) code: Option<i32>,
    /// Number of the sender's release.
    pub(super) version: Option<i32>,
    /// Pairs a response with its request.
    pub(super) opaque: Option<i32>,
    pub(super) flag: i32,
    /// What went wrong, or how it went, in words.
    pub(super) remark: String,
    pub(super) fields: Fields,
}

/// What of its `extFields` is told.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) topic: String,
    pub(super) group: String,
    pub(super) queue: String,
    pub(super) offset: String,
    /// Of the message that is sent: name 1 value 2 name 1 value 2...
    pub(super) properties: Vec<u8>,
}

/// Bytes of a binary header before its texts.
pub(super) const BINARY: usize = 21;
/// Languages that clients are written in have lower numbers.
const MOST_LANGUAGE: u8 = 32;
/// Versions have lower numbers.
const MOST_VERSION: u16 = 2000;

impl Header {
    pub(super) fn read(kind: u8, header: &[u8]) -> Self {
        let mut h = Self::default();
        if kind == 0 {
            h.json(header);
        } else {
            let _ = h.binary(header);
        }
        h
    }

    pub(super) const fn is_response(&self) -> bool {
        self.flag & 1 != 0
    }

    pub(super) const fn is_one_way(&self) -> bool {
        self.flag & 2 != 0
    }

    fn json(&mut self, header: &[u8]) {
        json::members(header, |name, value| match (name, value) {
            (b"code", v) => self.code = v.number(),
            (b"version", v) => self.version = v.number(),
            (b"opaque", v) => self.opaque = v.number(),
            (b"flag", v) => self.flag = v.number().unwrap_or(0),
            (b"remark", v) => self.remark = string(v.bytes()),
            (b"extFields", Value::Nested(fields)) => {
                json::members(fields, |name, v| self.fields.take(name, v.bytes()));
            }
            _ => {}
        });
    }

    fn binary(&mut self, header: &[u8]) -> Option<()> {
        let mut r = Reader::new(header);
        self.code = Some(i32::from(r.i16()?));
        let _language = r.u8()?;
        self.version = Some(i32::from(r.u16()?));
        self.opaque = Some(r.i32()?);
        self.flag = r.i32()?;
        let remark = r.u32()?;
        self.remark = string(r.take(usize::try_from(remark).ok()?)?);
        let _bytes_of_fields = r.u32()?;
        while !r.is_empty() {
            let name = r.u16()?;
            let name = r.take(usize::from(name))?;
            let value = r.u32()?;
            self.fields
                .take(name, r.take(usize::try_from(value).ok()?)?);
        }
        Some(())
    }
}

/// The bytes may begin a binary header of this length.
pub(super) fn is_binary(header: &[u8], length: usize) -> bool {
    let mut r = Reader::new(header);
    let mut check = || {
        let (_code, language, version) = (r.u16()?, r.u8()?, r.u16()?);
        let (_opaque, flag) = (r.u32()?, r.u32()?);
        let remark = usize::try_from(r.u32()?).ok()?;
        let rest = length.checked_sub(BINARY)?.checked_sub(remark)?;
        let fields = match r.take(remark) {
            Some(_) => r.u32().is_none_or(|n| n as usize == rest),
            None => true,
        };
        Some(fields && language < MOST_LANGUAGE && version < MOST_VERSION && flag <= 3)
    };
    check().unwrap_or(false)
}

impl Fields {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        // SEND_MESSAGE_V2 shortens its names to letters.
        match name {
            b"topic" | b"b" => self.topic = string(value),
            b"consumerGroup" | b"producerGroup" | b"group" | b"a" if !value.is_empty() => {
                self.group = string(value);
            }
            b"queueId" | b"e" => self.queue = string(value),
            b"queueOffset" => self.offset = string(value),
            b"commitOffset" | b"offset" if self.offset.is_empty() => self.offset = string(value),
            b"properties" | b"i" => self.properties = value.to_vec(),
            _ => {}
        }
    }
}

/// Calls `take` with each of a message's properties; one that is cut off is left out.
pub(super) fn properties(properties: &[u8], mut take: impl FnMut(&[u8], &[u8])) {
    for property in properties.split(|b| *b == 2) {
        let mut parts = property.splitn(2, |b| *b == 1);
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            take(name, value);
        }
    }
}
