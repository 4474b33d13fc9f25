//! What both roles keep of an account: the chain's last word, the sum of fees, the best voucher.
//!
//! The chain's view is a copy that is overwritten by every newer reading; `owed` and the voucher are our own books and
//! only grow. Vouchers form a maximum by (epoch, cumulative), so they may arrive in any order, twice, or late.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, amount::Count, columns::bytes};
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, PendingRefund, Rotation, Signature, SignedVoucher, Timestamp,
    Voucher,
};

/// What the chain said of an account, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    pub id: AccountId,
    /// `None` when the chain has no such account.
    pub account: Option<ChainAccount>,
    /// The number of the block it was read at.
    pub block: u64,
}

/// Makes an account's row if it is missing.
pub(in crate::store) fn ensure(connection: &Connection, id: AccountId) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO accounts (user, provider) VALUES (?1, ?2)")?
        .execute(params![bytes(&id.user), bytes(&id.provider)])?;
    Ok(())
}

/// Takes over what the chain says. A reading of an older block than the one kept changes nothing, since several are made
/// at the same time; unless it is `forced`, because a reorg took back what was kept, or nothing was read before it in
/// this run.
pub(in crate::store) fn observe(
    connection: &Connection,
    observed: &[Observed],
    forced: bool,
) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE accounts SET balance = ?3, settled = ?4, epoch = ?5, delegate = ?6, rotation_delegate = ?7,
            rotation_at = ?8, refund_index = ?9, refund_amount = ?10, refund_created_at = ?11,
            refund_unlock_at = ?12, block = ?13
         WHERE user = ?1 AND provider = ?2 AND (?14 OR block IS NULL OR block <= ?13)",
    )?;
    for Observed { id, account, block } in observed {
        ensure(connection, *id)?;
        let rotation = account.and_then(|account| account.rotation);
        let refund = account.and_then(|account| account.refund);
        let delegate = account.and_then(|account| account.delegate);
        let new_delegate = rotation.and_then(|rotation| rotation.delegate);
        update.execute(params![
            bytes(&id.user),
            bytes(&id.provider),
            account.map(|account| account.balance),
            account.map(|account| account.settled),
            account.map(|account| account.epoch),
            delegate.as_ref().map(bytes),
            new_delegate.as_ref().map(bytes),
            rotation.map(|rotation| rotation.active_at),
            refund.map(|refund| refund.index),
            refund.map(|refund| refund.amount),
            refund.map(|refund| refund.created_at),
            refund.map(|refund| refund.unlock_at),
            Count(*block),
            forced,
        ])?;
    }
    Ok(())
}

/// What both roles read of a row of `accounts`, in the order of [`Columns`]. Looking a column up by its name takes
/// longer than reading it, and at a start there are many rows.
macro_rules! account_columns {
    ($more:literal) => {
        concat!(
            "SELECT user, provider, owed, block, balance, settled, epoch, delegate, rotation_at, rotation_delegate, refund_index,
                refund_amount, refund_created_at, refund_unlock_at, ",
            $more,
            " FROM accounts"
        )
    };
}
pub(in crate::store) use account_columns;

/// The places of those columns.
struct Columns;

impl Columns {
    const USER: usize = 0;
    const PROVIDER: usize = 1;
    const OWED: usize = 2;
    const BLOCK: usize = 3;
    const BALANCE: usize = 4;
    const SETTLED: usize = 5;
    const EPOCH: usize = 6;
    const DELEGATE: usize = 7;
    const ROTATION_AT: usize = 8;
    const ROTATION_DELEGATE: usize = 9;
    const REFUND_INDEX: usize = 10;
    const REFUND_AMOUNT: usize = 11;
    const REFUND_CREATED_AT: usize = 12;
    const REFUND_UNLOCK_AT: usize = 13;
}

/// The place of the first column that a role reads beyond these.
pub(in crate::store) const OWN: usize = 14;

/// What both roles keep of an account.
pub(in crate::store) struct Account {
    pub id: AccountId,
    pub owed: Neuron,
    /// The chain's view.
    pub chain: Option<ChainAccount>,
    /// The number of the block that the chain's view was read at.
    pub block: Option<u64>,
}

impl Account {
    /// Reads a row of [`account_columns`].
    pub(in crate::store) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let id = AccountId { user: address(row, Columns::USER)?, provider: address(row, Columns::PROVIDER)? };
        let block = row.get::<_, Option<Count>>(Columns::BLOCK)?.map(|count| count.0);
        Ok(Self { id, owed: row.get(Columns::OWED)?, chain: chain_view(row, id)?, block })
    }
}

fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Address> {
    row.get::<_, [u8; 20]>(column).map(Address::from)
}

fn chain_view(row: &Row<'_>, id: AccountId) -> rusqlite::Result<Option<ChainAccount>> {
    let Some(balance) = row.get(Columns::BALANCE)? else { return Ok(None) };
    let optional_address =
        |column: usize| row.get::<_, Option<[u8; 20]>>(column).map(|address| address.map(Address::from));
    let rotation = match row.get::<_, Option<Timestamp>>(Columns::ROTATION_AT)? {
        Some(active_at) => {
            Some(Rotation { delegate: optional_address(Columns::ROTATION_DELEGATE)?, active_at })
        }
        None => None,
    };
    let refund = match row.get(Columns::REFUND_INDEX)? {
        Some(index) => Some(PendingRefund {
            index,
            amount: row.get(Columns::REFUND_AMOUNT)?,
            created_at: row.get(Columns::REFUND_CREATED_AT)?,
            unlock_at: row.get(Columns::REFUND_UNLOCK_AT)?,
        }),
        None => None,
    };
    let (settled, epoch) = (row.get(Columns::SETTLED)?, row.get(Columns::EPOCH)?);
    let delegate = optional_address(Columns::DELEGATE)?;
    Ok(Some(ChainAccount { id, balance, settled, epoch, delegate, rotation, refund }))
}

/// The best voucher of an account, whose signature, epoch and amount are in three columns from `first` on.
pub(in crate::store) fn voucher(
    row: &Row<'_>,
    account: AccountId,
    first: usize,
) -> rusqlite::Result<Option<SignedVoucher>> {
    let Some(signature) = row.get::<_, Option<Signature>>(first)? else { return Ok(None) };
    let voucher = Voucher { account, epoch: row.get(first + 1)?, cumulative: row.get(first + 2)? };
    Ok(Some(SignedVoucher { voucher, signature }))
}

/// Keeps a voucher if it is better than the one there, and returns the best.
pub(in crate::store) fn keep_voucher(
    connection: &Connection,
    new: &SignedVoucher,
) -> Result<SignedVoucher, StoreError> {
    let id = new.voucher.account;
    let best = connection
        .prepare_cached(
            "SELECT voucher_signature, voucher_epoch, voucher_cumulative FROM accounts
             WHERE user = ?1 AND provider = ?2",
        )?
        .query_row(params![bytes(&id.user), bytes(&id.provider)], |row| voucher(row, id, 0))
        .optional()?;
    if best.is_none() {
        ensure(connection, id)?;
    }
    let best = best.flatten();
    let rank = |signed: &SignedVoucher| (signed.voucher.epoch, signed.voucher.cumulative);
    match best {
        Some(best) if rank(&best) >= rank(new) => Ok(best),
        _ => {
            connection
                .prepare_cached(
                    "UPDATE accounts SET voucher_epoch = ?3, voucher_cumulative = ?4, voucher_signature = ?5
                     WHERE user = ?1 AND provider = ?2",
                )?
                .execute(params![
                    bytes(&id.user),
                    bytes(&id.provider),
                    new.voucher.epoch,
                    new.voucher.cumulative,
                    new.signature
                ])?;
            Ok(*new)
        }
    }
}

/// Adds a fee to what is owed on an account that has a row, and returns the new sum.
pub(in crate::store) fn owe(
    connection: &Connection,
    id: AccountId,
    fee: Neuron,
) -> Result<Neuron, StoreError> {
    connection
        .prepare_cached(
            "UPDATE accounts SET owed = plus(owed, ?3) WHERE user = ?1 AND provider = ?2 RETURNING owed",
        )?
        .query_row(params![bytes(&id.user), bytes(&id.provider), fee], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::invalid("a fee for an account without a row"))
}

/// The sum of all fees of an account; zero for one that was never seen.
pub(in crate::store) fn owed(connection: &Connection, id: AccountId) -> Result<Neuron, StoreError> {
    let owed = connection
        .prepare_cached("SELECT owed FROM accounts WHERE user = ?1 AND provider = ?2")?
        .query_row(params![bytes(&id.user), bytes(&id.provider)], |row| row.get(0))
        .optional()?;
    Ok(owed.unwrap_or(Neuron::ZERO))
}
