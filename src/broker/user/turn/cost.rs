//! What a request came to, once it is booked.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use crate::broker::user::UserError;
use crate::broker::user::event::Event;
use crate::broker::user::handle::UserBroker;
use crate::domain::{Fee, Neuron, Prices, RequestId, Timestamp, Units, UserRequestState};
use crate::store::user::UserRequest;

/// How long the end of a request is waited for. The receipt of a cut answer is asked for during some 3 seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// What there is of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// A receipt that fits our own count in everything.
    Verified,
    /// A receipt that does not; the note says why.
    Disputed,
    /// None, or none yet.
    Missing,
}

/// What a request cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    pub request: RequestId,
    /// `Sent` if it was not over when the waiting ended; `Unconfirmed` while its receipt is still being asked for.
    pub state: UserRequestState,
    pub input: Units,
    pub output: Units,
    pub prices: Prices,
    /// What is owed for it. Nothing yet while it is not booked.
    pub fee: Fee,
    pub max_fee: Neuron,
    /// What the provider asked for beyond that; not paid.
    pub disputed: Neuron,
    pub note: Option<String>,
    pub receipt: Proof,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl UserBroker {
    /// What a request came to. Waits until it is booked or known to be unconfirmed, some seconds at most.
    pub async fn cost(&self, request: RequestId) -> Result<Cost, UserError> {
        // Listening begins before the look, so that no end in between is missed.
        let mut news = self.events();
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let row = self.inner.store.request(request).await?.ok_or(UserError::UnknownRequest(request))?;
            let open = matches!(row.state, UserRequestState::Reserved | UserRequestState::Sent);
            if !open || tokio::time::Instant::now() >= until {
                return Ok(cost(row));
            }
            let ended = async {
                loop {
                    match news.recv().await {
                        Ok(Event::RequestEnded { request: ended, .. }) if ended == request => return,
                        Ok(_) => {}
                        // It may have been among what was missed.
                        Err(RecvError::Lagged(_)) => return,
                        Err(RecvError::Closed) => return std::future::pending().await,
                    }
                }
            };
            // Late or not, the row is looked at once more.
            let _ = tokio::time::timeout_at(until, ended).await;
        }
    }
}

fn cost(row: UserRequest) -> Cost {
    let receipt = match (&row.receipt, row.state) {
        (None, _) => Proof::Missing,
        (Some(_), UserRequestState::Disputed) => Proof::Disputed,
        (Some(_), _) => Proof::Verified,
    };
    Cost {
        request: row.id,
        state: row.state,
        input: row.input,
        output: row.output,
        prices: row.prices,
        fee: row.fee,
        max_fee: row.max_fee,
        disputed: row.disputed,
        note: row.error,
        receipt,
        created_at: row.created_at,
        finished_at: row.finished_at,
    }
}
