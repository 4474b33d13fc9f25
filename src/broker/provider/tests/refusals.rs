//! Every way in which a request is not served: nothing is asked of the service, nothing is owed.

use super::upstream::{End, Plan};
use super::*;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":4}"#;

/// What is encoded may swell to 250 times its size. Where its answer could not be limited it is refused unread.
#[tokio::test]
async fn an_encoded_request_for_text_is_refused_before_anything_is_decoded() {
    let world = World::new(ServiceKind::Chatbot).await;
    let mut ask = world.ask("neither gzip nor JSON");
    ask.headers.insert(http::header::CONTENT_ENCODING, "gzip".parse().unwrap());
    let refusal = refused(&world, &ask).await;
    let ProxyRefusal::BadBody(why) = refusal else { panic!("{refusal}") };
    assert_eq!(why, "send it without Content-Encoding");
    // Where nothing is written the body is decoded, and found out.
    ask.path = "/embeddings".to_owned();
    ask.id = RequestId::random();
    let refusal = refused(&world, &ask).await;
    assert!(matches!(&refusal, ProxyRefusal::BadBody(why) if !why.contains("without")), "{refusal}");
    assert!(world.upstream.seen().is_empty());
}

async fn refused(world: &World, ask: &Ask) -> ProxyRefusal {
    world.call(ask).await.map(|_| ()).expect_err("it must be refused")
}

#[tokio::test]
async fn each_refusal_has_its_kind() {
    use ProxyRefusal as R;
    let world = World::new(ServiceKind::Chatbot).await;
    let good = world.ask(CHAT);
    let with = |change: fn(&mut Ask)| {
        let mut ask = Ask { id: RequestId::random(), ..good.clone() };
        change(&mut ask);
        ask
    };
    // Before any better voucher was seen.
    let refusal = refused(&world, &with(|ask| ask.cumulative = Neuron::new(5))).await;
    let R::VoucherNeeded(shortage) = refusal else { panic!("{refusal}") };
    assert_eq!((shortage.required.get(), shortage.owed), (1_000_000, Neuron::ZERO));
    let refusal = refused(&world, &with(|ask| ask.service = "other".to_owned())).await;
    assert_eq!(refusal, R::UnknownService("other".to_owned()));
    let refusal = refused(&world, &with(|ask| ask.service = "../x".to_owned())).await;
    assert!(matches!(refusal, R::UnknownService(_)));
    let refusal = refused(&world, &with(|ask| ask.path = "/a/../b".to_owned())).await;
    assert!(matches!(refusal, R::BadPath(_)));
    let refusal = refused(&world, &with(|ask| ask.expiry = Timestamp::from_seconds(1))).await;
    assert_eq!(refusal, R::Expired);
    let refusal = refused(&world, &with(|ask| ask.expiry = ask.expiry.plus_seconds(10_000))).await;
    assert_eq!(refusal, R::ExpiryTooFar { most: 600 });
    let refusal = refused(&world, &with(|ask| ask.signed_path = Some("/embeddings".to_owned()))).await;
    assert!(matches!(refusal, R::WrongSigner { .. }));
    let refusal = refused(&world, &with(|ask| ask.signed_body = Some(Bytes::from_static(b"{}")))).await;
    assert_eq!(refusal, R::BodyMismatch);
    let refusal = refused(&world, &with(|ask| ask.epoch = 3)).await;
    assert_eq!(refusal, R::WrongEpoch { found: 3, current: 0 });
    let refusal = refused(&world, &with(|ask| ask.max_fee = Neuron::new(99))).await;
    assert!(matches!(refusal, R::MaxFeeTooLow { .. }), "{refusal}");
    let refusal = refused(&world, &with(|ask| ask.version = 1)).await;
    let R::PriceChanged { version, prices, .. } = refusal else { panic!("{refusal}") };
    assert_eq!((version, prices.input.get()), (world.version("svc"), INPUT_PRICE));
    let refusal = refused(
        &world,
        &with(|ask| {
            ask.max_fee = Neuron::new(2 * Neuron::A0GI.get());
            ask.cumulative = Neuron::new(3 * Neuron::A0GI.get());
        }),
    )
    .await;
    let R::BalanceTooLow(shortage) = refusal else { panic!("{refusal}") };
    assert_eq!(shortage.balance, Neuron::A0GI);
    assert!(shortage.best_voucher.is_some());

    let stranger = Wallet::random().unwrap();
    let refusal = world.call_as(&stranger, &good).await.unwrap_err();
    assert_eq!(refusal, R::UnknownAccount(stranger.address()));
    let call = world.proxy_call(&world.user.wallet, Address::repeat_byte(7), &good);
    assert_eq!(world.broker.proxy(call).await.unwrap_err(), R::WrongProvider(Address::repeat_byte(7)));
    let mut call = world.proxy_call(&world.user.wallet, world.wallet.address(), &good);
    call.headers.insert(VOUCHER_HEADER, "zz".parse().unwrap());
    assert!(matches!(world.broker.proxy(call).await.unwrap_err(), R::BadHeader { .. }));
    let mut call = world.proxy_call(&world.user.wallet, world.wallet.address(), &good);
    call.headers.insert(http::header::CONTENT_LENGTH, (33u64 << 20).into());
    assert_eq!(world.broker.proxy(call).await.unwrap_err(), R::BodyTooLarge { limit: 32 << 20 });

    assert!(world.upstream.seen().is_empty(), "the service was never asked");
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

#[tokio::test]
async fn strangers_cost_few_chain_reads() {
    let world = World::new(ServiceKind::Chatbot).await;
    let ask = world.ask(CHAT);
    let (mut unknown, mut too_often) = (0, 0);
    let began = std::time::Instant::now();
    for _ in 0..200 {
        match world.call_as(&Wallet::random().unwrap(), &ask).await.unwrap_err() {
            ProxyRefusal::UnknownAccount(_) => unknown += 1,
            ProxyRefusal::TooOften => too_often += 1,
            other => panic!("{other}"),
        }
    }
    // So many at once, and five more a second.
    let grown = (began.elapsed().as_secs() + 1) * 5;
    assert!(unknown <= 20 + grown, "{unknown} reads, 20 + {grown} allowed");
    assert_eq!(unknown + too_often, 200);
    assert_eq!(world.broker.snapshot().totals.users, 1, "no page for a stranger");
    let stranger = Wallet::random().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        world.call_as(&stranger, &ask).await.unwrap_err(),
        ProxyRefusal::UnknownAccount(stranger.address())
    );
}

#[tokio::test]
async fn a_new_account_and_a_new_delegate_are_seen_at_once() {
    let world = World::new(ServiceKind::Chatbot).await;
    let other = world.other_user(2, Neuron::A0GI).await;
    read(world.call_as(&other.wallet, &world.ask(CHAT)).await.unwrap()).await;

    let delegate = Wallet::random().unwrap();
    let call = Call::SetDelegate { provider: world.wallet.address(), delegate: Some(delegate.address()) };
    send(&world.user.sender, call).await;
    let ask = world.ask(CHAT);
    let voucher = Voucher { account: world.account(), epoch: 0, cumulative: ask.cumulative };
    let signature = sign(&delegate, voucher.signing_hash(&world.chain.domain()));
    let peer = "127.0.0.1".parse().unwrap();
    world.broker.voucher(&encode_voucher(&SignedVoucher { voucher, signature }), peer).await.unwrap();
}

#[tokio::test]
async fn an_id_is_served_once_now_and_later() {
    let world = World::new(ServiceKind::Chatbot).await;
    let ask = world.ask(CHAT);
    let (one, other) = tokio::join!(world.call(&ask), world.call(&ask));
    let served = [one, other].into_iter().filter_map(Result::ok).collect::<Vec<_>>();
    assert_eq!(served.len(), 1);
    for answer in served {
        read(answer).await;
    }
    assert_eq!(refused(&world, &ask).await, ProxyRefusal::Duplicate);
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_service_that_does_not_do_its_part_costs_nothing() {
    let mut world = World::with(ServiceKind::Chatbot, hasty()).await;
    let slow = Plan { delay: Duration::from_secs(60), ..Plan::json("{}") };
    world.upstream.plan(slow);
    assert_eq!(
        refused(&world, &world.ask(CHAT)).await,
        ProxyRefusal::UpstreamTimeout(Duration::from_secs(5))
    );
    let mut silent = Plan { end: End::Silent, ..Plan::json("{\"choices\":") };
    silent.headers.truncate(1);
    world.upstream.plan(silent.clone());
    assert_eq!(
        refused(&world, &world.ask(CHAT)).await,
        ProxyRefusal::UpstreamTimeout(Duration::from_secs(1))
    );
    // The end of the other ones is not to be taken for silence.
    world.settings = settings();
    world.restart().await;
    world.upstream.plan(Plan { end: End::Broken, ..silent });
    assert_eq!(refused(&world, &world.ask(CHAT)).await, ProxyRefusal::UpstreamBroken);

    let nowhere = ServiceInput {
        url: "http://127.0.0.1:1/v1".to_owned(),
        ..world.input("svc", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE)
    };
    let change = world.broker.put_service(nowhere, Wait::Receipt).await.unwrap();
    assert_eq!((change.done, change.operation), (true, None), "the chain need not know the target");
    assert_eq!(refused(&world, &world.ask(CHAT)).await, ProxyRefusal::UpstreamUnreachable);
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

#[tokio::test]
async fn the_number_in_flight_is_limited() {
    let mut settings = settings();
    settings.max_in_flight_per_user = 2;
    let world = World::with(ServiceKind::Chatbot, settings).await;
    world.upstream.plan(Plan { end: End::Silent, ..Plan::events(&["data: 1\n\n".to_owned()]) });
    let first = world.call(&world.ask(CHAT)).await.unwrap();
    let second = world.call(&world.ask(CHAT)).await.unwrap();
    assert_eq!(refused(&world, &world.ask(CHAT)).await, ProxyRefusal::TooManyInFlight { most: 2 });
    drop((first, second));
    world.idle().await;
}
