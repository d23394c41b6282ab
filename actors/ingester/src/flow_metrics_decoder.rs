//! `flow_metrics.decoder`: metric documents become rows of the `network` and `application` tables.

use crate::address::{ipv4, ipv6};
use crate::document_wire::{DocumentHead, Meter, WireTag, read_meter};
use crate::expiry::seconds;
use crate::flow_metric_rows::{Measured, RowMemory};
use crate::protobuf::{Malformed, Reader};
use crate::texts::TextStore;
use crate::{Agents, Expiry, FlowMetricRows, Kept, MessageBatch, ServiceMeter, TapPort};
use messages::code;
use stage::{Cx, DropReason, Outlet, Stage, StageError};
use std::net::{Ipv4Addr, Ipv6Addr};
use store::rows::{AppMeterRow, EdgeRow, EndRow, ObservationPoint, SingleRow};

/// Bit of a document's flags: it is about one second, else about a minute.
const PER_SECOND: u32 = 1;

/// Longest name of a service, an instance or an endpoint, bytes.
const MAX_NAME: usize = 1 << 10;

/// Takes the documents of a frame, emits rows. It keeps nothing between batches but the memory of old ones.
pub struct FlowMetricsDecoder {
    expiry: Expiry,
    agents: Agents,
    memory: RowMemory,
}

/// Why a document makes no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoRow {
    Malformed,
    /// Its meter or code are of a kind that has no table here.
    UnknownType,
    Expired,
}

#[derive(Default)]
struct Losses {
    malformed: u64,
    unknown_type: u64,
    expired: u64,
}

/// The times that each table takes now: by what is measured, about one end or both, by minute or second.
type KeptNow = [[[Kept; 2]; 2]; 2];

impl FlowMetricsDecoder {
    /// A decoder that checks times by `expiry` and counts agents' errors in `agents`.
    #[must_use]
    pub fn new(expiry: Expiry, agents: Agents) -> Self {
        Self {
            expiry,
            agents,
            memory: RowMemory::default(),
        }
    }

    fn kept_now(&self, now_s: u32) -> KeptNow {
        Measured::ALL.map(|measured| {
            [false, true].map(|edge| {
                [false, true].map(|second| self.expiry.kept(measured.table(edge, second), now_s))
            })
        })
    }
}

/// Turns one document into a row of its table.
#[inline]
fn decode(
    r: Reader<'_>,
    batch: &MessageBatch,
    kept: &KeptNow,
    rows: &mut FlowMetricRows,
) -> Result<(), NoRow> {
    let d = DocumentHead::read(r).map_err(|_| NoRow::Malformed)?;
    let is_edge = d.code & code::EDGE_MASK != 0;
    if !is_edge && d.code & code::IP == 0 {
        return Err(NoRow::UnknownType);
    }
    let measured = Measured::of(d.meter_id).ok_or(NoRow::UnknownType)?;
    let is_second = d.flags & PER_SECOND != 0;
    let [traffic, requests] = kept;
    let [single, edge] = match measured {
        Measured::Traffic => traffic,
        Measured::Requests => requests,
    };
    let [minute, second] = if is_edge { edge } else { single };
    if !(if is_second { second } else { minute }).contains(&d.time_s) {
        return Err(NoRow::Expired);
    }
    match (measured, is_edge) {
        (Measured::Traffic, false) => {
            let table = if is_second {
                &mut rows.network_1s
            } else {
                &mut rows.network_1m
            };
            push(table, single_row(&d, batch), r, |row| &mut row.meter)
        }
        (Measured::Traffic, true) => {
            let table = if is_second {
                &mut rows.network_map_1s
            } else {
                &mut rows.network_map_1m
            };
            push(table, edge_row(&d, batch), r, |row| &mut row.meter)
        }
        (Measured::Requests, false) => {
            let table = if is_second {
                &mut rows.application_1s
            } else {
                &mut rows.application_1m
            };
            let mut row = single_row(&d, batch);
            row.meter = service(&d.tag, &mut rows.texts);
            push(table, row, r, |row| &mut row.meter.meter)
        }
        (Measured::Requests, true) => {
            let table = if is_second {
                &mut rows.application_map_1s
            } else {
                &mut rows.application_map_1m
            };
            let mut row = edge_row(&d, batch);
            row.meter = service(&d.tag, &mut rows.texts);
            push(table, row, r, |row| &mut row.meter.meter)
        }
    }
}

/// Appends a row and reads its meter, the largest part of it, into the place where it stays.
#[inline]
fn push<T, M: Meter>(
    table: &mut Vec<T>,
    row: T,
    r: Reader<'_>,
    meter: impl FnOnce(&mut T) -> &mut M,
) -> Result<(), NoRow> {
    table.push(row);
    match table.last_mut().map(|row| read_meter(r, meter(row))) {
        Some(Ok(())) => Ok(()),
        Some(Err(Malformed)) | None => {
            table.pop();
            Err(NoRow::Malformed)
        }
    }
}

/// The service a document is about, without what was measured.
#[inline]
fn service(tag: &WireTag<'_>, texts: &mut TextStore) -> ServiceMeter {
    ServiceMeter {
        l7_protocol: tag.l7_protocol,
        app_service: texts.push(tag.app_service, MAX_NAME),
        app_instance: texts.push(tag.app_instance, MAX_NAME),
        endpoint: texts.push(tag.endpoint, MAX_NAME),
        biz_type: tag.biz_type,
        meter: AppMeterRow::default(),
    }
}

/// The frame's sender is who the agent is; one that is not yet registered may know better in its documents.
#[inline]
fn agent_id(tag: &WireTag<'_>, batch: &MessageBatch) -> u16 {
    if batch.from.agent_id == 0 {
        tag.vtap_id
    } else {
        batch.from.agent_id
    }
}

/// A row about one end, without its meter.
#[inline]
fn single_row<M: Default>(d: &DocumentHead<'_>, batch: &MessageBatch) -> SingleRow<M> {
    let tag = &d.tag;
    SingleRow {
        time_s: d.time_s,
        table_id: tag.global_thread_id,
        is_ipv4: !tag.is_ipv6,
        end: end(tag, 0),
        role: role(tag.direction),
        // No agent says so on the wire.
        is_key_service: false,
        protocol: tag.protocol,
        server_port: tag.server_port,
        agent_id: agent_id(tag, batch),
        team_id: batch.team_id,
        capture_network_type_id: tag.tap_type,
        signal_source: tag.signal_source,
        meter: M::default(),
    }
}

/// A row about both ends, without its meter.
#[inline]
fn edge_row<M: Default>(d: &DocumentHead<'_>, batch: &MessageBatch) -> EdgeRow<M> {
    let tag = &d.tag;
    let tap_port = TapPort::from(tag.tap_port);
    EdgeRow {
        time_s: d.time_s,
        table_id: tag.global_thread_id,
        is_ipv4: !tag.is_ipv6,
        client: end(tag, 0),
        server: end(tag, 1),
        protocol: tag.protocol,
        server_port: tag.server_port,
        agent_id: agent_id(tag, batch),
        team_id: batch.team_id,
        capture_network_type_id: tag.tap_type,
        signal_source: tag.signal_source,
        observation_point: ObservationPoint(tag.tap_side),
        capture_nic_type: tap_port.nic_type,
        capture_nic: tap_port.nic,
        tunnel_type: tap_port.tunnel_type,
        nat_source: tap_port.nat_source,
        meter: M::default(),
    }
}

/// One end of a document.
#[inline]
fn end(tag: &WireTag<'_>, side: usize) -> EndRow {
    let ip = tag.ip.get(side).copied().unwrap_or_default();
    EndRow {
        ip4: if tag.is_ipv6 {
            Ipv4Addr::UNSPECIFIED
        } else {
            ipv4(ip)
        },
        ip6: if tag.is_ipv6 {
            ipv6(ip)
        } else {
            Ipv6Addr::UNSPECIFIED
        },
        l3_epc_id: tag.l3_epc_id.get(side).copied().unwrap_or_default(),
        gprocess_id: tag.gpid.get(side).copied().unwrap_or_default(),
    }
}

/// The role of the end a document is about, by the low bits of its direction: 0 client, 1 server, 2 local, 3 rest.
#[inline]
const fn role(direction: u8) -> u8 {
    match direction & 7 {
        1 => 0,
        2 => 1,
        4 => 2,
        _ => 3,
    }
}

impl Stage for FlowMetricsDecoder {
    type In = MessageBatch;
    type Out = Outlet<FlowMetricRows>;

    fn handle(
        &mut self,
        batch: MessageBatch,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let kept = self.kept_now(seconds(cx.unix_ns()));
        let mut rows = self.memory.batch();
        let mut lost = Losses::default();
        for range in &batch.ranges {
            match decode(Reader::new(&batch.body, range), &batch, &kept, &mut rows) {
                Ok(()) => {}
                Err(NoRow::Malformed) => lost.malformed += 1,
                Err(NoRow::UnknownType) => lost.unknown_type += 1,
                Err(NoRow::Expired) => lost.expired += 1,
            }
        }
        self.agents.decode_errors(&batch.from, lost.malformed);
        lost.count(cx);
        if rows.rows() > 0 {
            out.emit(rows);
        }
        Ok(())
    }
}

impl Losses {
    fn count(&self, cx: &Cx<'_>) {
        for (reason, n) in [
            (DropReason::DecodeError, self.malformed),
            (DropReason::UnknownType, self.unknown_type),
            (DropReason::Expired, self.expired),
        ] {
            if n > 0 {
                cx.discard(reason, n);
            }
        }
    }
}
