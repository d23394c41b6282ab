use super::{DROP, ExpressionError, FilterError};
use crate::bpf::{Instruction, MAX_INSTRUCTIONS, RETURN};
use messages::LinkType;
use pcap::{Activated, Capture, Linktype};

/// Longest text that is compiled, bytes. What libpcap needs grows with the third power: so much takes it a second.
const MAX_TEXT: usize = 4096;
/// Of what is wrong so much is shown.
const SHOWN: usize = 120;
/// `DLT_RAW` of Linux.
const RAW: Linktype = Linktype(12);
/// The word that asks for what the kernel may have taken out of the frame.
const VLAN: &str = "vlan";

/// An expression in tcpdump's language (pcap-filter(7)), compiled by libpcap for every kind of link captured here.
///
/// Names in it are looked up once, when it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    text: String,
    ethernet: Result<Vec<Instruction>, String>,
    raw: Result<Vec<Instruction>, String>,
    is_blind_to_tags: bool,
}

impl Expression {
    /// Compiles `text`.
    ///
    /// # Errors
    /// It means nothing on any kind of link, is longer than 4096 bytes, or needs a loop (`protochain`), which the
    /// kernel does not run.
    pub fn compile(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        let refuse = |why: &str| ExpressionError {
            text: text.chars().take(SHOWN).collect(),
            why: why.to_owned(),
        };
        if text.len() > MAX_TEXT {
            return Err(refuse(&format!(
                "{} bytes, at most {MAX_TEXT} are taken",
                text.len()
            )));
        }
        // Only a handle of a live interface knows that a filter finds a tag beside the packet.
        let is_about_tags = text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == VLAN);
        let live = is_about_tags.then(live).flatten();
        let is_blind_to_tags = is_about_tags && live.is_none();
        let ethernet = match live {
            Some(handle) => compile(&handle, text),
            None => compile_dead(Linktype::ETHERNET, text),
        };
        let raw = compile_dead(RAW, text);
        if let (Err(why), Err(_)) = (&ethernet, &raw) {
            return Err(refuse(why));
        }
        Ok(Self {
            text: text.to_owned(),
            ethernet,
            raw,
            is_blind_to_tags,
        })
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// It asks for VLAN tags and sees only those that are still in the frame, not those that the interface took out:
    /// it was compiled without the right to capture.
    #[must_use]
    pub const fn is_blind_to_tags(&self) -> bool {
        self.is_blind_to_tags
    }

    /// The program for packets of such links, that keeps `snap_len` bytes of what it takes.
    pub(super) fn program(
        &self,
        link: LinkType,
        snap_len: u32,
    ) -> Result<Vec<Instruction>, FilterError> {
        let (link, program) = match link {
            LinkType::Raw => ("IP without a link header", &self.raw),
            _ => ("Ethernet", &self.ethernet),
        };
        let program = program.as_ref().map_err(|why| FilterError::NotForLink {
            link,
            why: why.clone(),
        })?;
        let kept = program.iter().map(|i| match *i {
            Instruction {
                code: RETURN, k, ..
            } if k != DROP => Instruction::plain(RETURN, snap_len),
            other => other,
        });
        Ok(kept.collect())
    }
}

/// A handle that knows what the kernel shows to filters beside the packet. It captures for a moment on loopback, which
/// is Ethernet to libpcap.
fn live() -> Option<Capture<pcap::Active>> {
    const LITTLE: i32 = 128 << 10;
    let handle = Capture::from_device("lo").ok()?;
    handle
        .snaplen(64)
        .buffer_size(LITTLE)
        .open()
        .ok()
        .filter(|h| h.get_datalink() == Linktype::ETHERNET)
}

fn compile_dead(link: Linktype, text: &str) -> Result<Vec<Instruction>, String> {
    let handle = Capture::dead(link).map_err(|e| e.to_string())?;
    compile(&handle, text)
}

fn compile<T: Activated>(handle: &Capture<T>, text: &str) -> Result<Vec<Instruction>, String> {
    let program = handle.compile(text, true).map_err(|e| e.to_string())?;
    let program = program.get_instructions();
    if program.len() > MAX_INSTRUCTIONS {
        return Err(format!(
            "it makes {} instructions, the kernel takes {MAX_INSTRUCTIONS}",
            program.len()
        ));
    }
    let program: Option<Vec<_>> = program.iter().map(|i| parse(&i.to_string())).collect();
    let program = program.ok_or("libpcap gave an instruction that cannot be read")?;
    let is_straight = program
        .iter()
        .enumerate()
        .all(|(at, i)| i.reach().is_none_or(|n| at + 1 + n < program.len()));
    if !is_straight {
        return Err(
            "it makes a loop, which the kernel does not run; is there a `protochain`?".into(),
        );
    }
    if !program.last().is_some_and(Instruction::is_return) {
        return Err("libpcap gave a program without an end".into());
    }
    Ok(program)
}

/// From the form in which the fields of libpcap's instructions are shown: four numbers.
fn parse(shown: &str) -> Option<Instruction> {
    let mut fields = shown.split(' ');
    let i = Instruction {
        code: fields.next()?.parse().ok()?,
        jump_true: fields.next()?.parse().ok()?,
        jump_false: fields.next()?.parse().ok()?,
        k: fields.next()?.parse().ok()?,
    };
    fields.next().is_none().then_some(i)
}
