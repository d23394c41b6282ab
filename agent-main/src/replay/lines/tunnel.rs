use super::{Line, TX_RX};
use messages::{FlowTunnel, Tunnel, TunnelType};
use serde_json::{Map, Value};

/// The tunnel of a flow, as its packets of each direction had it.
pub(super) fn of_flow(t: &FlowTunnel) -> Value {
    let known = t.known();
    let mut o = Map::new();
    o.insert("type".to_owned(), known.kind.name().into());
    o.insert("tier".to_owned(), known.tier.into());
    for (side, t) in TX_RX.iter().zip([&t.tx, &t.rx]) {
        if t.kind != TunnelType::None {
            let [src, dst] = ends(t);
            o.insert(format!("{side}_id"), t.id.into());
            o.insert(format!("{side}_src"), src.into());
            o.insert(format!("{side}_dst"), dst.into());
        }
    }
    Value::Object(o)
}

/// The outer addresses.
fn ends(t: &Tunnel) -> [String; 2] {
    [t.src, t.dst].map(|ip| ip.to_addr(t.is_ipv6).to_string())
}

/// `tunnel`: a frame that was decapsulated.
pub(crate) fn tunnel(pcap: &str, frame: u64, t: &Tunnel) -> Line {
    let mut l = Line::new("tunnel", pcap);
    let [src, dst] = ends(t);
    l.put("frame", frame);
    l.put("type", t.kind.name());
    l.put("tier", t.tier);
    l.put("id", t.id);
    l.put("src", src);
    l.put("dst", dst);
    l.put("inner_offset", t.inner_offset);
    l
}

#[cfg(test)]
mod tests {
    use super::super::flow;
    use super::*;
    use messages::{FlowExtra, Ip, TaggedFlow};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_tunnelled_flow_says_what_was_around_it() {
        let around = |kind, id, src, dst| Tunnel {
            kind,
            tier: 1,
            id,
            src: Ip::v4(src),
            dst: Ip::v4(dst),
            inner_offset: 36,
            ..Tunnel::default()
        };
        let tx = around(TunnelType::Vxlan, 7, [192, 0, 2, 1], [192, 0, 2, 2]);
        let mut f = TaggedFlow::default();
        let shown = |f: &TaggedFlow| -> Value {
            let line = flow("tagged_flow", "a.pcap", f).to_string();
            let read: Value = serde_json::from_str(&line).unwrap();
            read["tunnel"].clone()
        };
        assert_eq!(shown(&f), Value::Null);
        let mut set = |t: FlowTunnel| {
            f.extra = Some(Arc::new(FlowExtra {
                tunnel: Some(t),
                ..FlowExtra::default()
            }));
            shown(&f)
        };
        assert_eq!(
            set(FlowTunnel {
                tx,
                ..FlowTunnel::default()
            }),
            json!({"type": "VXLAN", "tier": 1, "tx_id": 7, "tx_src": "192.0.2.1", "tx_dst": "192.0.2.2"})
        );
        let rx = Tunnel {
            is_ipv6: true,
            src: Ip::v6([0x20; 16]),
            ..around(TunnelType::Vxlan, 8, [0; 4], [0; 4])
        };
        assert_eq!(
            set(FlowTunnel { tx, rx }),
            json!({
                "type": "VXLAN", "tier": 1, "tx_id": 7, "tx_src": "192.0.2.1", "tx_dst": "192.0.2.2",
                "rx_id": 8, "rx_src": "2020:2020:2020:2020:2020:2020:2020:2020", "rx_dst": "::",
            })
        );
        let read: Value = serde_json::from_str(&tunnel("a.pcap", 3, &tx).to_string()).unwrap();
        assert_eq!(
            read,
            json!({
                "kind": "tunnel", "pcap": "a.pcap", "frame": 3, "type": "VXLAN", "tier": 1, "id": 7, "src": "192.0.2.1",
                "dst": "192.0.2.2", "inner_offset": 36,
            })
        );
    }
}
