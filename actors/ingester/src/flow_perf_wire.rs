//! Reads the performance part of a flow (`flow_log.FlowPerfStats`) from its wire form.

use crate::protobuf::{Malformed, Reader, int, integers, len};
use store::rows::L4FlowLogRow;

/// Reads it into the columns of `f`, which are still zero.
pub(crate) fn read_perf(mut r: Reader<'_>, f: &mut L4FlowLogRow<'_>) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            PERF_TCP => read_tcp(r.message()?, f)?,
            PERF_L7 => read_l7(r.message()?, f)?,
            PERF_L7_PROTOCOL => f.l7_protocol = r.byte()?,
            PERF_L7_FAILED => f.l7_parse_failed = r.u32()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const PERF_TCP: u32 = len(1);
const PERF_L7: u32 = len(2);
const PERF_L7_PROTOCOL: u32 = int(4);
const PERF_L7_FAILED: u32 = int(5);

fn read_tcp(mut r: Reader<'_>, f: &mut L4FlowLogRow<'_>) -> Result<(), Malformed> {
    while let Some(key) = r.key()? {
        match key {
            TCP_TX => {
                let [retrans, zero_win, ooo] = read_counts(r.message()?)?;
                (f.retrans_tx, f.zero_win_tx, f.ooo_tx) = (retrans, zero_win, ooo);
            }
            TCP_RX => {
                let [retrans, zero_win, ooo] = read_counts(r.message()?)?;
                (f.retrans_rx, f.zero_win_rx, f.ooo_rx) = (retrans, zero_win, ooo);
            }
            TCP_RTT_CLIENT => f.rtt_client_us = r.u32()?,
            TCP_RTT_SERVER => f.rtt_server_us = r.u32()?,
            TCP_SRT_MAX => f.srt.max_us = r.u32()?,
            TCP_ART_MAX => f.art.max_us = r.u32()?,
            TCP_RTT => f.rtt_us = r.u32()?,
            TCP_SRT_SUM => f.srt.sum_us = r.u32()?.into(),
            TCP_ART_SUM => f.art.sum_us = r.u32()?.into(),
            TCP_SRT_COUNT => f.srt.count = r.u32()?.into(),
            TCP_ART_COUNT => f.art.count = r.u32()?.into(),
            TCP_SYN => f.syn_count = r.u32()?,
            TCP_SYNACK => f.synack_count = r.u32()?,
            TCP_CIT_MAX => f.cit.max_us = r.u32()?,
            TCP_CIT_SUM => f.cit.sum_us = r.u32()?.into(),
            TCP_CIT_COUNT => f.cit.count = r.u32()?.into(),
            TCP_FIN => f.fin_count = r.u32()?,
            other => r.skip(other)?,
        }
    }
    Ok(())
}

const TCP_RTT_CLIENT: u32 = int(1);
const TCP_RTT_SERVER: u32 = int(2);
const TCP_SRT_MAX: u32 = int(3);
const TCP_ART_MAX: u32 = int(4);
const TCP_RTT: u32 = int(5);
const TCP_SRT_SUM: u32 = int(8);
const TCP_ART_SUM: u32 = int(9);
const TCP_SRT_COUNT: u32 = int(12);
const TCP_ART_COUNT: u32 = int(13);
const TCP_SYN: u32 = int(17);
const TCP_SYNACK: u32 = int(18);
const TCP_CIT_MAX: u32 = int(19);
const TCP_CIT_SUM: u32 = int(20);
const TCP_CIT_COUNT: u32 = int(21);
const TCP_FIN: u32 = int(22);
const TCP_TX: u32 = len(14);
const TCP_RX: u32 = len(15);

/// Retransmissions, zero windows and packets out of order of one direction.
fn read_counts(mut r: Reader<'_>) -> Result<[u32; 3], Malformed> {
    let mut n = [0u32; 3];
    integers! { r;
        1 => n[0], u32;
        2 => n[1], u32;
        3 => n[2], u32;
    }
    Ok(n)
}

fn read_l7(mut r: Reader<'_>, f: &mut L4FlowLogRow<'_>) -> Result<(), Malformed> {
    integers! { r;
        1 => f.l7_request, u32;
        2 => f.l7_response, u32;
        3 => f.l7_client_error, u32;
        4 => f.l7_server_error, u32;
        5 => f.l7_server_timeout, u32;
        6 => f.rrt.count, u32;
        7 => f.rrt.sum_us, varint;
        8 => f.rrt.max_us, u32;
        9 => f.tls_rtt_us, u32;
    }
    Ok(())
}
