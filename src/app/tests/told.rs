//! The documents held against the program: each route takes what its tables allow and refuses what they do not, and
//! answers what its document says.

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};

use super::{demo, stop};
use crate::http::{self, Edges, Field, Kind, Presence, RouteDoc, fits};

/// A service that there is, but that nobody calls meanwhile.
const SPARE: &str = "spare";

struct Told {
    client: Client,
    base: String,
    provider: String,
    user: String,
    request: String,
    operation: String,
}

impl Told {
    fn path(&self, route: &RouteDoc) -> String {
        let id = if route.path.contains("/operation/") { &self.operation } else { &self.request };
        let path = route.path.replace("{provider}", &self.provider).replace("{user}", &self.user);
        let path = path.replace("{service}", SPARE).replace("{*model}", "eliza");
        format!("{}{}", self.base, path.replace("{id}", id))
    }

    /// Calls a route; gives the status and what was answered.
    async fn call(&self, route: &RouteDoc, query: &[(&str, &str)], body: Option<&Value>) -> (u16, Value) {
        let method: Method = route.method.parse().unwrap();
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let url = format!("{}?{query}", self.path(route));
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// Feeds each field of a route the edges of its kind.
    async fn feed(&self, route: &RouteDoc) -> usize {
        let needed = route.body.iter().filter(|field| field.is_required());
        let base: Map<String, Value> = needed.map(|field| (field.name.to_owned(), sample(field))).collect();
        let base = (!route.body.is_empty()).then(|| Value::from(base));
        let mut fed = 0;
        for field in route.query {
            for (value, taken) in edges(field) {
                let text = match value {
                    Value::String(text) => text,
                    Value::Number(_) | Value::Bool(_) if taken && !value.is_f64() => value.to_string(),
                    _ => continue,
                };
                let got = self.call(route, &[(field.name, &text)], base.as_ref()).await;
                judge(route, field, &text.into(), taken, &got);
                fed += 1;
            }
        }
        for field in route.body {
            for (value, taken) in edges(field) {
                // A service cannot be renamed, and a chatbot is not metered by bytes.
                if taken && (field.presence == Presence::Untold || value == "bytes") {
                    continue;
                }
                let mut body = base.clone().unwrap();
                body[field.name] = value.clone();
                if field.name == "amount" && route.path.ends_with("/charge") {
                    body.as_object_mut().unwrap().shift_remove("balance");
                }
                let got = self.call(route, &[], Some(&body)).await;
                judge(route, field, &value, taken, &got);
                fed += 1;
            }
        }
        fed
    }
}

fn edges(field: &Field) -> impl Iterator<Item = (Value, bool)> {
    let (taken, refused) = Edges::of(field.kind);
    taken.into_iter().map(|value| (value, true)).chain(refused.into_iter().map(|value| (value, false)))
}

/// A value that does no harm.
fn sample(field: &Field) -> Value {
    match field.kind {
        Kind::Name => json!(SPARE),
        Kind::Url => json!("http://127.0.0.1:9/"),
        kind => Edges::of(kind).0.into_iter().next().unwrap_or_default(),
    }
}

fn judge(route: &RouteDoc, field: &Field, value: &Value, taken: bool, (status, answer): &(u16, Value)) {
    let named = answer["error"]["details"]["field"].as_str();
    let refused = *status == 400 && named.is_some_and(|named| named.eq_ignore_ascii_case(field.name));
    assert_eq!(
        refused, !taken,
        "{} {}: {} = {value} answers {status} {answer}",
        route.method, route.path, field.name
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_take_and_answer_what_the_documents_tell() {
    let (demo, client) = demo().await;
    let (user, provider) = (demo.addresses.user, demo.addresses.provider);
    let [user, provider] = [user, provider].map(|at| format!("http://{at}"));
    let get = async |url: String| -> Value { client.get(url).send().await.unwrap().json().await.unwrap() };
    let post = async |url: String, body: Value| client.post(url).json(&body).send().await.unwrap().status();
    let terms = get(format!("{provider}/v1/terms")).await;
    let seller = terms["Provider"].as_str().unwrap().to_owned();
    let spare = json!({"Name": SPARE, "Type": "chatbot", "URL": "http://127.0.0.1:9/", "inputPrice": 1, "outputPrice": 1});
    assert_eq!(post(format!("{provider}/v1/service"), spare).await, 204);
    let account = json!({"provider": seller, "balance": "1000000000"});
    assert_eq!(post(format!("{user}/v1/provider"), account).await, 204);
    let chat = json!({"model": "eliza", "messages": [{"role": "user", "content": "Say this is a test!"}]});
    assert_eq!(post(format!("{user}/v1/chat/completions"), chat).await, 200);
    let refund = json!({"amount": "1000"});
    assert_eq!(post(format!("{user}/v1/provider/{seller}/refund"), refund).await, 202);

    let tables = [
        (&user, http::user::routes(), http::user::openapi()),
        (&provider, http::provider::routes(), http::provider::openapi()),
    ];
    for (base, routes, document) in tables {
        let first = async |list: &str, key: &str| {
            get(format!("{base}/v1/{list}")).await["Items"][0][key].as_str().unwrap().to_owned()
        };
        let told = Told {
            client: client.clone(),
            base: base.clone(),
            provider: seller.clone(),
            user: get(format!("{user}/health")).await["User"].as_str().unwrap().to_owned(),
            request: first("request", "RequestID").await,
            operation: first("operation", "OperationID").await,
        };
        // What is answered, before things are changed.
        let mut read = 0;
        for route in routes.iter().filter(|route| route.method == "GET") {
            let operation = &document["paths"][route.path.replace("{*", "{")]["get"];
            let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            if schema.is_object() {
                let file = route.query.iter().any(|field| field.name == "format");
                let query: &[_] = if file { &[("format", "json")] } else { &[] };
                let (status, answer) = told.call(route, query, None).await;
                assert_eq!(status, 200, "{} {answer}", route.path);
                fits(schema, &answer, &document).unwrap_or_else(|why| panic!("{}: {why}", route.path));
                read += 1;
            }
        }
        assert!(read >= 11, "{read}");
        let mut fed = 0;
        for route in routes.iter().filter(|route| !route.passes_on) {
            fed += told.feed(route).await;
        }
        assert!(fed > 100, "{fed}");
    }
    stop(demo).await;
}
