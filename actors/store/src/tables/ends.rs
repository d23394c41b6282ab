//! Columns that describe one end of a flow. Tables of edges have them twice, under `_0` and `_1`.

use crate::{rows::EndRow, schema::columns};

columns! {
    /// Address, network and process.
    EndColumns for EndRow as end {
        ip4: IPv4 [MinMax] = end.ip4;
        ip6: IPv6 [MinMax] = end.ip6;
        l3_epc_id: Int32 = end.l3_epc_id;
        gprocess_id: UInt32 [MinMax] = end.gprocess_id;
    }
}

columns! {
    /// What the end belongs to: ids of the inventory, 0 where it is not known.
    TagColumns for () as _end {
        region_id: UInt16;
        az_id: UInt16;
        host_id: UInt16;
        subnet_id: UInt16;
        l3_device_type: UInt8;
        l3_device_id: UInt32;
        pod_node_id: UInt32;
        pod_ns_id: UInt16;
        pod_group_id: UInt32;
        pod_id: UInt32 [MinMax];
        pod_cluster_id: UInt16;
        service_id: UInt32;
        auto_instance_id: UInt32;
        auto_instance_type: UInt8;
        auto_service_id: UInt32 [MinMax];
        auto_service_type: UInt8;
        tag_source: UInt8;
    }
}
