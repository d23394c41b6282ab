//! Reads a `flow_log.AppProtoLogsData` (message type 5) from its wire form; the numbers are those of
//! `proto/flow_log.proto`.

use crate::code_text::code_text;
use crate::flow_wire::{micros, set_address};
use crate::l7_log_row::text;
use crate::protobuf::{Malformed, Reader, int, len};
use crate::request_lists::{ListParts, read_extension};
use crate::texts::Texts;
use crate::{L7LogRow, TapPort};
use messages::L7Protocol;
use store::rows::{ObservationPoint, RequestValues};

/// Longest text that says what was asked or answered, bytes.
const MAX_TEXT: usize = 16 << 10;
/// Longest name, id and the like, bytes.
const MAX_NAME: usize = 1 << 10;

/// Most bytes of each text.
const MAX: [usize; text::COUNT] = {
    let mut max = [MAX_NAME; text::COUNT];
    max[text::RESOURCE] = MAX_TEXT;
    max[text::EXCEPTION] = MAX_TEXT;
    max[text::RESULT] = MAX_TEXT;
    max
};

/// Kinds of rows.
const REQUEST: u8 = 0;
const RESPONSE: u8 = 1;
/// Ways a response went.
const STATUS_OK: u8 = 0;
const STATUS_UNKNOWN: u8 = 5;
/// What stands for a length that is not known.
const NO_LENGTH: i32 = -1;
/// What stands for a code that is not known.
const NO_CODE: i32 = i16::MIN as i32;
/// Bits of `flags`.
const FLAG_TLS: u32 = 1;
const FLAG_ASYNC: u32 = 2;
const FLAG_REVERSED: u32 = 4;

/// Texts of a message, where it has them.
pub(crate) type RawTexts<'a> = [&'a [u8]; text::COUNT];

/// What the columns are made of once the whole message has been read.
struct Parts<'a> {
    texts: RawTexts<'a>,
    lists: ListParts<'a>,
    ip4: [u32; 2],
    ip6: [&'a [u8]; 2],
    is_ipv6: bool,
    tap_port: u64,
    vtap_id: u16,
    start_ns: u64,
    end_ns: u64,
    flags: u32,
    req_len: i32,
    resp_len: i32,
    request_id: u32,
    row_effect: u32,
    /// Code of the response; nothing is known of a response that is not there.
    code: i32,
    /// The single trace id that agents of old send.
    old_trace_id: &'a [u8],
    trace_ids: usize,
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self {
            texts: [&[]; text::COUNT],
            lists: ListParts::default(),
            ip4: [0; 2],
            ip6: [&[]; 2],
            is_ipv6: false,
            tap_port: 0,
            vtap_id: 0,
            start_ns: 0,
            end_ns: 0,
            flags: 0,
            req_len: 0,
            resp_len: 0,
            request_id: 0,
            row_effect: 0,
            code: NO_CODE,
            old_trace_id: &[],
            trace_ids: 0,
        }
    }
}

/// Fills `row`, which is a new one; returns the agent's id as the message states it.
///
/// # Errors
/// The message is no request log; `row` is then of no use.
pub(crate) fn read_request(mut r: Reader<'_>, row: &mut L7LogRow) -> Result<u16, Malformed> {
    let mut p = Parts::default();
    let v = &mut row.values;
    v.response_status = STATUS_UNKNOWN;
    let (mut has_base, mut has_response) = (false, false);
    while let Some(key) = r.key()? {
        match key {
            BASE => {
                has_base = true;
                read_base(r.message()?, v, &mut p)?;
            }
            REQ_LEN => p.req_len = r.i32()?,
            RESP_LEN => p.resp_len = r.i32()?,
            REQ => read_asked(r.message()?, &mut p.texts)?,
            RESP => {
                if !has_response {
                    has_response = true;
                    // A response that is there says all; zeros are not on the wire.
                    (v.response_status, p.code) = (STATUS_OK, 0);
                }
                read_answer(r.message()?, v, &mut p)?;
            }
            VERSION => p.texts[text::VERSION] = r.bytes()?,
            TRACE => read_trace(r.message()?, &mut p)?,
            EXTENSION => {
                let id = read_extension(r.message()?, &mut p.texts, &mut p.lists)?;
                p.request_id = id.unwrap_or(p.request_id);
            }
            ROW_EFFECT => p.row_effect = r.u32()?,
            DIRECTION_SCORE => v.direction_score = r.byte()?,
            FLAGS => p.flags = r.u32()?,
            CAPTURED_REQUEST => v.captured_request_byte = r.u32()?,
            CAPTURED_RESPONSE => v.captured_response_byte = r.u32()?,
            BIZ_CODE => p.texts[text::BIZ_CODE] = r.bytes()?,
            BIZ_SCENARIO => p.texts[text::BIZ_SCENARIO] = r.bytes()?,
            BIZ_RESPONSE_CODE => p.texts[text::BIZ_RESPONSE_CODE] = r.bytes()?,
            other => r.skip(other)?,
        }
    }
    if !has_base {
        return Err(Malformed);
    }
    let agent_id = p.vtap_id;
    finish(p, row);
    Ok(agent_id)
}

const BASE: u32 = len(1);
const REQ_LEN: u32 = int(9);
const RESP_LEN: u32 = int(10);
const REQ: u32 = len(11);
const RESP: u32 = len(12);
const VERSION: u32 = len(13);
const TRACE: u32 = len(14);
const EXTENSION: u32 = len(15);
const ROW_EFFECT: u32 = int(16);
const DIRECTION_SCORE: u32 = int(17);
const FLAGS: u32 = int(18);
const CAPTURED_REQUEST: u32 = int(19);
const CAPTURED_RESPONSE: u32 = int(20);
const BIZ_CODE: u32 = len(21);
const BIZ_SCENARIO: u32 = len(22);
const BIZ_RESPONSE_CODE: u32 = len(23);

fn read_base<'a>(
    mut r: Reader<'a>,
    v: &mut RequestValues,
    p: &mut Parts<'a>,
) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            BASE_START => p.start_ns = r.varint()?,
            BASE_END => p.end_ns = r.varint()?,
            BASE_FLOW_ID => v.flow_id = r.varint()?,
            BASE_TAP_PORT => p.tap_port = r.varint()?,
            BASE_VTAP_ID => p.vtap_id = r.u16()?,
            BASE_TAP_TYPE => v.capture_network_type_id = r.byte()?,
            BASE_IS_IPV6 => p.is_ipv6 = r.flag()?,
            BASE_TAP_SIDE => v.observation_point = ObservationPoint(r.byte()?),
            BASE_HEAD => read_head(r.message()?, v)?,
            BASE_IP_SRC => p.ip4[0] = r.u32()?,
            BASE_IP_DST => p.ip4[1] = r.u32()?,
            BASE_IP6_SRC => p.ip6[0] = r.bytes()?,
            BASE_IP6_DST => p.ip6[1] = r.bytes()?,
            BASE_EPC_SRC => v.client.l3_epc_id = r.i32()?,
            BASE_EPC_DST => v.server.l3_epc_id = r.i32()?,
            BASE_PORT_SRC => v.client_port = r.u16()?,
            BASE_PORT_DST => v.server_port = r.u16()?,
            BASE_PROTOCOL => v.protocol = r.byte()?,
            BASE_REQ_SEQ => v.req_tcp_seq = r.u32()?,
            BASE_RESP_SEQ => v.resp_tcp_seq = r.u32()?,
            BASE_PID_0 => v.client_process.id = r.i32()?,
            BASE_PID_1 => v.server_process.id = r.i32()?,
            BASE_KNAME_0 => p.texts[text::KNAME_0] = r.bytes()?,
            BASE_KNAME_1 => p.texts[text::KNAME_1] = r.bytes()?,
            BASE_TRACE_REQ => v.syscall_trace_id_request = r.varint()?,
            BASE_TRACE_RESP => v.syscall_trace_id_response = r.varint()?,
            BASE_THREAD_0 => v.client_process.syscall_thread = r.u32()?,
            BASE_THREAD_1 => v.server_process.syscall_thread = r.u32()?,
            BASE_CAP_SEQ_0 => v.client_process.syscall_cap_seq = r.u32()?,
            BASE_CAP_SEQ_1 => v.server_process.syscall_cap_seq = r.u32()?,
            BASE_GPID_0 => v.client.gprocess_id = r.u32()?,
            BASE_GPID_1 => v.server.gprocess_id = r.u32()?,
            BASE_COROUTINE_0 => v.client_process.syscall_coroutine = r.varint()?,
            BASE_COROUTINE_1 => v.server_process.syscall_coroutine = r.varint()?,
            BASE_BIZ_TYPE => v.biz_type = r.byte()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const BASE_START: u32 = int(1);
const BASE_END: u32 = int(2);
const BASE_FLOW_ID: u32 = int(3);
const BASE_TAP_PORT: u32 = int(4);
const BASE_VTAP_ID: u32 = int(5);
const BASE_TAP_TYPE: u32 = int(6);
const BASE_IS_IPV6: u32 = int(7);
const BASE_TAP_SIDE: u32 = int(8);
const BASE_HEAD: u32 = len(9);
const BASE_IP_SRC: u32 = int(12);
const BASE_IP_DST: u32 = int(13);
const BASE_IP6_SRC: u32 = len(14);
const BASE_IP6_DST: u32 = len(15);
const BASE_EPC_SRC: u32 = int(16);
const BASE_EPC_DST: u32 = int(17);
const BASE_PORT_SRC: u32 = int(18);
const BASE_PORT_DST: u32 = int(19);
const BASE_PROTOCOL: u32 = int(20);
const BASE_REQ_SEQ: u32 = int(23);
const BASE_RESP_SEQ: u32 = int(24);
const BASE_PID_0: u32 = int(25);
const BASE_PID_1: u32 = int(26);
const BASE_KNAME_0: u32 = len(27);
const BASE_KNAME_1: u32 = len(28);
const BASE_TRACE_REQ: u32 = int(29);
const BASE_TRACE_RESP: u32 = int(30);
const BASE_THREAD_0: u32 = int(31);
const BASE_THREAD_1: u32 = int(32);
const BASE_CAP_SEQ_0: u32 = int(33);
const BASE_CAP_SEQ_1: u32 = int(34);
const BASE_GPID_0: u32 = int(35);
const BASE_GPID_1: u32 = int(36);
const BASE_COROUTINE_0: u32 = int(39);
const BASE_COROUTINE_1: u32 = int(40);
const BASE_BIZ_TYPE: u32 = int(43);

fn read_head(mut r: Reader<'_>, v: &mut RequestValues) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            HEAD_PROTO => v.l7_protocol = r.byte()?,
            HEAD_KIND => v.kind = r.byte()?,
            HEAD_RRT => v.response_duration_us = r.varint()? / 1000,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const HEAD_PROTO: u32 = int(1);
const HEAD_KIND: u32 = int(2);
const HEAD_RRT: u32 = int(5);

fn read_asked<'a>(mut r: Reader<'a>, t: &mut RawTexts<'a>) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            REQ_TYPE => t[text::REQUEST_TYPE] = r.bytes()?,
            REQ_DOMAIN => t[text::DOMAIN] = r.bytes()?,
            REQ_RESOURCE => t[text::RESOURCE] = r.bytes()?,
            REQ_ENDPOINT => t[text::ENDPOINT] = r.bytes()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const REQ_TYPE: u32 = len(1);
const REQ_DOMAIN: u32 = len(2);
const REQ_RESOURCE: u32 = len(3);
const REQ_ENDPOINT: u32 = len(4);

fn read_answer<'a>(
    mut r: Reader<'a>,
    v: &mut RequestValues,
    p: &mut Parts<'a>,
) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            RESP_STATUS => v.response_status = r.byte()?,
            RESP_CODE => p.code = r.i32()?,
            RESP_EXCEPTION => p.texts[text::EXCEPTION] = r.bytes()?,
            RESP_RESULT => p.texts[text::RESULT] = r.bytes()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const RESP_STATUS: u32 = int(1);
const RESP_CODE: u32 = int(2);
const RESP_EXCEPTION: u32 = len(3);
const RESP_RESULT: u32 = len(4);

fn read_trace<'a>(mut r: Reader<'a>, p: &mut Parts<'a>) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            TRACE_ID => p.old_trace_id = r.bytes()?,
            TRACE_SPAN => p.texts[text::SPAN_ID] = r.bytes()?,
            TRACE_PARENT => p.texts[text::PARENT_SPAN_ID] = r.bytes()?,
            TRACE_IDS => {
                let id = r.bytes()?;
                match p.trace_ids {
                    0 => p.texts[text::TRACE_ID] = id,
                    1 => p.texts[text::TRACE_ID_2] = id,
                    _ => {}
                }
                p.trace_ids += 1;
            }
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const TRACE_ID: u32 = len(1);
const TRACE_SPAN: u32 = len(2);
const TRACE_PARENT: u32 = len(3);
const TRACE_IDS: u32 = len(4);

/// Fills the columns that take more than one field of the message.
fn finish(mut p: Parts<'_>, row: &mut L7LogRow) {
    let v = &mut row.values;
    v.is_ipv4 = !p.is_ipv6;
    set_address(&mut v.client, v.is_ipv4, p.ip4[0], p.ip6[0]);
    set_address(&mut v.server, v.is_ipv4, p.ip4[1], p.ip6[1]);
    let tap_port = TapPort::from(p.tap_port);
    v.capture_nic = tap_port.nic;
    v.capture_nic_type = tap_port.nic_type;
    v.nat_source = tap_port.nat_source;
    v.tunnel_type = tap_port.tunnel_type;
    v.signal_source = signal_source(tap_port.nic_type, v.observation_point);
    v.start_time_us = micros(p.start_ns);
    v.end_time_us = micros(p.end_ns);
    v.is_tls = p.flags & FLAG_TLS != 0;
    v.is_async = p.flags & FLAG_ASYNC != 0;
    v.is_reversed = p.flags & FLAG_REVERSED != 0;
    v.request_id = Some(p.request_id.into()).filter(|id| *id != 0);
    v.sql_affected_rows = Some(p.row_effect.into()).filter(|rows| *rows != 0);

    // A response says nothing of its request's length, a request nothing of its response but how it went: that it
    // timed out, for one.
    let length = |n: i32| (n != NO_LENGTH).then_some(n.into());
    if v.kind != RESPONSE {
        v.request_length = length(p.req_len);
    }
    if v.kind == REQUEST {
        p.texts[text::EXCEPTION] = &[];
        p.texts[text::RESULT] = &[];
    } else {
        v.response_length = length(p.resp_len);
        v.response_code = (p.code != NO_CODE).then_some(p.code);
        if let Some(code) = v.response_code
            && p.texts[text::EXCEPTION].is_empty()
            && v.response_status != STATUS_OK
        {
            p.texts[text::EXCEPTION] = code_text(v.l7_protocol, code).as_bytes();
        }
    }
    if p.trace_ids == 0 {
        p.texts[text::TRACE_ID] = p.old_trace_id;
    }
    if p.texts[text::BIZ_PROTOCOL].is_empty() {
        let protocol = L7Protocol::from_number(v.l7_protocol).unwrap_or_default();
        p.texts[text::BIZ_PROTOCOL] = protocol.name().as_bytes();
    }
    row.texts = Texts::of(&p.texts, &MAX);
    row.lists = p.lists.into_lists();
}

/// What a row was learned from, which its message does not say: 0 packets, 1 flow export, 3 eBPF, 4 OpenTelemetry. The
/// kind of its capture port tells, or else an observer that only eBPF has.
fn signal_source(nic_type: u8, at: ObservationPoint) -> u16 {
    match (nic_type, at.as_str()) {
        (5 | 6, _) => 1,
        (8, _) | (_, "c-app" | "s-app" | "app") => 4,
        (7, _) | (_, "c-p" | "s-p") => 3,
        _ => 0,
    }
}
