//! Caps that the user sets while the broker runs.

use super::bed::{Bed, HELLO};
use super::scripted::{Script, chat};
use crate::broker::user::{CallRefusal, Cap, Caps, Settings};
use crate::domain::Neuron;
use crate::store::user::LibraryStore;

fn a_day(cap: u128) -> Caps {
    Caps { per_day: Some(Neuron::new(cap)), ..Caps::default() }
}

#[tokio::test]
async fn caps_hold_at_once_and_after_a_restart_and_never_pass_the_settings() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 100_000_000).await;
    assert!(broker.call(bed.chat(HELLO)).await.is_ok());
    broker.set_own_caps(a_day(1)).await.unwrap();
    assert_eq!(broker.snapshot().caps, a_day(1));
    let refused = broker.call(bed.chat(HELLO)).await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, CallRefusal::CapReached { cap: Cap::Day, .. }), "{refused}");
    drop(broker);

    // What the settings allow is never passed; a tighter cap of one's own stays.
    let broker = bed.broker(Settings { caps: a_day(50_000_000), ..Settings::default() }).await;
    assert_eq!(broker.own_caps(), a_day(1));
    broker.set_own_caps(a_day(90_000_000)).await.unwrap();
    assert_eq!(broker.snapshot().caps, a_day(50_000_000));
    broker.set_own_caps(Caps::default()).await.unwrap();
    assert_eq!(broker.snapshot().caps, a_day(50_000_000));
    assert!(broker.call(bed.chat(HELLO)).await.is_ok());
}

#[tokio::test]
async fn a_broker_that_forgot_its_caps_does_not_start() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let kept = LibraryStore::new(bed.store.db().clone());
    kept.set_preference("caps".to_owned(), Some("{\"perDay\":\"many\"}".to_owned())).await.unwrap();
    let told = bed.start(Settings::default()).await.map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("the caps that were set on the screens cannot be read"), "{told}");
}
