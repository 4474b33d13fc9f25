//! What is asked of the broker, and the list of the chain taken apart into changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::runner::{At, Reply};
use crate::broker::user::{Measured, PriceChange, PriceHistory, Probe, UserBroker};
use crate::domain::{Address, Service, ServiceName, Timestamp, Units};

/// Changes that are handed over at once, so that keys come in between.
pub const SLICE: usize = 4_000;
/// Services that are asked at the same time.
const AT_ONCE: usize = 4;
/// Days that tell what answers are like here.
const DAYS: u64 = 30;

#[derive(Debug)]
pub enum Ask {
    /// What differs between two lists.
    Compare {
        version: u64,
        old: Arc<[Service]>,
        new: Arc<[Service]>,
    },
    /// Whether these work and how they did; free of charge.
    Look(Vec<(Address, ServiceName)>),
    /// How these did, without asking them.
    Measure(Vec<(Address, ServiceName)>),
    History(Address, ServiceName),
    /// What answers are like here.
    Usage,
}

#[derive(Debug)]
pub enum Answer {
    /// A part of the differences; the last part has `done`.
    Changes {
        version: u64,
        changes: Vec<Difference>,
        done: bool,
    },
    Looked(Address, ServiceName, Box<Looked>),
    History(Address, ServiceName, Result<PriceHistory, String>),
    Usage(Usage),
}

/// One difference between two lists.
#[derive(Clone, Debug)]
pub enum Difference {
    Put(Arc<Service>),
    Gone(Arc<Service>),
}

/// What was found out about one service.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// `None`: it was not asked.
    pub probe: Option<Result<Probe, String>>,
    pub measured: Option<Measured>,
    pub change: Option<PriceChange>,
}

/// Units of the answers of the last days, by service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub services: BTreeMap<(Address, ServiceName), Used>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub answers: u64,
    pub input: Units,
    pub output: Units,
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let Some(broker) = at.broker() else { return };
    match ask {
        Ask::Compare { version, old, new } => {
            at.tasks.spawn_until_stopped("screens: services", async move {
                let changes = tokio::task::spawn_blocking(move || differences(&old, &new)).await;
                let mut changes = changes.unwrap_or_default();
                loop {
                    let rest = changes.split_off(changes.len().min(SLICE));
                    let done = rest.is_empty();
                    reply.send(Answer::Changes { version, changes, done }).await;
                    if done {
                        return;
                    }
                    changes = rest;
                }
            });
        }
        Ask::Look(services) => look(&broker, at, services, true, &reply),
        Ask::Measure(services) => look(&broker, at, services, false, &reply),
        Ask::History(provider, service) => {
            at.tasks.spawn_until_stopped("screens: a service's history", async move {
                let history = broker.price_history(provider, &service).await;
                let history = history.map_err(|error| error.for_screen());
                reply.send(Answer::History(provider, service, history)).await;
            });
        }
        Ask::Usage => {
            at.tasks.spawn_until_stopped("screens: usage", async move {
                let today = Timestamp::now().day();
                let Ok(days) = broker.spending(today.saturating_sub(DAYS - 1), today).await else { return };
                let mut usage = Usage::default();
                for day in days {
                    let used = usage.services.entry((day.provider, day.service)).or_default();
                    used.answers = used.answers.saturating_add(day.spent.answered);
                    used.input = Units(used.input.0.saturating_add(day.spent.input.0));
                    used.output = Units(used.output.0.saturating_add(day.spent.output.0));
                }
                reply.send(Answer::Usage(usage)).await;
            });
        }
    }
}

/// Looks at services, a few at a time.
fn look(
    broker: &UserBroker,
    at: &At,
    services: Vec<(Address, ServiceName)>,
    ask: bool,
    reply: &Reply<Answer>,
) {
    let leave = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    for (provider, name) in services {
        let (broker, reply, leave) = (broker.clone(), reply.clone(), Arc::clone(&leave));
        at.tasks.spawn_until_stopped("screens: a look at a service", async move {
            // The semaphore is never closed.
            let _turn = leave.acquire().await.ok();
            let probe = match ask {
                true => Some(broker.probe(provider, &name).await.map_err(|error| error.for_screen())),
                false => None,
            };
            let measured = broker.measured(provider, &name).await.ok();
            let change = broker.price_change(provider, &name).await.ok();
            let looked = Looked { probe, measured, change };
            reply.send(Answer::Looked(provider, name, Box::new(looked))).await;
        });
    }
}

/// What to change in the one list to get the other. Both are in order of provider and name, as the broker lists them.
pub fn differences(old: &[Service], new: &[Service]) -> Vec<Difference> {
    let key = |service: &Service| (service.provider, service.name.clone());
    let in_order = |list: &[Service]| list.is_sorted_by_key(key);
    if !in_order(old) || !in_order(new) {
        let gone = old.iter().filter(|old| !new.iter().any(|new| key(new) == key(old)));
        let gone = gone.map(|service| Difference::Gone(Arc::new(service.clone())));
        return gone.chain(new.iter().map(|service| Difference::Put(Arc::new(service.clone())))).collect();
    }
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut found = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return found,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.provider.cmp(&new.provider).then_with(|| old.name.cmp(&new.name)),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        match (before, after) {
            (Some(before), None) => found.push(Difference::Gone(Arc::new(before.clone()))),
            (before, Some(after)) if before != Some(after) => {
                found.push(Difference::Put(Arc::new(after.clone())));
            }
            _ => {}
        }
    }
}
