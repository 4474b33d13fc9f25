//! What the broker is made of, and how it starts: first what the last run left, then the chain's facts, then work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::accounts::Lookups;
use super::condition::Conditions;
use super::error::ProviderError;
use super::free::FreeGate;
use super::gate::Gate;
use super::offer::Offers;
use super::overview::Tally;
use super::seen::{self, Seen};
use super::services::Services;
use super::settings::ProviderSettings;
use super::settlement::Settling;
use super::upstream::Upstream;
use super::view::{Health, Publisher};
use super::vouchers::book::{Adopted, Book};
use super::vouchers::{Page, Seals};
use crate::body::Spool;
use crate::broker::outbox;
use crate::broker::retention;
use crate::chain::{BlockRef, Chain, Cursor, Sender, Ticket};
use crate::crash_point::{self, Point};
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, OperationKind, OperationState, Receipt, ServiceName,
    SignedReceipt, Timestamp, VoucherDomain,
};
use crate::keys::Wallet;
use crate::store::{Observed, OperationEnd, ProviderStore, StoreError, WriteProbe};
use crate::tasks::Tasks;

/// Rows whose task died are struck off this often.
const HOUSEKEEPING: Duration = Duration::from_secs(30);
/// Idempotency keys are remembered for a week (in seconds), and looked through once an hour.
const KEYS_FOR: u64 = 7 * 86_400;
const FORGETTING: Duration = Duration::from_secs(3_600);

/// What a broker needs from outside.
#[derive(Debug)]
pub struct ProviderParts {
    pub store: ProviderStore,
    pub chain: Chain,
    /// Of the wallet's key; its journal is [`journal`](crate::broker::outbox::journal) of the same store.
    pub sender: Sender,
    pub wallet: Arc<Wallet>,
    pub tasks: Tasks,
    /// Where large request bodies wait; on the disk of the data directory, not in memory.
    pub spool: PathBuf,
    pub settings: ProviderSettings,
}

/// The provider broker. Clones are the same broker.
#[derive(Clone, Debug)]
pub struct ProviderBroker {
    pub(super) core: Arc<Core>,
}

/// Shared by all clones and tasks.
pub(super) struct Core {
    pub store: ProviderStore,
    pub writes: WriteProbe,
    pub chain: Chain,
    pub sender: Sender,
    pub wallet: Arc<Wallet>,
    /// The provider's address.
    pub me: Address,
    pub domain: VoucherDomain,
    pub seals: Seals,
    pub seen: Seen,
    pub tasks: Tasks,
    pub spool: Spool,
    pub settings: ProviderSettings,
    pub book: Arc<Book>,
    pub offers: Offers,
    pub services: Services,
    pub lookups: Lookups,
    pub free: FreeGate,
    pub gate: Arc<Gate>,
    pub conditions: Conditions,
    pub upstream: Upstream,
    pub settling: Settling,
    pub publisher: Publisher,
    pub tally: Tally,
    pub health: Health,
    /// The newest block taken in.
    pub block: Mutex<Option<BlockRef>>,
    /// Cancelled when answers under way must be cut and booked.
    pub cut: CancellationToken,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderBroker").field("provider", &self.me).finish_non_exhaustive()
    }
}

impl ProviderBroker {
    /// Starts a broker: closes what the last run left open, reads accounts and services again from the chain, then begins
    /// to follow it and to settle. Where there are many accounts most are read after that.
    ///
    /// # Errors
    /// Settings that cannot work, a store or chain that cannot be read, a sender of another key.
    pub async fn start(parts: ProviderParts) -> Result<ProviderBroker, ProviderError> {
        let ProviderParts { store, chain, sender, wallet, tasks, spool, settings } = parts;
        settings.check()?;
        let me = wallet.address();
        if sender.address() != me {
            return Err(ProviderError::WrongSender);
        }
        let upstream =
            Upstream::new(&settings.upstream).map_err(|error| ProviderError::Client(error.to_string()))?;
        let core = Arc::new(Core {
            seals: Seals::new(Arc::clone(&wallet), chain.domain()),
            seen: Seen::new(&settings.authorisation),
            domain: chain.domain(),
            book: Book::new(settings.credit_limit, settings.max_in_flight_per_user),
            offers: Offers::default(),
            services: Services::default(),
            lookups: Lookups::new(),
            free: FreeGate::new(&settings.free),
            gate: Gate::new(settings.requests_per_minute_per_user),
            conditions: Conditions::default(),
            upstream,
            settling: Settling::default(),
            publisher: Publisher::new(),
            tally: Tally::default(),
            health: Health::default(),
            block: Mutex::new(None),
            cut: CancellationToken::new(),
            writes: WriteProbe::new(store.db().clone()),
            store,
            chain,
            sender,
            wallet,
            me,
            tasks,
            spool: Spool::new(spool, settings.body_memory)
                .with_disk(settings.body_disk, settings.disk_of_one()),
            settings,
        });
        // None of them depends on another, and each waits for the disk.
        let (tickets, (), (), (), ()) = tokio::try_join!(
            core.resume(),
            core.load_decisions(),
            core.recall_ids(),
            core.count_today(),
            core.count_gas()
        )?;
        let (head, behind) = core.look_first().await?;
        core.load_services().await?;
        core.publish_first();
        core.begin(tickets, head).await?;
        if behind {
            core.tasks.spawn_until_stopped("provider accounts", Arc::clone(&core).catch_up());
        }
        Ok(ProviderBroker { core })
    }
}

/// An operation of the last run that may still arrive, and the service that it is about.
type UnderWay = (Ticket, OperationKind, Option<ServiceName>);

impl Core {
    /// Takes the ids of requests whose authorisations may still be good into the filter.
    async fn recall_ids(&self) -> Result<(), ProviderError> {
        let back = seen::lifetime(&self.settings.authorisation);
        let since = Timestamp::from_seconds(Timestamp::now().as_seconds().saturating_sub(back));
        let now = Instant::now();
        self.store.ids_since(since).await?.into_iter().for_each(|id| self.seen.mark(id, now));
        Ok(())
    }

    /// Closes or takes up what the last run left.
    async fn resume(&self) -> Result<Vec<UnderWay>, ProviderError> {
        let now = Timestamp::now();
        let lost = self.store.mark_lost(now).await?;
        crash_point::pass(Point::LostClosed);
        if !lost.is_empty() {
            tracing::warn!(
                requests = lost.len(),
                "requests of the last run were never metered; they cost nothing"
            );
        }
        let users = self.store.all_users().await?;
        let mut pages = Vec::with_capacity(users.len());
        for user in users {
            if user.id.provider != self.me
                || (user.chain, user.voucher, user.owed) == (None, None, Neuron::ZERO)
            {
                continue;
            }
            // A chain that once told of no account (a reorg, a node that forgot) does not undo what is owed.
            let account = user.chain.unwrap_or(ChainAccount {
                id: user.id,
                balance: Neuron::ZERO,
                settled: Neuron::ZERO,
                epoch: user.voucher.map_or(0, |best| best.voucher.epoch),
                delegate: None,
                rotation: None,
                refund: None,
            });
            // Nobody was paid what was never owed; the first reading sees to a contradiction.
            let account = ChainAccount { settled: account.settled.min(user.owed), ..account };
            pages.push(Page {
                account,
                block: 0,
                owed: user.owed,
                carried: user.carried,
                reserved: Neuron::ZERO,
                in_flight: 0,
                best: user.voucher,
                debt_since: None,
                doubt: None,
            });
        }
        self.book.begin(pages);
        let operations = self.store.operations();
        let attempts = operations.unfinished_attempts().await?;
        let unfinished = operations.unfinished().await?;
        for operation in &unfinished {
            // Written down, never signed: nothing of it exists outside.
            if attempts.iter().all(|attempt| attempt.op != Some(operation.id)) {
                let end = OperationEnd {
                    state: OperationState::Refused,
                    hash: None,
                    block: None,
                    gas_used: 0,
                    gas_price: Neuron::ZERO,
                    contract: None,
                    error: Some("the broker stopped before it was sent".to_owned()),
                    at: now,
                };
                operations.finish(operation.id, end).await?;
            }
        }
        let tickets = self.sender.resume(attempts.into_iter().map(outbox::attempt).collect()).await?;
        let under_way = |ticket: Ticket| {
            let operation = unfinished.iter().find(|operation| operation.id == ticket.op)?;
            let name = operation.params.get("name").and_then(|name| name.as_str()?.parse().ok());
            Some((ticket, operation.kind, name))
        };
        Ok(tickets.into_iter().filter_map(under_way).collect())
    }

    /// Starts the tasks.
    async fn begin(self: &Arc<Self>, tickets: Vec<UnderWay>, head: BlockRef) -> Result<(), ProviderError> {
        let (settlements, others): (Vec<_>, Vec<_>) =
            tickets.into_iter().partition(|(_, kind, _)| *kind == OperationKind::Settle);
        // Before anybody can ask for another one.
        for (ticket, ..) in settlements {
            self.take_up(ticket).await?;
        }
        // Nobody may change a service before it is known what became of the last change: it would be paid for twice.
        let others: Vec<_> = others
            .into_iter()
            .map(|(ticket, _, name)| (ticket, name.and_then(|name| self.try_turn(&name))))
            .collect();
        self.tasks.spawn_until_stopped("provider snapshots", Arc::clone(self).publish());
        self.tasks.spawn_until_stopped("provider chain follower", Arc::clone(self).follow(Cursor::at(head)));
        self.tasks
            .spawn_until_stopped("provider service reconciliation", Arc::clone(self).keep_reconciled(others));
        self.tasks.spawn_until_stopped("looks at services", Arc::clone(self).look_at_upstreams());
        self.tasks.spawn_until_stopped("provider account resync", Arc::clone(self).resync());
        self.tasks.spawn_vital("provider settlement engine", Arc::clone(self).settle_when_due());
        self.tasks.spawn_until_stopped("provider housekeeping", Arc::clone(self).keep_house());
        if let Some(days) = self.settings.keep_requests {
            let core = Arc::clone(self);
            let chain = move || core.block.lock().map(|block| block.time);
            self.tasks
                .spawn_until_stopped("old requests", retention::run(self.store.db().clone(), days, chain));
        }
        let (token, cut, book) = (self.tasks.token(), self.cut.clone(), Arc::clone(&self.book));
        let drain = Duration::from_secs(self.settings.drain);
        self.tasks.spawn("provider drain", async move {
            token.cancelled().await;
            let until = tokio::time::Instant::now() + drain;
            // Nobody waits for an idle broker.
            while book.running() > 0 && tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            cut.cancel();
        });
        Ok(())
    }

    /// Strikes off rows whose task died without booking, and forgets old idempotency keys.
    async fn keep_house(self: Arc<Self>) {
        let mut forgotten = None;
        loop {
            tokio::time::sleep(HOUSEKEEPING).await;
            if forgotten.is_none_or(|at: Instant| at.elapsed() >= FORGETTING) {
                forgotten = Some(Instant::now());
                let before = Timestamp::from_seconds(Timestamp::now().as_seconds().saturating_sub(KEYS_FOR));
                if let Err(error) = self.store.repeats().forget_before(before).await {
                    self.health.store_failed(&error);
                }
            }
            let abandoned = self.book.take_abandoned();
            if abandoned.is_empty() {
                continue;
            }
            match self.store.lose(abandoned.clone(), Timestamp::now()).await {
                Ok(_) => tracing::warn!(requests = abandoned.len(), "requests ended without being metered"),
                Err(error) => {
                    self.health.store_failed(&error);
                    self.book.put_back_abandoned(abandoned);
                }
            }
        }
    }

    /// Dates all debts, as [`Core::date_debt`] does one.
    pub(super) async fn date_debts(&self) -> Result<(), StoreError> {
        let debts = self.book.debtors();
        let debts = debts.iter().map(|page| (page.account.id, page.account.settled)).collect();
        for (id, settled, since) in self.store.debts_since(debts).await? {
            self.book.debt_since(id.user, settled, since);
        }
        Ok(())
    }

    /// Dates the user's debt by the oldest fee that is not paid. After a payment in part it is a younger one; taken
    /// for as old as the paid ones, it would have the engine settle at every look.
    async fn date_debt(&self, id: AccountId, settled: Neuron) -> Result<(), StoreError> {
        if let Some(since) = self.store.debt_since(id, settled).await? {
            self.book.debt_since(id.user, settled, since);
        }
        Ok(())
    }

    /// Takes over what the chain says of accounts at a block: book first, so that less money counts at once, then
    /// the store.
    pub(super) async fn observe(
        &self,
        read: &[(AccountId, Option<ChainAccount>)],
        at: BlockRef,
        forced: bool,
    ) -> Result<(), StoreError> {
        let mut observed = Vec::with_capacity(read.len());
        for (id, account) in read {
            let known = self.book.page(id.user);
            let Some(account) = account else {
                observed.push(Observed { id: *id, account: None, block: at.number });
                self.book.vanished(id.user, at.number, forced);
                continue;
            };
            self.lookups.appeared(id.user);
            let (page, adopted) = self.book.refresh(*account, at.number, forced);
            if let Err(error) = self.adopt_payments(*id, &page, account.settled, adopted).await {
                self.book.not_adopted(id.user, known);
                return Err(error);
            }
            // What is not believed is not written down either: the next start would begin with it.
            let account = ChainAccount { settled: account.settled.min(page.owed), ..*account };
            observed.push(Observed { id: *id, account: Some(account), block: at.number });
            if known.is_some_and(|known| known.account.settled != page.account.settled) {
                self.date_debt(*id, page.account.settled).await?;
            }
        }
        self.store.observe(observed, forced).await?;
        crash_point::pass(Point::AccountsObserved);
        self.publisher.touch();
        Ok(())
    }

    /// Makes durable what a reading has changed about what is owed, and tells of what is not believed.
    async fn adopt_payments(
        &self,
        id: AccountId,
        page: &Page,
        settled: Neuron,
        adopted: Adopted,
    ) -> Result<(), StoreError> {
        let (user, owed) = (id.user, page.owed);
        match adopted {
            Adopted::Nothing => {}
            Adopted::Beginning => drop(self.store.carry(id, owed).await?),
            Adopted::Raised => {
                tracing::warn!(%user, %owed, "the chain has settled more than the books said is owed; they were raised");
                self.store.raise_owed(id, owed).await?;
            }
            Adopted::Doubted => tracing::warn!(
                %user, %owed, %settled,
                "the node says that more was settled than was ever owed; it is not believed unless it stands and a \
                 voucher covers it"
            ),
        }
        Ok(())
    }

    /// Signs a receipt.
    pub(super) fn sign_receipt(&self, receipt: Receipt) -> Result<SignedReceipt, ProviderError> {
        let signature = self
            .wallet
            .sign(receipt.signing_hash(&self.domain))
            .map_err(|error| ProviderError::Key(error.to_string()))?;
        Ok(SignedReceipt { receipt, signature })
    }
}
