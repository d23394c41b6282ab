//! The commands of Pulsar's binary protocol: what each is for, and where it keeps what we want of it.

/// Part of a command in an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Asks for an answer.
    Ask,
    /// Answers.
    Answer,
    /// Expects no answer.
    Tell,
}

/// What an answer shares with what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// Nothing: it is alone.
    Alone,
    /// The number in this field.
    Request(u8),
    /// Producer id and sequence id, in fields 1 and 2.
    Send,
    /// There is one such exchange at a time, of this kind.
    Only(u8),
}

/// A kind of command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command {
    /// Its number, which is also that of the field of `BaseCommand` it stands in.
    pub(super) number: u8,
    /// The name of that field, words joined by `_`.
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) pair: Pair,
    /// Fields of topic (or namespace), consumer id, producer id, `ServerError` and its words; 0 = none.
    pub(super) topic: u8,
    pub(super) consumer: u8,
    pub(super) producer: u8,
    pub(super) error: u8,
    pub(super) words: u8,
}

const fn command(number: u8, name: &'static str, role: Role, pair: Pair) -> Command {
    Command {
        number,
        name,
        role,
        pair,
        topic: 0,
        consumer: 0,
        producer: 0,
        error: 0,
        words: 0,
    }
}

/// A request with its id in this field.
const fn ask(number: u8, name: &'static str, id: u8) -> Command {
    command(number, name, Role::Ask, Pair::Request(id))
}

/// The answer to one.
const fn answer(number: u8, name: &'static str, id: u8) -> Command {
    command(number, name, Role::Answer, Pair::Request(id))
}

const fn tell(number: u8, name: &'static str) -> Command {
    command(number, name, Role::Tell, Pair::Alone)
}

impl Command {
    const fn topic(mut self, field: u8) -> Self {
        self.topic = field;
        self
    }

    const fn consumer(mut self, field: u8) -> Self {
        self.consumer = field;
        self
    }

    const fn producer(mut self, field: u8) -> Self {
        self.producer = field;
        self
    }

    const fn error(mut self, error: u8, words: u8) -> Self {
        self.error = error;
        self.words = words;
        self
    }
}

pub(super) const CONNECT: u8 = 2;
pub(super) const CONNECTED: u8 = 3;
pub(super) const SUBSCRIBE: u8 = 4;
pub(super) const PRODUCER: u8 = 5;
pub(super) const SEND: u8 = 6;
pub(super) const SEND_RECEIPT: u8 = 7;
pub(super) const MESSAGE: u8 = 9;
pub(super) const ACK: u8 = 10;
pub(super) const CLOSE_PRODUCER: u8 = 15;
pub(super) const CLOSE_CONSUMER: u8 = 16;
pub(super) const PRODUCER_SUCCESS: u8 = 17;
pub(super) const PARTITION_METADATA_RESPONSE: u8 = 22;
pub(super) const LOOKUP_TOPIC_RESPONSE: u8 = 24;
pub(super) const AUTH_CHALLENGE: u8 = 36;
pub(super) const AUTH_RESPONSE: u8 = 37;

/// By number.
const COMMANDS: &[Command] = &[
    command(CONNECT, "connect", Role::Ask, Pair::Only(0)),
    command(CONNECTED, "connected", Role::Answer, Pair::Only(0)),
    ask(SUBSCRIBE, "subscribe", 5).topic(1).consumer(4),
    ask(PRODUCER, "producer", 3).topic(1).producer(2),
    command(SEND, "send", Role::Ask, Pair::Send).producer(1),
    command(SEND_RECEIPT, "send_receipt", Role::Answer, Pair::Send).producer(1),
    command(8, "send_error", Role::Answer, Pair::Send)
        .producer(1)
        .error(3, 4),
    tell(MESSAGE, "message").consumer(1),
    ask(ACK, "ack", 8).consumer(1),
    tell(11, "flow").consumer(1),
    ask(12, "unsubscribe", 2).consumer(1),
    answer(13, "success", 1),
    answer(14, "error", 1).error(2, 3),
    ask(CLOSE_PRODUCER, "close_producer", 2).producer(1),
    ask(CLOSE_CONSUMER, "close_consumer", 2).consumer(1),
    answer(PRODUCER_SUCCESS, "producer_success", 1),
    command(18, "ping", Role::Ask, Pair::Only(1)),
    command(19, "pong", Role::Answer, Pair::Only(1)),
    tell(20, "redeliver_unacknowledged_messages").consumer(1),
    ask(21, "partition_metadata", 2).topic(1),
    answer(
        PARTITION_METADATA_RESPONSE,
        "partition_metadata_response",
        2,
    )
    .error(4, 5),
    ask(23, "lookup_topic", 2).topic(1),
    answer(LOOKUP_TOPIC_RESPONSE, "lookup_topic_response", 4).error(6, 7),
    ask(25, "consumer_stats", 1).consumer(4),
    answer(26, "consumer_stats_response", 1).error(2, 3),
    tell(27, "reached_end_of_topic").consumer(1),
    ask(28, "seek", 2).consumer(1),
    ask(29, "get_last_message_id", 2).consumer(1),
    answer(30, "get_last_message_id_response", 2),
    tell(31, "active_consumer_change").consumer(1),
    ask(32, "get_topics_of_namespace", 1).topic(2),
    answer(33, "get_topics_of_namespace_response", 1),
    ask(34, "get_schema", 1).topic(2),
    answer(35, "get_schema_response", 1).error(2, 3),
    command(AUTH_CHALLENGE, "auth_challenge", Role::Ask, Pair::Only(2)),
    command(AUTH_RESPONSE, "auth_response", Role::Answer, Pair::Only(2)),
    answer(38, "ack_response", 6).consumer(1).error(4, 5),
    ask(39, "get_or_create_schema", 1).topic(2),
    answer(40, "get_or_create_schema_response", 1).error(2, 3),
    ask(50, "new_txn", 1),
    answer(51, "new_txn_response", 1).error(4, 5),
    ask(52, "add_partition_to_txn", 1).topic(4),
    answer(53, "add_partition_to_txn_response", 1).error(4, 5),
    ask(54, "add_subscription_to_txn", 1),
    answer(55, "add_subscription_to_txn_response", 1).error(4, 5),
    ask(56, "end_txn", 1),
    answer(57, "end_txn_response", 1).error(4, 5),
    ask(58, "end_txn_on_partition", 1).topic(4),
    answer(59, "end_txn_on_partition_response", 1).error(4, 5),
    ask(60, "end_txn_on_subscription", 1),
    answer(61, "end_txn_on_subscription_response", 1).error(4, 5),
    ask(62, "tc_client_connect_request", 1),
    answer(63, "tc_client_connect_response", 1).error(2, 3),
    ask(64, "watch_topic_list", 1).topic(3),
    answer(65, "watch_topic_list_success", 1),
    tell(66, "watch_topic_update"),
    ask(67, "watch_topic_list_close", 1),
    tell(68, "topic_migrated"),
];

/// The command of this number.
pub(super) fn find(number: u64) -> Option<&'static Command> {
    let at = COMMANDS.binary_search_by_key(&number, |c| c.number.into());
    COMMANDS.get(at.ok()?)
}

/// The names of `ServerError`, by number, and whether it is the client's fault.
const ERRORS: &[(&str, bool)] = &[
    ("UnknownError", false),
    ("MetadataError", false),
    ("PersistenceError", false),
    ("AuthenticationError", true),
    ("AuthorizationError", true),
    ("ConsumerBusy", true),
    ("ServiceNotReady", false),
    ("ProducerBlockedQuotaExceededError", false),
    ("ProducerBlockedQuotaExceededException", false),
    ("ChecksumError", true),
    ("UnsupportedVersionError", true),
    ("TopicNotFound", true),
    ("SubscriptionNotFound", true),
    ("ConsumerNotFound", true),
    ("TooManyRequests", false),
    ("TopicTerminatedError", true),
    ("ProducerBusy", true),
    ("InvalidTopicName", true),
    ("IncompatibleSchema", true),
    ("ConsumerAssignError", false),
    ("TransactionCoordinatorNotFound", false),
    ("InvalidTxnStatus", true),
    ("NotAllowedError", true),
    ("TransactionConflict", true),
    ("TransactionNotFound", true),
    ("ProducerFenced", true),
];

/// Name of a `ServerError` and whether it is the client's fault.
pub(super) fn server_error(number: u64) -> (&'static str, bool) {
    let at = usize::try_from(number).unwrap_or(usize::MAX);
    ERRORS.get(at).copied().unwrap_or(("UnknownError", false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_their_number() {
        for pair in COMMANDS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{}", pair[1].name);
        }
        assert_eq!(find(21).unwrap().name, "partition_metadata");
        assert_eq!(find(68).unwrap().name, "topic_migrated");
        assert!(find(0).is_none() && find(41).is_none() && find(1 << 40).is_none());
        assert_eq!(server_error(11), ("TopicNotFound", true));
        assert_eq!(server_error(999).0, "UnknownError");
    }
}
