//! What every screen sees: how figures shall look, what the broker said last, how far it has come.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::screen::Screen;
use crate::broker::user::{Snapshot, UserBroker};
use crate::client::Client;
use crate::domain::{Address, Neuron, Service, ServiceName, Timestamp};
use crate::log_lines::LogLines;
use crate::tui::Settings;
use crate::tui::keymap::Keymap;
use crate::tui::kit::look::Look;
use crate::tui::texts;

/// How far the broker behind the screens has come.
#[derive(Clone, Debug)]
pub enum Standing {
    Starting {
        what: String,
    },
    Ready(UserBroker),
    /// The chain cannot be reached; it is tried again.
    Waiting {
        why: String,
        again: Timestamp,
    },
    /// It will not start by itself.
    Failed {
        why: String,
    },
}

/// How the screens were started.
#[derive(Clone, Debug)]
pub struct Start {
    pub version: &'static str,
    pub read_only: bool,
    /// Everything is in this process and the money is play money.
    pub demo: bool,
    /// `demo`, or the host of the chain's node.
    pub network: String,
    /// Where the API is open meanwhile.
    pub serving: Option<String>,
    /// A provider broker in this process, or one that was named.
    pub console: Option<Client>,
    pub settings: Settings,
    /// What files, variables and flags say, in their order. `None` where they say nothing of a broker: in the demo.
    pub given: Option<Vec<Given>>,
    /// Where exports go.
    pub directory: PathBuf,
    /// The process's own lines, for the log screen.
    pub log: LogLines,
}

/// A setting that is not at its default. What is secret in its value is hidden already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub key: String,
    pub value: String,
    pub source: String,
}

/// How the broker stands, as screens show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Starting { what: String },
    Ready,
    Waiting { why: String, again: Timestamp },
    Failed { why: String },
}

/// Facts about the chain that do not change while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainFacts {
    pub id: u64,
    pub contract: Address,
    /// Seconds that a refund is locked.
    pub lock_time: u64,
}

/// What every screen sees. Only `update` changes it.
#[derive(Debug)]
pub struct Shared {
    pub start: Start,
    pub look: Look,
    pub keymap: Keymap,
    pub size: (u16, u16),
    pub link: Link,
    pub chain: Option<ChainFacts>,
    /// What the broker said last; empty before it is ready.
    pub snapshot: Arc<Snapshot>,
    /// All services that the chain lists.
    pub services: Arc<[Service]>,
    /// Counts up when `services` changes.
    pub services_version: u64,
    /// Names that the user gave to providers.
    pub aliases: BTreeMap<Address, String>,
    /// When the last block was heard of.
    pub block_at: Option<Timestamp>,
    /// When the last key or click came: what dialogs measure haste by.
    pub pressed: Timestamp,
    pub frozen: bool,
    /// The screen in sight.
    pub open: Screen,
    pub mouse: bool,
    /// Whether somebody looks at this window, as far as the terminal tells.
    pub focused: bool,
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.look.now
    }

    /// What people call a provider: their own name for it, marked, or its address in short.
    pub fn provider(&self, provider: Address) -> String {
        if self.look.masked && !self.aliases.contains_key(&provider) {
            return self.look.short(provider);
        }
        self.provider_unmasked(provider)
    }

    /// The same for sentences that are kept: they are hidden where they are shown.
    pub fn provider_unmasked(&self, provider: Address) -> String {
        match self.aliases.get(&provider) {
            Some(alias) => format!("@{alias}"),
            None => Look { masked: false, ..self.look }.short(provider),
        }
    }

    /// `llama7b @ 0x59c8…b1d2`.
    pub fn service_of(&self, provider: Address, service: &ServiceName) -> String {
        format!("{service} @ {}", self.provider(provider).trim_start_matches('@'))
    }

    pub fn service(&self, provider: Address, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|service| service.provider == provider && service.name == *name)
    }

    /// What new requests may use with all providers together.
    pub fn spendable(&self) -> Neuron {
        let available = self.snapshot.accounts.iter().map(|account| account.available);
        available.fold(Neuron::ZERO, Neuron::saturating_add)
    }

    /// Whether figures are as of an earlier moment than now, and why.
    pub fn stale(&self) -> Option<&str> {
        match &self.link {
            Link::Ready => self.snapshot.stale.as_deref(),
            Link::Starting { what } => Some(what),
            Link::Waiting { why, .. } | Link::Failed { why } => Some(why),
        }
    }

    /// Why nothing can be sent or paid for at the moment; `None` when it can.
    pub fn hindrance(&self) -> Option<String> {
        if self.start.read_only {
            return Some(texts::shared::READ_ONLY.to_owned());
        }
        match &self.link {
            Link::Ready if !self.snapshot.can_send => Some(texts::shared::NO_WALLET.to_owned()),
            Link::Ready => None,
            Link::Starting { .. } => Some(texts::shared::STARTING.to_owned()),
            Link::Waiting { why, .. } | Link::Failed { why } => Some(why.clone()),
        }
    }
}
