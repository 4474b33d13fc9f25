//! Who may ask at all: the checks before any handler of an API that can spend money.
//!
//! A browser on this machine can reach a loopback port, so loopback alone protects nothing. The guard refuses
//! requests whose `Host` is not ours (a foreign name that was pointed at this machine), and those that a page of
//! another origin sent. It never grants anything across origins: `OPTIONS` is refused and no CORS header is ever sent.
//! A token, where one is configured, is asked of every request. A listener beyond loopback needs one.
//!
//! Browsers say where a request comes from: `Origin` with everything but reads, `Sec-Fetch-Site` with every request to
//! an address of this machine. An old browser leaves the second out, and any browser does where it calls a name of the
//! local network over plain HTTP; so without a token nothing is done or paid for a browser that says neither.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A listener that would have been open to the network without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, so it needs a token: set `tokenFile` (the file is made for you) or `token`, \
     or listen on 127.0.0.1 (in a container whose port is published on 127.0.0.1 only, `listenWithoutToken: true` says \
     that this is meant)"
)]
pub struct OpenListener(pub SocketAddr);

/// The rules of one listener.
#[derive(Debug)]
pub struct Guard {
    /// What a `Host` header may say, in lower case.
    hosts: Vec<String>,
    /// The token's hash; comparing hashes tells nothing about the token's length.
    token: Option<[u8; 32]>,
    /// Whether extensions of a browser, which people install as they do programs, may call.
    extensions: bool,
}

impl Guard {
    /// Rules for a listener on `address`, which must be the one it really has (no port 0).
    ///
    /// `allow_hosts` are further names, as a `Host` header says them: `broker.example` or `broker.example:8080`.
    pub fn new(address: SocketAddr, allow_hosts: &[String], token: Option<&str>) -> Guard {
        let port = address.port();
        let mut hosts: Vec<String> =
            ["127.0.0.1", "localhost", "[::1]"].iter().map(|name| format!("{name}:{port}")).collect();
        if !address.ip().is_unspecified() {
            hosts.push(address.to_string());
        }
        if port == 80 {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
        }
        hosts.extend(allow_hosts.iter().map(|host| host.to_ascii_lowercase()));
        Guard { hosts, token: token.map(|token| hash(token.as_bytes())), extensions: false }
    }

    /// The same for a development chain, which wallets in browsers call.
    #[must_use]
    pub fn for_wallets(self) -> Guard {
        Guard { extensions: true, ..self }
    }

    /// Whether a listener may be opened on `address` at all.
    pub fn may_listen(address: SocketAddr, has_token: bool, open_is_meant: bool) -> Result<(), OpenListener> {
        let loopback = match address.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
        };
        if loopback || has_token || open_is_meant { Ok(()) } else { Err(OpenListener(address)) }
    }

    /// Everything that can be said of a request before its route is known, except the token.
    pub fn check_origin(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if method == Method::OPTIONS {
            return Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "OPTIONS grants nothing here: pages of other origins may not call this API",
            ));
        }
        self.check_host(uri, headers)?;
        if let Some(origin) = headers.get(ORIGIN) {
            let may = origin.to_str().is_ok_and(|origin| self.may_come_from(origin));
            if !may || headers.get_all(ORIGIN).iter().count() > 1 {
                return Err(foreign_page());
            }
        }
        for site in headers.get_all(SEC_FETCH_SITE) {
            let extension = self.extensions && headers.contains_key(ORIGIN);
            if site != "same-origin" && site != "none" && !extension {
                return Err(foreign_page());
            }
        }
        Ok(())
    }

    fn may_come_from(&self, origin: &str) -> bool {
        match origin.split_once("://") {
            Some(("http" | "https", host)) => self.is_ours(host),
            Some(("chrome-extension" | "moz-extension" | "safari-web-extension", _)) => self.extensions,
            _ => false,
        }
    }

    /// Refuses to act for a browser that does not say which page it acts for. `spends`: even a read costs money here.
    fn check_browser(&self, method: &Method, headers: &HeaderMap, spends: bool) -> Result<(), Problem> {
        let reads = !spends && (method == Method::GET || method == Method::HEAD);
        let says = headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE);
        let browser = headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
        // No page can know the token.
        if self.token.is_some() || reads || says || !browser {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "page_unknown",
            "a browser (by its User-Agent) does not say which page asks for this; use a newer one, a program that \
             calls itself by its own name, or set a token",
        ))
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut named = headers.get_all(HOST).iter();
        let host = named.next().and_then(|host| host.to_str().ok());
        let one = named.next().is_none();
        // A target with a host of its own is for proxies, which we are not.
        if one && uri.authority().is_none() && host.is_some_and(|host| self.is_ours(host)) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "host_not_allowed",
            "the Host header is not an address of this broker; call it as 127.0.0.1 or localhost with its port, \
             or add the name to allowHosts",
        ))
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.hosts.contains(&host)
    }

    /// The token, where one is asked for, as `Authorization: Bearer …` (an OpenAI client's API key).
    pub fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(wanted) = self.token else { return Ok(()) };
        let given = headers.get(AUTHORIZATION).and_then(|value| bearer(value)).unwrap_or_default();
        if bool::from(hash(given).ct_eq(&wanted)) {
            return Ok(());
        }
        let sentence = if given.is_empty() {
            "this broker asks for its token: send Authorization: Bearer <token>"
        } else {
            "the token sent as Authorization: Bearer is not this broker's; its own stands in the file of its setting tokenFile, or in token"
        };
        Err(Problem::new(StatusCode::UNAUTHORIZED, "token_required", sentence))
    }
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token.trim_ascii())
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn foreign_page() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "origin_not_allowed",
        "the request comes from a web page of another origin, which may not call this API",
    )
}

/// Layer for APIs: host, origin and token.
pub async fn protect(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    checked(&guard, false, request, next).await
}

/// Layer for routes that spend whatever the method is.
pub async fn protect_spending(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    checked(&guard, true, request, next).await
}

async fn checked(guard: &Guard, spends: bool, request: Request, next: Next) -> Response {
    let (method, headers) = (request.method(), request.headers());
    let checked = guard
        .check_origin(method, request.uri(), headers)
        .and_then(|()| guard.check_token(headers))
        .and_then(|()| guard.check_browser(method, headers, spends));
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Puts host and origin checks before a router of this machine's own, such as the services of a demo.
pub fn local(router: Router, guard: Guard) -> Router {
    router.layer(from_fn_with_state(Arc::new(guard), protect_without_token))
}

/// Layer for what must answer without a token: host and origin only.
pub async fn protect_without_token(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.check_origin(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Layer for routes that strangers use with signatures of their own: grants nothing across origins, asks nothing.
pub async fn no_preflight(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "OPTIONS grants nothing here: pages of other origins may not call this API",
        )
        .into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn guard(token: Option<&str>) -> Guard {
        Guard::new("127.0.0.1:1034".parse().unwrap(), &["Broker.example".to_owned()], token)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn refusal(pairs: &[(&'static str, &str)]) -> Option<String> {
        let uri = "/v1/service".parse().unwrap();
        let refused = guard(None).check_origin(&Method::GET, &uri, &headers(pairs));
        refused.err().map(|problem| problem.code().to_owned())
    }

    #[test]
    fn only_our_own_hosts_pass() {
        for host in ["127.0.0.1:1034", "localhost:1034", "[::1]:1034", "LOCALHOST:1034", "broker.example"] {
            assert_eq!(refusal(&[("host", host)]), None, "{host}");
        }
        let foreign = [
            "localhost",
            "127.0.0.1",
            "localhost:80",
            "localhost:1035",
            "localhost.:1034",
            "evil.example",
            "evil.example:1034",
            "127.0.0.1.nip.io:1034",
            "localhost:1034.evil.example",
            "user@localhost:1034",
            "0.0.0.0:1034",
            "2130706433:1034",
            "::1",
            "[::1]",
            "broker.example:1034",
            "",
        ];
        for host in foreign {
            assert_eq!(refusal(&[("host", host)]).as_deref(), Some("host_not_allowed"), "{host}");
        }
        assert_eq!(refusal(&[]).as_deref(), Some("host_not_allowed"));
        let twice = [("host", "localhost:1034"), ("host", "localhost:1034")];
        assert_eq!(refusal(&twice).as_deref(), Some("host_not_allowed"));
        let absolute = "http://localhost:1034/v1/service".parse().unwrap();
        let host = headers(&[("host", "localhost:1034")]);
        assert!(guard(None).check_origin(&Method::GET, &absolute, &host).is_err());
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let host = ("host", "localhost:1034");
        let ours: [&[(&'static str, &str)]; 5] = [
            &[host, ("origin", "http://localhost:1034")],
            &[host, ("origin", "http://127.0.0.1:1034")],
            &[host, ("origin", "https://broker.example")],
            &[host, ("sec-fetch-site", "same-origin")],
            &[host, ("sec-fetch-site", "none")],
        ];
        for pairs in ours {
            assert_eq!(refusal(pairs), None, "{pairs:?}");
        }
        let foreign: [&[(&'static str, &str)]; 9] = [
            &[host, ("origin", "null")],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "http://localhost:3000")],
            &[host, ("origin", "http://localhost:1034.evil.example")],
            &[host, ("origin", "file://")],
            &[host, ("origin", "http://localhost:1034"), ("origin", "http://evil.example")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            // A form post, as a browser sends it.
            &[
                host,
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "no-cors"),
                ("content-type", "text/plain"),
            ],
        ];
        for pairs in foreign {
            assert_eq!(refusal(pairs).as_deref(), Some("origin_not_allowed"), "{pairs:?}");
        }
        let preflight = headers(&[host, ("access-control-request-method", "POST")]);
        let uri = "/v1/settle".parse().unwrap();
        assert!(guard(None).check_origin(&Method::OPTIONS, &uri, &preflight).is_err());
    }

    #[test]
    fn nothing_is_done_for_a_browser_that_does_not_say_for_whom() {
        let safari_of_old =
            ("user-agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/15.6 Safari");
        let refused = |token, method: Method, pairs: &[(&'static str, &str)], spends| {
            guard(token).check_browser(&method, &headers(pairs), spends).is_err()
        };
        assert!(refused(None, Method::POST, &[safari_of_old], false), "a form");
        assert!(refused(None, Method::GET, &[safari_of_old], true), "an image that costs money");
        assert!(refused(None, Method::HEAD, &[safari_of_old], true));
        assert!(!refused(None, Method::GET, &[safari_of_old], false), "the API page over a local network");
        assert!(!refused(None, Method::POST, &[safari_of_old, ("origin", "http://localhost:1034")], true));
        assert!(!refused(None, Method::GET, &[safari_of_old, ("sec-fetch-site", "none")], true));
        assert!(!refused(Some("s3cret"), Method::POST, &[safari_of_old], true), "it knew the token");
        for program in ["curl/8.5.0", "OpenAI/Python 2.0", ""] {
            assert!(!refused(None, Method::POST, &[("user-agent", program)], true), "{program}");
        }
        assert!(!refused(None, Method::POST, &[], true));
    }

    #[test]
    fn a_development_chain_is_open_to_wallets_and_to_no_page() {
        let wallets = guard(None).for_wallets();
        let may = |pairs: &[(&'static str, &str)]| {
            wallets.check_origin(&Method::POST, &"/".parse().unwrap(), &headers(pairs)).is_ok()
        };
        let host = ("host", "localhost:1034");
        let extension = ("origin", "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn");
        assert!(may(&[host]) && may(&[host, extension]));
        assert!(may(&[host, extension, ("sec-fetch-site", "cross-site")]));
        assert!(!may(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!may(&[host, ("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")]));
        assert!(!may(&[("host", "evil.example:1034"), extension]));
        assert!(!may(&[host, ("origin", "null")]));
        assert!(refusal(&[host, extension]).is_some(), "a broker is not open to them");
    }

    #[test]
    fn the_token_is_asked_for_where_there_is_one() {
        let check = |token, given: &str| {
            let sent = if given.is_empty() { headers(&[]) } else { headers(&[("authorization", given)]) };
            guard(token).check_token(&sent).is_ok()
        };
        assert!(check(None, ""));
        assert!(check(Some("s3cret"), "Bearer s3cret"));
        assert!(check(Some("s3cret"), "bearer s3cret"));
        for wrong in ["", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret"] {
            assert!(!check(Some("s3cret"), wrong), "{wrong}");
        }
        let told = |given: &[(&'static str, &str)]| {
            format!("{:?}", guard(Some("s3cret")).check_token(&headers(given)).unwrap_err())
        };
        assert!(told(&[]).contains("asks for its token"), "{}", told(&[]));
        let wrong = told(&[("authorization", "Bearer canary")]);
        assert!(wrong.contains("not this broker's") && wrong.contains("tokenFile"), "{wrong}");
        assert!(!wrong.contains("canary") && !wrong.contains("s3cret"), "{wrong}");
    }

    #[test]
    fn listening_beyond_loopback_needs_a_token() {
        let may = |address: &str, token| Guard::may_listen(address.parse().unwrap(), token, false).is_ok();
        for loopback in ["127.0.0.1:1034", "127.0.0.2:1", "[::1]:1034", "[::ffff:127.0.0.1]:1"] {
            assert!(may(loopback, false), "{loopback}");
        }
        for open in ["0.0.0.0:1034", "[::]:1034", "192.168.1.2:1034"] {
            assert!(!may(open, false), "{open}");
            assert!(may(open, true), "{open}");
            assert!(Guard::may_listen(open.parse().unwrap(), false, true).is_ok());
        }
    }
}
