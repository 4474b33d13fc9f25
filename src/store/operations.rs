//! On-chain actions from intent to outcome, and every transaction ever signed for them. The same in both roles.
//!
//! The intent is written before anything is signed, each signed transaction before it is broadcast, so that after a
//! crash every transaction that may exist is known by its hash. The outcome is written as often as the chain changes
//! its mind: a reorg takes an operation back to "sent".

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Db, Direction, Page, PageOf, StoreError,
    amount::Count,
    columns::{address, bytes, hash, hash_if_any},
    page::{Filter, Order, cut},
};
use crate::domain::{Address, B256, Neuron, OperationId, OperationKind, OperationState, Timestamp};

/// The operations of a database.
#[derive(Debug, Clone)]
pub struct Operations {
    db: Db,
}

/// An action that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperation {
    pub id: OperationId,
    pub kind: OperationKind,
    /// What exactly, in the words of the broker that asks.
    pub params: serde_json::Value,
    /// The caller's own key against doing it twice.
    pub idempotency_key: Option<String>,
    pub at: Timestamp,
}

/// An action and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub id: OperationId,
    pub kind: OperationKind,
    pub params: serde_json::Value,
    pub idempotency_key: Option<String>,
    pub state: OperationState,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The transaction that was mined.
    pub hash: Option<B256>,
    pub block: Option<(u64, B256)>,
    pub gas_used: u64,
    /// Neuron for each unit of gas.
    pub gas_price: Neuron,
    /// The new contract, after a deployment.
    pub contract: Option<Address>,
    /// Why it was reverted or refused.
    pub error: Option<String>,
}

/// Whether an operation is new, or the caller's key was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    New,
    Before(Box<Operation>),
}

/// A signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// `None` for a transaction that only fills a gap between nonces.
    pub op: Option<OperationId>,
    pub from: Address,
    pub nonce: u64,
    pub hash: B256,
    /// As it is broadcast.
    pub raw: Vec<u8>,
    /// Neuron for each unit of gas at most.
    pub max_fee: Neuron,
    pub priority: Neuron,
    pub at: Timestamp,
}

/// How an operation ended, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationEnd {
    /// Anything but `Prepared` and `Sent`.
    pub state: OperationState,
    pub hash: Option<B256>,
    pub block: Option<(u64, B256)>,
    pub gas_used: u64,
    pub gas_price: Neuron,
    pub contract: Option<Address>,
    pub error: Option<String>,
    pub at: Timestamp,
}

/// Which operations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationFilter {
    pub kind: Option<OperationKind>,
    pub state: Option<OperationState>,
    /// Named in the params as `provider`.
    pub provider: Option<Address>,
}

impl Operations {
    pub(in crate::store) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes an intent down, unless the key was used before. One write.
    pub async fn begin(&self, new: NewOperation) -> Result<Begun, StoreError> {
        self.db.write(move |connection| begin(connection, &new)).await
    }

    /// Writes a signed transaction down, and that its operation is under way. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an unknown operation or one that was refused.
    pub async fn record(&self, attempt: AttemptRow) -> Result<(), StoreError> {
        self.db.write(move |connection| record(connection, &attempt)).await
    }

    /// Writes an outcome down. May be repeated, and may be followed by another outcome after a reorg.
    pub async fn finish(&self, id: OperationId, end: OperationEnd) -> Result<(), StoreError> {
        self.db.write(move |connection| finish(connection, id, &end)).await
    }

    pub async fn get(&self, id: OperationId) -> Result<Option<Operation>, StoreError> {
        self.db.read(move |connection| get(connection, id)).await
    }

    /// The operation that a caller's key stands for.
    pub async fn by_key(&self, key: String) -> Result<Option<Operation>, StoreError> {
        self.db.read(move |connection| by_key(connection, &key)).await
    }

    /// All transactions signed for an operation, oldest first.
    pub async fn attempts(&self, id: OperationId) -> Result<Vec<AttemptRow>, StoreError> {
        self.db
            .read(move |connection| {
                let mut statement =
                    connection.prepare_cached("SELECT * FROM attempts WHERE op = ?1 ORDER BY at, rowid")?;
                Ok(statement.query_map([id], attempt)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Operations whose outcome is not known, oldest first: prepared, sent or unknown.
    pub async fn unfinished(&self) -> Result<Vec<Operation>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM operations WHERE state IN ('prepared', 'sent', 'unknown') ORDER BY created_at, id",
                )?;
                Ok(statement.query_map([], operation)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The transactions that a sender must follow after a restart, by key and nonce: those of unfinished operations, and for
    /// a key that has any the fillers of gaps above all that was mined. One below everything unfinished is the very one
    /// that the rest waits for.
    pub async fn unfinished_attempts(&self) -> Result<Vec<AttemptRow>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "WITH open AS (SELECT attempts.* FROM attempts JOIN operations ON operations.id = attempts.op
                                   WHERE operations.state IN ('prepared', 'sent', 'unknown')),
                          mined AS (SELECT attempts.sender, MAX(attempts.nonce) AS nonce
                                    FROM operations JOIN attempts ON attempts.hash = operations.hash
                                    WHERE operations.state IN ('mined', 'reverted') GROUP BY attempts.sender)
                     SELECT * FROM open
                     UNION ALL
                     SELECT filler.* FROM attempts AS filler LEFT JOIN mined ON mined.sender = filler.sender
                     WHERE filler.op IS NULL AND filler.sender IN (SELECT sender FROM open)
                        AND filler.nonce > COALESCE(mined.nonce, -1)
                     ORDER BY sender, nonce, at",
                )?;
                Ok(statement.query_map([], attempt)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// How many operations there are.
    pub async fn count(&self, filter: OperationFilter) -> Result<u64, StoreError> {
        self.db
            .read(move |connection| {
                let conditions = conditions(&filter);
                let sql = format!("SELECT count(*) FROM operations{}", conditions.sql());
                let values = rusqlite::params_from_iter(&conditions.values);
                let count: Count = connection.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?;
                Ok(count.0)
            })
            .await
    }

    /// Operations, newest first.
    pub async fn list(&self, filter: OperationFilter, page: PageOf) -> Result<Page<Operation>, StoreError> {
        self.db
            .read(move |connection| {
                let mut conditions = conditions(&filter);
                let order = Order { column: "created_at", id: "id", direction: Direction::Descending };
                let sql = format!("SELECT * FROM operations{}", conditions.page(order, &page)?);
                let mut statement = connection.prepare_cached(&sql)?;
                let values = rusqlite::params_from_iter(&conditions.values);
                let items = statement.query_map(values, operation)?.collect::<Result<Vec<_>, _>>()?;
                Ok(cut(items, &page, order, |last| {
                    (last.created_at.as_micros().into(), last.id.bytes().to_vec())
                }))
            })
            .await
    }
}

fn conditions(filter: &OperationFilter) -> Filter {
    let mut conditions = Filter::default();
    conditions.and_if("kind = ?", filter.kind.map(|kind| kind.as_str().to_owned()));
    conditions.and_if("state = ?", filter.state.map(|state| state.as_str().to_owned()));
    let provider = filter.provider.map(|provider| serde_json::json!(provider));
    let provider = provider.as_ref().and_then(|provider| provider.as_str()).map(str::to_owned);
    conditions.and_if("params ->> '$.provider' = ?", provider);
    conditions
}

/// [`Operations::begin`] inside a transaction of somebody else's.
pub(in crate::store) fn begin(connection: &Connection, new: &NewOperation) -> Result<Begun, StoreError> {
    if let Some(key) = &new.idempotency_key
        && let Some(before) = by_key(connection, key)?
    {
        return Ok(Begun::Before(Box::new(before)));
    }
    if let Some(before) = get(connection, new.id)? {
        return Ok(Begun::Before(Box::new(before)));
    }
    connection
        .prepare_cached(
            "INSERT INTO operations (id, kind, params, idempotency_key, state, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?
        .execute(params![
            new.id,
            new.kind,
            new.params.to_string(),
            new.idempotency_key,
            OperationState::Prepared,
            new.at
        ])?;
    Ok(Begun::New)
}

fn record(connection: &Connection, attempt: &AttemptRow) -> Result<(), StoreError> {
    if let Some(op) = attempt.op {
        let found =
            get(connection, op)?.ok_or_else(|| StoreError::invalid(format!("there is no operation {op}")))?;
        let next =
            found.state.to(OperationState::Sent).map_err(|error| StoreError::invalid(error.to_string()))?;
        connection
            .prepare_cached("UPDATE operations SET state = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute(params![op, next, attempt.at])?;
    }
    // The same nonce, fees and call are the same bytes. After nodes refused them they may be signed for the next order, and
    // belong to that one from then on: it would else be taken for one of which nothing was signed.
    connection
        .prepare_cached(
            "INSERT INTO attempts (hash, op, sender, nonce, raw, max_fee, priority, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (hash) DO UPDATE SET op = excluded.op
                WHERE excluded.op IS NOT NULL
                    AND attempts.op IN (SELECT id FROM operations WHERE state = 'refused')",
        )?
        .execute(params![
            bytes(&attempt.hash),
            attempt.op,
            bytes(&attempt.from),
            Count(attempt.nonce),
            attempt.raw,
            attempt.max_fee,
            attempt.priority,
            attempt.at
        ])?;
    Ok(())
}

/// [`Operations::finish`] inside a transaction of somebody else's.
pub(in crate::store) fn finish(
    connection: &Connection,
    id: OperationId,
    end: &OperationEnd,
) -> Result<(), StoreError> {
    let found =
        get(connection, id)?.ok_or_else(|| StoreError::invalid(format!("there is no operation {id}")))?;
    let given_up = end.state == OperationState::Refused
        // A transaction is written down before it is broadcast, so an operation can be refused after it was "sent".
        && matches!(found.state, OperationState::Prepared | OperationState::Sent | OperationState::Unknown);
    if found.state != end.state && !given_up {
        found.state.to(end.state).map_err(|error| StoreError::invalid(error.to_string()))?;
    }
    connection
        .prepare_cached(
            "UPDATE operations SET state = ?2, hash = ?3, block = ?4, block_hash = ?5, gas_used = ?6, gas_price = ?7,
                contract = ?8, error = ?9, updated_at = ?10
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            end.state,
            end.hash.as_ref().map(bytes),
            end.block.map(|(number, _)| Count(number)),
            end.block.as_ref().map(|(_, hash)| bytes(hash)),
            Count(end.gas_used),
            end.gas_price,
            end.contract.as_ref().map(bytes),
            end.error,
            end.at
        ])?;
    if end.state == OperationState::Refused {
        // Nothing was ever signed for it, so nothing can have happened: the caller's key may be used to try again.
        connection
            .prepare_cached(
                "UPDATE operations SET idempotency_key = NULL
                 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM attempts WHERE op = ?1)",
            )?
            .execute([id])?;
    }
    Ok(())
}

pub(in crate::store) fn get(
    connection: &Connection,
    id: OperationId,
) -> Result<Option<Operation>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT * FROM operations WHERE id = ?1")?;
    Ok(statement.query_row([id], operation).optional()?)
}

fn by_key(connection: &Connection, key: &str) -> Result<Option<Operation>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT * FROM operations WHERE idempotency_key = ?1")?;
    Ok(statement.query_row([key], operation).optional()?)
}

fn operation(row: &Row<'_>) -> rusqlite::Result<Operation> {
    let params: String = row.get("params")?;
    let params = serde_json::from_str(&params).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })?;
    let block = match (row.get::<_, Option<Count>>("block")?, hash_if_any(row, "block_hash")?) {
        (Some(number), Some(hash)) => Some((number.0, hash)),
        _ => None,
    };
    Ok(Operation {
        id: row.get("id")?,
        kind: row.get("kind")?,
        params,
        idempotency_key: row.get("idempotency_key")?,
        state: row.get("state")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        hash: hash_if_any(row, "hash")?,
        block,
        gas_used: row.get::<_, Count>("gas_used")?.0,
        gas_price: row.get("gas_price")?,
        contract: row.get::<_, Option<[u8; 20]>>("contract")?.map(Address::from),
        error: row.get("error")?,
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    Ok(AttemptRow {
        op: row.get("op")?,
        from: address(row, "sender")?,
        nonce: row.get::<_, Count>("nonce")?.0,
        hash: hash(row, "hash")?,
        raw: row.get("raw")?,
        max_fee: row.get("max_fee")?,
        priority: row.get("priority")?,
        at: row.get("at")?,
    })
}
