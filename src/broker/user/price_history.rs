//! How the prices, the URL and the model of a service changed, from the contract's events.
//!
//! The events of a provider are read from the head down, within bounds, and kept: asking again reads the blocks since,
//! once more the last few of before (a reorg may have changed them), and a further part of the past if some is left.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::UserError;
use super::handle::{Inner, UserBroker};
use crate::chain::{ChainEvent, EventKind};
use crate::domain::{Address, B256, Service, ServiceName, Timestamp};

/// Questions to the node for one look at the past, about ten thousand blocks each.
const QUERIES: u32 = 48;
/// Events of one provider that are kept, the newest; when there are more, the history is not complete.
const MOST_EVENTS: usize = 2_000;
/// Providers whose events are kept.
const MOST_PROVIDERS: usize = 64;
/// So many blocks are read again, since a reorg may have changed them.
const UNSURE: u64 = 64;
/// Removals whose block is asked for its time; events of changes carry theirs.
const MOST_TIMES: usize = 16;

/// What became of a service, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceHistory {
    pub entries: Vec<PriceEntry>,
    /// The blocks that were looked at; nothing is known of those before.
    pub from_block: u64,
    pub to_block: u64,
}

impl PriceHistory {
    /// Whether it reaches back to the beginning of the chain. If not, asking again reads on.
    pub fn is_complete(&self) -> bool {
        self.from_block == 0
    }
}

/// One change of a service on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceEntry {
    pub block: u64,
    pub transaction: B256,
    /// `None` only where the block of a removal could not be asked.
    pub time: Option<Timestamp>,
    /// The service from then on; `None` when it was removed.
    pub service: Option<Service>,
    /// What differs from the entry before; nothing in the first one known.
    pub prices_changed: bool,
    pub url_changed: bool,
    pub model_changed: bool,
}

/// Events of providers as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Histories(Mutex<HashMap<Address, Read>>);

#[derive(Clone, Debug)]
struct Read {
    events: Vec<ChainEvent>,
    from: u64,
    to: u64,
}

impl UserBroker {
    /// How a service changed, newest first. See [`PriceHistory::is_complete`].
    pub async fn price_history(
        &self,
        provider: Address,
        name: &ServiceName,
    ) -> Result<PriceHistory, UserError> {
        let read = self.inner.provider_events(provider).await?;
        let mut entries = entries(&read.events, name);
        let removals = entries.iter_mut().filter(|entry| entry.time.is_none()).take(MOST_TIMES);
        for entry in removals {
            match self.inner.chain.block(entry.block).await {
                Ok(block) => entry.time = block.map(|block| block.time),
                Err(error) => {
                    tracing::debug!(%error, block = entry.block, "the time of a removal is not known");
                    break;
                }
            }
        }
        Ok(PriceHistory { entries, from_block: read.from, to_block: read.to })
    }
}

impl Inner {
    async fn provider_events(&self, provider: Address) -> Result<Read, UserError> {
        let known = self.histories.0.lock().get(&provider).cloned();
        let head = self.chain.head().await?.number;
        let sure = known.as_ref().map_or(0, |read| read.to.min(head).saturating_sub(UNSURE));
        let news = |from| self.chain.service_events(provider, (from, head), QUERIES, MOST_EVENTS);
        let read = match known {
            Some(mut known) if sure > known.from => {
                known.events.retain(|event| event.block < sure);
                let newer = news(sure).await?;
                if newer.from > sure {
                    // Too much has happened since to read up to what is known.
                    Read { events: newer.events, from: newer.from, to: head }
                } else {
                    known.events.extend(newer.events);
                    Read { to: head, ..known }
                }
            }
            _ => {
                let all = news(0).await?;
                Read { events: all.events, from: all.from, to: head }
            }
        };
        let read = self.further_back(provider, read).await?;
        let mut histories = self.histories.0.lock();
        if histories.len() >= MOST_PROVIDERS && !histories.contains_key(&provider) {
            histories.clear();
        }
        histories.insert(provider, read.clone());
        Ok(read)
    }

    /// Reads a further part of the past of what was known before, if there is room for it.
    async fn further_back(&self, provider: Address, mut read: Read) -> Result<Read, UserError> {
        let before = self.histories.0.lock().get(&provider).map(|before| before.from);
        if before == Some(read.from) && read.from > 0 && read.events.len() < MOST_EVENTS {
            let range = (0, read.from - 1);
            let enough = MOST_EVENTS - read.events.len();
            let older = self.chain.service_events(provider, range, QUERIES, enough).await?;
            read.from = older.from;
            read.events.splice(0..0, older.events);
        }
        if read.events.len() > MOST_EVENTS {
            let surplus = read.events.len() - MOST_EVENTS;
            read.events.drain(..surplus);
            // Of the oldest block that is left, some may be gone.
            read.from = read.events.first().map_or(read.from, |event| event.block.saturating_add(1));
            read.events.retain(|event| event.block >= read.from);
        }
        Ok(read)
    }
}

/// The changes of one service, newest first.
fn entries(events: &[ChainEvent], name: &ServiceName) -> Vec<PriceEntry> {
    let mut entries: Vec<PriceEntry> = Vec::new();
    let mut before: Option<Service> = None;
    for event in events {
        let (service, time) = match &event.kind {
            // The contract counts versions in seconds, and takes the block's time unless two fall into one second.
            EventKind::ServiceUpdated(service) if service.name == *name => {
                (Some(service.clone()), Some(Timestamp::from_seconds(service.version)))
            }
            EventKind::ServiceRemoved { name: removed, .. } if removed == name.as_str() => (None, None),
            _ => continue,
        };
        let differs = |different: fn(&Service, &Service) -> bool| match (&before, &service) {
            (Some(before), Some(service)) => different(before, service),
            _ => false,
        };
        let (prices_changed, url_changed, model_changed) = (
            differs(|before, now| before.prices != now.prices),
            differs(|before, now| before.url != now.url),
            differs(|before, now| before.model != now.model),
        );
        // A service that comes back is compared with what it was before it went.
        before = service.clone().or(before);
        entries.push(PriceEntry {
            block: event.block,
            transaction: event.tx,
            time,
            service,
            prices_changed,
            url_changed,
            model_changed,
        });
    }
    entries.reverse();
    entries
}
