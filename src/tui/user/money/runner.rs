//! Asks about money performed on the broker.

use super::{Answer, Ask, Ordered, Trial};
use crate::broker::user::{Action, OperationView, UserBroker, UserError};
use crate::domain::{OperationId, Timestamp};
use crate::tui::kit::amount::in_full;
use crate::tui::kit::moment;
use crate::tui::texts;
use crate::tui::user::runner::{At, Reply};

/// What is said while there is no broker; dialogs do not open then, so that nobody should read it.
const NONE: &str = texts::shared::BROKER_NOT_READY;

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let broker = at.broker();
    match ask {
        Ask::Most { dialog, provider } => {
            at.tasks.spawn_until_stopped("screens: the most that can be deposited", async move {
                let most = match &broker {
                    Some(broker) => broker.most_depositable(provider, None).await.map(|found| found.most),
                    None => return,
                };
                let most = most.map_err(|error| sentence(&error));
                reply.send(Answer::Most { dialog, most }).await;
            });
        }
        Ask::Try { dialog, actions } => {
            at.tasks.spawn_until_stopped("screens: what it would do", async move {
                let mut trials = Vec::with_capacity(actions.len());
                for action in actions {
                    let found = match &broker {
                        Some(broker) => broker.preview(action).await.map_err(|error| sentence(&error)),
                        None => Err(NONE.to_owned()),
                    };
                    let key = OperationId::random().to_string();
                    trials.push(Trial { action, found: found.map(Box::new), key });
                }
                reply.send(Answer::Tried { dialog, trials, at: Timestamp::now() }).await;
            });
        }
        // To its end, also when the screens close.
        Ask::Do(ordered) => {
            at.tasks.spawn("screens: an order about money", async move {
                for Ordered { errand, action, key } in ordered {
                    let operation = match &broker {
                        Some(broker) => act(broker, action, key).await.map_err(|error| sentence(&error)),
                        None => Err(NONE.to_owned()),
                    };
                    reply.send(Answer::Began { errand, operation }).await;
                }
            });
        }
        Ask::Look(id) => {
            at.tasks.spawn_until_stopped("screens: an operation", async move {
                let view = match &broker {
                    Some(broker) => broker.operation(id).await.map_err(|_| id),
                    None => Err(id),
                };
                reply.send(Answer::Looked(view)).await;
            });
        }
    }
}

/// A refusal for people, with amounts as they read them.
pub fn sentence(error: &UserError) -> String {
    match error {
        UserError::InsufficientFunds { needed, available } => {
            texts::money::missing(in_full(needed.above(*available)), in_full(*needed), in_full(*available))
        }
        UserError::NotFree { asked, free } => {
            texts::money::cannot_be_taken_back(in_full(*asked), in_full(*free))
        }
        UserError::RefundLocked { unlock_at } => texts::money::locked_until(moment::in_full(*unlock_at)),
        error => error.for_screen(),
    }
}

/// Does it, once for each key.
pub async fn act(broker: &UserBroker, action: Action, key: String) -> Result<OperationView, UserError> {
    let key = Some(key);
    match action {
        Action::Open { provider, amount } => broker.create_account(provider, amount, key).await,
        Action::Deposit { provider, amount } => broker.deposit(provider, amount, key).await,
        Action::RequestRefund { provider, amount, replace } => {
            broker.request_refund(provider, amount, replace, key).await
        }
        Action::CancelRefund { provider } => broker.cancel_refund(provider, key).await,
        Action::ProcessRefund { provider } => broker.process_refund(provider, key).await,
        Action::SetDelegate { provider } => broker.take_over(provider, key).await,
    }
}
