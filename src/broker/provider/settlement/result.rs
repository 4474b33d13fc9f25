//! What a settlement brought: read from the chain, per user, and written to its rows.

use std::collections::HashMap;

use super::super::core::Core;
use super::super::error::ProviderError;
use super::forecast::Tried;
use crate::chain::{BlockRef, EventFilter, EventKind};
use crate::domain::{AccountId, Address, B256, Neuron, OperationId, OperationState, Timestamp};
use crate::store::PageOf;
use crate::store::provider::SettlementRow;

/// Settlements of the last runs whose result is looked up again at the start.
const LOOK_BACK: u32 = 20;

impl Core {
    /// Reads from the chain what a mined settlement paid each user, and how the accounts stand since.
    pub(super) async fn take_result(
        &self,
        operation: OperationId,
        hash: B256,
        block: BlockRef,
    ) -> Result<HashMap<Address, Neuron>, ProviderError> {
        let filter = EventFilter { user: None, provider: Some(self.me) };
        let events = self.chain.events(block.number, block.number, filter).await?;
        let mut paid: HashMap<Address, Neuron> = HashMap::new();
        for event in events.iter().filter(|event| event.tx == hash) {
            if let EventKind::Settled { account, paid: amount, .. } = event.kind {
                let sum = paid.entry(account.user).or_default();
                *sum = sum.saturating_add(amount);
            }
        }
        let rows = self.store.settlement_rows(operation).await?;
        let per_row: Vec<(AccountId, Neuron)> = rows
            .iter()
            .map(|row| (row.account, paid.get(&row.account.user).copied().unwrap_or_default()))
            .collect();
        self.read_accounts(rows.iter().map(|row| row.account.user).collect(), block, false).await?;
        self.remember_unpaid(&rows, &paid);
        self.store.settled(operation, per_row.clone()).await?;
        Ok(per_row.into_iter().map(|(account, amount)| (account.user, amount)).collect())
    }

    /// A row that brought nothing is not tried again at once.
    fn remember_unpaid(&self, rows: &[SettlementRow], paid: &HashMap<Address, Neuron>) {
        let at = self.book.chain_now(Timestamp::now());
        let mut tried = self.settling.tried.lock();
        for row in rows {
            let user = row.account.user;
            let balance = self.book.page(user).map_or(Neuron::ZERO, |page| page.account.balance);
            if paid.contains_key(&user) {
                tried.remove(&user);
            } else {
                let (epoch, cumulative) = (row.epoch, row.cumulative);
                tried.insert(user, Tried { epoch, cumulative, claim: row.claim, balance, at });
            }
        }
        // Users who have nothing unsettled need no memory.
        tried.retain(|user, _| self.book.page(*user).is_some_and(|page| !page.unsettled().is_zero()));
    }

    /// Settlements that were mined, but whose result a former run had no time to write down.
    pub(super) async fn finish_old_settlements(&self) {
        let Ok(page) = self.store.settlements(Some(OperationState::Mined), PageOf::first(LOOK_BACK)).await
        else {
            return;
        };
        for settlement in page.items {
            if settlement.rows.iter().all(|row| row.paid.is_some()) {
                continue;
            }
            let (Some(hash), Some((number, block))) = (settlement.operation.hash, settlement.operation.block)
            else {
                continue;
            };
            let block = BlockRef { number, hash: block, time: settlement.operation.updated_at };
            if let Err(error) = self.take_result(settlement.operation.id, hash, block).await {
                tracing::warn!(%error, operation = %settlement.operation.id, "an old settlement's result could not be read");
            }
        }
    }
}
