use messages::ResponseStatus;

/// What Bolt calls the status of a response; `None` where there is no such status.
pub(super) const fn name(status: u16) -> Option<&'static str> {
    Some(match status {
        0 => "SUCCESS",
        1 => "ERROR",
        2 => "SERVER_EXCEPTION",
        3 => "UNKNOWN",
        4 => "SERVER_THREADPOOL_BUSY",
        5 => "ERROR_COMM",
        6 => "NO_PROCESSOR",
        7 => "TIMEOUT",
        8 => "CLIENT_SEND_ERROR",
        9 => "CODEC_EXCEPTION",
        16 => "CONNECTION_CLOSED",
        17 => "SERVER_SERIAL_EXCEPTION",
        18 => "SERVER_DESERIAL_EXCEPTION",
        _ => return None,
    })
}

/// How a request went that was answered with it.
pub(super) const fn of(status: u16) -> ResponseStatus {
    match status {
        0 => ResponseStatus::Ok,
        8 => ResponseStatus::ClientError,
        _ => ResponseStatus::ServerError,
    }
}
