//! Listeners and connections: bind, accept, answer, stop.
//!
//! Every connection is bounded in header count and bytes, in the time its headers may take (which is also how long it
//! may idle between requests), and in number. Answers leave without Nagle's delay: a stream that passes two brokers
//! would otherwise wait 40 ms a chunk. A stop takes nothing new, lets running requests end within a grace time, and
//! cuts what is left.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service;

use crate::tasks::Tasks;

/// How much a peer may ask of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All header bytes of one request, its first line included.
    pub header_bytes: usize,
    pub headers: usize,
    /// From the first wait for a request to the end of its headers; an idle connection ends with it too.
    pub header_read: Duration,
    /// More connections than this wait to be accepted.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_bytes: 64 * 1024,
            headers: 100,
            header_read: Duration::from_secs(30),
            connections: 1024,
        }
    }
}

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

    /// Starts answering. The server's tasks are a group inside `tasks`.
    pub fn serve(self, router: Router, limits: Limits, tasks: &Tasks) -> Server {
        let own = tasks.child();
        let group = own.clone();
        let address = self.address;
        own.spawn_until_stopped(format!("{} listener on {address}", self.purpose), async move {
            accept(self.listener, router, limits, group).await;
        });
        Server { address, tasks: own }
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

async fn accept(listener: TcpListener, router: Router, limits: Limits, tasks: Tasks) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, most likely; the connection stays in the queue, so do not spin on it.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let router = router.clone();
        let token = tasks.token();
        tasks.spawn(format!("connection from {peer}"), async move {
            let _slot = slot;
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
}

impl hyper::service::Service<hyper::Request<Incoming>> for Routed {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(self.peer));
        // A router is always ready, so it can be called at once.
        Box::pin(self.router.clone().call(request))
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
) -> http1::Connection<TokioIo<TcpStream>, Routed> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
    }
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), Routed { router, peer })
}
