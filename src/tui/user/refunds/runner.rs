//! Asks about refunds performed on the broker.

use super::{Answer, Ask};
use crate::tui::texts;
use crate::tui::user::runner::{At, Reply};

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let Ask::History = ask;
    let broker = at.broker();
    at.tasks.spawn_until_stopped("screens: refunds", async move {
        let answer = match broker {
            Some(broker) => match broker.refunds(None).await {
                Ok(refunds) => Ok((refunds, broker.settings().auto_process_refunds)),
                Err(error) => Err(error.for_screen()),
            },
            None => Err(texts::shared::BROKER_NOT_READY.to_owned()),
        };
        reply.send(Answer::History(answer)).await;
    });
}
