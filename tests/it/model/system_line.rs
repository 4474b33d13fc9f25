//! The line between the user broker and the provider: it passes bytes on as they come, remembers every promise that it saw,
//! and does what networks and lying providers do when it is told to.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use zgserve_tui::domain::{Fee, Neuron, Receipt, SealedReceipt, SignedReceipt, SignedVoucher, VoucherDomain};
use zgserve_tui::keys::Wallet;
use zgserve_tui::wire::auth::{REQUEST_HEADER, VOUCHER_HEADER, decode_voucher};
use zgserve_tui::wire::receipt::{RECEIPT_COMMENT, RECEIPT_HEADER, decode_receipt, encode_receipt};

/// What befalls the next paid request, or the next voucher that is brought by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    None,
    /// Vouchers do not arrive.
    LosesVouchers,
    /// The provider serves and books; nothing of its answer comes back.
    LosesAnswer,
    /// Only so many bytes of the answer come back.
    CutsAfter(usize),
    /// The provider lies in its receipt, signed as it signs.
    Lies(Lie),
    /// The provider wants a voucher for a debt that it made up.
    Claims(Claim),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// More units of output, at the right price.
    Output(u64),
    Input(u64),
    /// Times the right price.
    Price(u8),
    /// The receipt of an earlier request.
    Earlier,
    /// A debt in all that never was.
    Owed,
    /// As large as it can be.
    Absurd,
    /// Signed by somebody else.
    Stranger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A debt beyond all that was used.
    MadeUp,
    /// It shows the first voucher that it ever got, and has forgotten the others.
    OldVoucher,
}

/// A paid request as it was seen on the way.
#[derive(Clone, Debug)]
pub struct Passed {
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Default)]
struct Facts {
    to: String,
    fate: Fate,
    /// The provider gives no receipts at all.
    withholds: bool,
    /// The highest voucher that left the user broker.
    signed: u128,
    /// The highest that the provider has said yes to.
    acknowledged: u128,
    vouchers: Vec<String>,
    receipts: Vec<SealedReceipt>,
    /// Those that went on to the provider.
    passed: Vec<Passed>,
    /// Those that somebody else answered, and that the provider has never seen.
    kept_back: Vec<Passed>,
}

struct Inner {
    facts: Mutex<Facts>,
    http: reqwest::Client,
    /// The provider's key, with which it lies, and the contract that it signs for.
    signs: Mutex<Option<(Arc<Wallet>, VoucherDomain)>>,
}

#[derive(Clone)]
pub struct Between {
    pub url: String,
    inner: Arc<Inner>,
}

impl Between {
    pub async fn start() -> Between {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let inner = Arc::new(Inner { facts: Mutex::default(), http, signs: Mutex::new(None) });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Between { url, inner }
    }

    pub fn lead_to(&self, base: String, provider: Arc<Wallet>, domain: VoucherDomain) {
        self.inner.facts.lock().to = base;
        *self.inner.signs.lock() = Some((provider, domain));
    }

    pub fn fate(&self, fate: Fate) {
        self.inner.facts.lock().fate = fate;
    }

    pub fn withhold(&self, on: bool) {
        self.inner.facts.lock().withholds = on;
    }

    pub fn withholds(&self) -> bool {
        self.inner.facts.lock().withholds
    }

    /// The highest voucher that left the user broker, and the highest that the provider said yes to.
    pub fn promises(&self) -> (u128, u128) {
        let facts = self.inner.facts.lock();
        (facts.signed, facts.acknowledged)
    }

    pub fn passed(&self) -> Vec<Passed> {
        self.inner.facts.lock().passed.clone()
    }

    pub fn kept_back(&self) -> Vec<Passed> {
        self.inner.facts.lock().kept_back.clone()
    }
}

impl Inner {
    fn saw(&self, text: &str) -> u128 {
        let SignedVoucher { voucher, .. } = decode_voucher(text).expect("vouchers of ours can be read");
        let mut facts = self.facts.lock();
        facts.signed = facts.signed.max(voucher.cumulative.get());
        facts.vouchers.push(text.to_owned());
        voucher.cumulative.get()
    }

    fn acknowledged(&self, cumulative: u128) {
        let mut facts = self.facts.lock();
        facts.acknowledged = facts.acknowledged.max(cumulative);
    }

    /// The receipt that a liar would send instead.
    fn bent(&self, honest: &str, lie: Lie) -> String {
        let honest = decode_receipt(honest).expect("the broker's own receipts can be read");
        let price = |fee: Neuron, units: u64| if units == 0 { 0 } else { fee.get() / u128::from(units) };
        let Receipt { input, output, fee, .. } = honest.receipt;
        let (input_price, output_price) = (price(fee.input, input.0), price(fee.output, output.0));
        let mut receipt = honest.receipt;
        let (mut key, domain) = self.signs.lock().clone().expect("the contract is known by now");
        // A fee that was cut at its highest is no product of units and price, so what is not lied about stays as it was.
        let more_of =
            |fee: Neuron, price: u128, units: u64| Neuron::new(fee.get() + price * u128::from(units));
        match lie {
            Lie::Output(more) => {
                receipt.output.0 += more;
                receipt.fee.output = more_of(fee.output, output_price, more);
            }
            Lie::Input(more) => {
                receipt.input.0 += more;
                receipt.fee.input = more_of(fee.input, input_price, more);
            }
            Lie::Price(_) | Lie::Stranger | Lie::Owed | Lie::Absurd => {}
            Lie::Earlier => {
                let facts = self.facts.lock();
                return encode_receipt(facts.receipts.first().unwrap_or(&honest));
            }
        }
        match lie {
            Lie::Price(times) => {
                let dearer = |fee: Neuron| Neuron::new(fee.get() * u128::from(times));
                receipt.fee = Fee { input: dearer(fee.input), output: dearer(fee.output) };
            }
            Lie::Owed => receipt.owed = Neuron::MAX,
            Lie::Absurd => {
                receipt.output.0 = u64::MAX;
                receipt.fee = Fee { input: Neuron::new(u128::MAX), output: Neuron::new(u128::MAX) };
            }
            Lie::Stranger => key = Arc::new(Wallet::random().unwrap()),
            _ => {}
        }
        let signature = key.sign(receipt.signing_hash(&domain)).unwrap();
        encode_receipt(&SignedReceipt { receipt, signature }.into())
    }

    fn claims(&self, claim: Claim) -> Response {
        let first = self.facts.lock().vouchers.first().cloned();
        let (best, owed) = match claim {
            Claim::MadeUp => (Value::Null, 1_u128 << 90),
            Claim::OldVoucher => (json!(first), 0),
        };
        let details = json!({
            "bestVoucher": best, "owed": owed.to_string(), "reserved": "0", "required": (owed + (1 << 60)).to_string(),
            "creditLimit": "0", "balance": (1_u128 << 100).to_string(), "settled": "0", "pendingRefund": "0",
        });
        let body = json!({"error": {"code": "voucher_needed", "message": "pay", "details": details}});
        say(StatusCode::PAYMENT_REQUIRED, body.to_string())
    }
}

fn say(status: StatusCode, body: String) -> Response {
    let head = Response::builder().status(status).header("content-type", "application/json");
    head.body(Body::from(body)).unwrap()
}

/// Whatever a proxy must not pass on.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in ["host", "content-length", "transfer-encoding", "connection"] {
        kept.remove(name);
    }
    kept
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 30).await else { return Response::new(Body::empty()) };
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
    let (to, fate, withholds) = {
        let facts = inner.facts.lock();
        (facts.to.clone(), facts.fate, facts.withholds)
    };
    let paid = parts.headers.contains_key(REQUEST_HEADER);
    let pushed = parts.method == Method::POST && target == "/v1/voucher";
    let mut promised = None;
    if paid {
        let voucher = parts.headers.get(VOUCHER_HEADER).expect("every paid request carries a voucher");
        promised = Some(inner.saw(voucher.to_str().unwrap()));
        let seen = Passed { target: target.clone(), headers: end_to_end(&parts.headers), body: body.clone() };
        let mut facts = inner.facts.lock();
        if matches!(fate, Fate::Claims(_)) { facts.kept_back.push(seen) } else { facts.passed.push(seen) }
    } else if pushed {
        let sent: Value = serde_json::from_slice(&body).unwrap();
        promised = Some(inner.saw(sent["voucher"].as_str().unwrap()));
    }
    match fate {
        Fate::LosesVouchers if pushed => return say(StatusCode::BAD_GATEWAY, String::new()),
        Fate::Claims(claim) if paid => return inner.claims(claim),
        _ if withholds && target.starts_with("/v1/proxy-receipt/") => {
            return say(StatusCode::SERVICE_UNAVAILABLE, String::new());
        }
        _ => {}
    }
    let sent = inner
        .http
        .request(parts.method, format!("{to}{target}"))
        .headers(end_to_end(&parts.headers))
        .body(body)
        .send()
        .await;
    let Ok(answer) = sent else { return say(StatusCode::BAD_GATEWAY, String::new()) };
    if let Some(cumulative) = promised
        && answer.status().is_success()
    {
        inner.acknowledged(cumulative);
    }
    if paid
        && answer.status().is_success()
        && matches!(fate, Fate::LosesAnswer | Fate::CutsAfter(_) | Fate::Lies(_))
    {
        return tampered(&inner, answer, fate).await;
    }
    let mut head = Response::builder().status(answer.status());
    if let Some(headers) = head.headers_mut() {
        *headers = end_to_end(answer.headers());
    }
    if let Some(receipt) = receipt_in(answer.headers()) {
        inner.facts.lock().receipts.push(receipt);
    }
    if !withholds {
        return head.body(Body::from_stream(answer.bytes_stream())).unwrap();
    }
    if let Some(headers) = head.headers_mut() {
        headers.remove(RECEIPT_HEADER);
    }
    let without = answer.bytes_stream().map(|piece| piece.map(|piece| piece.slice(..receipt_at(&piece))));
    head.body(Body::from_stream(without)).unwrap()
}

fn receipt_in(headers: &HeaderMap) -> Option<SealedReceipt> {
    decode_receipt(headers.get(RECEIPT_HEADER)?.to_str().ok()?).ok()
}

/// Where in a piece the comment begins that carries the receipt; at its end if it has none.
fn receipt_at(piece: &[u8]) -> usize {
    let comment = RECEIPT_COMMENT.as_bytes();
    piece.windows(comment.len()).position(|window| window == comment).unwrap_or(piece.len())
}

/// Reads the whole answer first, and then gives of it what fate will have.
async fn tampered(inner: &Inner, mut answer: reqwest::Response, fate: Fate) -> Response {
    let status = answer.status();
    let mut headers = end_to_end(answer.headers());
    let (mut body, mut whole) = (Vec::new(), true);
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let mut rewrite = |change: &dyn Fn(&str) -> Option<String>| {
        if let Some(text) = headers.remove(RECEIPT_HEADER)
            && let Some(other) = change(text.to_str().unwrap())
        {
            headers.insert(RECEIPT_HEADER, other.parse().unwrap());
        }
        let at = receipt_at(&body);
        if at < body.len() {
            let end = body[at..].iter().position(|byte| *byte == b'\n').map_or(body.len(), |end| at + end);
            let text = String::from_utf8(body[at + RECEIPT_COMMENT.len()..end].to_vec()).unwrap();
            let other =
                change(&text).map(|other| format!("{RECEIPT_COMMENT}{other}\n\n")).unwrap_or_default();
            body.truncate(at);
            body.extend_from_slice(other.as_bytes());
        }
    };
    match fate {
        Fate::Lies(lie) => rewrite(&|text| Some(inner.bent(text, lie))),
        Fate::LosesAnswer | Fate::CutsAfter(_) => rewrite(&|_| None),
        _ => {}
    }
    let kept = match fate {
        Fate::LosesAnswer => Some(0),
        Fate::CutsAfter(bytes) => Some(bytes.min(body.len())),
        _ => None,
    };
    if let Some(kept) = kept {
        body.truncate(kept);
        whole = false;
    }
    let mut head = Response::builder().status(status);
    if let Some(own) = head.headers_mut() {
        *own = headers;
    }
    let first = stream::once(async move { Ok(Bytes::from(body)) });
    let end = stream::once(async move {
        // Broken off, as a connection is: nobody takes it for the whole.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        if whole { Ok(Bytes::new()) } else { Err(std::io::Error::other("the line is cut")) }
    });
    let pieces = first.chain(end).filter(|piece| {
        let empty = piece.as_ref().is_ok_and(Bytes::is_empty);
        std::future::ready(!empty)
    });
    head.body(Body::from_stream(pieces)).unwrap()
}
