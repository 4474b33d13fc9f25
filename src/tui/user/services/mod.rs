//! Services: what can I buy?
//!
//! ```text
//! list of the chain ─▶ Ask::Compare ─▶ runner: what differs ─▶ in slices ─▶ rows ─▶ table
//! rows in sight, or marked ─▶ Ask::Look ─▶ runner: a free question, own books ─▶ rows
//! snapshot: accounts; names that the user gave ─▶ rows of those providers
//! ```
//!
//! A hundred thousand services are compared with those that were there outside of `update`; what differs comes in slices,
//! between which keys are answered. Providers are asked only where somebody looks: at most ten at once, and none twice
//! in a minute unless a person says so.
//!
//! | file | holds |
//! |---|---|
//! | `row` | a service as a row |
//! | `rows` | rows kept in step with the chain, accounts, names, looks |
//! | `part`, `act` | the screen's keys, answers and news; what they do |
//! | `facts` | one service in full |
//! | `compare` | several side by side |
//! | `runner`, `view` | what is asked of the broker; the picture |

mod act;
mod compare;
mod facts;
mod part;
mod row;
mod rows;
mod runner;
mod view;

#[cfg(test)]
mod tests;

pub use self::runner::{Answer, Ask, perform};

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use self::row::{Key, Known, Offer, SERVICE};
use self::runner::Usage;
use crate::broker::user::PriceHistory;
use crate::domain::{Address, Neuron, Service, ServiceName};
use crate::tui::kit::pane::Pane;
use crate::tui::kit::table::Table;

#[derive(Debug)]
pub struct Services {
    table: Table<Offer>,
    /// The list that the rows are of, or will be once all slices have come.
    list: Arc<[Service]>,
    /// The version that is on its way.
    version: u64,
    /// Differences are on their way; then the next comparison waits.
    comparing: bool,
    /// There is a newer list than the one that is being taken in.
    newer: bool,
    /// A list has been taken in.
    listed: bool,
    by_provider: HashMap<Address, Vec<Arc<Service>>>,
    known: HashMap<Key, Known>,
    /// What rows say of accounts and names.
    funds: BTreeMap<Address, Neuron>,
    aliases: BTreeMap<Address, String>,
    history: Option<(Address, ServiceName, Result<PriceHistory, String>)>,
    usage: Usage,
    typing: bool,
    pane: Pane,
    /// Marked services stand side by side, from this one on.
    compare: Option<usize>,
    /// Rows in sight are to be asked.
    look_due: bool,
    /// Whether it was drawn since the last beat.
    in_sight: bool,
    /// Answers have come since usage was read.
    used: bool,
    /// Named by another screen or remembered; selected once it is there.
    wanted: Option<(Address, ServiceName)>,
}

impl Default for Services {
    fn default() -> Self {
        Services {
            table: Table::new(SERVICE),
            list: Arc::from([]),
            version: 0,
            comparing: false,
            newer: false,
            listed: false,
            by_provider: HashMap::new(),
            known: HashMap::new(),
            funds: BTreeMap::new(),
            aliases: BTreeMap::new(),
            history: None,
            usage: Usage::default(),
            typing: false,
            pane: Pane::default(),
            compare: None,
            look_due: false,
            in_sight: false,
            used: false,
            wanted: None,
        }
    }
}
