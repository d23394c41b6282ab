use crate::protocols::hessian::Hessian;
use crate::string;

/// The class of answers, whose first field is whether the framework failed, and the second what it says of it.
pub(super) const CLASS: &[u8] = b"com.alipay.sofa.rpc.core.response.SofaResponse";
/// So many bytes of an answer hold the definition of its class and its first field.
pub(super) const FIRST_FIELD: usize = 160;

/// What an answer in Hessian says of a failure of the framework; `None` where there was none.
///
/// Read are Hessian 2.0 and its draft, in which class definitions begin with O and objects with o.
pub(super) fn error(content: &[u8]) -> Option<String> {
    let mut h = Hessian::new(content);
    match h.tag()? {
        b'O' => {
            let n = h.length()?;
            h.bytes(n)?;
        }
        b'C' => drop(h.text()?),
        _ => return None,
    }
    let fields = h.length()?;
    let first = h.text()?;
    // Each is a byte at least, so that this ends with the data.
    (1..fields).try_for_each(|_| h.text().map(drop))?;
    match h.tag()? {
        b'o' | b'O' => drop(h.int()?),
        0x60..=0x6f => {}
        _ => return None,
    }
    if *first != *b"isError" || h.tag()? != b'T' {
        return None;
    }
    Some(h.text().map(|t| string(&t)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_both_forms() {
        let fields = b"\x92\x07isError\x08errorMsg";
        let draft = [&b"O\x93a.B"[..], fields, b"o\x90T\x04late"].concat();
        let final_ = [&b"C\x03a.B"[..], fields, b"\x60T\x04late"].concat();
        assert_eq!(error(&draft).as_deref(), Some("late"));
        assert_eq!(error(&final_).as_deref(), Some("late"));
        let fine = [&b"O\x93a.B"[..], fields, b"o\x90FN"].concat();
        assert_eq!(error(&fine), None);
        for n in 0..draft.len() - 5 {
            assert_eq!(error(&draft[..n]), None, "{n}");
        }
    }
}
