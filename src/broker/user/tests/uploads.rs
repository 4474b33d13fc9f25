//! Uploads that are stopped, or that break, before all of them has left.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::bed::{Bed, name};
use super::scripted::{Says, Script};
use crate::broker::user::{PaidCall, RequestFilter, RequestSort, RequestView, Settings, UserBroker};
use crate::domain::{Neuron, UserRequestState};

/// More than the system's buffers take on a loopback connection that nobody reads from.
const LARGE: usize = 32 << 20;

async fn row(broker: &UserBroker) -> Option<RequestView> {
    let list = broker.requests(RequestFilter::default(), None, 1, RequestSort::Newest).await.unwrap();
    list.items.into_iter().next()
}

async fn in_state(broker: &UserBroker, state: UserRequestState) -> RequestView {
    for _ in 0..6_000 {
        if let Some(row) = row(broker).await.filter(|row| row.state == state) {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {state}: {:?}", row(broker).await)
}

fn upload(bed: &Bed) -> PaidCall {
    let body = Bytes::from(vec![7u8; LARGE]);
    let mut call = PaidCall::post(bed.provider(), name("files"), "/blob", HeaderMap::new(), body);
    call.idempotency_key = Some("the same file".to_owned());
    call
}

#[tokio::test]
async fn a_stopped_upload_is_over_at_once_and_costs_nothing() {
    let bed = Bed::new(Script::honest(Says::Deaf)).await;
    let broker = bed.funded(Settings::default(), 1_000_000_000_000).await;
    for _ in 0..2 {
        let arrived = async {
            while bed.script.books.lock().paths.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            answer = broker.call(upload(&bed)) => panic!("{answer:?}"),
            () = arrived => {}
        }
        let row = in_state(&broker, UserRequestState::Failed).await;
        assert!(row.note.unwrap().contains("before all of it had left"));
        // The row comes first; what it held is free right after.
        for _ in 0..6_000 {
            if broker.account(bed.provider()).unwrap().reserved.is_zero() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let account = broker.account(bed.provider()).unwrap();
        assert_eq!((account.owed, account.reserved), (Neuron::ZERO, Neuron::ZERO));
        // The key is free again: the second time it is the same.
        bed.script.books.lock().paths.clear();
    }
    assert_eq!(bed.store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_small_one_has_left_for_all_that_we_know_and_is_asked_about() {
    let bed = Bed::new(Script::honest(Says::Deaf)).await;
    let settings = Settings { first_byte_timeout: 5, ..Settings::default() };
    let broker = bed.funded(settings, 1_000_000_000_000).await;
    let body = Bytes::from(vec![7u8; 1_000]);
    let small = PaidCall::post(bed.provider(), name("files"), "/small", HeaderMap::new(), body);
    assert!(broker.call(small).await.is_err());
    in_state(&broker, UserRequestState::Unconfirmed).await;
}
