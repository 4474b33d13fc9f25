//! What stands above and under a message: who said it, and what it cost, in words.

use super::entry::Entry;
use crate::broker::user::library::{MessageRole, MessageState};
use crate::broker::user::{Cost, Proof};
use crate::domain::{Neuron, Prices, RequestId, Units, UserRequestState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::draw;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Who said it, and when.
pub fn head(entry: &Entry, shared: &Shared) -> (String, Tone, String) {
    let message = &entry.message;
    let when = shared.look.time(message.at);
    let mut more =
        if when == "now" { texts::chat_cost::AND_JUST_NOW.to_owned() } else { format!(" · {when}") };
    if message.inherited {
        more.push_str(texts::chat_cost::FROM_THE_BRANCH_BEFORE);
    }
    let who = match (message.role, &message.service) {
        (MessageRole::Assistant, Some((provider, service))) => shared.service_of(*provider, service),
        (MessageRole::Assistant, None) => texts::chat_cost::THE_MODEL.to_owned(),
        (MessageRole::User, _) => "you".to_owned(),
        (MessageRole::System, _) => texts::shared::SYSTEM_PROMPT.to_owned(),
    };
    let tone = if entry.is_prompt() { Tone::Accent } else { Tone::Good };
    (who, tone, more)
}

/// The rows under a message.
pub fn of(entry: &Entry, room: u16, shared: &Shared) -> Vec<(String, Tone)> {
    let mut rows = Vec::new();
    let mut say = |text: &str, tone| rows.extend(draw::wrap(text, room).into_iter().map(|row| (row, tone)));
    if let Some(why) = &entry.unkept {
        let text = texts::chat_cost::not_kept_on_disk(why);
        say(&text, Tone::Bad);
    }
    if entry.is_prompt() || entry.growing {
        return rows;
    }
    let message = &entry.message;
    match &message.state {
        MessageState::Complete => {}
        MessageState::Stopped => say(texts::chat_cost::STOPPED_BY_YOU, Tone::Warn),
        MessageState::Cut => {
            say(texts::chat_cost::CUT, Tone::Warn);
        }
        MessageState::Failed(reason) => say(&texts::chat_cost::broke_off(reason), Tone::Bad),
        MessageState::Unfinished => {
            say(texts::chat_cost::UNFINISHED, Tone::Warn);
        }
    }
    if message.inherited {
        say(texts::chat_cost::COUNTS_ELSEWHERE, Tone::Dim);
        return rows;
    }
    let (text, tone) = cost(entry, shared);
    say(&text, tone);
    if let Some((text, tone)) = trouble(entry.cost.as_ref(), message.disputed, shared) {
        say(&text, tone);
    }
    rows
}

/// `llama7b @ ghost · 412 in 380 out · 117,200,000 neuron = 0.0000000001172 A0GI · 1.9 s to first, 41 tok/s · receipt …7c1e8f3c ✓`
fn cost(entry: &Entry, shared: &Shared) -> (String, Tone) {
    let message = &entry.message;
    let Some(request) = message.request else {
        return (texts::chat_cost::NO_REQUEST.to_owned(), Tone::Dim);
    };
    let (input, output, fee) = match &entry.cost {
        Some(cost) => (cost.input, cost.output, cost.fee.total()),
        None => (message.input, message.output, message.fee),
    };
    // Nothing at all was booked: that is unknown, and not zero.
    let unknown = entry.cost.is_none() && fee.is_zero() && (input, output) == (Units(0), Units(0));
    let mut parts = if unknown {
        vec![texts::chat_cost::NOT_KNOWN_YET.to_owned()]
    } else {
        vec![
            texts::chat_cost::tokens(grouped(input.0.into()), grouped(output.0.into())),
            money(fee, entry.cost.as_ref(), shared),
        ]
    };
    let speed = speed(output, message.first_word_ms, message.duration_ms);
    parts.extend((!unknown && !speed.is_empty()).then_some(speed));
    let (receipt, tone) = receipt(request, entry.cost.as_ref(), shared);
    parts.push(receipt);
    (parts.join(" · "), tone)
}

/// An amount in full, or the word for there being none.
fn money(fee: Neuron, cost: Option<&Cost>, shared: &Shared) -> String {
    let open = cost.is_some_and(|cost| {
        matches!(
            cost.state,
            UserRequestState::Unconfirmed | UserRequestState::Sent | UserRequestState::Reserved
        )
    });
    let free = cost.is_some_and(|cost| cost.prices == Prices::default());
    match (fee.is_zero(), cost) {
        (true, Some(cost)) if open => texts::shared::at_most(shared.look.amount(cost.max_fee)),
        (true, Some(_)) if free => texts::chat_cost::FREE.to_owned(),
        (true, _) => "0 neuron".to_owned(),
        (false, _) => shared.look.in_full(fee),
    }
}

/// The state of the receipt in words; its sign is not all that says it.
fn receipt(request: RequestId, cost: Option<&Cost>, shared: &Shared) -> (String, Tone) {
    let id = shared.look.request(request);
    let Some(cost) = cost else { return (texts::chat_cost::request(&id), Tone::Dim) };
    match (cost.state, cost.receipt) {
        (UserRequestState::Disputed, _) | (_, Proof::Disputed) => {
            (texts::chat_cost::receipt_disputed(&id), Tone::Warn)
        }
        (UserRequestState::Done, Proof::Verified) => (texts::chat_cost::receipt_verified(&id), Tone::Dim),
        (UserRequestState::Done, Proof::Missing) => (texts::chat_cost::own_count(&id), Tone::Dim),
        (UserRequestState::Unconfirmed, _) => (texts::chat_cost::unconfirmed(&id), Tone::Pending),
        (UserRequestState::Failed, _) => (texts::chat_cost::failed(&id), Tone::Dim),
        (UserRequestState::Sent | UserRequestState::Reserved, _) => {
            (texts::chat_cost::not_booked(&id), Tone::Pending)
        }
    }
}

fn trouble(cost: Option<&Cost>, disputed: Neuron, shared: &Shared) -> Option<(String, Tone)> {
    let disputed = cost.map_or(disputed, |cost| cost.disputed);
    if !disputed.is_zero() {
        let note = cost.and_then(|cost| cost.note.as_deref()).map(|note| format!(": {note}"));
        let amount = shared.look.amount(disputed);
        let note = note.unwrap_or_default();
        return Some((texts::chat_cost::disputed(&amount, &note), Tone::Warn));
    }
    let note = cost.filter(|cost| cost.state != UserRequestState::Done)?.note.as_deref()?;
    Some((note.to_owned(), Tone::Dim))
}

/// `1.9 s to first, 41 tok/s`, as far as it is known.
fn speed(output: Units, first: Option<u64>, duration: Option<u64>) -> String {
    let mut parts = Vec::new();
    if let Some(first) = first {
        parts.push(texts::chat_cost::to_first(seconds(first)));
    }
    let writing = duration.map(|duration| duration.saturating_sub(first.unwrap_or(0)));
    if let Some(rate) = writing.and_then(|writing| output.0.saturating_mul(1000).checked_div(writing)) {
        parts.push(texts::chat_cost::tokens_a_second(grouped(rate.into())));
    }
    parts.join(", ")
}

/// `1.9 s`, `120 ms`
pub fn seconds(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        return texts::numbers::milliseconds(milliseconds);
    }
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_whole_numbers() {
        assert_eq!(speed(Units(380), Some(1_900), Some(11_168)), "1.9 s to first, 41 tok/s");
        assert_eq!(speed(Units(380), None, None), "");
        assert_eq!(speed(Units(1), Some(50), Some(50)), "50 ms to first");
    }
}
