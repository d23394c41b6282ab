//! Text that is safe inside HTML, attribute values included.
use std::fmt;

/// Displays `.0` with everything escaped that could end text or an attribute value.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '`']) {
            let (safe, tail) = rest.split_at(at);
            f.write_str(safe)?;
            let mut chars = tail.chars();
            f.write_str(match chars.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                Some('\'') => "&#39;",
                _ => "&#96;",
            })?;
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

/// `template` with every `{{name}}` replaced by what `fill` gives for it, in one pass: what is filled in is not
/// looked at again.
pub(crate) fn fill(template: &str, fill: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len() * 4);
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once("{{") {
        out.push_str(before);
        match tail.split_once("}}") {
            Some((name, after)) => {
                out.push_str(&fill(name));
                rest = after;
            }
            None => {
                out.push_str("{{");
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_leave_its_place() {
        let hostile = r#"<script>alert("x")</script>'&`µ"#;
        assert_eq!(
            Escaped(hostile).to_string(),
            "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;&#96;µ"
        );
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let page = fill("<{{a}}|{{b}}>", |name| {
            if name == "a" {
                "{{b}}".into()
            } else {
                "B".into()
            }
        });
        assert_eq!(page, "<{{b}}|B>");
        assert_eq!(fill("{{open", |_| String::new()), "{{open");
    }
}
