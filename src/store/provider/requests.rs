//! Calls that were let through: admitted before the service is asked, charged when the answer is over.

use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::ProviderStore;
use crate::{
    domain::{
        AccountId, Address, B256, Fee, Neuron, Prices, ProviderRequestState, Receipt, ReceiptStatus,
        RequestId, ServiceName, SignedVoucher, Timestamp, Units,
    },
    store::{
        Direction, Page, PageOf, StoreError, Totals, accounts,
        amount::{Count, add},
        columns::{account, bytes, hash, hash_if_any},
        page::{Filter, Order, cut},
        totals::{self, Key},
    },
};

/// A call that passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProviderRequest {
    pub id: RequestId,
    pub account: AccountId,
    pub service: ServiceName,
    pub created_at: Timestamp,
    /// The highest fee it can come to.
    pub max_fee: Neuron,
    pub price_version: u64,
    /// The prices of that version, at which it is charged whatever happens to the service meanwhile.
    pub prices: Prices,
    pub body_hash: B256,
    /// The voucher that came with it, kept in the same write if it is the best.
    pub voucher: Option<SignedVoucher>,
}

/// A call as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRequest {
    pub id: RequestId,
    pub account: AccountId,
    pub service: ServiceName,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub state: ProviderRequestState,
    pub input: Units,
    pub output: Units,
    pub fee: Fee,
    pub max_fee: Neuron,
    pub price_version: u64,
    pub prices: Prices,
    pub body_hash: B256,
    pub response_hash: Option<B256>,
    /// How the answer ended.
    pub status: Option<ReceiptStatus>,
    /// The sum of the account's fees up to and including this one.
    pub owed_after: Option<Neuron>,
}

/// Whether a call may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Written down, with the account's best voucher as it is now.
    Admitted { voucher: Option<SignedVoucher> },
    /// This id was used before: nothing was changed, and it must not be served again.
    Duplicate(Box<ProviderRequest>),
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    pub id: RequestId,
    /// `Charged` or `Failed`.
    pub state: ProviderRequestState,
    pub input: Units,
    pub output: Units,
    /// At the call's own prices; nothing when it failed.
    pub fee: Fee,
    pub status: ReceiptStatus,
    pub response_hash: B256,
    pub at: Timestamp,
}

/// The books after a [`Completion`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// Whether this was the write that changed the call; false when it had ended before.
    pub applied: bool,
    /// The call as it is now.
    pub request: ProviderRequest,
    /// The sum of the account's fees now.
    pub owed: Neuron,
}

/// Which calls are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderRequestFilter {
    pub user: Option<Address>,
    pub service: Option<ServiceName>,
    pub state: Option<ProviderRequestState>,
    /// Created at this moment or later.
    pub from: Option<Timestamp>,
    /// Created before this moment.
    pub to: Option<Timestamp>,
}

/// How a list of calls is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderRequestSort {
    CreatedAt(Direction),
    Fee(Direction),
}

impl ProviderRequest {
    /// The receipt of a call that has ended, to be signed; the same one each time.
    pub fn receipt(&self) -> Option<Receipt> {
        Some(Receipt {
            request: self.id,
            account: self.account,
            body_hash: self.body_hash,
            response_hash: self.response_hash?,
            input: self.input,
            output: self.output,
            fee: self.fee,
            owed: self.owed_after?,
            status: self.status?,
        })
    }
}

impl ProviderStore {
    /// Writes a call down, once for each id, and its voucher if that is the best: one write. No byte of the answer may
    /// leave before this has returned (invariant I9).
    pub async fn admit(&self, new: NewProviderRequest) -> Result<Admission, StoreError> {
        self.db.write(move |connection| admit(connection, &new)).await
    }

    /// Books how an answer ended: the call's row and what its account owes in all, in one write. The first end counts;
    /// repeating it, or another end after it, changes nothing and answers with the books as they are.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an unknown call, a fee above its highest, or a fee for one that failed.
    pub async fn complete(&self, completion: Completion) -> Result<Completed, StoreError> {
        self.db.write(move |connection| complete(connection, &completion)).await
    }

    /// After a restart: closes calls that were admitted and never metered. They are charged nothing. Returns them.
    pub async fn mark_lost(&self, now: Timestamp) -> Result<Vec<ProviderRequest>, StoreError> {
        self.db
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM requests WHERE state = 'admitted' ORDER BY created_at, id",
                )?;
                let mut lost = statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
                let mut update = connection
                    .prepare_cached("UPDATE requests SET state = ?2, finished_at = ?3 WHERE id = ?1")?;
                for request in &mut lost {
                    update.execute(params![request.id, ProviderRequestState::Lost, now])?;
                    shift(connection, request, ProviderRequestState::Lost, Fee::NONE)?;
                    request.state = ProviderRequestState::Lost;
                    request.finished_at = Some(now);
                }
                Ok(lost)
            })
            .await
    }

    pub async fn request(&self, id: RequestId) -> Result<Option<ProviderRequest>, StoreError> {
        self.db.read(move |connection| get(connection, id)).await
    }

    pub async fn requests(
        &self,
        filter: ProviderRequestFilter,
        sort: ProviderRequestSort,
        page: PageOf,
    ) -> Result<Page<ProviderRequest>, StoreError> {
        self.db
            .read(move |connection| {
                let order = sort.order();
                let mut conditions = filter.conditions();
                let sql = format!("SELECT * FROM requests{}", conditions.page(order, &page)?);
                let mut statement = connection.prepare_cached(&sql)?;
                let values = rusqlite::params_from_iter(&conditions.values);
                let items = statement.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
                Ok(cut(items, &page, order, |last| (sort.key(last), last.id.bytes().to_vec())))
            })
            .await
    }

    /// How many calls a filter covers and what they cost, exactly. Without limits of time it reads running totals.
    pub async fn request_totals(&self, filter: ProviderRequestFilter) -> Result<Totals, StoreError> {
        self.db
            .read(move |connection| {
                let conditions = filter.conditions();
                if filter.from.is_none() && filter.to.is_none() {
                    totals::sum(connection, &conditions)
                } else {
                    totals::scan(connection, &conditions)
                }
            })
            .await
    }
}

impl ProviderRequestFilter {
    fn conditions(&self) -> Filter {
        let mut conditions = Filter::default();
        conditions.and_if("user = ?", self.user.map(|user| user.to_vec()));
        conditions.and_if("service = ?", self.service.as_ref().map(|service| service.as_str().to_owned()));
        conditions.and_if("state = ?", self.state.map(|state| state.as_str().to_owned()));
        conditions.and_if("created_at >= ?", self.from.map(Timestamp::as_micros));
        conditions.and_if("created_at < ?", self.to.map(Timestamp::as_micros));
        conditions
    }
}

impl ProviderRequestSort {
    fn order(self) -> Order {
        let (column, direction) = match self {
            Self::CreatedAt(direction) => ("created_at", direction),
            Self::Fee(direction) => ("fee", direction),
        };
        Order { column, id: "id", direction }
    }

    fn key(self, request: &ProviderRequest) -> Value {
        match self {
            Self::CreatedAt(_) => request.created_at.as_micros().into(),
            Self::Fee(_) => request.fee.total().get().to_be_bytes().to_vec().into(),
        }
    }
}

fn admit(connection: &Connection, new: &NewProviderRequest) -> Result<Admission, StoreError> {
    if let Some(before) = get(connection, new.id)? {
        return Ok(Admission::Duplicate(Box::new(before)));
    }
    if new.voucher.is_some_and(|voucher| voucher.voucher.account != new.account) {
        return Err(StoreError::invalid("a call came with the voucher of another account"));
    }
    connection
        .prepare_cached(
            "INSERT INTO requests (id, user, provider, service, created_at, state, max_fee, price_version,
                input_price, output_price, body_hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            new.id,
            bytes(&new.account.user),
            bytes(&new.account.provider),
            new.service,
            new.created_at,
            ProviderRequestState::Admitted,
            new.max_fee,
            Count(new.price_version),
            new.prices.input,
            new.prices.output,
            bytes(&new.body_hash)
        ])?;
    let key = Key { account: new.account, service: &new.service, state: ProviderRequestState::Admitted };
    totals::enter(connection, key, Fee::NONE)?;
    let voucher = match &new.voucher {
        Some(voucher) => Some(accounts::keep_voucher(connection, voucher)?),
        None => {
            accounts::ensure(connection, new.account)?;
            None
        }
    };
    Ok(Admission::Admitted { voucher })
}

fn complete(connection: &Connection, completion: &Completion) -> Result<Completed, StoreError> {
    let mut request = get(connection, completion.id)?
        .ok_or_else(|| StoreError::invalid(format!("there is no call {}", completion.id)))?;
    if request.state.is_final() {
        let owed = accounts::owed(connection, request.account)?;
        return Ok(Completed { applied: false, request, owed });
    }
    let next = request.state.to(completion.state).map_err(|error| StoreError::invalid(error.to_string()))?;
    let total = add(completion.fee.input, completion.fee.output)?;
    if next != ProviderRequestState::Charged && !total.is_zero() {
        return Err(StoreError::invalid(format!("nothing can be owed for a call that is {next}")));
    }
    if total > request.max_fee {
        return Err(StoreError::invalid(format!(
            "a fee of {total} is above the highest, {}",
            request.max_fee
        )));
    }
    let owed = if total.is_zero() {
        accounts::owed(connection, request.account)?
    } else {
        accounts::owe(connection, request.account, total)?
    };
    connection
        .prepare_cached(
            "UPDATE requests SET state = ?2, finished_at = ?3, input_units = ?4, output_units = ?5, input_fee = ?6,
                output_fee = ?7, fee = ?8, response_hash = ?9, status = ?10, owed_after = ?11
             WHERE id = ?1",
        )?
        .execute(params![
            completion.id,
            next,
            completion.at,
            completion.input,
            completion.output,
            completion.fee.input,
            completion.fee.output,
            total,
            bytes(&completion.response_hash),
            completion.status as u8,
            owed
        ])?;
    shift(connection, &request, next, completion.fee)?;
    request.state = next;
    request.finished_at = Some(completion.at);
    (request.input, request.output, request.fee) = (completion.input, completion.output, completion.fee);
    request.response_hash = Some(completion.response_hash);
    request.status = Some(completion.status);
    request.owed_after = Some(owed);
    Ok(Completed { applied: true, request, owed })
}

/// Moves a call from its state's total to another's.
pub(super) fn shift(
    connection: &Connection,
    request: &ProviderRequest,
    next: ProviderRequestState,
    fee: Fee,
) -> Result<(), StoreError> {
    let key = |state| Key { account: request.account, service: &request.service, state };
    totals::leave(connection, key(request.state))?;
    totals::enter(connection, key(next), fee)
}

pub(super) fn get(connection: &Connection, id: RequestId) -> Result<Option<ProviderRequest>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT * FROM requests WHERE id = ?1")?;
    Ok(statement.query_row([id], read).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ProviderRequest> {
    Ok(ProviderRequest {
        id: row.get("id")?,
        account: account(row)?,
        service: row.get("service")?,
        created_at: row.get("created_at")?,
        finished_at: row.get("finished_at")?,
        state: row.get("state")?,
        input: row.get("input_units")?,
        output: row.get("output_units")?,
        fee: Fee { input: row.get("input_fee")?, output: row.get("output_fee")? },
        max_fee: row.get("max_fee")?,
        price_version: row.get::<_, Count>("price_version")?.0,
        prices: Prices { input: row.get("input_price")?, output: row.get("output_price")? },
        body_hash: hash(row, "body_hash")?,
        response_hash: hash_if_any(row, "response_hash")?,
        status: row.get::<_, Option<u8>>("status")?.and_then(ReceiptStatus::from_code),
        owed_after: row.get("owed_after")?,
    })
}
