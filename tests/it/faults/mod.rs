//! Faults that are put in on purpose: networks, nodes and disks that fail in every way we could think of, at every
//! place where the brokers meet them. After each, nothing is lost and nothing paid twice, and whoever asked was told
//! what failed in words made for people. Every test prints how many faults it put in.

mod calls;
mod clock;
mod disk;
mod lies;
mod papers;
mod reorgs;
mod storm;
mod sync;
mod writes;

use super::world::{Got, NetFault, Reply, Upstream, World};

/// Everything that a network can do to one exchange. The waits of the tests' settings end the silent ones.
pub const NET_FAULTS: [NetFault; 28] = [
    NetFault::Late(std::time::Duration::from_millis(30)),
    NetFault::ResetRequest(0),
    NetFault::ResetRequest(20),
    NetFault::CloseBeforeHead,
    NetFault::CloseAfterRequest,
    NetFault::HalfOpen,
    NetFault::Swallow,
    NetFault::ResetAnswer(0),
    NetFault::ResetAnswer(100),
    NetFault::ResetAnswer(500),
    NetFault::CutAnswer(10),
    NetFault::CutAnswer(300),
    NetFault::CutAnswer(900),
    NetFault::StallAnswer(10),
    NetFault::StallAnswer(500),
    NetFault::LongerLength(5),
    NetFault::ShorterLength(5),
    NetFault::Trickle,
    NetFault::Status(429),
    NetFault::Status(500),
    NetFault::Status(502),
    NetFault::ButStatus(502),
    NetFault::ButStatus(504),
    NetFault::Garbage,
    NetFault::EndlessHead,
    NetFault::HeadOnly,
    NetFault::TwiceAnswered,
    NetFault::TwiceAsked,
];

/// Words of libraries and systems, which say nothing to people.
const RAW: [&str; 22] = [
    "os error",
    "hyper",
    "reqwest",
    "error sending request",
    "incompletemessage",
    "serde",
    "eof",
    "io(",
    "kind:",
    "sqlite",
    "rusqlite",
    "database disk image",
    "alloy",
    "transport",
    "panicked",
    "thread '",
    "unwrap",
    "none value",
    "errno",
    "expected value",
    "at line",
    "<html",
];

/// An error of ours is one shape: a status that fits, a code, and a sentence for people.
pub fn told(what: &str, got: &Got) {
    assert!(got.status >= 400, "{what}: {got:?}");
    let (code, message) = (got.code(), got.message());
    assert!(!code.is_empty() && message.len() >= 15 && message.contains(' '), "{what}: {}", got.text());
    let lower = message.to_ascii_lowercase();
    for raw in RAW {
        assert!(!lower.contains(raw), "{what}: {raw:?} says nothing to people: {message}");
    }
}

/// Whether this is the page that a fault proxy shows in place of an answer.
pub fn is_page(got: &Got) -> bool {
    got.text().contains("<!doctype html>")
}

/// A service that chats, streams and stores.
pub fn serve_all(upstream: &Upstream) {
    let mut file = bytes::Bytes::from(vec![7_u8; 20_000]);
    upstream.decide(move |arrived| {
        if arrived.target.contains("/blob") {
            return match arrived.method {
                http::Method::GET => Reply::whole(200, "application/octet-stream", file.clone()),
                _ => {
                    file = arrived.body.clone();
                    Reply::whole(201, "text/plain", "stored")
                }
            };
        }
        if String::from_utf8_lossy(&arrived.body).contains("\"stream\":true") {
            Reply::events(&["One ", "two ", "three ", "four ", "five."])
        } else {
            Reply::chat("This is a test!")
        }
    });
}

/// Makes requests of the user broker, whose end is not known, so old that their authorisation is over.
pub fn age_requests(world: &World, seconds: i64) {
    let books = user_books(world);
    let open = "state IN ('unconfirmed', 'sent')";
    let mut query = books.prepare(&format!("SELECT id, created_at FROM requests WHERE {open}")).unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(Vec<u8>, i64)> = rows.collect::<Result<_, _>>().unwrap();
    for (id, made) in rows {
        let older = made - seconds * 1_000_000;
        let sql = format!("UPDATE requests SET created_at = ?2 WHERE id = ?1 AND created_at = ?3 AND {open}");
        books.execute(&sql, rusqlite::params![id, older, made]).unwrap();
    }
}

/// The user broker's books, read past it.
pub fn user_books(world: &World) -> rusqlite::Connection {
    let books = rusqlite::Connection::open(world.user_side.directory.join("broker.db")).unwrap();
    books.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    books
}
