//! What the screen asks the broker for: everything that was ever spent, in one read, added up off the runtime.

use std::sync::Arc;

use super::figures::{Figures, Group, Range, figures};
use crate::broker::user::{Caps, UserBroker};
use crate::domain::Timestamp;
use crate::tui::texts;
use crate::tui::user::runner::{At, Reply};

#[derive(Debug)]
pub enum Ask {
    Read {
        range: Range,
        group: Group,
    },
    /// The caps of one's own, to be changed.
    OwnCaps,
    SetCaps(Caps),
}

#[derive(Debug)]
pub enum Answer {
    Figures(Result<Arc<Figures>, String>),
    OwnCaps(Result<Caps, String>),
    CapsSet(Result<(), String>),
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let broker = at.broker().ok_or_else(|| texts::shared::BROKER_NOT_READY.to_owned());
    match ask {
        Ask::Read { range, group } => {
            at.tasks.spawn_until_stopped("screens: spending", async move {
                let read = match broker {
                    Ok(broker) => read(&broker, range, group).await,
                    Err(why) => Err(why),
                };
                reply.send(Answer::Figures(read)).await;
            });
        }
        Ask::OwnCaps => {
            at.tasks.spawn_until_stopped("screens: caps", async move {
                reply.send(Answer::OwnCaps(broker.map(|broker| broker.own_caps()))).await;
            });
        }
        Ask::SetCaps(caps) => {
            at.tasks.spawn("screens: setting caps", async move {
                let set = match broker {
                    Ok(broker) => broker.set_own_caps(caps).await.map_err(|error| error.for_screen()),
                    Err(why) => Err(why),
                };
                reply.send(Answer::CapsSet(set)).await;
            });
        }
    }
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
