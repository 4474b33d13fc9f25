//! The user broker: one handle used by the terminal, the API and the commands alike. Snapshots out, operations in.
//!
//! ```text
//!  faces ── UserBroker (handle) ──┬─ accounts, refunds ── operations ── Sender ── chain
//!                                 ├─ call ── pay ── upstream ── provider        follow, sync ── chain
//!                                 │           └ answer ── verdict ── finish ── push
//!                                 └─ requests (listings), snapshot, event
//! ```
//!
//! Pure rules, each without I/O: `book` (the one gate to spending), `caps`, `quote` (what a request can cost),
//! `verdict` (what we pay of what a receipt asks), `guard` (where requests may go), `consent` (prices that rose), `catalogue` (what a name stands
//! for). Flows: `call` and `pay` (to the first byte), `answer` and `finish` (to the books), `heal` (after a 402),
//! `receipts` (what is unconfirmed), `push` (vouchers between requests). Everything particular to vouchers is in `book`,
//! `keyring`, `pay`, `heal` and `push`.

mod accounts;
mod answer;
mod book;
mod call;
mod caps;
mod catalogue;
mod consent;
mod counting;
mod error;
mod event;
mod finish;
mod follow;
mod guard;
mod handle;
mod heal;
mod keyring;
mod library;
mod models;
mod operations;
mod pay;
mod push;
mod quote;
mod receipts;
mod refunds;
mod requests;
mod settings;
mod snapshot;
mod start;
mod sync;
mod terms;
mod upstream;
mod verdict;
mod view;

#[cfg(test)]
mod tests;

pub use answer::{FEE_HEADER, INPUT_UNITS_HEADER, OUTPUT_UNITS_HEADER, REQUEST_ID_HEADER};
pub use call::{BodySourceError, PaidCall};
pub use caps::{Cap, Caps};
pub use catalogue::{Listing, ModelError, ServiceFilter, model_id};
pub use error::{CallRefusal, UserError};
pub use event::{EVENT_QUEUE, Event};
pub use guard::UrlError;
pub use handle::{UserBroker, UserParts};
pub use library::Library;
pub use quote::{Quote, QuoteOverflow};
pub use refunds::Replace;
pub use requests::{RequestFilter, RequestList, RequestSort};
pub use settings::{CutAllowance, DefaultMaxOutput, Settings};
pub use snapshot::Snapshot;
pub use terms::TermsError;
pub use upstream::UpstreamError;
pub use verdict::Difference;
pub use view::{AccountView, OperationView, RefundView, RequestView};
