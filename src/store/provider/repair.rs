//! Two repairs of the books: calls whose task died are struck off, and books that were lost begin at what was paid.

use rusqlite::params;

use super::ProviderStore;
use super::requests::{get, shift};
use crate::domain::{AccountId, Fee, Neuron, ProviderRequestState, RequestId, Timestamp};
use crate::store::{StoreError, accounts, columns::bytes};

impl ProviderStore {
    /// Closes these calls as lost where they are still admitted; they are charged nothing. Returns how many.
    pub async fn lose(&self, ids: Vec<RequestId>, now: Timestamp) -> Result<usize, StoreError> {
        self.db
            .write(move |connection| {
                let mut lost = 0;
                for id in &ids {
                    let Some(request) = get(connection, *id)? else { continue };
                    if request.state != ProviderRequestState::Admitted {
                        continue;
                    }
                    connection
                        .prepare_cached("UPDATE requests SET state = ?2, finished_at = ?3 WHERE id = ?1")?
                        .execute(params![id, ProviderRequestState::Lost, now])?;
                    shift(connection, &request, ProviderRequestState::Lost, Fee::NONE)?;
                    lost += 1;
                }
                Ok(lost)
            })
            .await
    }

    /// Raises what is owed to at least what the chain has settled, and returns it. It is less only when the calls
    /// behind the payment are not in these books: the database was lost and begun anew.
    pub async fn raise_owed(&self, id: AccountId, settled: Neuron) -> Result<Neuron, StoreError> {
        self.db
            .write(move |connection| {
                accounts::ensure(connection, id)?;
                let owed = accounts::owed(connection, id)?.max(settled);
                connection
                    .prepare_cached("UPDATE accounts SET owed = ?3 WHERE user = ?1 AND provider = ?2")?
                    .execute(params![bytes(&id.user), bytes(&id.provider), owed])?;
                Ok(owed)
            })
            .await
    }
}
