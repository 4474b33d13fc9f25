//! A real TCP listener in front of an HTTP server, which does to single exchanges what networks, balancers and broken
//! servers do. A rule sees the head of each request and says what happens to it; a plan of faults is a rule with a memory.
//!
//! Every exchange gets a connection of its own (`connection: close` is added on the way), so that a fault hits the
//! exchange that it was meant for and no other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetFault {
    /// It goes through.
    None,
    /// It goes through after a while, both ways.
    Late(Duration),
    /// The connection is reset after so many bytes of the request's body; the request does not arrive whole.
    ResetRequest(usize),
    /// After so many bytes of the request's body nothing is taken any more, and nothing answered.
    StallRequest(usize),
    /// The request is taken, and the connection closed without a word. Nothing arrives.
    CloseBeforeHead,
    /// The request arrives; the connection is closed without a word.
    CloseAfterRequest,
    /// The request is taken and never answered. Nothing arrives.
    HalfOpen,
    /// The request arrives; its answer never comes.
    Swallow,
    /// The connection is reset after so many bytes of the answer, its head included.
    ResetAnswer(usize),
    /// It is closed in order after so many bytes of the answer, its head included.
    CutAnswer(usize),
    /// Nothing comes after so many bytes of the answer, and the connection stays open.
    StallAnswer(usize),
    /// The answer's head promises so many bytes more than there are.
    LongerLength(usize),
    /// The answer's head promises so many bytes fewer than there are.
    ShorterLength(usize),
    /// The answer comes in chunks, and its head states a length of so many bytes beside them.
    LengthAndChunks(usize),
    /// Request and answer pass one byte at a time.
    Trickle,
    /// A web page with this status comes instead. Nothing arrives.
    Status(u16),
    /// The request arrives, but a web page with this status comes back.
    ButStatus(u16),
    /// What comes back is not HTTP. Nothing arrives.
    Garbage,
    /// What comes back is a head without an end. Nothing arrives.
    EndlessHead,
    /// The head of a good answer comes back, and nothing more. Nothing arrives.
    HeadOnly,
    /// The answer comes twice in a row.
    TwiceAnswered,
    /// The request arrives twice; the first answer comes back.
    TwiceAsked,
    /// This answer, with status 200, comes instead. Nothing arrives.
    Answer(&'static str, &'static str),
}

/// The head of a request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    bytes: Vec<u8>,
    length: usize,
}

type Rule = Box<dyn FnMut(&Asked) -> NetFault + Send>;

struct Inner {
    leads_to: Mutex<Option<SocketAddr>>,
    rule: Mutex<Rule>,
    struck: AtomicUsize,
    /// Lines that stand still are let go.
    healed: AtomicBool,
}

#[derive(Clone)]
pub struct FaultProxy {
    pub url: String,
    inner: Arc<Inner>,
}

impl FaultProxy {
    /// Begins to listen; leads nowhere yet.
    pub async fn start() -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rule: Rule = Box::new(|_| NetFault::None);
        let inner = Arc::new(Inner {
            leads_to: Mutex::default(),
            rule: Mutex::new(rule),
            struck: AtomicUsize::new(0),
            healed: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let inner = Arc::clone(&accepting);
                // What goes wrong between two sockets is what this listener is for.
                tokio::spawn(async move { drop(exchange(client, &inner).await) });
            }
        });
        FaultProxy { url, inner }
    }

    pub fn lead_to(&self, address: SocketAddr) {
        *self.inner.leads_to.lock() = Some(address);
    }

    /// From now on `rule` decides.
    pub fn set(&self, rule: impl FnMut(&Asked) -> NetFault + Send + 'static) {
        self.inner.healed.store(false, Ordering::Relaxed);
        *self.inner.rule.lock() = Box::new(rule);
    }

    /// `fault` happens to the next `times` requests whose target has these words; everything else goes through.
    pub fn next(&self, words: &'static str, mut times: usize, fault: NetFault) {
        self.set(move |asked| {
            if times > 0 && asked.target.contains(words) {
                times -= 1;
                return fault;
            }
            NetFault::None
        });
    }

    pub fn heal(&self) {
        self.set(|_| NetFault::None);
        self.inner.healed.store(true, Ordering::Relaxed);
    }

    /// How many exchanges were hit by a fault so far.
    pub fn struck(&self) -> usize {
        self.inner.struck.load(Ordering::Relaxed)
    }
}

fn nowhere() -> io::Error {
    io::Error::other("this proxy leads nowhere")
}

async fn exchange(mut client: TcpStream, inner: &Inner) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut asked, rest) = read_head(&mut client).await?;
    let fault = (*inner.rule.lock())(&asked);
    if fault != NetFault::None {
        inner.struck.fetch_add(1, Ordering::Relaxed);
    }
    if let NetFault::ResetRequest(bytes) | NetFault::StallRequest(bytes) = fault {
        let mut server = connect(inner).await?;
        server.write_all(&asked.bytes).await?;
        server.write_all(&rest[..rest.len().min(bytes)]).await?;
        let mut sent = rest.len();
        while sent < bytes.min(asked.length) {
            let mut piece = vec![0; (bytes - sent).min(1 << 16)];
            let read = client.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            server.write_all(&piece[..read]).await?;
            sent += read;
        }
        if matches!(fault, NetFault::StallRequest(_)) {
            // Both lines stay open, and nothing passes.
            while !inner.healed.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return Ok(());
        }
        server.set_zero_linger()?;
        return client.set_zero_linger();
    }
    let mut body = rest;
    while body.len() < asked.length {
        let mut piece = vec![0; 1 << 16];
        let read = client.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        body.extend_from_slice(&piece[..read]);
    }
    asked.bytes.extend_from_slice(&body);
    let request = asked.bytes;
    match fault {
        NetFault::ResetRequest(_) | NetFault::StallRequest(_) | NetFault::CloseBeforeHead => Ok(()),
        NetFault::CloseAfterRequest => ask(inner, &request).await.map(drop),
        NetFault::HalfOpen => hold(&mut client).await,
        NetFault::Swallow => {
            ask(inner, &request).await?;
            hold(&mut client).await
        }
        NetFault::Garbage => {
            client.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP here \r\n\r\n").await?;
            client.shutdown().await
        }
        NetFault::EndlessHead => {
            client.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            let line = format!("x-more: {}\r\n", "a".repeat(1_000));
            for _ in 0..10_000 {
                client.write_all(line.as_bytes()).await?;
            }
            Ok(())
        }
        NetFault::HeadOnly => {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            client.write_all(head.as_bytes()).await?;
            hold(&mut client).await
        }
        NetFault::Status(status) => page(&mut client, status).await,
        NetFault::ButStatus(status) => {
            ask(inner, &request).await?;
            page(&mut client, status).await
        }
        NetFault::Answer(kind, text) => plain(&mut client, 200, kind, text).await,
        NetFault::TwiceAsked => {
            let first = ask(inner, &request).await?;
            ask(inner, &request).await?;
            client.write_all(&first).await
        }
        NetFault::TwiceAnswered => {
            let answer = ask(inner, &request).await?;
            client.write_all(&answer).await?;
            client.write_all(&answer).await
        }
        NetFault::LongerLength(by) => {
            let answer = ask(inner, &request).await?;
            client.write_all(&with_length(&answer, |length| length + by)).await
        }
        NetFault::ShorterLength(by) => {
            let answer = ask(inner, &request).await?;
            client.write_all(&with_length(&answer, |length| length.saturating_sub(by))).await
        }
        NetFault::LengthAndChunks(length) => {
            let answer = ask(inner, &request).await?;
            client.write_all(&in_chunks(&answer, length)).await
        }
        NetFault::None
        | NetFault::Late(_)
        | NetFault::Trickle
        | NetFault::ResetAnswer(_)
        | NetFault::CutAnswer(_)
        | NetFault::StallAnswer(_) => pass(client, inner, &request, fault).await,
    }
}

/// Passes an answer on while it comes, as far as the fault lets it.
async fn pass(mut client: TcpStream, inner: &Inner, request: &[u8], fault: NetFault) -> io::Result<()> {
    let mut server = connect(inner).await?;
    if let NetFault::Late(by) = fault {
        tokio::time::sleep(by).await;
    }
    write(&mut server, request, fault).await?;
    let room = match fault {
        NetFault::ResetAnswer(bytes) | NetFault::CutAnswer(bytes) | NetFault::StallAnswer(bytes) => bytes,
        _ => usize::MAX,
    };
    let (mut passed, mut piece) = (0, vec![0; 1 << 16]);
    let (mut ours, mut theirs) = client.split();
    let mut dummy = [0; 1];
    while passed < room {
        // A caller that leaves must be seen to leave by the server behind.
        let read = tokio::select! {
            read = server.read(&mut piece) => read?,
            left = ours.read(&mut dummy) => match left {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => continue,
            },
        };
        if read == 0 {
            return theirs.shutdown().await;
        }
        let pass = &piece[..read.min(room - passed)];
        if let NetFault::Late(by) = fault {
            tokio::time::sleep(by).await;
        }
        write(&mut theirs, pass, fault).await?;
        passed += pass.len();
    }
    match fault {
        NetFault::ResetAnswer(_) => client.set_zero_linger(),
        NetFault::StallAnswer(_) => hold(&mut client).await,
        _ => client.shutdown().await,
    }
}

async fn write(to: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8], fault: NetFault) -> io::Result<()> {
    let size = if fault == NetFault::Trickle { 1 } else { bytes.len().max(1) };
    for piece in bytes.chunks(size) {
        to.write_all(piece).await?;
        to.flush().await?;
    }
    Ok(())
}

/// Waits until the other side has had enough.
async fn hold(client: &mut TcpStream) -> io::Result<()> {
    let mut piece = [0; 1_024];
    while client.read(&mut piece).await? > 0 {}
    Ok(())
}

async fn connect(inner: &Inner) -> io::Result<TcpStream> {
    let address = *inner.leads_to.lock();
    let server = TcpStream::connect(address.ok_or_else(nowhere)?).await?;
    server.set_nodelay(true)?;
    Ok(server)
}

/// Sends a request and takes the whole answer.
async fn ask(inner: &Inner, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = connect(inner).await?;
    server.write_all(request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}

async fn page(client: &mut TcpStream, status: u16) -> io::Result<()> {
    let text = "<!doctype html><title>Bad gateway</title><h1>nginx</h1><script>alert(1)</script>";
    plain(client, status, "text/html", text).await
}

async fn plain(client: &mut TcpStream, status: u16, kind: &str, text: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(text.as_bytes()).await?;
    client.shutdown().await
}

fn with_length(answer: &[u8], change: impl Fn(usize) -> usize) -> Vec<u8> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
    for line in &mut lines {
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            *line = format!("content-length: {}", change(length.trim().parse().unwrap()));
        }
    }
    [lines.join("\r\n").as_bytes(), &answer[end..]].concat()
}

/// The same answer in two chunks, with a length of its own beside them.
fn in_chunks(answer: &[u8], length: usize) -> Vec<u8> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let framing = ["content-length:", "transfer-encoding:"];
    let kept = |line: &&str| !framing.iter().any(|name| line.to_ascii_lowercase().starts_with(name));
    let mut lines: Vec<String> = head.split("\r\n").filter(kept).map(str::to_owned).collect();
    lines.push(format!("content-length: {length}"));
    lines.push("transfer-encoding: chunked".to_owned());
    let body = answer.get(end + 4..).unwrap_or_default();
    let (first, second) = body.split_at(body.len() / 2);
    let mut bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    for chunk in [first, second].into_iter().filter(|chunk| !chunk.is_empty()) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

async fn read_head(client: &mut TcpStream) -> io::Result<(Asked, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let mut piece = [0; 8_192];
        let read = client.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&piece[..read]);
    };
    let rest = bytes.split_off(end + 4);
    bytes.truncate(end + 2);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .and_then(|length| length.trim().parse().ok())
    });
    bytes.extend_from_slice(b"connection: close\r\n\r\n");
    Ok((Asked { target, bytes, length: length.unwrap_or(0) }, rest))
}
