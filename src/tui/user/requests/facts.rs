//! One request, one operation, and one provider's books, in full.

use super::rows::{state_of_operation, state_of_request};
use crate::broker::user::{
    Finding, OperationView, Reconciliation, ReconciliationVerdict, RequestRecord, RequestView, Verification,
};
use crate::domain::{Neuron, Receipt, Seal, SealedReceipt, UserRequestState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::facts::{Fact, is};
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// A request. `record` is there once it was read.
pub fn request(view: &RequestView, record: Option<&RequestRecord>, shared: &Shared) -> Vec<Fact> {
    let look = &shared.look;
    let (tone, word) = state_of_request(view);
    let lasted = view.finished_at.map(|at| at.seconds_since(view.created_at));
    let ended = view.finished_at.map_or("-".to_owned(), |at| look.time_in_full(at));
    let mut facts = vec![
        Fact::Head(texts::labels::REQUEST.to_owned()),
        Fact::Is(texts::labels::STATE, word.to_owned(), tone),
        is(texts::labels::SERVICE, view.service.to_string()),
        is(texts::labels::PROVIDER, whole(view.provider, shared)),
        is(texts::labels::MADE, look.time_in_full(view.created_at)),
        is(
            texts::labels::ENDED,
            lasted.map_or(ended.clone(), |seconds| texts::requests::ended_after(&ended, seconds)),
        ),
        is(texts::labels::REQUEST, view.request.to_string()),
    ];
    if let Some(note) = &view.note {
        let tone = if view.state == UserRequestState::Failed { Tone::Bad } else { Tone::Warn };
        facts.push(Fact::Is(texts::labels::NOTE, note.clone(), tone));
    }
    facts.extend([Fact::Gap, Fact::Head(texts::labels::FEE.to_owned())]);
    fee(view, record, look, &mut facts);
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == view.provider);
    facts.extend([Fact::Gap, Fact::Head(texts::labels::VOUCHER.to_owned())]);
    match account {
        Some(account) => {
            let covered = account.promised >= account.owed;
            facts.extend([
                is(texts::labels::PROMISED, look.in_full(account.promised)),
                is(texts::requests::OWED_IN_ALL, look.in_full(account.owed)),
                Fact::Note(
                    if covered {
                        texts::requests::VOUCHER_COVERS.to_owned()
                    } else {
                        texts::requests::NO_VOUCHER_COVERS.to_owned()
                    },
                    if covered { Tone::Good } else { Tone::Warn },
                ),
            ]);
        }
        None => facts.push(Fact::Note(texts::requests::NO_ACCOUNT_NOW.to_owned(), Tone::Dim)),
    }
    facts.extend([Fact::Gap, Fact::Head(texts::labels::RECEIPT.to_owned())]);
    match record {
        None => facts.push(Fact::Note(texts::shared::BEING_READ.to_owned(), Tone::Pending)),
        Some(record) => {
            match &record.receipt {
                Some(receipt) => signed(receipt, look, &mut facts),
                None => facts.push(Fact::Note(without_receipt(view.state).to_owned(), Tone::Dim)),
            }
            facts.extend([
                is(texts::requests::BODY_SENT, record.body_hash.to_string()),
                is(
                    texts::labels::ANSWER,
                    record.response_hash.map_or("-".to_owned(), |hash| hash.to_string()),
                ),
                is(texts::labels::PRICES, texts::requests::price_version(record.price_version)),
            ]);
        }
    }
    facts
}

fn fee(view: &RequestView, record: Option<&RequestRecord>, look: &Look, facts: &mut Vec<Fact>) {
    let line = |units: u64, price: Option<Neuron>, fee: Neuron| match price {
        Some(price) if !look.masked => {
            format!("{} × {} = {}", grouped(units.into()), grouped(price.get()), look.in_full(fee))
        }
        _ => texts::requests::units_cost(units, look.in_full(fee)),
    };
    let prices = record.map(|record| record.prices);
    match view.state {
        UserRequestState::Reserved | UserRequestState::Sent | UserRequestState::Unconfirmed => {
            facts.push(is(texts::labels::FEE, texts::shared::FIGURE_NOT_KNOWN_YET));
            facts.push(is(texts::shared::AT_MOST, look.in_full(view.max_fee)));
            if let Some(prices) = prices.filter(|_| !look.masked) {
                facts.push(is(
                    texts::labels::PRICES,
                    texts::requests::unit_prices(grouped(prices.input.get()), grouped(prices.output.get())),
                ));
            }
        }
        UserRequestState::Failed => {
            facts.push(is(texts::labels::FEE, texts::requests::COST_NOTHING));
            facts.push(is(texts::shared::AT_MOST, texts::requests::was_reserved(look.in_full(view.max_fee))));
        }
        UserRequestState::Done | UserRequestState::Disputed => {
            facts.extend([
                is(texts::labels::INPUT, line(view.input.0, prices.map(|one| one.input), view.fee.input)),
                is(texts::labels::OUTPUT, line(view.output.0, prices.map(|one| one.output), view.fee.output)),
                is(texts::labels::FEE, look.in_full(view.fee.total())),
                is(texts::shared::AT_MOST, look.in_full(view.max_fee)),
            ]);
        }
    }
    if let Some(at) = view.accepted_at {
        facts.push(is(texts::labels::ACCEPTED, texts::requests::on_their_word(look.time_in_full(at))));
    }
    if !view.disputed.is_zero() {
        facts.push(Fact::Is(
            texts::labels::DISPUTED,
            texts::requests::disputed(look.in_full(view.disputed)),
            Tone::Warn,
        ));
    }
}

fn signed(signed: &SealedReceipt, look: &Look, facts: &mut Vec<Fact>) {
    let Receipt { input, output, fee, owed, status, body_hash, response_hash, .. } = &signed.receipt;
    facts.extend([
        is(texts::requests::IT_SAYS, status.as_str()),
        is(
            texts::labels::UNITS,
            texts::shared::in_and_out(grouped(input.0.into()), grouped(output.0.into())),
        ),
        is(texts::requests::IT_ASKS, look.in_full(fee.total())),
        is(texts::requests::OWED_IN_ALL, look.in_full(*owed)),
        is(texts::requests::ITS_BODY, body_hash.to_string()),
        is(texts::requests::ITS_ANSWER, response_hash.to_string()),
    ]);
    facts.push(match &signed.seal {
        Seal::Signature(signature) => {
            is(texts::labels::SIGNATURE, alloy::primitives::hex::encode_prefixed(signature.bytes()))
        }
        Seal::Tag(_) => is(texts::labels::SEALED, texts::requests::SEALED_BY_TAG),
    });
}

fn without_receipt(state: UserRequestState) -> &'static str {
    match state {
        UserRequestState::Reserved | UserRequestState::Sent => texts::requests::RECEIPT_COMES,
        UserRequestState::Unconfirmed => texts::requests::RECEIPT_ASKED_FOR,
        UserRequestState::Failed => texts::requests::NO_RECEIPT_FAILED,
        UserRequestState::Done | UserRequestState::Disputed => texts::requests::NO_RECEIPT_OWED,
    }
}

/// What a look at the evidence found.
pub fn verification(found: &Result<Verification, String>) -> Vec<Fact> {
    let mut facts = vec![Fact::Head(texts::requests::VERIFIED_AGAIN.to_owned())];
    match found {
        Err(reason) => facts.push(Fact::Note(format!("✗ {reason}"), Tone::Bad)),
        Ok(found) => {
            let (tone, word) = match found.finding() {
                Finding::Passed => (Tone::Good, texts::requests::ALL_HOLDS),
                Finding::Failed => (Tone::Bad, texts::requests::NOT_ALL_HOLDS),
                Finding::Unknown => (Tone::Warn, texts::requests::NOT_ALL_SAID),
            };
            facts.push(Fact::Note(word.to_owned(), tone));
            for check in &found.checks {
                let (tone, sign) = match check.finding {
                    Finding::Passed => (Tone::Good, "✓"),
                    Finding::Failed => (Tone::Bad, "✗"),
                    Finding::Unknown => (Tone::Warn, "?"),
                };
                facts.push(Fact::Is(check.name, format!("{sign} {}", check.says), tone));
            }
        }
    }
    facts.push(Fact::Gap);
    facts
}

/// A provider's books against the chain.
pub fn reconciliation(found: &Result<Reconciliation, String>, shared: &Shared) -> Vec<Fact> {
    let look = &shared.look;
    let mut facts = vec![Fact::Head(texts::requests::BOOKS_AGAINST_CHAIN.to_owned())];
    match found {
        Err(reason) => facts.push(Fact::Note(format!("✗ {reason}"), Tone::Bad)),
        Ok(found) => {
            let tone = match found.verdict {
                ReconciliationVerdict::Even => Tone::Good,
                ReconciliationVerdict::Ahead => Tone::Warn,
                ReconciliationVerdict::BeyondPromised | ReconciliationVerdict::OwnBooks => Tone::Bad,
            };
            let sign = match tone {
                Tone::Good => "✓",
                Tone::Warn => "!",
                _ => "✗",
            };
            facts.extend([
                Fact::Note(format!("{sign} {}", found.verdict.says()), tone),
                is(texts::labels::PROVIDER, whole(found.provider, shared)),
                is(texts::labels::REQUESTS, grouped(found.requests.into())),
                is(texts::requests::THEIR_FEES, look.in_full(found.fees)),
                is(texts::requests::OWED_IN_ALL, look.in_full(found.owed)),
                is(texts::labels::TAKEN, texts::requests::on_the_chain(look.in_full(found.settled))),
                is(texts::labels::PROMISED, look.in_full(found.promised)),
                is(
                    texts::requests::IT_STATES,
                    found.stated.map_or("-".to_owned(), |stated| look.in_full(stated)),
                ),
                is(texts::labels::DISPUTED, look.in_full(found.disputed)),
                is(texts::labels::RESERVED, look.in_full(found.held)),
            ]);
        }
    }
    facts.push(Fact::Gap);
    facts
}

/// An operation.
pub fn operation(view: &OperationView, shared: &Shared) -> Vec<Fact> {
    let look = &shared.look;
    let (tone, word) = state_of_operation(view.state);
    let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut facts = vec![
        Fact::Head(view.kind.as_str().replace('_', " ")),
        Fact::Is(texts::labels::STATE, word.to_owned(), tone),
        is(texts::labels::PROVIDER, text(view.provider.map(|provider| whole(provider, shared)))),
        is(texts::labels::AMOUNT, text(view.amount.map(|amount| look.in_full(amount)))),
        is(texts::labels::ORDERED, look.time_in_full(view.created_at)),
    ];
    if let Some(reason) = &view.reason {
        facts.push(Fact::Is(texts::labels::WHY, reason.clone(), Tone::Bad));
    }
    facts.extend([
        Fact::Gap,
        Fact::Head(texts::labels::TRANSACTION.to_owned()),
        is(texts::labels::HASH, text(view.hash.map(|hash| hash.to_string()))),
        is(texts::labels::BLOCK, text(view.block.map(|block| grouped(block.into())))),
        is(texts::requests::GAS_PAID, text(view.gas_paid.map(|paid| look.in_full(paid)))),
    ]);
    if let Some(offer) = view.offer {
        facts.push(is(texts::labels::OFFERS, texts::requests::gas_price_at_most(grouped(offer.get()))));
    }
    match view.attempts {
        0 | 1 => {}
        attempts => facts.push(is(texts::labels::REPLACED, texts::requests::replaced(attempts - 1))),
    }
    if let Some(link) = explorer(view, shared) {
        facts.push(is(texts::labels::EXPLORER, link));
    }
    facts.push(is(texts::labels::OPERATION, view.id.to_string()));
    facts
}

/// Where the transaction can be looked at by everybody; none for chains without a known explorer.
pub fn explorer(view: &OperationView, shared: &Shared) -> Option<String> {
    let base = match shared.chain?.id {
        16_600 => "https://chainscan-newton.0g.ai",
        16_601 | 16_602 => "https://chainscan-galileo.0g.ai",
        16_661 => "https://chainscan.0g.ai",
        _ => return None,
    };
    Some(format!("{base}/tx/{}", view.hash?))
}

/// A provider with its whole address.
fn whole(provider: crate::domain::Address, shared: &Shared) -> String {
    let address = shared.look.address(provider);
    match shared.aliases.get(&provider) {
        Some(alias) => format!("@{alias}  {address}"),
        None => address,
    }
}
