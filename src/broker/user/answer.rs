//! The answer on its way through: metered, hashed, freed of what is ours, and passed on unchanged.
//!
//! Bytes are handed on as they come; nothing waits for its neighbours. Only an answer whose receipt is in its head is
//! held until its end (the provider held it too), so that its cost can stand in the head that we send. The queue to the
//! caller is short: a slow caller slows the provider down, and one who leaves ends the answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::call::Prepared;
use super::error::CallRefusal;
use super::finish::Case;
use super::handle::Inner;
use super::pay::Sent;
use super::receipts;
use super::upstream::{Outgoing, UpstreamError, failure};
use super::verdict::{Cut, Seen};
use crate::body::{Answer, AnswerBody, Held, Room};
use crate::crash_point::{self, Point};
use crate::domain::{B256, Fee, RequestId, SealedReceipt, ServiceKind, Units};
use crate::meter::{Limits, OutputMeter};
use crate::wire::answer_head::AnswerHead;
use crate::wire::headers::{Framing, to_caller};
use crate::wire::receipt::{RECEIPT_HEADER, decode_receipt};
use crate::wire::separator::Separator;

/// Names the request on every answer, so that its receipt can be looked up.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("zg-request-id");
/// What a whole answer cost in neuron, and the units of both directions.
pub const FEE_HEADER: HeaderName = HeaderName::from_static("zg-fee");
pub const INPUT_UNITS_HEADER: HeaderName = HeaderName::from_static("zg-input-units");
pub const OUTPUT_UNITS_HEADER: HeaderName = HeaderName::from_static("zg-output-units");

/// An answer with its receipt in the head is held up to this size, if there is memory; otherwise it is passed on like a
/// stream.
const HELD: usize = 16 << 20;
/// How long the head of a stream waits for the first byte behind it. An answer that breaks before that is told as what it
/// is, with a status; once the head is out, all that is left is to break the connection.
const HEAD_WAITS: Duration = Duration::from_millis(100);
/// What a meter may hold of one answer without asking for memory. An answer of ordinary length is passed on and paid for
/// however much else is going on; what swells beyond waits for some, and is broken off if there is none.
const UNCOUNTED: usize = 1 << 20;
/// Answers above this size are counted to their end on a blocking thread.
const LARGE: u64 = 64 << 10;

/// Whoever waits for the answer.
pub(super) type Reply = oneshot::Sender<Result<Answer, CallRefusal>>;

/// How the bytes ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Complete,
    CallerLeft,
    /// The provider's side broke, fell silent or sent what cannot be read.
    Broken(String),
    /// It is more than we take in. The provider may have delivered it whole, and for what is lost that way is not to
    /// blame.
    Refused(&'static str),
}

impl End {
    fn cut(&self) -> Cut {
        match self {
            End::Complete => Cut::No,
            End::CallerLeft | End::Refused(_) => Cut::ByUs,
            End::Broken(_) => Cut::ByProvider,
        }
    }

    /// Why the caller does not get all of it.
    fn reason(self) -> Option<String> {
        match self {
            End::Complete | End::CallerLeft => None,
            End::Broken(reason) => Some(reason),
            End::Refused(reason) => Some(reason.to_owned()),
        }
    }

    fn is_short(&self) -> bool {
        matches!(self, End::Broken(_) | End::Refused(_))
    }
}

/// Where the bytes go.
enum Out {
    /// Held until the end.
    Held(Held, Reply),
    /// The head waits for the first byte.
    Opening(Reply),
    Caller(mpsc::Sender<io::Result<Bytes>>),
    /// Nobody listens any more.
    Gone,
}

/// Passes a provider's answer on and books what it came to.
pub(super) async fn pump(
    inner: &Arc<Inner>,
    call: &Prepared,
    sent: Sent,
    response: reqwest::Response,
    reply: Reply,
) {
    let status = response.status();
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let case = Case::live(inner, call, &sent);
    if !status.is_success() {
        // An answer that is an error costs nothing; that is known before its body is.
        Box::pin(inner.failed(&case, &format!("the service answered {status}"))).await;
        Box::pin(pass_on(inner, response, Some(sent.request), reply)).await;
        return;
    }
    let headers = response.headers();
    let AnswerHead { content_type, encoding, events } = AnswerHead::read(call.service.kind, headers);
    let meter =
        OutputMeter::new(call.service.kind, content_type.as_deref(), encoding.as_deref(), Limits::default());
    let in_head = headers.get(RECEIPT_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let framing = if events { Framing::Changed } else { Framing::Unchanged };
    let mut head = to_caller(headers, framing);
    insert(&mut head, &REQUEST_ID_HEADER, sent.request.to_string());

    let out = if in_head.is_some() && !events {
        Out::Held(Held::new(&inner.spool), reply)
    } else {
        Out::Opening(reply)
    };
    let mut run = Run {
        meter: meter.ok(),
        swollen: Room::new(&inner.spool),
        hash: Sha256::new(),
        separator: events.then(Separator::default),
        receipt: in_head,
        out,
        received: 0,
        limit: byte_limit(inner, call, &sent),
        idle: inner.settings.idle_timeout(),
    };
    let end = run.all(response, &host, (status, &head)).await;
    let Run { meter, swollen, hash, receipt, out, received, .. } = run;
    let output = match meter {
        None => Units(0),
        // What came encoded can be far larger than it looked.
        Some(meter) if received.max(meter.held() as u64) <= LARGE => meter.finish().units,
        // Only a panic of the meter ends without a count; then nothing of the output is known.
        Some(meter) => tokio::task::spawn_blocking(move || meter.finish().units).await.unwrap_or_default(),
    };
    // A receipt may be long in coming.
    drop(swollen);
    let seen = Seen {
        input: call.quote.input,
        output,
        response_hash: B256::new(hash.finalize().into()),
        cut: end.cut(),
        success: true,
    };
    // A tag that does not fit is as good as none: the provider is then asked for its signature.
    let fits = |sealed: &SealedReceipt| sealed.signed().is_some() || inner.keys.is_sealed_by_provider(sealed);
    let receipt = receipt.and_then(|text| decode_receipt(&text).ok()).filter(fits);
    // Room for what comes at the end is only taken then: a stream may have been under way for long.
    Box::pin(conclude(inner, case.with(seen), receipt, end, (status, head), out)).await;
}

/// Books what may be charged for a request whose caller left before anything of the answer came: the input at most.
pub(super) async fn left_early(inner: &Arc<Inner>, call: &Prepared, sent: &Sent) {
    let seen = Seen::nothing(call.quote.input, Cut::ByUs);
    receipts::fetch_or_leave(inner, Case::live(inner, call, sent).with(seen)).await;
}

/// Books the end and lets the caller see it.
async fn conclude(
    inner: &Arc<Inner>,
    case: Case,
    receipt: Option<SealedReceipt>,
    end: End,
    (status, mut head): (StatusCode, HeaderMap),
    out: Out,
) {
    let Some(receipt) = receipt else {
        // The caller does not wait while the receipt is asked for.
        let broken = end.is_short();
        match out {
            Out::Held(_, reply) | Out::Opening(reply) if broken => {
                let _ = reply.send(Err(broken_answer(&case, end)));
            }
            Out::Opening(reply) => {
                let _ =
                    reply.send(Ok(Answer { status, headers: head, body: AnswerBody::Full(Bytes::new()) }));
            }
            Out::Held(body, reply) => {
                let body = AnswerBody::Full(body.freeze());
                let _ = reply.send(Ok(Answer { status, headers: head, body }));
            }
            Out::Caller(caller) if broken => give_up(caller, end).await,
            Out::Caller(_) | Out::Gone => {}
        }
        receipts::fetch_or_leave(inner, case).await;
        return;
    };
    let booked = inner.book_end(&case, Some(receipt)).await;
    match out {
        Out::Held(_, reply) | Out::Opening(reply) if end.is_short() => {
            let _ = reply.send(Err(broken_answer(&case, end)));
        }
        Out::Opening(reply) => {
            let _ = reply.send(Ok(Answer { status, headers: head, body: AnswerBody::Full(Bytes::new()) }));
        }
        Out::Held(body, reply) => {
            if let Some((fee, input, output)) = booked {
                state_cost(&mut head, fee, input, output);
            }
            let _ = reply.send(Ok(Answer { status, headers: head, body: AnswerBody::Full(body.freeze()) }));
        }
        Out::Caller(caller) => give_up(caller, end).await,
        Out::Gone => {}
    }
}

fn state_cost(head: &mut HeaderMap, fee: Fee, input: Units, output: Units) {
    insert(head, &FEE_HEADER, fee.total().to_string());
    insert(head, &INPUT_UNITS_HEADER, input.0.to_string());
    insert(head, &OUTPUT_UNITS_HEADER, output.0.to_string());
}

/// Ends a stream: silently when it is whole, by breaking the connection when it is not.
async fn give_up(caller: mpsc::Sender<io::Result<Bytes>>, end: End) {
    if let Some(reason) = end.reason() {
        let _ = caller.send(Err(io::Error::other(reason))).await;
    }
}

fn broken_answer(case: &Case, end: End) -> CallRefusal {
    let (host, reason) = (case.provider().to_string(), end.reason().unwrap_or_default());
    UpstreamError::Broken { host, reason }.into()
}

/// One answer being passed on.
struct Run {
    meter: Option<OutputMeter>,
    /// What the meter holds of the answer until its end, which may be far more than came over the line.
    swollen: Room,
    hash: Sha256,
    separator: Option<Separator>,
    /// The receipt's text, from the head or from a closing comment.
    receipt: Option<String>,
    out: Out,
    received: u64,
    limit: u64,
    /// The longest silence of the provider, and of the caller.
    idle: Duration,
}

impl Run {
    async fn all(&mut self, response: reqwest::Response, host: &str, head: (StatusCode, &HeaderMap)) -> End {
        let mut stream = Box::pin(response.bytes_stream());
        loop {
            let chunk = match self.next(&mut stream, head).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => {
                    return End::Broken(match failure(host, error) {
                        UpstreamError::Broken { reason, .. } => reason,
                        other => other.to_string(),
                    });
                }
                Ok(None) => return self.last(head).await,
                Err(end) => return end,
            };
            if let Some(end) = self.take(chunk, head).await {
                return end;
            }
        }
    }

    async fn next<S, E>(
        &mut self,
        stream: &mut S,
        (status, head): (StatusCode, &HeaderMap),
    ) -> Result<Option<Result<Bytes, E>>, End>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        if let Out::Opening(reply) = &mut self.out {
            tokio::select! {
                biased;
                chunk = stream.next() => return Ok(chunk),
                () = reply.closed() => return Err(End::CallerLeft),
                () = tokio::time::sleep(HEAD_WAITS.min(self.idle)) => self.open(status, head),
            }
        }
        let left = async {
            match &self.out {
                Out::Caller(caller) => caller.closed().await,
                Out::Held(..) | Out::Opening(_) | Out::Gone => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            chunk = stream.next() => Ok(chunk),
            () = left => Err(End::CallerLeft),
            () = tokio::time::sleep(self.idle) => Err(End::Broken("the provider fell silent".to_owned())),
        }
    }

    /// Lets a head that waits go out.
    fn open(&mut self, status: StatusCode, head: &HeaderMap) {
        match std::mem::replace(&mut self.out, Out::Gone) {
            Out::Opening(reply) => self.out = open(status, head.clone(), reply),
            out => self.out = out,
        }
    }

    /// Takes the next bytes. Says so when the answer is not read any further.
    async fn take(&mut self, chunk: Bytes, head: (StatusCode, &HeaderMap)) -> Option<End> {
        // Comments of ours count too: a stream of nothing else would have no end.
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > self.limit {
            return Some(End::Refused("the answer is larger than allowed"));
        }
        let pass = match &mut self.separator {
            None => chunk,
            Some(separator) => match separator.push(&chunk) {
                Ok(parted) => {
                    for comment in parted.own {
                        if comment.name == RECEIPT_HEADER {
                            self.receipt = Some(comment.value);
                        }
                    }
                    parted.pass
                }
                Err(error) => return Some(End::Broken(error.to_string())),
            },
        };
        self.deliver(pass, head).await
    }

    /// What was held back at the end of an event stream.
    async fn last(&mut self, head: (StatusCode, &HeaderMap)) -> End {
        let rest = self.separator.as_mut().map_or(&b""[..], Separator::finish);
        let end = self.deliver(Bytes::from_static(rest), head).await;
        end.unwrap_or(End::Complete)
    }

    /// Counts bytes as delivered and hands them on.
    async fn deliver(&mut self, pass: Bytes, (status, head): (StatusCode, &HeaderMap)) -> Option<End> {
        if pass.is_empty() {
            return None;
        }
        self.hash.update(&pass);
        if let Some(meter) = &mut self.meter {
            if let Err(error) = meter.push(&pass) {
                return Some(End::Broken(error.to_string()));
            }
            if meter.held() > UNCOUNTED && !self.swollen.wait_for(meter.held()).await {
                return Some(End::Refused("there is no memory here for more of the answer"));
            }
        }
        self.open(status, head);
        if let Out::Held(held, _) = &mut self.out {
            if held.len() + pass.len() <= HELD && held.push(&pass) {
                return None;
            }
            if let Out::Held(held, reply) = std::mem::replace(&mut self.out, Out::Gone) {
                self.out = open(status, head.clone(), reply);
                if let Some(end) = self.hand_on(held.freeze()).await {
                    return Some(end);
                }
            }
        }
        self.hand_on(pass).await
    }

    async fn hand_on(&mut self, pass: Bytes) -> Option<End> {
        match &mut self.out {
            Out::Caller(caller) => {
                // A caller who takes nothing for so long is taken for gone.
                let sent = tokio::time::timeout(self.idle, caller.send(Ok(pass))).await;
                crash_point::pass(Point::PassedOn);
                (!matches!(sent, Ok(Ok(())))).then(|| {
                    self.out = Out::Gone;
                    End::CallerLeft
                })
            }
            // What is held is not handed on, and a head goes out before what is behind it.
            Out::Held(..) | Out::Opening(_) | Out::Gone => Some(End::CallerLeft),
        }
    }
}

/// Gives the head to the caller and opens the queue for the body.
fn open(status: StatusCode, headers: HeaderMap, reply: Reply) -> Out {
    let (caller, body) = mpsc::channel(AnswerBody::QUEUE);
    match reply.send(Ok(Answer { status, headers, body: AnswerBody::Stream(body) })) {
        Ok(()) => Out::Caller(caller),
        Err(_) => Out::Gone,
    }
}

/// A provider's answer to a request that cost nothing, whole.
pub(super) fn whole(status: StatusCode, head: &HeaderMap, request: RequestId, body: Bytes) -> Answer {
    let mut headers = to_caller(head, Framing::Unchanged);
    insert(&mut headers, &REQUEST_ID_HEADER, request.to_string());
    Answer { status, headers, body: AnswerBody::Full(body) }
}

/// Forwards a call of an endpoint that costs nothing.
pub(super) async fn forward_free(inner: &Arc<Inner>, outgoing: Outgoing) -> Result<Answer, CallRefusal> {
    let response = inner.upstream.send(outgoing).await?;
    let (reply, answer) = oneshot::channel();
    let task = Arc::clone(inner);
    inner.tasks.spawn("free call", async move { pass_on(&task, response, None, reply).await });
    answer.await.unwrap_or(Err(CallRefusal::Stopping))
}

/// Passes an answer on that costs nothing.
async fn pass_on(inner: &Inner, response: reqwest::Response, request: Option<RequestId>, reply: Reply) {
    let (status, host) = (response.status(), response.url().host_str().unwrap_or_default().to_owned());
    let mut head = to_caller(response.headers(), Framing::Unchanged);
    if status.is_redirection() {
        // Neither we nor the application go where a provider points.
        head.remove(header::LOCATION);
    }
    if let Some(request) = request {
        insert(&mut head, &REQUEST_ID_HEADER, request.to_string());
    }
    let mut run = Run {
        meter: None,
        swollen: Room::new(&inner.spool),
        hash: Sha256::new(),
        separator: None,
        receipt: None,
        out: Out::Opening(reply),
        received: 0,
        limit: inner.settings.max_chat_answer,
        idle: inner.settings.idle_timeout(),
    };
    let end = run.all(response, &host, (status, &head)).await;
    match (run.out, end) {
        (Out::Caller(caller), end) => give_up(caller, end).await,
        (Out::Opening(reply), end) if end.is_short() => {
            let reason = end.reason().unwrap_or_default();
            let _ = reply.send(Err(UpstreamError::Broken { host, reason }.into()));
        }
        (Out::Opening(reply), _) => {
            let _ = reply.send(Ok(Answer { status, headers: head, body: AnswerBody::Full(Bytes::new()) }));
        }
        (Out::Held(..) | Out::Gone, _) => {}
    }
}

/// The most bytes of an answer that are read. A storage answer ends where the highest fee does, and a little after.
fn byte_limit(inner: &Inner, call: &Prepared, sent: &Sent) -> u64 {
    match call.service.kind {
        ServiceKind::Chatbot => inner.settings.max_chat_answer,
        ServiceKind::ZgStorage => call
            .service
            .prices
            .output_units_for(sent.max_fee)
            .map_or(u64::MAX, |units| units.0.saturating_add(64 << 10)),
    }
}

fn insert(head: &mut HeaderMap, name: &HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        head.insert(name, value);
    }
}
