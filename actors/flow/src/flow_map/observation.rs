use messages::{Direction, Mac, ObservationPoint, SideType};

use super::node::HostEnd;

/// What packets are captured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HostKind {
    /// A host or virtual machine: its own traffic, and what it forwards as a gateway.
    #[default]
    Host,
    /// A node of a Kubernetes cluster: its own traffic and that of its pods, which it puts into tunnels.
    K8sNode,
}

/// Where on its way a flow was seen; client first in both pairs. It takes exactly one end to tell.
///
/// `is_tunnelled`: its packets came inside of others.
pub(crate) fn observation_point(
    kind: HostKind,
    ends: [HostEnd; 2],
    mac: [Mac; 2],
    is_tunnelled: bool,
) -> ObservationPoint {
    if mac[0] == mac[1] && ends[0].l2 && ends[1].l2 {
        return ObservationPoint::LOCAL;
    }
    let of = |end, mac, own, others| match kind {
        HostKind::Host => on_host(end, mac, own, others),
        HostKind::K8sNode => on_k8s_node(end, own, is_tunnelled),
    };
    let at_client = of(ends[0], mac[0], Direction::Client, Direction::Server);
    let at_server = of(ends[1], mac[1], Direction::Server, Direction::Client);
    match (at_client, at_server) {
        (Some(p), None) | (None, Some(p)) => p,
        _ => ObservationPoint::REST,
    }
}

/// An end whose frames and address are this host's own is seen at itself; one whose frames only are is seen at this
/// host as a gateway, which stands at the other end's side.
fn on_host(end: HostEnd, mac: Mac, own: Direction, others: Direction) -> Option<ObservationPoint> {
    match (end.l2, end.l3) {
        (true, true) => Some(ObservationPoint::new(own, SideType::Plain)),
        (true, false) if !mac.is_multicast() => {
            Some(ObservationPoint::new(others, SideType::Gateway))
        }
        _ => None,
    }
}

/// An end of this node is seen at itself on its own interface, and at the node on the node's: in a tunnel between
/// nodes, or with the link address of another of the node's interfaces.
fn on_k8s_node(end: HostEnd, own: Direction, is_tunnelled: bool) -> Option<ObservationPoint> {
    let side = match (end.l2, end.l3) {
        (true, true) if !is_tunnelled => SideType::Plain,
        (true, true) => SideType::Node,
        (true, false) if is_tunnelled => SideType::Node,
        (false, true) if end.local_mac => SideType::Node,
        (false, false) if end.local_mac && is_tunnelled => SideType::Node,
        _ => return None,
    };
    Some(ObservationPoint::new(own, side))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: HostEnd = end(false, false);
    const OWN: HostEnd = end(true, true);
    /// Its frames, but not its address.
    const LINK: HostEnd = end(true, false);
    /// Its address, but not its frames.
    const ADDRESS: HostEnd = end(false, true);

    const fn end(l2: bool, l3: bool) -> HostEnd {
        HostEnd {
            l2,
            l3,
            local_mac: false,
        }
    }

    /// With the link address of another interface of this host.
    const fn other(e: HostEnd) -> HostEnd {
        HostEnd {
            local_mac: true,
            ..e
        }
    }

    fn name(kind: HostKind, ends: [HostEnd; 2], mac: [u64; 2], is_tunnelled: bool) -> &'static str {
        observation_point(kind, ends, mac.map(Mac), is_tunnelled).name()
    }

    #[test]
    fn on_a_host_one_own_end_tells() {
        for (ends, mac, want) in [
            ([OWN, NONE], [1, 2], "c"),
            ([NONE, OWN], [1, 2], "s"),
            ([NONE, NONE], [1, 2], "rest"),
            ([OWN, OWN], [1, 2], "rest"),
            ([OWN, OWN], [0, 0], "local"),
            ([NONE, NONE], [0, 0], "rest"),
            ([LINK, NONE], [1, 2], "s-gw"),
            ([NONE, LINK], [1, 2], "c-gw"),
            ([OWN, LINK], [1, 0xffff_ffff_ffff], "c"),
            ([ADDRESS, NONE], [1, 2], "rest"),
            ([other(ADDRESS), NONE], [1, 2], "rest"),
        ] {
            for is_tunnelled in [false, true] {
                let got = name(HostKind::Host, ends, mac, is_tunnelled);
                assert_eq!(got, want, "{ends:?} {mac:?}, a tunnel says nothing here");
            }
        }
    }

    #[test]
    fn on_a_k8s_node_pods_are_told_from_the_node() {
        for (client, plain, tunnelled) in [
            (OWN, "c", "c-nd"),
            (LINK, "rest", "c-nd"),
            (ADDRESS, "rest", "rest"),
            (other(ADDRESS), "c-nd", "c-nd"),
            (other(NONE), "rest", "c-nd"),
            (NONE, "rest", "rest"),
        ] {
            for (is_tunnelled, want) in [(false, plain), (true, tunnelled)] {
                let kind = HostKind::K8sNode;
                let ends = [client, NONE];
                assert_eq!(name(kind, ends, [1, 2], is_tunnelled), want, "{ends:?}");
                let want = want.replace('c', "s");
                let ends = [NONE, client];
                assert_eq!(name(kind, ends, [1, 2], is_tunnelled), want, "{ends:?}");
            }
        }
    }

    #[test]
    fn both_ends_on_a_k8s_node() {
        let kind = HostKind::K8sNode;
        assert_eq!(name(kind, [OWN, OWN], [0, 0], false), "local");
        assert_eq!(name(kind, [OWN, OWN], [1, 2], false), "rest");
        assert_eq!(
            name(kind, [OWN, other(NONE)], [1, 2], false),
            "c",
            "a pod and the node's own interface"
        );
    }
}
