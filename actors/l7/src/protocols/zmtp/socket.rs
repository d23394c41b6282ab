/// What kind of socket a peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket(u8);

/// By the number that ZMTP 2.0 gives them; beyond SUB's and PUB's raw kinds 3.x has none.
const NAMES: [&str; 16] = [
    "PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB",
    "SERVER", "CLIENT", "RADIO", "DISH", "PEER",
];

const SUB: u8 = 2;
const REQ: u8 = 3;
const REP: u8 = 4;
const XSUB: u8 = 10;

impl Socket {
    pub(super) fn by_number(n: u8) -> Option<Self> {
        (n <= XSUB).then_some(Self(n))
    }

    pub(super) fn by_name(name: &[u8]) -> Option<Self> {
        let at = NAMES.iter().position(|n| n.as_bytes() == name)?;
        u8::try_from(at).ok().map(Self)
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// It subscribes; of older versions with messages that begin with 1 or 0.
    pub(super) const fn subscribes(self) -> bool {
        matches!(self.0, SUB | XSUB)
    }
}

/// Whether a socket asks (`true`) or answers (`false`) its peer, where either of them does nothing else; REQ and REP
/// alone are bound to turns, whatever they are connected to.
pub(super) const fn asks(own: Option<Socket>, peer: Option<Socket>) -> Option<bool> {
    match (own, peer) {
        (Some(Socket(REQ)), _) | (_, Some(Socket(REP))) => Some(true),
        (Some(Socket(REP)), _) | (_, Some(Socket(REQ))) => Some(false),
        _ => None,
    }
}

/// The asking socket waits for the answer before it asks again.
pub(super) const fn in_turns(asking: Option<Socket>) -> bool {
    matches!(asking, Some(Socket(REQ)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_known_of_req_and_rep() {
        let s = |name: &str| Socket::by_name(name.as_bytes());
        assert_eq!(asks(s("REQ"), s("ROUTER")), Some(true));
        assert_eq!(asks(s("ROUTER"), s("REQ")), Some(false));
        assert_eq!(asks(s("DEALER"), s("REP")), Some(true));
        assert_eq!(asks(s("DEALER"), s("ROUTER")), None);
        assert_eq!(asks(None, None), None);
        assert_eq!(asks(s("REP"), None), Some(false));
        assert!(in_turns(s("REQ")) && !in_turns(s("DEALER")));
        assert_eq!(Socket::by_number(2), s("SUB"));
        assert_eq!(Socket::by_number(11), None);
        assert!(s("NONE").is_none() && s("XSUB").unwrap().subscribes());
    }
}
