//! Settlements: which users' vouchers went to the chain in one transaction, and what each was paid.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::ProviderStore;
use crate::{
    domain::{AccountId, Neuron, OperationId, OperationKind, OperationState},
    store::{
        Begun, NewOperation, Operation, OperationEnd, OperationFilter, Page, PageOf, StoreError,
        amount::Count,
        columns::{account, bytes},
        operations,
    },
};

/// One user's line of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementRow {
    pub account: AccountId,
    /// The voucher that was presented.
    pub epoch: u32,
    pub cumulative: Neuron,
    /// What was asked for in all, over all time.
    pub claim: Neuron,
    /// What this settlement paid; `None` until the chain has said.
    pub paid: Option<Neuron>,
}

/// A settlement with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub operation: Operation,
    pub rows: Vec<SettlementRow>,
}

impl Settlement {
    /// What it paid in all, as far as is known.
    pub fn paid(&self) -> Neuron {
        self.rows.iter().filter_map(|row| row.paid).fold(Neuron::ZERO, Neuron::saturating_add)
    }
}

impl ProviderStore {
    /// Writes the intent to settle down, with its lines: one write, before anything is signed. Lines of an operation
    /// that was begun before are left as they are.
    pub async fn begin_settlement(
        &self,
        operation: NewOperation,
        rows: Vec<SettlementRow>,
    ) -> Result<Begun, StoreError> {
        self.db
            .write(move |connection| {
                if operation.kind != OperationKind::Settle {
                    return Err(StoreError::invalid("only a settlement has lines"));
                }
                let begun = operations::begin(connection, &operation)?;
                if begun == Begun::New {
                    for row in &rows {
                        insert(connection, operation.id, row)?;
                    }
                }
                Ok(begun)
            })
            .await
    }

    /// Notes what a settlement paid each user, over what was noted before: a reorg can change it.
    pub async fn settled(&self, id: OperationId, paid: Vec<(AccountId, Neuron)>) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection
                    .prepare_cached("UPDATE settlement_rows SET paid = NULL WHERE op = ?1")?
                    .execute([id])?;
                let mut update = connection.prepare_cached(
                    "UPDATE settlement_rows SET paid = ?4 WHERE op = ?1 AND user = ?2 AND provider = ?3",
                )?;
                for (account, amount) in &paid {
                    let changed = update.execute(params![
                        id,
                        bytes(&account.user),
                        bytes(&account.provider),
                        amount
                    ])?;
                    if changed != 1 {
                        return Err(StoreError::invalid("a settlement paid for a user who is not in it"));
                    }
                }
                Ok(())
            })
            .await
    }

    /// Takes a settlement back of which nothing was ever signed, so that a fee that stays too high for hours leaves no
    /// row for every try. `false`: something was signed, or it is not there.
    pub async fn take_back_settlement(&self, id: OperationId) -> Result<bool, StoreError> {
        self.db
            .write(move |connection| {
                let unsigned: bool = connection
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM operations WHERE id = ?1 AND kind = 'settle' AND state = 'prepared')
                            AND NOT EXISTS (SELECT 1 FROM attempts WHERE op = ?1)",
                    )?
                    .query_row([id], |row| row.get(0))?;
                if unsigned {
                    connection.prepare_cached("DELETE FROM settlement_rows WHERE op = ?1")?.execute([id])?;
                    connection.prepare_cached("DELETE FROM operations WHERE id = ?1")?.execute([id])?;
                }
                Ok(unsigned)
            })
            .await
    }

    /// Writes down that every node refused a settlement. Its lines go, since nothing comes of them and each try would leave
    /// some hundred; what was signed stays known by its hash.
    pub async fn refuse_settlement(&self, id: OperationId, end: OperationEnd) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                if end.state != OperationState::Refused {
                    return Err(StoreError::invalid("only a settlement that was refused loses its lines"));
                }
                operations::finish(connection, id, &end)?;
                connection.prepare_cached("DELETE FROM settlement_rows WHERE op = ?1")?.execute([id])?;
                Ok(())
            })
            .await
    }

    /// What the gas of all settlements has cost, those that were reverted included.
    pub async fn settlement_gas(&self) -> Result<Neuron, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT gas_used, gas_price FROM operations WHERE kind = 'settle' AND gas_used > 0",
                )?;
                let mut costs = statement.query_map([], |row| {
                    let (used, price): (Count, Neuron) = (row.get(0)?, row.get(1)?);
                    Ok(Neuron::new(price.get().saturating_mul(used.0.into())))
                })?;
                costs.try_fold(Neuron::ZERO, |sum, cost| Ok(sum.saturating_add(cost?)))
            })
            .await
    }

    pub async fn settlement_rows(&self, id: OperationId) -> Result<Vec<SettlementRow>, StoreError> {
        self.db.read(move |connection| lines(connection, id)).await
    }

    /// Settlements with their lines, newest first.
    pub async fn settlements(
        &self,
        state: Option<OperationState>,
        page: PageOf,
    ) -> Result<Page<Settlement>, StoreError> {
        let filter = OperationFilter { kind: Some(OperationKind::Settle), state, provider: None };
        let Page { items, next } = self.operations().list(filter, page).await?;
        let ids: Vec<_> = items.iter().map(|operation| operation.id).collect();
        let mut rows: BTreeMap<OperationId, Vec<SettlementRow>> = self
            .db
            .read(move |connection| ids.into_iter().map(|id| Ok((id, lines(connection, id)?))).collect())
            .await?;
        let items = items
            .into_iter()
            .map(|operation| Settlement { rows: rows.remove(&operation.id).unwrap_or_default(), operation })
            .collect();
        Ok(Page { items, next })
    }
}

fn insert(connection: &Connection, id: OperationId, row: &SettlementRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO settlement_rows (op, user, provider, epoch, cumulative, claim, paid)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            id,
            bytes(&row.account.user),
            bytes(&row.account.provider),
            row.epoch,
            row.cumulative,
            row.claim,
            row.paid
        ])?;
    Ok(())
}

fn lines(connection: &Connection, id: OperationId) -> Result<Vec<SettlementRow>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM settlement_rows WHERE op = ?1 ORDER BY user, provider")?;
    Ok(statement.query_map([id], read)?.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<SettlementRow> {
    Ok(SettlementRow {
        account: account(row)?,
        epoch: row.get("epoch")?,
        cumulative: row.get("cumulative")?,
        claim: row.get("claim")?,
        paid: row.get("paid")?,
    })
}
