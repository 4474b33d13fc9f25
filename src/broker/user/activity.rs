//! All on-chain operations in pages, newest first, with what they cost.

use super::UserError;
use super::handle::UserBroker;
use super::view::OperationView;
use crate::domain::{Address, OperationKind, OperationState};
use crate::store::{OperationFilter, PageOf, StoreError};

/// Which operations a listing wants; everything that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationQuery {
    pub kind: Option<OperationKind>,
    pub state: Option<OperationState>,
    pub provider: Option<Address>,
}

impl OperationQuery {
    pub(super) fn stored(self) -> OperationFilter {
        let OperationQuery { kind, state, provider } = self;
        OperationFilter { kind, state, provider }
    }
}

/// A page of operations, and how many the filter covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationList {
    pub items: Vec<OperationView>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
    pub total: u64,
}

impl UserBroker {
    /// Operations by filter, newest first, one page at a time.
    ///
    /// # Errors
    /// [`UserError::BadCursor`] for a cursor that this listing did not give out.
    pub async fn operation_page(
        &self,
        query: OperationQuery,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<OperationList, UserError> {
        let after = cursor.map(str::parse).transpose().map_err(|_| UserError::BadCursor)?;
        let operations = self.inner.store.operations();
        let filter = query.stored();
        let (page, total) =
            tokio::join!(operations.list(filter.clone(), PageOf { after, limit }), operations.count(filter));
        let page = page.map_err(|error| match error {
            StoreError::Cursor => UserError::BadCursor,
            error => error.into(),
        })?;
        let mut items = Vec::with_capacity(page.items.len());
        for operation in page.items {
            items.push(self.inner.view_of(operation).await?);
        }
        Ok(OperationList { items, next: page.next.map(|cursor| cursor.to_string()), total: total? })
    }
}
