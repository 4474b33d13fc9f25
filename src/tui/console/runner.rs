//! Effects performed on the client, each in a task of its own that answers with one message.
//!
//! The model asks for a listing only when the last answer to it has come, so there are never more tasks than
//! listings and orders; answers wait in a bounded queue. Orders reach their own end when the screen closes.

use tokio::sync::mpsc;

use super::message::{Effect, Message, Order, Payload, Source};
use crate::client::events::News;
use crate::client::{Admin, Client, ClientError, Outcome, events};
use crate::domain::{OperationId, Timestamp};
use crate::tasks::Tasks;
use crate::tui::shell::QUEUE;

/// Starts what an effect asks for.
pub fn perform(effect: Effect, admin: &Admin, tasks: &Tasks, answers: &mpsc::Sender<Message>) {
    let (admin, answers) = (admin.clone(), answers.clone());
    match effect {
        Effect::Fetch(source) => {
            tasks.spawn_until_stopped("console: a look", async move {
                let result = fetch(&admin, source).await;
                let _ = answers.send(Message::Got(source, result)).await;
            });
        }
        Effect::Preview => {
            tasks.spawn_until_stopped("console: a preview", async move {
                let result = admin.preview().await;
                // One key for all tries of the settlement that this preview leads to.
                let key = OperationId::random().to_string();
                let _ = answers.send(Message::Previewed(result, key, Timestamp::now())).await;
            });
        }
        Effect::Settle { key } => {
            tasks.spawn("console: a settlement", async move {
                let result = admin.settle(&key).await;
                let _ = answers.send(Message::Settled(result)).await;
            });
        }
        Effect::Do(number, mut order) => {
            if let Order::Register { key, .. } = &mut order
                && key.is_empty()
            {
                *key = OperationId::random().to_string();
            }
            tasks.spawn("console: an order", async move {
                let result = obey(&admin, &order).await;
                let _ = answers.send(Message::Ordered(number, order, result)).await;
            });
        }
    }
}

/// Listens to the broker's events for as long as the screen is open.
pub fn listen(client: Client, tasks: &Tasks, answers: mpsc::Sender<Message>) {
    let (sender, mut news) = mpsc::channel(QUEUE);
    tasks.spawn_until_stopped("console: events", events::follow(client, sender));
    tasks.spawn_until_stopped("console: news", async move {
        while let Some(first) = news.recv().await {
            // Many changes at once say as much as one.
            let mut batch = vec![first];
            while let Ok(next) = news.try_recv() {
                if !matches!((&next, batch.last()), (News::Changed(_), Some(News::Changed(_)))) {
                    batch.push(next);
                }
            }
            for one in batch {
                if answers.send(Message::News(one)).await.is_err() {
                    return;
                }
            }
        }
    });
}

async fn fetch(admin: &Admin, source: Source) -> Result<Payload, ClientError> {
    Ok(match source {
        Source::Overview => Payload::Overview(Box::new(admin.overview().await?)),
        Source::Users => Payload::Users(admin.users().await?),
        Source::Requests => Payload::Requests(admin.requests().await?),
        Source::Services => Payload::Services(admin.services().await?),
        Source::Settlements => Payload::Settlements(Box::new(admin.settlements().await?)),
        Source::Operations => Payload::Operations(admin.operations().await?),
    })
}

async fn obey(admin: &Admin, order: &Order) -> Result<Outcome, ClientError> {
    match order {
        Order::Register { draft, key } => admin.register(draft, key).await,
        Order::Change { name, change } => admin.change(name, change).await,
        Order::Pause { name, pause } => admin.pause(name, *pause).await,
        Order::Remove { name } => admin.remove(name).await,
        Order::Repair => admin.sync_services().await,
    }
}
