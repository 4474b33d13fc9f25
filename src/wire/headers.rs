//! Which headers travel where.
//!
//! ```text
//! application ─to_provider─▶ user broker ──▶ provider broker ─to_upstream─▶ model server
//! application ◀──to_caller── user broker ◀── provider broker ◀──to_caller── model server
//! ```
//!
//! Hop-by-hop headers stop at each step, whatever names them. What an application says about itself or its machine
//! (keys, cookies, origins, addresses, client fingerprints) does not leave the user's machine. `zg-…` headers are the
//! brokers' own: none is ever taken over from a neighbour. Repeated headers stay repeated. The length of an answer goes on
//! only where it is the one by which its body was read.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers of the brokers themselves.
const OWN_PREFIX: &str = "zg-";

/// Meant for one connection only (RFC 9110, section 7.6.1, and what older proxies sent).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers of a request that say who asks and from where, or that each sender sets anew.
const PRIVATE: [&str; 40] = [
    "accept-encoding", // set anew
    "api-key",
    "authorization",
    "baggage",
    "cf-connecting-ip",
    "client-ip",
    "content-length", // the sender counts for itself
    "cookie",
    "cookie2",
    "dnt",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "idempotency-key", // ours: it never pays twice
    "openai-organization",
    "openai-project",
    "origin",
    "priority",
    "referer",
    "referrer-policy",
    "save-data",
    "traceparent",
    "tracestate",
    "true-client-ip",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-api-key",
    "x-client-ip",
    // Some servers take these for the method or path; what was signed, classed and metered is the real one.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-requested-with",
    "x-rewrite-url",
];

/// Beginnings of such headers.
const PRIVATE_PREFIXES: [&str; 12] = [
    "access-control-",
    "cf-",
    "fly-",
    "remote-",
    "sec-",
    "x-amzn-",
    "x-b3-",
    "x-datadog-",
    "x-envoy-",
    "x-forwarded-",
    "x-remote-",
    "x-stainless-",
];

/// Words of a name that make its value a credential, whoever invented the header: `x-goog-api-key`, `x-auth-token`.
const CREDENTIALS: [&str; 18] = [
    "apikey",
    "auth",
    "authentication",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "csrf",
    "jwt",
    "key",
    "password",
    "secret",
    "session",
    "sessionid",
    "sid",
    "signature",
    "token",
    "xsrf",
];

const UNENCODED: HeaderValue = HeaderValue::from_static("identity");

/// Whether the body that follows an answer's head is, byte by byte, the one that the head was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Unchanged,
    /// Bytes are added or taken out: lengths and checksums of the body are dropped.
    Changed,
}

/// Of an application's request, what goes to the provider.
///
/// The answer is asked for unencoded, whatever the application would take: a web server before the provider's broker
/// that compresses would change bytes whose hash the receipt already has.
pub fn to_provider(application: &HeaderMap) -> HeaderMap {
    let mut kept = filter(application, |name| is_private(name) || is_own(name));
    kept.insert(header::ACCEPT_ENCODING, UNENCODED);
    kept
}

/// Of a user broker's request, what goes to the model server, and the operator's own headers (its API key).
///
/// An operator's header replaces one of the same name. The answer is asked for unencoded, so that it can be metered
/// and cut at any event.
pub fn to_upstream(request: &HeaderMap, operator: &[(HeaderName, HeaderValue)]) -> HeaderMap {
    let mut kept = filter(request, |name| is_private(name) || is_own(name));
    kept.insert(header::ACCEPT_ENCODING, UNENCODED);
    for (name, _) in operator {
        kept.remove(name);
    }
    for (name, value) in operator {
        let mut value = value.clone();
        value.set_sensitive(true);
        kept.append(name, value);
    }
    kept
}

/// Of an answer, what goes on to whoever asked: one step towards the application.
pub fn to_caller(answer: &HeaderMap, framing: Framing) -> HeaderMap {
    let changed = framing == Framing::Changed;
    let of_another = !is_read_by_its_length(answer);
    filter(answer, |name| {
        let cookie = matches!(name, "set-cookie" | "set-cookie2");
        // Neighbours must not steer a browser's or a client's dealings with the broker in between.
        let site =
            matches!(name, "strict-transport-security" | "alt-svc" | "clear-site-data" | "public-key-pins")
                || name.starts_with("access-control-");
        let body = matches!(
            name,
            "content-length" | "content-md5" | "digest" | "content-digest" | "repr-digest" | "etag"
        );
        cookie
            || site
            || is_own(name)
            || (changed && (body || name == "accept-ranges"))
            || (of_another && name == "content-length")
    })
}

/// Whether the length that an answer states is the one by which its body was read. With chunks the chunks count, and of
/// several lengths none does: whoever believed such a length later would take the rest of the body for the next answer.
fn is_read_by_its_length(answer: &HeaderMap) -> bool {
    let mut lengths = answer.get_all(header::CONTENT_LENGTH).iter();
    let plain = |value: &HeaderValue| {
        let digits = value.as_bytes().iter().all(u8::is_ascii_digit);
        digits && value.to_str().is_ok_and(|text| text.parse::<u64>().is_ok())
    };
    lengths.next().is_some_and(plain)
        && lengths.next().is_none()
        && !answer.contains_key(header::TRANSFER_ENCODING)
}

/// The values of a header as one text, the way HTTP joins them; `None` when it is absent or not text.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Option<Vec<&str>> = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
    values.filter(|values| !values.is_empty()).map(|values| values.join(", "))
}

fn is_own(name: &str) -> bool {
    name.starts_with(OWN_PREFIX)
}

fn is_private(name: &str) -> bool {
    PRIVATE.contains(&name)
        || PRIVATE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.split(['-', '_']).any(|word| CREDENTIALS.contains(&word))
}

fn filter(headers: &HeaderMap, drop: impl Fn(&str) -> bool) -> HeaderMap {
    // Bytes: one that is no text must not hide the names beside it.
    let named: Vec<&[u8]> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let text = name.as_str();
        if !HOP_BY_HOP.contains(&text)
            && !named.iter().any(|other| other.eq_ignore_ascii_case(text.as_bytes()))
            && !drop(text)
        {
            kept.append(name, of_its_own(value));
        }
    }
    kept
}

/// A value that was read from a connection is a part of that connection's buffer, which it would keep in memory, 8 KiB of it,
/// for as long as an answer is under way.
fn of_its_own(value: &HeaderValue) -> HeaderValue {
    let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) else { return value.clone() };
    copy.set_sensitive(value.is_sensitive());
    copy
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    #[test]
    fn what_is_kept_holds_no_connection_buffer() {
        let buffer = bytes::Bytes::from(vec![b'v'; 8192]);
        let mut read = HeaderMap::new();
        let mut secret = HeaderValue::from_maybe_shared(buffer.slice(10..14)).unwrap();
        secret.set_sensitive(true);
        read.insert("x-model", secret);
        for kept in [to_caller(&read, Framing::Unchanged), to_provider(&read)] {
            assert_eq!(kept["x-model"], "vvvv");
            assert!(kept["x-model"].is_sensitive());
            assert!(!buffer.as_ptr_range().contains(&kept["x-model"].as_bytes().as_ptr()));
        }
    }

    #[test]
    fn nothing_private_leaves_the_machine() {
        let hostile = map(&[
            ("Authorization", "Bearer secret"),
            ("X-Api-Key", "secret"),
            ("api-key", "secret"),
            ("Cookie", "a=b"),
            ("Host", "127.0.0.1:1034"),
            ("Origin", "http://localhost"),
            ("Referer", "http://localhost/"),
            ("Forwarded", "for=10.0.0.1"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("X-Real-IP", "10.0.0.1"),
            ("User-Agent", "curl on my machine"),
            ("x-stainless-os", "Linux"),
            ("sec-ch-ua", "x"),
            ("Idempotency-Key", "k"),
            ("Content-Length", "5"),
            ("zg-voucher", "forged"),
            ("ZG-Request", "forged"),
            ("Connection", "close, X-Hop"),
            ("X-Hop", "1"),
            ("TE", "trailers"),
            ("Transfer-Encoding", "chunked"),
            ("Proxy-Authorization", "secret"),
            ("Expect", "100-continue"),
            ("X-Goog-Api-Key", "secret"),
            ("X-Auth-Token", "secret"),
            ("X-CSRF-Token", "secret"),
            ("Ocp-Apim-Subscription-Key", "secret"),
            ("X-Amz-Security-Token", "secret"),
            ("x_session_id", "secret"),
            ("X-Amzn-Trace-Id", "Root=1"),
            ("X-Remote-User", "me"),
            ("CF-Ray", "1"),
        ]);
        let mut sent = to_provider(&hostile);
        assert_eq!(sent.remove("accept-encoding").unwrap(), "identity");
        assert!(sent.is_empty(), "{sent:?}");
        let mut sent = to_upstream(&hostile, &[]);
        sent.remove("accept-encoding");
        assert!(sent.is_empty(), "{sent:?}");
    }

    #[test]
    fn a_byte_that_is_no_text_hides_no_name() {
        let mut headers = map(&[("X-Hop", "1"), ("X-Other", "1"), ("Connection", "x-other")]);
        let value = HeaderValue::from_bytes(b"\xff,\t X-HOP , close").unwrap();
        headers.append(header::CONNECTION, value);
        assert!(to_caller(&headers, Framing::Unchanged).is_empty());
    }

    #[test]
    fn what_the_service_needs_is_kept() {
        let sent = to_provider(&map(&[
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
            ("Accept", "text/event-stream"),
            ("Accept-Encoding", "gzip;q=0.5"),
            ("Accept-Encoding", "lzma, br"),
            ("X-Custom", "1"),
            ("X-Custom", "2"),
            // Words that only look like those of credentials.
            ("X-Max-Tokens", "7"),
            ("X-Keyboard", "de"),
            ("Range", "bytes=0-9"),
        ]));
        assert_eq!(sent["content-type"], "application/json");
        assert_eq!(sent["content-encoding"], "gzip");
        assert_eq!(sent.get_all("accept-encoding").iter().collect::<Vec<_>>(), ["identity"]);
        assert_eq!(sent.get_all("x-custom").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(joined(&sent, &HeaderName::from_static("x-custom")).unwrap(), "1, 2");
        assert_eq!(sent["x-max-tokens"], "7");
        assert_eq!(sent["x-keyboard"], "de");
        assert_eq!(joined(&sent, &header::AGE), None);
    }

    #[test]
    fn the_operators_headers_win_and_are_secret() {
        let operator = [
            (header::AUTHORIZATION, HeaderValue::from_static("Bearer upstream")),
            (HeaderName::from_static("x-tenant"), HeaderValue::from_static("us")),
        ];
        let sent = to_upstream(
            &map(&[("X-Tenant", "me"), ("Accept-Encoding", "br"), ("zg-voucher", "v")]),
            &operator,
        );
        assert_eq!(sent["authorization"], "Bearer upstream");
        assert_eq!(sent.get_all("x-tenant").iter().collect::<Vec<_>>(), ["us"]);
        assert_eq!(sent["accept-encoding"], "identity");
        assert!(!format!("{sent:?}").contains("upstream"));
        assert_eq!(sent.len(), 3);
    }

    #[test]
    fn answers_lose_only_what_must_stop() {
        let answer = map(&[
            ("Content-Type", "text/event-stream"),
            ("Content-Length", "99"),
            ("ETag", "x"),
            ("Set-Cookie", "a=b"),
            ("Set-Cookie", "c=d"),
            ("Connection", "x-private"),
            ("X-Private", "1"),
            ("Keep-Alive", "1"),
            ("zg-receipt", "forged"),
            ("Access-Control-Allow-Origin", "*"),
            ("Strict-Transport-Security", "max-age=1"),
            ("Warning", "a"),
            ("Warning", "b"),
            ("Retry-After", "3"),
        ]);
        let passed = to_caller(&answer, Framing::Unchanged);
        assert_eq!(passed.get_all("warning").iter().count(), 2);
        assert_eq!(passed["content-length"], "99");
        assert_eq!(passed["retry-after"], "3");
        assert_eq!(passed.len(), 6);
        let changed = to_caller(&answer, Framing::Changed);
        assert!(!changed.contains_key("content-length") && !changed.contains_key("etag"));
        assert_eq!(changed.len(), 4);
    }

    #[test]
    fn a_length_goes_on_only_where_the_body_has_it() {
        let kept = |headers: &[(&str, &str)]| {
            let passed = to_caller(&map(headers), Framing::Unchanged);
            passed
                .get_all(header::CONTENT_LENGTH)
                .iter()
                .map(|value| value.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(&[("Content-Length", "99")]), [b"99"]);
        // Chunks count before a length, so the length is of nothing, and what is behind it is another answer to whoever
        // takes it for true.
        for coding in ["chunked", "gzip, chunked", "identity", ""] {
            let answer = [("Content-Length", "2"), ("Transfer-Encoding", coding)];
            assert!(kept(&answer).is_empty(), "{coding}");
        }
        assert!(kept(&[("Content-Length", "2"), ("Content-Length", "2")]).is_empty());
        for odd in ["", "2, 2", "+2", "-2", "0x2", "2 2", "2.0", "18446744073709551616", "two"] {
            assert!(kept(&[("Content-Length", odd)]).is_empty(), "{odd}");
        }
    }
}
