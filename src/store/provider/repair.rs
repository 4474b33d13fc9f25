//! Two repairs of the books: calls whose task died are struck off, and books that were lost begin at what was paid.

use rusqlite::params;

use super::ProviderStore;
use super::requests::get;
use crate::domain::{AccountId, Neuron, ProviderRequestState, RequestId, Timestamp};
use crate::store::{StoreError, accounts, amount::add, columns::bytes};

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
                let before = accounts::owed(connection, id)?;
                let missing = settled.above(before);
                let carried: Neuron = connection
                    .prepare_cached("SELECT carried FROM accounts WHERE user = ?1 AND provider = ?2")?
                    .query_row(params![bytes(&id.user), bytes(&id.provider)], |row| row.get(0))?;
                let owed = add(before, missing)?;
                connection
                    .prepare_cached(
                        "UPDATE accounts SET owed = ?3, carried = ?4 WHERE user = ?1 AND provider = ?2",
                    )?
                    .execute(params![bytes(&id.user), bytes(&id.provider), owed, add(carried, missing)?])?;
                Ok(owed)
            })
            .await
    }
}

impl ProviderStore {
    /// While nothing was booked on an account here, what is owed is what the chain says was paid, up and down: a word
    /// that the chain takes back leaves nothing behind. Returns what is owed.
    pub async fn carry(&self, id: AccountId, settled: Neuron) -> Result<Neuron, StoreError> {
        self.db
            .write(move |connection| {
                accounts::ensure(connection, id)?;
                connection
                    .prepare_cached(
                        "UPDATE accounts SET owed = ?3, carried = ?3
                         WHERE user = ?1 AND provider = ?2 AND owed = carried",
                    )?
                    .execute(params![bytes(&id.user), bytes(&id.provider), settled])?;
                accounts::owed(connection, id)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{Address, B256, Fee, Prices, ReceiptStatus, Units};
    use crate::store::provider::{Completion, NewProviderRequest};
    use crate::store::{Db, Network, Role};

    async fn store() -> ProviderStore {
        let network = Network { chain_id: 1, contract: Address::repeat_byte(9) };
        ProviderStore::new(Db::temporary(Role::Provider).unwrap(), network).await.unwrap()
    }

    fn id() -> AccountId {
        AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(2) }
    }

    async fn admitted(store: &ProviderStore) -> RequestId {
        let request = RequestId::random();
        let new = NewProviderRequest {
            id: request,
            account: id(),
            service: "svc".parse().unwrap(),
            created_at: Timestamp::from_seconds(1),
            max_fee: Neuron::new(100),
            price_version: 1,
            prices: Prices::default(),
            body_hash: B256::ZERO,
            voucher: None,
        };
        store.admit(new).await.unwrap();
        request
    }

    fn charged(request: RequestId, fee: u128) -> Completion {
        Completion {
            id: request,
            state: ProviderRequestState::Charged,
            input: Units(1),
            output: Units(0),
            fee: Fee { input: Neuron::new(fee), output: Neuron::ZERO },
            status: ReceiptStatus::Complete,
            response_hash: B256::ZERO,
            at: Timestamp::from_seconds(2),
        }
    }

    #[tokio::test]
    async fn only_what_is_still_admitted_is_struck_off() {
        let store = store().await;
        let (lost, kept) = (admitted(&store).await, admitted(&store).await);
        store.complete(charged(kept, 7)).await.unwrap();
        let ids = vec![lost, kept, RequestId::random()];
        let now = Timestamp::from_seconds(3);
        assert_eq!(store.lose(ids.clone(), now).await.unwrap(), 1);
        assert_eq!(store.lose(ids, now).await.unwrap(), 0);
        let states = [lost, kept].map(|id| store.request(id));
        let states = futures_util::future::join_all(states).await;
        let states: Vec<_> = states.into_iter().map(|row| row.unwrap().unwrap().state).collect();
        assert_eq!(states, [ProviderRequestState::Lost, ProviderRequestState::Charged]);
        assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_the_chain_takes_back_leaves_nothing_behind_until_something_was_booked() {
        let store = store().await;
        let n = Neuron::new;
        assert_eq!(store.carry(id(), n(40)).await.unwrap(), n(40));
        assert_eq!(store.carry(id(), n(0)).await.unwrap(), n(0));
        assert_eq!(store.carry(id(), n(25)).await.unwrap(), n(25));
        let request = admitted(&store).await;
        assert_eq!(store.complete(charged(request, 7)).await.unwrap().owed, n(32));
        assert_eq!(store.carry(id(), n(90)).await.unwrap(), n(32));
        assert_eq!(store.user(id()).await.unwrap().unwrap().carried, n(25));
        assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn lost_books_begin_at_what_was_paid_and_still_add_up() {
        let store = store().await;
        let n = Neuron::new;
        assert_eq!(store.raise_owed(id(), n(40)).await.unwrap(), n(40));
        let request = admitted(&store).await;
        assert_eq!(store.complete(charged(request, 7)).await.unwrap().owed, n(47));
        assert_eq!(store.raise_owed(id(), n(45)).await.unwrap(), n(47));
        assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    }
}
