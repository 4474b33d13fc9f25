//! Orders whose transaction is not in a block in time: what the API says of them, and what commands say of that.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{demo, stop};
use crate::app::act::order;
use crate::app::api::Api;
use crate::app::demo::Demo;
use crate::app::offered;
use crate::cli::{Exit, Global, Json, OwnServiceCommand};
use crate::http::provider::{Waits, router_that_waits};
use crate::http::{Bound, Explorer, Guard, Limits, Server};
use crate::tasks::Tasks;

const LONG: Duration = Duration::from_secs(3_600);

/// The demo's provider once more, with another patience.
struct Late {
    client: Client,
    base: String,
    global: Global,
    tasks: Tasks,
    server: Server,
}

impl Late {
    async fn new(demo: &Demo, client: &Client, waits: Waits) -> Late {
        let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), "an impatient one").await.unwrap();
        let (tasks, base) = (Tasks::new(), format!("http://{}", bound.address()));
        let guard = Guard::new(bound.address(), &[], None);
        let broker = demo.provider.broker.clone();
        let router = router_that_waits(broker, guard, tasks.clone(), Explorer::default(), waits);
        let server = bound.serve(router, Limits::default(), tasks.child());
        let global = Global { url: Some(base.parse().unwrap()), ..Global::default() };
        Late { client: client.clone(), base, global, tasks, server }
    }

    /// Status, the operation in the head, and the body.
    async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> (u16, String, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let id = response.headers().get("zg-operation-id").map(|id| id.to_str().unwrap().to_owned());
        (response.status().as_u16(), id.unwrap_or_default(), response.json().await.unwrap_or_default())
    }

    async fn command(&self, method: Method, path: &str, body: Option<Value>) -> Exit {
        let api = Api::provider(&self.global).await.unwrap();
        order(&api, method, path, body, "it is done").await.unwrap()
    }

    async fn sync(&self) -> Exit {
        offered::run(OwnServiceCommand::Sync(Json::default()), &self.global).await.unwrap()
    }

    async fn stop(self) {
        self.server.stop(Duration::from_secs(5)).await;
        self.tasks.stop(Duration::from_secs(5)).await;
    }
}

fn service(name: &str) -> Value {
    json!({"Name": name, "Type": "chatbot", "URL": "http://127.0.0.1:9/", "inputPrice": 1, "outputPrice": 1})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_a_block_in_time_is_sent_and_not_done() {
    let (demo, client) = demo().await;
    let late = Late::new(&demo, &client, Waits { block: Duration::ZERO, answer: LONG }).await;
    demo.devnet.set_automine(false);

    let first = late.call(Method::POST, "/v1/service", Some("k"), &service("one")).await;
    assert_eq!((first.0, &first.2["State"]), (202, &json!("sent")), "{first:?}");
    assert_eq!((first.1.len(), &first.2["OperationID"]), (32, &json!(first.1)));
    let (_, _, seen) =
        late.call(Method::GET, &format!("/v1/operation/{}", first.1), None, &Value::Null).await;
    assert_eq!((&seen["Kind"], &seen["State"]), (&json!("put_service"), &json!("sent")));
    let again = late.call(Method::POST, "/v1/service", Some("k"), &service("one")).await;
    assert_eq!(again, first, "under its key it is that order");

    let change = late.call(Method::PUT, "/v1/service/storage", None, &json!({"inputPrice": 7})).await;
    assert_eq!((change.0, change.1.len(), &change.2["State"]), (202, 32, &json!("sent")), "{change:?}");
    assert_eq!(late.command(Method::POST, "/v1/service", Some(service("two"))).await, Exit::Unknown);
    assert_eq!(late.command(Method::DELETE, "/v1/service/eliza", None).await, Exit::Unknown);
    assert_eq!(late.sync().await, Exit::Unknown, "all of them are pending");

    // Nobody waits any longer, and all of it arrives.
    demo.devnet.set_automine(true);
    demo.devnet.mine(1).unwrap();
    loop {
        let (_, _, list) = late.call(Method::GET, "/v1/service", None, &Value::Null).await;
        let items = list["Items"].as_array().unwrap();
        let named = |name: &str| items.iter().find(|item| item["Name"] == name);
        let listed = |name: &str| named(name).is_some_and(|item| item["Status"] == "listed");
        let changed = named("storage").is_some_and(|item| item["InputPrice"] == "7");
        if listed("one") && listed("two") && listed("storage") && changed && named("eliza").is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    late.stop().await;
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_in_time_is_not_told_as_done() {
    let (demo, client) = demo().await;
    let late = Late::new(&demo, &client, Waits { block: LONG, answer: Duration::ZERO }).await;
    demo.devnet.set_automine(false);
    let unknown = json!({"OperationID": null, "State": "unknown"});
    let first = late.call(Method::POST, "/v1/service", Some("k"), &service("one")).await;
    assert_eq!(first, (202, String::new(), unknown.clone()));
    let again = late.call(Method::POST, "/v1/service", Some("k"), &service("one")).await;
    assert_eq!((again.0, &again.2["error"]["code"]), (409, &json!("unanswered")));
    let change = late.call(Method::PUT, "/v1/service/storage", None, &json!({"inputPrice": 7})).await;
    assert_eq!((change.0, change.2), (202, unknown));
    assert_eq!(late.command(Method::POST, "/v1/service", Some(service("two"))).await, Exit::Unknown);
    assert_eq!(late.command(Method::DELETE, "/v1/service/eliza", None).await, Exit::Unknown);
    assert_eq!(late.sync().await, Exit::Unknown);

    // The key keeps the answer of the order itself, once there is one.
    demo.devnet.set_automine(true);
    demo.devnet.mine(1).unwrap();
    loop {
        let again = late.call(Method::POST, "/v1/service", Some("k"), &service("one")).await;
        if again.0 == 204 {
            assert_eq!(again.1.len(), 32);
            break;
        }
        assert_eq!((again.0, &again.2["error"]["code"]), (409, &json!("unanswered")));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    late.stop().await;
    stop(demo).await;
}
