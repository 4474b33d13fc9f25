//! Strangers in numbers (S19), ids and vouchers in any order (S21), and how deep a deposit must be to count (S22).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::stream;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::upstream::{Plan, whole};
use super::*;
use crate::broker::provider::vouchers::Page;
use crate::domain::ChainAccount;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":4}"#;

/// The same request in the name of another user, from another address. Nobody needs a key to send it.
fn in_the_name_of(call: &ProxyCall, user: Address, peer: Ipv4Addr, taken: &Arc<AtomicUsize>) -> ProxyCall {
    let mut voucher = decode_voucher(call.headers[VOUCHER_HEADER].to_str().unwrap()).unwrap();
    voucher.voucher.account.user = user;
    let mut headers = call.headers.clone();
    headers.insert(VOUCHER_HEADER, encode_voucher(&voucher).parse().unwrap());
    let taken = Arc::clone(taken);
    let body = stream::poll_fn(move |_| {
        taken.fetch_add(1, Ordering::Relaxed);
        std::task::Poll::Ready(None)
    });
    ProxyCall {
        service: call.service.clone(),
        suffix_and_query: call.suffix_and_query.clone(),
        method: call.method.clone(),
        headers,
        body: Box::pin(body),
        peer: SocketAddr::from((peer, 9)),
    }
}

#[tokio::test]
async fn ten_thousand_strangers_cost_a_bounded_number_of_chain_reads() {
    let world = World::new(ServiceKind::Chatbot).await;
    let call = world.proxy_call(&world.user.wallet, world.wallet.address(), &world.ask(CHAT));
    let taken = Arc::new(AtomicUsize::new(0));
    // From one machine, then from ten thousand of them: so many at once, and so many more a second.
    for (machines, burst, a_second) in [(1, 20, 5), (10_000, 100, 50)] {
        let (before, began) = (world.line.reads(), Instant::now());
        for number in 0..10_000_u32 {
            let peer = Ipv4Addr::from(0x0b00_0000 + number % machines);
            let stranger = in_the_name_of(&call, Address::new(rand::random()), peer, &taken);
            match world.broker.proxy(stranger).await.map(|_| ()) {
                Err(ProxyRefusal::UnknownAccount(_) | ProxyRefusal::TooOften) => {}
                other => panic!("{other:?}"),
            }
        }
        let grown = usize::try_from(began.elapsed().as_secs() + 1).unwrap() * a_second;
        let reads = world.line.reads() - before;
        assert!(reads <= burst + grown, "{reads} reads for {machines} machines, {burst} + {grown} allowed");
    }
    assert_eq!(taken.load(Ordering::Relaxed), 0, "no body was taken in");
    assert_eq!((world.broker.snapshot().totals.users, world.upstream.seen().len()), (1, 0));
    // The one who pays is served all the same.
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
}

/// Anybody can name any user. Without the key it costs neither the user's minute nor more than a read now and then.
#[tokio::test]
async fn forged_signatures_are_cheap_and_found_before_anything_else() {
    let world = World::new(ServiceKind::Chatbot).await;
    let stranger = world.proxy_call(&Wallet::random().unwrap(), world.wallet.address(), &world.ask(CHAT));
    let taken = Arc::new(AtomicUsize::new(0));
    let (before, began) = (world.line.reads(), Instant::now());
    for number in 0..500_u32 {
        let peer = Ipv4Addr::from(0x0b00_0000 + number);
        let forged = in_the_name_of(&stranger, world.user.address(), peer, &taken);
        let refusal = world.broker.proxy(forged).await.map(|_| ()).unwrap_err();
        assert_eq!(refusal, ProxyRefusal::WrongSigner { what: "voucher" });
    }
    let reads = world.line.reads() - before;
    assert!(reads as u64 <= 3 + began.elapsed().as_secs() / 2, "{reads} reads");
    assert_eq!(taken.load(Ordering::Relaxed), 0, "no body was taken in");
    let idle = world.idle().await;
    assert_eq!((idle.in_flight, idle.reserved, idle.voucher), (0, Neuron::ZERO, Neuron::ZERO));
}

/// A stranger who names users that the books know, one after the other, has no more of their accounts read than one who
/// names unknown ones, and keeps nobody out who is new.
#[tokio::test]
async fn forged_calls_over_many_names_cost_what_one_network_may_and_keep_nobody_out() {
    let world = World::new(ServiceKind::Chatbot).await;
    let newcomer = world.other_user(2, Neuron::A0GI).await;
    let core = Arc::clone(&world.broker.core);
    let own = core.book.page(world.user.address()).unwrap();
    let named: Vec<Address> = (0..200_u8).map(|number| Address::repeat_byte(number + 1)).collect();
    for user in &named {
        let account = ChainAccount { id: AccountId { user: *user, ..own.account.id }, ..own.account };
        core.book.restore(Page { account, ..own });
    }
    assert!(named.iter().all(|user| core.book.page(*user).unwrap().is_read()));
    let signed = world.proxy_call(&Wallet::random().unwrap(), world.wallet.address(), &world.ask(CHAT));
    let taken = Arc::new(AtomicUsize::new(0));
    let (before, began) = (world.line.reads(), Instant::now());
    let forger = Ipv4Addr::new(203, 0, 113, 7);
    for user in named.iter().chain(&named) {
        let forged = in_the_name_of(&signed, *user, forger, &taken);
        let refusal = world.broker.proxy(forged).await.map(|_| ()).unwrap_err();
        // What was read of a made-up user is that there is none; the next call names a stranger.
        assert!(
            matches!(
                refusal,
                ProxyRefusal::WrongSigner { what: "voucher" }
                    | ProxyRefusal::UnknownAccount(_)
                    | ProxyRefusal::TooOften
            ),
            "{refusal:?}"
        );
    }
    // Others are not kept waiting for what the forger used up.
    for number in 0..10_u32 {
        let peer = Ipv4Addr::from(0x0c00_0000 + number);
        let unknown = Address::new(rand::random());
        let stranger = in_the_name_of(&signed, unknown, peer, &taken);
        let refusal = world.broker.proxy(stranger).await.map(|_| ()).unwrap_err();
        assert_eq!(refusal, ProxyRefusal::UnknownAccount(unknown));
    }
    // The forger's network, ten strangers, and some that the broker does by itself.
    let allowed = 20 + 5 * usize::try_from(began.elapsed().as_secs() + 1).unwrap() + 10 + 10;
    let reads = world.line.reads() - before;
    assert!(reads <= allowed, "{reads} reads, {allowed} allowed");
    assert_eq!(taken.load(Ordering::Relaxed), 0, "no body was taken in");
    read(world.call_as(&newcomer.wallet, &world.ask(CHAT)).await.unwrap()).await;
}

/// One step of [`no_id_is_served_twice_whatever_comes_with_it`]: a request under one of a few ids, changed in some way.
fn variant(world: &World, random: &mut StdRng, ids: &[RequestId]) -> Ask {
    let id = *ids.choose(random).unwrap();
    let text =
        |more: &str| format!(r#"{{"messages":[{{"role":"user","content":"{id}{more}"}}],"max_tokens":4}}"#);
    let mut ask = Ask { id, ..world.ask(&text("")) };
    match random.random_range(0..8) {
        0 => ask.body = text(" and more").into(),
        1 => ask.path = "/completions".to_owned(),
        2 => ask.max_fee = Neuron::new(random.random_range(1..2_000_000)),
        3 => ask.cumulative = Neuron::new(random.random_range(0..3_000_000)),
        4 => ask.epoch = random.random_range(0..2),
        5 => ask.path = "/chat/completions?n=1".to_owned(),
        _ => {}
    }
    ask
}

#[tokio::test]
async fn no_id_is_served_twice_whatever_comes_with_it() {
    let mut settings = settings();
    settings.credit_limit = Neuron::new(1_000_000_000);
    let mut world = World::with(ServiceKind::Chatbot, settings).await;
    world.upstream.plan(Plan { delay: Duration::from_millis(3), ..Plan::json(&whole("Once.")) });
    for seed in 0..12_u64 {
        let mut random = StdRng::seed_from_u64(seed);
        let ids: Vec<RequestId> = (0..3).map(|_| RequestId::random()).collect();
        let mut served = BTreeMap::<RequestId, usize>::new();
        for _ in 0..4 {
            let asks: Vec<Ask> =
                (0..random.random_range(1..6)).map(|_| variant(&world, &mut random, &ids)).collect();
            let answers = futures_util::future::join_all(asks.iter().map(|ask| async {
                match world.call(ask).await {
                    Ok(answer) => Some(read(answer).await.receipt().0.receipt),
                    Err(_) => None,
                }
            }))
            .await;
            for (ask, receipt) in asks.iter().zip(answers) {
                if let Some(receipt) = receipt {
                    assert_eq!(receipt.request, ask.id, "seed {seed}");
                    *served.entry(ask.id).or_default() += 1;
                }
            }
            if random.random_ratio(1, 6) {
                world.idle().await;
                world.restart().await;
            }
        }
        world.idle().await;
        assert!(served.values().all(|times| *times == 1), "seed {seed}: {served:?}");
        for id in &ids {
            let text = id.to_string();
            let seen = world.upstream.seen();
            let asked =
                seen.iter().filter(|seen| String::from_utf8_lossy(&seen.body).contains(&text)).count();
            assert_eq!(asked, served.get(id).copied().unwrap_or(0), "seed {seed}");
            let row = world.broker.request(*id).await.ok();
            assert_eq!(row.is_some(), served.contains_key(id), "seed {seed}");
        }
        assert_eq!(world.store.audit().await.unwrap(), Vec::<String>::new(), "seed {seed}");
    }
}

/// A deposit that a reorg may still take back is no credit.
#[tokio::test]
async fn a_deposit_counts_once_it_is_as_deep_as_the_settings_want() {
    let world = World::new(ServiceKind::Chatbot).await;
    let endpoint = Endpoint::InProcess(BoxTransport::new(world.line.clone()));
    let settings = ChainSettings::new(endpoint, world.chain.contract());
    let chain = Chain::open(ChainSettings { confirmations: 4, ..settings }).await.unwrap();
    // So deep stands the contract itself.
    world.devnet.mine(4).unwrap();
    let network = Network { chain_id: chain.id(), contract: chain.contract() };
    let store = ProviderStore::new(Db::temporary(Role::Provider).unwrap(), network).await.unwrap();
    let spool = world.spool.path().to_owned();
    let (broker, _) = start(&store, &chain, &world.wallet, &world.tasks, spool, &world.settings, None).await;
    let peer = "127.0.0.1".parse().unwrap();
    let offered = async |user: &User| {
        let voucher = world.voucher(&user.wallet, world.wallet.address(), 0, Neuron::new(5));
        broker.voucher(&encode_voucher(&voucher), peer).await.map(|accepted| accepted.cumulative)
    };
    let user = world.other_user(2, Neuron::A0GI).await;
    assert_eq!(offered(&user).await, Err(ProxyRefusal::UnknownAccount(user.address())));
    world.devnet.mine(2).unwrap();
    assert_eq!(offered(&user).await, Err(ProxyRefusal::UnknownAccount(user.address())));
    world.devnet.mine(1).unwrap();
    for _ in 0..12_000 {
        if offered(&user).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(offered(&user).await, Ok(Neuron::new(5)));
    // The other broker, whose operator wants one block, knew it from the first on.
    let voucher = world.voucher(&user.wallet, world.wallet.address(), 0, Neuron::new(5));
    assert!(world.broker.voucher(&encode_voucher(&voucher), peer).await.is_ok());
}
