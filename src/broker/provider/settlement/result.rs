//! What a settlement brought: read from the chain, per user, and written to its rows.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::core::Core;
use super::super::error::ProviderError;
use super::forecast::Tried;
use crate::chain::{BlockRef, ChainError, EventFilter, EventKind};
use crate::crash_point::{self, Point};
use crate::domain::{AccountId, Address, B256, Neuron, OperationId, OperationState, Timestamp};
use crate::store::PageOf;
use crate::store::provider::SettlementRow;

/// Settlements of the last runs whose result is looked up again at the start.
const LOOK_BACK: u32 = 20;

impl Core {
    /// Reads how the accounts of a mined settlement stand since. After this its users may be in another one.
    pub(super) async fn take_accounts(
        &self,
        operation: OperationId,
        block: BlockRef,
    ) -> Result<(), ProviderError> {
        let rows = self.store.settlement_rows(operation).await?;
        self.read_accounts(rows.iter().map(|row| row.account.user).collect(), block, false).await?;
        // A node that is behind shows the accounts as they were before, and what is paid would be sent again.
        let behind = |row: &SettlementRow| {
            self.book.page(row.account.user).is_some_and(|page| page.block < block.number)
        };
        if rows.iter().any(behind) {
            return Err(ChainError::UnknownBlock(block).into());
        }
        self.remember_unpaid(&rows);
        crash_point::pass(Point::SettlementAccounts);
        Ok(())
    }

    /// Reads from the chain what a mined settlement paid each user.
    pub(super) async fn take_result(
        &self,
        operation: OperationId,
        hash: B256,
        block: BlockRef,
    ) -> Result<HashMap<Address, Neuron>, ProviderError> {
        let filter = EventFilter { user: None, provider: Some(self.me) };
        // By the block's hash: asked by its number, a node that does not have it yet gives no events without a word.
        let events = self.chain.events_of_block(block, filter).await?;
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
        self.store.settled(operation, per_row.clone()).await?;
        crash_point::pass(Point::SettlementResult);
        Ok(per_row.into_iter().map(|(account, amount)| (account.user, amount)).collect())
    }

    /// A row that brought nothing is not tried again at once: its account could have paid, and has not.
    fn remember_unpaid(&self, rows: &[SettlementRow]) {
        let at = self.book.chain_now(Timestamp::now());
        let mut tried = self.settling.tried.lock();
        for row in rows {
            let user = row.account.user;
            let Some(account) = self.book.page(user).map(|page| page.account) else { continue };
            if account.settled >= row.claim || account.balance.is_zero() {
                tried.remove(&user);
            } else {
                let (epoch, cumulative, balance) = (row.epoch, row.cumulative, account.balance);
                tried.insert(user, Tried { epoch, cumulative, claim: row.claim, balance, at });
            }
        }
        // Users who have nothing unsettled need no memory.
        tried.retain(|user, _| self.book.page(*user).is_some_and(|page| !page.unsettled().is_zero()));
    }

    /// Settlements that were mined, but whose result a former run had no time to write down.
    pub(super) async fn finish_old_settlements(self: Arc<Self>) {
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
