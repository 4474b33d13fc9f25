//! S3: a page of another origin gets nothing: it reads nothing, changes nothing, spends nothing, however a browser can
//! be made to ask. The shapes here are those that browsers send; `tests/by_hand/browser.mjs` asks a real one.

use http::Method;
use zgserve_tui::http::{Access, RouteDoc};

use super::super::world::{Client, Got, SAY_THIS, World, finish};
use super::{everything, lived_in, owner_at, raw, statuses, user_at};

/// Where else a page may come from, `PORT` being the listener's.
const ORIGINS: [&str; 22] = [
    "null",
    "",
    "https://evil.example",
    "http://evil.example:PORT",
    "http://localhost",
    "http://127.0.0.1",
    // Another port of this machine is the same *site*, and none of our business all the same.
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "http://localhost:PORT.evil.example",
    "http://localhost.evil.example:PORT",
    "http://evil.example/http://localhost:PORT",
    "http://evil.example#http://localhost:PORT",
    "http://localhost:PORT@evil.example",
    "http://localhost.:PORT",
    "http://[::ffff:127.0.0.1]:PORT",
    "ws://localhost:PORT",
    "file://",
    "data:",
    "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn",
    "moz-extension://6b5b1bd1-94a1-4f84-b1ac-3ff3fb1c43f5",
    "app://obsidian.md",
    "http://localhost:PORT, https://evil.example",
];

/// Bodies that a page may send without asking, and some for which its browser would ask first.
fn bodies(json: &str) -> Vec<(&'static str, String)> {
    let multipart = format!("--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n{json}\r\n--x--\r\n");
    vec![
        ("text/plain", json.to_owned()),
        ("text/plain;charset=UTF-8", json.to_owned()),
        ("application/x-www-form-urlencoded", "balance=5".to_owned()),
        ("application/x-www-form-urlencoded", json.to_owned()),
        ("multipart/form-data; boundary=x", multipart),
        ("", json.to_owned()),
        ("application/json", json.to_owned()),
        ("application/json; charset=utf-8", json.to_owned()),
        ("text/plain; application/json", json.to_owned()),
    ]
}

async fn send(client: &Client, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
    let mut request = client.request(method, path).body(body.to_owned());
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    finish(request).await
}

/// No header that lets a page read an answer.
fn grants_nothing(got: &Got) {
    for name in got.headers.keys() {
        assert!(!name.as_str().starts_with("access-control"), "{got:?}");
    }
    assert!(!got.headers.contains_key("timing-allow-origin"), "{got:?}");
    assert_eq!(got.header("cross-origin-resource-policy"), Some("same-origin"));
}

/// The routes that move money or change something, with bodies that do.
fn dear(world: &World) -> Vec<(Client, Method, String, String)> {
    let (api, owner) = (world.api(), world.owner());
    let provider = format!("/v1/provider/{}", world.provider_address());
    let chat = r#"{"model": "llama7b", "messages": [{"role": "user", "content": "spend"}]}"#;
    let post = |client: &Client, path: &str, body: &str| {
        (client.clone(), Method::POST, path.to_owned(), body.to_owned())
    };
    vec![
        post(&api, &format!("{provider}/charge"), r#"{"balance": "5"}"#),
        post(&api, &format!("{provider}/refund"), r#"{"amount": "5"}"#),
        post(&api, &format!("{provider}/sync"), ""),
        post(&api, &world.paid("llama7b", "/chat/completions"), SAY_THIS),
        post(&api, "/v1/chat/completions", chat),
        (api.clone(), Method::GET, world.paid("llama7b", "/models"), String::new()),
        post(&owner, "/v1/settle", ""),
        post(&owner, "/v1/service/llama7b/pause", ""),
        (owner.clone(), Method::PUT, "/v1/service/llama7b".to_owned(), r#"{"inputPrice": "1"}"#.to_owned()),
        (owner.clone(), Method::DELETE, "/v1/service/llama7b".to_owned(), String::new()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin_moves_no_money() {
    let world = lived_in().await;
    let before = everything(&world).await;
    for (client, method, path, body) in dear(&world) {
        let port = client.base.rsplit(':').next().unwrap().to_owned();
        for (number, origin) in ORIGINS.iter().enumerate() {
            let origin = origin.replace("PORT", &port);
            let bodies = bodies(&body);
            // Each origin with one of the bodies in turn, and each with what would be right.
            for (kind, body) in [&bodies[number % bodies.len()], &bodies[6]] {
                let headers = [("origin", origin.as_str()), ("content-type", kind)];
                let with_site =
                    [headers[0], headers[1], ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
                let shapes: &[&[(&str, &str)]] =
                    if origin.is_empty() { &[&with_site] } else { &[&headers, &with_site] };
                for headers in shapes {
                    let got = send(&client, method.clone(), &path, headers, body).await;
                    grants_nothing(&got);
                    got.refused(403, "origin_not_allowed", "another origin");
                }
            }
        }
        for site in ["cross-site", "same-site", "Same-Origin", "same-origin, cross-site", "x"] {
            let headers = [("sec-fetch-site", site), ("content-type", "application/json")];
            let got = send(&client, method.clone(), &path, &headers, &body).await;
            grants_nothing(&got);
            got.refused(403, "origin_not_allowed", "another origin");
        }
        let twice = [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        send(&client, method.clone(), &path, &twice, &body).await.refused(403, "origin_not_allowed", "");
        let twice = [("origin", format!("http://localhost:{port}")), ("origin", "null".to_owned())];
        let twice: Vec<(&str, &str)> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();
        send(&client, method.clone(), &path, &twice, &body).await.refused(403, "origin_not_allowed", "");
        // A browser so old that it says nothing, or one that calls a name of the local network.
        let old = [("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"), ("content-type", "text/plain")];
        send(&client, method.clone(), &path, &old, &body).await.refused(403, "page_unknown", "token");
        // Asking first grants nothing.
        let asks = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", method.as_str()),
            ("access-control-request-headers", "content-type"),
            ("access-control-request-private-network", "true"),
        ];
        let got = send(&client, Method::OPTIONS, &path, &asks, "").await;
        grants_nothing(&got);
        got.refused(405, "method_not_allowed", "OPTIONS");
    }
    assert_eq!(everything(&world).await, before);
    // The procedure's plain curl does what no page can.
    let curl = [("user-agent", "curl/7.88.1"), ("content-type", "application/json"), ("accept", "*/*")];
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    send(&world.api(), Method::POST, &charge, &curl, r#"{"balance": "5"}"#).await.is(202);
    send(&world.api(), Method::POST, &world.paid("llama7b", "/chat/completions"), &curl, SAY_THIS)
        .await
        .is(200);
    send(&world.owner(), Method::POST, "/v1/settle", &curl, "").await.is(202);
    assert_ne!(everything(&world).await, before);
}

/// JSON is asked for where it is ours to ask: a form cannot say it, and where it can a browser asks first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_a_form_can_send_are_no_json() {
    let world = lived_in().await;
    let before = everything(&world).await;
    for (client, method, path, body) in dear(&world) {
        // What is passed on to a service is the service's own, and no page reaches it.
        if !body.contains('"') || path.contains("/service/llama7b/") {
            continue;
        }
        for (kind, body) in
            bodies(&body).into_iter().filter(|(kind, _)| !kind.starts_with("application/json"))
        {
            let got = send(&client, method.clone(), &path, &[("content-type", kind)], &body).await;
            got.refused(400, "bad_input", "Content-Type: application/json");
        }
    }
    assert_eq!(everything(&world).await, before);
}

fn filled(world: &World, path: &str, id: &str) -> String {
    path.replace("{provider}", &world.provider_address().to_string())
        .replace("{user}", &world.user_address().to_string())
        .replace("{service}", "llama7b")
        .replace("{*suffix}", "models")
        .replace("{id}", id)
}

/// Reading changes nothing, on any route: an image in a page is a read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_have_no_effects() {
    let world = lived_in().await;
    let request = world.check_books().await.user_requests[0].id.to_string();
    let operation = world.user().operations(1).await.unwrap()[0].id.to_string();
    let before = everything(&world).await;
    let mut read = 0;
    let tables: [(Client, Vec<RouteDoc>); 2] = [
        (world.api(), zgserve_tui::http::user::routes()),
        (world.owner(), zgserve_tui::http::provider::routes()),
    ];
    for (client, routes) in &tables {
        for route in routes.iter().filter(|route| route.method == "GET" && !route.path.ends_with("/events")) {
            let id = if route.path.contains("operation") { &operation } else { &request };
            for method in [Method::GET, Method::HEAD] {
                for query in ["", "?wait=true&dryRun=false&processed=true&settle=1"] {
                    let path = format!("{}{query}", filled(&world, route.path, id));
                    let got = finish(client.request(method.clone(), &path)).await;
                    assert!(got.status < 500 && got.status != 405, "{method} {path}: {got:?}");
                }
            }
            read += 1;
        }
        // A read that names another method in a header or the query is a read.
        let path = if client.base == world.api().base { "/v1/provider" } else { "/v1/service" };
        let got = send(client, Method::GET, &format!("{path}?_method=POST"), &[], "").await;
        assert_eq!(got.status, 400, "{got:?}");
        for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
            send(client, Method::GET, path, &[(header, "POST")], r#"{"balance": "5"}"#).await.is(200);
        }
    }
    assert!(read > 25, "{read}");
    assert_eq!(everything(&world).await, before);
}

/// The paid call takes every method, so a read can cost money there: of a page it never does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_costs_money_is_not_shown() {
    let world = World::new().await;
    world.register_storage().await;
    world.upstream.store();
    let file = world.paid("files", "/picture.png");
    let put = world.api().request(Method::PUT, &file).body("a picture");
    finish(put).await.is(201);
    let before = everything(&world).await;
    let image = [("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors")];
    let shapes: [&[(&str, &str)]; 5] = [
        &[image[0], image[1], ("sec-fetch-site", "cross-site"), ("referer", "https://evil.example/")],
        &[image[0], image[1], ("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("user-agent", "Mozilla/5.0 (Macintosh) Version/15.6 Safari/605.1.15")],
        &[
            ("user-agent", "Mozilla/5.0 (iPhone) Version/15.6 Safari/605.1.15"),
            ("referer", "https://evil.example/"),
        ],
    ];
    for headers in shapes {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(send(&world.api(), method, &file, headers, "").await.status, 403, "{headers:?}");
        }
    }
    assert_eq!(everything(&world).await, before);
    // A person who types the address, and a program.
    send(&world.api(), Method::GET, &file, &[("sec-fetch-site", "none"), ("user-agent", "Mozilla/5.0")], "")
        .await
        .is(200);
    world.api().get(&file).await.is(200);
    assert_eq!(world.check_books().await.charged(), 3);
}

/// No listener becomes another protocol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_listener_speaks_websocket() {
    let world = lived_in().await;
    let before = everything(&world).await;
    for at in [user_at(&world), owner_at(&world), super::proxy_at(&world)] {
        for path in [
            "/",
            "/v1/events",
            "/health",
            "/v1/terms",
            &world.paid("llama7b", "/realtime"),
            "/v1/proxy/llama7b/realtime",
        ] {
            for origin in ["", "origin: https://evil.example\r\n", "origin: http://localhost:3000\r\n"] {
                // Without an origin these are a program's own: a stream that has no end of its own, and a call that is
                // paid for and goes on without its upgrade (as `smuggling` shows).
                if origin.is_empty() && (path == "/v1/events" || path.starts_with("/v1/provider/")) {
                    continue;
                }
                let handshake = format!(
                    "GET {path} HTTP/1.1\r\nhost: localhost:{}\r\n{origin}connection: upgrade, close\r\n\
                     upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                    at.port()
                );
                let answer = raw(at, handshake).await;
                let status = statuses(&answer)[0];
                assert!(
                    status != 101 && !answer.to_ascii_lowercase().contains("sec-websocket-accept"),
                    "{answer}"
                );
                // A path that there is not is not there for a page either, and what is for strangers is for all of them.
                let public = at == owner_at(&world) && !["/", "/v1/events"].contains(&path);
                let refused = status == 403 || public || answer.contains("no_such_route");
                assert!(at == super::proxy_at(&world) || origin.is_empty() || refused, "{path}: {answer}");
            }
        }
    }
    assert_eq!(everything(&world).await, before);
}

/// The owner's routes of both tables, whatever is added to them, refuse a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_of_an_owner_refuses_a_page() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let tables = [
        (world.api(), zgserve_tui::http::user::routes()),
        (world.owner(), zgserve_tui::http::provider::routes()),
    ];
    for (client, routes) in &tables {
        let port = client.base.rsplit(':').next().unwrap();
        for route in routes.iter().filter(|route| route.access != Access::Public) {
            let methods = match route.method {
                "ANY" => {
                    vec![Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD]
                }
                one => vec![one.parse().unwrap()],
            };
            let path = filled(&world, route.path, &"ab".repeat(16));
            for method in methods {
                let next_door = format!("http://127.0.0.1:{}", port.parse::<u32>().unwrap() + 1);
                for headers in [
                    [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
                    [("origin", next_door.as_str()), ("sec-fetch-site", "same-site")],
                    [("origin", "null"), ("sec-fetch-site", "cross-site")],
                    [("host", "evil.example"), ("sec-fetch-site", "same-origin")],
                ] {
                    let got = send(client, method.clone(), &path, &headers, "").await;
                    grants_nothing(&got);
                    assert_eq!(got.status, 403, "{method} {path} {headers:?}: {got:?}");
                }
            }
        }
    }
    assert_eq!(everything(&world).await, before);
}
