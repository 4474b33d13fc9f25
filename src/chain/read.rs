//! Reads: accounts, services, balances, prices of gas, events. Each at a named block if one is given.
//!
//! Listings are paged, and a listing without a named block is read at the head as it was when the listing began, so
//! that its pages fit together. Absence is an answer, an error is not: a listing that comes back short is an error.

use alloy::primitives::{Address, U256};
use alloy::sol_types::SolCall;
use serde_json::{Value, json};

use super::block::{BlockRef, RawLog};
use super::contract::Serving;
use super::event::{self, ChainEvent, EventFilter};
use super::fees::GasPrice;
use super::open::Chain;
use super::pages::PageSize;
use super::rpc::{At, is_unknown_block};
use super::{ChainError, Revert, convert};
use crate::domain::{AccountId, ChainAccount, Service, ServiceName};

/// Accounts or providers in one page; 2 million gas at most, far below what nodes allow a call.
const ACCOUNT_PAGE: u64 = 250;
/// Services in one page; texts make them ten times as heavy as accounts.
const SERVICE_PAGE: u64 = 50;
/// More entries than this are not read: the list is a lie, or this program is not made for it.
const MOST_ENTRIES: u64 = 200_000;
/// More events than this in one answer are not read.
const MOST_LOGS: usize = 50_000;
/// Blocks in the first log query of [`Chain::events`].
const LOG_PAGE: u64 = 2_000;
pub(super) const LARGEST_LOG_PAGE: u64 = 10_000;

/// What a listing's total counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Total {
    /// Its entries: a page that has fewer than it should is a lie.
    Entries,
    /// What is looked through for entries, so that a page may hold fewer or none.
    Looked,
}

/// Services as the chain lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceList {
    pub services: Vec<Service>,
    /// How many more are listed in a form that this program cannot use.
    pub unreadable: usize,
}

impl Chain {
    /// One account; `None` when the user has none with the provider.
    pub async fn account(
        &self,
        id: AccountId,
        at: Option<BlockRef>,
    ) -> Result<Option<ChainAccount>, ChainError> {
        let call = Serving::getAccountCall { user: id.user, provider: id.provider };
        match self.view(&call, at.into()).await {
            Ok(view) if view.user == id.user && view.provider == id.provider => {
                Ok(Some(convert::account(&view)))
            }
            Ok(_) => Err(bad_call("it is about another account")),
            Err(ChainError::Revert(Revert::AccountNotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All accounts of a user, with whichever provider.
    pub async fn accounts_of_user(
        &self,
        user: Address,
        at: Option<BlockRef>,
    ) -> Result<Vec<ChainAccount>, ChainError> {
        let call = |offset, limit| Serving::getAccountsByUserCall { user, offset, limit };
        let pages = self
            .pages(at, ACCOUNT_PAGE, Total::Looked, call, |page| (page.page, page.providersTotal))
            .await?;
        check_accounts(pages, |id| id.user == user)
    }

    /// All accounts that users have opened with a provider, in order of opening.
    pub async fn accounts_of_provider(
        &self,
        provider: Address,
        at: Option<BlockRef>,
    ) -> Result<Vec<ChainAccount>, ChainError> {
        let call = |offset, limit| Serving::getAccountsByProviderCall { provider, offset, limit };
        let pages =
            self.pages(at, ACCOUNT_PAGE, Total::Entries, call, |page| (page.page, page.total)).await?;
        check_accounts(pages, |id| id.provider == provider)
    }

    /// One service; `None` when the provider has none of that name.
    pub async fn service(
        &self,
        provider: Address,
        name: &ServiceName,
        at: Option<BlockRef>,
    ) -> Result<Option<Service>, ChainError> {
        let call = Serving::getServiceCall { provider, name: name.to_string() };
        match self.view(&call, at.into()).await {
            Ok(raw) if raw.provider == provider && raw.name == name.as_str() => {
                convert::service(&raw).map(Some)
            }
            Ok(_) => Err(bad_call("it is about another service")),
            Err(ChainError::Revert(Revert::ServiceNotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All services of all providers.
    pub async fn services(&self, at: Option<BlockRef>) -> Result<ServiceList, ChainError> {
        let call = |offset, limit| Serving::getServicesCall { offset, limit };
        let pages =
            self.pages(at, SERVICE_PAGE, Total::Entries, call, |page| (page.page, page.total)).await?;
        Ok(sort_services(pages))
    }

    /// All services of one provider.
    pub async fn services_of(
        &self,
        provider: Address,
        at: Option<BlockRef>,
    ) -> Result<ServiceList, ChainError> {
        let call = |offset, limit| Serving::getServicesByProviderCall { provider, offset, limit };
        let pages =
            self.pages(at, SERVICE_PAGE, Total::Entries, call, |page| (page.page, page.total)).await?;
        if pages.iter().any(|service| service.provider != provider) {
            return Err(bad_call("it has services of another provider"));
        }
        Ok(sort_services(pages))
    }

    /// Reads a paged listing to its end. `limit` entries are asked for at a time; halved while that is too much.
    async fn pages<C: SolCall, T>(
        &self,
        at: Option<BlockRef>,
        mut limit: u64,
        counts: Total,
        call: impl Fn(U256, U256) -> C,
        open: impl Fn(C::Return) -> (Vec<T>, U256),
    ) -> Result<Vec<T>, ChainError> {
        let mut at = at;
        let (mut all, mut offset) = (Vec::new(), 0);
        loop {
            let answer = self.view(&call(U256::from(offset), U256::from(limit)), at.into()).await;
            let (page, total) = match answer {
                Ok(answer) => open(answer),
                // Out of gas, too large, too slow: a smaller page may do.
                Err(ChainError::Timeout { .. } | ChainError::Refused { .. } | ChainError::Revert(_))
                    if limit > 1 =>
                {
                    limit = limit.div_ceil(4);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let total = u64::try_from(total).unwrap_or(u64::MAX);
            if total > MOST_ENTRIES || page.len() as u64 > limit {
                return Err(bad_call("the list is longer than it can be"));
            }
            if counts == Total::Entries && (page.len() as u64) < limit.min(total.saturating_sub(offset)) {
                return Err(bad_call("the list is shorter than it says"));
            }
            all.extend(page);
            offset += limit;
            if offset >= total {
                return Ok(all);
            }
            if at.is_none() {
                // There is a second page: begin anew at one block, so that the pages fit together.
                at = Some(self.head().await?);
                (all, offset) = (Vec::new(), 0);
            }
        }
    }

    /// What an address owns outside the contract, in neuron.
    pub async fn native_balance(&self, address: Address) -> Result<u128, ChainError> {
        let balance: U256 = self.rpc().ask("eth_getBalance", json!([address, "latest"])).await?;
        Ok(u128::try_from(balance).unwrap_or(u128::MAX))
    }

    /// What gas costs now.
    pub async fn gas_price(&self) -> Result<GasPrice, ChainError> {
        let (header, tip) =
            tokio::join!(self.head_header(), self.rpc().ask::<U256>("eth_maxPriorityFeePerGas", json!([])));
        let header = header?;
        let amount = |value: U256| u128::try_from(value).unwrap_or(u128::MAX);
        let (base, tip) = match (header.base_fee(), tip) {
            (Some(base), Ok(tip)) => (base, amount(tip)),
            // The method is younger than the fee market.
            (base, _) => {
                let price = amount(self.rpc().ask("eth_gasPrice", json!([])).await?);
                let base = base.unwrap_or(price);
                (base, price.saturating_sub(base))
            }
        };
        Ok(GasPrice::new(base, tip))
    }

    /// All wanted events of the blocks `from..=to`, in order.
    ///
    /// Pages are sized by what the node can do. The caller decides whether the blocks are final; see
    /// [`Follower`](super::Follower) for what can still be undone.
    pub async fn events(
        &self,
        from: u64,
        to: u64,
        filter: EventFilter,
    ) -> Result<Vec<ChainEvent>, ChainError> {
        let (mut all, mut start) = (Vec::new(), from);
        let mut pages = PageSize::new(LOG_PAGE, LARGEST_LOG_PAGE);
        while start <= to {
            let end = to.min(start.saturating_add(pages.get() - 1));
            match self.event_page(start, end, filter).await {
                Ok(events) => {
                    all.extend(events);
                    // The last height there can be: a node that tells of such blocks lies, but must not stop us.
                    let Some(next) = end.checked_add(1) else { break };
                    pages.worked(next - start);
                    start = next;
                }
                Err(error) if is_too_much(&error) && pages.too_much((end - start).saturating_add(1)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// One log query for a range of blocks, unpaged.
    pub(super) async fn event_page(
        &self,
        from: u64,
        to: u64,
        filter: EventFilter,
    ) -> Result<Vec<ChainEvent>, ChainError> {
        let range = json!({ "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}") });
        let events = self.logs(&range, filter).await?;
        if events.iter().any(|event| event.block < from || event.block > to) {
            return Err(bad_logs("it has events of other blocks"));
        }
        Ok(events)
    }

    /// The wanted events of exactly this block; a node that does not have it says so instead of giving none.
    pub async fn events_of_block(
        &self,
        block: BlockRef,
        filter: EventFilter,
    ) -> Result<Vec<ChainEvent>, ChainError> {
        match self.logs(&json!({ "blockHash": block.hash }), filter).await {
            Ok(events) if events.iter().all(|event| event.block_hash == block.hash) => Ok(events),
            Ok(_) => Err(bad_logs("it has events of other blocks")),
            Err(ChainError::Refused { code: code @ (-32602 | -32601), message, .. })
                if !is_unknown_block(code, &message) =>
            {
                // A node that takes no hashes here: ask by number and check the hashes ourselves.
                let events = self.event_page(block.number, block.number, filter).await?;
                let fits = events.iter().all(|event| event.block_hash == block.hash);
                if fits { Ok(events) } else { Err(ChainError::UnknownBlock(block)) }
            }
            Err(ChainError::Refused { .. }) => Err(ChainError::UnknownBlock(block)),
            Err(error) => Err(error),
        }
    }

    async fn logs(&self, range: &Value, filter: EventFilter) -> Result<Vec<ChainEvent>, ChainError> {
        self.logs_of(range, filter.topics()).await
    }

    /// The events of several lists of topics together, in order.
    pub(super) async fn logs_of(
        &self,
        range: &Value,
        topics: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<ChainEvent>, ChainError> {
        let mut events = Vec::new();
        for topics in topics {
            let mut query = range.clone();
            query["address"] = json!(self.contract());
            query["topics"] = topics;
            let logs: Vec<RawLog> = self.rpc().ask("eth_getLogs", json!([query])).await?;
            if logs.len() > MOST_LOGS {
                return Err(bad_logs("it has more events than are read at once"));
            }
            for log in &logs {
                events.extend(event::read(log, self.contract())?);
            }
        }
        events.sort_by_key(|event| (event.block, event.index));
        events.dedup_by_key(|event| (event.block_hash, event.index));
        Ok(events)
    }

    /// How many transactions an address has sent, which is the next nonce.
    pub(super) async fn transaction_count(&self, address: Address, at: At) -> Result<u64, ChainError> {
        let count: alloy::primitives::U64 =
            self.rpc().ask_at("eth_getTransactionCount", |block| json!([address, block]), at).await?;
        Ok(count.to())
    }
}

/// Whether a log query of fewer blocks may succeed where this one failed.
pub(super) fn is_too_much(error: &ChainError) -> bool {
    matches!(error, ChainError::Refused { .. } | ChainError::Timeout { .. } | ChainError::BadAnswer { .. })
}

fn check_accounts(
    views: Vec<Serving::AccountView>,
    right: impl Fn(AccountId) -> bool,
) -> Result<Vec<ChainAccount>, ChainError> {
    let accounts: Vec<_> = views.iter().map(convert::account).collect();
    if accounts.iter().all(|account| right(account.id)) {
        Ok(accounts)
    } else {
        Err(bad_call("it has accounts of somebody else"))
    }
}

fn sort_services(raw: Vec<Serving::Service>) -> ServiceList {
    let mut list = ServiceList::default();
    for service in raw {
        match convert::service(&service) {
            Ok(service) => list.services.push(service),
            Err(error) => {
                tracing::debug!(provider = %service.provider, %error, "skipping a service");
                list.unreadable += 1;
            }
        }
    }
    list
}

fn bad_call(reason: &str) -> ChainError {
    ChainError::BadAnswer { method: "eth_call", reason: reason.to_owned() }
}

pub(super) fn bad_logs(reason: &str) -> ChainError {
    ChainError::BadAnswer { method: "eth_getLogs", reason: reason.to_owned() }
}
