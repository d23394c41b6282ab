//! `flow_log.l7_flow_log`: one row a request with its response, or either alone.

use std::slice::IterMut;

use super::{
    ends::{EndColumns, TagColumns},
    second,
};
use crate::{
    column::Column,
    rows::{L7FlowLogRow, ProcessRow},
    schema::{Group, Schema, columns},
};

columns! {
    /// When, where it was seen, what was asked and what was answered.
    RequestColumns for L7FlowLogRow<'_> as row {
        time: DateTime = second(row.values.end_time_us);
        _id: UInt64 [MinMax] = row.values.id;
        flow_id: UInt64 [MinMax] = row.values.flow_id;
        is_ipv4: UInt8 = row.values.is_ipv4.into();
        protocol: UInt8 = row.values.protocol;
        client_port: UInt16 = row.values.client_port;
        server_port: UInt16 [MinMax] = row.values.server_port;
        capture_network_type_id: UInt8 = row.values.capture_network_type_id;
        nat_source: UInt8 = row.values.nat_source;
        capture_nic_type: UInt8 = row.values.capture_nic_type;
        capture_nic: UInt32 = row.values.capture_nic;
        tunnel_type: UInt8 = row.values.tunnel_type;
        signal_source: UInt16 = row.values.signal_source;
        observation_point: LowCardinality = row.values.observation_point.as_str();
        agent_id: UInt16 [MinMax] = row.values.agent_id;
        team_id: UInt16 = row.values.team_id;
        req_tcp_seq: UInt32 = row.values.req_tcp_seq;
        resp_tcp_seq: UInt32 = row.values.resp_tcp_seq;
        start_time: DateTime64Micros = row.values.start_time_us;
        end_time: DateTime64Micros = row.values.end_time_us;
        syscall_trace_id_request: UInt64 [MinMax] = row.values.syscall_trace_id_request;
        syscall_trace_id_response: UInt64 [MinMax] = row.values.syscall_trace_id_response;
        biz_type: UInt8 = row.values.biz_type;
        biz_code: String [Bloom] = row.texts.biz_code;
        biz_scenario: String [Bloom] = row.texts.biz_scenario;
        biz_response_code: String [Bloom] = row.texts.biz_response_code;
        l7_protocol: UInt8 = row.values.l7_protocol;
        biz_protocol: LowCardinality = row.texts.biz_protocol;
        version: LowCardinality = row.texts.version;
        type: UInt8 = row.values.kind;
        is_tls: UInt8 = row.values.is_tls.into();
        is_async: UInt8 = row.values.is_async.into();
        is_reversed: UInt8 = row.values.is_reversed.into();
        request_type: LowCardinality = row.texts.request_type;
        request_domain: String [Bloom] = row.texts.request_domain;
        request_resource: String [Bloom] = row.texts.request_resource;
        endpoint: String [Bloom] = row.texts.endpoint;
        request_id: NullableUInt64 = row.values.request_id;
        response_status: UInt8 = row.values.response_status;
        response_code: NullableInt32 = row.values.response_code;
        response_exception: String = row.texts.response_exception;
        response_result: String = row.texts.response_result;
        http_proxy_client: String [Bloom] = row.texts.http_proxy_client;
        x_request_id_0: String [Bloom] = row.texts.x_request_id[0];
        x_request_id_1: String [Bloom] = row.texts.x_request_id[1];
        trace_id: String [Bloom] = row.texts.trace_id;
        _trace_id_2: String [Bloom] = row.texts.trace_id_2;
        trace_id_index: UInt64 [MinMax] = row.values.trace_id_index;
        span_id: String = row.texts.span_id;
        parent_span_id: String = row.texts.parent_span_id;
        span_kind: NullableUInt8;
        app_service: LowCardinality = row.texts.app_service;
        app_instance: LowCardinality;
        response_duration: UInt64 = row.values.response_duration_us;
        request_length: NullableInt64 = row.values.request_length;
        response_length: NullableInt64 = row.values.response_length;
        sql_affected_rows: NullableUInt64 = row.values.sql_affected_rows;
        direction_score: UInt8 = row.values.direction_score;
        captured_request_byte: UInt32 = row.values.captured_request_byte;
        captured_response_byte: UInt32 = row.values.captured_response_byte;
        attribute_names: ArrayLowCardinality = &row.lists.attribute_names;
        attribute_values: ArrayString = &row.lists.attribute_values;
        metrics_names: ArrayLowCardinality = &row.lists.metrics_names;
        metrics_values: ArrayFloat64 = &row.lists.metrics_values;
        events: String;
    }
}

columns! {
    /// The process at one end.
    ProcessColumns for ProcessRow<'_> as end {
        process_id: Int32 = end.process.id;
        process_kname: String = end.kname;
        syscall_thread: UInt32 = end.process.syscall_thread;
        syscall_coroutine: UInt64 = end.process.syscall_coroutine;
        syscall_cap_seq: UInt32 = end.process.syscall_cap_seq;
        epc_id: Int32;
    }
}

/// Columns of `l7_flow_log`.
#[derive(Debug)]
pub struct L7FlowLog;

impl Schema for L7FlowLog {
    type Row<'a> = L7FlowLogRow<'a>;
    const GROUPS: &'static [Group] = &[
        Group::new("", RequestColumns::COLUMNS),
        Group::new("_0", EndColumns::COLUMNS),
        Group::new("_0", ProcessColumns::COLUMNS),
        Group::new("_0", TagColumns::COLUMNS),
        Group::new("_1", EndColumns::COLUMNS),
        Group::new("_1", ProcessColumns::COLUMNS),
        Group::new("_1", TagColumns::COLUMNS),
    ];

    #[inline]
    fn fill(row: &L7FlowLogRow<'_>, columns: &mut IterMut<'_, Column>) {
        let [client, server] = row.texts.process_kname;
        let process = |process, kname| ProcessRow { process, kname };
        RequestColumns::fill(row, columns);
        EndColumns::fill(&row.values.client, columns);
        ProcessColumns::fill(&process(row.values.client_process, client), columns);
        TagColumns::fill(&(), columns);
        EndColumns::fill(&row.values.server, columns);
        ProcessColumns::fill(&process(row.values.server_process, server), columns);
        TagColumns::fill(&(), columns);
    }
}
