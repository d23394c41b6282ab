//! What the structures of OpenWire are made of, version by version: names, numbers and fields in the order in which
//! they are written, after ActiveMQ's own description of its commands.

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

const fn of(kind: Kind, meaning: Meaning) -> Field {
    Field {
        kind,
        meaning,
        since: 1,
        until: u8::MAX,
    }
}

const fn since(since: u8, field: Field) -> Field {
    Field { since, ..field }
}

const fn before(until: u8, field: Field) -> Field {
    Field { until, ..field }
}

const BOOL: Field = of(Kind::Bool, Meaning::Nothing);
const BYTE: Field = of(Kind::Byte, Meaning::Nothing);
const INT: Field = of(Kind::Int, Meaning::Nothing);
const LONG: Field = of(Kind::Long, Meaning::Nothing);
const TEXT: Field = of(Kind::Text, Meaning::Nothing);
const BYTES: Field = of(Kind::Bytes, Meaning::Nothing);
const NESTED: Field = of(Kind::Nested, Meaning::Nothing);
const CACHED: Field = of(Kind::Cached, Meaning::Nothing);
const ARRAY: Field = of(Kind::Array, Meaning::Nothing);
const DESTINATION: Field = of(Kind::Cached, Meaning::Destination);
const SUBSCRIPTION: Field = of(Kind::Text, Meaning::Subscription);
const CLIENT: Field = of(Kind::Text, Meaning::Client);
const PROBLEM: Field = of(Kind::Throwable, Meaning::Problem);
const CORRELATION: Field = of(Kind::Text, Meaning::Correlation);
const ANSWERS: Field = of(Kind::Int, Meaning::Answers);
const NAME: &[Field] = &[of(Kind::Text, Meaning::Name)];

const fn command(number: u8, name: &'static str, fields: &'static [Field]) -> Layout {
    Layout {
        number,
        name,
        command: true,
        fields,
    }
}

const fn plain(number: u8, name: &'static str, fields: &'static [Field]) -> Layout {
    Layout {
        number,
        name,
        command: false,
        fields,
    }
}

/// Every message's: producer, destination, transaction, original destination, id, original transaction, group and
/// place in it, correlation id, persistent, expiration, priority, reply to, timestamp, type, content, properties,
/// data structure, consumer, compressed, redeliveries, path, arrival, user, from a bridge, droppable, cluster, times
/// in and out of the broker, first of its group.
const MESSAGE: &[Field] = &[
    CACHED,
    DESTINATION,
    CACHED,
    CACHED,
    NESTED,
    CACHED,
    TEXT,
    INT,
    CORRELATION,
    BOOL,
    LONG,
    BYTE,
    NESTED,
    LONG,
    TEXT,
    BYTES,
    of(Kind::Bytes, Meaning::Properties),
    NESTED,
    CACHED,
    BOOL,
    INT,
    ARRAY,
    LONG,
    of(Kind::Text, Meaning::User),
    BOOL,
    since(2, BOOL),
    since(3, ARRAY),
    since(3, LONG),
    since(3, LONG),
    since(10, BOOL),
];

/// The same, and address, type and whether the broker deletes.
const BLOB: &[Field] = &{
    let mut all = [BOOL; MESSAGE.len() + 3];
    let (head, _) = all.split_at_mut(MESSAGE.len());
    head.copy_from_slice(MESSAGE);
    all[MESSAGE.len()] = since(3, TEXT);
    all[MESSAGE.len() + 1] = since(3, TEXT);
    all[MESSAGE.len() + 2] = since(3, BOOL);
    all
};

pub(super) const WIRE_FORMAT_INFO: u8 = 1;
pub(super) const BROKER_INFO: u8 = 2;
pub(super) const KEEP_ALIVE_INFO: u8 = 10;
pub(super) const CONNECTION_ERROR: u8 = 16;
pub(super) const CONSUMER_CONTROL: u8 = 17;
pub(super) const CONNECTION_CONTROL: u8 = 18;
pub(super) const PRODUCER_ACK: u8 = 19;
pub(super) const MESSAGE_DISPATCH: u8 = 21;
const FIRST_MESSAGE: u8 = 23;
const LAST_MESSAGE: u8 = 29;
const RESPONSE: u8 = 30;
pub(super) const EXCEPTION_RESPONSE: u8 = 31;
const INTEGER_RESPONSE: u8 = 34;
pub(super) const QUEUE: u8 = 100;
pub(super) const TEMP_TOPIC: u8 = 103;

/// By number.
const LAYOUTS: &[Layout] = &[
    // Magic, version and properties have a reader of their own.
    plain(WIRE_FORMAT_INFO, "WireFormatInfo", &[]),
    command(
        BROKER_INFO,
        "BrokerInfo",
        &[
            CACHED,
            TEXT,
            ARRAY,
            of(Kind::Text, Meaning::Broker),
            BOOL,
            BOOL,
            BOOL,
            since(2, BOOL),
            since(2, BOOL),
            since(2, LONG),
            since(3, TEXT),
            since(3, TEXT),
        ],
    ),
    command(
        3,
        "ConnectionInfo",
        &[
            CACHED,
            CLIENT,
            // The password.
            TEXT,
            of(Kind::Text, Meaning::User),
            ARRAY,
            BOOL,
            BOOL,
            since(2, BOOL),
            since(6, BOOL),
            since(6, BOOL),
            since(8, TEXT),
        ],
    ),
    command(4, "SessionInfo", &[CACHED]),
    command(
        5,
        "ConsumerInfo",
        &[
            CACHED,
            BOOL,
            DESTINATION,
            INT,
            INT,
            BOOL,
            TEXT,
            since(10, CLIENT),
            SUBSCRIPTION,
            BOOL,
            BOOL,
            BOOL,
            BYTE,
            ARRAY,
            NESTED,
            BOOL,
            BOOL,
            BOOL,
            since(4, ARRAY),
        ],
    ),
    command(
        6,
        "ProducerInfo",
        &[CACHED, DESTINATION, ARRAY, since(2, BOOL), since(3, INT)],
    ),
    command(7, "TransactionInfo", &[CACHED, CACHED, BYTE]),
    command(
        8,
        "DestinationInfo",
        &[CACHED, DESTINATION, BYTE, LONG, ARRAY],
    ),
    command(9, "RemoveSubscriptionInfo", &[CACHED, SUBSCRIPTION, CLIENT]),
    command(KEEP_ALIVE_INFO, "KeepAliveInfo", &[]),
    command(11, "ShutdownInfo", &[]),
    command(12, "RemoveInfo", &[CACHED, since(5, LONG)]),
    command(14, "ControlCommand", &[TEXT]),
    command(15, "FlushCommand", &[]),
    command(CONNECTION_ERROR, "ConnectionError", &[PROBLEM, NESTED]),
    command(
        CONSUMER_CONTROL,
        "ConsumerControl",
        &[
            since(6, of(Kind::Nested, Meaning::Destination)),
            BOOL,
            NESTED,
            INT,
            since(2, BOOL),
            since(2, BOOL),
            since(2, BOOL),
        ],
    ),
    command(
        CONNECTION_CONTROL,
        "ConnectionControl",
        &[
            BOOL,
            BOOL,
            BOOL,
            BOOL,
            BOOL,
            since(6, TEXT),
            since(6, TEXT),
            since(6, BOOL),
            since(6, BYTES),
        ],
    ),
    command(PRODUCER_ACK, "ProducerAck", &[NESTED, INT]),
    command(
        20,
        "MessagePull",
        &[
            CACHED,
            DESTINATION,
            LONG,
            since(3, CORRELATION),
            since(4, NESTED),
        ],
    ),
    command(
        MESSAGE_DISPATCH,
        "MessageDispatch",
        &[CACHED, DESTINATION, of(Kind::Nested, Meaning::Message), INT],
    ),
    command(
        22,
        "MessageAck",
        &[
            DESTINATION,
            CACHED,
            CACHED,
            BYTE,
            NESTED,
            NESTED,
            INT,
            since(7, PROBLEM),
        ],
    ),
    command(FIRST_MESSAGE, "ActiveMQMessage", MESSAGE),
    command(24, "ActiveMQBytesMessage", MESSAGE),
    command(25, "ActiveMQMapMessage", MESSAGE),
    command(26, "ActiveMQObjectMessage", MESSAGE),
    command(27, "ActiveMQStreamMessage", MESSAGE),
    command(28, "ActiveMQTextMessage", MESSAGE),
    command(LAST_MESSAGE, "ActiveMQBlobMessage", BLOB),
    command(RESPONSE, "Response", &[ANSWERS]),
    command(EXCEPTION_RESPONSE, "ExceptionResponse", &[ANSWERS, PROBLEM]),
    command(32, "DataResponse", &[ANSWERS, NESTED]),
    command(33, "DataArrayResponse", &[ANSWERS, ARRAY]),
    command(INTEGER_RESPONSE, "IntegerResponse", &[ANSWERS, INT]),
    plain(40, "DiscoveryEvent", &[TEXT, TEXT]),
    plain(
        55,
        "SubscriptionInfo",
        &[
            CLIENT,
            DESTINATION,
            TEXT,
            SUBSCRIPTION,
            since(3, NESTED),
            since(11, BOOL),
        ],
    ),
    plain(60, "PartialCommand", &[INT, BYTES]),
    plain(61, "LastPartialCommand", &[INT, BYTES]),
    command(65, "ReplayCommand", &[INT, INT]),
    command(
        90,
        "MessageDispatchNotification",
        &[CACHED, DESTINATION, LONG, NESTED],
    ),
    plain(
        91,
        "NetworkBridgeFilter",
        &[before(10, INT), CACHED, since(10, INT), since(10, INT)],
    ),
    command(92, "BrokerSubscriptionInfo", &[NESTED, TEXT, ARRAY]),
    plain(QUEUE, "ActiveMQQueue", NAME),
    plain(101, "ActiveMQTopic", NAME),
    plain(102, "ActiveMQTempQueue", NAME),
    plain(TEMP_TOPIC, "ActiveMQTempTopic", NAME),
    plain(110, "MessageId", &[since(10, TEXT), CACHED, LONG, LONG]),
    plain(111, "LocalTransactionId", &[LONG, CACHED]),
    plain(112, "XATransactionId", &[INT, BYTES, BYTES]),
    plain(120, "ConnectionId", &[TEXT]),
    plain(121, "SessionId", &[TEXT, LONG]),
    plain(122, "ConsumerId", &[TEXT, LONG, LONG]),
    plain(123, "ProducerId", &[TEXT, LONG, LONG]),
    plain(124, "BrokerId", &[TEXT]),
];

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
        for pair in LAYOUTS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{}", pair[1].name);
        }
        assert_eq!(find_command(5).unwrap().name, "ConsumerInfo");
        assert!(find_command(100).is_none() && find(100).is_some());
        assert!(find(13).is_none() && find(0).is_none());
        assert_eq!(BLOB.len(), MESSAGE.len() + 3);
        assert_eq!(BLOB[MESSAGE.len()].kind, Kind::Text);
        for l in LAYOUTS {
            assert!(l.fields.iter().all(|f| f.since <= 12));
        }
    }
}
