/// Methods that a conversation may be recognised by: the IANA registry of HTTP methods without `PRI` (HTTP/2's
/// preface), and those of UPnP, of caches, of Exchange and of RPC over HTTP. The usual ones stand first.
const METHODS: &[&str] = &[
    "GET",
    "POST",
    "PUT",
    "HEAD",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "PROPFIND",
    "PROPPATCH",
    "TRACE",
    "REPORT",
    "QUERY",
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "REBIND",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PURGE",
    "BAN",
    "BCOPY",
    "BDELETE",
    "BMOVE",
    "BPROPFIND",
    "BPROPPATCH",
    "POLL",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "CCM_POST",
    "BITS_POST",
];

/// No method is longer.
pub(super) const LONGEST: usize = 32;

/// The name is one of the two that most requests have.
pub(super) fn is_usual(name: &[u8]) -> bool {
    matches!(name, b"GET" | b"POST")
}

/// The method of this name.
pub(super) fn method(name: &[u8]) -> Option<&'static str> {
    with_first(name).find(|m| m.as_bytes() == name)
}

/// A method begins with these bytes.
pub(super) fn may_become_one(begin: &[u8]) -> bool {
    begin.is_empty() || with_first(begin).any(|m| m.as_bytes().starts_with(begin))
}

/// Those that begin with the first of these bytes: few are left for a whole look.
fn with_first(begin: &[u8]) -> impl Iterator<Item = &'static str> {
    let first = begin.first();
    METHODS
        .iter()
        .copied()
        .filter(move |m| m.as_bytes().first() == first)
}

/// A byte that names of methods and fields are made of (`tchar` of RFC 9110, 5.6.2).
pub(super) const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
