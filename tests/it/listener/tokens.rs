//! S4 and S5: where there is a token every route asks for it, and the public listener has no route of an owner.

use http::Method;
use zgserve_tui::http::{self as faces, Access, Bound, Explorer, Guard, Limits, RouteDoc};

use super::super::world::{Client, Got, World, finish};
use super::{everything, lived_in};

const TOKEN: &str = "0123456789abcdef-of-a-test";

fn methods(route: &RouteDoc) -> Vec<Method> {
    match route.method {
        "ANY" => vec![Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE],
        "GET" => vec![Method::GET, Method::HEAD],
        one => vec![one.parse().unwrap()],
    }
}

fn filled(world: &World, path: &str) -> String {
    path.replace("{provider}", &world.provider_address().to_string())
        .replace("{user}", &world.user_address().to_string())
        .replace("{service}", "llama7b")
        .replace("{*suffix}", "chat/completions")
        .replace("{id}", &"0".repeat(32))
}

/// Second listeners of the same brokers, which ask for the token.
async fn guarded(world: &World) -> [Client; 2] {
    let mut clients = Vec::new();
    for role in ["user", "provider"] {
        let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), role).await.unwrap();
        let address = bound.address();
        let guard = Guard::new(address, &[], Some(TOKEN));
        let tasks = world.tasks.child();
        let router = match role {
            "user" => faces::user::router(world.user().clone(), guard, tasks.token(), Explorer::default()),
            _ => faces::provider::router(
                world.provider().clone(),
                guard,
                world.tasks.clone(),
                Explorer::default(),
            ),
        };
        bound.serve(router, Limits::default(), tasks);
        clients.push(Client::new(format!("http://{address}")));
    }
    clients.try_into().unwrap()
}

async fn ask(client: &Client, method: &Method, path: &str, headers: &[(&str, &str)]) -> Got {
    let mut request = client.request(method.clone(), path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    finish(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_for_the_token() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let [user, provider] = guarded(&world).await;
    let tables = [(&user, faces::user::routes()), (&provider, faces::provider::routes())];
    let right = format!("Bearer {TOKEN}");
    let longer = format!("Bearer {TOKEN}x");
    let shorter = format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]);
    let wrong: [&[(&str, &str)]; 12] = [
        &[],
        &[("authorization", "")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer ")],
        &[("authorization", &longer)],
        &[("authorization", &shorter)],
        &[("authorization", TOKEN)],
        &[("authorization", "Basic MDEyMzQ1Njc4OWFiY2RlZi1vZi1hLXRlc3Q=")],
        &[("authorization", "Bearer wrong"), ("authorization", &right)],
        &[("proxy-authorization", &right)],
        &[("cookie", "token=0123456789abcdef-of-a-test; authorization=0123456789abcdef-of-a-test")],
        &[("x-api-key", TOKEN), ("api-key", TOKEN), ("x-token", TOKEN)],
    ];
    let mut asked = 0;
    for (client, routes) in &tables {
        for route in routes {
            let path = filled(&world, route.path);
            for method in methods(route) {
                // A token in an address would be in logs and histories, so it counts nowhere.
                let in_query = format!("{path}?token={TOKEN}&access_token={TOKEN}&api_key={TOKEN}");
                for (path, headers) in
                    wrong.iter().map(|headers| (&path, *headers)).chain([(&in_query, &[][..])])
                {
                    let got = ask(client, &method, path, headers).await;
                    let owner = route.access == Access::Owner;
                    assert_eq!(
                        got.status == 401,
                        owner || (got.status == 401 && route.path.contains("proxy")),
                        "{method} {path} {headers:?}: {got:?}"
                    );
                    if owner {
                        assert_eq!(got.header("www-authenticate"), Some("Bearer"));
                        assert!(!got.text().contains(TOKEN));
                        if method != Method::HEAD {
                            got.refused(401, "token_required", "Authorization: Bearer");
                        }
                    }
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
    assert_eq!(everything(&world).await, before, "nothing was done without it");
    // With the right one every read answers, and an OpenAI client's API key is one.
    for (client, routes) in &tables {
        for route in routes.iter().filter(|route| route.method == "GET" && !route.path.ends_with("/events")) {
            for right in [right.as_str(), &right.replace("Bearer", "bearer")] {
                let got =
                    ask(client, &Method::GET, &filled(&world, route.path), &[("authorization", right)]).await;
                assert!(got.status != 401 && got.status < 500, "{}: {got:?}", route.path);
            }
        }
    }
    let chat = r#"{"model": "llama7b", "messages": [{"role": "user", "content": "Say this is a test!"}]}"#;
    let request =
        user.request(Method::POST, "/v1/chat/completions").header("content-type", "application/json");
    finish(request.bearer_auth(TOKEN).body(chat)).await.is(200);
    let arrived = world.upstream.arrived();
    assert!(!format!("{:?}", arrived.last().unwrap()).contains(TOKEN), "it goes no further");
    // The token does not open what host and origin close.
    for (name, value) in
        [("host", "evil.example"), ("origin", "https://evil.example"), ("sec-fetch-site", "same-site")]
    {
        let got = ask(&user, &Method::GET, "/v1/provider", &[("authorization", &right), (name, value)]).await;
        assert_eq!(got.status, 403, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_listener_has_no_route_of_an_owner() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let proxy = world.proxy();
    let mut refused = 0;
    for route in faces::user::routes().iter().chain(&faces::provider::routes()) {
        if route.access == Access::Public || matches!(route.path, "/health" | "/ready") {
            continue;
        }
        let path = filled(&world, route.path);
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for path in [
                path.clone(),
                format!("/{path}"),
                format!("{path}/"),
                format!("/v1/../{}", &path[1..]),
                path.to_uppercase(),
            ] {
                // From here, with everything that the owner's listener asks for.
                let port = super::owner_at(&world).port();
                let host = format!("127.0.0.1:{port}");
                let headers = [
                    ("host", host.as_str()),
                    ("authorization", "Bearer x"),
                    ("x-forwarded-for", "127.0.0.1"),
                ];
                let got = ask(&proxy, &method, &path, &headers).await;
                assert_eq!(got.status, 404, "{method} {path}: {got:?}");
                assert!(method == Method::HEAD || got.code() == "no_such_route", "{method} {path}: {got:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
    for path in ["/", "/openapi.json", "/metrics", "/v1", "/v1/", "/admin", "/debug", "/.git/config"] {
        proxy.get(path).await.refused(404, "no_such_route", "");
    }
    assert_eq!(everything(&world).await, before);
    // What is for strangers is there.
    proxy.get("/v1/terms").await.is(200);
    for path in ["/health", "/ready"] {
        let said = proxy.get(path).await.is(200).text();
        for secret in [world.upstream.url.as_str(), "Directory", "http://"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}
