//! Receipts that a person accepts: owed once, and no more than they ask for.

use super::*;

#[tokio::test]
async fn an_accepted_receipt_is_owed_once_and_every_sum_follows() {
    let store = store().await;
    store.reserve(new(1, 2), n(0)).await.unwrap();
    assert!(matches!(store.accept(accept(1, 30)).await.unwrap(), Accepted::Differs(_)), "it has not ended");
    store.finish(disputed(1, 90, 30)).await.unwrap();
    for other in [0, 29, 31] {
        assert!(matches!(store.accept(accept(1, other)).await.unwrap(), Accepted::Differs(_)));
    }
    // The day's cap leaves one neuron too few.
    let capped = Accept { day_cap: Some(n(119)), ..accept(1, 30) };
    assert_eq!(store.accept(capped).await.unwrap(), Accepted::DayCap { available: n(29) });
    assert_eq!(store.account(account(2)).await.unwrap().unwrap().owed, n(90));

    let Accepted::Done { request, authorized } =
        store.accept(Accept { day_cap: Some(n(120)), ..accept(1, 30) }).await.unwrap()
    else {
        panic!("refused")
    };
    assert_eq!((request.state, request.accepted_at, request.disputed), (State::Done, Some(at(200)), n(0)));
    assert_eq!((request.fee.total(), authorized), (n(120), n(120)));
    let book = store.account(account(2)).await.unwrap().unwrap();
    assert_eq!((book.owed, book.disputed, book.authorized), (n(120), n(0), n(120)));
    assert!(matches!(store.accept(accept(1, 30)).await.unwrap(), Accepted::Differs(_)), "once");
    // Nor does another end of the same call change it.
    assert!(!store.finish(disputed(1, 90, 30)).await.unwrap().applied);
    assert_eq!(store.account(account(2)).await.unwrap().unwrap().owed, n(120));
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn no_more_is_accepted_than_the_receipt_in_the_row_asks_for() {
    let store = store().await;
    store.reserve(new(1, 2), n(0)).await.unwrap();
    store.finish(Finish { disputed: n(50), ..disputed(1, 90, 30) }).await.unwrap();
    assert!(store.accept(accept(1, 50)).await.is_err());
    store.reserve(new(2, 2), n(0)).await.unwrap();
    store.finish(Finish { receipt: None, ..disputed(2, 90, 30) }).await.unwrap();
    assert!(store.accept(accept(2, 30)).await.is_err());
    assert_eq!(store.account(account(2)).await.unwrap().unwrap().owed, n(180));
    assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
}
