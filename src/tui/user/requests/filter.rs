//! What is typed above the lists, as the broker's filters.
//!
//! | typed | means |
//! |---|---|
//! | `state:disputed` | one state, by its beginning |
//! | `provider:0x12`, `provider:ghost` | one provider, by the beginning of the address or of one's own name for it |
//! | `service:llama` | one service, by the beginning of its name |
//! | `day:2024-08-22`, `day:today`, `month:2024-08`, `from:…`, `to:…` | when it was made, in UTC |
//! | `kind:deposit` | one kind of operation |
//! | any words | text in the service's name or the note, or the beginning of an id or address |
//!
//! What cannot be read hides nothing and is told.

use crate::broker::user::{OperationQuery, RequestFilter};
use crate::domain::{Address, OperationKind, OperationState, ServiceName, Timestamp, UserRequestState};
use crate::tui::texts;
use crate::tui::user::shared::Shared;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// A filter, and what is wrong with what was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read<T> {
    pub filter: T,
    pub complaint: Option<String>,
}

impl<T> Read<T> {
    fn complain(&mut self, text: String) {
        self.complaint.get_or_insert(text);
    }
}

/// Terms as name and value; words have no name.
fn terms(typed: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    typed.split_whitespace().map(|term| match term.split_once([':', '=']) {
        Some((name, value)) if !name.is_empty() && name.chars().all(char::is_alphabetic) => {
            (Some(name), value)
        }
        _ => (None, term),
    })
}

pub fn requests(typed: &str, shared: &Shared) -> Read<RequestFilter> {
    let mut read = Read::<RequestFilter>::default();
    let mut words: Vec<&str> = Vec::new();
    for (name, value) in terms(typed) {
        let Some(name) = name else {
            words.push(value);
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let done = match name.to_lowercase().as_str() {
            "state" => {
                one_of(value, UserRequestState::ALL.iter().map(|state| (state.as_str(), *state)), "state")
                    .map(|state| read.filter.state = Some(state))
            }
            "provider" => provider(value, shared).map(|provider| read.filter.provider = Some(provider)),
            "service" => service(value, shared).map(|service| read.filter.service = Some(service)),
            "day" | "month" | "from" | "since" | "to" | "until" => {
                span(&name.to_lowercase(), value, shared.now()).map(|(from, to)| {
                    // Several terms together: what is in all of them.
                    read.filter.from = read.filter.from.max(from);
                    read.filter.to = match (read.filter.to, to) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    };
                })
            }
            "kind" => Err(texts::requests::KIND_IS_OF_OPERATIONS.to_owned()),
            other => Err(texts::requests::no_request_field(other)),
        };
        if let Err(complaint) = done {
            read.complain(complaint);
        }
    }
    if !words.is_empty() {
        read.filter.search = Some(words.join(" "));
    }
    read
}

pub fn operations(typed: &str, shared: &Shared) -> Read<OperationQuery> {
    let mut read = Read::<OperationQuery>::default();
    for (name, value) in terms(typed) {
        let done = match name.map(str::to_lowercase).as_deref() {
            Some(_) if value.is_empty() => Ok(()),
            Some("state") => {
                one_of(value, OperationState::ALL.iter().map(|state| (state.as_str(), *state)), "state")
                    .map(|state| read.filter.state = Some(state))
            }
            Some("kind") => one_of(value, KINDS.iter().map(|kind| (kind.as_str(), *kind)), "kind")
                .map(|kind| read.filter.kind = Some(kind)),
            Some("provider") => provider(value, shared).map(|one| read.filter.provider = Some(one)),
            Some(other) => Err(texts::requests::no_operation_field(other)),
            None => Err(texts::requests::not_found_by(value)),
        };
        if let Err(complaint) = done {
            read.complain(complaint);
        }
    }
    read
}

/// Kinds of operations that users order.
const KINDS: [OperationKind; 7] = [
    OperationKind::CreateAccount,
    OperationKind::Deposit,
    OperationKind::SetDelegate,
    OperationKind::RequestRefund,
    OperationKind::CancelRefund,
    OperationKind::ProcessRefund,
    OperationKind::Transfer,
];

/// The one that a text names or begins.
fn one_of<T: Copy>(
    text: &str,
    all: impl Iterator<Item = (&'static str, T)> + Clone,
    what: &str,
) -> Result<T, String> {
    let text = text.to_lowercase().replace('-', "_");
    let mut found = all.clone().filter(|(name, _)| name.starts_with(&text));
    match (all.clone().find(|(name, _)| *name == text), found.next(), found.next()) {
        (Some((_, one)), ..) | (None, Some((_, one)), None) => Ok(one),
        (None, Some((one, _)), Some((other, _))) => {
            Err(texts::requests::may_be_either(what, &text, one, other))
        }
        (None, None, _) => {
            let names: Vec<&str> = all.map(|(name, _)| name).collect();
            Err(texts::requests::is_one_of(what, names.join(", ")))
        }
    }
}

fn provider(text: &str, shared: &Shared) -> Result<Address, String> {
    let text = text.trim_start_matches('@').to_lowercase();
    if let Ok(address) = text.parse::<Address>() {
        return Ok(address);
    }
    let known = shared.services.iter().map(|service| service.provider);
    let known = known.chain(shared.snapshot.accounts.iter().map(|account| account.provider));
    let mut found: Vec<Address> = known
        .filter(|address| {
            let alias =
                shared.aliases.get(address).is_some_and(|alias| alias.to_lowercase().starts_with(&text));
            alias || format!("{address:#x}").starts_with(&text)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [one] => Ok(one),
        [] => Err(texts::requests::no_provider_begins(&text)),
        _ => Err(texts::requests::providers_begin(found.len(), &text)),
    }
}

fn service(text: &str, shared: &Shared) -> Result<ServiceName, String> {
    let folded = text.to_lowercase();
    let mut found: Vec<&ServiceName> = shared
        .services
        .iter()
        .map(|service| &service.name)
        .filter(|name| name.as_str().to_lowercase().starts_with(&folded))
        .collect();
    found.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    found.dedup();
    if let Some(exact) = found.iter().find(|name| name.as_str() == text) {
        return Ok((*exact).clone());
    }
    match found[..] {
        [one] => Ok(one.clone()),
        // It may be one that is not offered any more.
        [] => text.parse().map_err(|_| texts::requests::no_service_name(text)),
        _ => Err(texts::requests::services_begin(found.len(), text)),
    }
}

type Span = (Option<Timestamp>, Option<Timestamp>);

fn span(name: &str, value: &str, now: Timestamp) -> Result<Span, String> {
    let begin = |day: u64| Timestamp::from_seconds(day.saturating_mul(DAY));
    let bad = || texts::requests::no_day(value, name);
    let day = match value {
        "today" => now.day(),
        "yesterday" => now.day().saturating_sub(1),
        text if name == "month" => {
            let first =
                text.get(..7).filter(|_| text.len() == 7).and_then(|month| day_of(&format!("{month}-01")));
            let first = first.ok_or_else(|| texts::requests::no_month(value))?;
            // The first of a month is at most 31 days before that of the next.
            let month = |day: u64| begin(day).to_string().get(..7).map(str::to_owned);
            let next =
                (first + 28..=first + 31).find(|day| month(*day) != month(first)).unwrap_or(first + 31);
            return Ok((Some(begin(first)), Some(begin(next))));
        }
        text => day_of(text).ok_or_else(bad)?,
    };
    Ok(match name {
        "from" | "since" => (Some(begin(day)), None),
        "to" | "until" => (None, Some(begin(day + 1))),
        "month" => return Err(texts::requests::WRITE_A_MONTH.to_owned()),
        _ => (Some(begin(day)), Some(begin(day + 1))),
    })
}

/// Days since 1970 of `2024-08-22`.
fn day_of(text: &str) -> Option<u64> {
    let moment: Timestamp = (text.len() == 10).then(|| format!("{text}T00:00:00Z").parse().ok())??;
    Some(moment.day())
}

/// A day as it is typed and shown: `2024-08-22`.
pub fn day_in_words(day: u64) -> String {
    let text = Timestamp::from_seconds(day.saturating_mul(DAY)).to_string();
    text.get(..10).unwrap_or(&text).to_owned()
}
