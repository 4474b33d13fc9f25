//! Accepting the receipt of a disputed request: what it means, asked once, with the sum that is consented to.

use ratatui::layout::Rect;

use super::runner::Ask;
use super::{Record, Requests, Subject};
use crate::broker::user::{RequestRecord, RequestView};
use crate::domain::{Neuron, RequestId, UserRequestState};
use crate::tui::kit::amount::in_full;
use crate::tui::kit::dialog::{Fact, Money, Said};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::{Cx, Order};
use crate::tui::user::shared::Shared;

/// The question that is open, and what a yes orders.
#[derive(Debug)]
pub struct Acceptance {
    request: RequestId,
    amount: Neuron,
    pub money: Money,
}

impl Requests {
    /// Opens the question about what the details are about.
    pub(super) fn begin_accept(&mut self, cx: &mut Cx<'_, Ask>) {
        let Some(Subject::Request(id)) = self.subject() else {
            return cx.toast(Tone::Plain, texts::requests::O_SHOWS_REQUESTS);
        };
        self.pane.open();
        let Some(Record::Request(record)) = &self.record else { return };
        if record.view.request != id {
            return;
        }
        match refused(record) {
            Some(why) => cx.toast(Tone::Plain, why),
            None => self.accept = Some(question(record, cx.shared)),
        }
    }

    /// Whether the details are about a request whose receipt can be accepted.
    pub(super) fn is_disputed(&self) -> bool {
        match (&self.record, self.subject()) {
            (Some(Record::Request(record)), Some(Subject::Request(id))) => {
                record.view.request == id && refused(record).is_none()
            }
            _ => false,
        }
    }

    /// What a key means for the question.
    pub(super) fn answer_accept(&mut self, key: crossterm::event::KeyEvent, cx: &mut Cx<'_, Ask>) {
        let Some(open) = &mut self.accept else { return };
        match open.money.key(key, cx.shared.pressed) {
            Said::Yes => cx.ask(Ask::Accept { request: open.request, amount: open.amount }),
            Said::No => self.accept = None,
            Said::Nothing => {}
        }
    }

    /// It was accepted, or was not.
    pub(super) fn accepted(
        &mut self,
        request: RequestId,
        ended: Result<Box<RequestView>, String>,
        cx: &mut Cx<'_, Ask>,
    ) {
        self.accept.take_if(|open| open.request == request);
        self.record.take_if(|record| record.subject() == Subject::Request(request));
        self.outdated = true;
        match ended {
            Ok(view) => {
                let text = texts::requests::receipt_accepted(in_full(view.fee.total()));
                cx.order(Order::Notify(Tone::Good, text));
            }
            Err(why) => cx.order(Order::Notify(Tone::Bad, texts::requests::nothing_paid(&why))),
        }
    }

    pub(super) fn settle_accept(&mut self, area: Rect, shared: &Shared) {
        if let Some(open) = &mut self.accept {
            open.money.settle(Rect { x: 0, width: shared.size.0, ..area });
        }
    }
}

/// Why there is nothing to accept.
fn refused(record: &RequestRecord) -> Option<&'static str> {
    match record.view.state {
        _ if record.view.accepted_at.is_some() => Some(texts::requests::ACCEPTED_BEFORE),
        UserRequestState::Disputed if record.view.disputed.is_zero() => Some(texts::requests::ASKS_NO_MORE),
        UserRequestState::Disputed => None,
        UserRequestState::Unconfirmed => Some(texts::requests::NO_RECEIPT_YET),
        _ => Some(texts::requests::NOTHING_DISPUTED),
    }
}

fn question(record: &RequestRecord, shared: &Shared) -> Acceptance {
    let view = &record.view;
    let (amount, paid) = (view.disputed, view.fee.total());
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == view.provider);
    let spendable = account.map_or(Neuron::ZERO, |account| account.available);
    let alias = shared.aliases.get(&view.provider);
    let mut facts = vec![
        Fact::Address(texts::labels::TO, view.provider, alias.map(texts::shared::own_name)),
        Fact::Text(texts::labels::SERVICE, view.service.to_string()),
        Fact::Text(texts::labels::REQUEST, view.request.to_string()),
        Fact::Amount(texts::labels::AMOUNT, Some(amount)),
        Fact::Amount(texts::requests::PAID_SO_FAR, Some(paid)),
        Fact::Amount(texts::terms::AFTER, Some(paid.saturating_add(amount))),
        Fact::Amount(texts::labels::SPENDABLE, Some(spendable)),
        Fact::Amount(texts::terms::AFTER, Some(spendable.above(amount))),
    ];
    if let Some(receipt) = &record.receipt {
        let units = |units: u64| crate::tui::kit::amount::grouped(units.into());
        let text = texts::requests::counts_differ(
            units(receipt.receipt.input.0),
            units(receipt.receipt.output.0),
            units(view.input.0),
            units(view.output.0),
        );
        facts.push(Fact::Text(texts::requests::IT_COUNTS, text));
    }
    if let Some(note) = &view.note {
        facts.push(Fact::Note(format!("! {note}"), Tone::Warn));
    }
    if spendable < amount {
        facts.push(Fact::Note(texts::requests::ACCOUNT_HAS_LESS.to_owned(), Tone::Warn));
    }
    let says = texts::requests::PAYS_ON_THEIR_WORD;
    facts.push(Fact::Note(says.to_owned(), Tone::Plain));
    let opened = shared.pressed.max(shared.now());
    let money = Money::new(texts::requests::ACCEPT_TITLE, facts, texts::requests::ACCEPT_BUTTON, opened);
    let money = if amount.get() > spendable.get() / 2 { money.large(amount) } else { money };
    Acceptance { request: view.request, amount, money }
}
