//! Effects performed on the broker, and what the broker tells as messages. The only place of the screens that waits.
//!
//! Each ask runs in a task of its own and answers with messages through a bounded queue. Snapshots are coalesced: only
//! the newest is handed over. What is ordered reaches its own end when the screen closes, within a grace.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};

use super::message::{Effect, Message};
use super::shared::{ChainFacts, Standing, Start};
use super::{accounts, chat, home, log, money, refunds, requests, services, settings, spend, storage};
use crate::broker::user::{Event, Library, UserBroker};
use crate::client::{Admin, Client};
use crate::tasks::Tasks;
use crate::tui::console;
use crate::tui::shell::QUEUE;

/// The key of what the screens remember.
const REMEMBERED: &str = "screens";

/// What asks are performed with.
#[derive(Clone, Debug)]
pub struct At {
    broker: Arc<RwLock<Option<UserBroker>>>,
    /// Conversations, names and what the screens remember: there before the broker is.
    pub library: Library,
    pub tasks: Tasks,
    /// Where exports and downloads go.
    pub directory: PathBuf,
}

impl At {
    /// The broker, once it is ready.
    pub fn broker(&self) -> Option<UserBroker> {
        self.broker.read().clone()
    }
}

/// Where the answers of one part go.
#[derive(Debug)]
pub struct Reply<T> {
    sender: mpsc::Sender<Message>,
    wrap: fn(T) -> Message,
}

impl<T> Clone for Reply<T> {
    fn clone(&self) -> Self {
        Reply { sender: self.sender.clone(), wrap: self.wrap }
    }
}

impl<T> Reply<T> {
    pub fn new(sender: mpsc::Sender<Message>, wrap: fn(T) -> Message) -> Reply<T> {
        Reply { sender, wrap }
    }

    /// Answers; without screens there is nobody to hear it.
    pub async fn send(&self, answer: T) {
        let _ = self.sender.send((self.wrap)(answer)).await;
    }

    /// Whether anybody still listens.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Performs effects.
#[derive(Debug)]
pub struct Runner {
    at: At,
    sender: mpsc::Sender<Message>,
    console: Option<(Admin, Client, mpsc::Sender<console::Message>)>,
}

impl Runner {
    pub fn new(start: &Start, library: Library, tasks: Tasks, sender: mpsc::Sender<Message>) -> Runner {
        let console = start.console.clone().map(|client| {
            let (own, mut messages) = mpsc::channel(QUEUE);
            let out = sender.clone();
            tasks.spawn_until_stopped("screens: the console", async move {
                while let Some(message) = messages.recv().await {
                    if out.send(Message::Console(message)).await.is_err() {
                        return;
                    }
                }
            });
            (Admin::new(client.clone()), client, own)
        });
        let at = At { broker: Arc::default(), library, tasks, directory: start.directory.clone() };
        Runner { at, sender, console }
    }

    /// Follows the broker from its start on.
    pub fn listen(&mut self, mut standing: watch::Receiver<Standing>) {
        if let Some((_, client, messages)) = &self.console {
            console::listen(client.clone(), &self.at.tasks, messages.clone());
        }
        let (library, sender) = (self.at.library.clone(), self.sender.clone());
        self.at.tasks.spawn_until_stopped("screens: what was kept", async move {
            let preferences = library.preferences();
            let aliases = preferences.aliases().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the names of providers could not be read");
                Default::default()
            });
            let screens = preferences.get(REMEMBERED).await.ok().flatten().unwrap_or_default();
            let _ = sender.send(Message::Kept { aliases: aliases.into_iter().collect(), screens }).await;
        });
        let (at, sender) = (self.at.clone(), self.sender.clone());
        self.at.tasks.spawn_until_stopped("screens: the broker's start", async move {
            loop {
                let now = standing.borrow_and_update().clone();
                let mut facts = None;
                if let Standing::Ready(broker) = &now {
                    let chain = broker.chain();
                    facts = Some(ChainFacts {
                        id: chain.id(),
                        contract: chain.contract(),
                        lock_time: chain.lock_time(),
                    });
                    if at.broker.write().replace(broker.clone()).is_none() {
                        follow(broker, &at.tasks, &sender);
                    }
                }
                if sender.send(Message::Standing(now, facts)).await.is_err()
                    || standing.changed().await.is_err()
                {
                    return;
                }
            }
        });
    }

    fn reply<T>(&self, wrap: fn(T) -> Message) -> Reply<T> {
        Reply::new(self.sender.clone(), wrap)
    }

    /// Starts what an effect asks for.
    pub fn perform(&mut self, effect: Effect) {
        let at = &self.at;
        match effect {
            Effect::Name { provider, alias } => {
                let (library, sender) = (at.library.clone(), self.sender.clone());
                at.tasks.spawn("screens: a name", async move {
                    let kept = library.preferences().set_alias(provider, alias.as_deref()).await;
                    let _ = sender.send(Message::Named(kept.map_err(|error| error.to_string()))).await;
                });
            }
            Effect::Remember(memory) => {
                let library = at.library.clone();
                at.tasks.spawn("screens: memory", async move { remember(&library, &memory).await });
            }
            Effect::Console(effect) => {
                if let Some((admin, _, messages)) = &self.console {
                    console::perform(effect, admin, &at.tasks, messages);
                }
            }
            Effect::Home(ask) => home::perform(ask, at, self.reply(Message::Home)),
            Effect::Services(ask) => services::perform(ask, at, self.reply(Message::ServicesPart)),
            Effect::Chat(ask) => chat::perform(ask, at, self.reply(Message::Chat)),
            Effect::Accounts(ask) => accounts::perform(ask, at, self.reply(Message::Accounts)),
            Effect::Requests(ask) => requests::perform(ask, at, self.reply(Message::Requests)),
            Effect::Refunds(ask) => refunds::perform(ask, at, self.reply(Message::Refunds)),
            Effect::Spend(ask) => spend::perform(ask, at, self.reply(Message::Spend)),
            Effect::Storage(ask) => storage::perform(ask, at, self.reply(Message::Storage)),
            Effect::Log(ask) => log::perform(ask, at, self.reply(Message::Log)),
            Effect::Settings(ask) => settings::perform(ask, at, self.reply(Message::Settings)),
            Effect::Money(ask) => money::perform(ask, at, self.reply(Message::Money)),
        }
    }
}

/// Keeps what the screens want to find again.
pub async fn remember(library: &Library, memory: &serde_json::Value) {
    if let Err(error) = library.preferences().set(REMEMBERED, memory).await {
        tracing::warn!(%error, "what the screens remember could not be kept");
    }
}

/// Hands on what the broker tells.
fn follow(broker: &UserBroker, tasks: &Tasks, sender: &mpsc::Sender<Message>) {
    let (mut snapshots, out) = (broker.watch(), sender.clone());
    // Published before anybody watched.
    let first = broker.snapshot();
    tasks.spawn_until_stopped("screens: snapshots", async move {
        let mut next = first;
        loop {
            if out.send(Message::Snapshot(next)).await.is_err() || snapshots.changed().await.is_err() {
                return;
            }
            next = Arc::clone(&snapshots.borrow_and_update());
        }
    });
    let (mut events, out, own) = (broker.events(), sender.clone(), broker.clone());
    tasks.spawn_until_stopped("screens: events", async move {
        let mut seen = services(&own, 0, &out).await;
        loop {
            match events.recv().await {
                Ok(event) => {
                    if matches!(event, Event::ServicesChanged { .. }) {
                        seen = services(&own, seen, &out).await;
                    }
                    if out.send(Message::Event(event)).await.is_err() {
                        return;
                    }
                }
                // Every fact is in a snapshot or listing too; only the services are handed over by event.
                Err(RecvError::Lagged(_)) => seen = services(&own, seen, &out).await,
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// Hands over the services that the chain lists, if they are newer than those of `seen`. Gives their version.
async fn services(broker: &UserBroker, seen: u64, out: &mpsc::Sender<Message>) -> u64 {
    let own = broker.clone();
    // A listing of a hundred thousand is put together outside the runtime's threads.
    let newer = tokio::task::spawn_blocking(move || own.services_if_newer(seen)).await;
    match newer.ok().flatten() {
        Some((version, services)) => {
            let _ = out.send(Message::Services(services)).await;
            version
        }
        None => seen,
    }
}
