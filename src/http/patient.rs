//! A connection whose peer must say something soon, and take what it is sent: one that says nothing at all, or takes
//! nothing for too long, is closed, so that nobody can take a place, or make us keep an answer, by doing nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream whose first byte must come within a time, and whose writes end with an error when none of them gets anywhere
/// for `patience`.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Runs until the first byte.
    silent: Option<Pin<Box<Sleep>>>,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, first_byte: Duration, patience: Duration) -> Self {
        Patient { stream, patience, silent: Some(Box::pin(sleep(first_byte))), stalled: None }
    }

    /// What came of a write: progress starts the time anew.
    fn watched<T>(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(silent) = &mut self.silent else { return read };
        if read.is_ready() {
            self.silent = None;
            return read;
        }
        ready!(silent.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer says nothing")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watched(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_left() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut ours = Patient::new(ours, Duration::from_secs(10), Duration::from_secs(120));
        ours.write_all(&[0; 16]).await.unwrap();
        assert_eq!(ours.write_all(&[0]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_left_and_one_that_has_said_something_may_think() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut ours = Patient::new(ours, Duration::from_secs(10), Duration::from_secs(120));
        assert_eq!(ours.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = Patient::new(ours, Duration::from_secs(10), Duration::from_secs(120));
        let speaking = async {
            for _ in 0..2 {
                theirs.write_all(b"x").await.unwrap();
                tokio::time::sleep(Duration::from_secs(3_600)).await;
            }
        };
        let hearing = async {
            let mut two = [0; 2];
            ours.read_exact(&mut two).await.map(|_| two)
        };
        assert_eq!(tokio::join!(speaking, hearing).1.unwrap(), *b"xx");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_slow_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = Patient::new(ours, Duration::from_secs(10), Duration::from_secs(120));
        let reading = async {
            let mut all = Vec::new();
            loop {
                tokio::time::sleep(Duration::from_secs(100)).await;
                let mut piece = [0; 16];
                match theirs.read(&mut piece).await.unwrap() {
                    0 => return all,
                    some => all.extend_from_slice(&piece[..some]),
                }
            }
        };
        let writing = async {
            ours.write_all(&[7; 160]).await.unwrap();
            drop(ours);
        };
        let (all, ()) = tokio::join!(reading, writing);
        assert_eq!(all, [7; 160]);
    }
}
