//! The user's books: held before sent, paid once, and always the sum of their rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod accepting;
mod migrations;

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        AccountId, Address, B256, ChainAccount, Fee, Neuron, PendingRefund, Prices, Receipt, ReceiptStatus,
        RequestId, Rotation, Service, ServiceKind, ServiceName, Signature, SignedReceipt, Timestamp, Units,
        UserRequestState as State,
    },
    store::{Direction, Observed, Page, PageOf, earlier::as_it_was},
};

fn network() -> Network {
    Network { chain_id: 31337, contract: Address::repeat_byte(0xcc) }
}

async fn store() -> UserStore {
    UserStore::new(Db::temporary(Role::User).unwrap(), network()).await.unwrap()
}

async fn open(path: &Path) -> UserStore {
    UserStore::new(Db::open(path, Role::User).unwrap(), network()).await.unwrap()
}

fn account(provider: u8) -> AccountId {
    AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(provider) }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + second)
}

fn n(amount: u128) -> Neuron {
    Neuron::new(amount)
}

fn signature() -> Signature {
    let mut bytes = [1; 65];
    bytes[64] = 27;
    Signature::new(bytes).unwrap()
}

fn new(number: u8, provider: u8) -> NewUserRequest {
    NewUserRequest {
        id: RequestId::new([number; 32]),
        account: account(provider),
        service: "llama7b".parse().unwrap(),
        created_at: at(u64::from(number) * 3600),
        state: State::Sent,
        max_fee: n(1000),
        price_version: 7,
        prices: Prices { input: n(1), output: n(2) },
        body_hash: B256::repeat_byte(number),
        idempotency_key: None,
    }
}

fn finish(number: u8, state: State, fee: u128) -> Finish {
    Finish {
        id: RequestId::new([number; 32]),
        state,
        input: Units(10),
        output: Units(20),
        fee: Fee { input: n(fee / 3), output: n(fee - fee / 3) },
        disputed: Neuron::ZERO,
        response_hash: Some(B256::repeat_byte(3)),
        receipt: None,
        error: None,
        authorize: None,
        at: at(100),
    }
}

fn receipt(number: u8) -> SignedReceipt {
    let receipt = Receipt {
        request: RequestId::new([number; 32]),
        account: account(2),
        body_hash: B256::repeat_byte(4),
        response_hash: B256::repeat_byte(5),
        input: Units(u64::MAX),
        output: Units(6),
        fee: Fee { input: n(u128::MAX), output: n(7) },
        owed: n(8),
        status: ReceiptStatus::CutAtMaxFee,
    };
    SignedReceipt { receipt, signature: signature() }
}

#[tokio::test]
async fn a_call_is_held_sent_paid_once_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let store = open(&path).await;
    let call = NewUserRequest { idempotency_key: Some("k".into()), ..new(1, 2) };
    assert_eq!(store.reserve(call.clone(), n(500)).await.unwrap(), Reservation::Made { authorized: n(500) });
    // The same call, or another with its key, is not made twice; what may be signed never falls.
    let other = NewUserRequest { idempotency_key: Some("k".into()), ..new(9, 2) };
    for again in [call, other] {
        let before = store.reserve(again, n(900)).await.unwrap();
        assert!(matches!(before, Reservation::Before(before) if before.state == State::Sent));
    }
    assert_eq!(store.authorize(account(2), n(400)).await.unwrap(), n(500));
    assert_eq!(store.unfinished_requests().await.unwrap().len(), 1);

    // Without a receipt first, then with one.
    let waiting = store.finish(finish(1, State::Unconfirmed, 0)).await.unwrap();
    assert_eq!((waiting.applied, waiting.owed), (true, n(0)));
    let done =
        Finish { receipt: Some(receipt(1).into()), authorize: Some(n(700)), ..finish(1, State::Done, 90) };
    let first = store.finish(done.clone()).await.unwrap();
    assert_eq!(
        (first.applied, first.state, first.owed, first.authorized),
        (true, State::Done, n(90), n(700))
    );
    let twice = Finish { authorize: Some(n(790)), ..done.clone() };
    for again in [twice, finish(1, State::Failed, 0), finish(1, State::Disputed, 50)] {
        let again = store.finish(again).await.unwrap();
        assert_eq!((again.applied, again.state, again.owed), (false, State::Done, n(90)));
        assert_eq!((again.fee, again.authorized), (n(90), n(700)), "it is booked once, and promised once");
    }
    store.db().close().await.unwrap();

    let store = open(&path).await;
    let kept = store.request_by_key("k".into()).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.fee, kept.receipt), (State::Done, done.fee, Some(receipt(1).into())));
    let book = store.account(account(2)).await.unwrap().unwrap();
    assert_eq!((book.authorized, book.owed, book.chain), (n(700), n(90), None));
    assert_eq!(store.spent_on(at(3600).day()).await.unwrap(), BTreeMap::from([(account(2).provider, n(90))]));
    assert!(store.unfinished_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn impossible_ends_are_refused_and_change_nothing() {
    let store = store().await;
    store.reserve(NewUserRequest { state: State::Reserved, ..new(8, 2) }, n(0)).await.unwrap();
    assert!(store.finish(finish(8, State::Done, 5)).await.is_err(), "it was never sent");
    store.reserve(new(1, 2), n(0)).await.unwrap();
    assert!(store.finish(finish(1, State::Done, 1001)).await.is_err(), "above the highest fee");
    assert!(store.finish(finish(1, State::Failed, 1)).await.is_err(), "a fee for a failure");
    assert!(store.finish(finish(1, State::Reserved, 0)).await.is_err());
    assert!(store.finish(finish(7, State::Done, 1)).await.is_err(), "unknown");
    assert!(store.reserve(NewUserRequest { state: State::Done, ..new(3, 2) }, n(0)).await.is_err());
    assert_eq!(store.account(account(2)).await.unwrap().unwrap().owed, n(0));
    let disputed = Finish { disputed: n(40), ..finish(1, State::Disputed, 1000) };
    let books = store.finish(disputed).await.unwrap();
    assert_eq!((books.owed, books.disputed), (n(1000), n(40)));
}

#[tokio::test]
async fn the_chains_view_is_kept_whole_and_can_go_back() {
    let store = store().await;
    let full = ChainAccount {
        id: account(2),
        balance: Neuron::MAX,
        settled: n(3),
        epoch: u32::MAX,
        delegate: Some(Address::repeat_byte(5)),
        rotation: Some(Rotation { delegate: None, active_at: at(9) }),
        refund: Some(PendingRefund { index: 4, amount: n(6), created_at: at(1), unlock_at: at(2) }),
    };
    let bare = ChainAccount { delegate: None, rotation: None, refund: None, ..full };
    store.authorize(account(2), n(11)).await.unwrap();
    for view in [Some(full), Some(bare), None] {
        store.observe(vec![Observed { id: account(2), account: view, block: 12 }], false).await.unwrap();
        let book = store.account(account(2)).await.unwrap().unwrap();
        assert_eq!((book.chain, book.block, book.authorized), (view, Some(12), n(11)));
    }
    assert_eq!(store.accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_older_reading_changes_nothing_unless_a_reorg_forces_it() {
    let store = store().await;
    let read = |balance| ChainAccount {
        id: account(2),
        balance: n(balance),
        settled: n(0),
        epoch: 0,
        delegate: None,
        rotation: None,
        refund: None,
    };
    for (balance, block, forced, kept) in
        [(10, 12, false, 10), (9, 11, false, 10), (8, 12, false, 8), (7, 11, true, 7), (6, 12, false, 6)]
    {
        let seen = Observed { id: account(2), account: Some(read(balance)), block };
        store.observe(vec![seen], forced).await.unwrap();
        let chain = store.account(account(2)).await.unwrap().unwrap().chain.unwrap();
        assert_eq!(chain.balance, n(kept), "{balance} at {block}");
    }
}

#[tokio::test]
async fn refunds_and_services_are_what_was_put() {
    let store = store().await;
    let refund = |index, state| Refund {
        account: account(2),
        index,
        amount: n(5),
        created_at: at(index.into()),
        unlock_at: at(99),
        state,
    };
    store
        .put_refunds(vec![refund(0, RefundState::Cancelled), refund(1, RefundState::Pending)])
        .await
        .unwrap();
    store.put_refunds(vec![refund(1, RefundState::Processed)]).await.unwrap();
    let all = store.refunds(None).await.unwrap();
    assert_eq!(all, [refund(1, RefundState::Processed), refund(0, RefundState::Cancelled)]);
    assert_eq!(store.refunds(Some(RefundState::Pending)).await.unwrap(), []);

    let service = |name: &str| Service {
        provider: Address::repeat_byte(2),
        name: name.parse().unwrap(),
        kind: ServiceKind::ZgStorage,
        url: "https://a.example".into(),
        model: String::new(),
        prices: Prices { input: n(1), output: n(u128::MAX) },
        version: 1_700_000_000,
    };
    store.put_services(vec![service("b"), service("a")]).await.unwrap();
    assert_eq!(store.services().await.unwrap(), [service("a"), service("b")]);
    store.put_services(vec![service("c")]).await.unwrap();
    assert_eq!(store.services().await.unwrap(), [service("c")]);
}

async fn all(
    store: &UserStore,
    filter: &UserRequestFilter,
    sort: UserRequestSort,
    limit: u32,
) -> Vec<UserRequest> {
    let mut page = PageOf::first(limit);
    let mut seen = Vec::new();
    loop {
        let Page { items, next } = store.requests(filter.clone(), sort, page).await.unwrap();
        seen.extend(items);
        match next {
            Some(next) => page = PageOf { after: Some(next), limit },
            None => return seen,
        }
    }
}

#[tokio::test]
async fn lists_filter_sort_and_page_exactly() {
    let store = store().await;
    for number in 1..=20 {
        store.reserve(new(number, 2 + number % 3), n(0)).await.unwrap();
        if number % 4 != 0 {
            store.finish(finish(number, State::Done, u128::from(number % 5) * 100)).await.unwrap();
        }
    }
    let everything = UserRequestFilter::default();
    let newest = all(&store, &everything, UserRequestSort::CreatedAt(Direction::Descending), 3).await;
    let numbers: Vec<u8> = newest.iter().map(|request| request.id.bytes()[0]).collect();
    assert_eq!(numbers, (1..=20).rev().collect::<Vec<_>>());
    let cheap = all(&store, &everything, UserRequestSort::Fee(Direction::Ascending), 4).await;
    assert_eq!(cheap.len(), 20);
    assert!(cheap.is_sorted_by_key(|request| (request.fee.total(), request.id)));

    let filters = [
        everything,
        UserRequestFilter { provider: Some(account(3).provider), ..Default::default() },
        UserRequestFilter { service: Some("other".parse().unwrap()), ..Default::default() },
        UserRequestFilter {
            state: Some(State::Done),
            provider: Some(account(2).provider),
            ..Default::default()
        },
        UserRequestFilter { from: Some(at(5 * 3600)), to: Some(at(9 * 3600)), ..Default::default() },
        UserRequestFilter { state: Some(State::Done), from: Some(at(7 * 3600)), ..Default::default() },
    ];
    for filter in filters {
        let rows = all(&store, &filter, UserRequestSort::CreatedAt(Direction::Ascending), 2).await;
        let totals = store.request_totals(filter.clone()).await.unwrap();
        assert_eq!(totals.count, rows.len() as u64, "{filter:?}");
        let fee = rows.iter().fold(0, |sum, row| sum + row.fee.total().get());
        assert_eq!(totals.fee.total(), n(fee), "{filter:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whole days from their sums, parts of days row by row, filed or not: always what the list comes to.
    #[test]
    fn totals_of_any_time_are_those_of_the_list(
        moments in proptest::collection::vec(-30i64..150, 1..14),
        limits in proptest::collection::vec((proptest::option::of(-30i64..150), proptest::option::of(-30i64..150)), 12),
    ) {
        // In hours around 1970, some of them a microsecond beside a day's beginning.
        let at = |hours: i64| Timestamp::from_micros(hours * 3_600_000_000 - i64::from(hours % 3 == 0));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = store().await;
            for (number, hours) in (1..).zip(&moments) {
                let new = NewUserRequest { created_at: at(*hours), ..new(number, 2 + number % 2) };
                store.reserve(new, n(0)).await.unwrap();
                store.finish(finish(number, State::Done, 100 + u128::from(number))).await.unwrap();
            }
            for (from, to) in limits {
                for provider in [None, Some(account(2).provider)] {
                    let (from, to) = (from.map(at), to.map(at));
                    let filter = UserRequestFilter { provider, from, to, ..Default::default() };
                    let rows = all(&store, &filter, UserRequestSort::Fee(Direction::Descending), 3).await;
                    let totals = store.request_totals(filter).await.unwrap();
                    let fee = rows.iter().fold(0, |sum, row| sum + row.fee.total().get());
                    assert_eq!((totals.count, totals.fee.total()), (rows.len() as u64, n(fee)), "{from:?} {to:?}");
                }
            }
            assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
        });
    }
}

/// The number of a deleted row is given to a new one, which whoever looks for receipts must not take for the old one.
#[tokio::test]
async fn a_place_in_the_table_is_gone_with_its_call() {
    let store = store().await;
    let done = async |number: u8| {
        store.reserve(new(number, 2), n(0)).await.unwrap();
        store.finish(finish(number, State::Done, 1)).await.unwrap();
    };
    done(1).await;
    done(2).await;
    let beginning = store.place_before(10).await.unwrap();
    let (_, place) = store.unsigned(beginning, 64).await.unwrap().unwrap();
    done(3).await;
    let (_, place) = store.unsigned(place, 64).await.unwrap().unwrap();
    assert_eq!(store.unsigned(place, 64).await.unwrap(), Some((vec![], place)), "nothing is behind it");
    assert_eq!(store.db().prune(at(1_000 * 3_600), None).await.unwrap().requests, 3);
    assert_eq!(store.unsigned(place, 64).await.unwrap(), None);
    for number in 4..=6 {
        done(number).await;
    }
    assert_eq!(store.unsigned(place, 64).await.unwrap(), None, "another call stands there");
    let beginning = store.place_before(10).await.unwrap();
    assert!(store.unsigned(beginning, 64).await.unwrap().is_some());
}

#[tokio::test]
async fn old_calls_go_and_nothing_that_is_owed_or_summed_up_goes_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let store = open(&path).await;
    for number in 1..=40 {
        store.reserve(new(number, 2 + number % 2), n(0)).await.unwrap();
        match number {
            // One in dispute, one that failed, one whose end is not known.
            5 => drop(store.finish(disputed(5, 90, 30)).await.unwrap()),
            6 => drop(store.fail(finish(6, State::Failed, 0)).await.unwrap()),
            7 => {}
            _ => drop(store.finish(finish(number, State::Done, u128::from(number))).await.unwrap()),
        }
    }
    let user = account(2).user;
    let (days, accounts) =
        (store.request_days(user, 0, u64::MAX).await.unwrap(), store.accounts().await.unwrap());
    let spent = store.spent_on(at(3_600).day()).await.unwrap();
    let (cut, mut place, mut gone) = (at(30 * 3600), None, 0);
    loop {
        let pruned = store.db().prune(cut, place).await.unwrap();
        gone += pruned.requests;
        place = pruned.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(gone, 29 - 2);
    assert_eq!(store.db().prune(cut, None).await.unwrap().requests, 0);

    let everything = UserRequestFilter::default();
    let rows = all(&store, &everything, UserRequestSort::CreatedAt(Direction::Ascending), 5).await;
    let left: Vec<u8> = rows.iter().map(|row| row.id.bytes()[0]).collect();
    assert_eq!(left, [5, 7].into_iter().chain(30..=40).collect::<Vec<_>>());
    let totals = store.request_totals(everything).await.unwrap();
    assert_eq!(totals.count, 13);
    assert_eq!(totals.fee.total(), n(90 + (30..=40).sum::<u128>()));
    assert_eq!(store.request_days(user, 0, u64::MAX).await.unwrap(), days);
    assert_eq!(store.accounts().await.unwrap(), accounts);
    assert_eq!(store.spent_on(at(3_600).day()).await.unwrap(), spent);
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    // What is left goes on as before.
    assert!(matches!(store.accept(accept(5, 30)).await.unwrap(), Accepted::Done { .. }));
    store.finish(finish(7, State::Done, 8)).await.unwrap();
    store.db().close().await.unwrap();
    assert_eq!(open(&path).await.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_audit_finds_what_was_tampered_with() {
    let store = store().await;
    store.reserve(new(1, 2), n(0)).await.unwrap();
    store.finish(finish(1, State::Done, 10)).await.unwrap();
    // Enough changes for it to be filed.
    for number in 2..6 {
        store.reserve(new(number, 3), n(0)).await.unwrap();
    }
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    store
        .db
        .write(|connection| {
            connection.execute(
                "UPDATE requests SET input_fee = ?1, output_fee = ?2, fee = ?1 WHERE filed = 1",
                (n(11), n(0)),
            )?;
            Ok(())
        })
        .await
        .unwrap();
    let wrong = store.audit().await.unwrap();
    assert!(wrong[0].contains("owed is 10, but its calls come to 11"), "{wrong:?}");
    assert!(wrong[1].contains("running totals") && wrong[2].contains("the sums of a day"), "{wrong:?}");
    assert_eq!(wrong.len(), 3);
}

/// A disputed call whose receipt asks for `more` than its fee.
fn disputed(number: u8, fee: u128, more: u128) -> Finish {
    let end = finish(number, State::Disputed, fee);
    let asked = Fee { output: n(end.fee.output.get() + more), ..end.fee };
    let mut signed = receipt(number);
    signed.receipt.fee = asked;
    Finish { disputed: n(more), receipt: Some(signed.into()), ..end }
}

fn accept(number: u8, amount: u128) -> Accept {
    Accept { id: RequestId::new([number; 32]), amount: n(amount), day_cap: None, at: at(200) }
}

/// One step of the model.
#[derive(Debug, Clone)]
enum Step {
    Reserve { number: u8, provider: u8, authorized: u64 },
    Finish { number: u8, state: usize, fee: u128, disputed: u64, authorize: Option<u64> },
    Accept { number: u8, amount: u64 },
    Authorize { provider: u8, cumulative: u64 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0u8..8;
    let ends = number.clone().prop_flat_map(|number| {
        (0usize..State::ALL.len(), 0u128..1200, 0u64..50, proptest::option::of(any::<u64>())).prop_map(
            move |(state, fee, disputed, authorize)| Step::Finish { number, state, fee, disputed, authorize },
        )
    });
    prop_oneof![
        3 => (number, 2u8..4, any::<u64>())
            .prop_map(|(number, provider, authorized)| Step::Reserve { number, provider, authorized }),
        6 => ends,
        3 => (0u8..8, 0u64..50).prop_map(|(number, amount)| Step::Accept { number, amount }),
        1 => (2u8..4, any::<u64>()).prop_map(|(provider, cumulative)| Step::Authorize { provider, cumulative }),
        1 => Just(Step::Reopen),
    ]
}

/// Whatever happens in whatever order, each sum is that of its rows, and what may be signed never falls.
async fn sums_are_those_of_the_rows(store: &UserStore, authorized: &mut BTreeMap<AccountId, Neuron>) {
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    let rows =
        all(store, &UserRequestFilter::default(), UserRequestSort::CreatedAt(Direction::Ascending), 100)
            .await;
    let paid = |id: AccountId| rows.iter().filter(move |row| row.account == id);
    for book in store.accounts().await.unwrap() {
        let owed = paid(book.id).map(|row| row.fee.total().get()).sum();
        let disputed = paid(book.id).map(|row| row.disputed.get()).sum();
        assert_eq!((book.owed, book.disputed), (n(owed), n(disputed)));
        let before = authorized.insert(book.id, book.authorized).unwrap_or_default();
        assert!(book.authorized >= before);
    }
    for state in State::ALL {
        let filter = UserRequestFilter { state: Some(*state), ..Default::default() };
        let of_state: Vec<_> = rows.iter().filter(|row| row.state == *state).collect();
        let totals = store.request_totals(filter).await.unwrap();
        assert_eq!(totals.count, of_state.len() as u64);
        assert_eq!(totals.fee.total(), n(of_state.iter().map(|row| row.fee.total().get()).sum()));
    }
    let mut days: BTreeMap<(u64, Address), u128> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.fee.total().is_zero()) {
        *days.entry((row.created_at.day(), row.account.provider)).or_default() += row.fee.total().get();
    }
    for day in rows.iter().map(|row| row.created_at.day()) {
        let spent = store.spent_on(day).await.unwrap();
        let expected =
            days.iter().filter(|((on, _), _)| *on == day).map(|((_, who), sum)| (*who, n(*sum))).collect();
        assert_eq!(spent, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn books_balance_after_any_history(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("user.db");
            let mut store = open(&path).await;
            let mut authorized = BTreeMap::new();
            let earlier = if steps.len() % 2 == 0 { 2 } else { 6 };
            for step in steps {
                match step {
                    Step::Reserve { number, provider, authorized } => {
                        let name: ServiceName = if number % 2 == 0 { "a" } else { "b" }.parse().unwrap();
                        let call = NewUserRequest { service: name, ..new(number, provider) };
                        store.reserve(call, n(authorized.into())).await.unwrap();
                    }
                    Step::Finish { number, state, fee, disputed, authorize } => {
                        let state = State::ALL[state];
                        let end = Finish {
                            receipt: super::tests::disputed(number, fee, disputed.into()).receipt,
                            disputed: n(if state == State::Disputed { disputed.into() } else { 0 }),
                            authorize: authorize.map(|cumulative| n(cumulative.into())),
                            ..finish(number, state, if fee % 3 == 0 { 0 } else { fee })
                        };
                        let first = store.finish(end.clone()).await;
                        if let Ok(first) = first {
                            let again = store.finish(end).await.unwrap();
                            assert_eq!(again, Finished { applied: false, ..first });
                        }
                    }
                    Step::Accept { number, amount } => {
                        // Mostly the sum that is disputed, so that much is accepted.
                        let row = store.request(RequestId::new([number; 32])).await.unwrap();
                        let amount = row.map_or(amount.into(), |row| row.disputed.get());
                        if let Ok(Accepted::Done { request, .. }) = store.accept(accept(number, amount)).await {
                            assert_eq!((request.state, request.disputed), (State::Done, n(0)));
                            let again = store.accept(accept(number, amount)).await.unwrap();
                            assert!(matches!(again, Accepted::Differs(_)));
                        }
                    }
                    Step::Authorize { provider, cumulative } => {
                        let now = store.authorize(account(provider), n(cumulative.into())).await.unwrap();
                        assert!(now >= n(cumulative.into()));
                    }
                    Step::Reopen => {
                        store.db().close().await.unwrap();
                        store = open(&path).await;
                    }
                }
            }
            sums_are_those_of_the_rows(&store, &mut authorized).await;
            store.db().close().await.unwrap();
            store = open(&path).await;
            sums_are_those_of_the_rows(&store, &mut authorized).await;
            store.db().close().await.unwrap();
            as_it_was(&path, Role::User, earlier);
            sums_are_those_of_the_rows(&open(&path).await, &mut authorized).await;
        });
    }
}
