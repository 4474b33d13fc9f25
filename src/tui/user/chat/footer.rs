//! What stands above and under a message: who said it, and what it cost, in words.

use super::entry::Entry;
use crate::broker::user::library::{MessageRole, MessageState};
use crate::broker::user::{Cost, Proof};
use crate::domain::{Neuron, Prices, RequestId, Units, UserRequestState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::{draw, look};
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Who said it, and when.
pub fn head(entry: &Entry, shared: &Shared) -> (String, Tone, String) {
    let message = &entry.message;
    let when = shared.look.time(message.at);
    let mut more = if when == "now" { " · just now".to_owned() } else { format!(" · {when}") };
    if message.inherited {
        more.push_str(" · from the branch before");
    }
    let who = match (message.role, &message.service) {
        (MessageRole::Assistant, Some((provider, service))) => shared.service_of(*provider, service),
        (MessageRole::Assistant, None) => "the model".to_owned(),
        (MessageRole::User, _) => "you".to_owned(),
        (MessageRole::System, _) => "system prompt".to_owned(),
    };
    let tone = if entry.is_prompt() { Tone::Accent } else { Tone::Good };
    (who, tone, more)
}

/// The rows under a message.
pub fn of(entry: &Entry, room: u16, shared: &Shared) -> Vec<(String, Tone)> {
    let mut rows = Vec::new();
    let mut say = |text: &str, tone| rows.extend(draw::wrap(text, room).into_iter().map(|row| (row, tone)));
    if let Some(why) = &entry.unkept {
        let text = format!(
            "✗ not kept on disk: {why}. It is here until you leave; 5 Requests shows what is owed for it"
        );
        say(&text, Tone::Bad);
    }
    if entry.is_prompt() || entry.growing {
        return rows;
    }
    let message = &entry.message;
    match &message.state {
        MessageState::Complete => {}
        MessageState::Stopped => say("■ stopped by you; what had come is paid for", Tone::Warn),
        MessageState::Cut => {
            say("■ cut: it reached its token limit, or the most that it may cost", Tone::Warn);
        }
        MessageState::Failed(reason) => say(&format!("✗ broke off: {reason}"), Tone::Bad),
        MessageState::Unfinished => {
            say("■ unfinished: the program ended while it was answered; this is what had come", Tone::Warn);
        }
    }
    if message.inherited {
        say("its cost counts in the conversation that it was written in", Tone::Dim);
        return rows;
    }
    let (text, tone) = cost(entry, shared);
    say(&text, tone);
    if let Some((text, tone)) = trouble(entry.cost.as_ref(), message.disputed, shared) {
        say(&text, tone);
    }
    rows
}

/// `llama7b @ ghost · 412 in 380 out · 117,200,000 neuron = 0.0000000001172 A0GI · 1.9 s to first, 41 tok/s · receipt 8f3c ✓`
fn cost(entry: &Entry, shared: &Shared) -> (String, Tone) {
    let message = &entry.message;
    let Some(request) = message.request else {
        return ("not paid for: no request is known".to_owned(), Tone::Dim);
    };
    let (input, output, fee) = match &entry.cost {
        Some(cost) => (cost.input, cost.output, cost.fee.total()),
        None => (message.input, message.output, message.fee),
    };
    let mut parts = vec![
        format!("{} in {} out", grouped(input.0.into()), grouped(output.0.into())),
        money(fee, entry.cost.as_ref(), shared),
    ];
    let speed = speed(output, message.first_word_ms, message.duration_ms);
    parts.extend((!speed.is_empty()).then_some(speed));
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
        (true, Some(cost)) if open => format!("at most {}", shared.look.amount(cost.max_fee)),
        (true, Some(_)) if free => "free of charge".to_owned(),
        (true, _) => "0 neuron".to_owned(),
        (false, _) => shared.look.in_full(fee),
    }
}

/// The state of the receipt in words; its sign is not all that says it.
fn receipt(request: RequestId, cost: Option<&Cost>, shared: &Shared) -> (String, Tone) {
    let id: String = request.to_string().chars().filter(char::is_ascii_hexdigit).take(4).collect();
    let id = if shared.look.masked { look::MASK.to_owned() } else { id };
    let Some(cost) = cost else { return (format!("request {id}"), Tone::Dim) };
    match (cost.state, cost.receipt) {
        (UserRequestState::Disputed, _) | (_, Proof::Disputed) => {
            (format!("receipt {id} ✗ disputed"), Tone::Warn)
        }
        (UserRequestState::Done, Proof::Verified) => (format!("receipt {id} ✓ verified"), Tone::Dim),
        (UserRequestState::Done, Proof::Missing) => {
            (format!("{id}: by our own count, no receipt"), Tone::Dim)
        }
        (UserRequestState::Unconfirmed, _) => {
            (format!("{id}: unconfirmed, receipt asked for"), Tone::Pending)
        }
        (UserRequestState::Failed, _) => (format!("{id}: failed, nothing charged"), Tone::Dim),
        (UserRequestState::Sent | UserRequestState::Reserved, _) => {
            (format!("{id}: not booked yet"), Tone::Pending)
        }
    }
}

fn trouble(cost: Option<&Cost>, disputed: Neuron, shared: &Shared) -> Option<(String, Tone)> {
    let disputed = cost.map_or(disputed, |cost| cost.disputed);
    if !disputed.is_zero() {
        let note = cost.and_then(|cost| cost.note.as_deref()).map(|note| format!(": {note}"));
        let amount = shared.look.amount(disputed);
        let note = note.unwrap_or_default();
        return Some((format!("! {amount} more was asked for and is not paid{note}"), Tone::Warn));
    }
    let note = cost.filter(|cost| cost.state != UserRequestState::Done)?.note.as_deref()?;
    Some((note.to_owned(), Tone::Dim))
}

/// `1.9 s to first, 41 tok/s`, as far as it is known.
fn speed(output: Units, first: Option<u64>, duration: Option<u64>) -> String {
    let mut parts = Vec::new();
    if let Some(first) = first {
        parts.push(format!("{} to first", seconds(first)));
    }
    let writing = duration.map(|duration| duration.saturating_sub(first.unwrap_or(0)));
    if let Some(rate) = writing.and_then(|writing| output.0.saturating_mul(1000).checked_div(writing)) {
        parts.push(format!("{} tok/s", grouped(rate.into())));
    }
    parts.join(", ")
}

/// `1.9 s`, `120 ms`
pub fn seconds(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
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
