//! Whether a body has left whole: decided once, between whoever sends its last bytes and whoever stops it.
//!
//! A provider that never had the whole body cannot have served it (the body's hash is signed), so a request that was
//! stopped before that costs nothing, and nobody needs to be asked about it. Only bodies that wait on disk are
//! followed: smaller ones fit into the buffers of the operating system and are taken to have left.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::body::Body;

const ON_ITS_WAY: u8 = 0;
const LEFT: u8 = 1;
const STOPPED: u8 = 2;

/// One body on its way. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaving(Arc<AtomicU8>);

impl Leaving {
    /// The body in chunks; its last one only while nobody has stopped it.
    pub fn stream(&self, body: &Body) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (own, length, mut given) = (self.clone(), body.len(), 0u64);
        body.stream().map(move |chunk| {
            let chunk = chunk?;
            given = given.saturating_add(chunk.len() as u64);
            if given >= length && !own.decide(LEFT) {
                return Err(io::Error::other("the request was stopped"));
            }
            Ok(chunk)
        })
    }

    /// It is given to the operating system in one piece.
    pub fn at_once(&self) {
        self.decide(LEFT);
    }

    /// Ends it where it is. True when its last bytes have not left, and never will.
    pub fn stop(&self) -> bool {
        self.decide(STOPPED)
    }

    /// Whether it is decided so, now or before.
    fn decide(&self, how: u8) -> bool {
        match self.0.compare_exchange(ON_ITS_WAY, how, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => true,
            Err(before) => before == how,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[tokio::test]
    async fn the_last_chunk_leaves_or_is_stopped_but_never_both() {
        let body = Body::from(Bytes::from_static(b"all of it"));
        let leaving = Leaving::default();
        let mut stream = Box::pin(leaving.stream(&body));
        assert_eq!(stream.next().await.unwrap().unwrap(), "all of it");
        assert!(!leaving.stop(), "it has left");

        let leaving = Leaving::default();
        let mut stream = Box::pin(leaving.stream(&body));
        assert!(leaving.stop() && leaving.stop());
        assert!(stream.next().await.unwrap().is_err(), "nothing leaves any more");
    }
}
