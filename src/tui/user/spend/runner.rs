//! What the screen asks the broker for: everything that was ever spent, in one read, added up off the runtime.

use std::sync::Arc;

use super::figures::{Figures, Group, Range, figures};
use crate::broker::user::UserBroker;
use crate::domain::Timestamp;
use crate::tui::user::runner::{At, Reply};

#[derive(Debug)]
pub enum Ask {
    Read { range: Range, group: Group },
}

#[derive(Debug)]
pub enum Answer {
    Figures(Result<Arc<Figures>, String>),
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let Ask::Read { range, group } = ask;
    let broker = at.broker();
    at.tasks.spawn_until_stopped("screens: spending", async move {
        let read = match broker {
            Some(broker) => read(&broker, range, group).await,
            None => Err("the broker is not ready yet".to_owned()),
        };
        reply.send(Answer::Figures(read)).await;
    });
}

async fn read(broker: &UserBroker, range: Range, group: Group) -> Result<Arc<Figures>, String> {
    let today = Timestamp::now().day();
    let (days, runway) = tokio::join!(broker.spending(0, u64::from(u32::MAX)), broker.runway(None));
    let days = days.map_err(|error| error.for_screen())?;
    let runway = runway.map_err(|error| error.for_screen())?;
    let caps = broker.cap_uses();
    let work = move || figures(&days, today, (range, group), (caps, runway));
    tokio::task::spawn_blocking(work).await.map(Arc::new).map_err(|error| error.to_string())
}
