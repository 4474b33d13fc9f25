//! What happened to a provider's services, read from the head down, so that the latest is there first.

use serde_json::json;

use super::event::{ChainEvent, EventFilter};
use super::open::Chain;
use super::pages::PageSize;
use super::read::is_too_much;
use super::{ChainError, read};
use crate::domain::Address;

/// Events of a range of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEvents {
    /// In order of the chain.
    pub events: Vec<ChainEvent>,
    /// The lowest block that was read. Above the one asked for when there were too many blocks or events.
    pub from: u64,
}

impl Chain {
    /// Events about a provider's services in the blocks `from..=to`, newest pages first: at most `queries` questions to
    /// the node, and no further once there are `enough` events. Pages are sized by what the node can do.
    ///
    /// # Errors
    /// Only when not even the newest page can be read; what fails further down ends the range there.
    pub async fn service_events(
        &self,
        provider: Address,
        (from, to): (u64, u64),
        queries: u32,
        enough: usize,
    ) -> Result<ServiceEvents, ChainError> {
        let topics = EventFilter { user: None, provider: Some(provider) }.service_topics();
        let (mut pages, mut count) = (Vec::new(), 0);
        let mut above = to.saturating_add(1);
        let mut size = PageSize::new(read::LARGEST_LOG_PAGE, read::LARGEST_LOG_PAGE);
        for _ in 0..queries {
            if above <= from || count >= enough {
                break;
            }
            let start = above.saturating_sub(size.get()).max(from);
            let range = json!({ "fromBlock": format!("{start:#x}"), "toBlock": format!("{:#x}", above - 1) });
            match self.logs_of(&range, [topics.clone()]).await {
                Ok(events) if events.iter().any(|event| event.block < start || event.block >= above) => {
                    return Err(read::bad_logs("it has events of other blocks"));
                }
                Ok(events) => {
                    count += events.len();
                    pages.push(events);
                    size.worked(above - start);
                    above = start;
                }
                Err(error) if is_too_much(&error) && size.too_much(above - start) => {}
                Err(error) if pages.is_empty() => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, block = above, "older events of a provider cannot be read");
                    break;
                }
            }
        }
        Ok(ServiceEvents { events: pages.into_iter().rev().flatten().collect(), from: above })
    }
}
