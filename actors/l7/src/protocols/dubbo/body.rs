use super::packed::Packed;
use crate::protocols::hessian::Hessian;
use crate::protocols::json::{self, Value};
use crate::{Settings, string};

/// What a request's body begins with, in every serialization: five texts, then the arguments, then attachments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// Of Dubbo.
    pub(super) version: String,
    /// Path of the service, most often the name of its interface.
    pub(super) service: String,
    /// Of the service.
    pub(super) service_version: String,
    /// Name of the method.
    pub(super) method: String,
}

/// The call in `body`, whose serialization has this id; `take` gets the attachments that are texts: all, or those that are headers
/// of `settings` where the serialization only lets them be searched.
pub(super) fn request(
    serialization: u8,
    body: &[u8],
    settings: &Settings,
    take: &mut dyn FnMut(&[u8], &[u8]),
) -> Call {
    match serialization {
        2 | 10 => hessian(body, take),
        6 | 16 => json_lines(body, take),
        id => Packed::of(id).map_or_else(Call::default, |p| p.request(body, settings, take)),
    }
}

/// What the body of a response says went wrong: the class and message of what was thrown.
pub(super) fn thrown(serialization: u8, body: &[u8]) -> Option<String> {
    match serialization {
        2 | 10 => {
            let mut h = Hessian::new(body);
            if !matches!(h.int()?, WITH_EXCEPTION | WITH_EXCEPTION_AND_ATTACHMENTS) {
                return None;
            }
            let (class, message) = h.throwable()?;
            let class = string(&class);
            Some(match message {
                Some(m) if !m.is_empty() => format!("{class}: {}", string(&m)),
                _ => class,
            })
        }
        6 | 16 => {
            let mut lines = body.split(|b| *b == b'\n');
            let kind: i32 = Value::Bare(lines.next()?.trim_ascii()).number()?;
            if !matches!(kind, WITH_EXCEPTION | WITH_EXCEPTION_AND_ATTACHMENTS) {
                return None;
            }
            let mut message = None;
            json::members(lines.next()?, |name, value| {
                if name == b"message" {
                    message = Some(string(value.bytes()));
                }
            });
            message
        }
        _ => None,
    }
}

/// The text that is the body of a response which is not OK.
pub(super) fn error_text(serialization: u8, body: &[u8]) -> Option<String> {
    match serialization {
        2 | 10 => Hessian::new(body).text().map(|t| string(&t)),
        6 | 16 => quoted(body.split(|b| *b == b'\n').next()?),
        id => Packed::of(id)?.first_text(body),
    }
    .filter(|t| !t.is_empty())
}

/// Kinds of responses.
const WITH_EXCEPTION: i32 = 0;
const WITH_EXCEPTION_AND_ATTACHMENTS: i32 = 3;

/// More arguments than a method can have.
const MOST_ARGUMENTS: usize = 255;

fn hessian(body: &[u8], take: &mut dyn FnMut(&[u8], &[u8])) -> Call {
    let mut h = Hessian::new(body);
    let mut call = Call::default();
    let whole = call.fill(|| h.text_or_null().map(|t| string(&t)));
    if whole.is_some()
        && let Some(types) = h.text_or_null()
        && (0..arguments(&types)).try_for_each(|_| h.skip()).is_some()
    {
        h.map(take);
    }
    call
}

fn json_lines(body: &[u8], take: &mut dyn FnMut(&[u8], &[u8])) -> Call {
    let mut lines = body.split(|b| *b == b'\n');
    let mut call = Call::default();
    if call.fill(|| lines.next().and_then(quoted)).is_none() {
        return call;
    }
    let types = lines.next().and_then(quoted).unwrap_or_default();
    if let Some(attachments) = lines.nth(arguments(types.as_bytes()))
        && attachments.trim_ascii_end().ends_with(b"}")
    {
        json::members(attachments, |k, v| {
            if let Value::Text(text) = v {
                take(k, &text);
            }
        });
    }
    call
}

/// A JSON string, or the empty text for null.
fn quoted(line: &[u8]) -> Option<String> {
    json::text(line.trim_ascii()).map(|t| string(&t))
}

impl Call {
    /// Takes the first texts of a body in their order, as far as there are any.
    pub(super) fn fill(&mut self, mut next: impl FnMut() -> Option<String>) -> Option<()> {
        self.version = next()?;
        self.service = next()?;
        self.service_version = next()?;
        self.method = next()?;
        Some(())
    }
}

/// How many arguments a method of these types has: descriptors of the Java Virtual Machine, one after the other.
pub(super) fn arguments(types: &[u8]) -> usize {
    let mut n = 0;
    let mut rest = types;
    while let Some((b, after)) = rest.split_first()
        && n < MOST_ARGUMENTS
    {
        rest = after;
        match b {
            b'[' => continue,
            b'L' => {
                let end = rest.iter().position(|b| *b == b';');
                rest = end.and_then(|e| rest.get(e + 1..)).unwrap_or_default();
            }
            _ => {}
        }
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_counted_by_their_descriptors() {
        for (types, want) in [
            ("", 0),
            ("I", 1),
            ("[[I", 1),
            ("Ljava/lang/String;[Ljava/lang/Object;ZJ", 4),
            ("Lno/end", 1),
            ("[", 0),
        ] {
            assert_eq!(arguments(types.as_bytes()), want, "{types}");
        }
        assert_eq!(arguments(&[b'I'; 1000]), MOST_ARGUMENTS);
    }

    #[test]
    fn lines_of_json_are_read() {
        let body = b"\"2.0.2\"\n\"a.B\"\nnull\n\"go\"\n\"Ljava/lang/String;I\"\n\"x\\ny\"\n7\n{\"sw8\":\"1\",\"n\":2}\n";
        let mut got = Vec::new();
        let call = request(6, body, &Settings::default(), &mut |k, v| {
            got.push((k.to_vec(), v.to_vec()));
        });
        assert_eq!(
            call,
            Call {
                version: "2.0.2".into(),
                service: "a.B".into(),
                service_version: String::new(),
                method: "go".into(),
            }
        );
        assert_eq!(got, [(b"sw8".to_vec(), b"1".to_vec())]);
        assert_eq!(
            thrown(6, b"0\n{\"message\":\"no\"}\n").as_deref(),
            Some("no")
        );
        assert_eq!(thrown(6, b"1\n{\"message\":\"no\"}\n"), None);
        assert_eq!(error_text(6, b"\"bad\"\n").as_deref(), Some("bad"));
    }
}
