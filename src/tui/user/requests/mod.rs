//! Requests: what did I pay for? Every request, and every operation on the chain, each in full with its evidence.
//!
//! ```text
//! typed text ─▶ filter ─▶ Ask::Requests ─▶ runner ─▶ broker ─▶ pages ─▶ table
//!                         selection near the end of what is held ─▶ the next page
//! selection, with details open ─▶ Ask::Record ─▶ facts;   v ─▶ Ask::Verify;   X ─▶ export
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `pages` | the window over a list that may have millions of rows |
//! | `rows`, `facts` | a request or operation as a row, and in full |
//! | `filter` | what is typed, as the broker's filters |
//! | `accept` | the question whether a disputed receipt is accepted |
//! | `part`, `act` | the screen's keys, answers and news; what they do |
//! | `export` | what the filter covers, written to a file |
//! | `runner`, `view` | what is asked of the broker; the picture |

mod accept;
mod act;
mod export;
mod facts;
mod filter;
mod pages;
mod part;
mod rows;
mod runner;
mod view;

#[cfg(test)]
mod tests;

pub use self::filter::day_in_words;
pub use self::pages::{PAGE, Page};
pub use self::runner::{Answer, Ask, perform};

use std::sync::Arc;

use self::accept::Acceptance;
use self::export::Progress;
use self::pages::Pages;
use self::rows::{OperationRow, RequestRow};
use crate::broker::user::{OperationView, Reconciliation, RequestRecord, RequestSort, Verification};
use crate::domain::{Address, OperationId, RequestId};
use crate::tui::kit::form::Form;
use crate::tui::kit::pane::Pane;

/// Which of the two lists is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum List {
    #[default]
    Requests,
    Operations,
}

/// What the details are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Request(RequestId),
    Operation(OperationId),
}

/// What was read of the subject.
#[derive(Clone, Debug)]
enum Record {
    Request(Box<RequestRecord>),
    Operation(Box<OperationView>),
    Trouble(Subject, String),
}

impl Record {
    fn subject(&self) -> Subject {
        match self {
            Record::Request(record) => Subject::Request(record.view.request),
            Record::Operation(view) => Subject::Operation(view.id),
            Record::Trouble(subject, _) => *subject,
        }
    }
}

/// An export that is under way.
#[derive(Debug)]
struct Running {
    what: &'static str,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
pub struct Requests {
    list: List,
    requests: Pages<RequestRow>,
    operations: Pages<OperationRow>,
    sort: RequestSort,
    /// What is typed above each list.
    typed: [String; 2],
    complaint: Option<String>,
    typing: bool,
    pane: Pane,
    /// Named by another screen: it is shown wherever it stands on the list.
    named: Option<RequestId>,
    record: Option<Record>,
    /// A record is being read.
    reading: bool,
    verified: Option<(RequestId, Result<Verification, String>)>,
    reconciled: Option<(Address, Result<Reconciliation, String>)>,
    /// The question whether a receipt is accepted.
    accept: Option<Acceptance>,
    export: Option<Form>,
    exporting: Option<Running>,
    /// Where the last export went.
    exported: Option<String>,
    /// Something changed since the list was read.
    outdated: bool,
    /// Whether it was drawn since the last beat.
    in_sight: bool,
}
