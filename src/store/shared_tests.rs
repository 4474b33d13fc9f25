//! What both roles share: operations, keys of repeated calls, vouchers, networks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use serde_json::json;

use super::*;
use crate::domain::{Address, B256, Neuron, OperationId, OperationKind, OperationState, Timestamp};

fn network() -> Network {
    Network { chain_id: 31337, contract: Address::repeat_byte(0xcc) }
}

async fn store() -> UserStore {
    UserStore::new(Db::temporary(Role::User).unwrap(), network()).await.unwrap()
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + second)
}

fn operation(number: u8, key: Option<&str>) -> NewOperation {
    NewOperation {
        id: OperationId::new([number; 16]),
        kind: OperationKind::Deposit,
        params: json!({"provider": "0x01", "value": "5"}),
        idempotency_key: key.map(str::to_owned),
        at: at(number.into()),
    }
}

fn attempt(op: Option<u8>, nonce: u64, hash: u8) -> AttemptRow {
    AttemptRow {
        op: op.map(|number| OperationId::new([number; 16])),
        from: Address::repeat_byte(1),
        nonce,
        hash: B256::repeat_byte(hash),
        raw: vec![2, hash],
        max_fee: Neuron::new(u128::MAX),
        priority: Neuron::new(1),
        at: at(hash.into()),
    }
}

fn end(state: OperationState) -> OperationEnd {
    OperationEnd {
        state,
        hash: Some(B256::repeat_byte(9)),
        block: Some((7, B256::repeat_byte(8))),
        gas_used: 21_000,
        gas_price: Neuron::new(3),
        contract: None,
        error: None,
        at: at(100),
    }
}

#[tokio::test]
async fn a_database_belongs_to_one_network_and_role() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let open = || Db::open(&path, Role::User).unwrap();
    UserStore::new(open(), network()).await.unwrap().db().close().await.unwrap();
    UserStore::new(open(), network()).await.unwrap().db().close().await.unwrap();
    let other = Network { chain_id: 1, ..network() };
    let error = UserStore::new(open(), other).await.unwrap_err();
    assert!(matches!(error, StoreError::Network { found, wanted } if found == network() && wanted == other));
    assert!(matches!(ProviderStore::new(open(), network()).await, Err(StoreError::Role { .. })));
    assert!(matches!(Db::open(&path, Role::Provider), Err(StoreError::Role { found: Some(Role::User), .. })));
}

#[tokio::test]
async fn an_operation_lives_from_intent_to_outcome_and_back() {
    let operations = store().await.operations();
    let id = operation(1, None).id;
    assert_eq!(operations.begin(operation(1, Some("k"))).await.unwrap(), Begun::New);
    // The same key or the same id is the same operation.
    for again in [operation(2, Some("k")), operation(1, None)] {
        assert!(matches!(operations.begin(again).await.unwrap(), Begun::Before(before) if before.id == id));
    }
    assert_eq!(operations.get(operation(2, None).id).await.unwrap(), None);
    operations.record(attempt(Some(1), 5, 10)).await.unwrap();
    operations.record(attempt(Some(1), 5, 10)).await.unwrap();
    operations.record(attempt(Some(1), 5, 11)).await.unwrap();
    operations.record(attempt(None, 6, 12)).await.unwrap();
    let hashes: Vec<_> = operations.attempts(id).await.unwrap();
    assert_eq!(hashes, [attempt(Some(1), 5, 10), attempt(Some(1), 5, 11)]);
    let open = operations.unfinished_attempts().await.unwrap();
    assert_eq!(open.iter().map(|attempt| attempt.nonce).collect::<Vec<_>>(), [5, 5, 6]);

    operations.finish(id, end(OperationState::Unknown)).await.unwrap();
    assert_eq!(operations.unfinished().await.unwrap().len(), 1);
    operations.finish(id, end(OperationState::Mined)).await.unwrap();
    operations.finish(id, end(OperationState::Mined)).await.unwrap();
    let mined = operations.by_key("k".to_owned()).await.unwrap().unwrap();
    assert_eq!(
        (mined.state, mined.block, mined.gas_used),
        (OperationState::Mined, end(OperationState::Mined).block, 21_000)
    );
    assert_eq!(mined.params["value"], "5");
    assert!(operations.unfinished().await.unwrap().is_empty());
    assert!(operations.unfinished_attempts().await.unwrap().is_empty());
    // A reorg undoes it, and it is reverted the second time.
    assert!(operations.finish(id, end(OperationState::Reverted)).await.is_err());
    operations.record(attempt(Some(1), 5, 10)).await.unwrap();
    assert_eq!(operations.get(id).await.unwrap().unwrap().state, OperationState::Sent);
    operations.finish(id, end(OperationState::Reverted)).await.unwrap();

    assert!(operations.record(attempt(Some(77), 1, 1)).await.is_err());
    assert!(operations.finish(OperationId::new([77; 16]), end(OperationState::Mined)).await.is_err());
    operations.begin(operation(3, None)).await.unwrap();
    operations.record(attempt(Some(3), 9, 20)).await.unwrap();
    operations.finish(operation(3, None).id, end(OperationState::Refused)).await.unwrap();
    assert!(operations.record(attempt(Some(3), 9, 21)).await.is_err());
}

#[tokio::test]
async fn fillers_are_taken_up_where_nothing_finished_stands_above_them() {
    let operations = store().await.operations();
    operations.begin(operation(1, None)).await.unwrap();
    operations.begin(operation(2, None)).await.unwrap();
    let nonces = async || {
        let open = operations.unfinished_attempts().await.unwrap();
        open.iter().map(|attempt| (attempt.op.is_some(), attempt.nonce)).collect::<Vec<_>>()
    };
    operations.record(attempt(None, 2, 2)).await.unwrap();
    // The hash of the transaction that `end` names.
    operations.record(attempt(Some(1), 3, 9)).await.unwrap();
    operations.record(attempt(None, 4, 4)).await.unwrap();
    operations.finish(operation(1, None).id, end(OperationState::Mined)).await.unwrap();
    assert_eq!(nonces().await, [], "nobody waits behind it");
    operations.record(attempt(Some(2), 6, 6)).await.unwrap();
    operations.record(attempt(None, 7, 7)).await.unwrap();
    // What stands before the open one is what it waits for.
    assert_eq!(nonces().await, [(false, 4), (true, 6), (false, 7)]);
}

/// Same nonce, fees and call: the same bytes, whichever order they were signed for.
#[tokio::test]
async fn what_was_signed_for_a_refused_order_may_be_signed_for_the_next() {
    let operations = store().await.operations();
    for number in 1..=3 {
        operations.begin(operation(number, None)).await.unwrap();
    }
    operations.record(attempt(Some(1), 5, 9)).await.unwrap();
    operations.finish(operation(1, None).id, end(OperationState::Refused)).await.unwrap();
    operations.record(attempt(Some(2), 5, 9)).await.unwrap();
    let open = operations.unfinished_attempts().await.unwrap();
    assert_eq!(open, [attempt(Some(2), 5, 9)], "it is followed after a restart");
    // From an order that may still be carried out nothing is taken.
    operations.record(attempt(Some(3), 5, 9)).await.unwrap();
    assert_eq!(operations.attempts(operation(2, None).id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_given_back_only_if_nothing_was_signed_for_it() {
    let operations = store().await.operations();
    operations.begin(operation(1, Some("unsent"))).await.unwrap();
    operations.finish(operation(1, None).id, end(OperationState::Refused)).await.unwrap();
    assert_eq!(operations.begin(operation(2, Some("unsent"))).await.unwrap(), Begun::New);

    operations.begin(operation(3, Some("signed"))).await.unwrap();
    operations.record(attempt(Some(3), 1, 1)).await.unwrap();
    operations.finish(operation(3, None).id, end(OperationState::Refused)).await.unwrap();
    assert!(matches!(operations.begin(operation(4, Some("signed"))).await.unwrap(), Begun::Before(_)));
}

#[tokio::test]
async fn operations_are_listed_in_pages_without_gaps() {
    let operations = store().await.operations();
    for number in 1..=7 {
        // Two each at the same moment: the id decides.
        operations
            .begin(NewOperation { at: at(u64::from(number / 2)), ..operation(number, None) })
            .await
            .unwrap();
    }
    let mut page = PageOf::first(3);
    let mut seen = Vec::new();
    loop {
        let part = operations.list(OperationFilter::default(), page).await.unwrap();
        seen.extend(part.items.iter().map(|operation| operation.id.bytes()[0]));
        match part.next {
            Some(next) => page = PageOf { after: Some(next.to_string().parse().unwrap()), limit: 3 },
            None => break,
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    let filter = OperationFilter { kind: Some(OperationKind::Settle), ..OperationFilter::default() };
    assert!(operations.list(filter, PageOf::first(10)).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_repeated_call_gets_the_first_answer() {
    let repeats = store().await.repeats();
    let (call, other) = (B256::repeat_byte(1), B256::repeat_byte(2));
    let claim = |call| repeats.claim("key".to_owned(), call, at(0));
    assert_eq!(claim(call).await.unwrap(), Repeat::First);
    assert_eq!(claim(call).await.unwrap(), Repeat::Unanswered);
    assert_eq!(claim(other).await.unwrap(), Repeat::OtherCall);
    repeats.release("key".to_owned()).await.unwrap();
    assert_eq!(claim(other).await.unwrap(), Repeat::First);
    repeats.answer("key".to_owned(), b"one".to_vec()).await.unwrap();
    repeats.answer("key".to_owned(), b"two".to_vec()).await.unwrap();
    repeats.release("key".to_owned()).await.unwrap();
    assert_eq!(claim(other).await.unwrap(), Repeat::Answered(b"one".to_vec()));
    assert_eq!(repeats.forget_before(at(0)).await.unwrap(), 0);
    assert_eq!(repeats.forget_before(at(1)).await.unwrap(), 1);
    assert_eq!(claim(call).await.unwrap(), Repeat::First);
}
