//! What previews say against what then happens on the embedded chain.

use std::time::Duration;

use super::bed::{Bed, HELLO, LOCK, read};
use super::scripted::{Script, chat};
use crate::broker::user::{
    Action, OperationView, Preview, PreviewWarning, Replace, Settings, UserBroker, UserError,
};
use crate::domain::{Address, Neuron, OperationState};

fn neuron(amount: u128) -> Neuron {
    Neuron::new(amount)
}

async fn wallet(bed: &Bed, broker: &UserBroker) -> Neuron {
    neuron(bed.chain.native_balance(broker.user()).await.unwrap())
}

/// Does what was previewed and holds one against the other.
async fn holds(bed: &Bed, broker: &UserBroker, preview: &Preview, sent: OperationView) {
    let mined = broker.wait(sent.id, Duration::from_secs(60)).await.unwrap();
    assert_eq!(mined.state, OperationState::Mined, "{mined:?}");
    let operation = bed.store.operations().get(sent.id).await.unwrap().unwrap();
    let gas = neuron(operation.gas_price.get() * u128::from(operation.gas_used));
    assert!(gas <= preview.gas.most && gas <= preview.gas.offered, "{gas} {:?}", preview.gas);
    assert!(operation.gas_used <= preview.gas.limit && preview.gas.now <= preview.gas.offered);
    // A delegate that was not made yet costs more in the preview than it does.
    assert!(operation.gas_used <= preview.gas.units, "{} {:?}", operation.gas_used, preview.gas);
    let after = wallet(bed, broker).await;
    assert_eq!(after, preview.wallet.likely.saturating_add(preview.gas.now).above(gas));
    assert!(after >= preview.wallet.least);
    let account = broker.account(bed.provider()).unwrap();
    let figures = |account: &crate::broker::user::AccountView| {
        let refund = account.refund.map(|refund| refund.amount);
        (account.balance, account.pending_refund, account.available, account.settled, refund, account.owed)
    };
    assert_eq!(figures(&account), figures(&preview.after));
    if let Some(locked) = preview.locked {
        let refund = account.refund.unwrap();
        assert_eq!(refund.amount, locked.amount);
        let later =
            refund.unlock_at.seconds_since(locked.until) + locked.until.seconds_since(refund.unlock_at);
        assert!(later <= 20, "{refund:?} {locked:?}");
    }
}

#[tokio::test]
async fn what_a_preview_says_is_what_happens() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.broker(Settings { auto_process_refunds: false, ..Settings::default() }).await;
    let provider = bed.provider();
    let height = bed.devnet.height();

    let amount = neuron(1_000_000_000_000_000_000);
    let preview = broker.preview(Action::Open { provider, amount }).await.unwrap();
    assert_eq!((preview.before.clone(), preview.amount, preview.locked), (None, amount, None));
    assert_eq!(preview.after.available, amount);
    assert_eq!(preview.warnings, []);
    assert_eq!((bed.devnet.height(), broker.operations(9).await.unwrap().len()), (height, 0));
    holds(&bed, &broker, &preview, broker.create_account(provider, amount, None).await.unwrap()).await;

    let amount = neuron(500_000_000_000_000_000);
    let preview = broker.preview(Action::Deposit { provider, amount }).await.unwrap();
    assert_eq!(preview.before, Some(broker.account(provider).unwrap()));
    holds(&bed, &broker, &preview, broker.deposit(provider, amount, None).await.unwrap()).await;
    let (_, _, body) = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
    body.unwrap();

    let ask = |amount, replace| Action::RequestRefund { provider, amount, replace };
    let first = neuron(700_000_000_000_000_000);
    let preview = broker.preview(ask(first, Replace::No)).await.unwrap();
    assert!(preview.locked.is_some_and(|locked| locked.anew && locked.amount == first));
    assert!(preview.gas.limit <= 80_000, "{:?}", preview.gas);
    let sent = broker.request_refund(provider, first, Replace::No, None).await.unwrap();
    holds(&bed, &broker, &preview, sent).await;
    for (amount, anew) in [(600_000_000_000_000_000, false), (900_000_000_000_000_000, true)] {
        let amount = neuron(amount);
        let preview = broker.preview(ask(amount, Replace::Yes)).await.unwrap();
        assert!(preview.locked.is_some_and(|locked| locked.anew == anew), "{preview:?}");
        let warned = preview.warnings.iter().any(|one| matches!(one, PreviewWarning::WaitsAnew { .. }));
        assert_eq!(warned, anew);
        let sent = broker.request_refund(provider, amount, Replace::Yes, None).await.unwrap();
        holds(&bed, &broker, &preview, sent).await;
    }
    assert!(matches!(broker.preview(ask(first, Replace::No)).await, Err(UserError::RefundPending { .. })));
    assert!(matches!(
        broker.preview(Action::ProcessRefund { provider }).await,
        Err(UserError::RefundLocked { .. })
    ));

    let preview = broker.preview(Action::SetDelegate { provider }).await.unwrap();
    assert!(preview.effective_at.is_some());
    holds(&bed, &broker, &preview, broker.take_over(provider, None).await.unwrap()).await;

    let preview = broker.preview(Action::CancelRefund { provider }).await.unwrap();
    assert_eq!(preview.amount, neuron(900_000_000_000_000_000));
    holds(&bed, &broker, &preview, broker.cancel_refund(provider, None).await.unwrap()).await;
    let sent = broker.request_refund(provider, first, Replace::No, None).await.unwrap();
    broker.wait(sent.id, Duration::from_secs(60)).await.unwrap();
    bed.devnet.advance_time(LOCK + 1).unwrap();
    bed.devnet.mine(1).unwrap();
    broker.sync_all().await.unwrap();
    let preview = broker.preview(Action::ProcessRefund { provider }).await.unwrap();
    assert_eq!(preview.amount, first);
    assert!(preview.gas.limit <= 80_000, "{:?}", preview.gas);
    holds(&bed, &broker, &preview, broker.process_refund(provider, None).await.unwrap()).await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_actions_own_numbers() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.broker(Settings::default()).await;
    let (provider, nobody) = (bed.provider(), Address::repeat_byte(9));
    let open = |provider, amount| broker.preview(Action::Open { provider, amount });
    assert!(matches!(open(nobody, neuron(1)).await, Err(UserError::UnknownProvider(_))));
    assert!(matches!(open(broker.user(), neuron(1)).await, Err(UserError::OwnAddress(_))));
    assert!(matches!(open(provider, Neuron::ZERO).await, Err(UserError::ZeroAmount)));
    let all = wallet(&bed, &broker).await;
    let Err(UserError::InsufficientFunds { needed, available }) = open(provider, all).await else {
        panic!("gas is not free")
    };
    assert!(needed > all && available == all);
    let deposit = Action::Deposit { provider, amount: neuron(5) };
    assert!(matches!(broker.preview(deposit).await, Err(UserError::NoAccount(_))));
    let reader = bed.broker_of(Settings::default(), bed.chain.clone(), false).await;
    assert!(matches!(reader.preview(deposit).await, Err(UserError::ReadOnly)));

    let broker = bed.funded(Settings::default(), 1_000).await;
    assert!(matches!(open(provider, neuron(1)).await, Err(UserError::AccountExists(_))));
    let preview = broker.preview(deposit).await.unwrap();
    let warned = |wanted: fn(&PreviewWarning) -> bool| preview.warnings.iter().any(wanted);
    assert!(warned(|one| matches!(one, PreviewWarning::GasAboveAmount { .. })), "{preview:?}");
    assert!(warned(|one| matches!(one, PreviewWarning::BelowOneAnswer { .. })), "{preview:?}");
    let ask = Action::RequestRefund { provider, amount: neuron(1_001), replace: Replace::No };
    assert!(matches!(broker.preview(ask).await, Err(UserError::NotFree { .. })));
    let ask = Action::RequestRefund { provider, amount: neuron(1_000), replace: Replace::No };
    assert!(broker.preview(ask).await.unwrap().warnings.contains(&PreviewWarning::NothingLeft));
}

#[tokio::test]
async fn the_most_that_can_be_deposited_can_be_deposited() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.broker(Settings::default()).await;
    let provider = bed.provider();
    let all = wallet(&bed, &broker).await;
    let found = broker.most_depositable(provider, None).await.unwrap();
    assert_eq!(found.most.saturating_add(found.gas).saturating_add(found.kept), all);
    let preview = broker.preview(Action::Open { provider, amount: found.most }).await.unwrap();
    assert!(preview.warnings.iter().any(|one| matches!(one, PreviewWarning::LargeShare { .. })));
    assert!(!preview.warnings.iter().any(|one| matches!(one, PreviewWarning::LittleGasLeft { .. })));
    holds(&bed, &broker, &preview, broker.create_account(provider, found.most, None).await.unwrap()).await;

    // To the last neuron: nothing is left with which to take it back.
    let rest = broker.most_depositable(provider, Some(Neuron::ZERO)).await.unwrap();
    assert_eq!(rest.kept, Neuron::ZERO);
    let preview = broker.preview(Action::Deposit { provider, amount: rest.most }).await.unwrap();
    assert!(preview.warnings.iter().any(|one| matches!(one, PreviewWarning::LittleGasLeft { .. })));
    holds(&bed, &broker, &preview, broker.deposit(provider, rest.most, None).await.unwrap()).await;
}
