//! Where a connection to a provider really goes: names that change what they stand for, servers without a valid
//! certificate, and proxies that the environment names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::broker::user::guard::{Guard, PrivateName, Resolver, UrlError};
use crate::broker::user::upstream::{Upstream, UpstreamError};
use crate::broker::user::{Settings, TermsError};

/// Stands for the public internet, where tests do not go.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Stands for what must not be called.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));

/// A server that answers everything with one text, closes, and counts.
async fn counting(address: SocketAddr) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(say_no(stream));
        }
    });
    (port, count)
}

async fn say_no(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]).await;
    let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = stream.write_all(answer).await;
}

/// A name server with a time to live of nothing: each question gets the next answer, and the last one for ever.
struct Rebinding {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Rebinding {
    fn upstream(answers: &[&[IpAddr]]) -> (Upstream, Arc<Rebinding>) {
        let answers = answers.iter().rev().map(|answer| answer.to_vec()).collect();
        let names = Arc::new(Rebinding { answers: Mutex::new(answers), asked: AtomicUsize::new(0) });
        let server = Arc::clone(&names);
        let lookup = move |_: &str| {
            server.asked.fetch_add(1, Ordering::SeqCst);
            let mut answers = server.answers.lock();
            let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
            let found = answer.unwrap().into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Box::pin(async move { Ok(found) }) as BoxFuture<'static, _>
        };
        let check = |ip: IpAddr| if ip == INSIDE { Err(PrivateName(ip)) } else { Ok(()) };
        let resolver = Resolver::with(Arc::new(check), Arc::new(lookup));
        let upstream =
            Upstream::with(&Settings::default(), Guard { allow_private: false }, resolver).unwrap();
        (upstream, names)
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_leads_nowhere_else() {
    let (port, inside) = counting(SocketAddr::new(INSIDE, 0)).await;
    let (_, outside) = counting(SocketAddr::new(OUTSIDE, port)).await;
    let (upstream, names) =
        Rebinding::upstream(&[&[OUTSIDE], &[INSIDE], &[OUTSIDE, INSIDE], &[INSIDE, OUTSIDE]]);
    let base = upstream.base(&format!("http://rebinding.example:{port}")).unwrap();

    // The connection is made to the address that was checked; nobody asks a second time in between.
    let error = upstream.terms(&base).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Status { status: 404, .. }), "{error}");
    assert_eq!((names.asked.load(Ordering::SeqCst), outside.load(Ordering::SeqCst)), (1, 1));

    // Each further connection asks and checks anew.
    for asked in 2..=4 {
        let error = upstream.terms(&base).await.unwrap_err();
        assert_eq!(error, UpstreamError::Url(UrlError::Private(INSIDE)));
        assert!(error.never_left());
        assert_eq!(names.asked.load(Ordering::SeqCst), asked);
    }
    assert_eq!((inside.load(Ordering::SeqCst), outside.load(Ordering::SeqCst)), (0, 1));
}

/// Signed by nobody but itself, for `localhost` and 127.0.0.1, for a hundred years. Made for this test; the key is no
/// secret.
const CERTIFICATE: &str = "MIIBmjCCAUGgAwIBAgIULuL67e1VBohGHGeaVI6GT23tC4YwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTA4MDczM1oYDzIxMjYxMTA1MDgwNzMzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQvvB1V3riIUJqtg4+uPQLHq/RXpgYtZO17KQCd6uAs+EaAYXlH5H9QvCTurUxmVoMoW5YDWqNHj8ILSdsX14owo28wbTAdBgNVHQ4EFgQUdiTI1oLUHL38eEUKXES6+j/V8hYwHwYDVR0jBBgwFoAUdiTI1oLUHL38eEUKXES6+j/V8hYwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0EAwIDRwAwRAIgYHALq/3cjmM0dmjhRvYcMMIkhXEqrJ41lmZ+q2haEPcCIH4VQLbp1ysHPBvqcomIX8e0nDFd0rLjJGSYtmHpcAOz";
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgC68B/38OU6jIfL7z5IqkpOQ9Focra3mWjHhRED9UEvGhRANCAAQvvB1V3riIUJqtg4+uPQLHq/RXpgYtZO17KQCd6uAs+EaAYXlH5H9QvCTurUxmVoMoW5YDWqNHj8ILSdsX14ow";

/// Serves HTTP over TLS with that certificate, on a thread of its own; gives what it read behind the handshakes.
fn tls_server() -> (u16, Arc<Mutex<Vec<u8>>>, Arc<AtomicUsize>) {
    use base64::Engine;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use std::io::{Read, Write};
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let certificate = CertificateDer::from(decode(CERTIFICATE));
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(decode(KEY)));
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (read, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (kept, counted, config) = (Arc::clone(&read), Arc::clone(&connections), Arc::new(config));
    // Ends with the process; a blocked accept keeps no test waiting.
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            counted.fetch_add(1, Ordering::SeqCst);
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::Stream::new(&mut session, &mut stream);
            let mut bytes = [0; 4096];
            if let Ok(count) = tls.read(&mut bytes) {
                kept.lock().extend_from_slice(&bytes[..count]);
                let _ = tls
                    .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        }
    });
    (port, read, connections)
}

#[tokio::test]
async fn a_server_without_a_valid_certificate_is_told_nothing() {
    let (port, read, connections) = tls_server();
    let upstream = Upstream::new(&Settings::default(), true).unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let base = upstream.base(&format!("https://{host}:{port}")).unwrap();
        let error = upstream.terms(&base).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Unreachable { .. }) && error.never_left(), "{error}");
    }
    assert!(connections.load(Ordering::SeqCst) >= 2, "it was there");
    assert_eq!(*read.lock(), b"", "nothing was said behind a failed handshake");
    // Nor is plain HTTP tried instead.
    let base = upstream.base(&format!("http://127.0.0.1:{port}")).unwrap();
    assert!(upstream.terms(&base).await.is_err());
    assert_eq!(*read.lock(), b"");
}

/// Tests that make every kind of request a broker makes, run again in a process whose environment names a proxy.
const THROUGH: [&str; 4] = [
    "chain::endpoint::tests::a_node_on_this_machine_is_asked_directly",
    "broker::user::tests::calls::a_whole_answer_is_paid_and_says_what_it_cost",
    "broker::provider::tests::paid::a_plain_answer_is_booked_and_receipted_in_its_head",
    "tui::console::tests::server::effects_become_calls_and_calls_become_messages",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_of_the_environment_are_not_asked() {
    let (port, asked) = counting(SocketAddr::new(INSIDE, 0)).await;
    let proxy = format!("http://127.0.0.1:{port}");
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(THROUGH).arg("--exact").stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, &proxy);
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY");
    // CGI's mark, which makes some clients ignore HTTP_PROXY.
    command.env_remove("REQUEST_METHOD");
    let output =
        tokio::time::timeout(Duration::from_secs(60), command.output()).await.expect("it ends").unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(&format!("{} passed", THROUGH.len())), "{text}");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "somebody asked the proxy");
}

#[tokio::test]
async fn a_services_url_of_any_bad_shape_is_refused_before_anything_leaves() {
    use super::bed::{Bed, HELLO, refused};
    use super::scripted::{Script, chat};
    use crate::broker::user::CallRefusal;
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let settings = Settings { allow_private_providers: Some(false), ..Settings::default() };
    let broker = bed.funded(settings, 10_000_000).await;
    let own = bed.script.url.clone();
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:7f00:1]:80",
        "http://2130706433",
        "file:///etc/passwd",
        "http://user:pass@8.8.8.8",
        "http://8.8.8.8/\r\nx: y",
        "http://8.8.8.8/?a=b",
        "\u{1b}]0;x\u{7}http://8.8.8.8",
        &own,
    ] {
        bed.list_at("llama7b", url).await;
        broker.sync_all().await.unwrap();
        let refusal = refused(&broker, bed.chat(HELLO)).await;
        let CallRefusal::Terms(TermsError::Fetch(UpstreamError::Url(error))) = &refusal else {
            panic!("{url:?}: {refusal}")
        };
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
        let account = broker.account(bed.provider()).unwrap();
        assert_eq!((account.reserved, account.promised), Default::default());
    }
    assert!(bed.script.books.lock().headers.is_empty());
}
