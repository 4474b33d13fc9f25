//! Idempotency keys of the owner's API: an order given twice under one key is carried out once.

use axum::body::{Body, to_bytes};
use http::{Request, header};
use tower::Service;

use super::*;
use crate::http::Guard;
use crate::http::provider::router;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":4}"#;

async fn post(world: &World, path: &str, key: Option<&str>, body: &str) -> (StatusCode, HeaderMap, String) {
    let address = "127.0.0.1:3080".parse().unwrap();
    let mut router = router(
        world.broker.clone(),
        Guard::new(address, &[], None),
        world.tasks.clone(),
        crate::http::Explorer::default(),
    );
    let mut request = Request::post(path).header(header::HOST, "127.0.0.1:3080");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let response = router.call(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn operations(world: &World) -> usize {
    let page = world.broker.operations(OperationFilter::default(), PageOf::first(100)).await.unwrap();
    page.items.len()
}

#[tokio::test]
async fn a_settlement_with_a_key_is_done_once() {
    let world = World::new(ServiceKind::Chatbot).await;
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    world.idle().await;
    let first = post(&world, "/v1/settle", Some("k"), "").await;
    assert_eq!(first.0, StatusCode::ACCEPTED);
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    let owed = world.idle().await;
    let (before, again) = (operations(&world).await, post(&world, "/v1/settle", Some("k"), "").await);
    assert_eq!((again.0, &again.2), (first.0, &first.2), "the same answer");
    assert_eq!(operations(&world).await, before);
    assert_eq!(world.broker.user(world.user.address()).unwrap().unsettled, owed.unsettled);
    let other = post(&world, "/v1/settle?wait=false", Some("k"), "").await;
    assert_eq!(other.0, StatusCode::CONFLICT);
    assert!(other.2.contains("idempotency_key_reused"), "{}", other.2);
    assert_eq!(post(&world, "/v1/settle", Some("l"), "").await.0, StatusCode::ACCEPTED);
    assert_eq!(operations(&world).await, before + 1);
    assert_eq!(post(&world, "/v1/settle", Some(""), "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_service_with_a_key_is_registered_once_and_a_mistake_gives_the_key_back() {
    let world = World::new(ServiceKind::Chatbot).await;
    let service = |price: &str| {
        format!(
            "{{\"name\":\"other\",\"type\":\"chatbot\",\"URL\":\"http://127.0.0.1:1\",\"inputPrice\":\"{price}\",\
             \"outputPrice\":\"2\",\"upstreamHeaders\":{{\"authorization\":\"Bearer canary\"}}}}"
        )
    };
    let dear = service(&(1u128 << 100).to_string());
    assert_eq!(post(&world, "/v1/service", Some("k"), &dear).await.0, StatusCode::BAD_REQUEST);
    let first = post(&world, "/v1/service", Some("k"), &service("1")).await;
    assert_eq!(first.0, StatusCode::NO_CONTENT, "{}", first.2);
    assert!(world.broker.service(&"other".parse().unwrap()).is_some());
    let (before, version) = (operations(&world).await, world.version("other"));
    let again = post(&world, "/v1/service", Some("k"), &service("1")).await;
    assert_eq!((again.0, again.1.get("zg-operation-id")), (first.0, first.1.get("zg-operation-id")));
    assert_eq!((operations(&world).await, world.version("other")), (before, version));
    assert_eq!(post(&world, "/v1/service", Some("k"), &service("3")).await.0, StatusCode::CONFLICT);
    assert_eq!(world.version("other"), version);
}
