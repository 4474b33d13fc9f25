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
//! | file | owns |
//! |---|---|
//! | `handle`, `start`, `settings` | the handle and what it shares; how a broker begins; what can be set |
//! | `book`, `positions` | the one gate to spending; an account's figures, and the sums over all |
//! | `caps`, `own_caps` | budget caps of the settings; those that the user sets beside them |
//! | `counting`, `quote` | what a request counts before it is sent; what it can cost at most |
//! | `consent`, `catalogue`, `models` | prices that rose; what a name stands for; services by name |
//! | `call`, `pay`, `upstream`, `guard`, `leaving` | to the first byte: held, signed, sent; where requests may go; whether a body has left whole |
//! | `answer`, `verdict`, `finish` | to the books: what came, what we pay of what a receipt asks, how it ended |
//! | `heal`, `push`, `keyring` | after a 402; vouchers between requests; which key signs |
//! | `receipts`, `evidence`, `accept`, `bundle` | what is unconfirmed; signatures asked for later; what a person accepts; evidence for others |
//! | `turn`, `estimate`, `shortfall` | a conversation's call: words and cost as they come; what it would cost, and lacks |
//! | `probe`, `terms`, `reach` | whether a service is there; what a provider publishes; both without a running broker |
//! | `accounts`, `refunds`, `operations` | actions on the chain: asked for, sent, followed to their end |
//! | `preview`, `preview_warning`, `price_history` | what an action would do, and what to know before; how prices changed |
//! | `follow`, `sync` | keeping up with the chain |
//! | `requests`, `activity`, `spending`, `export`, `verification` | listings, sums, files, evidence looked at again |
//! | `snapshot`, `overview`, `view`, `event`, `ready` | what faces see: all, one page, one thing, news, what stands in the way |
//! | `error`, `screen` | refusals, for callers of the API and for people at a screen |
//! | `library` | conversations and preferences of the terminal, with or without a broker at work |
//! | `measure` | the book at work, for benches |
//!
//! Rules are pure, without I/O: `book`, `positions`, `caps`, `counting`, `quote`, `verdict`, `guard`, `catalogue`, `leaving`,
//! `preview_warning`. Everything particular to vouchers is in `book`, `keyring`, `pay`, `heal` and `push`.

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
pub(crate) mod tests;

pub use crate::broker::export::ExportFormat;
pub use crate::domain::{Check, Finding};
pub use crate::store::user::RefundState;
pub use activity::{OperationList, OperationQuery};
pub use answer::{FEE_HEADER, INPUT_UNITS_HEADER, OUTPUT_UNITS_HEADER, REQUEST_ID_HEADER};
pub use call::{BodySourceError, HeldAs, PaidCall};
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
