//! Pauses and limits: refused before anything is asked or held, exact under concurrency, gone when a request is.

use std::num::NonZeroU32;

use super::upstream::{End, Plan, chunk, whole};
use super::*;
use crate::domain::{ServiceLimits, ServiceName};

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":4}"#;

fn svc() -> ServiceName {
    "svc".parse().unwrap()
}

async fn limit(world: &World, in_flight: u32, minute: u32) {
    let limits = ServiceLimits {
        max_in_flight: NonZeroU32::new(in_flight),
        requests_per_minute: NonZeroU32::new(minute),
    };
    let input = ServiceInput {
        limits: Some(limits),
        ..world.input("svc", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE)
    };
    let change = world.broker.put_service(input, Wait::Receipt).await.unwrap();
    assert_eq!((change.operation, change.service.unwrap().limits), (None, limits), "the chain need not know");
}

fn endless(world: &World) {
    world.upstream.plan(Plan { end: End::Silent, ..Plan::events(&[chunk("hi")]) });
}

#[tokio::test]
async fn a_paused_service_takes_nothing_new_and_stays_on_the_chain() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    endless(&world);
    let running = world.call(&world.ask(CHAT)).await.unwrap();
    assert!(world.broker.pause_service(&svc(), true).await.unwrap().paused);
    world.broker.pause_service(&svc(), true).await.unwrap();
    let refusal = world.call(&world.ask(CHAT)).await.unwrap_err();
    assert_eq!((&refusal, refusal.status().as_u16()), (&ProxyRefusal::Paused(svc()), 503));
    let free = Ask { path: "/models".to_owned(), method: Method::GET, body: Bytes::new(), ..world.ask("") };
    let refused = world.broker.proxy(world.plain_call(&free, HeaderMap::new())).await.unwrap_err();
    assert_eq!(refused, ProxyRefusal::Paused(svc()));
    assert_eq!(world.upstream.seen().len(), 1, "only the running one was passed on");
    assert!(world.broker.terms().services[0].paused);
    drop(running);
    assert!(world.idle().await.owed > Neuron::ZERO, "what was running went on and is charged");

    world.restart().await;
    assert!(world.broker.service(&svc()).unwrap().paused, "a restart does not end it");
    assert!(matches!(world.call(&world.ask(CHAT)).await, Err(ProxyRefusal::Paused(_))));
    // Nor does a change, or one that fails.
    world.register("svc", ServiceKind::Chatbot, 7, 7).await;
    world.devnet.set_base_fee(u64::MAX / 2);
    world.devnet.mine(1).unwrap();
    let change = world.input("svc", ServiceKind::Chatbot, 9, 9);
    assert!(world.broker.put_service(change, Wait::Receipt).await.is_err());
    assert!(world.broker.service(&svc()).unwrap().paused);
    let listed = world.chain.service(world.wallet.address(), &svc(), None).await.unwrap();
    assert_eq!(listed.unwrap().prices.input.get(), 7);

    world.broker.pause_service(&svc(), false).await.unwrap();
    world.upstream.plan(Plan::json(&upstream::whole("hello")));
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    let unknown = world.broker.pause_service(&"other".parse().unwrap(), true).await;
    assert!(matches!(unknown, Err(ProviderError::UnknownService(_))));
}

#[tokio::test]
async fn a_service_serves_so_many_of_all_users_at_a_time() {
    let world = World::new(ServiceKind::Chatbot).await;
    let other = world.other_user(2, Neuron::A0GI).await;
    limit(&world, 3, 0).await;
    endless(&world);
    let mut running = Vec::new();
    let mut refused = 0;
    let asks: Vec<Ask> = (0..12).map(|_| world.ask(CHAT)).collect();
    let calls = asks.iter().enumerate().map(|(at, ask)| {
        let wallet = if at % 2 == 0 { &world.user.wallet } else { &other.wallet };
        world.call_as(wallet, ask)
    });
    for answer in futures_util::future::join_all(calls).await {
        match answer {
            Ok(answer) => running.push(answer),
            Err(ProxyRefusal::ServiceFull { most: 3, .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((running.len(), refused, world.upstream.seen().len()), (3, 9, 3));
    let view = world.broker.service(&svc()).unwrap();
    assert_eq!(view.in_flight, 3);
    let users = world.broker.users();
    assert_eq!(users.iter().map(|user| user.in_flight).sum::<usize>(), 3, "a refused one holds nothing");

    // Each way to end gives the place back: the caller leaves, the service fails, the request is not admitted.
    drop(running);
    world.until(|broker| broker.service(&svc()).unwrap().in_flight == 0).await;
    world.upstream.plan(Plan { status: 500, ..Plan::json("{}") });
    for _ in 0..4 {
        read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    }
    for _ in 0..4 {
        let bent = Ask { signed_body: Some(Bytes::from_static(b"{}")), ..world.ask(CHAT) };
        assert_eq!(world.call(&bent).await.unwrap_err(), ProxyRefusal::BodyMismatch);
    }
    let stuck = async {
        let mut call = world.proxy_call(&world.user.wallet, world.wallet.address(), &world.ask(CHAT));
        call.body = Box::pin(futures_util::stream::pending());
        let _ = tokio::time::timeout(Duration::from_millis(50), world.broker.proxy(call)).await;
    };
    stuck.await;
    world.until(|broker| broker.service(&svc()).unwrap().in_flight == 0).await;
    assert_eq!(world.broker.terms().services[0].max_in_flight, NonZeroU32::new(3));
}

#[tokio::test]
async fn a_service_takes_so_many_a_minute_and_a_refused_one_does_not_count() {
    let world = World::new(ServiceKind::Chatbot).await;
    limit(&world, 0, 2).await;
    for _ in 0..5 {
        let bent = Ask { signed_body: Some(Bytes::from_static(b"{}")), ..world.ask(CHAT) };
        assert_eq!(world.call(&bent).await.unwrap_err(), ProxyRefusal::BodyMismatch);
    }
    for _ in 0..2 {
        read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    }
    let refusal = world.call(&world.ask(CHAT)).await.unwrap_err();
    assert!(matches!(refusal, ProxyRefusal::ServiceTooOften { most: 2, .. }), "{refusal}");
    assert_eq!((refusal.status().as_u16(), refusal.code()), (429, "service_busy_now"));
    assert!((1..=30).contains(&refusal.retry_after().unwrap()));
    let idle = world.idle().await;
    assert_eq!((idle.reserved, idle.in_flight), (Neuron::ZERO, 0));
    // Taken away, it limits nothing.
    limit(&world, 0, 0).await;
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
}

#[tokio::test]
async fn a_user_may_ask_so_often_a_minute_and_nobody_else_can_use_it_up() {
    let settings = ProviderSettings { requests_per_minute_per_user: 3, ..settings() };
    let world = World::with(ServiceKind::Chatbot, settings).await;
    let other = world.other_user(2, Neuron::A0GI).await;
    // Somebody else's signature under this user's name counts for nobody.
    for _ in 0..9 {
        let mut call = world.proxy_call(&other.wallet, world.wallet.address(), &world.ask(CHAT));
        let own = world.proxy_call(&world.user.wallet, world.wallet.address(), &world.ask(CHAT));
        call.headers.insert(VOUCHER_HEADER, own.headers[VOUCHER_HEADER].clone());
        assert!(world.broker.proxy(call).await.is_err());
    }
    for _ in 0..3 {
        read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    }
    let refusal = world.call(&world.ask(CHAT)).await.unwrap_err();
    assert!(matches!(refusal, ProxyRefusal::UserTooOften { most: 3, .. }), "{refusal}");
    assert_eq!((refusal.code(), refusal.retry_after().is_some()), ("too_often", true));
    read(world.call_as(&other.wallet, &world.ask(CHAT)).await.unwrap()).await;
    let terms = world.broker.terms();
    assert_eq!((terms.requests_per_minute_per_user, terms.max_in_flight_per_user), (Some(3), Some(64)));
}

/// A broker that looks at its services once, and at whatever is new.
async fn watched() -> World {
    let mut settings = settings();
    settings.upstream.health_interval = 3_600;
    World::with(ServiceKind::Chatbot, settings).await
}

async fn becomes(world: &World, state: UpstreamState) -> UpstreamHealth {
    world.until(|broker| broker.service(&svc()).unwrap().health.state == state).await;
    world.broker.service(&svc()).unwrap().health
}

#[tokio::test]
async fn a_new_service_is_looked_at_at_once_with_its_headers_and_for_free() {
    let world = watched().await;
    let mut events = world.broker.events();
    let health = becomes(&world, UpstreamState::Ok).await;
    assert!(health.latency.is_some() && health.since.is_some() && health.reason.is_none());
    let seen = world.upstream.seen();
    assert_eq!((seen[0].method.clone(), seen[0].uri.as_str()), (Method::GET, "/v1/models"));
    assert_eq!(seen[0].headers["authorization"], "Bearer upstream-key");

    // Another key is looked at again, though it is paused; the service refuses it.
    world.broker.pause_service(&svc(), true).await.unwrap();
    world.upstream.plan(Plan { status: 401, ..Plan::json("upstream-key-2 is wrong") });
    let headers = vec![("authorization".to_owned(), Secret::new("Bearer upstream-key-2".to_owned()))];
    let input = ServiceInput {
        upstream_headers: Some(headers),
        ..world.input("svc", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE)
    };
    world.broker.put_service(input, Wait::Receipt).await.unwrap();
    let health = becomes(&world, UpstreamState::Failing).await;
    let reason = health.reason.unwrap();
    assert!(reason.contains("refuses the key") && !reason.contains("upstream-key"), "{reason}");
    let told = std::iter::from_fn(|| events.try_recv().ok())
        .filter(|event| matches!(event, Event::UpstreamChanged { .. }))
        .count();
    assert!((1..=2).contains(&told), "changes are told, and nothing else");
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

#[tokio::test]
async fn requests_tell_how_a_service_does() {
    let world = World::new(ServiceKind::Chatbot).await;
    assert_eq!(world.broker.service(&svc()).unwrap().health, UpstreamHealth::default());
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    becomes(&world, UpstreamState::Ok).await;
    // An error may be the request's own fault.
    world.upstream.plan(Plan { status: 400, ..Plan::json("{}") });
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    becomes(&world, UpstreamState::Ok).await;
    let nowhere = ServiceInput {
        url: "http://127.0.0.1:1/secret-path".to_owned(),
        ..world.input("svc", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE)
    };
    world.broker.put_service(nowhere, Wait::Receipt).await.unwrap();
    becomes(&world, UpstreamState::Unknown).await;
    assert_eq!(world.call(&world.ask(CHAT)).await.unwrap_err(), ProxyRefusal::UpstreamUnreachable);
    let reason = becomes(&world, UpstreamState::Failing).await.reason.unwrap();
    assert!(reason.contains("cannot be reached") && !reason.contains("secret-path"), "{reason}");
}

/// An answer whose fee is booked and that is lost with the process before it was delivered is a loss that the provider
/// bears until the user pays for it; it is one of those that the credit limit bounds.
#[tokio::test]
async fn what_is_booked_and_never_delivered_stays_within_the_credit_limit() {
    const CREDIT: u128 = 30_000;
    const LONG: &str = "a rather long answer of many words of which nobody will ever read a single one";
    let settings = ProviderSettings { credit_limit: Neuron::new(CREDIT), ..settings() };
    let mut world = World::with(ServiceKind::Chatbot, settings).await;
    world.upstream.plan(Plan::json(&whole(LONG)));
    let ask = |world: &World, cumulative: u128| {
        let body = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":40}"#;
        Ask { max_fee: Neuron::new(10_000), cumulative: Neuron::new(cumulative), ..world.ask(body) }
    };
    let mut served = 0;
    loop {
        let refused = match world.call(&ask(&world, 1)).await {
            Ok(answer) => {
                drop(answer);
                served += 1;
                None
            }
            Err(refusal) => Some(refusal),
        };
        let user = world.idle().await;
        assert!(user.owed.above(user.voucher).get() <= CREDIT, "{user:?}");
        // As much is owed after the next start.
        world.restart().await;
        assert_eq!(world.idle().await.owed, user.owed);
        if let Some(refusal) = refused {
            assert!(matches!(refusal, ProxyRefusal::VoucherNeeded(_)), "{refusal}");
            break;
        }
        assert!(served < 50, "no end of it");
    }
    assert!(served > 1);
    // Whoever pays for what was booked is served again.
    let owed = world.idle().await.owed.get();
    read(world.call(&ask(&world, owed + 10_000)).await.unwrap()).await;
}
