//! The order of lines where several capture queues made them: by time of emission, then flow.
use messages::{AppDocument, Document, DocumentTag, FlowKey, Ip, TaggedFlow};

/// A flow's ends, whichever of them is the client, and what else tells it from others.
type Flow = ([(Ip, u16); 2], u8, u64, u64);

fn flow(f: &TaggedFlow) -> Flow {
    let FlowKey {
        ip: [ip_a, ip_b],
        port: [port_a, port_b],
        tap_port,
        protocol,
        ..
    } = f.key;
    let mut ends = [(ip_a, port_a), (ip_b, port_b)];
    ends.sort_unstable();
    (ends, protocol, tap_port, f.flow_id)
}

/// Of reports of flows. Those of one flow and second keep their order.
pub(super) fn of_report(f: &TaggedFlow) -> (u32, Flow) {
    (f.stat_time_s, flow(f))
}

/// Of flow logs.
pub(super) fn of_log(f: &TaggedFlow) -> (u64, Flow) {
    (f.end_ns, flow(f))
}

/// Of documents.
pub(super) fn of_document(d: &Document) -> impl Ord + use<> {
    ((d.time_s, d.interval), tag(&d.tag))
}

/// Of documents about requests.
pub(super) fn of_app_document(d: &AppDocument) -> impl Ord + use<> {
    let asked = (d.tag.protocol, d.tag.endpoint.clone());
    ((d.time_s, d.interval), tag(&d.tag.ends), asked)
}

fn tag(t: &DocumentTag) -> impl Ord + use<> {
    (
        t.is_edge(),
        t.ip,
        (t.protocol, t.server_port),
        (t.observation_point.0, t.tap_type.0, t.signal_source as u8),
        t.mac.map(|m| m.0),
        t.tap_port,
        t.is_ipv6,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::{AppMeter, AppTag, Interval, L7Protocol};

    #[test]
    fn time_comes_first_and_direction_does_not_matter() {
        let mut a = TaggedFlow {
            flow_id: 9,
            stat_time_s: 5,
            ..TaggedFlow::default()
        };
        a.key.ip = [Ip::v4([10, 0, 0, 2]), Ip::v4([10, 0, 0, 1])];
        a.key.port = [40_000, 80];
        let mut turned = a.clone();
        turned.key.ip.swap(0, 1);
        turned.key.port.swap(0, 1);
        assert_eq!(of_report(&a), of_report(&turned));
        let later = TaggedFlow {
            stat_time_s: 6,
            ..TaggedFlow::default()
        };
        assert!(of_report(&a) < of_report(&later));
        let other = TaggedFlow {
            flow_id: 10,
            ..a.clone()
        };
        assert!(of_log(&a) < of_log(&other));
    }

    #[test]
    fn documents_of_one_end_go_by_what_was_asked() {
        let document = |protocol, endpoint: &str| AppDocument {
            time_s: 5,
            interval: Interval::Second,
            tag: AppTag {
                protocol,
                endpoint: endpoint.into(),
                ..AppTag::default()
            },
            direction_score: 0,
            meter: AppMeter::default(),
        };
        let [a, b] = ["/a", "/b"].map(|e| document(L7Protocol::Http1, e));
        let grpc = document(L7Protocol::Grpc, "/a");
        assert!(of_app_document(&a) < of_app_document(&b));
        assert!(of_app_document(&a) != of_app_document(&grpc));
    }
}
