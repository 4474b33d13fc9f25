//! What operators and users ask besides serving: terms, vouchers, receipts, users, requests, settlements, operations.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use super::ProxyRefusal;
use super::core::ProviderBroker;
use super::error::ProviderError;
use super::serve::view;
use super::settings::ProviderSettings;
use super::view::{Event, RequestView, Snapshot, UserPage, UserPlace, UserView};
use super::vouchers::check;
use crate::crash_point::{self, Point};
use crate::domain::{
    Address, Neuron, OperationId, OperationState, ProviderRequestState, RequestId, SignedReceipt, Timestamp,
};
use crate::store::provider::{ProviderRequestFilter, ProviderRequestSort, Settlement};
use crate::store::{Operation, OperationFilter, Page, PageOf, Repeats, Totals};
use crate::wire::auth::decode_voucher;
use crate::wire::terms::{Terms, VoucherAccepted};

/// How long a question for a receipt waits for a request that is just being booked.
const RECEIPT_WAIT: Duration = Duration::from_secs(10);
const RECEIPT_LOOK: Duration = Duration::from_millis(20);

/// What there is to say about a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    Ready(Box<SignedReceipt>),
    /// The request is still being served.
    Pending,
    /// It was admitted but never metered; it costs nothing and has no receipt.
    Lost,
    Unknown,
}

impl ProviderBroker {
    pub fn settings(&self) -> &ProviderSettings {
        &self.core.settings
    }

    /// The provider's address.
    pub fn address(&self) -> Address {
        self.core.me
    }

    /// What this provider publishes of itself.
    pub fn terms(&self) -> Terms {
        Terms {
            provider: self.core.me,
            chain_id: self.core.chain.id(),
            contract: self.core.chain.contract(),
            credit_limit: self.core.settings.credit_limit,
            max_in_flight_per_user: Some(self.core.settings.max_in_flight_per_user as u64),
            requests_per_minute_per_user: Some(u64::from(self.core.settings.requests_per_minute_per_user))
                .filter(|most| *most > 0),
            public_key: Some(self.core.wallet.public_key()),
            services: self
                .core
                .offers
                .all()
                .iter()
                .map(|offer| offer.terms(self.core.gate.is_paused(&offer.name)))
                .collect(),
        }
    }

    /// Takes a voucher (encoded as in its header) that was pushed by itself. It is durable before this returns.
    pub async fn voucher(&self, text: &str, peer: IpAddr) -> Result<VoucherAccepted, ProxyRefusal> {
        let core = &self.core;
        let bad = |reason| ProxyRefusal::BadHeader { header: "voucher", reason };
        let signed = decode_voucher(text.trim()).map_err(bad)?;
        check::right_provider(&signed, core.me)?;
        let user = signed.voucher.account.user;
        let page = core.page_of(user, peer).await?;
        let now = core.book.chain_now(Timestamp::now());
        core.with_second_look(page, peer, |page| check::check_voucher(&signed, page, &core.domain, now))
            .await?;
        let best = core.store.record_voucher(signed).await.map_err(|error| {
            core.health.store_failed(&error);
            ProxyRefusal::StorageFailed
        })?;
        crash_point::pass(Point::VoucherKept);
        core.take_voucher(best);
        let owed = core.book.page(user).map_or(Neuron::ZERO, |page| page.owed);
        Ok(VoucherAccepted { cumulative: best.voucher.cumulative, owed })
    }

    /// The signed receipt of a request, for whoever knows its id. Waits a little for one that is just being booked.
    pub async fn receipt(&self, id: RequestId) -> Result<ReceiptState, ProviderError> {
        let until = tokio::time::Instant::now() + RECEIPT_WAIT;
        loop {
            let late = tokio::time::Instant::now() >= until;
            // Memory knows that it is still served, so that somebody who waits does not make the store work.
            if self.core.book.is_running(id) {
                if late {
                    return Ok(ReceiptState::Pending);
                }
                tokio::time::sleep(RECEIPT_LOOK).await;
                continue;
            }
            let Some(request) = self.core.store.request(id).await? else { return Ok(ReceiptState::Unknown) };
            if let Some(receipt) = request.receipt() {
                return Ok(ReceiptState::Ready(Box::new(self.core.sign_receipt(receipt)?)));
            }
            if request.state == ProviderRequestState::Lost {
                return Ok(ReceiptState::Lost);
            }
            // Its task died; the housekeeping will strike it off.
            return Ok(ReceiptState::Pending);
        }
    }

    /// All users, those who owe most first.
    pub fn users(&self) -> Vec<UserView> {
        self.core.users()
    }

    /// A page of that list: at most so many, from the start or behind one of them. `None`: there is no such one.
    pub fn users_after(&self, after: Option<UserPlace>, most: usize) -> UserPage {
        self.core.users_after(after, most)
    }

    pub fn user(&self, user: Address) -> Option<UserView> {
        let rules = self.core.rules(self.core.book.chain_now(Timestamp::now()));
        let under_way = self.core.settling.users_under_way();
        self.core.book.page(user).map(|page| UserView::of(&page, &rules, &under_way))
    }

    /// Reads one account again from the chain.
    pub async fn sync_account(&self, user: Address) -> Result<UserView, ProviderError> {
        let head = self.core.chain.confirmed_head().await?;
        self.core.read_accounts(vec![user], head, false).await?;
        self.user(user).ok_or(ProviderError::UnknownUser(user))
    }

    /// Reads all accounts again from the chain. Returns how many there are.
    pub async fn sync_accounts(&self) -> Result<usize, ProviderError> {
        self.core.read_all_accounts(false).await?;
        Ok(self.core.book.len())
    }

    pub async fn requests(
        &self,
        filter: ProviderRequestFilter,
        sort: ProviderRequestSort,
        page: PageOf,
    ) -> Result<Page<RequestView>, ProviderError> {
        let Page { items, next } = self.core.store.requests(filter, sort, page).await?;
        Ok(Page { items: items.iter().map(view).collect(), next })
    }

    /// How many requests a filter covers and what they cost in all.
    pub async fn request_totals(&self, filter: ProviderRequestFilter) -> Result<Totals, ProviderError> {
        Ok(self.core.store.request_totals(filter).await?)
    }

    pub async fn request(&self, id: RequestId) -> Result<RequestView, ProviderError> {
        let request = self.core.store.request(id).await?.ok_or(ProviderError::UnknownRequest(id))?;
        Ok(view(&request))
    }

    /// Settlements with their rows, newest first.
    pub async fn settlements(&self, page: PageOf) -> Result<Page<Settlement>, ProviderError> {
        self.settlements_in(None, page).await
    }

    /// Those of them in one state.
    pub async fn settlements_in(
        &self,
        state: Option<OperationState>,
        page: PageOf,
    ) -> Result<Page<Settlement>, ProviderError> {
        Ok(self.core.store.settlements(state, page).await?)
    }

    pub async fn operation(&self, id: OperationId) -> Result<Operation, ProviderError> {
        self.core.store.operations().get(id).await?.ok_or(ProviderError::UnknownOperation(id))
    }

    /// On-chain actions, newest first.
    pub async fn operations(
        &self,
        filter: OperationFilter,
        page: PageOf,
    ) -> Result<Page<Operation>, ProviderError> {
        Ok(self.core.store.operations().list(filter, page).await?)
    }

    /// How many there are, pages and all.
    pub async fn count_operations(&self, filter: OperationFilter) -> Result<u64, ProviderError> {
        Ok(self.core.store.operations().count(filter).await?)
    }

    /// Calls of the owner that carry an idempotency key.
    pub fn repeats(&self) -> Repeats {
        self.core.store.repeats()
    }

    /// The state of everything, put together at this moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let version = self.core.publisher.subscribe().borrow().version;
        Arc::new(self.core.snapshot(version))
    }

    /// Snapshots as things change, at most ten a second.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.core.publisher.subscribe()
    }

    /// Events from now on. A listener that lags misses some and is told how many.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.core.publisher.events()
    }
}
