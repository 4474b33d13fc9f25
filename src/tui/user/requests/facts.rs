//! One request, one operation, and one provider's books, in full.

use super::rows::{state_of_operation, state_of_request};
use crate::broker::user::{
    Finding, OperationView, Reconciliation, ReconciliationVerdict, RequestRecord, RequestView, Verification,
};
use crate::domain::{Neuron, Receipt, Seal, SealedReceipt, UserRequestState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::facts::{Fact, is};
use crate::tui::kit::look::Look;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// A request. `record` is there once it was read.
pub fn request(view: &RequestView, record: Option<&RequestRecord>, shared: &Shared) -> Vec<Fact> {
    let look = &shared.look;
    let (tone, word) = state_of_request(view);
    let lasted = view.finished_at.map(|at| at.seconds_since(view.created_at));
    let ended = view.finished_at.map_or("-".to_owned(), |at| look.time_in_full(at));
    let mut facts = vec![
        Fact::Head("Request".to_owned()),
        Fact::Is("State", word.to_owned(), tone),
        is("Service", view.service.to_string()),
        is("Provider", whole(view.provider, shared)),
        is("Made", look.time_in_full(view.created_at)),
        is("Ended", lasted.map_or(ended.clone(), |seconds| format!("{ended}, after {seconds} s"))),
        is("Request", view.request.to_string()),
    ];
    if let Some(note) = &view.note {
        let tone = if view.state == UserRequestState::Failed { Tone::Bad } else { Tone::Warn };
        facts.push(Fact::Is("Note", note.clone(), tone));
    }
    facts.extend([Fact::Gap, Fact::Head("Fee".to_owned())]);
    fee(view, record, look, &mut facts);
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == view.provider);
    facts.extend([Fact::Gap, Fact::Head("Voucher".to_owned())]);
    match account {
        Some(account) => {
            let covered = account.promised >= account.owed;
            facts.extend([
                is("Promised", look.in_full(account.promised)),
                is("Owed in all", look.in_full(account.owed)),
                Fact::Note(
                    if covered {
                        "✓ the highest voucher that was signed covers it with everything else owed".to_owned()
                    } else {
                        "! no voucher covers all that is owed yet; the next one will".to_owned()
                    },
                    if covered { Tone::Good } else { Tone::Warn },
                ),
            ]);
        }
        None => facts.push(Fact::Note("- there is no account with this provider now".to_owned(), Tone::Dim)),
    }
    facts.extend([Fact::Gap, Fact::Head("Receipt".to_owned())]);
    match record {
        None => facts.push(Fact::Note("… being read".to_owned(), Tone::Pending)),
        Some(record) => {
            match &record.receipt {
                Some(receipt) => signed(receipt, look, &mut facts),
                None => facts.push(Fact::Note(without_receipt(view.state).to_owned(), Tone::Dim)),
            }
            facts.extend([
                is("Body sent", record.body_hash.to_string()),
                is("Answer", record.response_hash.map_or("-".to_owned(), |hash| hash.to_string())),
                is("Prices", format!("version {}", record.price_version)),
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
        _ => format!("{} units = {}", grouped(units.into()), look.in_full(fee)),
    };
    let prices = record.map(|record| record.prices);
    match view.state {
        UserRequestState::Reserved | UserRequestState::Sent | UserRequestState::Unconfirmed => {
            facts.push(is("Fee", "… not known yet"));
            facts.push(is("At most", look.in_full(view.max_fee)));
            if let Some(prices) = prices.filter(|_| !look.masked) {
                facts.push(is(
                    "Prices",
                    format!(
                        "{} a unit in, {} out",
                        grouped(prices.input.get()),
                        grouped(prices.output.get())
                    ),
                ));
            }
        }
        UserRequestState::Failed => {
            facts.push(is("Fee", "0, it cost nothing"));
            facts.push(is("At most", format!("{} was held, and is free again", look.in_full(view.max_fee))));
        }
        UserRequestState::Done | UserRequestState::Disputed => {
            facts.extend([
                is("Input", line(view.input.0, prices.map(|one| one.input), view.fee.input)),
                is("Output", line(view.output.0, prices.map(|one| one.output), view.fee.output)),
                is("Fee", look.in_full(view.fee.total())),
                is("At most", look.in_full(view.max_fee)),
            ]);
        }
    }
    if let Some(at) = view.accepted_at {
        facts.push(is("Accepted", format!("{}, on the provider's word", look.time_in_full(at))));
    }
    if !view.disputed.is_zero() {
        facts.push(Fact::Is(
            "Disputed",
            format!(
                "{}, asked for beyond our own count; not paid unless you accept it (P)",
                look.in_full(view.disputed)
            ),
            Tone::Warn,
        ));
    }
}

fn signed(signed: &SealedReceipt, look: &Look, facts: &mut Vec<Fact>) {
    let Receipt { input, output, fee, owed, status, body_hash, response_hash, .. } = &signed.receipt;
    facts.extend([
        is("It says", status.as_str()),
        is("Units", format!("{} in, {} out", grouped(input.0.into()), grouped(output.0.into()))),
        is("It asks", look.in_full(fee.total())),
        is("Owed in all", look.in_full(*owed)),
        is("Its body", body_hash.to_string()),
        is("Its answer", response_hash.to_string()),
    ]);
    facts.push(match &signed.seal {
        Seal::Signature(signature) => {
            is("Signature", alloy::primitives::hex::encode_prefixed(signature.bytes()))
        }
        Seal::Tag(_) => {
            is("Sealed", "by a key that only the provider and you share; it is signed when you check it")
        }
    });
}

fn without_receipt(state: UserRequestState) -> &'static str {
    match state {
        UserRequestState::Reserved | UserRequestState::Sent => "… it comes with the answer",
        UserRequestState::Unconfirmed => "? none yet; the provider is asked for it again and again",
        UserRequestState::Failed => "- none: it failed and cost nothing",
        UserRequestState::Done | UserRequestState::Disputed => {
            "! the provider gave none; what our own count found is owed"
        }
    }
}

/// What a look at the evidence found.
pub fn verification(found: &Result<Verification, String>) -> Vec<Fact> {
    let mut facts = vec![Fact::Head("Verified again".to_owned())];
    match found {
        Err(reason) => facts.push(Fact::Note(format!("✗ {reason}"), Tone::Bad)),
        Ok(found) => {
            let (tone, word) = match found.finding() {
                Finding::Passed => (Tone::Good, "✓ all of it holds"),
                Finding::Failed => (Tone::Bad, "✗ not all of it holds"),
                Finding::Unknown => (Tone::Warn, "? not all of it can be said"),
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
    let mut facts = vec![Fact::Head("Books against the chain".to_owned())];
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
                is("Provider", whole(found.provider, shared)),
                is("Requests", grouped(found.requests.into())),
                is("Their fees", look.in_full(found.fees)),
                is("Owed in all", look.in_full(found.owed)),
                is("Taken", format!("{} on the chain", look.in_full(found.settled))),
                is("Promised", look.in_full(found.promised)),
                is("It states", found.stated.map_or("-".to_owned(), |stated| look.in_full(stated))),
                is("Disputed", look.in_full(found.disputed)),
                is("Held", look.in_full(found.held)),
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
        Fact::Is("State", word.to_owned(), tone),
        is("Provider", text(view.provider.map(|provider| whole(provider, shared)))),
        is("Amount", text(view.amount.map(|amount| look.in_full(amount)))),
        is("Ordered", look.time_in_full(view.created_at)),
    ];
    if let Some(reason) = &view.reason {
        facts.push(Fact::Is("Why", reason.clone(), Tone::Bad));
    }
    facts.extend([
        Fact::Gap,
        Fact::Head("Transaction".to_owned()),
        is("Hash", text(view.hash.map(|hash| hash.to_string()))),
        is("Block", text(view.block.map(|block| grouped(block.into())))),
        is("Gas paid", text(view.gas_paid.map(|paid| look.in_full(paid)))),
    ]);
    if let Some(offer) = view.offer {
        facts.push(is("Offers", format!("{} neuron a unit of gas at most", grouped(offer.get()))));
    }
    match view.attempts {
        0 | 1 => {}
        attempts => facts.push(is(
            "Replaced",
            format!("{} times, each at a higher price of gas; only one can be mined", attempts - 1),
        )),
    }
    if let Some(link) = explorer(view, shared) {
        facts.push(is("Explorer", link));
    }
    facts.push(is("Operation", view.id.to_string()));
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
