//! A small answer that is there within two milliseconds: row and booking are one write, one sync of the disk instead of two.
//!
//! ```text
//! service asked ─▶ small whole answer, its end within ROW_WAITS ─▶ counted ─▶ row and fee durable ─▶ sent with its receipt
//!                                                            └▶ it takes longer: the row alone, then as any other (serve.rs)
//! ```
//!
//! As everywhere, nothing of the answer leaves before the row is durable. A crash before that leaves no row at all: the
//! request was never served, and costs nothing.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::serve::{Delivered, Job, Reply, Shape};
use super::upstream::UpstreamAnswer;
use super::whole::{COUNT_AT_ONCE, answer_whole};
use crate::body::Held;
use crate::crash_point::{self, Point};

impl Job {
    /// Whether an answer is small, whole and on its way, so that its end need not be waited for long.
    pub(super) fn comes_at_once(&self, answer: &UpstreamAnswer) -> bool {
        answer.length().is_some_and(|length| length <= COUNT_AT_ONCE as u64)
            && self.shape(answer) == Shape::Whole
    }

    /// Reads a small answer to its end. If that comes in time, row and booking are one write, which is one sync of the disk
    /// instead of two; else the request goes on as any other.
    pub(super) async fn serve_at_once(
        mut self: Box<Self>,
        mut answer: UpstreamAnswer,
        until: tokio::time::Instant,
        mut reply: Reply,
    ) {
        let core = Arc::clone(&self.core);
        let mut held = Held::new(&core.spool);
        let mut next = None;
        loop {
            let chunk = tokio::select! {
                biased;
                () = reply.closed() => break,
                () = core.cut.cancelled() => break,
                chunk = answer.chunk() => chunk,
                () = tokio::time::sleep_until(until) => break,
            };
            match chunk {
                Ok(Some(chunk)) if held.push(&chunk) => {}
                Ok(None) if !reply.is_closed() => {
                    let body = held.freeze();
                    match self.delivered(&answer, &body).await {
                        Ok(delivered) => return self.write_at_once(answer, body, delivered, reply).await,
                        Err(withheld) => {
                            let admission = self.admit(&CancellationToken::new()).await;
                            if self.admitted(admission, &mut reply) {
                                if answer.status.is_success() {
                                    core.upstream_works(&self.offer);
                                }
                                self.withhold(reply, &withheld).await;
                            }
                            return;
                        }
                    }
                }
                other => {
                    next = Some(other);
                    break;
                }
            }
        }
        let admission = self.admit(&CancellationToken::new()).await;
        if !self.admitted(admission, &mut reply) {
            return;
        }
        if answer.status.is_success() {
            core.upstream_works(&self.offer);
        }
        Box::pin(self.send_whole(answer, held, next, reply)).await;
    }

    /// Row and booking in one, then the answer.
    async fn write_at_once(
        mut self: Box<Self>,
        answer: UpstreamAnswer,
        body: Bytes,
        delivered: Delivered,
        mut reply: Reply,
    ) {
        let core = Arc::clone(&self.core);
        let completion = self.completion(&delivered);
        crash_point::pass(Point::CountedAtOnce);
        self.hold.row_written();
        let (admission, completed) = match core.store.serve(self.new.clone(), completion).await {
            Ok((admission, completed)) => (Ok(admission), completed),
            Err(error) => (Err(error), None),
        };
        crash_point::pass(Point::BookedAtOnce);
        if !self.admitted(admission, &mut reply) {
            return;
        }
        if answer.status.is_success() {
            core.upstream_works(&self.offer);
        }
        let receipt = completed.and_then(|completed| self.booked(completed, completion.at));
        answer_whole(answer, body, receipt, reply);
    }
}
