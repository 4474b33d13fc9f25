//! A request's line and headers at the provider. Only one signed pair of payment headers counts, for the very request
//! that was signed; and whatever else is there, headers of brokers, of connections and of the user's machine go no
//! further (S12, S7).
//!
//! The input is a head as text, `METHOD service suffix` and one header a line. `$V` and `$R` in a value stand for a
//! voucher and an authorisation of the user that fit the request's line, `$v` and `$r` for a stranger's.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use zgserve_tui::broker::provider::{Offered, verify_payment};
use zgserve_tui::domain::{AccountId, B256, Neuron, RequestAuth, RequestId, Timestamp, Voucher};
use zgserve_tui::wire::auth::{REQUEST_HEADER, VOUCHER_HEADER, encode_request_auth, encode_voucher};
use zgserve_tui::wire::headers::{Framing, to_caller, to_provider, to_upstream};
use zgserve_tui::wire::path::Suffix;

use super::keys;
use super::signed_headers::{PROVIDER, domain, page, time};

/// More lines than a server takes.
const MOST: usize = 100;

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
    let mut word = || first.next().unwrap_or_default();
    let (method, service, target) = (word(), word(), word());
    let suffix = Suffix::parse(target).ok();
    let path = suffix.as_ref().map(ToString::to_string).unwrap_or_default();
    let texts = Texts::new(service, method, &path);
    let mut headers = HeaderMap::new();
    for line in lines.take(MOST) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = texts.filled(value.trim());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            headers.append(name, value);
        }
    }
    if suffix.is_some() {
        payment(&headers, service, method, &path, &texts);
    }
    passed_on(&headers);
}

struct Texts {
    good: (String, String),
    stranger: (String, String),
}

impl Texts {
    fn new(service: &str, method: &str, path: &str) -> Texts {
        let account = AccountId { user: keys::address(0), provider: PROVIDER };
        let voucher = Voucher { account, epoch: 3, cumulative: Neuron::new(1_000) };
        let auth = RequestAuth {
            request: RequestId::new([7; 32]),
            account,
            service: service.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            body_hash: B256::repeat_byte(8),
            price_version: 9,
            max_fee: Neuron::new(10),
            expiry: Timestamp::from_seconds(time().0.as_seconds() + 60),
        };
        let by = |key| {
            (
                encode_voucher(&keys::voucher(key, voucher, &domain())),
                encode_request_auth(&keys::authorisation(key, auth.clone(), &domain())),
            )
        };
        Texts { good: by(0), stranger: by(3) }
    }

    fn filled(&self, value: &str) -> String {
        value
            .replace("$V", &self.good.0)
            .replace("$R", &self.good.1)
            .replace("$v", &self.stranger.0)
            .replace("$r", &self.stranger.1)
    }
}

fn payment(headers: &HeaderMap, service: &str, method: &str, path: &str, texts: &Texts) {
    let (now, settings) = time();
    let (domain, page) = (domain(), page(0));
    let offered = Offered { provider: PROVIDER, domain: &domain, service, method, path, seals: None };
    let only = |name: &str, text: &str| {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        values.len() == 1 && values[0].as_bytes() == text.as_bytes()
    };
    let right = only(VOUCHER_HEADER, &texts.good.0) && only(REQUEST_HEADER, &texts.good.1);
    match verify_payment(headers, &offered, &page, &settings, now) {
        Ok((voucher, auth)) => {
            assert!(right, "a payment counts that is not the one signed pair: {headers:?}");
            assert_eq!((encode_voucher(&voucher), encode_request_auth(&auth)), texts.good);
        }
        Err(refusal) => {
            assert!(!right, "{refusal}");
            let told = refusal.to_string();
            assert!(told.len() < 4_000 && !told.chars().any(super::text::is_hostile), "{told:?}");
            assert!(refusal.status().is_client_error() && !refusal.code().is_empty());
        }
    }
}

/// Headers that say who asks, from where, or belong to one connection; not the program's own list.
const NEVER_TO_SERVICE: [&str; 22] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-api-key",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-http-method-override",
    "x-real-ip",
];

fn passed_on(headers: &HeaderMap) {
    let operator = [(HeaderName::from_static("x-operator"), HeaderValue::from_static("secret"))];
    let provider = to_provider(headers);
    let upstream = to_upstream(headers, &operator);
    for sent in [&provider, &upstream] {
        for name in NEVER_TO_SERVICE {
            assert!(!sent.contains_key(name), "{name} goes on");
        }
    }
    for framing in [Framing::Unchanged, Framing::Changed] {
        let answer = to_caller(headers, framing);
        for name in
            ["set-cookie", "connection", "transfer-encoding", "access-control-allow-origin", "alt-svc"]
        {
            assert!(!answer.contains_key(name), "{name} comes back");
        }
        only_of(&answer, headers, &[]);
        assert!(framing == Framing::Unchanged || !answer.contains_key("content-length"));
    }
    only_of(&provider, headers, &["accept-encoding"]);
    only_of(&upstream, headers, &["accept-encoding", "x-operator"]);
    assert_eq!(upstream.get_all("x-operator").iter().collect::<Vec<_>>(), ["secret"]);
    assert_eq!(upstream.get_all("accept-encoding").iter().collect::<Vec<_>>(), ["identity"]);
    assert_eq!(provider.get_all("accept-encoding").iter().collect::<Vec<_>>(), ["identity"]);
    // A second broker changes nothing more.
    assert_eq!(to_provider(&provider), provider);
}

/// Every header that is passed on is one that came, none of them ours, none that `Connection` names.
fn only_of(sent: &HeaderMap, came: &HeaderMap, new: &[&str]) {
    let named: Vec<String> = came
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in sent.keys().filter(|name| !new.contains(&name.as_str())) {
        assert!(!name.as_str().starts_with("zg-"), "{name} is passed on");
        assert!(!named.iter().any(|other| other == name.as_str()), "{name} belongs to one connection");
        let values = |map: &HeaderMap| map.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(values(sent), values(came), "{name} changed");
    }
}
