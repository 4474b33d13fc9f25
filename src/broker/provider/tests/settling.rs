//! Settlement against the real contract: what is claimed, what is paid, what the books say after.

use super::upstream::{Plan, whole};
use super::*;
use crate::domain::OperationState;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":100}"#;

async fn use_service(world: &World, wallet: &Wallet) {
    read(world.call_as(wallet, &world.ask(CHAT)).await.unwrap()).await;
}

async fn settled_on_chain(world: &World, user: Address) -> u128 {
    let id = AccountId { user, provider: world.wallet.address() };
    world.chain.account(id, None).await.unwrap().unwrap().settled.get()
}

#[tokio::test]
async fn what_is_owed_is_claimed_once_and_exactly() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan::json(&whole("a short answer")));
    let other = world.other_user(2, Neuron::A0GI).await;
    for _ in 0..3 {
        use_service(&world, &world.user.wallet).await;
    }
    use_service(&world, &other.wallet).await;
    let owed = world.idle().await.owed;

    let dry = world.broker.settle(SettleRequest { dry_run: true, wait: Wait::Receipt }).await.unwrap();
    assert_eq!((dry.rows.len(), dry.transactions.len(), dry.paid), (2, 0, Neuron::ZERO));
    assert_eq!(settled_on_chain(&world, world.user.address()).await, 0);

    let report = world.broker.settle(SettleRequest::default()).await.unwrap();
    assert_eq!(report.paid, dry.expected);
    assert_eq!(report.rows[0].paid, Some(owed), "the largest first");
    let tx = &report.transactions[0];
    assert_eq!((tx.state, tx.rows), (OperationState::Mined, 2));
    assert!(tx.gas_used > 21_000 && tx.gas_used <= super::super::vouchers::claim::gas(2), "{}", tx.gas_used);
    let view = world.broker.user(world.user.address()).unwrap();
    assert_eq!((view.settled, view.unsettled, view.debt_since), (owed, Neuron::ZERO, None));
    assert_eq!(view.balance.get(), Neuron::A0GI.get() - owed.get());
    assert_eq!(settled_on_chain(&world, world.user.address()).await, owed.get());

    let again = world.broker.settle(SettleRequest::default()).await.unwrap();
    assert!(again.rows.is_empty() && again.transactions.is_empty());
    use_service(&world, &world.user.wallet).await;
    let more = world.broker.settle(SettleRequest::default()).await.unwrap();
    assert_eq!(more.rows.len(), 1);
    assert_eq!(settled_on_chain(&world, world.user.address()).await, world.idle().await.owed.get());
    let history = world.broker.settlements(PageOf::first(10)).await.unwrap().items;
    assert_eq!(history.len(), 2);
    assert!(history.iter().flat_map(|settlement| &settlement.rows).all(|row| row.paid.is_some()));
}

/// Debts of users whose accounts the chain does not have.
fn owed_by_many(world: &World, many: u64) {
    use crate::broker::provider::test_values::{page, voucher};
    for number in 0..many {
        let mut bytes = [7; 20];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let id = AccountId { user: Address::from(bytes), provider: world.wallet.address() };
        let mut one = page(1, Neuron::A0GI.get(), 0);
        let mut best = voucher(1, 0, Neuron::A0GI.get());
        (one.account.id, best.voucher.account) = (id, id);
        one.best = Some(best);
        one.owed = Neuron::new(Neuron::A0GI.get() / 2);
        world.broker.core.book.restore(one);
    }
}

/// Sends what is to be settled. The chain does not have these accounts, so they are not read again before it goes out.
async fn sends_all(world: &World) {
    let core = &world.broker.core;
    let turn = core.settling.turn.lock().await;
    let forecast = core.look(true).await.unwrap();
    core.send_all(&forecast, &turn).await.unwrap();
}

#[tokio::test]
async fn more_users_than_one_transaction_takes_are_settled_in_several() {
    let world = World::new(ServiceKind::Chatbot).await;
    owed_by_many(&world, 430);
    sends_all(&world).await;
    let mut history = Vec::new();
    for _ in 0..6_000 {
        history = world.broker.settlements(PageOf::first(10)).await.unwrap().items;
        if history.iter().all(|settlement| settlement.operation.state == OperationState::Mined) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(history.iter().all(|settlement| settlement.operation.state == OperationState::Mined));
    // One that cannot be sent leaves its users for the next time; nobody is in two.
    let rows: Vec<usize> = history.iter().map(|settlement| settlement.rows.len()).collect();
    assert!(rows.len() >= 2 && rows.iter().all(|rows| *rows <= 200), "{rows:?}");
    let users: std::collections::BTreeSet<_> =
        history.iter().flat_map(|settlement| &settlement.rows).map(|row| row.account.user).collect();
    assert_eq!(users.len(), rows.iter().sum::<usize>());
    for settlement in &history {
        let most = super::super::vouchers::claim::gas(settlement.rows.len());
        let gas = settlement.operation.gas_used;
        assert!(gas > 21_000 && gas <= most, "{gas}");
    }
}

#[tokio::test]
async fn a_claim_is_never_above_the_voucher_and_the_rest_waits_for_one() {
    let mut lending = settings();
    lending.credit_limit = Neuron::A0GI;
    let world = World::with(ServiceKind::Chatbot, lending).await;
    world.upstream.plan(Plan::json(&whole("a short answer")));
    let mut ask = world.ask(CHAT);
    ask.cumulative = Neuron::new(250);
    read(world.call(&ask).await.unwrap()).await;
    let owed = world.idle().await.owed;
    assert!(owed.get() > 250);
    let report = world.broker.settle(SettleRequest::default()).await.unwrap();
    assert_eq!((report.paid.get(), report.rows[0].claim.get()), (250, 250));
    let report = world.broker.settle(SettleRequest::default()).await.unwrap();
    let left: Vec<_> = report.left_out.iter().map(|left| (left.user, left.why)).collect();
    assert_eq!(left, [(world.user.address(), LeftOut::NothingPromised)]);
    let all = world.voucher(&world.user.wallet, world.wallet.address(), 0, Neuron::A0GI);
    world.broker.voucher(&encode_voucher(&all), "127.0.0.1".parse().unwrap()).await.unwrap();
    let report = world.broker.settle(SettleRequest::default()).await.unwrap();
    assert_eq!(report.paid.get(), owed.get() - 250);
}

#[tokio::test]
async fn a_refund_that_comes_due_is_settled_before_and_pays_its_gas() {
    let mut automatic = settings();
    automatic.settlement.automatic = true;
    automatic.settlement.check_interval = 1;
    let world = World::with(ServiceKind::Chatbot, automatic).await;
    world.register("svc", ServiceKind::Chatbot, INPUT_PRICE, 10_000_000_000_000).await;
    world.upstream.plan(Plan::json(&whole("a rather longer answer of many words, to be worth its gas")));
    let provider = world.wallet.address();
    let mut ask = world.ask(CHAT);
    ask.max_fee = Neuron::new(Neuron::A0GI.get() / 2);
    ask.cumulative = Neuron::A0GI;
    read(world.call(&ask).await.unwrap()).await;
    let owed = world.idle().await.owed;
    let (forecast, verdict) = world.broker.forecast().await.unwrap();
    assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?} {forecast:?}");

    send(&world.user.sender, Call::RequestRefund { provider, amount: Neuron::A0GI }).await;
    // Seen and decided at once: it still has time, until half the lock and a margin are left.
    let user = world.user.address();
    let about_it = |reason: &Reason| matches!(reason, Reason::Refund { user: whose, .. } if *whose == user);
    world
        .until(|broker| {
            let last = broker.decisions().pop().map(|decision| decision.verdict);
            matches!(last, Some(Verdict::Wait { next: Some((_, reason)) }) if about_it(&reason))
        })
        .await;
    let view = world.broker.user(user).unwrap();
    assert_eq!((view.risk, view.settled), (Risk::Deadline, Neuron::ZERO));
    let wait = view.refund_unlock_at.unwrap().seconds_since(view.settle_by.unwrap());
    assert_eq!(wait, LOCK_TIME / 2 + LOCK_TIME / 8);
    world.devnet.advance_time(LOCK_TIME - wait).unwrap();
    world.until(|broker| broker.users()[0].settled == owed).await;
    let reasons = world.broker.decisions().into_iter().filter_map(|decision| match decision.verdict {
        Verdict::Settle(reasons) => Some(reasons),
        _ => None,
    });
    assert!(reasons.flatten().any(|reason| about_it(&reason)));
}

#[tokio::test]
async fn two_settlements_never_run_at_once_and_one_survives_a_restart() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    use_service(&world, &world.user.wallet).await;
    let owed = world.idle().await.owed;
    world.devnet.set_automine(false);
    let report = world.broker.settle(SettleRequest { dry_run: false, wait: Wait::Broadcast }).await.unwrap();
    assert_eq!(report.transactions[0].state, OperationState::Sent);
    let operation = report.transactions[0].operation;
    let busy = world.broker.settle(SettleRequest::default()).await;
    assert!(matches!(busy, Err(ProviderError::SettlementRunning { operation: Some(id) }) if id == operation));

    world.restart().await;
    assert_eq!(world.broker.snapshot().settlement.running, [operation]);
    let busy = world.broker.settle(SettleRequest::default()).await;
    assert!(matches!(busy, Err(ProviderError::SettlementRunning { .. })), "{busy:?}");
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.snapshot().settlement.running.is_empty()).await;
    assert_eq!(settled_on_chain(&world, world.user.address()).await, owed.get());
    let history = world.broker.settlements(PageOf::first(10)).await.unwrap().items;
    assert_eq!((history.len(), history[0].paid()), (1, owed));
    assert!(world.broker.settle(SettleRequest::default()).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn a_settlement_that_is_not_in_a_block_in_time_is_told_as_sent() {
    let world = World::new(ServiceKind::Chatbot).await;
    use_service(&world, &world.user.wallet).await;
    let owed = world.idle().await.owed;
    world.devnet.set_automine(false);
    let request = SettleRequest { dry_run: false, wait: Wait::Until(tokio::time::Instant::now()) };
    let report = world.broker.settle(request).await.unwrap();
    let sent = &report.transactions[0];
    assert_eq!((sent.state, sent.hash.is_some(), report.paid), (OperationState::Sent, true, Neuron::ZERO));
    assert_eq!(world.broker.snapshot().settlement.running, [sent.operation]);
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.snapshot().settlement.running.is_empty()).await;
    assert_eq!(settled_on_chain(&world, world.user.address()).await, owed.get());
}

#[tokio::test]
async fn books_that_were_lost_begin_at_what_the_chain_has_paid() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    use_service(&world, &world.user.wallet).await;
    let paid = world.broker.settle(SettleRequest::default()).await.unwrap().paid;
    let network = Network { chain_id: world.chain.id(), contract: world.chain.contract() };
    world.store = ProviderStore::new(Db::temporary(Role::Provider).unwrap(), network).await.unwrap();
    world.restart().await;
    assert_eq!(world.broker.user(world.user.address()).unwrap().owed, paid);
    world.register("svc", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE).await;
    use_service(&world, &world.user.wallet).await;
    let more = world.broker.settle(SettleRequest::default()).await.unwrap().paid;
    assert!(!more.is_zero());
    assert_eq!(settled_on_chain(&world, world.user.address()).await, paid.get() + more.get());
    assert_eq!(world.store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_settlement_that_is_stuck_keeps_nobody_else_waiting() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan::json(&whole("a short answer")));
    let other = world.other_user(2, Neuron::A0GI).await;
    use_service(&world, &world.user.wallet).await;
    world.devnet.set_automine(false);
    let waiting = SettleRequest { dry_run: false, wait: Wait::Broadcast };
    let first = world.broker.settle(waiting).await.unwrap();
    use_service(&world, &world.user.wallet).await;
    use_service(&world, &other.wallet).await;
    let second = world.broker.settle(waiting).await.unwrap();
    let users = |report: &SettlementReport| report.rows.iter().map(|row| row.user).collect::<Vec<_>>();
    assert_eq!((users(&first), users(&second)), (vec![world.user.address()], vec![other.address()]));
    assert_eq!(second.left_out[0].why, LeftOut::UnderWay, "nobody is in two at once");
    assert_eq!(world.broker.snapshot().settlement.running.len(), 2);
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.snapshot().settlement.running.is_empty()).await;
    let rest = world.broker.settle(SettleRequest::default()).await.unwrap();
    assert_eq!(users(&rest), [world.user.address()]);
    for user in world.broker.users() {
        assert_eq!((user.unsettled, user.settled), (Neuron::ZERO, user.owed));
    }
}

#[tokio::test]
async fn a_user_who_leaves_while_the_settlement_is_stuck_makes_it_hurry() {
    let mut automatic = settings();
    automatic.settlement.automatic = true;
    automatic.settlement.check_interval = 1;
    let world = World::with(ServiceKind::Chatbot, automatic).await;
    world.register("svc", ServiceKind::Chatbot, INPUT_PRICE, 1_000_000_000_000_000).await;
    world.upstream.plan(Plan::json(&whole("a rather longer answer of many words, to be worth its gas")));
    let mut ask = world.ask(CHAT);
    ask.max_fee = Neuron::new(Neuron::A0GI.get() / 2);
    ask.cumulative = Neuron::A0GI;
    read(world.call(&ask).await.unwrap()).await;
    world.devnet.set_automine(false);
    let waiting = SettleRequest { dry_run: false, wait: Wait::Broadcast };
    let operation = world.broker.settle(waiting).await.unwrap().transactions[0].operation;
    // Gas has become dearer than the settlement offers. The user pays for it, and leaves.
    world.devnet.set_base_fee(20_000_000_000);
    world.devnet.mine(1).unwrap();
    let call = Call::RequestRefund { provider: world.wallet.address(), amount: Neuron::A0GI };
    let mut refund = world.user.sender.submit(OperationId::random(), call).await.unwrap();
    world.devnet.mine(1).unwrap();
    assert!(matches!(refund.wait().await, Outcome::Mined { .. }));
    world.until(|broker| broker.users()[0].refund_unlock_at.is_some()).await;
    let operations = world.store.operations();
    assert_eq!(operations.attempts(operation).await.unwrap().len(), 1, "in calm it waits for cheaper gas");
    // In the last seconds it may spend all that is at stake, and does not wait its usual 45 s to do so.
    world.devnet.advance_time(LOCK_TIME - 5).unwrap();
    world
        .until(|broker| matches!(broker.decisions().last(), Some(Decision { verdict: Verdict::Busy, .. })))
        .await;
    let mut attempts = operations.attempts(operation).await.unwrap();
    for _ in 0..3_000 {
        if attempts.len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        attempts = operations.attempts(operation).await.unwrap();
    }
    assert!(attempts[1].max_fee.get() > 20_000_000_000, "{}", attempts[1].max_fee);
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.users()[0].unsettled.is_zero()).await;
}

#[tokio::test]
async fn decisions_are_there_after_a_restart() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    use_service(&world, &world.user.wallet).await;
    world.broker.settle(SettleRequest::default()).await.unwrap();
    let before = world.broker.decisions();
    let asked = |decisions: &[Decision]| {
        decisions.iter().filter(|one| one.verdict == Verdict::Settle(vec![Reason::Asked])).count()
    };
    assert_eq!(asked(&before), 1);
    world.restart().await;
    let after = world.broker.decisions();
    assert_eq!(asked(&after), 1);
    assert!(after.len() >= before.len());
}

/// A node that falls behind the block of a settlement makes it look undone; then it comes back to the very same block.
#[tokio::test]
async fn a_settlement_whose_block_comes_back_is_over_again() {
    use crate::chain::TxState;
    use crate::chain::scripted::mined_in;
    let world = World::new(ServiceKind::Chatbot).await;
    let operation = OperationId::random();
    let (state, ticket) = crate::chain::Ticket::scripted(operation);
    let core = &world.broker.core;
    core.take_up(ticket).await.unwrap();
    let running = || core.settling.running();
    assert_eq!(running(), [operation]);
    let block = world.chain.head().await.unwrap();
    for round in 0..3 {
        state.send_replace(mined_in(block));
        world.until(|_| running().is_empty()).await;
        if round < 2 {
            state.send_replace(TxState::Sent { hashes: Vec::new() });
            world.until(|_| running() == [operation]).await;
        }
    }
    // And where the sender stops watching while it looks undone, its users are free all the same.
    state.send_replace(TxState::Sent { hashes: Vec::new() });
    world.until(|_| running() == [operation]).await;
    drop(state);
    world.until(|_| running().is_empty()).await;
}

#[tokio::test]
async fn what_nodes_refuse_for_good_is_not_signed_again_and_again() {
    let mut automatic = settings();
    automatic.settlement.automatic = true;
    automatic.settlement.check_interval = 1;
    automatic.settlement.risk_limit = Neuron::new(1);
    let world = World::with(ServiceKind::Chatbot, automatic).await;
    world.register("svc", ServiceKind::Chatbot, INPUT_PRICE, 1_000_000_000_000_000).await;
    world.upstream.plan(Plan::json(&whole("a rather longer answer of many words, to be worth its gas")));
    let mut ask = world.ask(CHAT);
    ask.max_fee = Neuron::new(Neuron::A0GI.get() / 2);
    ask.cumulative = Neuron::A0GI;
    world.line.refuse(usize::MAX);
    let began = std::time::Instant::now();
    read(world.call(&ask).await.unwrap()).await;
    world
        .until(|broker| {
            let last = broker.decisions().pop().map(|decision| decision.verdict);
            matches!(last, Some(Verdict::Failed(why)) if why.contains("intrinsic gas too low"))
        })
        .await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let tries = world.broker.settlements(PageOf::first(10)).await.unwrap().items;
    // Ten seconds, on a machine that stood still perhaps several times.
    let most = 1 + began.elapsed().as_secs() as usize / 10;
    assert!(
        (1..=most).contains(&tries.len()),
        "it looks every second, and waits longer than that before it signs anew: {tries:?}"
    );
    let first = tries.last().unwrap();
    let operation = &first.operation;
    assert_eq!((operation.state, first.rows.len()), (OperationState::Refused, 0), "its rows say nothing");
    let attempts = world.store.operations().attempts(operation.id).await.unwrap();
    assert_eq!(attempts.len(), 1, "what was signed stays known");
    // A person need not wait for that, and may not be the first by now.
    world.line.refuse(0);
    let _ = world.broker.settle(SettleRequest::default()).await;
    world.until(|broker| broker.users()[0].unsettled.is_zero()).await;
}

#[tokio::test]
async fn a_part_that_is_refused_keeps_no_other_from_being_sent() {
    let world = World::new(ServiceKind::Chatbot).await;
    owed_by_many(&world, 430);
    // What a node refuses is offered once more before the word is believed.
    world.line.refuse(2);
    sends_all(&world).await;
    world.until(|broker| broker.core.settling.running().is_empty()).await;
    let history = world.broker.settlements(PageOf::first(10)).await.unwrap().items;
    let ends: Vec<_> = history.iter().rev().map(|one| (one.operation.state, one.rows.len())).collect();
    let expected = [(OperationState::Refused, 0), (OperationState::Mined, 200), (OperationState::Mined, 30)];
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn what_waits_for_cheap_gas_does_not_say_how_long_transactions_take() {
    let world = World::new(ServiceKind::Chatbot).await;
    owed_by_many(&world, 1);
    let core = &world.broker.core;
    world.devnet.set_automine(false);
    let turn = core.settling.turn.lock().await;
    let forecast = core.look(true).await.unwrap();
    core.send_all(&forecast, &turn).await.unwrap();
    drop(turn);
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.core.settling.running().is_empty()).await;
    assert_eq!(core.rules(Timestamp::now()).inclusion, 0, "nobody was in a hurry");
}
