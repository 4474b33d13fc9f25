//! Listings of paid requests with their sums, receipts, and refunds.

use super::UserError;
use super::evidence;
use super::handle::UserBroker;
use super::view::{RefundView, RequestRecord, RequestView};
use crate::domain::{Address, Fee, RequestId, SealedReceipt, ServiceName, Timestamp, UserRequestState};
use crate::store::user::{RefundState, UserRequest, UserRequestFilter, UserRequestSort};
use crate::store::{Direction, PageOf, StoreError};

/// Which requests a listing wants; everything that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    pub provider: Option<Address>,
    pub service: Option<ServiceName>,
    pub state: Option<UserRequestState>,
    /// Made at this moment or later.
    pub from: Option<Timestamp>,
    /// Made before this moment.
    pub to: Option<Timestamp>,
    /// Text in the service's name or the note, or at the start of the provider's address or the request's id; in any
    /// case. A search looks at the newest 200,000 requests.
    pub search: Option<String>,
}

impl RequestFilter {
    pub(super) fn stored(self) -> UserRequestFilter {
        let RequestFilter { provider, service, state, from, to, search } = self;
        let search = search.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        UserRequestFilter { provider, service, state, from, to, search }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestSort {
    #[default]
    Newest,
    Oldest,
    Dearest,
    Cheapest,
}

/// A page of requests and the sums of all that the filter covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestList {
    pub items: Vec<RequestView>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
    pub total: u64,
    pub fee: Fee,
}

impl UserBroker {
    /// Requests by filter, one page at a time; the sums are of everything that the filter covers.
    pub async fn requests(
        &self,
        filter: RequestFilter,
        cursor: Option<&str>,
        limit: u32,
        sort: RequestSort,
    ) -> Result<RequestList, UserError> {
        let after = cursor.map(str::parse).transpose().map_err(|_| UserError::BadCursor)?;
        let sort = match sort {
            RequestSort::Newest => UserRequestSort::CreatedAt(Direction::Descending),
            RequestSort::Oldest => UserRequestSort::CreatedAt(Direction::Ascending),
            RequestSort::Dearest => UserRequestSort::Fee(Direction::Descending),
            RequestSort::Cheapest => UserRequestSort::Fee(Direction::Ascending),
        };
        let filter = filter.stored();
        let store = &self.inner.store;
        let (page, totals) = tokio::join!(
            store.requests(filter.clone(), sort, PageOf { after, limit }),
            store.request_totals(filter),
        );
        let page = page.map_err(|error| match error {
            StoreError::Cursor => UserError::BadCursor,
            error => error.into(),
        })?;
        let totals = totals?;
        Ok(RequestList {
            items: page.items.into_iter().map(view).collect(),
            next: page.next.map(|cursor| cursor.to_string()),
            total: totals.count,
            fee: totals.fee,
        })
    }

    pub async fn request(&self, id: RequestId) -> Result<RequestView, UserError> {
        self.inner.store.request(id).await?.map(view).ok_or(UserError::UnknownRequest(id))
    }

    /// A request with its evidence, for whoever looks at it closely.
    pub async fn request_record(&self, id: RequestId) -> Result<RequestRecord, UserError> {
        let row = self.inner.store.request(id).await?.ok_or(UserError::UnknownRequest(id))?;
        Ok(RequestRecord {
            prices: row.prices,
            price_version: row.price_version,
            body_hash: row.body_hash,
            response_hash: row.response_hash,
            receipt: row.receipt,
            view: view(row),
        })
    }

    /// The provider's statement of what a request cost: signed, unless it has not signed it so far and cannot be asked.
    pub async fn receipt(&self, id: RequestId) -> Result<SealedReceipt, UserError> {
        let request = self.inner.store.request(id).await?.ok_or(UserError::UnknownRequest(id))?;
        evidence::of(&self.inner, &request).await?.ok_or(UserError::NoReceipt(id))
    }

    /// Refunds, newest first; `processed` leaves only those taken, or only those not.
    pub async fn refunds(&self, processed: Option<bool>) -> Result<Vec<RefundView>, UserError> {
        let user = self.inner.user;
        let refunds = self.inner.store.refunds(None).await?;
        let own = refunds.into_iter().filter(|refund| refund.account.user == user);
        let views = own.map(|refund| RefundView {
            provider: refund.account.provider,
            index: refund.index,
            amount: refund.amount,
            created_at: refund.created_at,
            unlock_at: refund.unlock_at,
            state: refund.state,
        });
        Ok(views
            .filter(|refund| {
                processed.is_none_or(|processed| (refund.state == RefundState::Processed) == processed)
            })
            .collect())
    }
}

pub(super) fn view(request: UserRequest) -> RequestView {
    RequestView {
        request: request.id,
        provider: request.account.provider,
        service: request.service,
        created_at: request.created_at,
        finished_at: request.finished_at,
        state: request.state,
        input: request.input,
        output: request.output,
        fee: request.fee,
        max_fee: request.max_fee,
        disputed: request.disputed,
        note: request.error,
        accepted_at: request.accepted_at,
    }
}
