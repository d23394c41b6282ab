use messages::CloseType;
use messages::tcp_flags::{ACK, PSH, RST, SYN};

use super::node::{Node, NodeSide};
use super::tcp_state::TcpState;

/// A server that reset after this many packets had accepted nothing more for a while.
const QUEUE_LACK_PACKETS: u64 = 3;

/// How a flow that is over ended.
/// `server_packets` is how many packets the server sent in all.
pub(crate) fn close_type(n: &Node, server_packets: u64) -> CloseType {
    let (client, server) = n.client_server();
    let server_reset = server.total_tcp_flags & RST != 0;
    match n.state {
        TcpState::Raw | TcpState::Exception => CloseType::Unknown,
        TcpState::Opening1 => CloseType::ClientSynRepeat,
        TcpState::Opening2 => CloseType::ServerSynAckRepeat,
        TcpState::Established if n.is_tcp() => CloseType::Timeout,
        TcpState::Established | TcpState::ClosingTx2 | TcpState::ClosingRx2 | TcpState::Closed => {
            CloseType::Finish
        }
        TcpState::ClosingTx1 => CloseType::ServerHalfClose,
        TcpState::ClosingRx1 => CloseType::ClientHalfClose,
        TcpState::Reset if is_heartbeat(client, server) => CloseType::TcpFinClientRst,
        TcpState::Reset if server_reset => CloseType::TcpServerRst,
        TcpState::Reset => CloseType::TcpClientRst,
        TcpState::Syn1 | TcpState::ClientL4PortReuse if is_heartbeat(client, server) => {
            CloseType::TcpFinClientRst
        }
        TcpState::Syn1 | TcpState::ClientL4PortReuse => CloseType::ClientSourcePortReuse,
        TcpState::ServerReset => CloseType::ServerReset,
        TcpState::SynAck1 => CloseType::ServerQueueLack,
        TcpState::ServerCandidateQueueLack if server_packets > QUEUE_LACK_PACKETS => {
            CloseType::ServerQueueLack
        }
        TcpState::ServerCandidateQueueLack => CloseType::TcpClientRst,
        TcpState::EstablishReset | TcpState::OpeningRst if is_heartbeat(client, server) => {
            CloseType::TcpFinClientRst
        }
        TcpState::EstablishReset | TcpState::OpeningRst if server_reset => {
            CloseType::ServerEstablishReset
        }
        TcpState::EstablishReset | TcpState::OpeningRst => CloseType::ClientEstablishReset,
    }
}

/// A health check: connect, and reset at once without a byte of data.
const fn is_heartbeat(client: &NodeSide, server: &NodeSide) -> bool {
    const CLIENT: u8 = SYN | RST;
    const SERVER: u8 = SYN | ACK;
    (client.total_tcp_flags | server.total_tcp_flags) & PSH == 0
        && client.total_tcp_flags & CLIENT == CLIENT
        && server.total_tcp_flags & SERVER == SERVER
}

#[cfg(test)]
mod tests {
    use messages::tcp_flags::FIN;
    use messages::{MetaPacket, TunnelType, eth_type, protocol};

    use super::super::key::{Key, Kind};
    use super::super::node::bit;
    use super::*;

    fn kind(protocol: u8) -> Kind {
        let p = MetaPacket {
            eth_type: eth_type::IPV4,
            protocol,
            ..MetaPacket::default()
        };
        Key::of(&p, TunnelType::None).0.kind
    }

    fn node(state: TcpState, client: u8, server: u8) -> Node {
        let side = |flags| NodeSide {
            total_tcp_flags: flags,
            ..NodeSide::default()
        };
        Node {
            state,
            sides: [side(client), side(server)],
            kind: kind(protocol::TCP),
            ..Node::default()
        }
    }

    #[test]
    fn each_state_has_its_close_type() {
        use CloseType::*;
        use TcpState as S;
        for (state, client, server, expected) in [
            (S::Exception, 0, 0, Unknown),
            (S::Opening1, SYN, 0, ClientSynRepeat),
            (S::Opening2, SYN, SYN | ACK, ServerSynAckRepeat),
            (S::Established, ACK, ACK, Timeout),
            (S::ClosingTx1, FIN, ACK, ServerHalfClose),
            (S::ClosingRx1, ACK, FIN, ClientHalfClose),
            (S::ClosingTx2, FIN, FIN, Finish),
            (S::ClosingRx2, FIN, FIN, Finish),
            (S::Closed, FIN, FIN, Finish),
            (S::Reset, SYN | RST, SYN | ACK, TcpFinClientRst),
            (S::Reset, SYN | RST | PSH, SYN | ACK, TcpClientRst),
            (S::Reset, SYN | PSH, RST, TcpServerRst),
            (S::Syn1, SYN, ACK, ClientSourcePortReuse),
            (S::ClientL4PortReuse, SYN | RST, SYN | ACK, TcpFinClientRst),
            (S::ServerReset, SYN, RST, ServerReset),
            (S::SynAck1, SYN, SYN | ACK, ServerQueueLack),
            (S::ServerCandidateQueueLack, SYN, RST, TcpClientRst),
            (S::EstablishReset, SYN | RST, 0, ClientEstablishReset),
            (S::OpeningRst, SYN, SYN | ACK | RST, ServerEstablishReset),
            (S::OpeningRst, SYN | RST, SYN | ACK, TcpFinClientRst),
        ] {
            assert_eq!(
                close_type(&node(state, client, server), 3),
                expected,
                "{state:?}"
            );
        }
    }

    #[test]
    fn the_server_is_the_server_after_a_turn_too() {
        let mut n = node(TcpState::Reset, SYN | PSH, RST);
        n.bits = bit::REVERSED;
        assert_eq!(close_type(&n, 3), CloseType::TcpClientRst);
    }

    #[test]
    fn other_protocols_finish_and_a_busy_server_lacks_queue() {
        let mut n = node(TcpState::Established, 0, 0);
        n.kind = kind(protocol::UDP);
        assert_eq!(close_type(&n, 3), CloseType::Finish);
        let n = node(TcpState::ServerCandidateQueueLack, SYN, SYN | ACK);
        assert_eq!(close_type(&n, 4), CloseType::ServerQueueLack);
    }
}
