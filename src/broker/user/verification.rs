//! Looking at the evidence again, on demand: one request's receipt, and one provider's books against the chain.
//!
//! A request was judged when it was booked (`verdict`). Here the same evidence is read from the store and checked anew,
//! point by point, so that a person sees what holds and what does not. The provider is asked for a signature that is
//! missing; nothing else is asked and nothing changes.

use super::UserError;
use super::evidence;
use super::handle::UserBroker;
use super::verdict::Difference;
use crate::domain::amount::grouped;
use crate::domain::finding::overall;
use crate::domain::{
    Address, Check, Finding, Neuron, Receipt, RequestId, Seal, SealedReceipt, UserRequestState, VoucherDomain,
};
use crate::store::user::{UserAccount, UserRequest, UserRequestFilter, UserRequestSort};
use crate::store::{Direction, PageOf};

/// All points of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub request: RequestId,
    pub checks: Vec<Check>,
}

impl Verification {
    /// Failed if one check failed, else unknown if one is unknown.
    pub fn finding(&self) -> Finding {
        overall(&self.checks)
    }
}

/// One provider's books against what the chain says was taken. Amounts in neuron, over all time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    pub provider: Address,
    /// Requests that are over or held, and the fees of all of them by their rows.
    pub requests: u64,
    pub fees: Neuron,
    /// What is owed by our account of it.
    pub owed: Neuron,
    /// What the provider asked for beyond that; not paid.
    pub disputed: Neuron,
    /// What requests that are not over may still come to.
    pub held: Neuron,
    /// The highest sum that the provider's own receipts state, of the newest 100.
    pub stated: Option<Neuron>,
    /// The highest voucher that was ever signed.
    pub promised: Neuron,
    /// What the provider took on the chain.
    pub settled: Neuron,
    pub verdict: ReconciliationVerdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReconciliationVerdict {
    /// Taken is at most what is owed.
    Even,
    /// More was taken than is owed so far, under a voucher that ran ahead: its next answers' pay.
    Ahead,
    /// More was taken than we know to have signed: by another program with the same key, or our books are lost.
    BeyondPromised,
    /// Our own books do not add up: rows and sums differ.
    OwnBooks,
}

impl ReconciliationVerdict {
    /// One sentence for people.
    pub const fn says(self) -> &'static str {
        match self {
            ReconciliationVerdict::Even => "the provider took no more than is owed",
            ReconciliationVerdict::Ahead => {
                "the provider took more than is owed so far, as a voucher allows; it is the pay of its next answers"
            }
            ReconciliationVerdict::BeyondPromised => {
                "the provider took more than these books promised; another program may use the same key"
            }
            ReconciliationVerdict::OwnBooks => {
                "the sum of the requests is not what is owed; the books may have been healed from a voucher"
            }
        }
    }
}

impl UserBroker {
    /// Checks the evidence of one request anew.
    pub async fn verify(&self, request: RequestId) -> Result<Verification, UserError> {
        let store = &self.inner.store;
        let mut row = store.request(request).await?.ok_or(UserError::UnknownRequest(request))?;
        row.receipt = evidence::of(&self.inner, &row).await?;
        let account = store.account(row.account).await?;
        let open = self
            .inner
            .book
            .lock()
            .position(row.account.provider)
            .is_some_and(|position| !position.held().is_zero());
        Ok(Verification { request, checks: checks(&row, account.as_ref(), open, self.inner.keys.domain()) })
    }

    /// Holds what is owed to a provider against what it took on the chain, as last read.
    pub async fn reconcile(&self, provider: Address) -> Result<Reconciliation, UserError> {
        let inner = &self.inner;
        let filter = UserRequestFilter { provider: Some(provider), ..UserRequestFilter::default() };
        let newest = UserRequestSort::CreatedAt(Direction::Descending);
        let (totals, page) = tokio::join!(
            inner.store.request_totals(filter.clone()),
            inner.store.requests(filter, newest, PageOf::first(100)),
        );
        let (totals, page) = (totals?, page?);
        let row = inner.store.account(inner.keys.account(provider)).await?;
        let row = row.ok_or(UserError::NoAccount(provider))?;
        let (held, settled) = {
            let book = inner.book.lock();
            let position = book.position(provider).ok_or(UserError::NoAccount(provider))?;
            let chain = position.chain().ok_or(UserError::NoAccount(provider))?;
            (position.held(), chain.settled)
        };
        let stated =
            page.items.iter().filter_map(|request| Some(request.receipt.as_ref()?.receipt.owed)).max();
        let fees = totals.fee.total();
        let verdict = if settled > row.authorized {
            ReconciliationVerdict::BeyondPromised
        } else if fees != row.owed {
            ReconciliationVerdict::OwnBooks
        } else if settled > row.owed {
            ReconciliationVerdict::Ahead
        } else {
            ReconciliationVerdict::Even
        };
        Ok(Reconciliation {
            provider,
            requests: totals.count,
            fees,
            owed: row.owed,
            disputed: row.disputed,
            held,
            stated,
            promised: row.authorized,
            settled,
            verdict,
        })
    }
}

/// All checks. `open` says that other requests of the account are not over.
fn checks(
    row: &UserRequest,
    account: Option<&UserAccount>,
    open: bool,
    domain: &VoucherDomain,
) -> Vec<Check> {
    let mut checks = match &row.receipt {
        Some(receipt) => of_receipt(row, receipt, account, open, domain),
        None => vec![without_receipt(row)],
    };
    let (paid, highest) = (row.fee.total(), row.max_fee.grouped());
    let fee = paid.in_neuron();
    checks.push(Check::is(
        "max fee",
        paid <= row.max_fee,
        format!("the fee of {fee} is within the highest one agreed, {highest}"),
        format!("the fee of {fee} is above the highest one agreed, {highest}"),
    ));
    checks.push(match account {
        None => Check::new("voucher", Finding::Unknown, "the books have no account for it"),
        Some(account) => {
            let (promised, owed) = (account.authorized.in_neuron(), account.owed.grouped());
            Check::is(
                "voucher",
                account.authorized >= account.owed,
                format!("vouchers of up to {promised} cover the {owed} owed"),
                format!("vouchers of up to {promised} do not cover the {owed} owed"),
            )
        }
    });
    checks
}

fn without_receipt(row: &UserRequest) -> Check {
    match row.state {
        UserRequestState::Failed => {
            Check::new("receipt", Finding::Passed, "the request failed and cost nothing, so there is none")
        }
        UserRequestState::Done | UserRequestState::Disputed => {
            Check::new("receipt", Finding::Failed, "the provider gave none; our own count is owed")
        }
        UserRequestState::Reserved | UserRequestState::Sent | UserRequestState::Unconfirmed => {
            Check::new("receipt", Finding::Unknown, "there is none yet; the provider is being asked for it")
        }
    }
}

fn of_receipt(
    row: &UserRequest,
    sealed: &SealedReceipt,
    account: Option<&UserAccount>,
    open: bool,
    domain: &VoucherDomain,
) -> Vec<Check> {
    let receipt = &sealed.receipt;
    let (asked, paid) = (receipt.fee.total(), row.fee.total());
    let exact = row.prices.fee(receipt.input, receipt.output).map(|fee| fee.capped(row.max_fee));
    let priced = asked.is_zero() || exact == Some(receipt.fee);
    let mut checks = vec![
        match sealed.seal {
            Seal::Signature(_) => Check::is(
                "signature",
                sealed.signer(domain) == Ok(row.account.provider),
                "the provider signed the receipt",
                "somebody else than the provider signed the receipt",
            ),
            // Whose it is was seen when it came.
            Seal::Tag(_) => Check::new(
                "signature",
                Finding::Unknown,
                "the provider sealed the receipt with the shared key and cannot be asked to sign it now",
            ),
        },
        Check::is(
            "request",
            receipt.request == row.id && receipt.account == row.account,
            "it is about this request and account",
            "it is about another request or account",
        ),
        Check::is(
            "body",
            receipt.body_hash == row.body_hash,
            "it is about what was sent",
            "it is about another body than what was sent",
        ),
        response(row, sealed),
        Check::is(
            "arithmetic",
            priced,
            format!(
                "{} units in and {} out at {} and {} neuron make its fee of {}",
                grouped(receipt.input.0.into()),
                grouped(receipt.output.0.into()),
                row.prices.input.grouped(),
                row.prices.output.grouped(),
                asked.grouped()
            ),
            format!("its fee of {} is not price times units", asked.in_neuron()),
        ),
        Check::is(
            "asked",
            asked <= row.max_fee,
            "it asks for no more than was agreed",
            format!(
                "it asks for {}, more than the {} that were agreed",
                asked.in_neuron(),
                row.max_fee.grouped()
            ),
        ),
        Check::is(
            "count",
            asked <= paid,
            format!("it asks for what our own count agrees with, {}", paid.in_neuron()),
            format!(
                "it asks for {}, by our own count {} are owed; the difference is not paid",
                asked.in_neuron(),
                paid.grouped()
            ),
        ),
    ];
    checks.push(match account {
        None => Check::new(OWED_IN_ALL, Finding::Unknown, "the books have no account for it"),
        Some(account) => owed_in_all(receipt, account.owed.saturating_add(account.disputed), open),
    });
    checks
}

const OWED_IN_ALL: &str = "owed in all";

/// Whether the sum that a receipt states fits what our books know by now. `open`: some of it may not be booked yet.
fn owed_in_all(receipt: &Receipt, known: Neuron, open: bool) -> Check {
    let (stated, ours) = (receipt.owed.in_neuron(), known.grouped());
    let (finding, says) = if receipt.owed < receipt.fee.total() {
        (Finding::Failed, format!("it says that {stated} are owed in all, less than its own fee"))
    } else if receipt.owed <= known {
        let says = format!("it says that {stated} were owed in all, and {ours} are in our books now");
        (Finding::Passed, says)
    } else if open {
        let but = "but requests are in flight";
        let says =
            format!("it says that {stated} were owed in all, more than the {ours} in our books, {but}");
        (Finding::Unknown, says)
    } else {
        (Finding::Failed, format!("it says that {stated} were owed in all, our books have {ours}"))
    };
    Check::new(OWED_IN_ALL, finding, says)
}

fn response(row: &UserRequest, sealed: &SealedReceipt) -> Check {
    let receipt = &sealed.receipt;
    match row.response_hash {
        None => Check::new(
            "answer",
            Finding::Unknown,
            "this program did not see the answer to its end, so it has nothing to compare",
        ),
        Some(hash) if hash == receipt.response_hash => {
            Check::new("answer", Finding::Passed, "it is about the answer that came")
        }
        // An answer that costs nothing needs no proof.
        Some(_) if receipt.fee.total().is_zero() => {
            Check::new("answer", Finding::Passed, "it asks for nothing")
        }
        // When it was judged it was known who had cut the answer; a difference that counted then stands in the note.
        Some(_) if judged(row, Difference::ResponseHash) => {
            Check::new("answer", Finding::Failed, "it is about another answer than the one that came")
        }
        Some(_) => Check::new(
            "answer",
            Finding::Unknown,
            "the answer was cut, and what was on the way then is in the receipt only",
        ),
    }
}

/// Whether this was found when the receipt was judged.
fn judged(row: &UserRequest, difference: Difference) -> bool {
    row.error.as_ref().is_some_and(|note| note.contains(&difference.to_string()))
}
