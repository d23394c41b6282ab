//! Reads a `metric.Document` (message type 3) from its wire form; the numbers are those of `proto/metric.proto`.

use crate::protobuf::{Malformed, Reader, int, integers, len};
use store::rows::{AppMeterRow, FlowMeterRow};

/// The meter that counts traffic; one that has no table here is 4 (usage of a policy).
pub(crate) const METER_FLOW: u32 = 1;
/// The meter that counts requests.
pub(crate) const METER_APP: u32 = 5;

/// A document but for its meter, its bytes still where they came.
#[derive(Default)]
pub(crate) struct DocumentHead<'a> {
    pub(crate) time_s: u32,
    pub(crate) flags: u32,
    pub(crate) code: u64,
    /// Number of the meter's kind.
    pub(crate) meter_id: u32,
    pub(crate) tag: WireTag<'a>,
}

/// What a document is about.
#[derive(Default)]
pub(crate) struct WireTag<'a> {
    pub(crate) ip: [&'a [u8]; 2],
    pub(crate) is_ipv6: bool,
    pub(crate) l3_epc_id: [i32; 2],
    pub(crate) gpid: [u32; 2],
    pub(crate) global_thread_id: u8,
    pub(crate) direction: u8,
    pub(crate) tap_side: u8,
    pub(crate) protocol: u8,
    pub(crate) server_port: u16,
    pub(crate) vtap_id: u16,
    pub(crate) tap_port: u64,
    pub(crate) tap_type: u8,
    pub(crate) signal_source: u16,
    pub(crate) l7_protocol: u8,
    pub(crate) app_service: &'a [u8],
    pub(crate) app_instance: &'a [u8],
    pub(crate) endpoint: &'a [u8],
    pub(crate) biz_type: u8,
}

impl<'a> DocumentHead<'a> {
    #[inline]
    pub(crate) fn read(mut r: Reader<'a>) -> Result<Self, Malformed> {
        let mut d = Self::default();
        while let Some(key) = r.key()? {
            match key {
                DOC_TIMESTAMP => d.time_s = r.u32()?,
                DOC_TAG => d.read_tag(r.message()?)?,
                // Most of the message: passed over until it is known where it goes.
                DOC_METER => d.read_meter_id(r.message()?)?,
                DOC_FLAGS => d.flags = r.u32()?,
                other => r.skip(other)?,
            }
        }
        Ok(d)
    }

    #[inline]
    fn read_meter_id(&mut self, mut r: Reader<'a>) -> Result<(), Malformed> {
        while let Some(key) = r.key()? {
            match key {
                METER_ID => self.meter_id = r.u32()?,
                FLOW | APP => drop(r.message()?),
                other => r.skip(other)?,
            }
        }
        Ok(())
    }

    #[inline]
    fn read_tag(&mut self, mut r: Reader<'a>) -> Result<(), Malformed> {
        while let Some(key) = r.key()? {
            match key {
                TAG_FIELD => self.tag.read(r.message()?)?,
                TAG_CODE => self.code = r.varint()?,
                other => r.skip(other)?,
            }
        }
        Ok(())
    }
}

/// A meter that is read into the row it belongs to, all zeros before.
pub(crate) trait Meter {
    /// Its field in a `Meter`.
    const FIELD: u32;
    /// Reads it.
    fn read(&mut self, r: Reader<'_>) -> Result<(), Malformed>;
}

impl Meter for FlowMeterRow {
    const FIELD: u32 = FLOW;
    #[inline]
    fn read(&mut self, r: Reader<'_>) -> Result<(), Malformed> {
        read_flow_meter(r, self)
    }
}

impl Meter for AppMeterRow {
    const FIELD: u32 = APP;
    #[inline]
    fn read(&mut self, r: Reader<'_>) -> Result<(), Malformed> {
        read_app_meter(r, self)
    }
}

/// Reads the meter of the document in `r` into `m`.
#[inline]
pub(crate) fn read_meter<M: Meter>(mut r: Reader<'_>, m: &mut M) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        if key != DOC_METER {
            r.skip(key)?;
            continue;
        }
        let mut meter = r.message()?;
        while let Some(key) = meter.key()? {
            if key == M::FIELD {
                m.read(meter.message()?)?;
            } else {
                meter.skip(key)?;
            }
        }
    }
    Ok(())
}

#[inline]
fn read_flow_meter(mut r: Reader<'_>, m: &mut FlowMeterRow) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            FLOW_TRAFFIC => read_traffic(m, r.message()?)?,
            FLOW_LATENCY => read_latency(m, r.message()?)?,
            FLOW_PERFORMANCE => read_performance(m, r.message()?)?,
            FLOW_ANOMALY => read_anomaly(m, r.message()?)?,
            FLOW_LOAD => read_load(m, r.message()?)?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const DOC_TIMESTAMP: u32 = int(1);
const DOC_TAG: u32 = len(2);
const DOC_METER: u32 = len(3);
const DOC_FLAGS: u32 = int(4);
const TAG_FIELD: u32 = len(1);
const TAG_CODE: u32 = int(2);
const METER_ID: u32 = int(1);
const FLOW: u32 = len(2);
const APP: u32 = len(4);
const FLOW_TRAFFIC: u32 = len(1);
const FLOW_LATENCY: u32 = len(2);
const FLOW_PERFORMANCE: u32 = len(3);
const FLOW_ANOMALY: u32 = len(4);
const FLOW_LOAD: u32 = len(5);

impl<'a> WireTag<'a> {
    #[inline]
    fn read(&mut self, mut r: Reader<'a>) -> Result<(), Malformed> {
        while let Some(key) = r.key()? {
            match key {
                FIELD_IP => self.ip = [r.bytes()?, self.ip[1]],
                FIELD_IP1 => self.ip = [self.ip[0], r.bytes()?],
                FIELD_THREAD => self.global_thread_id = r.byte()?,
                FIELD_IS_IPV6 => self.is_ipv6 = r.flag()?,
                FIELD_EPC => self.l3_epc_id[0] = r.i32()?,
                FIELD_EPC1 => self.l3_epc_id[1] = r.i32()?,
                FIELD_DIRECTION => self.direction = r.byte()?,
                FIELD_TAP_SIDE => self.tap_side = r.byte()?,
                FIELD_PROTOCOL => self.protocol = r.byte()?,
                FIELD_SERVER_PORT => self.server_port = r.u16()?,
                FIELD_VTAP_ID => self.vtap_id = r.u16()?,
                FIELD_TAP_PORT => self.tap_port = r.varint()?,
                FIELD_TAP_TYPE => self.tap_type = r.byte()?,
                FIELD_GPID => self.gpid[0] = r.u32()?,
                FIELD_GPID1 => self.gpid[1] = r.u32()?,
                FIELD_SIGNAL_SOURCE => self.signal_source = r.u16()?,
                FIELD_L7_PROTOCOL => self.l7_protocol = r.byte()?,
                FIELD_APP_SERVICE => self.app_service = r.bytes()?,
                FIELD_APP_INSTANCE => self.app_instance = r.bytes()?,
                FIELD_ENDPOINT => self.endpoint = r.bytes()?,
                FIELD_BIZ_TYPE => self.biz_type = r.byte()?,
                other => r.skip(other)?,
            }
        }
        Ok(())
    }
}

const FIELD_IP: u32 = len(1);
const FIELD_IP1: u32 = len(2);
const FIELD_THREAD: u32 = int(3);
const FIELD_IS_IPV6: u32 = int(4);
const FIELD_EPC: u32 = int(5);
const FIELD_EPC1: u32 = int(6);
const FIELD_DIRECTION: u32 = int(9);
const FIELD_TAP_SIDE: u32 = int(10);
const FIELD_PROTOCOL: u32 = int(11);
const FIELD_SERVER_PORT: u32 = int(13);
const FIELD_VTAP_ID: u32 = int(14);
const FIELD_TAP_PORT: u32 = int(15);
const FIELD_TAP_TYPE: u32 = int(16);
const FIELD_GPID: u32 = int(20);
const FIELD_GPID1: u32 = int(21);
const FIELD_SIGNAL_SOURCE: u32 = int(22);
const FIELD_L7_PROTOCOL: u32 = int(17);
const FIELD_APP_SERVICE: u32 = len(23);
const FIELD_APP_INSTANCE: u32 = len(24);
const FIELD_ENDPOINT: u32 = len(25);
const FIELD_BIZ_TYPE: u32 = int(28);

#[inline]
fn read_traffic(m: &mut FlowMeterRow, mut r: Reader<'_>) -> Result<(), Malformed> {
    integers! { r;
        1 => m.packet_tx, varint;
        2 => m.packet_rx, varint;
        3 => m.byte_tx, varint;
        4 => m.byte_rx, varint;
        5 => m.l3_byte_tx, varint;
        6 => m.l3_byte_rx, varint;
        7 => m.l4_byte_tx, varint;
        8 => m.l4_byte_rx, varint;
        9 => m.new_flow, varint;
        10 => m.closed_flow, varint;
        11 => m.l7_request, u32;
        12 => m.l7_response, u32;
        13 => m.syn_count, u32;
        14 => m.synack_count, u32;
        15 => m.direction_score, byte;
    }
    Ok(())
}

#[inline]
fn read_latency(m: &mut FlowMeterRow, mut r: Reader<'_>) -> Result<(), Malformed> {
    integers! { r;
        1 => m.rtt.max_us, u32;
        2 => m.rtt_client.max_us, u32;
        3 => m.rtt_server.max_us, u32;
        4 => m.srt.max_us, u32;
        5 => m.art.max_us, u32;
        6 => m.rrt.max_us, u32;
        7 => m.rtt.sum_us, varint;
        8 => m.rtt_client.sum_us, varint;
        9 => m.rtt_server.sum_us, varint;
        10 => m.srt.sum_us, varint;
        11 => m.art.sum_us, varint;
        12 => m.rrt.sum_us, varint;
        13 => m.rtt.count, u32;
        14 => m.rtt_client.count, u32;
        15 => m.rtt_server.count, u32;
        16 => m.srt.count, u32;
        17 => m.art.count, u32;
        18 => m.rrt.count, u32;
        19 => m.cit.max_us, u32;
        20 => m.cit.sum_us, varint;
        21 => m.cit.count, u32;
    }
    Ok(())
}

#[inline]
fn read_performance(m: &mut FlowMeterRow, mut r: Reader<'_>) -> Result<(), Malformed> {
    integers! { r;
        1 => m.retrans_tx, varint;
        2 => m.retrans_rx, varint;
        3 => m.zero_win_tx, varint;
        4 => m.zero_win_rx, varint;
        5 => m.retrans_syn, u32;
        6 => m.retrans_synack, u32;
    }
    Ok(())
}

#[inline]
fn read_anomaly(m: &mut FlowMeterRow, mut r: Reader<'_>) -> Result<(), Malformed> {
    integers! { r;
        1 => m.client_rst_flow, varint;
        2 => m.server_rst_flow, varint;
        3 => m.server_syn_miss, varint;
        4 => m.client_ack_miss, varint;
        5 => m.client_half_close_flow, varint;
        6 => m.server_half_close_flow, varint;
        7 => m.client_source_port_reuse, varint;
        8 => m.client_establish_other_rst, varint;
        9 => m.server_reset, varint;
        10 => m.server_queue_lack, varint;
        11 => m.server_establish_other_rst, varint;
        12 => m.tcp_timeout, varint;
        13 => m.l7_client_error, u32;
        14 => m.l7_server_error, u32;
        15 => m.l7_timeout, u32;
        20 => m.ooo_tx, varint;
        21 => m.ooo_rx, varint;
    }
    Ok(())
}

#[inline]
fn read_load(m: &mut FlowMeterRow, mut r: Reader<'_>) -> Result<(), Malformed> {
    integers! { r;
        1 => m.flow_load, varint;
    }
    Ok(())
}

fn read_app_meter(mut r: Reader<'_>, m: &mut AppMeterRow) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            APP_TRAFFIC => {
                let mut r = r.message()?;
                integers! { r;
                    1 => m.request, u32;
                    2 => m.response, u32;
                    3 => m.direction_score, byte;
                }
            }
            APP_LATENCY => {
                let mut r = r.message()?;
                integers! { r;
                    1 => m.rrt.max_us, u32;
                    2 => m.rrt.sum_us, varint;
                    3 => m.rrt.count, u32;
                }
            }
            APP_ANOMALY => {
                let mut r = r.message()?;
                integers! { r;
                    1 => m.client_error, u32;
                    2 => m.server_error, u32;
                    3 => m.timeout, u32;
                }
            }
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const APP_TRAFFIC: u32 = len(1);
const APP_LATENCY: u32 = len(2);
const APP_ANOMALY: u32 = len(3);
