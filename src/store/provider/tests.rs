//! The provider's books: admitted once, charged once, and always the sum of their rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    domain::{
        AccountId, Address, B256, ChainAccount, Fee, Neuron, OperationId, OperationKind, OperationState,
        Prices, ProviderRequestState as State, ReceiptStatus, RequestId, ServiceKind, Signature,
        SignedVoucher, Timestamp, Units, Voucher,
    },
    store::{Begun, Direction, NewOperation, Observed, Page, PageOf, earlier::as_it_was},
};

fn network() -> Network {
    Network { chain_id: 31337, contract: Address::repeat_byte(0xcc) }
}

async fn store() -> ProviderStore {
    ProviderStore::new(Db::temporary(Role::Provider).unwrap(), network()).await.unwrap()
}

async fn open(path: &Path) -> ProviderStore {
    ProviderStore::new(Db::open(path, Role::Provider).unwrap(), network()).await.unwrap()
}

fn account(user: u8) -> AccountId {
    AccountId { user: Address::repeat_byte(user), provider: Address::repeat_byte(0xff) }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + second)
}

fn n(amount: u128) -> Neuron {
    Neuron::new(amount)
}

fn voucher(user: u8, epoch: u32, cumulative: u128) -> SignedVoucher {
    let mut bytes = [1; 65];
    bytes[64] = 28;
    let signature = Signature::new(bytes).unwrap();
    SignedVoucher { voucher: Voucher { account: account(user), epoch, cumulative: n(cumulative) }, signature }
}

fn new(number: u8, user: u8) -> NewProviderRequest {
    NewProviderRequest {
        id: RequestId::new([number; 32]),
        account: account(user),
        service: "llama7b".parse().unwrap(),
        created_at: at(number.into()),
        max_fee: n(1000),
        price_version: 7,
        prices: Prices { input: n(1), output: n(2) },
        body_hash: B256::repeat_byte(number),
        voucher: None,
    }
}

fn completion(number: u8, state: State, fee: u128) -> Completion {
    Completion {
        id: RequestId::new([number; 32]),
        state,
        input: Units(10),
        output: Units(20),
        fee: Fee { input: n(fee / 3), output: n(fee - fee / 3) },
        status: ReceiptStatus::CutByCaller,
        response_hash: B256::repeat_byte(5),
        at: at(1000 + u64::from(number)),
    }
}

fn on_chain(user: u8, epoch: u32, settled: u128) -> Observed {
    let id = account(user);
    let account = ChainAccount {
        id,
        balance: n(1_000_000),
        settled: n(settled),
        epoch,
        delegate: None,
        rotation: None,
        refund: None,
    };
    Observed { id, account: Some(account), block: 5 }
}

#[tokio::test]
async fn a_call_is_admitted_once_charged_once_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("provider.db");
    let store = open(&path).await;
    let call = NewProviderRequest { voucher: Some(voucher(1, 0, 70)), ..new(1, 1) };
    let admitted = store.admit(call.clone()).await.unwrap();
    assert_eq!(admitted, Admission::Admitted { voucher: Some(voucher(1, 0, 70)) });
    let repeated = store.admit(call.clone()).await.unwrap();
    assert!(matches!(repeated, Admission::Duplicate(before) if before.state == State::Admitted));
    let first = store.complete(completion(1, State::Charged, 90)).await.unwrap();
    assert_eq!((first.applied, first.owed), (true, n(90)));
    for again in [completion(1, State::Charged, 90), completion(1, State::Failed, 0)] {
        let again = store.complete(again).await.unwrap();
        assert_eq!((again.applied, again.owed, &again.request), (false, n(90), &first.request));
    }
    store.admit(new(2, 1)).await.unwrap();
    let second = store.complete(completion(2, State::Charged, 10)).await.unwrap();
    store.admit(new(3, 1)).await.unwrap();
    store.db().close().await.unwrap();

    let store = open(&path).await;
    assert!(
        matches!(store.admit(call).await.unwrap(), Admission::Duplicate(before) if before.state == State::Charged)
    );
    let kept = store.request(RequestId::new([2; 32])).await.unwrap().unwrap();
    assert_eq!(kept, second.request);
    let receipt = kept.receipt().unwrap();
    assert_eq!(
        (receipt.owed, receipt.fee.total(), receipt.status),
        (n(100), n(10), ReceiptStatus::CutByCaller)
    );

    let lost = store.mark_lost(at(5000)).await.unwrap();
    assert_eq!(lost.iter().map(|request| request.id.bytes()[0]).collect::<Vec<_>>(), [3]);
    assert!(store.mark_lost(at(5001)).await.unwrap().is_empty());
    let late = store.complete(completion(3, State::Charged, 500)).await.unwrap();
    assert_eq!((late.applied, late.owed, late.request.state), (false, n(100), State::Lost));
    assert_eq!(late.request.receipt(), None);
    let user = store.user(account(1)).await.unwrap().unwrap();
    assert_eq!((user.owed, user.voucher), (n(100), Some(voucher(1, 0, 70))));
}

#[tokio::test]
async fn impossible_ends_are_refused_and_change_nothing() {
    let store = store().await;
    let stolen = NewProviderRequest { voucher: Some(voucher(2, 0, 70)), ..new(1, 1) };
    assert!(store.admit(stolen).await.is_err());
    assert_eq!(store.request(RequestId::new([1; 32])).await.unwrap(), None);
    store.admit(new(1, 1)).await.unwrap();
    assert!(store.complete(completion(1, State::Charged, 1001)).await.is_err());
    assert!(store.complete(completion(1, State::Failed, 1)).await.is_err());
    assert!(store.complete(completion(1, State::Admitted, 0)).await.is_err());
    assert!(store.complete(completion(9, State::Charged, 1)).await.is_err());
    assert_eq!(store.user(account(1)).await.unwrap().unwrap().owed, n(0));
    let failed = store.complete(completion(1, State::Failed, 0)).await.unwrap();
    assert_eq!((failed.applied, failed.owed), (true, n(0)));
    assert!(failed.request.receipt().is_some());
}

#[tokio::test]
async fn vouchers_form_a_maximum_in_any_order() {
    let store = store().await;
    for (offered, best) in [((0, 50), (0, 50)), ((0, 30), (0, 50)), ((1, 20), (1, 20)), ((0, 900), (1, 20))] {
        let kept = store.record_voucher(voucher(1, offered.0, offered.1)).await.unwrap();
        assert_eq!(kept, voucher(1, best.0, best.1));
    }
    let writes = (0..50).map(|amount| store.record_voucher(voucher(2, 0, (amount * 37) % 50)));
    futures_util::future::try_join_all(writes).await.unwrap();
    assert_eq!(store.user(account(2)).await.unwrap().unwrap().voucher, Some(voucher(2, 0, 49)));
}

#[tokio::test]
async fn a_debt_is_as_old_as_its_first_fee_that_is_not_paid() {
    let store = store().await;
    for (number, user, fee) in [(1, 1, 100), (2, 1, 100), (3, 2, 100), (4, 3, 100)] {
        store.admit(new(number, user)).await.unwrap();
        store.complete(completion(number, State::Charged, fee)).await.unwrap();
    }
    // 1: its first call is paid. 2: nothing is paid. 3: all is paid.
    let debts = vec![(account(1), n(120)), (account(2), n(0)), (account(3), n(100))];
    let since = store.debts_since(debts).await.unwrap();
    assert_eq!(since, [(account(1), n(120), at(1002)), (account(2), n(0), at(1003))]);
}

#[tokio::test]
async fn a_settlement_is_written_with_its_lines_and_its_result() {
    let store = store().await;
    let operation = |kind| NewOperation {
        id: OperationId::new([1; 16]),
        kind,
        params: json!({}),
        idempotency_key: None,
        at: at(1),
    };
    let row = |user, paid: Option<u128>| SettlementRow {
        account: account(user),
        epoch: 0,
        cumulative: n(500),
        claim: n(200),
        paid: paid.map(n),
    };
    let rows = vec![row(1, None), row(2, None)];
    assert!(store.begin_settlement(operation(OperationKind::Deposit), rows.clone()).await.is_err());
    assert!(store.operations().unfinished().await.unwrap().is_empty());
    let settle = operation(OperationKind::Settle);
    assert_eq!(store.begin_settlement(settle.clone(), rows.clone()).await.unwrap(), Begun::New);
    assert!(matches!(store.begin_settlement(settle.clone(), vec![]).await.unwrap(), Begun::Before(_)));
    assert_eq!(store.settlement_rows(settle.id).await.unwrap(), rows);
    store.settled(settle.id, vec![(account(1), n(80)), (account(2), n(60))]).await.unwrap();
    assert!(store.settled(settle.id, vec![(account(7), n(1))]).await.is_err());
    // After a reorg only one of them was paid.
    store.settled(settle.id, vec![(account(2), n(60))]).await.unwrap();
    let page = store.settlements(None, PageOf::first(10)).await.unwrap();
    assert_eq!(page.items[0].rows, [row(1, None), row(2, Some(60))]);
    assert_eq!((page.items[0].paid(), page.items[0].operation.id), (n(60), settle.id));
    assert!(
        store.settlements(Some(OperationState::Mined), PageOf::first(10)).await.unwrap().items.is_empty()
    );
}

#[tokio::test]
async fn a_service_goes_from_wanted_to_listed_to_forgotten() {
    let store = store().await;
    let name: crate::domain::ServiceName = "llama7b".parse().unwrap();
    let prices = |input| Prices { input: n(input), output: n(2) };
    let wanted = |input| OfferedService {
        name: name.clone(),
        kind: ServiceKind::Chatbot,
        target: "http://127.0.0.1:8000/v1".into(),
        model: "llama".into(),
        meter: "o200k".into(),
        prices: prices(input),
        headers: UpstreamHeaders(vec![("authorization".into(), "Bearer canary".into())]),
        limits: crate::domain::ServiceLimits {
            max_in_flight: std::num::NonZeroU32::new(3),
            requests_per_minute: None,
        },
        status: ServiceStatus::Pending,
        version: None,
        created_at: at(1),
        updated_at: at(2),
    };
    store.put_service(wanted(1)).await.unwrap();
    assert_eq!(store.service(name.clone()).await.unwrap(), Some(wanted(1)));
    store.listed(name.clone(), 100, prices(1)).await.unwrap();
    let listed = store.service(name.clone()).await.unwrap().unwrap();
    assert_eq!((listed.status, listed.version), (ServiceStatus::Listed, Some(100)));
    assert!(!format!("{listed:?}").contains("canary"));

    // A pause is nothing that a change undoes.
    store.pause_service(name.clone(), true).await.unwrap();
    store.pause_service(name.clone(), true).await.unwrap();
    store.put_service(wanted(1)).await.unwrap();
    assert!(store.paused_services().await.unwrap().contains(&name));
    store.listed(name.clone(), 100, prices(1)).await.unwrap();

    // A new price is wanted; the chain still tells of the old one.
    store.put_service(OfferedService { created_at: at(77), version: Some(100), ..wanted(9) }).await.unwrap();
    store.listed(name.clone(), 100, prices(1)).await.unwrap();
    let pending = store.service(name.clone()).await.unwrap().unwrap();
    assert_eq!((pending.status, pending.created_at), (ServiceStatus::Pending, at(1)));
    store.listed(name.clone(), 200, prices(9)).await.unwrap();
    assert_eq!(store.services().await.unwrap()[0].status, ServiceStatus::Listed);
    let history = store.price_history(name.clone()).await.unwrap();
    let expected =
        [(200, prices(9)), (100, prices(1))].map(|(version, prices)| PriceVersion { version, prices });
    assert_eq!(history, expected);

    store.put_service(OfferedService { status: ServiceStatus::Removing, ..wanted(9) }).await.unwrap();
    store.listed(name.clone(), 200, prices(9)).await.unwrap();
    assert_eq!(store.services().await.unwrap()[0].status, ServiceStatus::Removing);
    assert!(store.forget_service(name.clone()).await.unwrap());
    assert!(store.paused_services().await.unwrap().is_empty());
    assert!(!store.forget_service(name.clone()).await.unwrap());
    assert_eq!(store.price_history(name.clone()).await.unwrap().len(), 2);
}

async fn all(
    store: &ProviderStore,
    filter: &ProviderRequestFilter,
    sort: ProviderRequestSort,
) -> Vec<ProviderRequest> {
    let mut page = PageOf::first(3);
    let mut seen = Vec::new();
    loop {
        let Page { items, next } = store.requests(filter.clone(), sort, page).await.unwrap();
        seen.extend(items);
        match next {
            Some(next) => page = PageOf { after: Some(next), limit: 3 },
            None => return seen,
        }
    }
}

#[tokio::test]
async fn lists_filter_sort_and_page_exactly() {
    let store = store().await;
    for number in 1..=20 {
        store.admit(new(number, 1 + number % 3)).await.unwrap();
        if number % 4 != 0 {
            store.complete(completion(number, State::Charged, u128::from(number % 5) * 100)).await.unwrap();
        }
    }
    let filters = [
        ProviderRequestFilter::default(),
        ProviderRequestFilter { user: Some(account(2).user), ..Default::default() },
        ProviderRequestFilter { state: Some(State::Charged), ..Default::default() },
        ProviderRequestFilter { from: Some(at(5)), to: Some(at(9)), ..Default::default() },
    ];
    for filter in filters {
        let rows = all(&store, &filter, ProviderRequestSort::CreatedAt(Direction::Descending)).await;
        assert!(rows.is_sorted_by(|one, next| one.created_at > next.created_at));
        let dear = all(&store, &filter, ProviderRequestSort::Fee(Direction::Descending)).await;
        assert!(dear.is_sorted_by(|one, next| (one.fee.total(), one.id) > (next.fee.total(), next.id)));
        let totals = store.request_totals(filter.clone()).await.unwrap();
        assert_eq!((totals.count, dear.len()), (rows.len() as u64, rows.len()), "{filter:?}");
        assert_eq!(totals.fee.total(), n(rows.iter().map(|row| row.fee.total().get()).sum()), "{filter:?}");
    }
    for sort in [UserSort::Address(Direction::Ascending), UserSort::Owed(Direction::Descending)] {
        let mut seen = Vec::new();
        let mut page = PageOf::first(1);
        loop {
            let Page { items, next } = store.users(UserFilter::default(), sort, page).await.unwrap();
            seen.extend(items);
            let Some(next) = next else { break };
            page = PageOf { after: Some(next), limit: 1 };
        }
        assert_eq!(seen.len(), 3);
        assert!(match sort {
            UserSort::Address(_) => seen.is_sorted_by_key(|user| user.id),
            UserSort::Owed(_) => seen.is_sorted_by(|one, next| one.owed >= next.owed),
        });
        assert_eq!(store.all_users().await.unwrap().len(), 3);
    }
    let filter = UserFilter { owed_from: Some(n(1_000_000)) };
    let page = store.users(filter, UserSort::Address(Direction::Ascending), PageOf::first(9)).await.unwrap();
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn an_audit_finds_what_was_tampered_with() {
    let store = store().await;
    store.admit(new(1, 1)).await.unwrap();
    store.complete(completion(1, State::Charged, 10)).await.unwrap();
    // Enough changes for it to be filed.
    for number in 2..6 {
        store.admit(new(number, 2)).await.unwrap();
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
    assert_eq!(wrong.len(), 2);
}

#[tokio::test]
async fn old_calls_go_once_they_are_paid() {
    let store = store().await;
    for number in 1..=9 {
        store.admit(new(number, 1)).await.unwrap();
        if number < 9 {
            store.complete(completion(number, State::Charged, 10)).await.unwrap();
        }
    }
    // Enough changes for the last one to be filed.
    for number in 20..24 {
        store.admit(new(number, 2)).await.unwrap();
    }
    let user = store.all_users().await.unwrap().remove(0);
    assert_eq!(store.db().prune(at(u64::from(u32::MAX)), None).await.unwrap().requests, 0, "nothing is paid");
    store.observe(vec![on_chain(1, 0, 50)], false).await.unwrap();
    assert_eq!(store.db().prune(at(u64::from(u32::MAX)), None).await.unwrap().requests, 5);
    let after = store.user(user.id).await.unwrap().unwrap();
    assert_eq!(after.owed, user.owed);
    assert_eq!(store.request_totals(ProviderRequestFilter::default()).await.unwrap().count, 8);
    assert!(store.debt_since(user.id, n(50)).await.unwrap().is_some());
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    // Another charge goes on from the same sum.
    assert_eq!(store.complete(completion(9, State::Charged, 10)).await.unwrap().owed, n(90));
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_calls_of_the_version_before_are_filed_and_keep_their_order_and_sums() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("provider.db");
    let store = open(&path).await;
    for number in 1..=9 {
        store.admit(new(number, 1 + number % 2)).await.unwrap();
        if number < 7 {
            store.complete(completion(number, State::Charged, u128::from(number))).await.unwrap();
        }
    }
    let everything = ProviderRequestFilter::default();
    let sort = ProviderRequestSort::CreatedAt(Direction::Ascending);
    let (rows, users) = (all(&store, &everything, sort).await, store.all_users().await.unwrap());
    let totals = store.request_totals(everything.clone()).await.unwrap();
    store.db().close().await.unwrap();
    as_it_was(&path, Role::Provider, 3);
    let store = open(&path).await;
    assert_eq!(all(&store, &everything, sort).await, rows);
    assert_eq!(store.all_users().await.unwrap(), users);
    assert_eq!(store.request_totals(everything).await.unwrap(), totals);
    assert_eq!(store.mark_lost(at(900)).await.unwrap().len(), 3);
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
}

/// One step of the model.
#[derive(Debug, Clone)]
enum Step {
    Admit {
        number: u8,
        user: u8,
        promised: Option<u64>,
    },
    Complete {
        number: u8,
        charged: bool,
        fee: u128,
    },
    Voucher {
        user: u8,
        epoch: u32,
        promised: u64,
    },
    /// A restart in the middle.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..10, 1u8..4, proptest::option::of(any::<u64>()))
            .prop_map(|(number, user, promised)| Step::Admit { number, user, promised }),
        5 => (0u8..10, any::<bool>(), 0u128..1100)
            .prop_map(|(number, charged, fee)| Step::Complete { number, charged, fee }),
        2 => (1u8..4, 0u32..3, any::<u64>())
            .prop_map(|(user, epoch, promised)| Step::Voucher { user, epoch, promised }),
        1 => Just(Step::Crash),
    ]
}

async fn sums_are_those_of_the_rows(store: &ProviderStore) {
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    let everything = ProviderRequestFilter::default();
    let rows = all(store, &everything, ProviderRequestSort::CreatedAt(Direction::Ascending)).await;
    for user in store.all_users().await.unwrap() {
        let of_user: Vec<_> = rows.iter().filter(|row| row.account == user.id).collect();
        assert_eq!(user.owed, n(of_user.iter().map(|row| row.fee.total().get()).sum()));
        assert!(of_user.iter().all(|row| row.owed_after.unwrap_or_default() <= user.owed));
    }
    for state in State::ALL {
        let of_state: Vec<_> = rows.iter().filter(|row| row.state == *state).collect();
        let filter = ProviderRequestFilter { state: Some(*state), ..Default::default() };
        let totals = store.request_totals(filter).await.unwrap();
        assert_eq!(totals.count, of_state.len() as u64);
        assert_eq!(totals.fee.total(), n(of_state.iter().map(|row| row.fee.total().get()).sum()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn books_balance_after_any_history(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("provider.db");
            let mut store = open(&path).await;
            let mut best = std::collections::BTreeMap::new();
            for step in steps {
                match step {
                    Step::Admit { number, user, promised } => {
                        let voucher = promised.map(|promised| voucher(user, 0, promised.into()));
                        let call = NewProviderRequest { voucher, ..new(number, user) };
                        if let Admission::Admitted { .. } = store.admit(call).await.unwrap() {
                            let entry: &mut (u32, u128) = best.entry(user).or_default();
                            *entry = (*entry).max((0, promised.unwrap_or(0).into()));
                        }
                    }
                    Step::Complete { number, charged, fee } => {
                        let (state, fee) = if charged { (State::Charged, fee) } else { (State::Failed, 0) };
                        if let Ok(first) = store.complete(completion(number, state, fee)).await {
                            let again = store.complete(completion(number, state, fee)).await.unwrap();
                            assert_eq!(again, Completed { applied: false, ..first });
                        }
                    }
                    Step::Voucher { user, epoch, promised } => {
                        let kept = store.record_voucher(voucher(user, epoch, promised.into())).await.unwrap();
                        let entry: &mut (u32, u128) = best.entry(user).or_default();
                        *entry = (*entry).max((epoch, promised.into()));
                        assert_eq!((kept.voucher.epoch, kept.voucher.cumulative.get()), *entry);
                    }
                    Step::Crash => {
                        store.db().close().await.unwrap();
                        store = open(&path).await;
                        store.mark_lost(at(9999)).await.unwrap();
                    }
                }
            }
            sums_are_those_of_the_rows(&store).await;
            store.db().close().await.unwrap();
            let store = open(&path).await;
            sums_are_those_of_the_rows(&store).await;
            for user in store.all_users().await.unwrap() {
                let kept = user.voucher.map_or((0, 0), |kept| (kept.voucher.epoch, kept.voucher.cumulative.get()));
                assert_eq!(Some(&kept), best.get(&user.id.user[0]));
            }
        });
    }
}

#[tokio::test]
async fn a_settlement_of_which_nothing_was_signed_can_be_taken_back() {
    let store = store().await;
    let begin = async |id| {
        let operation = NewOperation {
            id,
            kind: OperationKind::Settle,
            params: serde_json::json!({}),
            idempotency_key: None,
            at: Timestamp::from_seconds(1),
        };
        let row = SettlementRow {
            account: account(1),
            epoch: 0,
            cumulative: Neuron::new(5),
            claim: Neuron::new(5),
            paid: None,
        };
        store.begin_settlement(operation, vec![row]).await.unwrap();
    };
    let (unsigned, signed) = (OperationId::random(), OperationId::random());
    begin(unsigned).await;
    begin(signed).await;
    let attempt = crate::store::AttemptRow {
        op: Some(signed),
        from: account(1).provider,
        nonce: 0,
        hash: B256::repeat_byte(9),
        raw: vec![1],
        max_fee: Neuron::new(1),
        priority: Neuron::new(1),
        at: Timestamp::from_seconds(1),
    };
    store.operations().record(attempt).await.unwrap();
    assert!(store.take_back_settlement(unsigned).await.unwrap());
    assert!(!store.take_back_settlement(signed).await.unwrap());
    assert_eq!(store.operations().get(unsigned).await.unwrap(), None);
    assert_eq!(store.settlement_rows(unsigned).await.unwrap(), []);
    assert_eq!(store.settlement_rows(signed).await.unwrap().len(), 1);
}
