//! Repairs of an account's book from outside evidence, and giving back keys of calls that cost nothing.

use rusqlite::params;

use super::{Finish, Finished, UserStore, requests};
use crate::{
    domain::{AccountId, Neuron, UserRequestState},
    store::{StoreError, accounts::ensure, amount::add, columns::bytes},
};

/// What an account's book took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopted {
    /// What may be signed now.
    pub authorized: Neuron,
    /// By how much what is owed grew.
    pub owed_more: Neuron,
}

impl UserStore {
    /// Takes over what was promised and owed at least, by evidence (our own signature, the chain's settled sum) that
    /// a lost or older book did not know. Neither figure ever falls. What is owed without a call is kept apart, so that an
    /// audit can still hold the rest against the calls.
    pub async fn adopt(
        &self,
        id: AccountId,
        authorized: Neuron,
        owed: Neuron,
    ) -> Result<Adopted, StoreError> {
        self.db
            .write(move |connection| {
                ensure(connection, id)?;
                let (before, carried): (Neuron, Neuron) = connection
                    .prepare_cached("SELECT owed, carried FROM accounts WHERE user = ?1 AND provider = ?2")?
                    .query_row(params![bytes(&id.user), bytes(&id.provider)], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?;
                let owed_more = owed.above(before);
                let authorized = connection
                    .prepare_cached(
                        "UPDATE accounts SET authorized = MAX(authorized, ?3), owed = ?4, carried = ?5
                         WHERE user = ?1 AND provider = ?2 RETURNING authorized",
                    )?
                    .query_row(
                        params![
                            bytes(&id.user),
                            bytes(&id.provider),
                            authorized.max(owed),
                            add(before, owed_more)?,
                            add(carried, owed_more)?
                        ],
                        |row| row.get(0),
                    )?;
                Ok(Adopted { authorized, owed_more })
            })
            .await
    }

    /// [`UserStore::finish`] for a call that cost nothing; in the same write the caller's key is free again, so that
    /// the call can be repeated.
    pub async fn fail(&self, finish: Finish) -> Result<Finished, StoreError> {
        self.db
            .write(move |connection| {
                let finished = requests::apply(connection, &finish)?;
                if finished.state == UserRequestState::Failed {
                    connection
                        .prepare_cached("UPDATE requests SET idempotency_key = NULL WHERE id = ?1")?
                        .execute([finish.id])?;
                }
                Ok(finished)
            })
            .await
    }
}
