//! Services: store and chain agree, whatever happens.

use super::*;
use crate::domain::ServiceName;
use crate::store::provider::ServiceStatus as Stored;

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_service_is_listed_under_the_public_url_and_its_target_stays_private() {
    let world = World::new(ServiceKind::Chatbot).await;
    let listed = world.chain.service(world.wallet.address(), &name("svc"), None).await.unwrap().unwrap();
    assert_eq!(listed.url, world.settings.serving_url);
    assert_eq!((listed.prices.input.get(), listed.model.as_str()), (INPUT_PRICE, "test-model"));
    let view = world.broker.service(&name("svc")).unwrap();
    assert_eq!((view.version, view.status), (Some(listed.version), ServiceStatus::Listed));
    assert_eq!(view.target, world.upstream.url());
    assert_eq!(view.header_names, ["authorization"]);
    let shown = format!("{view:?} {:?} {:?}", world.broker.snapshot(), world.broker);
    assert!(!shown.contains("upstream-key"));
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_by_field() {
    let world = World::new(ServiceKind::Chatbot).await;
    let good = || world.input("new", ServiceKind::Chatbot, 1, 1);
    let field = |input: ServiceInput| async {
        match world.broker.put_service(input, Wait::Receipt).await {
            Err(ProviderError::BadInput { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(field(ServiceInput { name: "a/b".to_owned(), ..good() }).await, "Name");
    assert_eq!(field(ServiceInput { url: "ftp://x".to_owned(), ..good() }).await, "URL");
    assert_eq!(field(ServiceInput { url: "http://me:pw@x/".to_owned(), ..good() }).await, "URL");
    assert_eq!(field(ServiceInput { model: "m".repeat(129), ..good() }).await, "model");
    let meter = Some(crate::wire::terms::MeterName::Bytes);
    assert_eq!(field(ServiceInput { meter, ..good() }).await, "meter");
    let prices = Prices { input: Neuron::MAX, output: Neuron::ZERO };
    assert_eq!(field(ServiceInput { prices, ..good() }).await, "inputPrice");
    let headers = Some(vec![("x\n".to_owned(), Secret::new("v".to_owned()))]);
    assert_eq!(field(ServiceInput { upstream_headers: headers, ..good() }).await, "upstreamHeaders");
    assert!(world.broker.service(&name("new")).is_none());
    let unknown = world.broker.update_service(good(), Wait::Receipt).await;
    assert!(matches!(unknown, Err(ProviderError::UnknownService(_))));
}

#[tokio::test]
async fn a_new_price_leaves_the_old_one_good_for_a_while() {
    let world = World::new(ServiceKind::Chatbot).await;
    let old = world.ask(r#"{"messages":[]}"#);
    world.register("svc", ServiceKind::Chatbot, 1, 2).await;
    assert!(world.version("svc") > old.version);
    let (receipt, _) = read(world.call(&old).await.unwrap()).await.receipt();
    assert_eq!(receipt.receipt.fee.output.get(), u128::from(receipt.receipt.output.0) * OUTPUT_PRICE);
    let new = world.ask(r#"{"messages":[]}"#);
    let (receipt, _) = read(world.call(&new).await.unwrap()).await.receipt();
    assert_eq!(receipt.receipt.fee.output.get(), u128::from(receipt.receipt.output.0) * 2);
}

#[tokio::test]
async fn the_grace_of_a_price_outlives_a_restart() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    let old = world.ask(r#"{"messages":[]}"#);
    world.register("svc", ServiceKind::Chatbot, 1, 2).await;
    world.restart().await;
    let (receipt, _) = read(world.call(&old).await.unwrap()).await.receipt();
    assert_eq!(receipt.receipt.fee.output.get(), u128::from(receipt.receipt.output.0) * OUTPUT_PRICE);
    // Without a grace there is none after a restart either.
    world.settings.price_grace = 0;
    world.restart().await;
    let old = Ask { id: RequestId::random(), ..old };
    assert!(matches!(world.call(&old).await, Err(ProxyRefusal::PriceChanged { .. })));
}

#[tokio::test]
async fn a_deleted_service_is_gone_from_chain_and_store() {
    let world = World::new(ServiceKind::Chatbot).await;
    let ask = world.ask("{}");
    let change = world.broker.delete_service(&name("svc"), Wait::Receipt).await.unwrap();
    assert_eq!((change.done, change.service), (true, None));
    assert!(world.chain.service(world.wallet.address(), &name("svc"), None).await.unwrap().is_none());
    assert!(world.store.services().await.unwrap().is_empty());
    assert!(matches!(world.call(&ask).await, Err(ProxyRefusal::UnknownService(_))));
    let again = world.broker.delete_service(&name("svc"), Wait::Receipt).await;
    assert!(matches!(again, Err(ProviderError::UnknownService(_))));
    let operation = world.broker.operation(change.operation.unwrap()).await.unwrap();
    assert_eq!(operation.state, crate::domain::OperationState::Mined);
}

#[tokio::test]
async fn a_crash_between_store_and_chain_is_repaired_at_the_start() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    // Written down, never sent; and listed, with other prices than wanted.
    let row = world.store.service(name("svc")).await.unwrap().unwrap();
    let mut lost = row.clone();
    (lost.name, lost.status, lost.version) = (name("lost"), Stored::Pending, None);
    world.store.put_service(lost).await.unwrap();
    let mut changed = row;
    (changed.prices.input, changed.status) = (Neuron::new(7), Stored::Pending);
    world.store.put_service(changed).await.unwrap();
    world.restart().await;
    world
        .until(|broker| {
            let done = |service: &ServiceView| service.status == ServiceStatus::Listed;
            broker.services().len() == 2 && broker.services().iter().all(done)
        })
        .await;
    let listed = world.chain.services_of(world.wallet.address(), None).await.unwrap().services;
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().any(|service| service.name == name("svc") && service.prices.input.get() == 7));
}

#[tokio::test]
async fn another_public_url_is_put_on_the_chain_and_strangers_entries_are_left_alone() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    let call = Call::PutService {
        name: name("elsewhere"),
        kind: ServiceKind::Chatbot,
        url: "http://other".to_owned(),
        model: String::new(),
        prices: Prices::default(),
    };
    let id = crate::domain::OperationId::random();
    let new = crate::store::NewOperation {
        id,
        kind: crate::domain::OperationKind::PutService,
        params: serde_json::json!({}),
        idempotency_key: None,
        at: Timestamp::now(),
    };
    world.store.operations().begin(new).await.unwrap();
    world.sender.submit(id, call).await.unwrap().wait().await;
    world.settings.serving_url = "http://127.0.0.1:4000".to_owned();
    world.restart().await;
    let provider = world.wallet.address();
    for _ in 0..6_000 {
        let listed = world.chain.service(provider, &name("svc"), None).await.unwrap().unwrap();
        if listed.url == "http://127.0.0.1:4000" {
            let sync = world.broker.sync_services(Wait::Receipt).await.unwrap();
            assert_eq!(
                sync.unknown.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(),
                ["elsewhere"]
            );
            assert!(world.chain.service(provider, &name("elsewhere"), None).await.unwrap().is_some());
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the new URL never reached the chain");
}

#[tokio::test]
async fn a_change_that_cannot_be_sent_changes_nothing() {
    let world = World::new(ServiceKind::Chatbot).await;
    // Gas at a price above the sender's limit.
    world.devnet.set_base_fee(u64::MAX / 2);
    world.devnet.mine(1).unwrap();
    let before = world.broker.service(&name("svc")).unwrap();
    let change =
        world.broker.put_service(world.input("svc", ServiceKind::Chatbot, 9, 9), Wait::Receipt).await;
    assert!(matches!(change, Err(ProviderError::NotSent(_))), "{change:?}");
    assert_eq!(world.broker.service(&name("svc")).unwrap(), before);
    let change =
        world.broker.put_service(world.input("new", ServiceKind::Chatbot, 9, 9), Wait::Receipt).await;
    assert!(change.is_err());
    assert!(world.broker.service(&name("new")).is_none());
}

#[tokio::test]
async fn a_name_that_is_taken_is_replaced_only_where_that_is_meant() {
    let world = World::new(ServiceKind::Chatbot).await;
    let input = |price| world.input("svc", ServiceKind::Chatbot, price, price);
    let refused = world.broker.register_service(input(1), NameTaken::Refused, Wait::Receipt).await;
    assert!(matches!(refused, Err(ProviderError::ServiceExists(_))), "{refused:?}");
    assert_eq!(world.broker.service(&name("svc")).unwrap().prices.input.get(), INPUT_PRICE);
    let new = ServiceInput { name: "new".to_owned(), ..input(1) };
    assert!(world.broker.register_service(new, NameTaken::Refused, Wait::Receipt).await.unwrap().done);
    assert!(world.broker.put_service(input(1), Wait::Receipt).await.unwrap().done);
    assert_eq!(world.broker.service(&name("svc")).unwrap().prices.input.get(), 1);
    // Units of another kind under the same name.
    let other = world.input("svc", ServiceKind::ZgStorage, 1, 1);
    for refused in [
        world.broker.put_service(other.clone(), Wait::Receipt).await,
        world.broker.update_service(other, Wait::Receipt).await,
    ] {
        assert!(matches!(refused, Err(ProviderError::OtherType { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn an_api_key_goes_to_no_other_server_than_the_one_it_was_given_for() {
    let world = World::new(ServiceKind::Chatbot).await;
    let input = |url: String, upstream_headers| ServiceInput {
        url,
        upstream_headers,
        ..world.input("svc", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE)
    };
    let elsewhere = || "http://127.0.0.2:9/v1".to_owned();
    for refused in [
        world.broker.put_service(input(elsewhere(), None), Wait::Receipt).await,
        world.broker.update_service(input(elsewhere(), None), Wait::Receipt).await,
    ] {
        assert!(
            matches!(refused, Err(ProviderError::BadInput { field: "upstreamHeaders", .. })),
            "{refused:?}"
        );
    }
    assert_eq!(world.broker.service(&name("svc")).unwrap().target, world.upstream.url());
    // Another path of the same server has them.
    let beside = format!("{}/beside", world.upstream.url());
    assert!(world.broker.put_service(input(beside, None), Wait::Receipt).await.unwrap().done);
    assert_eq!(world.broker.service(&name("svc")).unwrap().header_names, ["authorization"]);
    assert!(
        world.broker.put_service(input(elsewhere(), Some(Vec::new())), Wait::Receipt).await.unwrap().done
    );
    assert!(world.broker.service(&name("svc")).unwrap().header_names.is_empty());
}
