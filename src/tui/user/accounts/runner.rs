//! Asks about accounts performed on the broker.

use std::collections::BTreeMap;

use super::{Answer, Ask, Figures};
use crate::broker::user::{DaySpend, UserBroker, UserError};
use crate::domain::{Address, Timestamp};
use crate::tui::texts;
use crate::tui::user::runner::{At, Reply};

/// Days that are looked back: when an account was used last.
const DAYS: u64 = 30;

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let broker = at.broker();
    at.tasks.spawn_until_stopped("screens: accounts", async move {
        let Some(broker) = broker else {
            return reply.send(missing(&ask)).await;
        };
        let answer = match ask {
            Ask::Figures => {
                let figures = figures(&broker).await;
                Answer::Figures(figures.map(Box::new).map_err(|error| error.for_screen()))
            }
            Ask::Runway(provider) => {
                let runway = broker.runway(Some(provider)).await;
                Answer::Runway(provider, runway.map_err(|error| error.for_screen()))
            }
            Ask::Sync(Some(provider)) => {
                let read = broker.sync(provider).await.map(drop);
                Answer::Synced(Some(provider), read.map_err(|error| error.for_screen()))
            }
            Ask::Sync(None) => {
                let read = broker.sync_all().await.map(drop);
                Answer::Synced(None, read.map_err(|error| error.for_screen()))
            }
            Ask::Reconcile(provider) => {
                let found = broker.reconcile(provider).await.map(Box::new);
                Answer::Reconciled(provider, found.map_err(|error| error.for_screen()))
            }
        };
        reply.send(answer).await;
    });
}

/// What is answered while there is no broker.
fn missing(ask: &Ask) -> Answer {
    let why = texts::shared::BROKER_NOT_READY.to_owned();
    match *ask {
        Ask::Figures => Answer::Figures(Err(why)),
        Ask::Runway(provider) => Answer::Runway(provider, Err(why)),
        Ask::Sync(one) => Answer::Synced(one, Err(why)),
        Ask::Reconcile(provider) => Answer::Reconciled(provider, Err(why)),
    }
}

async fn figures(broker: &UserBroker) -> Result<Figures, UserError> {
    let today = Timestamp::now().day();
    let from = today.saturating_sub(DAYS - 1);
    let (spent, runway) = tokio::join!(broker.spending(from, today), broker.runway(None));
    let mut days: BTreeMap<Address, Vec<DaySpend>> = BTreeMap::new();
    for day in spent? {
        days.entry(day.provider).or_default().push(day);
    }
    Ok(Figures { days, from, caps: broker.cap_uses(), runway: runway? })
}
