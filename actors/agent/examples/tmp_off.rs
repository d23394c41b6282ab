use messages::*;
use std::mem::offset_of;
fn main() {
    println!(
        "AF key {} mac {} sig {} meter {}",
        offset_of!(AccumulatedFlow, key),
        offset_of!(AccumulatedFlow, mac),
        offset_of!(AccumulatedFlow, signal_source),
        offset_of!(AccumulatedFlow, meter)
    );
    macro_rules! o {($($f:ident)*)=>{ $(print!("{} {}  ", stringify!($f), offset_of!(FlowMeter,$f));)* println!(); }}
    o!(packet_tx packet_rx byte_tx byte_rx l3_byte_tx l3_byte_rx l4_byte_tx l4_byte_rx new_flow closed_flow syn synack direction_score rtt rtt_client rtt_server srt art cit retrans_tx retrans_rx retrans_syn server_syn_miss client_ooo server_ooo flow_load);
    macro_rules! p {($($f:ident)*)=>{ $(print!("{} {}  ", stringify!($f), offset_of!(TaggedFlow,$f));)* println!(); }}
    p!(flow_id key peers start_ns end_ns duration_ns stat_time_s perf eth_type vlan close_type is_new direction_score syn_seq init_ip_id);
    println!(
        "QK {} FlowKey {} Peer {} Perf {}",
        size_of::<QuadrupleKey>(),
        size_of::<FlowKey>(),
        size_of::<FlowPeer>(),
        size_of::<L4Perf>()
    );
}
