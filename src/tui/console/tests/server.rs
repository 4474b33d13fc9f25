//! The runner against a small server: what is asked, what is sent, what comes back.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::message::{Effect, Message, Order, Source};
use super::super::runner;
use super::scene;
use crate::client::{Admin, Client, ClientError, Outcome, ServiceDraft, events::News};
use crate::domain::Neuron;
use crate::keys::Secret;
use crate::tasks::Tasks;

type Seen = Arc<Mutex<Vec<(String, Option<String>, Option<String>, Value)>>>;

/// A provider broker's API in a few lines; it notes what it is asked.
async fn server(events: bool) -> (url::Url, Seen, Tasks) {
    let seen = Seen::default();
    let router = Router::new().fallback(answer).with_state((seen.clone(), events));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/behind/", listener.local_addr().unwrap()).parse().unwrap();
    let tasks = Tasks::new();
    tasks.spawn_until_stopped("a test's server", async move {
        axum::serve(listener, router).await.map_err(|error| error.to_string())
    });
    (url, seen, tasks)
}

async fn answer(
    State((seen, events)): State<(Seen, bool)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let call = format!("{method} {uri}");
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    seen.lock().push((call.clone(), header("authorization"), header("idempotency-key"), body));
    let page = |items: Value| json!({"Metadata": {"total": 5}, "Items": items});
    match call.strip_prefix("GET /behind/v1/").or_else(|| call.strip_prefix("POST /behind/v1/")) {
        Some("overview") => axum::Json(scene::overview()).into_response(),
        Some("user?limit=1000") => {
            let mut page = page(json!([scene::user(1, 5, "none")]));
            page["Metadata"]["Next"] = json!("c 1");
            axum::Json(page).into_response()
        }
        Some(second) if second.starts_with("user?") => {
            axum::Json(page(json!([scene::user(2, 6, "none")]))).into_response()
        }
        Some("service?limit=1000") => axum::Json(page(scene::services())).into_response(),
        Some("settle?dryRun=true") => axum::Json(scene::report()).into_response(),
        Some("settle") => (StatusCode::ACCEPTED, axum::Json(scene::settled())).into_response(),
        Some("service") => StatusCode::NO_CONTENT.into_response(),
        Some("events") if events => {
            let text = ": hello\n\nevent: AccountChanged\ndata: {}\n\n";
            ([("content-type", "text/event-stream")], text).into_response()
        }
        Some("sync-service") => {
            let fault = json!({"error": {"code": "busy", "message": "a \u{1b}[2Jcomparison runs", "details": {"field": "x"}}});
            (StatusCode::CONFLICT, axum::Json(fault)).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn next(answers: &mut mpsc::Receiver<Message>) -> Message {
    tokio::time::timeout(Duration::from_secs(10), answers.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn effects_become_calls_and_calls_become_messages() {
    let (url, seen, tasks) = server(true).await;
    let client = Client::new(url, Some(Secret::new("canary".to_owned()))).unwrap();
    let admin = Admin::new(client);
    let (sender, mut answers) = mpsc::channel(8);
    let perform = |effect| runner::perform(effect, &admin, &tasks, &sender);

    perform(Effect::Fetch(Source::Users));
    let Message::Got(Source::Users, Ok(super::super::message::Payload::Users(users))) =
        next(&mut answers).await
    else {
        panic!("users come")
    };
    assert_eq!(users.len(), 2, "both pages");

    perform(Effect::Preview);
    let Message::Previewed(Ok(report), key, _) = next(&mut answers).await else { panic!("a preview comes") };
    assert_eq!(report.expected, Neuron::new(23_400_000));
    perform(Effect::Settle { key: key.clone() });
    let Message::Settled(Ok(Some(report))) = next(&mut answers).await else { panic!("it is settled") };
    assert_eq!(report.paid, Neuron::new(23_400_000));

    let draft = ServiceDraft {
        name: Some("llama7b".parse().unwrap()),
        input_price: Some(Neuron::new(5)),
        headers: Some(vec![("authorization".to_owned(), Secret::new("k".to_owned()))]),
        max_in_flight: Some(Some(8)),
        requests_per_minute: Some(None),
        ..ServiceDraft::default()
    };
    perform(Effect::Do(7, Order::Register { draft: Box::new(draft), key: String::new() }));
    let Message::Ordered(7, Order::Register { key: once, .. }, Ok(Outcome::Done)) = next(&mut answers).await
    else {
        panic!("it is registered")
    };

    perform(Effect::Do(8, Order::Repair));
    let Message::Ordered(8, _, Err(error)) = next(&mut answers).await else { panic!("it is refused") };
    assert_eq!(error.to_string(), "a \u{fffd}[2Jcomparison runs (busy)");
    assert_eq!(error.field(), Some("x"));

    let seen = seen.lock().clone();
    assert!(seen.iter().all(|(_, token, ..)| token.as_deref() == Some("Bearer canary")));
    let find = |call: &str| seen.iter().find(|(other, ..)| other == call).cloned().unwrap();
    assert_eq!(find("POST /behind/v1/settle").2, Some(key));
    assert_eq!(find("POST /behind/v1/settle?dryRun=true").2, None);
    let registered = find("POST /behind/v1/service");
    assert_eq!(registered.2, Some(once));
    assert_eq!(
        registered.3,
        json!({"Name": "llama7b", "inputPrice": "5", "maxInFlight": 8, "requestsPerMinute": null, "upstreamHeaders": {"authorization": "k"}, "replace": false})
    );
    assert_eq!(find("GET /behind/v1/user?limit=1000&cursor=c+1").1.as_deref(), Some("Bearer canary"));
    assert!(!format!("{admin:?}").contains("canary"));
    tasks.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn news_are_followed_until_there_are_none() {
    let (url, _, tasks) = server(true).await;
    let (sender, mut answers) = mpsc::channel(8);
    runner::listen(Client::new(url, None).unwrap(), &tasks, sender);
    for expected in [News::Up, News::Changed("AccountChanged".to_owned()), News::Down, News::Up] {
        let Message::News(news) = next(&mut answers).await else { panic!("news come") };
        assert_eq!(news, expected);
    }
    tasks.stop(Duration::from_secs(5)).await;

    let (url, _, tasks) = server(false).await;
    let (sender, mut answers) = mpsc::channel(8);
    runner::listen(Client::new(url, None).unwrap(), &tasks, sender);
    assert!(matches!(next(&mut answers).await, Message::News(News::Absent)));
    tasks.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_silent_broker_is_told_from_one_that_says_no() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let admin =
        Admin::new(Client::new(format!("http://user:pass@{address}").parse().unwrap(), None).unwrap());
    let error = admin.overview().await.unwrap_err();
    assert!(error.is_silence(), "{error}");
    assert!(!error.to_string().contains("pass"), "{error}");
    let (url, _, tasks) = server(false).await;
    let admin = Admin::new(Client::new(url, None).unwrap());
    let error = admin.requests().await.unwrap_err();
    assert!(matches!(error, ClientError::Status(StatusCode::NOT_FOUND)) && error.is_absent());
    tasks.stop(Duration::from_secs(5)).await;
}
