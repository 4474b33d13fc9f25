//! A connection whose peer must say something soon, and take what it is sent: one that says nothing at all, takes nothing
//! for too long, or takes it more slowly than any link that works, is closed, so that nobody can take a place, or make us
//! keep an answer, by doing nothing or next to nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::limits;
use super::outflow::Gauge;

/// A stream whose first byte must come within a time, and whose writes end with an error when they have waited for
/// `patience` longer than what the peer took meanwhile was worth.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Runs until the first byte.
    silent: Option<Pin<Box<Sleep>>>,
    /// What is left of the patience: waiting uses it up, and each byte that is taken buys some of it back.
    left: Duration,
    /// Since when a write waits, and what ends the wait.
    stalled: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Told whether a write waits.
    gauge: Gauge,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, first_byte: Duration, patience: Duration, gauge: Gauge) -> Self {
        let silent = Some(Box::pin(sleep(first_byte)));
        Patient { stream, patience, silent, left: patience, stalled: None, gauge }
    }

    /// What came of a write. Only time in which one waits for the peer counts, so that nobody is hurried who has little to
    /// send, and none of it is forgotten for a few bytes.
    fn watched(
        &mut self,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.gauge.waits(wrote.is_pending());
        if let Poll::Ready(wrote) = wrote {
            if let Some((since, _)) = self.stalled.take() {
                self.left = self.left.saturating_sub(since.elapsed());
            }
            let bytes = wrote.as_ref().map_or(0, |bytes| *bytes as u64);
            self.left = self.left.saturating_add(limits::bought_by(bytes)).min(self.patience);
            return Poll::Ready(wrote);
        }
        let left = self.left;
        let (_, stalled) = self.stalled.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing, or too slowly")))
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::http::outflow::outflow;

    fn patient<S>(stream: S) -> Patient<S> {
        let (first_byte, patience) = (Duration::from_secs(10), Duration::from_secs(120));
        Patient::new(stream, first_byte, patience, outflow(patience).0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_left() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut ours = patient(ours);
        ours.write_all(&[0; 16]).await.unwrap();
        assert_eq!(ours.write_all(&[0]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_left_and_one_that_has_said_something_may_think() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut ours = patient(ours);
        assert_eq!(ours.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = patient(ours);
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

    /// Takes at most `piece` bytes after each pause, until there are no more.
    async fn taken_slowly(mut theirs: DuplexStream, pause: Duration, piece: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            tokio::time::sleep(pause).await;
            let mut bytes = vec![0; piece];
            match theirs.read(&mut bytes).await.unwrap() {
                0 => return all,
                some => all.extend_from_slice(&bytes[..some]),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_slow_is_not() {
        // Somewhat faster than the least pace, in pieces with long waits between them.
        let piece = 128 << 10;
        let (ours, theirs) = tokio::io::duplex(piece);
        let mut ours = patient(ours);
        let writing = async {
            ours.write_all(&vec![7; 20 * piece]).await.unwrap();
            drop(ours);
        };
        let (all, ()) = tokio::join!(taken_slowly(theirs, Duration::from_secs(100), piece), writing);
        assert!(all.len() == 20 * piece && all.iter().all(|byte| *byte == 7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_drips_is_left() {
        // Never without progress for long; 1 MiB would take it 75 days.
        let (ours, theirs) = tokio::io::duplex(16);
        let mut ours = patient(ours);
        let began = Instant::now();
        let wrote = tokio::select! {
            wrote = async { ours.write_all(&[7; 1 << 20]).await } => wrote,
            _ = taken_slowly(theirs, Duration::from_secs(100), 16) => unreachable!(),
        };
        assert_eq!(wrote.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(3_600), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_has_little_to_say_may_take_its_time() {
        // A day of small events, each taken at once: nobody waits for the peer.
        let (ours, theirs) = tokio::io::duplex(16);
        let mut ours = patient(ours);
        let writing = async {
            for _ in 0..864 {
                tokio::time::sleep(Duration::from_secs(100)).await;
                ours.write_all(&[7; 40]).await.unwrap();
            }
            drop(ours);
        };
        let (all, ()) = tokio::join!(taken_slowly(theirs, Duration::ZERO, 16), writing);
        assert_eq!(all.len(), 864 * 40);
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_may_be_paused_again_and_again() {
        let (ours, mut theirs) = tokio::io::duplex(64 << 10);
        let mut ours = patient(ours);
        let writing = async {
            ours.write_all(&vec![7; 10 << 20]).await.unwrap();
            drop(ours);
        };
        let reading = async {
            for _ in 0..9 {
                theirs.read_exact(&mut vec![0; 1 << 20]).await.unwrap();
                tokio::time::sleep(Duration::from_secs(110)).await;
            }
            theirs.read_to_end(&mut Vec::new()).await.unwrap()
        };
        let (rest, ()) = tokio::join!(reading, writing);
        assert_eq!(rest, 1 << 20);
    }
}
