//! Paid calls: held, sent, answered, and what they came to.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::{
    UserStore,
    accounts::{Sums, authorize, grow},
    days,
    receipt::Kept,
};
use crate::{
    domain::{
        AccountId, Address, B256, Fee, Neuron, Prices, RequestId, SealedReceipt, ServiceName, Timestamp,
        Units, UserRequestState,
    },
    store::{
        Direction, Page, PageOf, StoreError, Totals,
        amount::{Count, add},
        columns::{account, bytes, hash, hash_if_any},
        page::{Filter, Order, cut},
        totals::{self, Asked},
    },
};

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUserRequest {
    pub id: RequestId,
    pub account: AccountId,
    pub service: ServiceName,
    pub created_at: Timestamp,
    /// `Reserved`, or `Sent` when sending follows at once: then a crash in between counts as sent.
    pub state: UserRequestState,
    /// The highest fee it can come to.
    pub max_fee: Neuron,
    pub price_version: u64,
    pub prices: Prices,
    pub body_hash: B256,
    /// The caller's own key against paying twice.
    pub idempotency_key: Option<String>,
}

/// A call as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRequest {
    pub id: RequestId,
    pub account: AccountId,
    pub service: ServiceName,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub state: UserRequestState,
    /// By our own count.
    pub input: Units,
    pub output: Units,
    /// What is owed for it.
    pub fee: Fee,
    /// What the provider asked for beyond that.
    pub disputed: Neuron,
    pub max_fee: Neuron,
    pub price_version: u64,
    pub prices: Prices,
    pub body_hash: B256,
    pub response_hash: Option<B256>,
    pub receipt: Option<SealedReceipt>,
    /// Why it failed or is disputed, or was until a person accepted the receipt.
    pub error: Option<String>,
    /// When a person accepted the receipt although our own count differs.
    pub accepted_at: Option<Timestamp>,
    pub idempotency_key: Option<String>,
}

/// What became of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// Written; vouchers up to `authorized` may be signed.
    Made { authorized: Neuron },
    /// The id or the caller's key was used before; nothing was changed.
    Before(Box<UserRequest>),
}

/// How a call ended, or that its end is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    pub id: RequestId,
    /// `Done`, `Disputed`, `Unconfirmed` or `Failed`.
    pub state: UserRequestState,
    pub input: Units,
    pub output: Units,
    /// What is owed for it; nothing while unconfirmed or when it failed.
    pub fee: Fee,
    pub disputed: Neuron,
    pub response_hash: Option<B256>,
    pub receipt: Option<SealedReceipt>,
    pub error: Option<String>,
    /// Raise what may be signed in the same write, for the voucher that acknowledges the answer.
    pub authorize: Option<Neuron>,
    pub at: Timestamp,
}

/// The books after a [`Finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Whether this was the write that changed the call; false when it had ended before.
    pub applied: bool,
    /// The state it is in now.
    pub state: UserRequestState,
    /// What is owed for it now.
    pub fee: Neuron,
    /// The account's sums, this call included.
    pub owed: Neuron,
    pub disputed: Neuron,
    pub authorized: Neuron,
}

/// Which calls are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserRequestFilter {
    pub provider: Option<Address>,
    pub service: Option<ServiceName>,
    pub state: Option<UserRequestState>,
    /// Created at this moment or later.
    pub from: Option<Timestamp>,
    /// Created before this moment.
    pub to: Option<Timestamp>,
    /// In the service's name or the note, or at the start of the provider's address or the id; in any case. Of all
    /// calls only the newest [`SEARCHED`] are looked at.
    pub search: Option<String>,
}

/// How many calls a search looks at; no index helps it.
pub const SEARCHED: i64 = 200_000;

/// How a list of calls is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserRequestSort {
    CreatedAt(Direction),
    Fee(Direction),
}

impl UserStore {
    /// Writes a call down and raises what may be signed for its account to at least `authorized`: one write, before
    /// anything leaves the machine.
    pub async fn reserve(&self, new: NewUserRequest, authorized: Neuron) -> Result<Reservation, StoreError> {
        self.db.write(move |connection| reserve(connection, &new, authorized)).await
    }

    /// Books how a call ended: its row, what is owed in all, the day's spending, in one write. The first end counts;
    /// repeating it, or another end after it, changes nothing and answers with the books as they are. A call that is
    /// unconfirmed can still end.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an unknown call, a fee above its highest, or a fee for one that is not answered.
    pub async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        self.db.write(move |connection| apply(connection, &finish)).await
    }

    pub async fn request(&self, id: RequestId) -> Result<Option<UserRequest>, StoreError> {
        self.db.read(move |connection| get(connection, id)).await
    }

    /// The call that a caller's key stands for.
    pub async fn request_by_key(&self, key: String) -> Result<Option<UserRequest>, StoreError> {
        self.db.read(move |connection| by_key(connection, &key)).await
    }

    /// Calls that have not ended, oldest first: reserved, sent or unconfirmed. Their highest fees are held.
    pub async fn unfinished_requests(&self) -> Result<Vec<UserRequest>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM requests INDEXED BY requests_unfiled
                     WHERE filed = 0 AND state IN ('reserved', 'sent', 'unconfirmed') ORDER BY created_at, id",
                )?;
                Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    pub async fn requests(
        &self,
        filter: UserRequestFilter,
        sort: UserRequestSort,
        page: PageOf,
    ) -> Result<Page<UserRequest>, StoreError> {
        self.db
            .read(move |connection| {
                let order = sort.order();
                let index = filter.index(connection, order, &page)?;
                let (sql, values) = filter.conditions().requests(order, &page, index)?;
                let mut statement = connection.prepare_cached(&sql)?;
                let items =
                    statement
                        .query_map(rusqlite::params_from_iter(values), read)?
                        .collect::<Result<Vec<_>, _>>()?;
                Ok(cut(items, &page, order, |last| (sort.key(last), last.id.bytes().to_vec())))
            })
            .await
    }

    /// How many calls a filter covers and what they cost, exactly. Only a search, and limits of time with one provider, look at
    /// each call.
    pub async fn request_totals(&self, filter: UserRequestFilter) -> Result<Totals, StoreError> {
        self.db
            .read(move |connection| {
                if filter.search.is_some() {
                    totals::scan(connection, &filter.conditions())
                } else {
                    filter.asked().sum(connection)
                }
            })
            .await
    }

    /// What was spent with each provider on a UTC day (days since 1970, as [`Timestamp::day`] gives it). A call
    /// counts for the day it was made.
    pub async fn spent_on(&self, day: u64) -> Result<BTreeMap<Address, Neuron>, StoreError> {
        self.db.read(move |connection| days::spent_on(connection, day)).await
    }
}

impl UserRequestFilter {
    /// All but the search.
    pub(in crate::store) fn asked(&self) -> Asked {
        let mut account = Filter::default();
        account.and_if("provider = ?", self.provider.map(|provider| provider.to_vec()));
        Asked {
            account,
            account_index: "requests_by_provider",
            service: self.service.clone(),
            state: self.state.map(UserRequestState::as_str),
            from: self.from.map(Timestamp::as_micros),
            to: self.to.map(Timestamp::as_micros),
        }
    }

    /// The index to read a page by. How much a search finds is not known, so nothing is reckoned for one.
    pub(in crate::store) fn index(
        &self,
        connection: &Connection,
        order: Order,
        page: &PageOf,
    ) -> Result<Option<&'static str>, StoreError> {
        let asked = self.asked();
        match self.search {
            Some(_) => Ok((!asked.account.is_empty()).then_some(asked.account_index)),
            None => asked.index(connection, order, page),
        }
    }

    pub(in crate::store) fn conditions(&self) -> Filter {
        let mut conditions = self.asked().conditions();
        if let Some(search) = &self.search {
            let text = search.to_lowercase();
            let digits = text.strip_prefix("0x").unwrap_or(&text).to_owned();
            let words: [Value; 5] =
                [SEARCHED.into(), text.clone().into(), text.into(), digits.clone().into(), digits.into()];
            conditions.and_values(
                "rowid > (SELECT max(rowid) FROM requests) - ? AND (instr(lower(service), ?) > 0
                 OR instr(lower(ifnull(error, '')), ?) > 0 OR instr(lower(hex(provider)), ?) = 1
                 OR instr(lower(hex(id)), ?) = 1)",
                words,
            );
        }
        conditions
    }
}

impl UserRequestSort {
    pub(in crate::store) fn order(self) -> Order {
        let (column, direction) = match self {
            Self::CreatedAt(direction) => ("created_at", direction),
            Self::Fee(direction) => ("fee", direction),
        };
        Order { column, id: "id", direction }
    }

    fn key(self, request: &UserRequest) -> Value {
        match self {
            Self::CreatedAt(_) => request.created_at.as_micros().into(),
            Self::Fee(_) => request.fee.total().get().to_be_bytes().to_vec().into(),
        }
    }
}

fn reserve(
    connection: &Connection,
    new: &NewUserRequest,
    authorized: Neuron,
) -> Result<Reservation, StoreError> {
    if let Some(key) = &new.idempotency_key
        && let Some(before) = by_key(connection, key)?
    {
        return Ok(Reservation::Before(Box::new(before)));
    }
    if !matches!(new.state, UserRequestState::Reserved | UserRequestState::Sent) {
        return Err(StoreError::invalid(format!("a call cannot begin as {}", new.state)));
    }
    let written = connection
        .prepare_cached(
            "INSERT INTO requests (id, user, provider, service, created_at, state, max_fee, price_version,
                input_price, output_price, body_hash, idempotency_key, filed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            new.id,
            bytes(&new.account.user),
            bytes(&new.account.provider),
            new.service,
            new.created_at,
            new.state,
            new.max_fee,
            Count(new.price_version),
            new.prices.input,
            new.prices.output,
            bytes(&new.body_hash),
            new.idempotency_key
        ])?;
    if written == 0 {
        return Ok(Reservation::Before(Box::new(existing(connection, new.id)?)));
    }
    Ok(Reservation::Made { authorized: authorize(connection, new.account, authorized)? })
}

pub(super) fn apply(connection: &Connection, finish: &Finish) -> Result<Finished, StoreError> {
    let request = existing(connection, finish.id)?;
    let id = request.account;
    let applied = !request.state.has_ended() && request.state != finish.state;
    if applied {
        let next = moved(request.state, finish.state)?;
        check(&request, finish)?;
        let total = finish.fee.total();
        connection
            .prepare_cached(
                "UPDATE requests SET state = ?2, finished_at = ?3, input_units = ?4, output_units = ?5,
                    input_fee = ?6, output_fee = ?7, fee = ?8, disputed = ?9, response_hash = ?10, receipt = ?11,
                    error = ?12
                 WHERE id = ?1",
            )?
            .execute(params![
                finish.id,
                next,
                finish.at,
                finish.input,
                finish.output,
                finish.fee.input,
                finish.fee.output,
                total,
                finish.disputed,
                finish.response_hash.as_ref().map(bytes),
                finish.receipt.map(Kept),
                finish.error
            ])?;
    }
    // Whoever comes second reckoned what may be signed with a fee that was booked meanwhile.
    let by = if applied {
        let authorized = finish.authorize.unwrap_or_default();
        Sums { owed: finish.fee.total(), disputed: finish.disputed, authorized }
    } else {
        Sums { owed: Neuron::ZERO, disputed: Neuron::ZERO, authorized: Neuron::ZERO }
    };
    let account =
        grow(connection, id, by)?.ok_or_else(|| StoreError::invalid("a call without an account"))?;
    Ok(Finished {
        applied,
        state: if applied { finish.state } else { request.state },
        fee: if applied { finish.fee } else { request.fee }.total(),
        owed: account.owed,
        disputed: account.disputed,
        authorized: account.authorized,
    })
}

/// What an end may say about money.
fn check(request: &UserRequest, finish: &Finish) -> Result<(), StoreError> {
    let total = add(finish.fee.input, finish.fee.output)?;
    match finish.state {
        UserRequestState::Done | UserRequestState::Disputed if total > request.max_fee => {
            Err(StoreError::invalid(format!("a fee of {total} is above the highest, {}", request.max_fee)))
        }
        UserRequestState::Done | UserRequestState::Disputed => Ok(()),
        _ if total.is_zero() && finish.disputed.is_zero() => Ok(()),
        state => Err(StoreError::invalid(format!("nothing can be owed for a call that is {state}"))),
    }
}

fn moved(from: UserRequestState, to: UserRequestState) -> Result<UserRequestState, StoreError> {
    from.to(to).map_err(|error| StoreError::invalid(error.to_string()))
}

pub(super) fn existing(connection: &Connection, id: RequestId) -> Result<UserRequest, StoreError> {
    get(connection, id)?.ok_or_else(|| StoreError::invalid(format!("there is no call {id}")))
}

fn get(connection: &Connection, id: RequestId) -> Result<Option<UserRequest>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT * FROM requests WHERE id = ?1")?;
    Ok(statement.query_row([id], read).optional()?)
}

fn by_key(connection: &Connection, key: &str) -> Result<Option<UserRequest>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT * FROM requests WHERE idempotency_key = ?1")?;
    Ok(statement.query_row([key], read).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<UserRequest> {
    Ok(UserRequest {
        id: row.get("id")?,
        account: account(row)?,
        service: row.get("service")?,
        created_at: row.get("created_at")?,
        finished_at: row.get("finished_at")?,
        state: row.get("state")?,
        input: row.get("input_units")?,
        output: row.get("output_units")?,
        fee: Fee { input: row.get("input_fee")?, output: row.get("output_fee")? },
        disputed: row.get("disputed")?,
        max_fee: row.get("max_fee")?,
        price_version: row.get::<_, Count>("price_version")?.0,
        prices: Prices { input: row.get("input_price")?, output: row.get("output_price")? },
        body_hash: hash(row, "body_hash")?,
        response_hash: hash_if_any(row, "response_hash")?,
        receipt: row.get::<_, Option<Kept>>("receipt")?.map(|kept| kept.0),
        error: row.get("error")?,
        accepted_at: row.get("accepted_at")?,
        idempotency_key: row.get("idempotency_key")?,
    })
}
