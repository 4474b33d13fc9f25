//! Accepting a receipt that differs from our own count: what was disputed becomes owed.
//!
//! The call's row, the sums of account, day and listings, the message that it answered and what may be signed change
//! in one write, once. Nothing is taken that the row does not hold: the fee is that of the receipt which is kept with
//! it, within the highest fee of the call.

use rusqlite::{OptionalExtension, params};

use super::{
    UserRequest, UserStore,
    accounts::authorize,
    conversations::{MessageCost, set_cost},
    days, requests,
};
use crate::{
    domain::{Neuron, RequestId, Timestamp, UserRequestState},
    store::{
        StoreError, accounts,
        amount::{add, sub},
        columns::bytes,
        totals::{Key, Sums},
    },
};

/// What a person agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept {
    pub id: RequestId,
    /// What is paid beyond our own count; no other sum is accepted.
    pub amount: Neuron,
    /// The most that calls of the day on which this one was made may cost.
    pub day_cap: Option<Neuron>,
    pub at: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The call is done and its fee owed; vouchers up to `authorized` may be signed.
    Done { request: Box<UserRequest>, authorized: Neuron },
    /// The call is in another state, or another sum is disputed; nothing was changed.
    Differs(Box<UserRequest>),
    /// The day's cap leaves less; nothing was changed.
    DayCap { available: Neuron },
}

impl UserStore {
    /// Books a disputed call as its receipt says.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an unknown call, or one whose receipt does not come to that sum.
    pub async fn accept(&self, accept: Accept) -> Result<Accepted, StoreError> {
        self.db
            .write(move |connection| {
                let Accept { id, amount, day_cap, at } = accept;
                let request = requests::existing(connection, id)?;
                let disputed = request.state == UserRequestState::Disputed && request.disputed == amount;
                if !disputed || amount.is_zero() {
                    return Ok(Accepted::Differs(Box::new(request)));
                }
                let receipt = request.receipt.ok_or_else(|| StoreError::invalid("a dispute without a receipt"))?;
                let fee = receipt.receipt.fee.capped(request.max_fee);
                if fee.total() != add(request.fee.total(), amount)? {
                    return Err(StoreError::invalid("a receipt does not come to what is disputed"));
                }
                let day = request.created_at.day();
                if let Some(cap) = day_cap {
                    let available = cap.above(spent_on(connection, day)?);
                    if available < amount {
                        return Ok(Accepted::DayCap { available });
                    }
                }

                connection
                    .prepare_cached(
                        "UPDATE requests SET state = ?2, input_fee = ?3, output_fee = ?4, fee = ?5, disputed = ?6,
                            accepted_at = ?7
                         WHERE id = ?1",
                    )?
                    .execute(params![
                        id,
                        request.state.to(UserRequestState::Done).map_err(|error| StoreError::invalid(error.to_string()))?,
                        fee.input,
                        fee.output,
                        fee.total(),
                        Neuron::ZERO,
                        at
                    ])?;
                if is_filed(connection, id)? {
                    let key = |state: UserRequestState| Key {
                        account: request.account,
                        service: request.service.clone(),
                        state: state.as_str(),
                        day,
                    };
                    let (mut before, mut after) = (Sums::default(), Sums::default());
                    before.count(key(request.state), request.fee)?;
                    after.count(key(UserRequestState::Done), fee)?;
                    before.take_out(connection)?;
                    after.write(connection)?;
                    days::accepted(connection, &request, fee)?;
                }
                accounts::owe(connection, request.account, amount)?;
                settle_dispute(connection, &request)?;
                let cost = MessageCost {
                    input: request.input,
                    output: request.output,
                    fee: fee.total(),
                    disputed: Neuron::ZERO,
                };
                set_cost(connection, id, cost)?;
                let account = super::accounts::get(connection, request.account)?;
                let owed = account.map_or(Neuron::ZERO, |account| account.owed);
                let authorized = authorize(connection, request.account, owed)?;
                let request = Box::new(requests::existing(connection, id)?);
                Ok(Accepted::Done { request, authorized })
            })
            .await
    }
}

/// What the calls of a day cost with all providers.
fn spent_on(connection: &rusqlite::Connection, day: u64) -> Result<Neuron, StoreError> {
    days::spent_on(connection, day)?.into_values().try_fold(Neuron::ZERO, add)
}

fn is_filed(connection: &rusqlite::Connection, id: RequestId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT filed FROM requests WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

/// What is disputed with the account no longer has this call's part.
fn settle_dispute(connection: &rusqlite::Connection, request: &UserRequest) -> Result<(), StoreError> {
    let id = request.account;
    let key = params![bytes(&id.user), bytes(&id.provider)];
    let disputed: Option<Neuron> = connection
        .prepare_cached("SELECT disputed FROM accounts WHERE user = ?1 AND provider = ?2")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    let rest = sub(disputed.unwrap_or(Neuron::ZERO), request.disputed)?;
    connection
        .prepare_cached("UPDATE accounts SET disputed = ?3 WHERE user = ?1 AND provider = ?2")?
        .execute(params![bytes(&id.user), bytes(&id.provider), rest])?;
    Ok(())
}
