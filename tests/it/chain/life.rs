//! The whole life of accounts, refunds, services and settlements through the real contract.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::sol_types::SolCall;
use zgserve_tui::chain::{
    Call, ChainError, EventFilter, EventKind, Outcome, Revert, SendError, Sender, SenderSettings, SettleRow,
    TxSigner,
};
use zgserve_tui::domain::{
    AccountId, Address, Neuron, OperationId, Prices, ServiceKind, SignedVoucher, Voucher,
};

use super::faults::Fault;
use super::net::{Book, Key, LOCK_TIME, Net, deposit, key, quick, until};
use super::on_both;

on_both!(
    accounts_and_refunds,
    services_strange_ones_included,
    settlements_pay_what_the_vouchers_say,
    doomed_calls_cost_nothing,
    a_revert_in_its_block_is_told_with_its_reason,
    confirmations_are_waited_for,
);

mod raw {
    alloy::sol! {
        function addOrUpdateService(string name, string serviceType, string url, string model, uint128 i, uint128 o);
    }
}

async fn done(sender: &Sender, call: Call) -> Outcome {
    let outcome = sender.submit(OperationId::random(), call).await.unwrap().wait().await;
    assert!(matches!(outcome, Outcome::Mined { .. }), "{outcome:?}");
    outcome
}

async fn accounts_and_refunds(net: Net) {
    let (user, provider) = (key(0), key(1).address());
    let id = AccountId { user: user.address(), provider };
    let sender = net.sender(user.clone(), &Arc::new(Book::default()));
    let before = net.chain.head().await.unwrap();
    let delegate = Address::repeat_byte(0xde);
    assert_eq!(net.chain.account(id, None).await.unwrap(), None);
    let value = Neuron::new(1000);
    let opened = done(&sender, Call::AddAccount { provider, delegate: Some(delegate), value }).await;
    let began = Instant::now();
    done(&sender, deposit(provider, 500)).await;
    println!("a deposit's round trip: {:?}", began.elapsed());

    let account = net.chain.account(id, None).await.unwrap().unwrap();
    assert_eq!((account.balance, account.settled, account.epoch), (Neuron::new(1500), Neuron::ZERO, 0));
    assert_eq!((account.delegate, account.rotation, account.refund), (Some(delegate), None, None));
    // As it was, at named blocks.
    assert_eq!(net.chain.account(id, Some(before)).await.unwrap(), None);
    let Outcome::Mined { block, .. } = opened else { panic!("it is mined") };
    let then = net.chain.account(id, Some(block)).await.unwrap().unwrap();
    assert_eq!(then.balance, Neuron::new(1000));
    let elsewhere = zgserve_tui::chain::BlockRef { hash: Default::default(), ..block };
    let error = net.chain.account(id, Some(elsewhere)).await.unwrap_err();
    assert!(matches!(error, ChainError::UnknownBlock(_)), "{error}");

    done(&sender, Call::SetDelegate { provider, delegate: None }).await;
    let rotation = net.chain.account(id, None).await.unwrap().unwrap().rotation.unwrap();
    assert_eq!(rotation.delegate, None);
    done(&sender, Call::RequestRefund { provider, amount: Neuron::new(400) }).await;
    let refund = net.chain.account(id, None).await.unwrap().unwrap().refund.unwrap();
    assert_eq!((refund.index, refund.amount), (1, Neuron::new(400)));
    assert_eq!(refund.unlock_at.seconds_since(refund.created_at), LOCK_TIME);
    done(&sender, Call::CancelRefund { provider }).await;
    done(&sender, Call::RequestRefund { provider, amount: Neuron::new(1500) }).await;
    let early = sender.submit(OperationId::random(), Call::ProcessRefund { provider }).await.unwrap_err();
    assert!(matches!(early, SendError::Reverted(Revert::RefundLocked { .. })), "{early}");
    // Time passes and nobody mines: what is due is taken all the same.
    net.rpc("evm_increaseTime", serde_json::json!([LOCK_TIME + 1])).await;
    done(&sender, Call::ProcessRefund { provider }).await;
    let account = net.chain.account(id, None).await.unwrap().unwrap();
    assert_eq!((account.balance, account.refund, account.epoch), (Neuron::ZERO, None, 1));

    assert_eq!(net.chain.accounts_of_user(user.address(), None).await.unwrap(), [account]);
    assert_eq!(net.chain.accounts_of_provider(provider, None).await.unwrap(), [account]);
    assert_eq!(net.chain.accounts_of_provider(user.address(), None).await.unwrap(), []);
    let head = net.chain.head().await.unwrap().number;
    let events = net.chain.events(0, head, EventFilter::default()).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| &event.kind).collect();
    assert!(matches!(
        kinds[..],
        [
            EventKind::AccountAdded { .. },
            EventKind::Deposited { .. },
            EventKind::DelegateChanged { epoch: 1, delegate: None, .. },
            EventKind::RefundRequested { index: 1, .. },
            EventKind::RefundCanceled { index: 1, .. },
            EventKind::RefundRequested { index: 2, .. },
            EventKind::RefundProcessed { index: 2, .. },
        ]
    ));
    assert!(kinds.iter().all(|kind| kind.account() == Some(id)));
}

async fn services_strange_ones_included(net: Net) {
    let provider = key(1);
    let sender = net.sender(provider.clone(), &Arc::new(Book::default()));
    let put = |name: &str, price: u128| Call::PutService {
        name: name.parse().unwrap(),
        kind: ServiceKind::Chatbot,
        url: "http://127.0.0.1:3080".to_owned(),
        model: "llama\u{1b}[31m".to_owned(),
        prices: Prices { input: Neuron::new(price), output: Neuron::new(price) },
    };
    for n in 0..60u32 {
        let sender = sender.clone();
        let call = put(&format!("s{n}"), n.into());
        sender.submit(OperationId::random(), call).await.unwrap();
    }
    done(&sender, put("llama7b", 7)).await;
    for (name, kind) in [("../x", "chatbot"), ("ok", "quantum\u{202e}")] {
        let call = raw::addOrUpdateServiceCall {
            name: name.into(),
            serviceType: kind.into(),
            url: "u".into(),
            model: String::new(),
            i: 0,
            o: 0,
        };
        let nonce = net.nonce(provider.address()).await;
        net.foreign(&provider, nonce, net.chain.contract(), 0, call.abi_encode()).await;
        until("it is mined", async || net.nonce(provider.address()).await > nonce).await;
    }
    let list = net.chain.services(None).await.unwrap();
    assert_eq!((list.services.len(), list.unreadable), (61, 2), "more than a page, the strange ones counted");
    assert_eq!(net.chain.services_of(provider.address(), None).await.unwrap(), list);
    let one =
        net.chain.service(provider.address(), &"llama7b".parse().unwrap(), None).await.unwrap().unwrap();
    assert_eq!((one.model.as_str(), one.prices.input), ("llama\u{fffd}[31m", Neuron::new(7)));
    assert!(list.services.contains(&one));
    let strange = net.chain.service(provider.address(), &"ok".parse().unwrap(), None).await.unwrap_err();
    assert!(matches!(&strange, ChainError::UnreadableService { .. }), "{strange}");
    done(&sender, Call::RemoveService { name: "llama7b".parse().unwrap() }).await;
    assert_eq!(net.chain.service(provider.address(), &one.name, None).await.unwrap(), None);
    let head = net.chain.head().await.unwrap().number;
    let events = net.chain.events(0, head, EventFilter::default()).await.unwrap();
    let count = |wanted: fn(&EventKind) -> bool| events.iter().filter(|event| wanted(&event.kind)).count();
    assert_eq!(count(|kind| matches!(kind, EventKind::ServiceUpdated(_))), 61);
    assert_eq!(count(|kind| matches!(kind, EventKind::UnreadableService { .. })), 2);
    assert_eq!(count(|kind| matches!(kind, EventKind::ServiceRemoved { .. })), 1);
}

fn voucher(net: &Net, user: &Key, provider: Address, cumulative: u128) -> SignedVoucher {
    let account = AccountId { user: user.address(), provider };
    let voucher = Voucher { account, epoch: 0, cumulative: Neuron::new(cumulative) };
    SignedVoucher { voucher, signature: user.sign_hash(voucher.signing_hash(&net.chain.domain())) }
}

async fn settlements_pay_what_the_vouchers_say(net: Net) {
    let (one, two, provider) = (key(0), key(2), key(1));
    let book = Arc::new(Book::default());
    for user in [&one, &two] {
        net.account(&net.sender(Arc::clone(user), &book), provider.address()).await;
    }
    let sender = net.sender(provider.clone(), &book);
    let row = |user: &Key, cumulative, claim| SettleRow {
        voucher: voucher(&net, user, provider.address(), cumulative),
        claim: Neuron::new(claim),
    };
    let mut forged = row(&two, 900, 900);
    forged.voucher.voucher.cumulative = Neuron::new(1000);
    done(&sender, Call::Settle { rows: vec![row(&one, 300, 250), forged, row(&two, 5000, 5000)] }).await;
    let account = |user: Arc<Key>| {
        let id = AccountId { user: user.address(), provider: provider.address() };
        let chain = net.chain.clone();
        async move {
            let account = chain.account(id, None).await.unwrap().unwrap();
            (account.balance.get(), account.settled.get())
        }
    };
    assert_eq!(account(one.clone()).await, (750, 250), "the claim, not the whole voucher");
    assert_eq!(account(two.clone()).await, (0, 1000), "what was there; the forged row is skipped");
    // A stale row pays nothing and stops nobody.
    done(&sender, Call::Settle { rows: vec![row(&one, 200, 200), row(&one, 260, 260)] }).await;
    assert_eq!(account(one).await, (740, 260));
}

async fn doomed_calls_cost_nothing(net: Net) {
    let (user, provider) = (key(0), key(1).address());
    let book = Arc::new(Book::default());
    let sender = net.sender(user.clone(), &book);
    let before = (net.nonce(user.address()).await, net.chain.native_balance(user.address()).await.unwrap());
    let submit = async |call| sender.submit(OperationId::random(), call).await.unwrap_err();
    let missing = submit(deposit(provider, 5)).await;
    assert!(
        matches!(&missing, SendError::Reverted(Revert::AccountNotFound { account }) if account.provider == provider)
    );
    let zero = submit(Call::AddAccount { provider, delegate: None, value: Neuron::ZERO }).await;
    assert_eq!(zero, SendError::Reverted(Revert::ZeroAmount));
    let long = submit(Call::Deploy { lock_time: 366 * 86_400 }).await;
    assert_eq!(long, SendError::Reverted(Revert::LockTimeTooLong));
    let poor = submit(Call::Transfer { to: provider, value: Neuron::new(before.1) }).await;
    let SendError::InsufficientGas { needed, available, address } = poor else { panic!("{poor}") };
    assert!(needed > available && available == before.1 && address == user.address());
    let settings = SenderSettings { max_fee_per_gas: 1, ..quick() };
    let thrifty = net.sender_with(user.clone(), &book, settings);
    let dear = thrifty.submit(OperationId::random(), deposit(provider, 5)).await.unwrap_err();
    assert!(matches!(dear, SendError::FeeTooHigh { cap: 1, .. }), "{dear}");
    assert_eq!(book.attempts.lock().len(), 0);
    let after = (net.nonce(user.address()).await, net.chain.native_balance(user.address()).await.unwrap());
    assert_eq!(before, after);
}

async fn a_revert_in_its_block_is_told_with_its_reason(net: Net) {
    let (user, provider) = (key(0), key(1).address());
    let book = Arc::new(Book::default());
    let sender = net.sender(user.clone(), &book);
    net.account(&sender, provider).await;
    net.automine(false).await;
    // Both pass the check before sending, as a node that does not simulate pending state sees it; one can succeed.
    net.faults.set(|method, params| {
        if method == "eth_estimateGas" && params[1] == "pending" {
            return Fault::Answer(serde_json::json!("0x30000"));
        }
        Fault::None
    });
    done_later(&net, &sender, provider).await;
}

async fn done_later(net: &Net, sender: &Sender, provider: Address) {
    let refund = Call::RequestRefund { provider, amount: Neuron::new(10) };
    let mut first = sender.submit(OperationId::random(), refund).await.unwrap();
    let mut cancel = sender.submit(OperationId::random(), Call::CancelRefund { provider }).await.unwrap();
    let mut again = sender.submit(OperationId::random(), Call::CancelRefund { provider }).await.unwrap();
    net.mine(1).await;
    assert!(matches!(first.wait().await, Outcome::Mined { .. }));
    assert!(matches!(cancel.wait().await, Outcome::Mined { .. }));
    let outcome = again.wait().await;
    assert!(
        matches!(&outcome, Outcome::Reverted { reason: Revert::RefundNotFound { .. }, .. }),
        "{outcome:?}"
    );
    assert!(outcome.gas_cost() > 0);
}

async fn confirmations_are_waited_for(net: Net) {
    let provider = key(1).address();
    let transport = alloy::transports::BoxTransport::new(net.faults.clone());
    let mut settings = zgserve_tui::chain::ChainSettings::new(
        zgserve_tui::chain::Endpoint::InProcess(transport),
        net.chain.contract(),
    );
    settings.confirmations = 3;
    let chain = zgserve_tui::chain::Chain::open(settings).await.unwrap();
    let book = Arc::new(Book::default());
    let sender = Sender::start(chain, key(0), book.clone(), &net.tasks, quick());
    let call = Call::AddAccount { provider, delegate: None, value: Neuron::new(5) };
    let mut ticket = sender.submit(OperationId::random(), call).await.unwrap();
    net.mine(1).await;
    let included = async || matches!(ticket.state(), zgserve_tui::chain::TxState::Included { .. });
    until("it is included", included).await;
    assert!(tokio::time::timeout(Duration::from_millis(200), ticket.wait()).await.is_err());
    assert!(matches!(ticket.state(), zgserve_tui::chain::TxState::Included { .. }));
    net.mine(1).await;
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
}
