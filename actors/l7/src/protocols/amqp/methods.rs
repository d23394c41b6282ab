//! The methods of AMQP 0-9-1 (section 1.2 of its reference) and those that RabbitMQ has added.
use super::method::Arg::{Code, Exchange, NoWait, Queue, RoutingKey, Skip, SkipText, Vhost, Words};
use super::method::Method;
use super::method::Role::{Alone, Answers, Asks};
use messages::Side;

macro_rules! methods {
    ($($class:literal $number:literal $name:literal $sender:ident $role:expr, [$($arg:expr),*];)*) => {
        /// Sorted by class and number.
        pub(super) static METHODS: &[Method] = &[$(Method {
            class: $class,
            number: $number,
            name: $name,
            sender: sender!($sender),
            role: $role,
            args: &[$($arg),*],
        },)*];
    };
}

macro_rules! sender {
    (client) => {
        Some(Side::Client)
    };
    (server) => {
        Some(Side::Server)
    };
    (both) => {
        None
    };
}

methods! {
    10 10 "Connection.Start" server Asks, [];
    10 11 "Connection.StartOk" client Answers(10), [];
    10 20 "Connection.Secure" server Asks, [];
    10 21 "Connection.SecureOk" client Answers(20), [];
    10 30 "Connection.Tune" server Asks, [];
    10 31 "Connection.TuneOk" client Answers(30), [];
    10 40 "Connection.Open" client Asks, [Vhost];
    10 41 "Connection.OpenOk" server Answers(40), [];
    10 50 "Connection.Close" both Asks, [Code, Words];
    10 51 "Connection.CloseOk" both Answers(50), [];
    10 60 "Connection.Blocked" server Alone, [Words];
    10 61 "Connection.Unblocked" server Alone, [];
    10 70 "Connection.UpdateSecret" client Asks, [];
    10 71 "Connection.UpdateSecretOk" server Answers(70), [];
    20 10 "Channel.Open" client Asks, [];
    20 11 "Channel.OpenOk" server Answers(10), [];
    20 20 "Channel.Flow" both Asks, [];
    20 21 "Channel.FlowOk" both Answers(20), [];
    20 40 "Channel.Close" both Asks, [Code, Words];
    20 41 "Channel.CloseOk" both Answers(40), [];
    30 10 "Access.Request" client Asks, [];
    30 11 "Access.RequestOk" server Answers(10), [];
    40 10 "Exchange.Declare" client Asks, [Skip(2), Exchange, SkipText, NoWait(16)];
    40 11 "Exchange.DeclareOk" server Answers(10), [];
    40 20 "Exchange.Delete" client Asks, [Skip(2), Exchange, NoWait(2)];
    40 21 "Exchange.DeleteOk" server Answers(20), [];
    40 30 "Exchange.Bind" client Asks, [Skip(2), SkipText, Exchange, RoutingKey, NoWait(1)];
    40 31 "Exchange.BindOk" server Answers(30), [];
    40 40 "Exchange.Unbind" client Asks, [Skip(2), SkipText, Exchange, RoutingKey, NoWait(1)];
    40 51 "Exchange.UnbindOk" server Answers(40), [];
    50 10 "Queue.Declare" client Asks, [Skip(2), Queue, NoWait(16)];
    50 11 "Queue.DeclareOk" server Answers(10), [Queue];
    50 20 "Queue.Bind" client Asks, [Skip(2), Queue, Exchange, RoutingKey, NoWait(1)];
    50 21 "Queue.BindOk" server Answers(20), [];
    50 30 "Queue.Purge" client Asks, [Skip(2), Queue, NoWait(1)];
    50 31 "Queue.PurgeOk" server Answers(30), [];
    50 40 "Queue.Delete" client Asks, [Skip(2), Queue, NoWait(4)];
    50 41 "Queue.DeleteOk" server Answers(40), [];
    50 50 "Queue.Unbind" client Asks, [Skip(2), Queue, Exchange, RoutingKey];
    50 51 "Queue.UnbindOk" server Answers(50), [];
    60 10 "Basic.Qos" client Asks, [];
    60 11 "Basic.QosOk" server Answers(10), [];
    60 20 "Basic.Consume" client Asks, [Skip(2), Queue, SkipText, NoWait(8)];
    60 21 "Basic.ConsumeOk" server Answers(20), [];
    60 30 "Basic.Cancel" both Asks, [SkipText, NoWait(1)];
    60 31 "Basic.CancelOk" both Answers(30), [];
    60 40 "Basic.Publish" client Alone, [Skip(2), Exchange, RoutingKey];
    60 50 "Basic.Return" server Alone, [Code, Words, Exchange, RoutingKey];
    60 60 "Basic.Deliver" server Alone, [SkipText, Skip(9), Exchange, RoutingKey];
    60 70 "Basic.Get" client Asks, [Skip(2), Queue];
    60 71 "Basic.GetOk" server Answers(70), [Skip(9), Exchange, RoutingKey];
    60 72 "Basic.GetEmpty" server Answers(70), [];
    60 80 "Basic.Ack" both Alone, [];
    60 90 "Basic.Reject" client Alone, [];
    60 100 "Basic.RecoverAsync" client Alone, [];
    60 110 "Basic.Recover" client Asks, [];
    60 111 "Basic.RecoverOk" server Answers(110), [];
    60 120 "Basic.Nack" both Alone, [];
    85 10 "Confirm.Select" client Asks, [NoWait(1)];
    85 11 "Confirm.SelectOk" server Answers(10), [];
    90 10 "Tx.Select" client Asks, [];
    90 11 "Tx.SelectOk" server Answers(10), [];
    90 20 "Tx.Commit" client Asks, [];
    90 21 "Tx.CommitOk" server Answers(20), [];
    90 30 "Tx.Rollback" client Asks, [];
    90 31 "Tx.RollbackOk" server Answers(30), [];
}
