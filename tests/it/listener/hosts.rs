//! S2: a request counts only under this machine's own names, whatever else its sender calls us.

use super::{everything, lived_in, owner_at, raw, statuses, user_at};

/// Requests that would move money, or show what only the owner may see.
fn wanted(provider: &str) -> [[String; 2]; 2] {
    let charge = format!("POST /v1/provider/{provider}/charge");
    let of_user = [charge, "GET /v1/provider".to_owned()];
    [of_user, ["POST /v1/settle".to_owned(), "GET /v1/user".to_owned()]]
}

const BODY: &str = "{\"balance\": \"5\"}";

/// What a `Host` header may not say, `PORT` being the listener's.
const FOREIGN: [&str; 50] = [
    "",
    " ",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "localhost:",
    "localhost:80",
    "localhost:1",
    "localhost:0PORT",
    "localhost:PORT0",
    "localhost:+PORT",
    "localhost: PORT",
    "localhost :PORT",
    "localhost:PORT ,evil.example",
    "localhost:PORT evil.example",
    "localhost:PORT/",
    "localhost:PORT#",
    "localhost:PORT?x",
    "localhost:PORT@evil.example",
    "evil.example@localhost:PORT",
    "user:secret@127.0.0.1:PORT",
    "@localhost:PORT",
    "http://localhost:PORT",
    "//localhost:PORT",
    "localhost.:PORT",
    "LOCALHOST.:PORT",
    "localhost..:PORT",
    ".localhost:PORT",
    "localhost.evil:PORT",
    "localhost.evil.example:PORT",
    "evil.localhost:PORT",
    "127.0.0.1.nip.io:PORT",
    "127.0.0.1.:PORT",
    "127-0-0-1.sslip.io:PORT",
    "evil.example",
    "evil.example:PORT",
    "2130706433:PORT",
    "0x7f.1:PORT",
    "0x7f000001:PORT",
    "017700000001:PORT",
    "127.1:PORT",
    "127.0.1:PORT",
    "127.0.0.01:PORT",
    "127.0.0.2:PORT",
    "0.0.0.0:PORT",
    "0:PORT",
    "::1:PORT",
    "[::ffff:127.0.0.1]:PORT",
    "[0:0:0:0:0:0:0:1]:PORT",
    "[::]:PORT",
];

/// What it may say.
const OURS: [&str; 7] = [
    "127.0.0.1:PORT",
    "localhost:PORT",
    "LocalHost:PORT",
    "LOCALHOST:PORT",
    "[::1]:PORT",
    // Blanks around a value are no part of it.
    "  localhost:PORT \t",
    "\t127.0.0.1:PORT",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_this_machines_own_names_are_answered() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let provider = world.provider_address().to_string();
    for (at, asked) in [user_at(&world), owner_at(&world)].into_iter().zip(wanted(&provider)) {
        let port = at.port().to_string();
        let send = async |line: &str, version: &str, headers: &[String]| {
            let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
            let request = format!(
                "{line} HTTP/{version}\r\n{headers}connection: close\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{BODY}",
                BODY.len()
            );
            let answer = raw(at, request).await;
            assert_eq!(statuses(&answer).len(), 1, "{line} {headers}: {answer}");
            (statuses(&answer)[0], answer)
        };
        let host = |value: &str| vec![format!("host:{}", value.replace("PORT", &port))];
        let refused = async |line: &str, version: &str, headers: &[String]| {
            let (status, answer) = send(line, version, headers).await;
            assert!([403, 421].contains(&status), "{line} HTTP/{version} {headers:?}: {answer}");
            assert!(answer.contains("host_not_allowed"), "{answer}");
        };
        for line in &asked {
            for foreign in FOREIGN {
                refused(line, "1.1", &host(foreign)).await;
            }
            // Neither none, nor two, not even the same one twice.
            refused(line, "1.1", &[]).await;
            refused(line, "1.0", &[]).await;
            let ours = format!("host: localhost:{port}");
            refused(line, "1.1", &[ours.clone(), ours.clone()]).await;
            refused(line, "1.1", &[ours.clone(), "host: evil.example".to_owned()]).await;
            refused(line, "1.1", &["host: evil.example".to_owned(), ours.clone()]).await;
            // What proxies send along is believed by nobody.
            for header in ["x-forwarded-host", "forwarded", "x-host", "x-original-host", ":authority"] {
                let claimed = format!("{header}: localhost:{port}");
                let (status, answer) =
                    send(line, "1.1", &["host: evil.example".to_owned(), claimed.clone()]).await;
                assert!([400, 403].contains(&status), "{claimed}: {answer}");
            }
            // A target with a host of its own is for proxies, whatever the header says.
            for target in
                ["http://evil.example", "http://localhost:PORT", "http://evil.example@localhost:PORT"]
            {
                let (method, path) = line.split_once(' ').unwrap();
                let absolute = format!("{method} {}{path}", target.replace("PORT", &port));
                let (status, answer) = send(&absolute, "1.1", std::slice::from_ref(&ours)).await;
                assert!([400, 403].contains(&status), "{absolute}: {answer}");
            }
            // Bytes that are no text.
            for bytes in
                [&b"host: localhost\xff:1034"[..], b"host: \xe2\x93\x9bocalhost:1034", b"host: local\0host"]
            {
                let mut request = format!("{line} HTTP/1.1\r\n").into_bytes();
                request.extend_from_slice(bytes);
                request.extend_from_slice(b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                let answer = raw(at, request).await;
                assert!([400, 403].contains(&statuses(&answer)[0]), "{answer}");
            }
        }
        let connect = format!(
            "CONNECT localhost:{port} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n"
        );
        assert!([403, 404, 405].contains(&statuses(&raw(at, connect).await)[0]));
        let everywhere = format!("OPTIONS * HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n");
        assert!(statuses(&raw(at, everywhere).await)[0] >= 400);
        // Our own names work all the while, also with the oldest clients.
        for ours in OURS {
            for version in ["1.0", "1.1"] {
                let (status, answer) = send(&asked[1], version, &host(ours)).await;
                assert_eq!(status, 200, "{ours}: {answer}");
            }
        }
    }
    assert_eq!(everything(&world).await, before);
}

/// HTTP/2 has another place for the host, and other ways to disagree about it. No listener speaks it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_listener_speaks_http_2() {
    let world = lived_in().await;
    for at in [user_at(&world), owner_at(&world), super::proxy_at(&world)] {
        let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        preface.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let answer = raw(at, preface).await;
        assert!(answer.is_empty() || statuses(&answer) == [400], "{answer:?}");
        let upgrade = format!(
            "GET /health HTTP/1.1\r\nhost: localhost:{}\r\nconnection: upgrade, http2-settings, close\r\n\
             upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
            at.port()
        );
        let answer = raw(at, upgrade).await;
        assert_eq!(statuses(&answer), [200], "{answer}");
        let lower = answer.to_ascii_lowercase();
        assert!(!lower.contains("\r\nupgrade:") && !lower.contains("\r\nalt-svc:"), "{answer}");
    }
}

/// The listeners beside the brokers: a development chain, and the services of a demo.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_chain_is_no_more_open_than_the_brokers() {
    use zgserve_tui::chain::devnet::{Devnet, DevnetConfig};
    use zgserve_tui::http::{self, Bound, Guard, Limits};
    let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), "chain").await.unwrap();
    let at = bound.address();
    let guard = Guard::new(at, &[], None).for_wallets();
    let tasks = zgserve_tui::tasks::Tasks::new();
    let server = bound.serve(
        http::local(http::devnet::router(devnet.clone()), guard),
        Limits::default(),
        tasks.child(),
    );
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"evm_mine","params":[]}"#;
    let send = async |headers: &str| {
        let request = format!(
            "POST / HTTP/1.1\r\n{headers}connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        statuses(&raw(at, request).await)[0]
    };
    let port = at.port();
    assert_eq!(send(&format!("host: localhost:{port}\r\n")).await, 200);
    let height = devnet.rpc(serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}));
    for headers in [
        // A page whose name was pointed at this machine is of the same origin as the chain.
        format!(
            "host: evil.example:{port}\r\norigin: http://evil.example:{port}\r\nsec-fetch-site: same-origin\r\n"
        ),
        format!("host: localhost:{port}\r\norigin: http://localhost:3000\r\n"),
        format!("host: localhost:{port}\r\norigin: null\r\n"),
        format!("host: localhost:{port}\r\nsec-fetch-site: cross-site\r\n"),
    ] {
        assert_eq!(send(&headers).await, 403, "{headers}");
    }
    let after = devnet.rpc(serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}));
    assert_eq!(height, after);
    server.stop(std::time::Duration::ZERO).await;
}
