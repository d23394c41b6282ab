//! What a structure of OpenWire is described by.
use super::layouts::LAYOUTS;

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Byte,
    Int,
    Long,
    Text,
    Bytes,
    /// A structure with its number.
    Nested,
    /// A structure that may be known by a number from before.
    Cached,
    /// Structures with their numbers.
    Array,
    /// Class, message, and perhaps the stack.
    Throwable,
}

/// What a field is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Nothing,
    /// Queue or topic.
    Destination,
    /// Name of a destination.
    Name,
    /// Number of the command that is answered.
    Answers,
    /// What JMS calls the correlation id.
    Correlation,
    /// Properties of a message.
    Properties,
    /// The message that is carried.
    Message,
    /// What went wrong.
    Problem,
    User,
    Client,
    Broker,
    Subscription,
}

/// A field of a structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) meaning: Meaning,
    /// The first version that has it.
    pub(super) since: u8,
    /// The first version that has it no more.
    pub(super) until: u8,
}

/// A structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) number: u8,
    pub(super) name: &'static str,
    /// It begins with a command's number and whether an answer is wanted.
    pub(super) command: bool,
    pub(super) fields: &'static [Field],
}

pub(super) const WIRE_FORMAT_INFO: u8 = 1;
pub(super) const BROKER_INFO: u8 = 2;
pub(super) const KEEP_ALIVE_INFO: u8 = 10;
pub(super) const CONNECTION_ERROR: u8 = 16;
pub(super) const CONSUMER_CONTROL: u8 = 17;
pub(super) const CONNECTION_CONTROL: u8 = 18;
pub(super) const PRODUCER_ACK: u8 = 19;
pub(super) const MESSAGE_DISPATCH: u8 = 21;
pub(super) const FIRST_MESSAGE: u8 = 23;
pub(super) const LAST_MESSAGE: u8 = 29;
pub(super) const RESPONSE: u8 = 30;
pub(super) const EXCEPTION_RESPONSE: u8 = 31;
pub(super) const INTEGER_RESPONSE: u8 = 34;
pub(super) const QUEUE: u8 = 100;
pub(super) const TEMP_TOPIC: u8 = 103;

impl Layout {
    /// It carries what an application sends.
    pub(super) const fn is_message(&self) -> bool {
        self.number >= FIRST_MESSAGE && self.number <= LAST_MESSAGE
    }

    pub(super) const fn is_response(&self) -> bool {
        self.number >= RESPONSE && self.number <= INTEGER_RESPONSE
    }

    pub(super) const fn is_destination(&self) -> bool {
        self.number >= QUEUE && self.number <= TEMP_TOPIC
    }
}

/// The structure of this number.
pub(super) fn find(number: u8) -> Option<&'static Layout> {
    let at = LAYOUTS.binary_search_by_key(&number, |l| l.number).ok()?;
    LAYOUTS.get(at)
}

/// The same where it may stand for itself on the wire.
pub(super) fn find_command(number: u8) -> Option<&'static Layout> {
    find(number).filter(|l| l.number < QUEUE && !matches!(l.number, 40 | 55 | 91))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_found_by_their_number() {
        assert_eq!(find_command(5).unwrap().name, "ConsumerInfo");
        assert!(find_command(100).is_none() && find(100).is_some());
        assert!(find(13).is_none() && find(0).is_none());
        assert!(find(29).unwrap().is_message() && find(30).unwrap().is_response());
        assert!(find(103).unwrap().is_destination() && !find(110).unwrap().is_destination());
    }
}
