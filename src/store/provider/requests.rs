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
        totals::Asked,
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

impl NewProviderRequest {
    /// Its row as it begins.
    fn begun(&self) -> ProviderRequest {
        ProviderRequest {
            id: self.id,
            account: self.account,
            service: self.service.clone(),
            created_at: self.created_at,
            finished_at: None,
            state: ProviderRequestState::Admitted,
            input: Units(0),
            output: Units(0),
            fee: Fee::NONE,
            max_fee: self.max_fee,
            price_version: self.price_version,
            prices: self.prices,
            body_hash: self.body_hash,
            response_hash: None,
            status: None,
            owed_after: None,
        }
    }
}

impl ProviderRequest {
    /// What its end makes of the row; `owed` is the account's sum with its fee.
    fn end(&mut self, completion: &Completion, state: ProviderRequestState, owed: Neuron) {
        self.state = state;
        self.finished_at = Some(completion.at);
        (self.input, self.output, self.fee) = (completion.input, completion.output, completion.fee);
        self.response_hash = Some(completion.response_hash);
        self.status = Some(completion.status);
        self.owed_after = Some(owed);
    }

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

    /// [`ProviderStore::admit`] and [`ProviderStore::complete`] in one write, for a call that has ended before it was
    /// written down. A duplicate is not booked.
    pub async fn serve(
        &self,
        new: NewProviderRequest,
        completion: Completion,
    ) -> Result<(Admission, Option<Completed>), StoreError> {
        self.db.write(move |connection| serve(connection, &new, &completion)).await
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
                    "SELECT * FROM requests INDEXED BY requests_unfiled
                     WHERE filed = 0 AND state = 'admitted' ORDER BY created_at, id",
                )?;
                let mut lost = statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
                let mut update = connection
                    .prepare_cached("UPDATE requests SET state = ?2, finished_at = ?3 WHERE id = ?1")?;
                for request in &mut lost {
                    update.execute(params![request.id, ProviderRequestState::Lost, now])?;
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

    /// The ids of all calls that were made at `since` or later.
    pub async fn ids_since(&self, since: Timestamp) -> Result<Vec<RequestId>, StoreError> {
        self.db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id FROM requests WHERE filed = 1 AND created_at >= ?1 UNION ALL
                     SELECT id FROM requests INDEXED BY requests_unfiled WHERE filed = 0 AND created_at >= ?1",
                )?;
                Ok(statement.query_map([since], |row| row.get(0))?.collect::<Result<_, _>>()?)
            })
            .await
    }

    pub async fn requests(
        &self,
        filter: ProviderRequestFilter,
        sort: ProviderRequestSort,
        page: PageOf,
    ) -> Result<Page<ProviderRequest>, StoreError> {
        self.db
            .read(move |connection| {
                let (order, asked) = (sort.order(), filter.asked());
                let index = asked.index(connection, order, &page)?;
                let (sql, values) = asked.conditions().requests(order, &page, index)?;
                let mut statement = connection.prepare_cached(&sql)?;
                let items =
                    statement
                        .query_map(rusqlite::params_from_iter(values), read)?
                        .collect::<Result<Vec<_>, _>>()?;
                Ok(cut(items, &page, order, |last| (sort.key(last), last.id.bytes().to_vec())))
            })
            .await
    }

    /// How many calls a filter covers and what they cost, exactly. Only limits of time with one user look at each call.
    pub async fn request_totals(&self, filter: ProviderRequestFilter) -> Result<Totals, StoreError> {
        self.db.read(move |connection| filter.asked().sum(connection)).await
    }
}

impl ProviderRequestFilter {
    pub(in crate::store) fn asked(&self) -> Asked {
        let mut account = Filter::default();
        account.and_if("user = ?", self.user.map(|user| user.to_vec()));
        Asked {
            account,
            account_index: "requests_by_user",
            service: self.service.clone(),
            state: self.state.map(ProviderRequestState::as_str),
            from: self.from.map(Timestamp::as_micros),
            to: self.to.map(Timestamp::as_micros),
        }
    }
}

impl ProviderRequestSort {
    pub(in crate::store) fn order(self) -> Order {
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
    own_voucher(new)?;
    insert(connection, &new.begun())?;
    Ok(Admission::Admitted { voucher: keep_voucher(connection, new)? })
}

/// Writes a call's row.
fn insert(connection: &Connection, request: &ProviderRequest) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO requests (id, user, provider, service, created_at, finished_at, state, input_units,
                output_units, input_fee, output_fee, fee, max_fee, price_version, input_price, output_price,
                body_hash, response_hash, status, owed_after, filed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, 0)",
        )?
        .execute(params![
            request.id,
            bytes(&request.account.user),
            bytes(&request.account.provider),
            request.service,
            request.created_at,
            request.finished_at,
            request.state,
            request.input,
            request.output,
            request.fee.input,
            request.fee.output,
            request.fee.total(),
            request.max_fee,
            Count(request.price_version),
            request.prices.input,
            request.prices.output,
            bytes(&request.body_hash),
            request.response_hash.as_ref().map(bytes),
            request.status.map(|status| status as u8),
            request.owed_after
        ])?;
    Ok(())
}

fn own_voucher(new: &NewProviderRequest) -> Result<(), StoreError> {
    if new.voucher.is_some_and(|voucher| voucher.voucher.account != new.account) {
        return Err(StoreError::invalid("a call came with the voucher of another account"));
    }
    Ok(())
}

/// Keeps a call's voucher, or at least a row for its account.
fn keep_voucher(
    connection: &Connection,
    new: &NewProviderRequest,
) -> Result<Option<SignedVoucher>, StoreError> {
    match &new.voucher {
        Some(voucher) => accounts::keep_voucher(connection, voucher).map(Some),
        None => accounts::ensure(connection, new.account).map(|()| None),
    }
}

fn serve(
    connection: &Connection,
    new: &NewProviderRequest,
    completion: &Completion,
) -> Result<(Admission, Option<Completed>), StoreError> {
    if completion.id != new.id {
        return Err(StoreError::invalid("the end of another call"));
    }
    if let Some(before) = get(connection, new.id)? {
        return Ok((Admission::Duplicate(Box::new(before)), None));
    }
    own_voucher(new)?;
    let next = ProviderRequestState::Admitted
        .to(completion.state)
        .map_err(|error| StoreError::invalid(error.to_string()))?;
    let total = fee_of(completion, next, new.max_fee)?;
    let voucher = keep_voucher(connection, new)?;
    let owed = owe(connection, new.account, total)?;
    let mut request = new.begun();
    request.end(completion, next, owed);
    insert(connection, &request)?;
    Ok((Admission::Admitted { voucher }, Some(Completed { applied: true, request, owed })))
}

/// What a completion costs in all, if a call that ends so may cost it.
fn fee_of(
    completion: &Completion,
    next: ProviderRequestState,
    max_fee: Neuron,
) -> Result<Neuron, StoreError> {
    let total = add(completion.fee.input, completion.fee.output)?;
    if next != ProviderRequestState::Charged && !total.is_zero() {
        return Err(StoreError::invalid(format!("nothing can be owed for a call that is {next}")));
    }
    if total > max_fee {
        return Err(StoreError::invalid(format!("a fee of {total} is above the highest, {max_fee}")));
    }
    Ok(total)
}

/// Adds a fee to what an account owes, and gives the sum.
fn owe(connection: &Connection, account: AccountId, fee: Neuron) -> Result<Neuron, StoreError> {
    if fee.is_zero() { accounts::owed(connection, account) } else { accounts::owe(connection, account, fee) }
}

fn complete(connection: &Connection, completion: &Completion) -> Result<Completed, StoreError> {
    let mut request = get(connection, completion.id)?
        .ok_or_else(|| StoreError::invalid(format!("there is no call {}", completion.id)))?;
    if request.state.is_final() {
        let owed = accounts::owed(connection, request.account)?;
        return Ok(Completed { applied: false, request, owed });
    }
    let next = request.state.to(completion.state).map_err(|error| StoreError::invalid(error.to_string()))?;
    let total = fee_of(completion, next, request.max_fee)?;
    let owed = owe(connection, request.account, total)?;
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
    request.end(completion, next, owed);
    Ok(Completed { applied: true, request, owed })
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
