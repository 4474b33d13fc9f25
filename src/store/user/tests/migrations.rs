//! What the migrations make of books that an older version wrote.

use super::*;

#[tokio::test]
async fn a_migration_adds_the_calls_so_far_up_by_day_in_128_bits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let store = open(&path).await;
    let large = (1u128 << 124) - 7;
    for number in 1..=3 {
        let new = NewUserRequest { created_at: at(0), max_fee: n(u128::MAX), ..new(number, 2) };
        store.reserve(new, n(0)).await.unwrap();
        let fee = Fee { input: n(large), output: n(u128::from(u64::MAX)) };
        store.finish(Finish { fee, disputed: n(large), ..finish(number, State::Disputed, 0) }).await.unwrap();
    }
    store.reserve(NewUserRequest { created_at: at(0), ..new(4, 2) }, n(0)).await.unwrap();
    store.finish(finish(4, State::Failed, 0)).await.unwrap();
    store.reserve(NewUserRequest { created_at: at(86_400), ..new(5, 2) }, n(0)).await.unwrap();
    let days = store.request_days(account(2).user, 0, u64::MAX).await.unwrap();
    assert_eq!(days.len(), 2);
    let first = &days[0];
    assert_eq!((first.requests, first.answered, first.failed), (4, 3, 1));
    assert_eq!((first.input, first.output), (Units(30), Units(60)));
    assert_eq!(first.fee, Fee { input: n(3 * large), output: n(3 * u128::from(u64::MAX)) });
    assert_eq!(first.disputed, n(3 * large));
    assert_eq!((days[1].requests, days[1].answered, days[1].failed), (1, 0, 0));
    let only = store.request_days(account(2).user, at(0).day(), at(0).day()).await.unwrap();
    assert_eq!(only, days[..1]);
    assert_eq!(store.request_days(account(2).provider, 0, u64::MAX).await.unwrap(), []);
    store.db().close().await.unwrap();
    for version in [2, 6] {
        as_it_was(&path, Role::User, version);
        let store = open(&path).await;
        assert_eq!(store.request_days(account(2).user, 0, u64::MAX).await.unwrap(), days);
        assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
        store.db().close().await.unwrap();
    }
}

#[tokio::test]
async fn the_calls_of_the_version_before_are_filed_and_keep_their_order_and_sums() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let store = open(&path).await;
    for number in 1..=9 {
        let key = (number % 2 == 0).then(|| format!("key {number}"));
        let new = NewUserRequest { idempotency_key: key, ..new(number, 2 + number % 2) };
        store.reserve(new, n(0)).await.unwrap();
        if number < 7 {
            store.finish(finish(number, State::Done, u128::from(number))).await.unwrap();
        }
    }
    store.finish(Finish { disputed: n(0), ..finish(7, State::Unconfirmed, 0) }).await.unwrap();
    let everything = UserRequestFilter::default();
    let sort = UserRequestSort::CreatedAt(Direction::Ascending);
    let rows = all(&store, &everything, sort, 4).await;
    let totals = store.request_totals(everything.clone()).await.unwrap();
    store.db().close().await.unwrap();
    as_it_was(&path, Role::User, 6);
    let store = open(&path).await;
    assert_eq!(all(&store, &everything, sort, 4).await, rows);
    assert_eq!(store.request_totals(everything).await.unwrap(), totals);
    assert_eq!(store.unfinished_requests().await.unwrap(), rows[6..]);
    assert_eq!(store.request_by_key("key 4".into()).await.unwrap().as_ref(), rows.get(3));
    let again = NewUserRequest { idempotency_key: Some("key 4".into()), ..new(20, 2) };
    assert!(matches!(store.reserve(again, n(0)).await.unwrap(), Reservation::Before(_)));
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
}
