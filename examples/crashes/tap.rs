//! A relay between the brokers that passes every byte on and remembers what was promised and what was acknowledged.
//!
//! It reads the heads of what users send (HTTP/1.1, one request at a time on a connection) and the status of what comes
//! back. When either side goes, it goes from the other too, as a cut wire does.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use zgserve_tui::domain::{Address, Neuron, RequestId};
use zgserve_tui::wire::auth::{REQUEST_HEADER, VOUCHER_HEADER, decode_request_auth, decode_voucher};

/// Paid requests that are kept whole, to be sent a second time.
const KEPT: usize = 8;
/// Nothing larger is kept.
const LARGEST: usize = 64 << 10;

/// What passed.
#[derive(Default)]
pub struct Seen {
    /// The highest sum that a user's signature was seen for.
    pub signed: HashMap<Address, Neuron>,
    /// The highest sum of which the provider has told the user, by serving or by thanking for it, that it has it.
    pub acknowledged: HashMap<Address, Neuron>,
    /// Requests of which a byte of the answer has left the provider, since its database was looked at last.
    pub answered: Vec<RequestId>,
    /// The same, ever.
    pub served: HashSet<RequestId>,
    /// Paid requests as they passed.
    pub whole: VecDeque<Vec<u8>>,
}

/// The request under way on one connection.
#[derive(Default)]
struct Current {
    request: Option<RequestId>,
    voucher: Option<(Address, Neuron)>,
    answered: bool,
}

pub async fn serve(port: u16, to: u16) -> (Arc<Mutex<Seen>>, AbortHandle) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port of the relay is free");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let all = Arc::clone(&seen);
    #[allow(clippy::disallowed_methods, reason = "the harness has no groups of tasks")]
    let task = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let seen = Arc::clone(&all);
            tokio::spawn(async move {
                // A provider that is down refuses the connection; here it is closed at once.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                    relay(client, server, seen).await;
                }
            });
        }
    });
    (seen, task.abort_handle())
}

async fn relay(client: TcpStream, server: TcpStream, seen: Arc<Mutex<Seen>>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let current = Mutex::new(Current::default());
    let up = async {
        let (mut reader, mut bytes) = (Reader::default(), vec![0; 16 << 10]);
        loop {
            let read = match from_client.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            reader.take(&bytes[..read], &seen, &current);
            if to_server.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        let mut bytes = vec![0; 16 << 10];
        loop {
            let read = match from_server.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            answered(&bytes[..read], &seen, &current);
            if to_client.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

fn answered(bytes: &[u8], seen: &Mutex<Seen>, current: &Mutex<Current>) {
    let mut current = current.lock();
    if std::mem::replace(&mut current.answered, true) || !bytes.starts_with(b"HTTP/1.1 2") {
        return;
    }
    let mut seen = seen.lock();
    seen.answered.extend(current.request);
    seen.served.extend(current.request);
    if let Some((user, sum)) = current.voucher {
        let best = seen.acknowledged.entry(user).or_default();
        *best = sum.max(*best);
    }
}

/// Finds the requests in what a user sends.
#[derive(Default)]
struct Reader {
    /// The head so far, or the whole request while it is worth keeping.
    held: Vec<u8>,
    /// Bytes of the body still to come.
    body: usize,
    pushes: bool,
    paid: bool,
}

impl Reader {
    fn take(&mut self, mut bytes: &[u8], seen: &Mutex<Seen>, current: &Mutex<Current>) {
        while !bytes.is_empty() {
            if self.body > 0 {
                let now = self.body.min(bytes.len());
                if self.held.len() < LARGEST {
                    self.held.extend_from_slice(&bytes[..now]);
                }
                self.body -= now;
                bytes = &bytes[now..];
                if self.body == 0 {
                    self.end(seen, current);
                }
                continue;
            }
            self.held.push(bytes[0]);
            bytes = &bytes[1..];
            if self.held.ends_with(b"\r\n\r\n") {
                self.head(seen, current);
            }
        }
    }

    fn head(&mut self, seen: &Mutex<Seen>, current: &Mutex<Current>) {
        let head = String::from_utf8_lossy(&self.held).into_owned();
        let field = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        assert!(field("transfer-encoding").is_none(), "the relay reads no chunked requests");
        self.body = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        self.pushes = head.starts_with("POST /v1/voucher ");
        let request = field(REQUEST_HEADER).and_then(|text| decode_request_auth(&text).ok());
        self.paid = request.is_some();
        let voucher = field(VOUCHER_HEADER).and_then(|text| decode_voucher(&text).ok());
        let voucher = voucher.map(|signed| (signed.voucher.account.user, signed.voucher.cumulative));
        *current.lock() = Current { request: request.map(|head| head.request), voucher, answered: false };
        signed(seen, voucher);
        if self.body == 0 {
            self.end(seen, current);
        }
    }

    fn end(&mut self, seen: &Mutex<Seen>, current: &Mutex<Current>) {
        let held = std::mem::take(&mut self.held);
        if self.pushes {
            let body =
                held.windows(4).position(|four| four == b"\r\n\r\n").map_or(&[][..], |at| &held[at + 4..]);
            let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
            let text = body.as_object().and_then(|fields| fields.values().find_map(|value| value.as_str()));
            let voucher = text.and_then(|text| decode_voucher(text).ok());
            let voucher = voucher.map(|signed| (signed.voucher.account.user, signed.voucher.cumulative));
            current.lock().voucher = voucher;
            signed(seen, voucher);
        } else if self.paid && held.len() < LARGEST {
            let mut seen = seen.lock();
            seen.whole.push_back(held);
            if seen.whole.len() > KEPT {
                seen.whole.pop_front();
            }
        }
    }
}

fn signed(seen: &Mutex<Seen>, voucher: Option<(Address, Neuron)>) {
    if let Some((user, sum)) = voucher {
        let mut seen = seen.lock();
        let best = seen.signed.entry(user).or_default();
        *best = sum.max(*best);
    }
}

/// Sends a request a second time, byte by byte as it was, and gives the status of the answer.
pub async fn replay(port: u16, request: &[u8]) -> Option<u16> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    server.write_all(request).await.ok()?;
    let mut head = vec![0; 64];
    let read = server.read(&mut head).await.ok()?;
    String::from_utf8_lossy(&head[..read]).split(' ').nth(1)?.parse().ok()
}
