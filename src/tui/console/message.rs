//! What can happen to the console, and what it can ask for.

use crate::client::events::News;
use crate::client::{ClientError, Outcome, ServiceDraft};
use crate::domain::{ServiceName, Timestamp};
use crate::tui::input::Input;
use crate::tui::shell::Followed;
use crate::tui::texts;
use crate::wire::admin::{
    OperationItem, Overview, ReportItem, RequestItem, ServiceItem, Settlements, UserItem,
};
use crate::wire::list::List;

/// A listing of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Overview,
    Users,
    Requests,
    Services,
    Settlements,
    Operations,
}

impl Source {
    pub const ALL: [Source; 6] = [
        Source::Overview,
        Source::Users,
        Source::Requests,
        Source::Services,
        Source::Settlements,
        Source::Operations,
    ];
}

/// What a listing holds.
#[derive(Clone, Debug)]
pub enum Payload {
    Overview(Box<Overview>),
    Users(Vec<UserItem>),
    Requests(List<RequestItem>),
    Services(Vec<ServiceItem>),
    Settlements(Box<Settlements>),
    Operations(Vec<OperationItem>),
}

#[derive(Debug)]
pub enum Message {
    /// What was typed or clicked, and when.
    Input(Input, Timestamp),
    Beat(Timestamp),
    Followed(Followed),
    News(News),
    Got(Source, Result<Payload, ClientError>),
    /// What a settlement would do, the key under which it would be done once, and when the answer came.
    Previewed(Result<ReportItem, ClientError>, String, Timestamp),
    Settled(Result<Option<ReportItem>, ClientError>),
    /// An order by its number, and what came of it.
    Ordered(u64, Order, Result<Outcome, ClientError>),
}

#[derive(Debug)]
pub enum Effect {
    Fetch(Source),
    Preview,
    Settle {
        key: String,
    },
    /// An order, and the number that its answer comes back with.
    Do(u64, Order),
}

/// A change that was asked for and confirmed.
#[derive(Clone, Debug)]
pub enum Order {
    /// The key is drawn by the runner the first time and kept for repeats.
    Register {
        draft: Box<ServiceDraft>,
        key: String,
    },
    Change {
        name: ServiceName,
        change: Box<ServiceDraft>,
    },
    Pause {
        name: ServiceName,
        pause: bool,
    },
    Remove {
        name: ServiceName,
    },
    Repair,
}

impl Order {
    /// What it is, for toasts: "register eliza".
    pub fn words(&self) -> String {
        match self {
            Order::Register { draft, .. } => texts::console::order_register(
                draft.name.as_ref().map_or(texts::console::A_SERVICE, ServiceName::as_str),
            ),
            Order::Change { name, .. } => texts::console::order_change(name),
            Order::Pause { name, pause: true } => texts::console::order_pause(name),
            Order::Pause { name, pause: false } => texts::console::order_resume(name),
            Order::Remove { name } => texts::console::order_take_off(name),
            Order::Repair => texts::console::ORDER_COMPARE.to_owned(),
        }
    }

    /// What is said once it is done.
    pub fn done(&self) -> String {
        match self {
            Order::Register { draft, .. } => texts::console::is_registered(
                draft.name.as_ref().map_or(texts::console::THE_SERVICE, ServiceName::as_str),
            ),
            Order::Change { name, .. } => texts::console::is_changed(name),
            Order::Pause { name, pause: true } => texts::console::is_paused(name),
            Order::Pause { name, pause: false } => texts::console::takes_requests_again(name),
            Order::Remove { name } => texts::console::is_off_the_chain(name),
            Order::Repair => texts::console::COMPARED.to_owned(),
        }
    }
}
