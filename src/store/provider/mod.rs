//! The provider broker's database: what it offers, whom it let through, what is owed, what was settled.
//!
//! Each function that changes money is one write, all or nothing, and may be repeated: the second time changes
//! nothing. The sums it keeps (`owed` of an account, the totals of listings) are always those of the rows. A receipt is
//! not kept with its signature: everything in it is in the call's row, so it can be signed again whenever it is asked for.

mod accounts;
mod decisions;
mod repair;
mod requests;
mod services;
mod settlements;

#[cfg(test)]
mod tests;

use super::{Db, Network, Operations, Repeats, Role, StoreError, audit, network};

pub use self::{
    accounts::{UserFilter, UserRow, UserSort},
    decisions::StoredDecision,
    requests::{
        Admission, Completed, Completion, NewProviderRequest, ProviderRequest, ProviderRequestFilter,
        ProviderRequestSort,
    },
    services::{OfferedService, PriceVersion, ServiceStatus, UpstreamHeaders},
    settlements::{Settlement, SettlementRow},
};

/// The provider broker's database. Clones are the same one.
#[derive(Debug, Clone)]
pub struct ProviderStore {
    db: Db,
}

impl ProviderStore {
    /// Takes a database of the provider role for one contract.
    ///
    /// # Errors
    /// [`StoreError::Role`]; [`StoreError::Network`] when its books are about another contract.
    pub async fn new(db: Db, network: Network) -> Result<Self, StoreError> {
        if db.role() != Role::Provider {
            return Err(StoreError::Role { wanted: Role::Provider, found: Some(db.role()) });
        }
        network::bind(&db, network).await?;
        Ok(Self { db })
    }

    /// The database itself, for its figures and to close it.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Checks the file and recomputes every sum from its rows; says what does not fit. Reads everything.
    pub async fn audit(&self) -> Result<Vec<String>, StoreError> {
        audit::audit(&self.db).await
    }

    /// On-chain actions.
    pub fn operations(&self) -> Operations {
        Operations::new(self.db.clone())
    }

    /// Calls with an idempotency key.
    pub fn repeats(&self) -> Repeats {
        Repeats::new(self.db.clone())
    }
}
