//! Effects performed by the guide's deeds, each in a task of its own that answers with one message.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::deeds::Deeds;
use super::message::{Effect, Message};
use crate::tasks::Tasks;

/// Starts what an effect asks for.
pub fn perform(effect: Effect, deeds: &Arc<dyn Deeds>, tasks: &Tasks, answers: &mpsc::Sender<Message>) {
    let answers = answers.clone();
    match effect {
        Effect::Look { number, rpc_url, contract } => {
            let look = deeds.look(rpc_url, contract);
            tasks.spawn_until_stopped("start: a look at the chain", async move {
                let _ = answers.send(Message::Looked(number, look.await)).await;
            });
        }
        Effect::Balance { rpc_url, address } => {
            let balance = deeds.balance(rpc_url, address);
            tasks.spawn_until_stopped("start: a balance", async move {
                let _ = answers.send(Message::Balance(address, balance.await)).await;
            });
        }
        // These two reach their end when somebody leaves meanwhile: a file is whole or not there.
        Effect::Key { order, keep } => {
            let key = deeds.key(order, keep);
            tasks.spawn("start: a key", async move {
                let _ = answers.send(Message::Key(key.await)).await;
            });
        }
        Effect::Save { choice, replace } => {
            let save = deeds.save(choice, replace);
            tasks.spawn("start: the settings", async move {
                let _ = answers.send(Message::Saved(save.await)).await;
            });
        }
    }
}
