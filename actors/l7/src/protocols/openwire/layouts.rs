//! What the structures of OpenWire are made of, version by version: names, numbers and fields in the order in which
//! they are written, after ActiveMQ's own description of its commands.
use super::layout::*;

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
    let (head, tail) = all.split_at_mut(MESSAGE.len());
    head.copy_from_slice(MESSAGE);
    tail.copy_from_slice(&[since(3, TEXT), since(3, TEXT), since(3, BOOL)]);
    all
};

/// By number.
pub(super) const LAYOUTS: &[Layout] = &[
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_stand_in_order() {
        for pair in LAYOUTS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{}", pair[1].name);
        }
        for l in LAYOUTS {
            assert!(l.fields.iter().all(|f| f.since <= 12), "{}", l.name);
        }
        assert_eq!(BLOB.len(), MESSAGE.len() + 3);
        assert_eq!(BLOB[MESSAGE.len()].kind, Kind::Text);
    }
}
