//! Listeners and connections: bind, accept, answer, stop.
//!
//! Every connection is held to the listener's [`Limits`]. Answers leave without Nagle's delay: a stream that passes two
//! brokers would otherwise wait 40 ms a chunk. A stop takes nothing new, lets running requests end within a grace time,
//! and cuts what is left.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use super::Problem;
use super::limits::Limits;
use super::outflow::{Outflow, outflow};
use super::patient::Patient;
use crate::domain::network;
use crate::tasks::Tasks;

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{address} ({purpose}) is already in use by another program; stop it or choose another port")]
    Taken { address: SocketAddr, purpose: &'static str },
    #[error("cannot listen on {address} ({purpose}): {source}")]
    Refused { address: SocketAddr, purpose: &'static str, source: io::Error },
}

/// A listener that accepts nothing yet, so that an address is known before what answers on it is built.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    purpose: &'static str,
}

impl Bound {
    /// Takes an address. Port 0 lets the system choose; [`Bound::address`] tells.
    pub async fn bind(address: SocketAddr, purpose: &'static str) -> Result<Bound, BindError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken { address, purpose },
            _ => BindError::Refused { address, purpose, source },
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Bound { listener, address, purpose })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts answering. `tasks` is a group of this server's own: stopping the server stops it.
    pub fn serve(self, router: Router, limits: Limits, tasks: Tasks) -> Server {
        let group = tasks.clone();
        let address = self.address;
        tasks.spawn_until_stopped(format!("{} listener on {address}", self.purpose), async move {
            accept(self.listener, router, limits, group).await;
        });
        Server { address, tasks }
    }
}

/// A listener at work.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    tasks: Tasks,
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes nothing new, waits up to `grace` for running requests, then cuts them.
    pub async fn stop(self, grace: Duration) {
        let stopped = self.tasks.stop(grace).await;
        if !stopped.aborted.is_empty() {
            tracing::info!(address = %self.address, cut = stopped.aborted.len(), "connections were cut");
        }
    }
}

/// Where a request came from, as an extension of it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The places of a listener.
struct Places {
    all: Arc<Semaphore>,
    /// Connections of each address, where it has any.
    by_peer: Mutex<HashMap<IpAddr, usize>>,
    most_of_one: usize,
}

/// A connection's place, given back when dropped.
struct Place {
    places: Arc<Places>,
    peer: IpAddr,
    _one: OwnedSemaphorePermit,
}

impl Places {
    fn of(limits: &Limits) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(limits.connections));
        Arc::new(Places { all, by_peer: Mutex::default(), most_of_one: limits.connections_of_one })
    }

    /// A place for a peer, unless it has too many. Peers on this machine share one address, so it is not held to that.
    fn take(self: &Arc<Self>, one: OwnedSemaphorePermit, peer: SocketAddr) -> Option<Place> {
        let peer = network(peer.ip());
        let mut by_peer = self.by_peer.lock();
        let taken = by_peer.entry(peer).or_default();
        if *taken >= self.most_of_one && !peer.is_loopback() {
            return None;
        }
        *taken += 1;
        Some(Place { places: Arc::clone(self), peer, _one: one })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_peer = self.places.by_peer.lock();
        if let Some(taken) = by_peer.get_mut(&self.peer) {
            *taken -= 1;
            if *taken == 0 {
                by_peer.remove(&self.peer);
            }
        }
    }
}

async fn accept(listener: TcpListener, router: Router, limits: Limits, tasks: Tasks) {
    let places = Places::of(&limits);
    loop {
        let Ok(one) = Arc::clone(&places.all).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, most likely; the connection stays in the queue, so do not spin on it.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = places.take(one, peer) else {
            tracing::debug!(%peer, "a connection too many of one address was closed");
            continue;
        };
        let router = router.clone();
        let token = tasks.token();
        tasks.spawn(format!("connection from {peer}"), async move {
            let _place = place;
            send_at_once(&stream);
            hold_little(&stream);
            let connection = connection(stream, peer, router, limits);
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = token.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
        });
    }
}

/// One connection's way into the router.
struct Routed {
    router: Router,
    peer: SocketAddr,
    outflow: Outflow,
    target_bytes: usize,
}

impl hyper::service::Service<hyper::Request<Incoming>> for Routed {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > self.target_bytes {
            let problem = Problem::new(
                StatusCode::URI_TOO_LONG,
                "target_too_long",
                format!("path and query are longer than {} bytes", self.target_bytes),
            );
            return Box::pin(std::future::ready(Ok(problem.into_response())));
        }
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(self.peer));
        request.extensions_mut().insert(self.outflow.clone());
        // A router is always ready, so it can be called at once.
        Box::pin(self.router.clone().call(request))
    }
}

fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
) -> http1::Connection<TokioIo<Patient<S>>, Routed> {
    let (gauge, outflow) = outflow(limits.stalled);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        // hyper takes no smaller one.
        .max_buf_size(limits.header_bytes.max(8 << 10))
        .serve_connection(
            TokioIo::new(Patient::new(stream, limits.first_byte, limits.stalled, gauge)),
            Routed { router, peer, outflow, target_bytes: limits.target_bytes },
        )
}

/// What an answer may have waiting in its socket. It was counted when it was handed over, and is charged whether or not it
/// arrives: a system that likes large buffers would take megabytes of a download whose reader has just left.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// Lets a write wait while more than a little of what was written before has not left.
fn hold_little(stream: &TcpStream) {
    // The library knows the option on Linux only; elsewhere the system's own buffers are small.
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT could not be set");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Without this a stream that passes two brokers takes 40 ms a chunk.
fn send_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::body::{Answer, AnswerBody};
    use crate::http::pass::respond;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn server(limits: Limits) -> (Server, Tasks) {
        let tasks = Tasks::new();
        let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), "test").await.unwrap();
        let router = Router::new().fallback(|body: axum::body::Bytes| async move { body.len().to_string() });
        (bound.serve(router, limits, tasks.child()), tasks)
    }

    async fn exchange(server: &Server, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // The server may close before everything is written.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn answers_leave_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        send_at_once(&stream);
        assert!(stream.nodelay().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn little_of_an_answer_waits_in_its_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        hold_little(&stream);
        assert_eq!(socket2::SockRef::from(&stream).tcp_notsent_lowat().unwrap(), UNSENT);
    }

    /// What was counted as handed over is charged, so none of it may stay behind when an answer is broken off.
    #[tokio::test]
    async fn what_was_handed_over_before_a_break_arrives() {
        const SENT: usize = 48 << 10;
        let router = Router::new().fallback(|request: Request| async move {
            let (pieces, body) = tokio::sync::mpsc::channel(8);
            pieces.try_send(Ok(axum::body::Bytes::from_static(&[b'#'; SENT]))).unwrap();
            pieces.try_send(Err(io::Error::other("cut"))).unwrap();
            let (status, headers) = (StatusCode::OK, http::HeaderMap::new());
            let answer = Answer { status, headers, body: AnswerBody::Stream(body) };
            respond(answer, request.method(), request.extensions())
        });
        let (ours, mut theirs) = tokio::io::duplex(4 << 10);
        let serving = connection(ours, SocketAddr::from(([127, 0, 0, 1], 1)), router, Limits::default());
        let reading = async {
            theirs.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            // Longer than a server that waits for a fixed time would wait.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let mut answer = Vec::new();
            let _ = theirs.read_to_end(&mut answer).await;
            answer
        };
        let (served, answer) = tokio::join!(serving, reading);
        assert!(served.is_err(), "it is not passed off as the whole");
        assert!(!answer.ends_with(b"0\r\n\r\n"));
        assert_eq!(answer.iter().filter(|byte| **byte == b'#').count(), SENT);
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let (server, _tasks) = server(Limits::default()).await;
        let error = Bound::bind(server.address(), "user broker").await.unwrap_err();
        assert!(matches!(error, BindError::Taken { purpose: "user broker", .. }));
        assert!(error.to_string().contains(&server.address().to_string()));
    }

    #[tokio::test]
    async fn headers_are_bounded_and_ambiguous_lengths_refused() {
        let (server, _tasks) = server(Limits::default()).await;
        let plain = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        assert!(exchange(&server, plain.as_bytes()).await.starts_with("HTTP/1.1 200"));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000));
        assert!(exchange(&server, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
        let large = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(1 << 20));
        assert!(!exchange(&server, large.as_bytes()).await.contains(" 200 "));
        let bad = [
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\n : x\r\n\r\nhello",
        ];
        for request in bad {
            let answer = exchange(&server, request.as_bytes()).await;
            assert!(!answer.contains(" 200 "), "{request:?}: {answer}");
        }
        // With both lengths the chunks count, and nothing after them is taken for another request.
        let both = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
                    2\r\nhi\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(exchange(&server, both.as_bytes()).await.matches("HTTP/1.1").count(), 1);
    }

    #[tokio::test]
    async fn one_address_does_not_take_all_places() {
        let places = Places::of(&Limits { connections: 10, connections_of_one: 3, ..Limits::default() });
        let take = async |peer: &str| {
            let one = Arc::clone(&places.all).acquire_owned().await.unwrap();
            places.take(one, peer.parse().unwrap())
        };
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(take("203.0.113.7:1").await.unwrap());
        }
        assert!(take("203.0.113.7:1").await.is_none() && take("[::ffff:203.0.113.7]:2").await.is_none());
        for _ in 0..4 {
            taken.push(take("127.0.0.1:1").await.unwrap());
        }
        taken.push(take("[2001:db8::1]:1").await.unwrap());
        taken.push(take("[2001:db8::2]:1").await.unwrap());
        taken.push(take("[2001:db8::3]:1").await.unwrap());
        assert_eq!(places.all.available_permits(), 0);
        drop(taken.remove(0));
        taken.push(take("203.0.113.7:1").await.unwrap());
        drop(taken);
        assert_eq!((places.all.available_permits(), places.by_peer.lock().len()), (10, 0));
    }

    #[tokio::test]
    async fn a_request_line_is_bounded() {
        let (server, _tasks) = server(Limits { target_bytes: 100, ..Limits::default() }).await;
        let get = |length: usize| {
            format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "a".repeat(length - 1))
        };
        assert!(exchange(&server, get(100).as_bytes()).await.starts_with("HTTP/1.1 200"));
        assert!(exchange(&server, get(101).as_bytes()).await.starts_with("HTTP/1.1 414"));
        assert!(!exchange(&server, get(1 << 20).as_bytes()).await.contains(" 200 "));
    }

    #[tokio::test]
    async fn headers_that_never_end_are_cut() {
        let limits = Limits { header_read: Duration::from_millis(50), ..Limits::default() };
        let (server, _tasks) = server(limits).await;
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        let mut answer = Vec::new();
        // Ends because the server hangs up.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    }
}
