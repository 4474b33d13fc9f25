//! Ctrl-C and SIGTERM: the first asks for a stop, the second ends the waiting.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli;

/// Both signals, taken over from their default, which is to end the process on the spot.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn new() -> io::Result<Signals> {
        cli::signals_are_taken();
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Runs a stop to its end, or until the next signal. Gives whether it came to its end.
    pub async fn unless_again(&mut self, stop: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = stop => true,
            () = self.next() => false,
        }
    }
}
