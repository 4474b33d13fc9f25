//! Are all books right? Asked at the end of every test, when nothing is in flight.

use std::collections::BTreeMap;

use zgserve_tui::chain::{EventFilter, EventKind};
use zgserve_tui::domain::{
    AccountId, Neuron, OperationState, ProviderRequestState, Seal, Tag, UserRequestState, amount,
};
use zgserve_tui::store::provider::{ProviderRequest, ProviderRequestFilter, ProviderRequestSort};
use zgserve_tui::store::user::{UserRequest, UserRequestFilter, UserRequestSort};
use zgserve_tui::store::{Direction, PageOf};

use super::{World, settles, until};

/// The figures of the one account, as both sides and the chain have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Books {
    pub owed: Neuron,
    pub settled: Neuron,
    pub balance: Neuron,
    pub authorized: Neuron,
    pub user_requests: Vec<UserRequest>,
    pub provider_requests: Vec<ProviderRequest>,
}

impl Books {
    pub fn charged(&self) -> usize {
        self.provider_requests.iter().filter(|row| row.state == ProviderRequestState::Charged).count()
    }

    pub fn done(&self) -> usize {
        self.user_requests.iter().filter(|row| row.state == UserRequestState::Done).count()
    }

    /// The same without what makes receipts good. The signature of one comes by itself in place of the tag, some time
    /// later, and is no effect of anything that a test does.
    pub fn without_seals(mut self) -> Books {
        for receipt in self.user_requests.iter_mut().filter_map(|row| row.receipt.as_mut()) {
            receipt.seal = Seal::Tag(Tag::new([0; 32]));
        }
        self
    }
}

impl World {
    /// Waits until nothing is in flight, then holds all books against each other and against the chain.
    pub async fn check_books(&self) -> Books {
        self.compare_books(false).await
    }

    /// The same after answers were lost between the brokers: what was handed over and did not arrive is not paid. Then a
    /// user may owe less than the provider says, never more, by no more than the credit limit, and is told the difference.
    pub async fn check_books_with_losses(&self) -> Books {
        self.compare_books(true).await
    }

    async fn compare_books(&self, losses: bool) -> Books {
        let rests = async || {
            let user = self.user().snapshot();
            let provider = self.provider().snapshot();
            let user_rests = user.accounts.iter().all(|account| account.reserved.is_zero());
            let open = self.user_store().unfinished_requests().await.unwrap().len();
            (user_rests && open == 0 && provider.totals.in_flight == 0 && provider.totals.reserved.is_zero())
                .then_some(())
        };
        if settles(rests).await.is_none() {
            let open = self.user_store().unfinished_requests().await;
            panic!(
                "the brokers do not come to rest: {:#?}\n{:#?}\n{open:#?}\n{:#?}",
                self.user().snapshot().accounts,
                self.provider().snapshot().totals,
                self.provider_requests().await,
            );
        }
        self.check_chain().await;
        let (user_store, provider_store) = (self.user_store(), self.provider_store());
        assert_eq!(user_store.audit().await.unwrap(), Vec::<String>::new());
        assert_eq!(provider_store.audit().await.unwrap(), Vec::<String>::new());
        assert_eq!(user_store.unfinished_requests().await.unwrap().len(), 0);

        let user_requests = self.user_requests().await;
        let provider_requests = self.provider_requests().await;
        for row in &user_requests {
            let Some(theirs) = provider_requests.iter().find(|theirs| theirs.id == row.id) else {
                assert!(row.fee.total().is_zero(), "a fee for what the provider never admitted: {row:?}");
                continue;
            };
            assert_eq!(row.body_hash, theirs.body_hash, "{row:?}\n{theirs:?}");
            if losses {
                let (ours, stated) = (row.fee.total(), theirs.fee.total());
                assert!(ours <= stated, "{row:?}\n{theirs:?}");
                // A gateway's error page in place of an answer ends a request without its receipt.
                let failed = row.state == UserRequestState::Failed;
                assert!(failed || row.disputed == stated.above(ours), "{row:?}\n{theirs:?}");
            } else {
                assert_eq!(row.fee, theirs.fee, "{row:?}\n{theirs:?}");
            }
            assert!(row.fee.total() <= row.max_fee, "{row:?}");
            let exact = theirs.prices.fee(theirs.input, theirs.output).unwrap().capped(theirs.max_fee);
            if theirs.state == ProviderRequestState::Charged {
                assert_eq!(theirs.fee, exact, "{theirs:?}");
            } else {
                assert!(theirs.fee.total().is_zero(), "{theirs:?}");
            }
        }
        let of = |fees: Vec<Neuron>| amount::sum(fees).unwrap();
        let charged = of(provider_requests.iter().map(|row| row.fee.total()).collect());
        let done = of(user_requests.iter().map(|row| row.fee.total()).collect());

        let chain = self.chain.account(self.id(), None).await.unwrap();
        let settled = chain.map_or(Neuron::ZERO, |account| account.settled);
        let balance = chain.map_or(Neuron::ZERO, |account| account.balance);
        let mut books = Books {
            owed: charged,
            settled,
            balance,
            authorized: Neuron::ZERO,
            user_requests,
            provider_requests,
        };
        // Theirs first: a voucher may still be on its way, and ours is on disk before it leaves.
        let theirs = provider_store.user(self.id()).await.unwrap();
        let ours = user_store.account(self.id()).await.unwrap();
        if losses {
            assert!(charged.above(done) <= self.provider_side.settings.credit_limit);
        } else {
            assert_eq!(charged, done, "both sides owe the same");
        }
        if let Some(theirs) = &theirs {
            assert_eq!(theirs.owed, charged, "the provider's books are the sum of their rows");
        }
        if let Some(ours) = &ours {
            assert_eq!(ours.owed, done, "the user's books are the sum of their rows");
            assert!(settled <= ours.authorized, "I3: {settled} settled, {} signed", ours.authorized);
            let promised = theirs.as_ref().and_then(|row| row.voucher).map(|best| best.voucher.cumulative);
            assert!(promised.unwrap_or_default() <= ours.authorized, "I15");
            books.authorized = ours.authorized;
        }
        books
    }

    /// I1, for every account of this provider: in total, and deposits against what became of them. Read while no block
    /// comes in between, since settlements and refunds may still be on their way.
    pub async fn check_chain(&self) {
        let (contract, accounts, events) = until("the chain holds still for a look", async || {
            let head = self.chain.head().await.unwrap();
            let contract = self.chain.native_balance(self.chain.contract()).await.unwrap();
            let accounts = self.chain.accounts_of_provider(self.provider_address(), None).await.unwrap();
            let events = self.chain.events(0, head.number, EventFilter::default()).await.unwrap();
            (self.chain.head().await.unwrap() == head).then_some((contract, accounts, events))
        })
        .await;
        let balances = amount::sum(accounts.iter().map(|account| account.balance)).unwrap();
        let mut flows: BTreeMap<AccountId, (u128, u128)> = BTreeMap::new();
        for event in events {
            let Some(id) = event.kind.account() else { continue };
            let (deposited, gone) = flows.entry(id).or_default();
            match event.kind {
                EventKind::AccountAdded { balance, .. } => *deposited += balance.get(),
                EventKind::Deposited { amount, .. } => *deposited += amount.get(),
                EventKind::RefundProcessed { amount, .. } => *gone += amount.get(),
                EventKind::Settled { paid, .. } => *gone += paid.get(),
                _ => {}
            }
        }
        let elsewhere: u128 = flows
            .iter()
            .filter(|(id, _)| id.provider != self.provider_address())
            .map(|(_, (deposited, gone))| deposited - gone)
            .sum();
        assert_eq!(contract, balances.get() + elsewhere, "I1: the contract holds what its accounts hold");
        for account in accounts {
            let (deposited, gone) = flows[&account.id];
            assert_eq!(account.balance.get() + gone, deposited, "I1: {account:?}");
        }
    }

    pub async fn user_requests(&self) -> Vec<UserRequest> {
        let (mut rows, mut page) = (Vec::new(), PageOf::first(1_000));
        loop {
            let sort = UserRequestSort::CreatedAt(Direction::Ascending);
            let found = self.user_store().requests(UserRequestFilter::default(), sort, page).await.unwrap();
            rows.extend(found.items);
            match found.next {
                Some(next) => page = PageOf { after: Some(next), limit: 1_000 },
                None => return rows,
            }
        }
    }

    pub async fn provider_requests(&self) -> Vec<ProviderRequest> {
        let (mut rows, mut page) = (Vec::new(), PageOf::first(1_000));
        loop {
            let sort = ProviderRequestSort::CreatedAt(Direction::Ascending);
            let store = self.provider_store();
            let found = store.requests(ProviderRequestFilter::default(), sort, page).await.unwrap();
            rows.extend(found.items);
            match found.next {
                Some(next) => page = PageOf { after: Some(next), limit: 1_000 },
                None => return rows,
            }
        }
    }

    /// Waits until a voucher for all that is owed has come to the provider.
    pub async fn voucher_arrives(&self) {
        let owed = self.check_books().await.owed;
        until("the voucher has arrived", async || {
            (self.provider().user(self.user_address())?.voucher >= owed).then_some(())
        })
        .await;
    }

    /// Waits until every operation of the user broker has ended.
    pub async fn operations_end(&self) {
        until("all operations end", async || {
            let open = self.user().operations(100).await.unwrap();
            let over = |state| {
                matches!(state, OperationState::Mined | OperationState::Reverted | OperationState::Refused)
            };
            open.iter().all(|operation| over(operation.state)).then_some(())
        })
        .await;
    }
}
