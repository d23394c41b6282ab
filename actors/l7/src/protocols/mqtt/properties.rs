use super::packet::string;
use crate::Settings;
use crate::reader::Reader;
use crate::trace::TraceHeaders;

/// What of the properties of a packet is told (MQTT 5.0, 2.2.2).
#[derive(Debug, Default)]
pub(super) struct Properties<'a> {
    pub(super) assigned_client_id: &'a [u8],
    pub(super) response_topic: &'a [u8],
    pub(super) reason: &'a [u8],
    pub(super) topic_alias: Option<u16>,
}

impl<'a> Properties<'a> {
    /// Reads the length and the properties; user properties may be headers of traces. Of a property that is not
    /// known the length is not known either: those after it are not read. `None` where their end is not there.
    pub(super) fn read(
        r: &mut Reader<'a>,
        settings: &Settings,
        trace: &mut TraceHeaders,
    ) -> Option<Self> {
        let n = r.varint()? as usize;
        let mut own = Reader::new(r.take(n)?);
        let mut p = Self::default();
        while !own.is_empty() && p.next(&mut own, settings, trace).is_some() {}
        Some(p)
    }

    fn next(
        &mut self,
        r: &mut Reader<'a>,
        settings: &Settings,
        trace: &mut TraceHeaders,
    ) -> Option<()> {
        match r.u8()? {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => _ = r.u8()?,
            0x13 | 0x21 | 0x22 => _ = r.u16()?,
            0x23 => self.topic_alias = Some(r.u16()?),
            0x02 | 0x11 | 0x18 | 0x27 => _ = r.u32()?,
            0x0b => _ = r.varint()?,
            0x03 | 0x09 | 0x15 | 0x16 | 0x1a | 0x1c => _ = string(r)?,
            0x08 => self.response_topic = string(r)?,
            0x12 => self.assigned_client_id = string(r)?,
            0x1f => self.reason = string(r)?,
            0x26 => {
                let name = string(r)?;
                trace.take(settings, name, string(r)?);
            }
            _ => return None,
        }
        Some(())
    }
}
