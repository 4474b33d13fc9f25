//! Every limit of what a peer may ask of a listener, in one place.
//!
//! A connection is bounded in the bytes and number of its headers, its request line, the time that its headers may take
//! (which is also how long it may idle), the time for which it may take nothing of an answer, the pace at which it takes
//! one, and in number, in all and by address; one that says nothing at all is closed soonest. HTTP/1.1 serves one request of a connection at a time, so
//! the connections also bound the requests. How large a body may be is said by whoever takes it in: [`API_BODY`] for the
//! APIs' own routes, `maxChatBody` and its like in the settings for what is passed on, `bodyMemory` and `bodyDisk` for all
//! bodies in memory and on disk together. How many requests of one user run at the same time is a matter of the provider's
//! books (`maxInFlightPerUser`).

use std::time::Duration;

/// Bodies of the APIs' own routes are small.
pub const API_BODY: usize = 64 << 10;
/// Such a body that takes longer is not sent by a program that works.
pub const API_BODY_TIME: Duration = Duration::from_secs(30);
/// The longest silence inside a body that is passed on, and the time that such a body has from its beginning ...
pub const BODY_PIECE_TIME: Duration = Duration::from_secs(60);
/// ... and gets more of, a second for so many bytes that have arrived, but no more than [`BODY_TIME_AHEAD`] ahead: what has
/// come quickly is no reason to wait for the rest for days. Answers have the same least pace: while we wait for a peer to
/// take one, so many bytes that it takes give it a second of [`Limits::stalled`] back.
pub const BODY_BYTES_A_SECOND: u64 = 1 << 10;
pub const BODY_TIME_AHEAD: Duration = Duration::from_secs(3_600);
/// A body that takes longer than that in all comes at least as fast as this: a user broker bears with no slower provider.
pub const LONG_BODY_BYTES_A_SECOND: u64 = 64 << 10;

/// The time that so many bytes give a body, or an answer, to go on with.
pub(super) fn bought_by(bytes: u64) -> Duration {
    const NANOS: u64 = 1_000_000_000;
    let rest = bytes % BODY_BYTES_A_SECOND * NANOS / BODY_BYTES_A_SECOND;
    Duration::from_secs(bytes / BODY_BYTES_A_SECOND).saturating_add(Duration::from_nanos(rest))
}

/// How much a peer may ask of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All header bytes of one request, its first line included; also what is read ahead of a body.
    pub header_bytes: usize,
    pub headers: usize,
    /// Path and query.
    pub target_bytes: usize,
    /// How long a new connection may say nothing.
    pub first_byte: Duration,
    /// From the first wait for a request to the end of its headers; an idle connection ends with it too.
    pub header_read: Duration,
    /// How long a peer may take nothing of what it is sent, and by how much it may fall behind the least pace.
    pub stalled: Duration,
    /// More connections than this wait to be accepted.
    pub connections: usize,
    /// Of one address that is not this machine's (one network of IPv6); more are closed at once, so that one machine
    /// cannot take all the places.
    pub connections_of_one: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_bytes: 64 << 10,
            headers: 100,
            target_bytes: 8 << 10,
            first_byte: Duration::from_secs(10),
            header_read: Duration::from_secs(30),
            stalled: Duration::from_secs(120),
            connections: 4096,
            connections_of_one: 512,
        }
    }
}
