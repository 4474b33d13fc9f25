//! An HTTP answer on its way from a broker to whoever asked, whole or as a bounded stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;

/// Status, headers and body, as a face sends them out.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: AnswerBody,
}

/// The body of an answer. Dropping a stream tells its producer that the caller left.
#[derive(Debug)]
pub enum AnswerBody {
    Full(Bytes),
    /// Fed by the task that meters the answer. An error cuts the connection, so that a caller never takes a
    /// broken answer for a whole one.
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

impl AnswerBody {
    /// How many chunks may wait between the task that meters and the connection.
    pub const QUEUE: usize = 8;
}

impl Stream for AnswerBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            AnswerBody::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            AnswerBody::Full(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            AnswerBody::Stream(receiver) => receiver.poll_recv(context),
        }
    }
}
