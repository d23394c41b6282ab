//! What the front answers: texts, pieces of a result as they come, exceptions in ClickHouse's
//! own form.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame},
};
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep},
};

use crate::error::{StoreError, exception_code};

/// How long an exception in the middle of an answer may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// One message of a body on its way between a connection and a worker. A channel that closes
/// without [`Piece::End`] means that the other side died or gave up.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Some bytes.
    Data(Bytes),
    /// All bytes were sent.
    End,
    /// The rest will not come.
    Failed(StoreError),
}

/// The body of an answer.
pub(crate) enum Reply {
    /// All of it.
    Whole(Option<Bytes>),
    /// Pieces, the first of which is at hand.
    Pieces(Option<Bytes>, mpsc::Receiver<Piece>),
    /// An exception was sent; after a moment for it to reach the client the connection breaks, so
    /// that nobody takes the answer for whole.
    Broken(Pin<Box<Sleep>>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let broken = || std::io::Error::other("the answer ended early");
        let piece = match &mut *self {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Broken(moment) => {
                std::task::ready!(moment.as_mut().poll(cx));
                return Poll::Ready(Some(Err(broken())));
            }
            Self::Pieces(first @ Some(_), _) => {
                return Poll::Ready(first.take().map(|b| Ok(Frame::data(b))));
            }
            Self::Pieces(None, rest) => std::task::ready!(rest.poll_recv(cx)),
        };
        Poll::Ready(match piece {
            Some(Piece::Data(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => {
                *self = Self::Whole(None);
                None
            }
            Some(Piece::Failed(error)) => {
                *self = Self::Broken(Box::pin(sleep(LAST_WORDS)));
                Some(Ok(Frame::data(Exception::of(&error).text.into())))
            }
            None => Some(Err(broken())),
        })
    }
}

/// An error as ClickHouse puts it.
pub(crate) struct Exception {
    pub(crate) code: u32,
    pub(crate) text: String,
}

impl Exception {
    pub(crate) fn of(error: &StoreError) -> Self {
        let (code, message) = match error {
            StoreError::UnknownTable { message } => (None, message.clone()),
            StoreError::Transient { code, message } => (*code, message.clone()),
            StoreError::Rejected { code, message } => (Some(*code), message.clone()),
            // TOO_MANY_ROWS_OR_BYTES
            StoreError::TooLong { .. } => (Some(396), error.to_string()),
            other => (None, other.to_string()),
        };
        // STD_EXCEPTION: ClickHouse's own number for what has none.
        let code = code.or_else(|| exception_code(&message)).unwrap_or(1001);
        let mut text = if message.starts_with("Code: ") {
            message
        } else {
            format!("Code: {code}. DB::Exception: {message}")
        };
        // The client finds an exception inside of an answer by this ending.
        text.push_str(" (version embedded (store front))\n");
        Self { code, text }
    }
}

/// A short text.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Some(text.into()).filter(|t| !t.is_empty())));
    *response.status_mut() = status;
    response
}

/// An exception instead of an answer.
pub(crate) fn failed(error: &StoreError) -> Response<Reply> {
    let exception = Exception::of(error);
    let mut response = plain(StatusCode::INTERNAL_SERVER_ERROR, exception.text);
    response
        .headers_mut()
        .insert("X-ClickHouse-Exception-Code", exception.code.into());
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn an_exception_keeps_its_number() {
        let error = StoreError::exception_text("Code: 60. DB::Exception: no table t");
        let exception = Exception::of(&error);
        assert_eq!(exception.code, 60);
        assert!(
            exception
                .text
                .starts_with("Code: 60. DB::Exception: no table t")
        );
        assert!(exception.text.ends_with("))\n"));
        let exception = Exception::of(&StoreError::TooLong { limit: 3 });
        assert!(exception.text.starts_with("Code: 396. DB::Exception: "));
    }

    async fn collect(pieces: Vec<Piece>) -> Result<Bytes, std::io::Error> {
        let (sender, receiver) = mpsc::channel(8);
        for piece in pieces {
            sender.send(piece).await.unwrap();
        }
        drop(sender);
        let first = Some(Bytes::from_static(b"a"));
        let body = Reply::Pieces(first, receiver).collect().await?;
        Ok(body.to_bytes())
    }

    #[tokio::test]
    async fn only_an_answer_that_was_ended_is_whole() {
        let data = || Piece::Data(Bytes::from_static(b"b"));
        assert_eq!(collect(vec![data(), Piece::End]).await.unwrap(), "ab");
        assert!(collect(vec![data()]).await.is_err(), "the worker died");
        let failed = Piece::Failed(StoreError::TooLong { limit: 1 });
        assert!(collect(vec![data(), failed]).await.is_err());
    }
}
