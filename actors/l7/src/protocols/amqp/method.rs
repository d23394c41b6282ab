//! What is told of a method and its arguments.
use super::methods::METHODS;
use crate::reader::Reader;
use messages::Side;

/// What a method is in its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Waits for an answer.
    Asks,
    /// Answers the method of its class that has this number.
    Answers(u16),
    /// Does neither.
    Alone,
}

/// Which arguments stand in a method, in order; those behind the last that is told are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    /// So many bytes that are not told.
    Skip(usize),
    /// A short text that is not told.
    SkipText,
    Vhost,
    Queue,
    Exchange,
    RoutingKey,
    Code,
    Words,
    /// Bits, of which this one says that no answer is wanted.
    NoWait(u8),
}

/// A method.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) class: u16,
    pub(super) number: u16,
    /// Class and method.
    pub(super) name: &'static str,
    /// Who sends it, where only one side may.
    pub(super) sender: Option<Side>,
    pub(super) role: Role,
    pub(super) args: &'static [Arg],
}

/// The method `number` of `class`.
pub(super) fn method(class: u16, number: u16) -> Option<&'static Method> {
    let key = (class, number);
    let at = METHODS.binary_search_by_key(&key, |m| (m.class, m.number));
    at.ok().and_then(|i| METHODS.get(i))
}

/// What is told of the arguments of a method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Args<'a> {
    pub(super) vhost: &'a [u8],
    pub(super) queue: &'a [u8],
    /// Empty = the default exchange.
    pub(super) exchange: Option<&'a [u8]>,
    pub(super) routing_key: &'a [u8],
    pub(super) code: Option<u16>,
    pub(super) words: &'a [u8],
    pub(super) no_wait: bool,
}

impl<'a> Args<'a> {
    /// Reads what follows class and method, as far as it goes.
    pub(super) fn read(method: &Method, bytes: &'a [u8]) -> Self {
        let mut args = Self::default();
        let mut r = Reader::new(bytes);
        for arg in method.args {
            if args.next(*arg, &mut r).is_none() {
                break;
            }
        }
        args
    }

    fn next(&mut self, arg: Arg, r: &mut Reader<'a>) -> Option<()> {
        match arg {
            Arg::Skip(n) => _ = r.take(n)?,
            Arg::SkipText => _ = short(r)?,
            Arg::Vhost => self.vhost = short(r)?,
            Arg::Queue => self.queue = short(r)?,
            Arg::Exchange => self.exchange = Some(short(r)?),
            Arg::RoutingKey => self.routing_key = short(r)?,
            Arg::Code => self.code = Some(r.u16()?),
            Arg::Words => self.words = short(r)?,
            Arg::NoWait(bit) => self.no_wait = r.u8()? & bit != 0,
        }
        Some(())
    }
}

/// A short string: a byte of length, then so many bytes.
pub(super) fn short<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut ahead = *r;
    let n = usize::from(ahead.u8()?);
    let s = ahead.take(n)?;
    *r = ahead;
    Some(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_sorted_and_answers_have_what_they_answer() {
        assert!(METHODS.is_sorted_by_key(|m| (m.class, m.number)));
        for m in METHODS {
            assert_eq!(method(m.class, m.number).unwrap().name, m.name);
            if let Role::Answers(asked) = m.role {
                let asked = method(m.class, asked).unwrap();
                assert_eq!(asked.role, Role::Asks, "{}", m.name);
                assert!(m.name.starts_with(asked.name), "{}", m.name);
            }
        }
        assert!(method(60, 41).is_none());
    }
}
