//! The user broker's database: accounts and what was promised, paid calls, refunds, budgets; and, without any bearing
//! on those, the conversations and preferences of the terminal ([`LibraryStore`]).
//!
//! Each function that changes money is one write, all or nothing, and may be repeated: the second time changes
//! nothing. The sums it keeps (`owed` of an account, the day's spending, the totals of listings) are always those of
//! the rows.

mod accept;
mod accounts;
pub mod conversations;
mod days;
mod mend;
mod preferences;
mod receipt;
mod refunds;
mod requests;
mod services;

#[cfg(test)]
mod tests;

use super::{Db, Network, Operations, Repeats, Role, StoreError, audit, network};

pub(in crate::store) use self::days::Days;
pub use self::{
    accept::{Accept, Accepted},
    accounts::UserAccount,
    conversations::LibraryStore,
    days::RequestDay,
    mend::Adopted,
    receipt::Place,
    refunds::{Refund, RefundState},
    requests::{
        Finish, Finished, NewUserRequest, Reservation, UserRequest, UserRequestFilter, UserRequestSort,
    },
};

/// The user broker's database. Clones are the same one.
#[derive(Debug, Clone)]
pub struct UserStore {
    db: Db,
}

impl UserStore {
    /// Takes a database of the user role for one contract.
    ///
    /// # Errors
    /// [`StoreError::Role`]; [`StoreError::Network`] when its books are about another contract.
    pub async fn new(db: Db, network: Network) -> Result<Self, StoreError> {
        if db.role() != Role::User {
            return Err(StoreError::Role { wanted: Role::User, found: Some(db.role()) });
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
