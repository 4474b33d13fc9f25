//! What the screen asks the broker for.

use super::export::{self, Export};
use super::pages::{PAGE, Page, Wanted};
use crate::broker::user::{
    OperationQuery, OperationView, Reconciliation, RequestFilter, RequestRecord, RequestSort, RequestView,
    UserBroker, UserError, Verification,
};
use crate::domain::{Address, Neuron, OperationId, RequestId, UserRequestState};
use crate::tui::texts;
use crate::tui::user::runner::{At, Reply};

/// Requests that run, at most so many of a state.
const RUNNING: u32 = 100;

/// What an export covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    Requests(RequestFilter),
    Operations(OperationQuery),
}

#[derive(Debug)]
pub enum Ask {
    Requests {
        wanted: Wanted,
        filter: RequestFilter,
        sort: RequestSort,
    },
    Operations {
        wanted: Wanted,
        query: OperationQuery,
    },
    Record(RequestId),
    Operation(OperationId),
    Verify(RequestId),
    /// Pays so much beyond our own count, by the receipt that the broker holds.
    Accept {
        request: RequestId,
        amount: Neuron,
    },
    Reconcile(Address),
    Export(Export),
}

#[derive(Debug)]
pub enum Answer {
    Requests {
        generation: u64,
        page: Result<Page<RequestView>, String>,
    },
    Operations {
        generation: u64,
        page: Result<Page<OperationView>, String>,
    },
    Record(RequestId, Result<Box<RequestRecord>, String>),
    Operation(OperationId, Result<Box<OperationView>, String>),
    Accepted(RequestId, Result<Box<RequestView>, String>),
    Verified(RequestId, Result<Verification, String>),
    Reconciled(Address, Result<Box<Reconciliation>, String>),
    /// It goes on.
    Exporting,
    /// Rows and bytes, or why not.
    Exported {
        path: String,
        ended: Result<(u64, u64), String>,
    },
}

fn told(error: &UserError) -> String {
    error.for_screen()
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let broker = at.broker();
    if let Ask::Export(export) = ask {
        if let Some(broker) = broker {
            export::perform(export, broker, at, reply);
        } else {
            at.tasks.spawn_until_stopped("screens: requests", async move {
                let ended = Err(texts::shared::BROKER_NOT_READY.to_owned());
                reply.send(Answer::Exported { path: export.file, ended }).await;
            });
        }
        return;
    }
    if let Ask::Accept { request, amount } = ask {
        // To its end, also when the screens close.
        at.tasks.spawn("screens: accept a receipt", async move {
            let ended = match broker {
                Some(broker) => broker.accept(request, amount).await.map_err(|refusal| refusal.for_screen()),
                None => Err(texts::shared::BROKER_NOT_READY.to_owned()),
            };
            reply.send(Answer::Accepted(request, ended.map(Box::new))).await;
        });
        return;
    }
    at.tasks.spawn_until_stopped("screens: requests", async move {
        // Whoever asks before it is ready is told by the news that it is, and asks again.
        let Some(broker) = broker else { return reply.send(not_yet(ask)).await };
        let answer = match ask {
            Ask::Requests { wanted, filter, sort } => Answer::Requests {
                generation: wanted.generation,
                page: requests(&broker, wanted, filter, sort).await.map_err(|error| told(&error)),
            },
            Ask::Operations { wanted, query } => {
                let page = broker.operation_page(query, wanted.cursor.as_deref(), PAGE).await;
                let page = page.map(|list| Page {
                    items: list.items,
                    next: list.next,
                    total: list.total,
                    fee: Neuron::ZERO,
                    live: Vec::new(),
                });
                let page = page.map_err(|error| told(&error));
                Answer::Operations { generation: wanted.generation, page }
            }
            Ask::Record(id) => {
                let record = broker.request_record(id).await;
                Answer::Record(id, record.map(Box::new).map_err(|error| told(&error)))
            }
            Ask::Operation(id) => {
                let view = broker.operation(id).await;
                Answer::Operation(id, view.map(Box::new).map_err(|error| told(&error)))
            }
            Ask::Verify(id) => Answer::Verified(id, broker.verify(id).await.map_err(|error| told(&error))),
            Ask::Reconcile(provider) => {
                let found = broker.reconcile(provider).await;
                Answer::Reconciled(provider, found.map(Box::new).map_err(|error| told(&error)))
            }
            Ask::Export(_) | Ask::Accept { .. } => return,
        };
        reply.send(answer).await;
    });
}

fn not_yet(ask: Ask) -> Answer {
    let why = || texts::shared::BROKER_NOT_READY.to_owned();
    match ask {
        Ask::Requests { wanted, .. } => Answer::Requests { generation: wanted.generation, page: Err(why()) },
        Ask::Operations { wanted, .. } => {
            Answer::Operations { generation: wanted.generation, page: Err(why()) }
        }
        Ask::Record(id) => Answer::Record(id, Err(why())),
        Ask::Operation(id) => Answer::Operation(id, Err(why())),
        Ask::Accept { request, .. } => Answer::Accepted(request, Err(why())),
        Ask::Verify(id) => Answer::Verified(id, Err(why())),
        Ask::Reconcile(provider) => Answer::Reconciled(provider, Err(why())),
        Ask::Export(export) => Answer::Exported { path: export.file, ended: Err(why()) },
    }
}

/// A page of requests; the first one with those that run, unless the filter names a state or a text.
async fn requests(
    broker: &UserBroker,
    wanted: Wanted,
    filter: RequestFilter,
    sort: RequestSort,
) -> Result<Page<RequestView>, UserError> {
    let mut live = Vec::new();
    if wanted.page == 0 && filter.state.is_none() && filter.search.is_none() {
        for state in [UserRequestState::Sent, UserRequestState::Reserved, UserRequestState::Unconfirmed] {
            let running = RequestFilter { state: Some(state), ..filter.clone() };
            live.extend(broker.requests(running, None, RUNNING, RequestSort::Newest).await?.items);
        }
    }
    let list = broker.requests(filter, wanted.cursor.as_deref(), PAGE, sort).await?;
    // One that ended between the two questions is told by the later one.
    live.retain(|one| list.items.iter().all(|item| item.request != one.request || item.state == one.state));
    let fee = list.fee.total();
    Ok(Page { items: list.items, next: list.next, total: list.total, fee, live })
}
