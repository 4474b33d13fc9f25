//! The provider broker: sells services, and is paid for what it delivered.
//!
//! [`ProviderBroker`] is the handle that HTTP faces, commands and the console share. Data flows like this:
//!
//! ```text
//! proxy ─▶ vouchers::check ─▶ vouchers::book (hold) ─▶ serve: row ∥ upstream ─▶ stream ─▶ booked, receipt
//! chain ─▶ follow ─▶ book                                                           │
//! book  ─▶ settlement (pure decision, then) ─▶ chain ◀── services, reconcile         book
//! ```
//!
//! | file | owns |
//! |---|---|
//! | `core` | the parts, start, housekeeping |
//! | `proxy`, `gate`, `free` | the way in: checks from cheap to dear; places and limits; what costs nothing |
//! | `edit` | limits that are set in bodies on their way to a service |
//! | `seen` | request ids that were served lately |
//! | `serve`, `whole`, `stream`, `event_stream`, `cut`, `upstream` | the way out: admission, forwarding, metering, booking |
//! | `at_once` | a small answer that is there at once: row and booking in one write |
//! | `vouchers` | all that is particular to payment by vouchers: the book, the checks, the claims |
//! | `services`, `reconcile`, `offer`, `target` | what is on offer, in store and chain alike |
//! | `condition` | how the servers behind the services do |
//! | `accounts`, `follow`, `rate` | what the chain says of accounts, and how often it may be asked |
//! | `settlement` | when to settle (pure), doing it, what it brought |
//! | `overview`, `ready` | the broker on one page; what stands in the way of its job |
//! | `measure` | the book at work, for benches |
//! | `admin`, `view`, `export`, `refusal`, `error`, `settings` | what faces ask, see and are told |

mod accounts;
mod admin;
mod at_once;
mod condition;
mod core;
mod cut;
mod edit;
mod error;
mod event_stream;
mod export;
mod follow;
mod free;
mod gate;
pub mod measure;
mod offer;
mod overview;
mod proxy;
mod rate;
mod ready;
mod reconcile;
mod refusal;
mod seen;
mod serve;
mod services;
mod settings;
mod settlement;
mod stream;
mod target;
mod upstream;
mod view;
mod vouchers;
mod whole;

#[cfg(test)]
mod test_values;
#[cfg(test)]
mod tests;

pub use admin::ReceiptState;
pub use condition::{UpstreamHealth, UpstreamState};
pub use core::{ProviderBroker, ProviderParts};
pub use error::ProviderError;
pub use overview::{Day, Overview};
pub use proxy::{CallBody, ProxyCall};
pub use reconcile::ServiceSync;
pub use refusal::ProxyRefusal;
pub use services::{NameTaken, ServiceChange, ServiceInput, Wait};
pub use settings::{
    AuthorisationSettings, BodyLimits, FreeSettings, ProviderSettings, SettingsError, SettlementSettings,
    UpstreamSettings,
};
pub use settlement::{
    Books, Danger, Decision, DecisionCounts, Forecast, GasHistory, Inclusion, Left, MOST_UNDER_WAY,
    PastDecisions, Reason, ReportRow, Risk, Rules, SettleRequest, SettlementReport, SettlementTx, Tried,
    Verdict, bid, forecast,
};
pub use target::parse_target;
pub use view::{
    Event, HealthView, RequestView, ServiceStatus, ServiceView, SettlementView, Snapshot, USERS_IN_SNAPSHOT,
    UserPage, UserPlace, UserPlaceError, UserView,
};
// The pure parts that decide, for whoever wants to run them over books of their own (`examples/settlement`, `fuzz`).
pub use event_stream::{End, EventStream, EventTooLong, StreamFault, Taken};
pub use vouchers::{ClaimRow, LeftOut, Offered, Page as BookPage, Seals, Totals, claim, verify_payment};

// Faces list rows page by page with the store's own words for pages, filters and orders.
pub use crate::store::provider::{ProviderRequestFilter, ProviderRequestSort, Settlement, SettlementRow};
pub use crate::store::{
    Cursor as PageCursor, Direction, Operation, OperationFilter, Page, PageOf, Repeat, Repeats,
    Totals as ListTotals,
};
