//! Reason codes (MQTT 5.0, 2.4) and the return codes of CONNACK before them (MQTT 3.1.1, 3.2.2.3).
use messages::ResponseStatus;

/// What a reason code says, in the words of the standard; nothing for those of success.
pub(super) const fn words(code: u8) -> &'static str {
    match code {
        0x80 => "Unspecified error",
        0x81 => "Malformed Packet",
        0x82 => "Protocol Error",
        0x83 => "Implementation specific error",
        0x84 => "Unsupported Protocol Version",
        0x85 => "Client Identifier not valid",
        0x86 => "Bad User Name or Password",
        0x87 => "Not authorized",
        0x88 => "Server unavailable",
        0x89 => "Server busy",
        0x8a => "Banned",
        0x8b => "Server shutting down",
        0x8c => "Bad authentication method",
        0x8d => "Keep Alive timeout",
        0x8e => "Session taken over",
        0x8f => "Topic Filter invalid",
        0x90 => "Topic Name invalid",
        0x91 => "Packet Identifier in use",
        0x92 => "Packet Identifier not found",
        0x93 => "Receive Maximum exceeded",
        0x94 => "Topic Alias invalid",
        0x95 => "Packet too large",
        0x96 => "Message rate too high",
        0x97 => "Quota exceeded",
        0x98 => "Administrative action",
        0x99 => "Payload format invalid",
        0x9a => "Retain not supported",
        0x9b => "QoS not supported",
        0x9c => "Use another server",
        0x9d => "Server moved",
        0x9e => "Shared Subscriptions not supported",
        0x9f => "Connection rate exceeded",
        0xa0 => "Maximum connect time",
        0xa1 => "Subscription Identifiers not supported",
        0xa2 => "Wildcard Subscriptions not supported",
        _ => "",
    }
}

/// Whose fault a reason code tells of.
pub(super) const fn status(code: u8) -> ResponseStatus {
    match code {
        0..0x80 => ResponseStatus::Ok,
        0x80 | 0x83 | 0x88 | 0x89 | 0x8b | 0x97 | 0x98 | 0x9c | 0x9d | 0x9f | 0xa0 => {
            ResponseStatus::ServerError
        }
        _ => ResponseStatus::ClientError,
    }
}

/// The reason code that means the same as a return code of CONNACK in MQTT 3.
pub(super) const fn of_return_code(code: u8) -> u8 {
    match code {
        0 => 0,
        1 => 0x84,
        2 => 0x85,
        3 => 0x88,
        4 => 0x86,
        5 => 0x87,
        _ => 0x80,
    }
}
