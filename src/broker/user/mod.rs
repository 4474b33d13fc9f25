//! The user broker: one handle used by the terminal, the API and the commands alike. Snapshots out, operations in.
//!
//! ```text
//!  faces ── UserBroker (handle) ──┬─ accounts, refunds ── operations ── Sender ── chain
//!                                 ├─ call ── pay ── upstream ── provider        follow, sync ── chain
//!                                 │           └ answer ── verdict ── finish ── push
//!                                 │           └ turn (a conversation's call)    estimate, probe
//!                                 ├─ requests, activity (listings, exports), spending, verification, snapshot, event
//!                                 └─ preview, price_history ── chain: what would happen, what happened
//! ```
//!
//! Pure rules, each without I/O: `book` (the one gate to spending) over `positions` (an account's figures, and their sums), `caps` (`own_caps` beside those of the settings), `quote` (what a request can cost),
//! `verdict` (what we pay of what a receipt asks), `guard` (where requests may go), `consent` (prices that rose), `catalogue` (what a name stands
//! for), `leaving` (whether a body has left whole). Flows: `call` and `pay` (to the first byte), `answer` and `finish` (to the books), `heal` (after a 402),
//! `receipts` (what is unconfirmed), `accept` (receipts that a person accepts), `bundle` (evidence for others), `push` (vouchers between requests). For screens: `turn` (words
//! and cost as they come), `estimate` and `shortfall` (what a turn would cost and lacks), `probe`, `verification` (evidence looked at
//! again), `screen` (refusals without routes). `ready` says what stands in the way of a paid request. Everything particular to vouchers is in `book`,
//! `keyring`, `pay`, `heal` and `push`. Apart from all that, `library` keeps the conversations and preferences of the
//! terminal, with or without a broker at work. `measure` puts the book to work for benches.

mod accept;
mod accounts;
mod activity;
mod answer;
mod book;
mod bundle;
mod call;
mod caps;
mod catalogue;
mod consent;
mod counting;
mod error;
mod estimate;
mod event;
mod evidence;
mod export;
mod finish;
mod follow;
mod guard;
mod handle;
mod heal;
mod keyring;
mod leaving;
pub mod library;
pub mod measure;
mod models;
mod operations;
mod overview;
mod own_caps;
mod pay;
mod positions;
mod preview;
mod preview_warning;
mod price_history;
mod probe;
mod push;
mod quote;
mod reach;
mod ready;
mod receipts;
mod refunds;
mod requests;
#[cfg(test)]
pub mod samples;
mod screen;
mod settings;
mod shortfall;
mod snapshot;
mod spending;
mod start;
mod sync;
mod terms;
mod turn;
mod upstream;
mod verdict;
mod verification;
mod view;

#[cfg(test)]
mod tests;

pub use crate::broker::export::ExportFormat;
pub use crate::domain::{Check, Finding};
pub use crate::store::user::RefundState;
pub use activity::{OperationList, OperationQuery};
pub use answer::{FEE_HEADER, INPUT_UNITS_HEADER, OUTPUT_UNITS_HEADER, REQUEST_ID_HEADER};
pub use call::{BodySourceError, PaidCall};
pub use caps::{Cap, Caps};
pub use catalogue::{Listing, ModelError, ServiceFilter, model_id};
pub use consent::PriceChange;
pub use error::{CallRefusal, UserError};
pub use estimate::{Estimate, Limit, Outlook};
pub use event::{EVENT_QUEUE, Event};
pub use guard::UrlError;
pub use handle::{UserBroker, UserParts};
pub use library::{Library, LibraryError, Preferences};
pub use models::Model;
pub use overview::{Means, Overview};
pub use preview::{Action, Depositable, GasPreview, Locked, Preview, WalletPreview};
pub use preview_warning::PreviewWarning;
pub use price_history::{PriceEntry, PriceHistory};
pub use probe::{Measured, Probe, ProbeLimits, ProbeOutcome};
pub use quote::{Quote, QuoteOverflow};
pub use reach::{ReachError, reach};
pub use refunds::Replace;
pub use requests::{RequestFilter, RequestList, RequestSort};
pub use settings::{CutAllowance, DefaultMaxOutput, Settings};
pub use shortfall::Shortfall;
pub use snapshot::Snapshot;
pub use spending::{CapUse, DaySpend, Runway, Spent, month_of, spent_by};
pub use terms::TermsError;
pub use turn::{
    Cost, Decimal, DecimalError, FinishReason, Message, Parameters, Proof, Role, Talk, TalkEvent, Turn,
};
pub use upstream::UpstreamError;
pub use verdict::Difference;
pub use verification::{Reconciliation, ReconciliationVerdict, Verification};
pub use view::{AccountPage, AccountView, OperationView, RefundView, RequestRecord, RequestView, Totals};
