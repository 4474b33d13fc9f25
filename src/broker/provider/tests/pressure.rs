//! The engine under pressure: what cannot be sent, users who change their minds, reorgs.

use super::upstream::{Plan, whole};
use super::*;
use crate::chain::devnet::ReorgTxs;
use crate::domain::OperationState;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":100}"#;
/// At this price of a unit one answer is worth gas at a thousand times its usual price.
const DEAR: u128 = 10_000_000_000_000_000;

/// A world whose engine looks every `interval` seconds, with one debt of about a tenth of the account.
async fn in_debt(interval: u64, change: impl FnOnce(&mut SettlementSettings)) -> World {
    let mut automatic = settings();
    automatic.settlement.automatic = true;
    automatic.settlement.check_interval = interval;
    // Only what a test turns on asks for a settlement.
    automatic.settlement.gas_share_basis_points = 0;
    automatic.settlement.risk_limit = Neuron::ZERO;
    change(&mut automatic.settlement);
    let world = World::with(ServiceKind::Chatbot, automatic).await;
    world.register("svc", ServiceKind::Chatbot, INPUT_PRICE, DEAR).await;
    world.upstream.plan(Plan::json(&whole("a rather longer answer of many words, to be worth its gas")));
    let mut ask = world.ask(CHAT);
    ask.max_fee = Neuron::A0GI;
    ask.cumulative = Neuron::A0GI;
    read(world.call(&ask).await.unwrap()).await;
    world
}

async fn times(world: &World, verdict: &str) -> u64 {
    let counts = world.broker.overview().await.unwrap().decisions.verdicts;
    counts.get(verdict).copied().unwrap_or(0)
}

/// Waits until the engine has come to a verdict so many times more.
async fn again(world: &World, verdict: &str, more: u64) {
    let before = times(world, verdict).await;
    for _ in 0..12_000 {
        if times(world, verdict).await >= before + more {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the engine does not say {verdict} any more");
}

#[tokio::test]
async fn a_settlement_that_cannot_be_sent_is_one_decision_however_often_it_is_tried() {
    let world = in_debt(1, |settings| settings.risk_limit = Neuron::new(1)).await;
    world.until(|broker| broker.users()[0].unsettled.is_zero()).await;
    // Dearer than the settings allow for one unit.
    world.devnet.set_base_fee(1_500_000_000_000);
    world.devnet.mine(1).unwrap();
    let mut ask = world.ask(CHAT);
    (ask.max_fee, ask.cumulative) = (Neuron::new(Neuron::A0GI.get() / 2), Neuron::A0GI);
    read(world.call(&ask).await.unwrap()).await;
    again(&world, "failed", 1).await;
    let before = (world.broker.decisions().len(), times(&world, "settle").await);
    for base in [1_600_000_000_000, 1_700_000_000_000] {
        world.devnet.set_base_fee(base);
        world.devnet.mine(1).unwrap();
        again(&world, "failed", 2).await;
    }
    let after = (world.broker.decisions().len(), times(&world, "settle").await);
    assert_eq!(after, before, "nothing was decided that was not before, and nothing was settled");
    let Some(Decision { verdict: Verdict::Failed(why), .. }) = world.broker.decisions().pop() else {
        panic!("the last word is that it failed");
    };
    assert!(why.contains("1,700,000"), "with the figures of the last try: {why}");
}

#[tokio::test]
async fn a_user_who_asks_and_cancels_again_and_again_fills_no_history() {
    let world = in_debt(1, |_| {}).await;
    let provider = world.wallet.address();
    again(&world, "wait", 1).await;
    let before = world.broker.decisions().len();
    for _ in 0..6 {
        send(&world.user.sender, Call::RequestRefund { provider, amount: Neuron::A0GI }).await;
        world.until(|broker| broker.users()[0].refund_unlock_at.is_some()).await;
        again(&world, "wait", 1).await;
        send(&world.user.sender, Call::CancelRefund { provider }).await;
        world.until(|broker| broker.users()[0].refund_unlock_at.is_none()).await;
        again(&world, "wait", 1).await;
        world.devnet.advance_time(5).unwrap();
    }
    let decisions = world.broker.decisions();
    assert_eq!(decisions.len(), before, "it waits, for one thing or the other");
    assert_eq!(world.broker.past_decisions(None, 100).await.unwrap().total, before as u64);
}

#[tokio::test]
async fn a_decision_of_another_version_does_not_end_the_list() {
    let world = World::new(ServiceKind::Chatbot).await;
    let at = Timestamp::from_seconds;
    let stored =
        |seconds, body| crate::store::provider::StoredDecision { at: at(seconds), until: at(seconds), body };
    let unreadable = serde_json::json!({"what": "a later version would say"});
    world
        .store
        .record_decisions((5..9).map(|second| stored(second, unreadable.clone())).collect())
        .await
        .unwrap();
    let mut before = None;
    for _ in 0..4 {
        let page = world.broker.past_decisions(before, 1).await.unwrap();
        before = page.next;
        assert!(before.is_some() && page.total >= 4, "{page:?}");
    }
}

#[tokio::test]
async fn a_change_of_delegate_is_looked_at_when_it_is_asked_for() {
    let world = in_debt(100_000, |_| {}).await;
    let provider = world.wallet.address();
    let named = |delegate: u8| Call::SetDelegate { provider, delegate: Some(Address::repeat_byte(delegate)) };
    // The first one counts at once; the second waits for the lock time, and voids the voucher then.
    send(&world.user.sender, named(7)).await;
    send(&world.user.sender, named(8)).await;
    world
        .until(|broker| {
            let last = broker.decisions().pop().map(|decision| decision.verdict);
            matches!(last, Some(Verdict::Wait { next: Some((_, Reason::Rotation { .. })) }))
        })
        .await;
}

#[tokio::test]
async fn what_a_reorg_undoes_is_under_way_again_and_not_sent_twice() {
    let world = in_debt(1, |_| {}).await;
    world.devnet.mine(3).unwrap();
    let report = world.broker.settle(SettleRequest::default()).await.unwrap();
    assert_eq!(report.transactions[0].state, OperationState::Mined);
    let operation = report.transactions[0].operation;
    let owed = world.broker.users()[0].owed;
    world.devnet.set_automine(false);
    world.devnet.reorg(2, ReorgTxs::Drop).unwrap();
    world.until(|broker| !broker.users()[0].unsettled.is_zero()).await;
    world.until(|broker| broker.snapshot().settlement.running == [operation]).await;
    let second = world.broker.settle(SettleRequest::default()).await;
    assert!(matches!(second, Err(ProviderError::SettlementRunning { .. })), "{second:?}");
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.users()[0].settled == owed).await;
    world.until(|broker| broker.snapshot().settlement.running.is_empty()).await;
    let history = world.broker.settlements(PageOf::first(10)).await.unwrap().items;
    assert_eq!((history.len(), history[0].paid()), (1, owed));
}

#[tokio::test]
async fn what_a_leaving_user_owes_beyond_a_stuck_settlement_does_not_wait_for_it() {
    let world = in_debt(1, |_| {}).await;
    world.devnet.set_automine(false);
    world.broker.settle(SettleRequest { dry_run: false, wait: Wait::Broadcast }).await.unwrap();
    let mut ask = world.ask(CHAT);
    (ask.max_fee, ask.cumulative) = (Neuron::new(Neuron::A0GI.get() / 2), Neuron::A0GI);
    read(world.call(&ask).await.unwrap()).await;
    let owed = world.idle().await.owed;
    // Gas has become dearer than the settlement offers. The user pays for it, and leaves.
    world.devnet.set_base_fee(20_000_000_000);
    world.devnet.mine(1).unwrap();
    let call = Call::RequestRefund { provider: world.wallet.address(), amount: Neuron::A0GI };
    let mut refund = world.user.sender.submit(OperationId::random(), call).await.unwrap();
    world.devnet.mine(1).unwrap();
    assert!(matches!(refund.wait().await, Outcome::Mined { .. }));
    again(&world, "busy", 1).await;
    assert_eq!(world.broker.snapshot().settlement.running.len(), 1, "there is time yet");
    world.devnet.advance_time(LOCK_TIME / 2 + 60).unwrap();
    world.until(|broker| broker.snapshot().settlement.running.len() == 2).await;
    let history = world.broker.settlements(PageOf::first(10)).await.unwrap().items;
    assert_eq!(history[0].rows[0].claim, owed);
    world.devnet.set_base_fee(1_000_000_000);
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.users()[0].unsettled.is_zero()).await;
    world.until(|broker| broker.snapshot().settlement.running.is_empty()).await;
    assert_eq!(world.broker.settlements(PageOf::first(10)).await.unwrap().items.len(), 2, "and no third one");
}

#[tokio::test]
async fn large_books_are_looked_at_whole_and_shown_in_part() {
    use crate::broker::provider::test_values::{page, voucher};
    const MANY: u32 = 10_000;
    let world = World::new(ServiceKind::Chatbot).await;
    let address = |number: u32| {
        let mut bytes = [1; 20];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Address::from(bytes)
    };
    for number in 0..MANY {
        let mut one = page(1, Neuron::A0GI.get(), 0);
        let mut best = voucher(1, 0, Neuron::A0GI.get());
        (one.account.id.user, best.voucher.account.user) = (address(number), address(number));
        // Half of them are not worth a row, half are.
        one.owed = Neuron::new(if number % 2 == 0 { 1_000 } else { Neuron::A0GI.get() / 2 });
        one.best = Some(best);
        one.debt_since = Some(Timestamp::from_seconds(1));
        world.broker.core.book.restore(one);
    }
    let (forecast, _) = world.broker.forecast().await.unwrap();
    assert_eq!((forecast.rows.len(), forecast.left_out.len()), (MANY as usize / 2, MANY as usize / 2));
    let snapshot = world.broker.core.snapshot(2);
    assert_eq!((snapshot.users.len(), snapshot.totals.users), (500, MANY as usize + 1));
    assert!(
        snapshot.users.iter().all(|user| user.unsettled.get() == Neuron::A0GI.get() / 2),
        "who owes most"
    );
    let all = world.broker.users();
    assert_eq!(all.len(), MANY as usize + 1);
    let (mut paged, mut after) = (Vec::new(), None);
    while paged.len() < all.len() {
        let page = world.broker.users_after(after, 3_000);
        assert_eq!(page.total, all.len());
        paged.extend(page.users);
        assert_eq!(page.next.is_some(), paged.len() < all.len());
        after = page.next.map(|place| place.to_string().parse().unwrap());
    }
    assert_eq!(paged, all, "pages follow each other without a gap");
    for none in ["", "-", "1-", "x-0x1", "340282366920938463463374607431768211456-0x", "1"] {
        assert_eq!(none.parse::<UserPlace>(), Err(UserPlaceError), "{none}");
    }
    assert_eq!(world.broker.overview().await.unwrap().debtors, MANY as usize);
}
