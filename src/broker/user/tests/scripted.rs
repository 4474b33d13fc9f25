//! A provider broker that does what a test tells it to: honest by default, or lying in one way.
//!
//! It checks what every provider would check, and beyond: at each voucher it looks into the user's own store whether
//! the amount is on disk there (invariant I15).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::chain::Chain;
use crate::domain::{
    AccountId, Address, B256, Fee, Neuron, Prices, Receipt, ReceiptStatus, RequestId, ServiceKind,
    SignedReceipt, SignedVoucher, Units,
};
use crate::keys::Wallet;
use crate::meter::{self, Limits, MeterName, OutputMeter, RequestBody};
use crate::store::UserStore;
use crate::wire::auth::{
    REQUEST_HEADER, RequestHeader, VOUCHER_HEADER, decode_request_auth, decode_voucher, encode_voucher,
};
use crate::wire::fault::Fault;
use crate::wire::path::Suffix;
use crate::wire::receipt::{RECEIPT_HEADER, RECEIPT_LATER_HEADER, encode_receipt, receipt_comment};
use crate::wire::terms::{ServiceTerms, Shortage, Terms, VoucherAccepted, VoucherBody};

/// What comes back.
#[derive(Clone, Debug)]
pub enum Says {
    /// A whole body of this type.
    Whole(&'static str, Bytes),
    /// An event stream of these pieces, with a pause between.
    Events(Vec<Bytes>, Duration),
    /// An event stream without end.
    Endless,
    /// A body that breaks off after its first piece.
    Breaks(Bytes),
    Status(u16, &'static str),
    Redirect(String),
    /// Nothing, ever.
    Silence,
    /// A 402 whose body never ends.
    EndlessRefusal,
    /// Nothing, and the request's own body is not read either.
    Deaf,
}

/// What the receipt is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    None,
    HigherFee,
    HigherUnits,
    WrongKey,
    WrongHash,
    OtherRequest,
    /// None in the answer, but one when asked for.
    Later,
    /// None at all; asked for, the request is unknown.
    Never,
    Garbage,
}

#[derive(Clone, Debug)]
pub struct Script {
    pub credit_limit: Neuron,
    pub says: Says,
    pub lie: Lie,
    /// How long the head of an answer takes.
    pub delay: Duration,
    /// What it counts by, and by its terms.
    pub meter: MeterName,
    /// What it charges, whatever the chain says.
    pub prices: Prices,
}

impl Script {
    pub fn honest(says: Says) -> Script {
        let credit_limit = Neuron::new(1_000_000_000);
        Script {
            credit_limit,
            says,
            lie: Lie::None,
            delay: Duration::ZERO,
            meter: MeterName::O200k,
            prices: super::bed::PRICES,
        }
    }

    pub fn lying(lie: Lie) -> Script {
        Script { lie, ..Script::honest(chat("This is a test!")) }
    }
}

/// A whole chat answer.
pub fn chat(text: &str) -> Says {
    let body =
        json!({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]});
    Says::Whole("application/json", body.to_string().into())
}

/// A chat answer as a stream, a word an event.
pub fn events(text: &str) -> Vec<Bytes> {
    let event = |delta: serde_json::Value| {
        let data = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
        Bytes::from(format!("data: {data}\n\n"))
    };
    let mut pieces: Vec<Bytes> =
        text.split_inclusive(' ').map(|word| event(json!({"content": word}))).collect();
    pieces.push(Bytes::from_static(b"data: [DONE]\n\n"));
    pieces
}

/// What the provider knows and has seen.
#[derive(Debug, Default)]
pub struct Books {
    pub owed: Neuron,
    pub reserved: Neuron,
    pub best: Option<SignedVoucher>,
    pub receipts: HashMap<RequestId, SignedReceipt>,
    /// Headers of every paid request, as they arrived.
    pub headers: Vec<HeaderMap>,
    pub bodies: Vec<Bytes>,
    pub auths: Vec<RequestHeader>,
    pub paths: Vec<String>,
    /// How often a voucher came on its own.
    pub pushes: usize,
    /// The most requests that were here at once, and now.
    pub at_once: usize,
    pub now: usize,
    /// Promises that were not on the user's disk when they arrived.
    pub unwritten: Vec<Neuron>,
    /// Refuse the next request with this.
    pub refuse_next: Option<(u16, Fault)>,
    /// Price versions to claim instead of the chain's.
    pub terms_version: Option<u64>,
    /// Say this instead of the terms.
    pub raw_terms: Option<String>,
    /// Refuse every paid request with this.
    pub raw_refusal: Option<(u16, String)>,
    /// Answer vouchers with this.
    pub raw_accepted: Option<String>,
    /// Refuse vouchers that come on their own.
    pub refuse_pushes: bool,
    /// Let those wait for ever who ask for receipts.
    pub silent_receipts: bool,
    /// How often a receipt was asked for.
    pub receipts_asked: usize,
}

pub struct Scripted {
    pub url: String,
    pub script: Mutex<Script>,
    pub books: Mutex<Books>,
    chain: Chain,
    key: Arc<Wallet>,
    user: Address,
    store: UserStore,
}

impl Scripted {
    pub async fn start(
        script: Script,
        chain: Chain,
        key: Arc<Wallet>,
        user: Address,
        store: UserStore,
    ) -> Arc<Scripted> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (script, books) = (Mutex::new(script), Mutex::default());
        let scripted = Arc::new(Scripted { url, script, books, chain, key, user, store });
        let router = Router::new()
            .route("/v1/terms", get(terms))
            .route("/v1/voucher", post(voucher))
            .route("/v1/proxy-receipt/{id}", get(receipt))
            .route("/v1/proxy/{*rest}", any(proxy))
            .with_state(Arc::clone(&scripted));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        scripted
    }

    pub fn lie(&self, lie: Lie) {
        self.script.lock().lie = lie;
    }

    pub fn say(&self, says: Says) {
        self.script.lock().says = says;
    }

    fn id(&self) -> AccountId {
        AccountId { user: self.user, provider: self.key.address() }
    }

    /// Takes a voucher as a provider does, and looks whether it is on the user's disk.
    async fn take(&self, text: &str) -> SignedVoucher {
        let signed = decode_voucher(text).unwrap();
        let account = self.chain.account(self.id(), None).await.unwrap().unwrap();
        assert_eq!(signed.voucher.account, self.id());
        assert_eq!(signed.voucher.epoch, account.epoch);
        assert!(account.may_sign(signed.signer(&self.chain.domain()).unwrap()));
        let on_disk = self.store.account(self.id()).await.unwrap().map_or(Neuron::ZERO, |row| row.authorized);
        let mut books = self.books.lock();
        if on_disk < signed.voucher.cumulative {
            books.unwritten.push(signed.voucher.cumulative);
        }
        if books.best.is_none_or(|best| best.voucher.cumulative < signed.voucher.cumulative) {
            books.best = Some(signed);
        }
        signed
    }

    /// The best voucher that came, once it is at least this, or what it is after a minute.
    pub async fn promised(&self, at_least: Neuron) -> Neuron {
        for _ in 0..12_000 {
            if self.best() >= at_least {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.best()
    }

    fn best(&self) -> Neuron {
        self.books.lock().best.map_or(Neuron::ZERO, |best| best.voucher.cumulative)
    }

    /// A receipt of these units, whatever was delivered; it is in no books.
    pub fn sign(&self, auth: &RequestHeader, (input, output): (Units, Units)) -> SignedReceipt {
        let fee = super::bed::PRICES.fee(input, output).unwrap();
        let (account, hash) = (self.id(), B256::ZERO);
        let receipt = Receipt {
            request: auth.request,
            account,
            body_hash: auth.body_hash,
            response_hash: hash,
            input,
            output,
            fee,
            owed: fee.total(),
            status: ReceiptStatus::Complete,
        };
        SignedReceipt {
            receipt,
            signature: self.key.sign(receipt.signing_hash(&self.chain.domain())).unwrap(),
        }
    }

    fn receipt(
        &self,
        auth: &RequestHeader,
        body: B256,
        units: (Units, Units),
        hash: B256,
        cut: bool,
    ) -> SignedReceipt {
        let (prices, lie) = {
            let script = self.script.lock();
            (script.prices, script.lie)
        };
        let (input, mut output) = units;
        if lie == Lie::HigherUnits {
            output = Units(output.0 + 7);
        }
        let mut fee = prices.fee(input, output).unwrap().capped(auth.max_fee);
        if lie == Lie::HigherFee {
            fee = Fee { output: fee.output.checked_add(Neuron::new(1)).unwrap(), ..fee };
        }
        let owed = {
            let mut books = self.books.lock();
            books.owed = books.owed.checked_add(fee.total()).unwrap();
            books.owed
        };
        let receipt = Receipt {
            request: if lie == Lie::OtherRequest { RequestId::random() } else { auth.request },
            account: self.id(),
            body_hash: body,
            response_hash: if lie == Lie::WrongHash { B256::ZERO } else { hash },
            input,
            output,
            fee,
            owed,
            status: if cut { ReceiptStatus::CutByCaller } else { ReceiptStatus::Complete },
        };
        let digest = receipt.signing_hash(&self.chain.domain());
        let stranger = Wallet::random().unwrap();
        let key = if lie == Lie::WrongKey { &stranger } else { &*self.key };
        let signed = SignedReceipt { receipt, signature: key.sign(digest).unwrap() };
        if lie != Lie::Never {
            self.books.lock().receipts.insert(auth.request, signed);
        }
        signed
    }
}

async fn terms(State(provider): State<Arc<Scripted>>) -> Response {
    let services = provider.chain.services_of(provider.key.address(), None).await.unwrap().services;
    let (version, raw) = {
        let books = provider.books.lock();
        (books.terms_version, books.raw_terms.clone())
    };
    if let Some(raw) = raw {
        return ([("content-type", "application/json")], raw).into_response();
    }
    let meter = provider.script.lock().meter;
    let terms = Terms {
        provider: provider.key.address(),
        chain_id: provider.chain.id(),
        contract: provider.chain.contract(),
        credit_limit: provider.script.lock().credit_limit,
        max_in_flight_per_user: None,
        requests_per_minute_per_user: None,
        // It takes signatures only, so that tests can bend what it signs.
        public_key: None,
        services: services
            .into_iter()
            .map(|service| ServiceTerms {
                name: service.name,
                kind: service.kind,
                model: service.model,
                meter: if service.kind == ServiceKind::Chatbot { meter } else { MeterName::Bytes },
                input_price: service.prices.input,
                output_price: service.prices.output,
                version: version.unwrap_or(service.version),
                paused: false,
                max_in_flight: None,
                requests_per_minute: None,
            })
            .collect(),
    };
    axum::Json(terms).into_response()
}

async fn voucher(
    State(provider): State<Arc<Scripted>>,
    axum::Json(body): axum::Json<VoucherBody>,
) -> Response {
    if provider.books.lock().refuse_pushes {
        provider.books.lock().pushes += 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    provider.take(&body.voucher).await;
    let (cumulative, owed) = {
        let mut books = provider.books.lock();
        books.pushes += 1;
        if let Some(raw) = books.raw_accepted.clone() {
            return ([("content-type", "application/json")], raw).into_response();
        }
        (books.best.unwrap().voucher.cumulative, books.owed)
    };
    axum::Json(VoucherAccepted { cumulative, owed }).into_response()
}

async fn receipt(State(provider): State<Arc<Scripted>>, Path(id): Path<RequestId>) -> Response {
    provider.books.lock().receipts_asked += 1;
    if provider.books.lock().silent_receipts {
        std::future::pending::<()>().await;
    }
    match provider.books.lock().receipts.get(&id) {
        Some(receipt) => axum::Json(json!({"receipt": encode_receipt(&(*receipt).into())})).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn fault(status: u16, fault: Fault) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(fault.into_body())).into_response()
}

async fn proxy(State(provider): State<Arc<Scripted>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if matches!(provider.script.lock().says, Says::Deaf) {
        provider.books.lock().paths.push(parts.uri.to_string());
        std::future::pending::<()>().await;
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let target = parts.uri.path_and_query().unwrap().as_str().strip_prefix("/v1/proxy/").unwrap().to_owned();
    let split = target.find(['/', '?']).unwrap_or(target.len());
    let (service, path) = target.split_at(split);
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    {
        let mut books = provider.books.lock();
        books.headers.push(parts.headers.clone());
        books.bodies.push(body.clone());
        books.paths.push(target.clone());
    }
    let (Some(voucher), Some(auth)) = (text(VOUCHER_HEADER), text(REQUEST_HEADER)) else {
        return "free".into_response();
    };
    let auth = decode_request_auth(&auth).unwrap();
    let hash = B256::new(Sha256::digest(&body).into());
    assert_eq!(auth.body_hash, hash);
    let signed = auth.for_request(provider.id(), service, parts.method.as_str(), path);
    let account = provider.chain.account(provider.id(), None).await.unwrap().unwrap();
    assert!(
        account.may_sign(signed.signer(&provider.chain.domain()).unwrap()),
        "not signed for this request"
    );
    if let Some((status, refusal)) = provider.books.lock().refuse_next.take() {
        return fault(status, refusal);
    }
    if let Some((status, raw)) = provider.books.lock().raw_refusal.clone() {
        return (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], raw)
            .into_response();
    }
    let listed =
        provider.chain.service(provider.key.address(), &service.parse().unwrap(), None).await.unwrap();
    if listed.unwrap().version != auth.price_version {
        return fault(409, Fault::new("price_changed", "look at the prices"));
    }
    provider.take(&voucher).await;
    let script = provider.script.lock().clone();
    {
        let mut books = provider.books.lock();
        let wanted = books.owed.checked_add(books.reserved).unwrap().checked_add(auth.max_fee).unwrap();
        let best = books.best.map_or(Neuron::ZERO, |best| best.voucher.cumulative);
        if wanted > best.saturating_add(script.credit_limit) || wanted > account.coverage() {
            let shortage = Shortage {
                best_voucher: books.best.as_ref().map(encode_voucher),
                owed: books.owed,
                reserved: books.reserved,
                required: wanted.above(script.credit_limit),
                credit_limit: script.credit_limit,
                balance: account.balance,
                settled: account.settled,
                pending_refund: account.pending_refund(),
            };
            return fault(402, Fault::new("voucher_needed", "short").with_all(&shortage));
        }
        books.reserved = books.reserved.checked_add(auth.max_fee).unwrap();
        books.auths.push(auth);
        books.now += 1;
        books.at_once = books.at_once.max(books.now);
    }
    let suffix = Suffix::parse(path).unwrap();
    let kind = if service == "files" { ServiceKind::ZgStorage } else { ServiceKind::Chatbot };
    let request = meter::Request {
        method: &parts.method,
        suffix: &suffix,
        content_encoding: None,
        body: RequestBody::Whole(&body),
    };
    let input = meter::input_units(kind, &request, &Limits::default()).unwrap();
    let work = Work { provider, auth, body: hash, input, kind, open: true };
    tokio::time::sleep(script.delay).await;
    answer(work, script).await
}

/// A request being answered; whatever happens to it, it is booked once.
struct Work {
    provider: Arc<Scripted>,
    auth: RequestHeader,
    body: B256,
    input: Units,
    kind: ServiceKind,
    open: bool,
}

impl Work {
    fn close(&mut self, output: Units, hash: B256, cut: bool) -> SignedReceipt {
        self.let_go();
        self.provider.receipt(&self.auth, self.body, (self.input, output), hash, cut)
    }

    fn let_go(&mut self) {
        if std::mem::replace(&mut self.open, false) {
            let mut books = self.provider.books.lock();
            books.reserved = books.reserved.above(self.auth.max_fee);
            books.now -= 1;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// A stream being metered; dropped by the server when the caller leaves.
struct Metered {
    work: Work,
    meter: Option<OutputMeter>,
    hash: Sha256,
}

impl Metered {
    fn end(&mut self, cut: bool) -> Option<SignedReceipt> {
        let output = self.meter.take()?.finish().units;
        let hash = B256::new(std::mem::take(&mut self.hash).finalize().into());
        Some(self.work.close(output, hash, cut))
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.end(true);
    }
}

async fn answer(mut work: Work, script: Script) -> Response {
    let lie = script.lie;
    match script.says {
        Says::Whole(kind, bytes) => {
            let mut meter = OutputMeter::new(work.kind, Some(kind), None, Limits::default()).unwrap();
            meter.push(&bytes).unwrap();
            let hash = B256::new(Sha256::digest(&bytes).into());
            let receipt = work.close(meter.finish().units, hash, false);
            let mut response = Response::new(Body::from(bytes));
            let headers = response.headers_mut();
            headers.insert("content-type", kind.parse().unwrap());
            headers.insert("x-upstream", "kept".parse().unwrap());
            match lie {
                Lie::Later => drop(headers.insert(RECEIPT_LATER_HEADER, "1".parse().unwrap())),
                Lie::Never => {}
                Lie::Garbage => drop(headers.insert(RECEIPT_HEADER, "garbage".parse().unwrap())),
                _ => drop(headers.insert(RECEIPT_HEADER, encode_receipt(&receipt.into()).parse().unwrap())),
            }
            response
        }
        Says::Events(pieces, pause) => stream_of(work, lie, pieces.into_iter(), pause),
        Says::Endless => {
            let piece = events("again ").remove(0);
            stream_of(work, lie, std::iter::repeat(piece), Duration::from_millis(2))
        }
        Says::Breaks(first) => {
            let body = stream::iter([Ok(first)]).chain(stream::once(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                drop(work);
                Err(std::io::Error::other("broken on purpose"))
            }));
            let mut response = Response::new(Body::from_stream(body));
            response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
            response
        }
        Says::Status(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
        Says::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Says::Silence | Says::Deaf => std::future::pending().await,
        Says::EndlessRefusal => {
            let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
            (StatusCode::PAYMENT_REQUIRED, body).into_response()
        }
    }
}

fn stream_of(
    work: Work,
    lie: Lie,
    pieces: impl Iterator<Item = Bytes> + Send + 'static,
    pause: Duration,
) -> Response {
    let meter = OutputMeter::new(work.kind, Some("text/event-stream"), None, Limits::default()).unwrap();
    let metered = Metered { work, meter: Some(meter), hash: Sha256::new() };
    let body = stream::unfold((metered, pieces, false), move |(mut metered, mut pieces, over)| async move {
        if over {
            return None;
        }
        let Some(piece) = pieces.next() else {
            let receipt = metered.end(false)?;
            let comment = match lie {
                Lie::Later | Lie::Never => String::new(),
                Lie::Garbage => ": zg-receipt garbage\n\n".to_owned(),
                _ => receipt_comment(&receipt.into()),
            };
            return Some((Ok::<_, std::io::Error>(Bytes::from(comment)), (metered, pieces, true)));
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        metered.hash.update(&piece);
        metered.meter.as_mut()?.push(&piece).ok()?;
        Some((Ok(piece), (metered, pieces, false)))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
    response
}
