use messages::{Direction, Mac, ObservationPoint, SideType};

use super::node::HostEnd;

/// Where on its way a flow was seen, by an agent on a host or virtual machine; client first in both pairs.
///
/// An end whose frames and address are this host's own is seen at itself; one whose frames only are is seen at this
/// host as a gateway, which stands at the other end's side. It takes exactly one end to tell.
pub(crate) fn observation_point(ends: [HostEnd; 2], mac: [Mac; 2]) -> ObservationPoint {
    if mac[0] == mac[1] && ends[0].l2 && ends[1].l2 {
        return ObservationPoint::LOCAL;
    }
    let of = |end: HostEnd, mac: Mac, own: Direction, others: Direction| match (end.l2, end.l3) {
        (true, true) => Some(ObservationPoint::new(own, SideType::Plain)),
        (true, false) if !mac.is_multicast() => {
            Some(ObservationPoint::new(others, SideType::Gateway))
        }
        _ => None,
    };
    let at_client = of(ends[0], mac[0], Direction::Client, Direction::Server);
    let at_server = of(ends[1], mac[1], Direction::Server, Direction::Client);
    match (at_client, at_server) {
        (Some(p), None) | (None, Some(p)) => p,
        _ => ObservationPoint::REST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_own_end_tells() {
        let end = |l2, l3| HostEnd { l2, l3 };
        let (own, none, forwarded) = (end(true, true), end(false, false), end(true, false));
        for (ends, mac, name) in [
            ([own, none], [1, 2], "c"),
            ([none, own], [1, 2], "s"),
            ([none, none], [1, 2], "rest"),
            ([own, own], [1, 2], "rest"),
            ([own, own], [0, 0], "local"),
            ([none, none], [0, 0], "rest"),
            ([forwarded, none], [1, 2], "s-gw"),
            ([none, forwarded], [1, 2], "c-gw"),
            ([own, forwarded], [1, 0xffff_ffff_ffff], "c"),
        ] {
            assert_eq!(
                observation_point(ends, mac.map(Mac)).name(),
                name,
                "{ends:?} {mac:?}"
            );
        }
    }
}
