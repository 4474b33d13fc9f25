//! Holding a bundle of receipts against itself, and against the texts where they are at hand: with no network, no keys and
//! no database, by anybody. What it takes a chain to know is said to be unknown.
//!
//! The same meter, prices and hashes that both brokers use are used here, so that what is paid can be recounted.

use http::Method;
use sha2::{Digest, Sha256};

use crate::domain::amount::{counted as several, grouped};
use crate::domain::{
    B256, Check, Fee, Finding, Prices, Receipt, Seal, SealedReceipt, Units, UserRequestState, VoucherDomain,
};
use crate::meter::{self, Limits, MeterName, RequestBody};
use crate::wire::auth::decode_voucher;
use crate::wire::bundle::{Bundle, BundledRequest};
use crate::wire::json_edit::set_members;
use crate::wire::path::Suffix;
use crate::wire::receipt::decode_receipt;

mod counting;
#[cfg(test)]
mod tests;

/// What was sent and what came, as far as somebody kept it.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    pub body: Option<Vec<u8>>,
    pub answer: Option<Vec<u8>>,
    /// Of the answer. Without, it is told from the text.
    pub content_type: Option<String>,
}

/// All checks of one request.
pub fn verify(bundle: &Bundle, request: &BundledRequest, texts: &Texts) -> Vec<Check> {
    let domain = VoucherDomain::new(bundle.chain_id, bundle.contract);
    let mut checks = Vec::new();
    let decoded = request.receipt.as_deref().map(decode_receipt);
    match &decoded {
        None => checks.push(without_receipt(request)),
        Some(Err(error)) => {
            checks.push(Check::new("receipt", Finding::Failed, format!("it cannot be read: {error}")));
        }
        Some(Ok(sealed)) => checks.extend(of_receipt(bundle, request, sealed, &domain)),
    }
    let receipt = decoded.and_then(Result::ok).map(|sealed| sealed.receipt);
    checks.push(paid(request));
    checks.extend(body(request, receipt.as_ref(), texts));
    checks.extend(answer(request, receipt.as_ref(), texts));
    checks.push(voucher(bundle, request, receipt.as_ref(), &domain));
    checks.push(Check::new(
        "prices",
        Finding::Unknown,
        format!(
            "that the chain listed {} and {} neuron a unit as version {} takes the chain to see",
            request.input_price.grouped(),
            request.output_price.grouped(),
            request.price_version
        ),
    ));
    checks
}

fn without_receipt(request: &BundledRequest) -> Check {
    let free = request.input_fee.is_zero() && request.output_fee.is_zero();
    match request.status {
        UserRequestState::Failed if free => {
            Check::new("receipt", Finding::Passed, "the request failed and cost nothing, so there is none")
        }
        UserRequestState::Done | UserRequestState::Disputed => Check::new(
            "receipt",
            Finding::Unknown,
            "the provider gave none; only the user's own count is here",
        ),
        UserRequestState::Failed => {
            Check::new("receipt", Finding::Failed, "a request that failed costs nothing, but a fee is named")
        }
        UserRequestState::Reserved | UserRequestState::Sent | UserRequestState::Unconfirmed => {
            Check::new("receipt", Finding::Unknown, "there was none yet when the bundle was made")
        }
    }
}

fn of_receipt(
    bundle: &Bundle,
    request: &BundledRequest,
    sealed: &SealedReceipt,
    domain: &VoucherDomain,
) -> Vec<Check> {
    let receipt = &sealed.receipt;
    let prices = Prices { input: request.input_price, output: request.output_price };
    let (asked, paid) = (receipt.fee.total(), request.input_fee.saturating_add(request.output_fee));
    let exact = prices.fee(receipt.input, receipt.output).map(|fee| fee.capped(request.max_fee));
    // What is above the highest fee is no claim.
    let disputed = asked.min(request.max_fee).above(paid);
    let same = (request.input_units, request.output_units) == (receipt.input.0, receipt.output.0);
    let parties = receipt.account.user == bundle.user && receipt.account.provider == request.provider;
    vec![
        match sealed.seal {
            Seal::Signature(_) => match sealed.signer(domain) {
                Ok(signer) => Check::is(
                    "signature",
                    signer == request.provider,
                    format!("provider {} signed the receipt for this contract", request.provider),
                    format!("{signer} signed the receipt, not provider {}", request.provider),
                ),
                Err(error) => Check::new("signature", Finding::Failed, error.to_string()),
            },
            Seal::Tag(_) => Check::new(
                "signature",
                Finding::Unknown,
                "the receipt has a tag under a key that only user and provider share; it shows nothing to others",
            ),
        },
        Check::is(
            "request",
            receipt.request == request.request_id && parties,
            "the receipt is about this request, user and provider",
            "the receipt is about another request, user or provider",
        ),
        Check::is(
            "body hash",
            receipt.body_hash == request.body_hash,
            "it is about the body that was sent",
            "it is about another body than the one that was sent",
        ),
        match request.response_hash {
            None => Check::new("answer hash", Finding::Unknown, "the user did not see the answer to its end"),
            Some(hash) if hash == receipt.response_hash => {
                Check::new("answer hash", Finding::Passed, "it is about the answer that came")
            }
            Some(_) if asked.is_zero() => Check::new("answer hash", Finding::Passed, "it asks for nothing"),
            // It was judged when it came, by whether the answer had been cut.
            Some(_) if request.status == UserRequestState::Disputed => Check::new(
                "answer hash",
                Finding::Failed,
                "it is about another answer than the one that came",
            ),
            Some(_) => Check::new(
                "answer hash",
                Finding::Unknown,
                "the answer was cut, so that what was on the way then is in the receipt only; or a hash was changed",
            ),
        },
        Check::is(
            "fee",
            asked.is_zero() || exact == Some(receipt.fee),
            format!(
                "{} in and {} out at {} and {} neuron make {}, within the highest fee of {}",
                several(receipt.input.0, "unit"),
                grouped(receipt.output.0.into()),
                prices.input.grouped(),
                prices.output.grouped(),
                asked.grouped(),
                request.max_fee.grouped()
            ),
            format!(
                "the receipt's fee of {} is not price times units, held to {}",
                asked.in_neuron(),
                request.max_fee.grouped()
            ),
        ),
        Check::is(
            "owed in all",
            receipt.owed >= asked,
            format!("with it {} were owed in all", receipt.owed.in_neuron()),
            format!("it says that {} are owed in all, less than its own fee", receipt.owed.in_neuron()),
        ),
        if disputed.is_zero() && request.disputed.is_zero() && !same {
            Check::new(
                "count",
                Finding::Unknown,
                format!(
                    "the user counted {} in and {} out, the receipt {} and {}; nobody signed the user's count, the texts show \
                     which is right (--body, --answer)",
                    several(request.input_units, "unit"),
                    grouped(request.output_units.into()),
                    grouped(receipt.input.0.into()),
                    grouped(receipt.output.0.into())
                ),
            )
        } else {
            Check::is(
                "count",
                request.disputed == disputed
                    && (disputed.is_zero() || request.status == UserRequestState::Disputed),
                if request.disputed.is_zero() {
                    format!("the user counted the same and owes {}", paid.in_neuron())
                } else {
                    format!(
                        "the user counted {} and disputes {} more",
                        paid.in_neuron(),
                        request.disputed.grouped()
                    )
                },
                format!(
                    "it asks for {}; the user counted {} and disputes {}",
                    asked.in_neuron(),
                    paid.grouped(),
                    request.disputed.grouped()
                ),
            )
        },
    ]
}

/// Whether the user's own figures fit each other.
fn paid(request: &BundledRequest) -> Check {
    let prices = Prices { input: request.input_price, output: request.output_price };
    let fee = Fee { input: request.input_fee, output: request.output_fee };
    let exact = prices.fee(Units(request.input_units), Units(request.output_units));
    let exact = exact.map(|exact| exact.capped(request.max_fee));
    let counted = request.status.has_ended() && request.status != UserRequestState::Failed;
    if !counted {
        return Check::is(
            "paid",
            fee.total().is_zero(),
            "nothing is owed",
            "a fee is named for what costs nothing",
        );
    }
    if request.accepted_at.is_some() {
        return Check::is(
            "paid",
            fee.total() <= request.max_fee,
            "the user accepted the provider's count, within the highest fee",
            "more is owed than the highest fee",
        );
    }
    // Of two counts the lower one is paid, so that a fee below the own count's is in order.
    let below = exact.is_some_and(|exact| fee.input <= exact.input && fee.output <= exact.output);
    Check::is(
        "paid",
        below && fee.total() <= request.max_fee,
        format!("{} are owed: no more than the user's own count comes to", fee.total().in_neuron()),
        format!("{} are owed, more than the user's own count comes to", fee.total().in_neuron()),
    )
}

/// The body as it went to the provider: as it is, or with the model's name that the broker puts in.
fn as_sent(request: &BundledRequest, body: &[u8]) -> Option<Vec<u8>> {
    let hash = |bytes: &[u8]| B256::new(Sha256::digest(bytes).into());
    if hash(body) == request.body_hash {
        return Some(body.to_vec());
    }
    let names = [request.model.as_deref(), Some(request.service_name.as_str())];
    names
        .into_iter()
        .flatten()
        .filter(|name| !name.is_empty())
        .filter_map(|name| set_members(body, &[("model", &serde_json::Value::from(name).to_string())]).ok())
        .find(|edited| hash(edited) == request.body_hash)
}

fn body(request: &BundledRequest, receipt: Option<&Receipt>, texts: &Texts) -> Vec<Check> {
    const NAMES: [&str; 2] = ["body", "units in"];
    let Some(body) = &texts.body else {
        return NAMES
            .map(|name| Check::new(name, Finding::Unknown, "the body was not given (--body)"))
            .to_vec();
    };
    let Some(sent) = as_sent(request, body) else {
        let says = "the body that was given is another one than was sent, byte for byte";
        return NAMES.map(|name| Check::new(name, Finding::Failed, says)).to_vec();
    };
    let same = Check::new(NAMES[0], Finding::Passed, "the body that was given is the one that was sent");
    vec![same, units_in(request, receipt, &sent)]
}

fn units_in(request: &BundledRequest, receipt: Option<&Receipt>, sent: &[u8]) -> Check {
    let (name, stated) = ("units in", receipt.map_or(request.input_units, |receipt| receipt.input.0));
    let Some(kind) = request.kind else {
        return Check::new(name, Finding::Unknown, "the bundle does not say what kind of service it was");
    };
    // Every body is charged, whatever method and path it went to.
    let Ok(suffix) = Suffix::parse("") else {
        return Check::new(name, Finding::Unknown, "it cannot be counted here");
    };
    let readings = counting::codings_of(kind, sent).into_iter().map(|coding| {
        let asked = meter::Request {
            method: &Method::POST,
            suffix: &suffix,
            content_encoding: coding,
            body: RequestBody::Whole(sent),
        };
        meter::input_units(kind, &asked, &Limits::default())
    });
    counting::judge(name, request, kind, (sent, stated), readings)
}

fn answer(request: &BundledRequest, receipt: Option<&Receipt>, texts: &Texts) -> Vec<Check> {
    const NAMES: [&str; 2] = ["answer", "units out"];
    let Some(answer) = &texts.answer else {
        return NAMES
            .map(|name| Check::new(name, Finding::Unknown, "the answer was not given (--answer)"))
            .to_vec();
    };
    let stated = receipt.map(|receipt| receipt.response_hash).or(request.response_hash);
    if stated != Some(B256::new(Sha256::digest(answer).into())) {
        let says = "the answer that was given is another one than the receipt is about, byte for byte";
        return NAMES.map(|name| Check::new(name, Finding::Failed, says)).to_vec();
    }
    let same = Check::new(NAMES[0], Finding::Passed, "the answer that was given is the one that is paid");
    vec![same, units_out(request, receipt, answer, texts.content_type.as_deref())]
}

fn units_out(
    request: &BundledRequest,
    receipt: Option<&Receipt>,
    answer: &[u8],
    content_type: Option<&str>,
) -> Check {
    let (name, stated) = ("units out", receipt.map_or(request.output_units, |receipt| receipt.output.0));
    let Some(kind) = request.kind else {
        return Check::new(name, Finding::Unknown, "the bundle does not say what kind of service it was");
    };
    let told = content_type.unwrap_or_else(|| counting::told_from(answer));
    let check = counting::judge(name, request, kind, (answer, stated), counting::as_type(kind, told, answer));
    let exact = request.meter != Some(MeterName::Usage);
    if check.finding != Finding::Failed || content_type.is_some() || !exact {
        return check;
    }
    // What it was sent as nobody wrote down.
    let fits = |other: &&'static str| {
        counting::as_type(kind, other, answer).into_iter().flatten().any(|counted| counted.0 == stated)
    };
    match counting::TYPES.into_iter().find(fits) {
        Some(other) => {
            let says = format!("it fits if the answer was sent as {other}, which the bundle does not say");
            Check::new(name, Finding::Unknown, says)
        }
        None => check,
    }
}

fn voucher(
    bundle: &Bundle,
    request: &BundledRequest,
    receipt: Option<&Receipt>,
    domain: &VoucherDomain,
) -> Check {
    let name = "voucher";
    let Some(text) = &request.voucher else {
        return Check::new(name, Finding::Unknown, "there is none in the bundle");
    };
    let signed = match decode_voucher(text) {
        Ok(signed) => signed,
        Err(error) => return Check::new(name, Finding::Failed, format!("it cannot be read: {error}")),
    };
    let promised = signed.voucher.cumulative;
    let account = signed.voucher.account;
    if account.user != bundle.user || account.provider != request.provider {
        return Check::new(name, Finding::Failed, "it is about another account");
    }
    let Ok(signer) = signed.signer(domain) else {
        return Check::new(name, Finding::Failed, "no key can have signed it for this contract");
    };
    if signer != bundle.user && Some(signer) != request.delegate {
        return Check::new(
            name,
            Finding::Failed,
            format!("{signer} signed it, neither the user nor the delegate"),
        );
    }
    if let Some(owed) = receipt.map(|receipt| receipt.owed).filter(|owed| *owed > promised) {
        let says =
            format!("it promises {}; with this receipt {} were owed", promised.in_neuron(), owed.grouped());
        return Check::new(name, Finding::Unknown, says);
    }
    if signer == bundle.user {
        return Check::new(
            name,
            Finding::Passed,
            format!("the user promised {} in all", promised.in_neuron()),
        );
    }
    let says = format!(
        "the delegate {signer} promised {} in all; that the user named it takes the chain to see",
        promised.in_neuron()
    );
    Check::new(name, Finding::Unknown, says)
}
