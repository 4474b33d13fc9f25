//! The whole system under test, and what must hold in it whenever it comes to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use zgserve_tui::broker::outbox;
use zgserve_tui::chain::{Call, Sender};
use zgserve_tui::domain::{
    AccountId, Address, Neuron, OperationId, OperationState, ProviderRequestState, RequestId, SignedVoucher,
    Timestamp, UserRequestState,
};
use zgserve_tui::keys::Wallet;
use zgserve_tui::meter::count;
use zgserve_tui::store::provider::ProviderRequest;
use zgserve_tui::store::user::UserRequest;

use super::super::world::{self, Forged, Forgetful, LOCK, World, fast, neuron, settles, until, wallet};
use super::system_line::{Between, Fate};
use super::system_plan::Plan;
use super::system_rules::{Debt, Due, Page};

/// A price of a token at which a debt is worth a transaction, and of a byte.
pub const DEAR: u128 = 1_000_000_000_000_000;
pub const BYTE: u128 = DEAR / 1_000;
pub const DEPOSIT: u128 = 1_000 * DEAR;
/// Seconds that are kept free before a deadline, with a lock of ten minutes.
pub const MARGIN: u64 = LOCK / 8;
/// The most that an answer may say.
pub const TOKENS: u64 = 30;

/// Somebody who has an account too, signs by hand, and cheats.
pub struct Cheater {
    pub key: Arc<Wallet>,
    pub sender: Sender,
    /// The highest voucher ever signed.
    pub signed: u128,
    /// The last request that was served.
    pub served: Option<Forged>,
}

pub struct Town {
    pub world: World,
    pub line: Between,
    pub cheater: Cheater,
    /// The user's wallet behind its broker's back.
    pub behind: Sender,
    pub credit: u128,
    pub cap: Option<u128>,
    pub output_price: u128,
    /// A price that the user has not been told of yet.
    pub rose: bool,
    pub page: Page,
    /// Receipts may be missing until the end.
    pub patient: bool,
    /// No reorg goes below this block.
    pub floor: u64,
    /// By our own clock, when the change of delegate comes that was last brought near.
    pub turn: Option<Timestamp>,
    settled: BTreeMap<Address, u128>,
    /// How often each thing came about.
    pub seen: BTreeMap<&'static str, usize>,
}

impl Town {
    pub async fn found(plan: &Plan) -> Town {
        Box::pin(Self::build(plan)).await
    }

    async fn build(plan: &Plan) -> Town {
        let share = |percent: u8| DEPOSIT / 100 * u128::from(percent);
        let (credit, cap) = (share(plan.credit), plan.cap.map(share));
        let line = Between::start().await;
        let mut parts = world::Plan { public: Some(line.url.clone()), ..world::Plan::default() };
        parts.provider.settlement.automatic = true;
        parts.provider.settlement.check_interval = 1;
        // Only danger makes the engine settle.
        parts.provider.settlement.gas_share_basis_points = 0;
        parts.provider.settlement.risk_limit = Neuron::ZERO;
        parts.provider.settlement.balance_share_percent = 100;
        parts.provider.credit_limit = neuron(credit);
        parts.provider.drain = 1;
        parts.user.caps.total = cap.map(neuron);
        parts.user.auto_process_refunds = false;
        let world = World::bare(parts).await;
        line.lead_to(world.proxy().base, world.provider_side.wallet.clone(), world.chain.domain());
        for (name, kind, price) in [("llama7b", "chatbot", DEAR), ("files", "zgStorage", BYTE)] {
            let body = json!({
                "URL": world.upstream.url, "inputPrice": price.to_string(), "outputPrice": price.to_string(),
                "Type": kind, "Name": name,
            });
            world.owner().post("/v1/service", body.to_string()).await.is(204);
            world.user_sees(name).await;
        }
        world.open_account(DEPOSIT).await;
        let acts_for = |key: &Arc<Wallet>| {
            let signer = outbox::signer(Arc::clone(key));
            Sender::start(world.chain.clone(), signer, Arc::new(Forgetful), &world.tasks, fast())
        };
        let key = wallet(&world.devnet.accounts()[2]);
        let cheater = Cheater { sender: acts_for(&key), key, signed: 0, served: None };
        let behind = acts_for(&world.user_side.wallet);
        let mut town = Town {
            line,
            cheater,
            behind,
            credit,
            cap,
            output_price: DEAR,
            rose: false,
            page: Page::default(),
            patient: false,
            floor: 0,
            turn: None,
            settled: BTreeMap::new(),
            seen: BTreeMap::new(),
            world,
        };
        let provider = town.world.provider_address();
        let open = Call::AddAccount { provider, delegate: None, value: neuron(DEPOSIT) };
        assert!(send(&town.cheater.sender, open).await);
        town.rest().await;
        town.floor = town.world.devnet.height();
        town
    }

    pub fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub fn cheater_id(&self) -> AccountId {
        AccountId { user: self.cheater.key.address(), provider: self.world.provider_address() }
    }

    /// What a chat costs by its transcript, held to what it may cost at most.
    pub fn chat_fee(&self, asked: &str, answered: &str) -> u128 {
        let fee = Self::input_fee(asked) + u128::from(count(answered)) * self.output_price;
        fee.min(self.highest(asked))
    }

    pub fn input_fee(asked: &str) -> u128 {
        u128::from(count("user") + count(asked)) * DEAR
    }

    pub fn highest(&self, asked: &str) -> u128 {
        Self::input_fee(asked) + u128::from(TOKENS) * self.output_price
    }

    /// The provider's figures of a user, with whether a change of delegate is near on the chain.
    pub async fn debt_now(&self, user: Address) -> Debt {
        let id = AccountId { user, provider: self.world.provider_address() };
        let rotation = self.world.chain.account(id, None).await.unwrap().and_then(|account| account.rotation);
        let now = self.world.chain.head().await.unwrap().time;
        let void_soon = rotation.is_some_and(|change| change.active_at.seconds_since(now) <= MARGIN);
        Debt { void_soon, ..self.debt(user) }
    }

    /// The provider's figures of a user, the chain's among them.
    pub fn debt(&self, user: Address) -> Debt {
        let user = self.world.provider().user(user).expect("the provider knows the account");
        Debt {
            owed: user.owed.get(),
            held: user.reserved.get(),
            voucher: user.voucher.get(),
            settled: user.settled.get(),
            balance: user.balance.get(),
            asked_back: user.pending_refund.get(),
            void_soon: false,
        }
    }

    /// The best voucher of the user that the provider has.
    pub async fn best_voucher(&self) -> Option<SignedVoucher> {
        self.world.provider_store().user(self.world.id()).await.unwrap()?.voucher
    }

    /// What the user's next request may use, by the model.
    pub async fn available(&self) -> u128 {
        let chain = self.world.chain.account(self.world.id(), None).await.unwrap().unwrap();
        let open: u128 = self.page.open.values().map(|due| due.most).sum();
        chain.coverage().get().saturating_sub(self.page.spent + open)
    }

    pub async fn requests(&self) -> Vec<UserRequest> {
        self.world.user_requests().await
    }

    /// Waits until nothing is under way on either side, and both have seen what the chain says.
    pub async fn rest(&self) {
        let mut why = String::new();
        let rested = settles(async || match self.under_way().await {
            None => Some(()),
            Some(what) => {
                why = what;
                None
            }
        })
        .await;
        assert!(rested.is_some(), "it does not come to rest: {why}");
    }

    async fn under_way(&self) -> Option<String> {
        let world = &self.world;
        let totals = world.provider().snapshot().totals;
        if totals.in_flight != 0 || !totals.reserved.is_zero() {
            return Some(format!("I11: requests at the provider: {totals:?}"));
        }
        let open = world.user_store().unfinished_requests().await.unwrap();
        let waits = open.iter().all(|row| row.state == UserRequestState::Unconfirmed) && self.patient;
        if !open.is_empty() && !waits {
            return Some(format!("requests of the user: {open:?}"));
        }
        let held = world.user().snapshot().reserved;
        if open.is_empty() && !held.is_zero() {
            return Some(format!("the user holds {held} for nothing"));
        }
        for operations in [world.user_store().operations(), world.provider_store().operations()] {
            let attempts = operations.unfinished_attempts().await.unwrap();
            if !attempts.is_empty() {
                return Some(format!("transactions: {attempts:?}"));
            }
        }
        let over = |state| {
            matches!(state, OperationState::Mined | OperationState::Reverted | OperationState::Refused)
        };
        if let Some(open) =
            world.user().operations(100).await.unwrap().into_iter().find(|operation| !over(operation.state))
        {
            return Some(format!("{open:?}"));
        }
        for chain in world.chain.accounts_of_provider(world.provider_address(), None).await.unwrap() {
            let Some(seen) = world.provider().user(chain.id.user) else {
                return Some(format!("the provider has not seen {:?}", chain.id));
            };
            let (theirs, refund) = ((seen.balance, seen.settled, seen.delegate), seen.pending_refund);
            if theirs != (chain.balance, chain.settled, chain.delegate) || refund != chain.pending_refund() {
                return Some(format!("I20: the provider sees {seen:?}, the chain has {chain:?}"));
            }
            if seen.settling {
                return Some(format!("{:?} is being settled", chain.id));
            }
            if chain.id == world.id() {
                let Ok(seen) = world.user().account(chain.id.provider) else {
                    return Some("the user has not seen its account".to_owned());
                };
                let ours = (seen.balance, seen.settled, seen.delegate, seen.pending_refund);
                if ours != (chain.balance, chain.settled, chain.delegate, chain.pending_refund()) {
                    return Some(format!("I20: the user sees {seen:?}, the chain has {chain:?}"));
                }
            }
        }
        None
    }

    /// Whether the engine has done what it must have done by now.
    pub async fn engine_settles(&self) {
        until("what is in danger is settled in time", async || {
            let now = self.world.chain.head().await.unwrap().time;
            let late = self.all_users().await.into_iter().any(|user| {
                let view = self.world.provider().user(user).unwrap();
                view.settle_by.is_some_and(|by| by <= now) && !view.claimable.is_zero()
            });
            (!late).then_some(())
        })
        .await;
    }

    async fn all_users(&self) -> Vec<Address> {
        let listed =
            self.world.chain.accounts_of_provider(self.world.provider_address(), None).await.unwrap();
        listed.into_iter().map(|account| account.id.user).collect()
    }

    /// A reorg takes back what was settled.
    pub fn settled_anew(&mut self) {
        self.settled.clear();
    }

    /// Everything that must hold. Takes requests that have come to their end into the page.
    pub async fn check(&mut self) {
        self.rest().await;
        self.world.check_chain().await;
        let (user_store, provider_store) = (self.world.user_store(), self.world.provider_store());
        assert_eq!(user_store.audit().await.unwrap(), Vec::<String>::new());
        assert_eq!(provider_store.audit().await.unwrap(), Vec::<String>::new());
        let theirs = self.world.provider_requests().await;
        Box::pin(self.check_provider(&theirs)).await;
        Box::pin(self.check_user(&theirs)).await;
    }

    async fn check_provider(&mut self, rows: &[ProviderRequest]) {
        let ids: BTreeSet<RequestId> = rows.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), rows.len(), "I7: each request is booked once");
        for row in rows {
            let exact = row.prices.fee(row.input, row.output).unwrap().capped(row.max_fee);
            let charged = row.state == ProviderRequestState::Charged;
            assert!(row.fee == if charged { exact } else { Default::default() }, "I8: {row:?}");
        }
        for user in self.all_users().await {
            let id = AccountId { user, provider: self.world.provider_address() };
            let fees: u128 =
                rows.iter().filter(|row| row.account == id).map(|row| row.fee.total().get()).sum();
            let debt = self.debt(user);
            assert_eq!(debt.owed, fees, "I7: owed is the sum of the fees of {user}");
            assert!(
                debt.unsecured() <= self.credit,
                "I13: {user} took {debt:?} on a credit of {}",
                self.credit
            );
            let claim = debt.voucher.min(debt.owed).max(debt.settled);
            assert!(claim <= debt.settled + debt.balance, "what {user} promised is there: {debt:?}");
            let before = self.settled.insert(user, debt.settled).unwrap_or_default();
            assert!(before <= debt.settled, "I2: {user} had {before} settled, now {}", debt.settled);
            assert!(debt.settled <= debt.owed, "I12: no more was taken than was served: {debt:?}");
        }
        let cheater = self.debt(self.cheater.key.address());
        assert!(cheater.voucher.max(cheater.settled) <= self.cheater.signed, "I3: {cheater:?}");
    }

    /// Takes the fees of requests that were open and have ended since.
    fn pay_what_is_over(&mut self, rows: &[UserRequest]) {
        for row in rows.iter().filter(|row| is_over(row)) {
            if self.page.open.contains_key(&row.id) {
                self.page.pay(row.id, row.fee.total().get());
            }
        }
    }

    async fn check_user(&mut self, theirs: &[ProviderRequest]) {
        let rows = self.requests().await;
        self.pay_what_is_over(&rows);
        for row in &rows {
            let over = is_over(row);
            assert!(!over || self.page.over.contains_key(&row.id), "nobody sent {row:?}");
            assert!(over || row.fee.total().is_zero(), "{row:?}");
            assert!(row.fee.total() <= row.max_fee, "I8: {row:?}");
        }
        assert_eq!(rows.len(), self.page.over.len() + self.page.open.len(), "every request is known");
        // A voucher may be on its way meanwhile, so who must have less is read first.
        let (_, acknowledged) = self.line.promises();
        let best =
            self.world.provider_store().user(self.world.id()).await.unwrap().and_then(|row| row.voucher);
        let best = best.map_or(0, |best| best.voucher.cumulative.get());
        let (signed, _) = self.line.promises();
        let debt = self.debt(self.world.user_address());
        let ours = self.world.user_store().account(self.world.id()).await.unwrap().unwrap();
        let (authorized, page) = (ours.authorized.get(), &self.page);
        assert_eq!(ours.owed.get(), page.spent, "owed is what our own meter found");
        assert!(signed <= authorized, "I15: {signed} left, {authorized} is on disk");
        assert!(
            authorized <= page.may_sign,
            "{authorized} signed, {} may be: {page:?}, credit {}",
            page.may_sign,
            self.credit
        );
        assert!(
            self.cap.is_none_or(|cap| authorized <= cap),
            "I16: {authorized} signed, the cap is {:?}",
            self.cap
        );
        assert!(debt.settled <= authorized, "I3: {} was taken, {authorized} signed", debt.settled);
        assert!(acknowledged <= best, "I10: {acknowledged} was acknowledged, the best is {best}");
        assert!(best <= signed, "the provider has {best}, of which only {signed} left us");
        // What the provider books beyond our count is what was lost on the way or what nobody has told us yet.
        for row in theirs.iter().filter(|row| row.account == self.world.id()) {
            let fee = row.fee.total().get();
            match page.over.get(&row.id) {
                Some(paid) => assert!(*paid <= fee, "we paid {paid} for {row:?}"),
                None => assert!(page.open.contains_key(&row.id), "nobody sent {row:?}"),
            }
            if !page.at_odds
                && let Some(paid) = page.over.get(&row.id)
            {
                assert_eq!(*paid, fee, "both count the same: {row:?}");
            }
        }
    }

    /// Writes down what the request since `before` must come to. If several are new, all but the newest were refused.
    pub async fn expect(&mut self, before: &BTreeSet<RequestId>, due: Due) {
        let mut new = self.newcomers(before).await;
        new.sort_by_key(|row| (row.state == UserRequestState::Failed, std::cmp::Reverse(row.created_at)));
        self.page.promise(new.iter().map(|row| row.max_fee.get()).max().unwrap_or_default(), self.credit);
        assert!(due.least == 0 || !new.is_empty(), "{due:?} for nothing");
        for (row, due) in new.iter().zip(std::iter::once(due).chain(std::iter::repeat(Due::NOTHING))) {
            self.open(row, due);
        }
    }

    /// Writes down what each request since `before` must come to, which ran side by side. One that is not named was refused.
    pub async fn expect_each(&mut self, before: &BTreeSet<RequestId>, mut dues: BTreeMap<RequestId, Due>) {
        let new = self.newcomers(before).await;
        self.page.promise(new.iter().map(|row| row.max_fee.get()).sum(), self.credit);
        for row in &new {
            self.open(row, dues.remove(&row.id).unwrap_or(Due::NOTHING));
        }
        assert!(dues.is_empty(), "{dues:?} for requests that nobody sent");
    }

    async fn newcomers(&mut self, before: &BTreeSet<RequestId>) -> Vec<UserRequest> {
        let rows = self.requests().await;
        // One whose receipt came late may have ended before these were promised, and was owed then.
        self.pay_what_is_over(&rows);
        rows.into_iter().filter(|row| !before.contains(&row.id)).collect()
    }

    fn open(&mut self, row: &UserRequest, due: Due) {
        // With little left, or a cap near, a request may cost less than it would.
        let highest = row.max_fee.get();
        self.page.open.insert(row.id, Due::between(due.least.min(highest), due.most.min(highest)));
    }

    pub async fn known(&self) -> BTreeSet<RequestId> {
        self.requests().await.into_iter().map(|row| row.id).collect()
    }

    /// Everything heals: receipts that are still missing come, and what is promised can be settled.
    pub async fn finish(&mut self) {
        self.line.fate(Fate::None);
        self.line.withhold(false);
        if !self.page.open.is_empty() {
            self.world.stop_user().await;
            self.world.start_user().await;
        }
        self.patient = false;
        self.check().await;
        // Vouchers may still be on their way, so it is settled until nothing is left.
        until("all that was promised and owed is paid", async || {
            self.world.owner().post_empty("/v1/settle").await;
            let unpaid = self.all_users().await.into_iter().any(|user| {
                let debt = self.debt(user);
                debt.owed.min(debt.voucher) > debt.settled
            });
            (!unpaid).then_some(())
        })
        .await;
        self.check().await;
    }
}

/// Sends somebody's call, unless the contract would refuse it.
pub async fn send(sender: &Sender, call: Call) -> bool {
    match sender.submit(OperationId::random(), call).await {
        Ok(mut ticket) => {
            ticket.wait().await;
            true
        }
        Err(_) => false,
    }
}

fn is_over(row: &UserRequest) -> bool {
    matches!(row.state, UserRequestState::Done | UserRequestState::Disputed | UserRequestState::Failed)
}
