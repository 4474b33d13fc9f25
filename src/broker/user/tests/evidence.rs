//! Looks that cost nothing: whether a service is there, how it served, and whether the evidence holds.

use std::time::Duration;

use super::bed::{Bed, HELLO, name, read};
use super::scripted::{Lie, Says, Script, chat};
use crate::broker::user::{
    Check, Finding, Measured, ProbeLimits, ProbeOutcome, ReconciliationVerdict, RequestFilter, RequestSort,
    Settings, UserBroker, Verification,
};
use crate::chain::{Call, SettleRow};
use crate::domain::{Neuron, OperationId, Prices, ServiceKind};
use crate::wire::terms::MeterName;

async fn ask(bed: &Bed, broker: &UserBroker) {
    let _ = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
}

async fn verified(broker: &UserBroker) -> Verification {
    let list = broker.requests(RequestFilter::default(), None, 1, RequestSort::Newest).await.unwrap();
    broker.verify(list.items[0].request).await.unwrap()
}

fn failed(verification: &Verification) -> Vec<&'static str> {
    let failed = |check: &&Check| check.finding == Finding::Failed;
    verification.checks.iter().filter(failed).map(|check| check.name).collect()
}

#[tokio::test]
async fn a_probe_tells_reachable_contradicting_and_silent_providers_apart() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.broker(Settings::default()).await;
    let probe = async |service: &str| broker.probe(bed.provider(), &name(service)).await.unwrap().outcome;
    let credit_limit = Neuron::new(1_000_000_000);
    let there = ProbeOutcome::Reachable {
        paused: false,
        meter: MeterName::O200k,
        credit_limit,
        limits: ProbeLimits::default(),
    };
    assert_eq!(probe("llama7b").await, there);
    bed.script.books.lock().terms_version = Some(1);
    let ProbeOutcome::Disagrees(what) = probe("llama7b").await else { panic!() };
    assert!(what.contains("the version of the prices"), "{what}");

    let url = "http://127.0.0.1:9".to_owned();
    let call = Call::PutService {
        name: name("gone"),
        kind: ServiceKind::Chatbot,
        url,
        model: String::new(),
        prices: Prices::default(),
    };
    bed.provider_sender.submit(OperationId::random(), call).await.unwrap().wait().await;
    let ProbeOutcome::Unreachable(why) = probe("gone").await else { panic!() };
    assert!(why.to_lowercase().ends_with("connection refused"), "{why}");
    assert!(broker.probe(bed.provider(), &name("never")).await.is_err());
    // Nothing of it is in the books.
    assert_eq!(broker.measured(bed.provider(), &name("llama7b")).await.unwrap(), Measured::default());

    let strict = Settings { allow_private_providers: Some(false), ..Settings::default() };
    let strict = bed.broker(strict).await;
    let outcome = strict.probe(bed.provider(), &name("llama7b")).await.unwrap().outcome;
    assert!(matches!(outcome, ProbeOutcome::Unreachable(why) if why.contains("private network")));
}

#[tokio::test]
async fn an_honest_receipt_passes_every_check_and_a_lie_fails_its_own() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    ask(&bed, &broker).await;
    let good = verified(&broker).await;
    assert_eq!(good.finding(), Finding::Passed, "{good:#?}");
    assert_eq!(good.checks.len(), 10);
    for (lie, names) in [
        (Lie::HigherFee, vec!["arithmetic", "count"]),
        (Lie::HigherUnits, vec!["count"]),
        (Lie::WrongKey, vec!["signature"]),
        (Lie::WrongHash, vec!["answer"]),
        (Lie::OtherRequest, vec!["request"]),
    ] {
        bed.script.lie(lie);
        ask(&bed, &broker).await;
        let verification = verified(&broker).await;
        assert_eq!(failed(&verification), names, "{lie:?}: {verification:#?}");
    }
    bed.script.lie(Lie::None);
    bed.script.say(Says::Status(500, "no"));
    ask(&bed, &broker).await;
    assert_eq!(failed(&verified(&broker).await), Vec::<&str>::new());

    let measured = broker.measured(bed.provider(), &name("llama7b")).await.unwrap();
    assert_eq!((measured.requests, measured.done, measured.disputed, measured.failed), (7, 1, 5, 1));
    assert_eq!(measured.success_basis_points(), Some(8_571));
    assert!(measured.typical.unwrap() <= measured.slow.unwrap());
}

#[tokio::test]
async fn what_was_taken_is_held_against_what_is_owed() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    for _ in 0..3 {
        ask(&bed, &broker).await;
    }
    let owed = bed.books().await.owed;
    bed.script.promised(owed).await;
    let before = broker.reconcile(bed.provider()).await.unwrap();
    assert_eq!((before.requests, before.fees, before.owed, before.promised), (3, owed, owed, owed));
    assert_eq!((before.stated, before.settled), (Some(owed), Neuron::ZERO));
    assert_eq!(before.verdict, ReconciliationVerdict::Even);

    let best = bed.script.books.lock().best.unwrap();
    let call = Call::Settle { rows: vec![SettleRow { voucher: best, claim: best.voucher.cumulative }] };
    bed.provider_sender.submit(OperationId::random(), call).await.unwrap().wait().await;
    for _ in 0..6_000 {
        if broker.reconcile(bed.provider()).await.unwrap().settled == owed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let after = broker.reconcile(bed.provider()).await.unwrap();
    assert_eq!((after.settled, after.verdict), (owed, ReconciliationVerdict::Even));
}
