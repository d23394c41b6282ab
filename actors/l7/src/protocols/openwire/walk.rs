//! Reads structures of any layout in any format, and notes what is wanted on the way.
use super::bits::Bits;
use super::cache::{Cache, Destination};
use super::format::Format;
use super::layout::{self, Field, Kind, Layout, Meaning};
use crate::reader::Reader;
use crate::string;
use ahash::RandomState;
use hashbrown::HashMap;

/// Structures in structures; ActiveMQ's own go three deep.
const MOST_DEPTH: u8 = 8;
/// Throwables that caused each other.
const MOST_CAUSES: usize = 64;

/// Why a structure was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// So many bytes would have to be there.
    Short(usize),
    /// It is not written like this.
    Bad,
}

/// What was found in a command.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    pub(super) id: Option<u32>,
    pub(super) wants_answer: bool,
    pub(super) answers: Option<u32>,
    pub(super) destination: Option<Destination>,
    pub(super) correlation: &'a [u8],
    pub(super) properties: &'a [u8],
    /// Class and message.
    pub(super) problem: Option<(&'a [u8], &'a [u8])>,
    /// Id of the message that is carried, and whether its sender wanted an answer.
    pub(super) inner: Option<(u32, bool)>,
    pub(super) user: &'a [u8],
    pub(super) client: &'a [u8],
    pub(super) broker: &'a [u8],
    pub(super) subscription: &'a [u8],
}

/// A command read as far as it could be.
#[derive(Debug)]
pub(super) struct Walked<'a> {
    pub(super) found: Found<'a>,
    /// Bytes of it, or why it has no end.
    pub(super) end: Result<usize, Stop>,
    /// What the cache's numbers stand for from now on.
    pub(super) cached: HashMap<u16, Option<Destination>, RandomState>,
}

/// Reads the command that begins, with its number, at the first of these bytes.
pub(super) fn walk<'a>(data: &'a [u8], format: Format, cache: &Cache) -> Walked<'a> {
    let mut w = Walk {
        r: Reader::new(data),
        bits: None,
        format,
        cache,
        cached: HashMap::default(),
        found: Found::default(),
        depth: 0,
    };
    let end = w.command().map(|()| w.r.at());
    Walked {
        found: w.found,
        end,
        cached: w.cached,
    }
}

struct Walk<'a, 'c> {
    r: Reader<'a>,
    /// In tight encoding.
    bits: Option<Bits<'a>>,
    format: Format,
    cache: &'c Cache,
    cached: HashMap<u16, Option<Destination>, RandomState>,
    found: Found<'a>,
    depth: u8,
}

impl<'a> Walk<'a, '_> {
    fn command(&mut self) -> Result<(), Stop> {
        let number = self.byte()?;
        let layout = layout::find_command(number).ok_or(Stop::Bad)?;
        if self.format.tight {
            self.gather()?;
        }
        self.structure(layout, Part::Whole).map(drop)
    }

    /// Reads the flags that stand in front.
    fn gather(&mut self) -> Result<(), Stop> {
        let bits = Bits::read(&mut self.r);
        self.bits = Some(bits.map_err(|n| n.map_or(Stop::Bad, Stop::Short))?);
        Ok(())
    }

    fn structure(&mut self, layout: &Layout, part: Part) -> Result<Option<Destination>, Stop> {
        if layout.command {
            let wants = match self.bits {
                Some(_) => Some(self.flag()?),
                None => None,
            };
            let id = self.int()?;
            let wants = match wants {
                Some(wants) => wants,
                None => self.flag()?,
            };
            match part {
                Part::Whole => {
                    self.found.id = Some(id);
                    self.found.wants_answer = wants;
                }
                Part::Message => self.found.inner = Some((id, wants)),
                Part::Detail => {}
            }
        }
        let mut name = None;
        for field in layout.fields {
            if !(field.since..field.until).contains(&self.format.version) {
                continue;
            }
            if field.meaning == Meaning::Name {
                name = self.text(field.meaning)?;
            } else if part == Part::Detail {
                let quiet = Field {
                    meaning: Meaning::Nothing,
                    ..*field
                };
                self.field(quiet)?;
            } else {
                self.field(*field)?;
            }
        }
        Ok(name
            .filter(|_| layout.is_destination())
            .map(|name| Destination {
                number: layout.number,
                name: string(name).into(),
            }))
    }

    fn field(&mut self, field: Field) -> Result<(), Stop> {
        match field.kind {
            Kind::Bool => self.flag().map(drop),
            Kind::Byte => self.byte().map(drop),
            Kind::Int => {
                let value = self.int()?;
                if field.meaning == Meaning::Answers {
                    self.found.answers = Some(value);
                }
                Ok(())
            }
            Kind::Long => self.long(),
            Kind::Text => self.text(field.meaning).map(drop),
            Kind::Bytes => self.bytes(field.meaning),
            Kind::Nested => {
                let part = match field.meaning {
                    Meaning::Message => Part::Message,
                    _ => Part::Detail,
                };
                let what = self.nested(part)?;
                self.note(field.meaning, what);
                Ok(())
            }
            Kind::Cached => {
                let what = self.cached()?;
                self.note(field.meaning, what);
                Ok(())
            }
            Kind::Array => {
                if self.flag()? {
                    let n = self.short()?;
                    for _ in 0..n {
                        self.nested(Part::Detail)?;
                    }
                }
                Ok(())
            }
            Kind::Throwable => self.throwable(),
        }
    }

    fn note(&mut self, meaning: Meaning, what: Option<Destination>) {
        if meaning == Meaning::Destination && self.found.destination.is_none() {
            self.found.destination = what;
        }
    }

    fn nested(&mut self, part: Part) -> Result<Option<Destination>, Stop> {
        if !self.flag()? {
            return Ok(None);
        }
        let number = self.byte()?;
        let layout = layout::find(number).ok_or(Stop::Bad)?;
        if self.depth >= MOST_DEPTH {
            return Err(Stop::Bad);
        }
        self.depth += 1;
        // A message may have been kept as it came: with a size, its number once more, and flags of its own.
        let kept = layout.is_message() && self.bits.is_some() && self.flag()?;
        let what = if kept {
            let outer = self.bits;
            self.take(5)?;
            self.gather()?;
            let what = self.structure(layout, part)?;
            self.bits = outer;
            what
        } else {
            self.structure(layout, part)?
        };
        self.depth -= 1;
        Ok(what)
    }

    fn cached(&mut self) -> Result<Option<Destination>, Stop> {
        if !self.format.cache {
            return self.nested(Part::Detail);
        }
        let is_new = self.flag()?;
        let index = self.short()?;
        if !is_new {
            let new = self.cached.get(&index).cloned();
            return Ok(new.unwrap_or_else(|| self.cache.get(index).cloned()));
        }
        let what = self.nested(Part::Detail)?;
        // The largest number is that of what did not fit into the sender's cache.
        if index != u16::MAX {
            self.cached.insert(index, what.clone());
        }
        Ok(what)
    }

    fn throwable(&mut self) -> Result<(), Stop> {
        for cause in 0..MOST_CAUSES {
            if !self.flag()? {
                return Ok(());
            }
            let class = self.text(Meaning::Nothing)?.unwrap_or_default();
            if cause == 0 {
                self.found.problem = Some((class, b""));
            }
            let message = self.text(Meaning::Nothing)?.unwrap_or_default();
            if cause == 0 {
                self.found.problem = Some((class, message));
            }
            if !self.format.stacks {
                return Ok(());
            }
            let frames = self.short()?;
            for _ in 0..frames {
                for _ in 0..3 {
                    self.text(Meaning::Nothing)?;
                }
                self.int()?;
            }
        }
        Err(Stop::Bad)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Stop> {
        let wanted = self.r.at().saturating_add(n);
        self.r.take(n).ok_or(Stop::Short(wanted))
    }

    fn flag(&mut self) -> Result<bool, Stop> {
        match &mut self.bits {
            Some(bits) => bits.flag().ok_or(Stop::Bad),
            None => match self.byte()? {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(Stop::Bad),
            },
        }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let wanted = self.r.at() + 1;
        self.r.u8().ok_or(Stop::Short(wanted))
    }

    fn short(&mut self) -> Result<u16, Stop> {
        let wanted = self.r.at() + 2;
        self.r.u16().ok_or(Stop::Short(wanted))
    }

    fn int(&mut self) -> Result<u32, Stop> {
        let wanted = self.r.at() + 4;
        self.r.u32().ok_or(Stop::Short(wanted))
    }

    fn long(&mut self) -> Result<(), Stop> {
        let size = if self.bits.is_some() {
            match (self.flag()?, self.flag()?) {
                (false, false) => 0,
                (false, true) => 2,
                (true, false) => 4,
                (true, true) => 8,
            }
        } else {
            8
        };
        self.take(size).map(drop)
    }

    fn text(&mut self, meaning: Meaning) -> Result<Option<&'a [u8]>, Stop> {
        if !self.flag()? {
            return Ok(None);
        }
        if self.bits.is_some() {
            // Whether it is ASCII: what is not is written in much the same way.
            self.flag()?;
        }
        let length = self.short()?;
        let text = self.take(length.into())?;
        let place = match meaning {
            Meaning::Correlation => &mut self.found.correlation,
            Meaning::User => &mut self.found.user,
            Meaning::Client => &mut self.found.client,
            Meaning::Broker => &mut self.found.broker,
            Meaning::Subscription => &mut self.found.subscription,
            _ => return Ok(Some(text)),
        };
        *place = text;
        Ok(Some(text))
    }

    fn bytes(&mut self, meaning: Meaning) -> Result<(), Stop> {
        if !self.flag()? {
            return Ok(());
        }
        let length = self.int()? as usize;
        let rest = self.r.rest();
        if meaning == Meaning::Properties {
            self.found.properties = rest.get(..length).unwrap_or(rest);
        }
        self.take(length).map(drop)
    }
}

/// What a structure is in its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The command itself.
    Whole,
    /// The message that it carries.
    Message,
    /// Anything else, of which nothing is wanted but a destination's name.
    Detail,
}
