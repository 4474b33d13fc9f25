//! Answers and news of the broker, taken into the model. Gives whether what is drawn differs.

use super::message::{Order, Payload, Source};
use super::model::{Link, Model, Over};
use super::service_form::ServiceForm;
use crate::client::events::News;
use crate::client::{ClientError, Outcome};
use crate::domain::{OperationKind, OperationState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::look::shorten;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::{ForecastItem, OperationItem, Overview, ReportItem};

pub fn news(model: &mut Model, absent: bool, news: &News) -> bool {
    let before = model.events;
    match news {
        News::Up => model.events = Some(true),
        News::Down | News::Absent => model.events = Some(false),
        News::Changed(_) => {}
    }
    if !absent {
        for slot in &mut model.slots {
            slot.old = true;
        }
    }
    before != model.events
}

pub fn got(model: &mut Model, source: Source, result: Result<Payload, ClientError>) -> bool {
    let now = model.look.now;
    // The pause until the next look begins here, so that a slow broker is not asked without end.
    let slot = model.slot(source);
    slot.busy = false;
    slot.asked = Some(now);
    let payload = match result {
        Ok(payload) => payload,
        Err(error) if error.is_silence() => return silence(model, &error),
        Err(error) => {
            let answered = heard(model);
            let slot = model.slot(source);
            slot.absent = error.is_absent();
            let trouble = Some(error.sentence());
            let changed = slot.trouble != trouble;
            slot.trouble = trouble;
            if changed && !error.is_absent() {
                model.toast(Tone::Bad, error.sentence());
            }
            return changed || answered;
        }
    };
    let back = heard(model);
    let slot = model.slot(source);
    let mended = slot.trouble.take().is_some() || slot.got.is_none();
    slot.absent = false;
    slot.got = Some(now);
    if model.frozen {
        return back;
    }
    take(model, payload) || mended || back
}

fn take(model: &mut Model, payload: Payload) -> bool {
    match payload {
        Payload::Overview(new) => {
            let same = model.overview.as_ref().is_some_and(|old| same_overview(old, &new));
            if let Some(forecast) = &new.forecast {
                model.forecast = Some(forecast.clone());
            }
            model.overview = Some(new);
            !same
        }
        Payload::Users(users) => {
            let changed = model.users.set(users);
            model.alarms.0 = model.users.rows().iter().any(super::users::is_bad);
            changed
        }
        Payload::Services(services) => {
            let changed = model.services.set(services);
            model.alarms.1 = model.services.rows().iter().any(|one| one.health.state == "failing");
            changed
        }
        Payload::Requests(list) => {
            let changed = model.requests_total != list.metadata.total || model.requests_fee != list.fee;
            model.requests_total = list.metadata.total;
            model.requests_fee = list.fee;
            let changed = model.requests.set(list.items) || changed;
            model.requests_live =
                model.requests.rows().iter().filter(|one| super::requests::is_live(one)).count();
            changed
        }
        Payload::Settlements(all) => {
            let changed = !model.forecast.as_ref().is_some_and(|old| same_forecast(old, &all.forecast))
                || model.decisions.len() != all.decisions.len();
            model.forecast = Some(all.forecast);
            model.decisions = all.decisions;
            model.settlements.set(all.list.items) || changed
        }
        Payload::Operations(operations) => took_operations(model, operations),
    }
}

/// Whether two overviews are drawn alike: the moment of the look is not.
fn same_overview(old: &Overview, new: &Overview) -> bool {
    let forecasts = match (&old.forecast, &new.forecast) {
        (Some(old), Some(new)) => same_forecast(old, new),
        (old, new) => old.is_none() && new.is_none(),
    };
    let plain = |overview: &Overview| Overview {
        at: old.at,
        forecast: None,
        last_decision: None,
        block_at: old.block_at,
        ..overview.clone()
    };
    forecasts && plain(old) == plain(new)
}

fn same_forecast(old: &ForecastItem, new: &ForecastItem) -> bool {
    ForecastItem { at: old.at, ..new.clone() } == *old
}

/// Transactions pass through the log: each once, and again when its state changes.
fn took_operations(model: &mut Model, operations: Vec<OperationItem>) -> bool {
    let first = model.peek(Source::Operations).got.is_none() || model.operations.is_empty();
    let mut news: Vec<(OperationItem, bool)> = Vec::new();
    for operation in &operations {
        let known = model.operations.iter().find(|old| old.operation_id == operation.operation_id);
        if known.is_none_or(|old| old.state != operation.state) {
            news.push((operation.clone(), !first));
        }
    }
    news.sort_by_key(|(operation, _)| operation.updated_at);
    let changed = !news.is_empty();
    for (operation, fresh) in news {
        let (tone, text) = told(&operation);
        // What was ordered here has its own toast; what the engine did by itself is news, and so is what went wrong.
        let own =
            matches!(model.over, Over::Settle(_)) || operation.kind.parse() != Ok(OperationKind::Settle);
        let loud = matches!(tone, Tone::Bad | Tone::Warn)
            || (!own && operation.state.parse() == Ok(OperationState::Mined));
        if fresh && loud {
            model.toast(tone, text);
        } else {
            model.note(operation.updated_at, tone, text);
        }
    }
    model.operations = operations;
    changed
}

/// An on-chain action in one line.
fn told(operation: &OperationItem) -> (Tone, String) {
    let what = kind_words(&operation.kind);
    let hash = operation.transaction_hash.map(|hash| shorten(&hash.to_string(), 10, 6)).unwrap_or_default();
    let reason = operation.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match operation.state.parse() {
        Ok(OperationState::Mined) => {
            let block = operation
                .block
                .map(|block| texts::console::in_block(grouped(block.into())))
                .unwrap_or_default();
            (Tone::Good, texts::console::is_mined(&what, &block, &hash))
        }
        Ok(OperationState::Sent) => (Tone::Pending, texts::console::is_sent(&what, &hash)),
        Ok(OperationState::Prepared) => (Tone::Pending, texts::console::is_prepared(&what)),
        Ok(OperationState::Reverted) => (Tone::Bad, texts::console::was_reverted(&what, &reason)),
        Ok(OperationState::Refused) => (Tone::Bad, texts::console::was_refused(&what, &reason)),
        Ok(OperationState::Unknown) => (Tone::Warn, texts::console::outcome_unknown(&what, &reason)),
        // A newer broker may know more states.
        Err(_) => (Tone::Plain, format!("{what}: {}{reason}", operation.state)),
    }
}

pub fn kind_words(kind: &str) -> String {
    match kind.parse() {
        Ok(OperationKind::Settle) => "settlement".to_owned(),
        Ok(OperationKind::PutService) => texts::console::REGISTRATION.to_owned(),
        Ok(OperationKind::RemoveService) => texts::console::REMOVAL.to_owned(),
        _ => kind.replace('_', " "),
    }
}

/// The broker answered. Gives whether that is news.
fn heard(model: &mut Model) -> bool {
    let before = std::mem::replace(&mut model.link, Link::Up);
    if let Link::Down { .. } = before {
        for slot in &mut model.slots {
            slot.old = true;
            slot.asked = None;
        }
        model.toast(Tone::Good, texts::console::ANSWERS_AGAIN);
    }
    before != Link::Up
}

fn silence(model: &mut Model, error: &ClientError) -> bool {
    let now = model.look.now;
    let reason = match error {
        ClientError::Unreachable { reason, .. } | ClientError::BrokenOff(reason) => reason.clone(),
        other => other.to_string(),
    };
    let (since, tries) = match &model.link {
        Link::Down { since, tries, again, .. } => {
            // Several looks were under way when it fell silent; they are one try.
            (*since, if now >= *again { tries + 1 } else { *tries })
        }
        Link::Up | Link::Connecting => {
            model.note(now, Tone::Bad, texts::console::does_not_answer(&reason));
            (now, 0)
        }
    };
    let again = now.plus_seconds(Model::pause(tries).as_secs());
    model.link = Link::Down { since, reason, tries, again };
    true
}

pub fn settled(model: &mut Model, result: Result<Option<ReportItem>, ClientError>) {
    match &result {
        Ok(Some(report)) if report.rows.is_empty() => {
            model.toast(Tone::Warn, texts::console::NOTHING_CLAIMABLE);
        }
        Ok(Some(report)) if report.is_open() => {
            model.toast(Tone::Pending, texts::console::SETTLEMENT_SENT);
        }
        Ok(Some(report)) => {
            let text = texts::console::settled(
                model.look.amount(report.paid),
                texts::numbers::users(report.rows.len()),
            );
            model.toast(Tone::Good, text);
        }
        Ok(None) => model.toast(Tone::Pending, texts::console::ORDER_TAKEN),
        Err(error) => model.toast(Tone::Bad, texts::console::not_settled(error.sentence())),
    }
    // A dialog that was closed meanwhile has nothing left to show.
    model.settling = None;
    let now = model.look.now;
    if let Over::Settle(settle) = &mut model.over {
        settle.settled(result, now);
    }
}

pub fn ordered(model: &mut Model, number: u64, order: &Order, result: Result<Outcome, ClientError>) {
    let words = order.words();
    model.running.retain(|(running, _)| *running != number);
    // Another form may be open by now, about the same service; what it holds was not sent by this order.
    let sent = |form: &ServiceForm| form.sending == Some(number);
    match result {
        Ok(outcome) => {
            match outcome {
                Outcome::Done => model.toast(Tone::Good, order.done()),
                Outcome::Sent(_) => model.toast(Tone::Pending, texts::console::sent_not_mined(&words)),
                Outcome::Unknown => model.toast(Tone::Pending, texts::console::not_known(&words)),
            }
            if matches!(&model.over, Over::Form(form) if sent(form)) {
                model.over = Over::Nothing;
            }
            if model.draft.as_deref().is_some_and(sent) {
                model.draft = None;
            }
        }
        Err(error) => {
            model.toast(Tone::Bad, texts::console::could_not(&words, error.sentence()));
            // The form may be open or put aside; either keeps what was typed and says what is wrong.
            match (&mut model.over, &mut model.draft) {
                (Over::Form(form), _) | (_, Some(form)) if sent(form) => {
                    form.keep(order, &error);
                    form.refused(&error);
                }
                _ => {}
            }
        }
    }
}
