//! Whether what was handed to a connection has left it: told by the connection to whoever writes answers for it.
//!
//! The server drops a connection whose answer breaks off, with all that it still holds of it. Those bytes were counted
//! and are charged, so a break waits until nothing is held any more.

use std::time::Duration;

use tokio::sync::watch;

/// The connection's end: says when a write waits for the peer.
#[derive(Debug)]
pub(super) struct Gauge(watch::Sender<bool>);

/// The other end, an extension of every request of the connection.
#[derive(Clone, Debug)]
pub(super) struct Outflow {
    waits: watch::Receiver<bool>,
    /// A peer that takes nothing for so long is left.
    stalled: Duration,
}

/// Both ends, for a connection on which the peer may take nothing for `stalled`.
pub(super) fn outflow(stalled: Duration) -> (Gauge, Outflow) {
    let (gauge, waits) = watch::channel(false);
    (Gauge(gauge), Outflow { waits, stalled })
}

impl Gauge {
    pub(super) fn waits(&self, now: bool) {
        self.0.send_if_modified(|waits| std::mem::replace(waits, now) != now);
    }
}

impl Outflow {
    /// Until all that was handed over has left, or the peer has had its time, or the connection is gone.
    pub(super) async fn emptied(mut self) {
        // A server writes what it has when there is nothing more to be had, and only then it is seen whether that waits.
        tokio::task::yield_now().await;
        let left = self.waits.wait_for(|waits| !waits);
        // Its errors are that the time is over, and that the connection is gone.
        let _ = tokio::time::timeout(self.stalled, left).await;
    }
}
