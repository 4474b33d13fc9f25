//! What follows a service's name in a request: checked, and joined to the service's own URL.
//!
//! An application, and at the provider a stranger, chooses the suffix of every paid call. It must not leave the
//! service's root, and both brokers must read it alike, for the suffix is part of what the user signs. So a
//! [`Suffix`] is in one canonical form that no URL library rewrites, and whatever two programs might read differently
//! (dot segments, encoded slashes, control bytes, …) is refused, not repaired.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::chat::Endpoint;

pub use super::charge::{Charge, charge};
/// Why a suffix or a base URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path has a `.` or `..` segment")]
    DotSegment,
    #[error("the path has an empty segment (`//`)")]
    EmptySegment,
    #[error("the path has a backslash or an encoded slash, backslash or percent sign")]
    EncodedSeparator,
    #[error("the path has a control character or a space")]
    Control,
    #[error("the path is an absolute URL")]
    Absolute,
    #[error("the path has a fragment (`#`)")]
    Fragment,
    #[error("the path has a broken percent escape or is not UTF-8")]
    BadEscape,
    #[error("the path is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("a service URL is http:// or https:// with a host, without user name, password and fragment")]
    BadBase,
    #[error("the path leaves the root of the service")]
    OutsideRoot,
}

/// Path and query together.
const MAX_LENGTH: usize = 8 << 10;

/// What URL libraries escape by themselves in a path …
const PATH_ESCAPES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'^')
    .add(b'?');
/// … and in a query.
const QUERY_ESCAPES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');

/// The checked suffix of a service call: empty, or a path that begins with `/`; and a query.
///
/// Its text ([`Display`](fmt::Display)) is what the request authorisation is signed over and what goes on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Suffix {
    path: String,
    query: Option<String>,
}

impl Suffix {
    /// Reads everything after the service's name: `""`, `/chat/completions?x=1`, `chat/completions`.
    ///
    /// A lone `/` is the empty suffix. Characters that may not stand in a URL (quotes, angle brackets, non-ASCII)
    /// are percent-encoded as every URL library does; everything else, the query included, is kept byte by byte.
    /// Reading the text of a suffix gives the same suffix.
    pub fn parse(text: &str) -> Result<Suffix, PathError> {
        if text.len() > MAX_LENGTH {
            return Err(PathError::TooLong);
        }
        if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(PathError::Control);
        }
        if text.contains('#') {
            return Err(PathError::Fragment);
        }
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        if path.contains('\\') {
            return Err(PathError::EncodedSeparator);
        }
        if has_scheme(path) {
            return Err(PathError::Absolute);
        }
        let inner = path.strip_prefix('/').unwrap_or(path);
        let mut canonical = String::new();
        if !inner.is_empty() {
            let last = inner.split('/').count() - 1;
            for (at, segment) in inner.split('/').enumerate() {
                if segment.is_empty() && (at != last || at == 0) {
                    return Err(PathError::EmptySegment);
                }
                check_segment(segment)?;
                canonical.push('/');
                canonical.extend(utf8_percent_encode(segment, PATH_ESCAPES));
            }
        }
        if canonical.len() > MAX_LENGTH {
            return Err(PathError::TooLong);
        }
        let query = query.map(|query| utf8_percent_encode(query, QUERY_ESCAPES).to_string());
        Ok(Suffix { path: canonical, query })
    }

    /// As received, still percent-encoded; empty or beginning with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The URL that this suffix means under a service's base URL.
    ///
    /// The base may be a root (`https://host/v1`) or a full endpoint (`https://host/v1/chat/completions`): a base
    /// that already ends in the very generation endpoint which the suffix names is taken as it is. A query of the
    /// base is kept, and the suffix's query follows it, without the members that the base sets: many servers believe
    /// the last of two, and the base is its owner's word.
    pub fn join(&self, base: &Url) -> Result<Url, PathError> {
        check_base(base)?;
        let root = base.path().trim_end_matches('/');
        let named_twice = Endpoint::of(&self.path).generates() && root.ends_with(&self.path);
        let path = if named_twice { root.to_owned() } else { format!("{root}{}", self.path) };
        let query = match (base.query().filter(|query| !query.is_empty()), self.query()) {
            (Some(base), Some(own)) => {
                Some([base, &without(own, base)].join("&").trim_end_matches('&').to_owned())
            }
            (base, own) => base.or(own).map(str::to_owned),
        };
        let mut joined = base.clone();
        if !self.path.is_empty() {
            joined.set_path(&path);
        }
        joined.set_query(query.as_deref());
        let within =
            joined.path().strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let same_host = joined.origin() == base.origin() && joined.scheme() == base.scheme();
        if within && same_host && (self.path.is_empty() || joined.path() == path) {
            Ok(joined)
        } else {
            Err(PathError::OutsideRoot)
        }
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

/// The members of a query that another one does not set.
fn without(query: &str, fixed: &str) -> String {
    let name = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
        percent_decode_str(&name).decode_utf8_lossy().to_lowercase()
    };
    let fixed: Vec<String> = fixed.split('&').map(name).collect();
    let kept: Vec<&str> = query.split('&').filter(|pair| !fixed.contains(&name(pair))).collect();
    kept.join("&")
}

/// Whether a URL can be a service's root. Where it points is not looked at here.
pub fn check_base(base: &Url) -> Result<(), PathError> {
    let plain = base.username().is_empty() && base.password().is_none() && base.fragment().is_none();
    let web = matches!(base.scheme(), "http" | "https") && base.has_host();
    if plain && web { Ok(()) } else { Err(PathError::BadBase) }
}

/// `http:…`, `file:…`; a colon later in a path (`models/llama3:8b`) is none.
fn has_scheme(path: &str) -> bool {
    let scheme = path.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    let escapes = segment.match_indices('%').map(|(at, _)| segment.as_bytes().get(at + 1..at + 3));
    for escape in escapes {
        let Some([high, low]) = escape else { return Err(PathError::BadEscape) };
        if !high.is_ascii_hexdigit() || !low.is_ascii_hexdigit() {
            return Err(PathError::BadEscape);
        }
    }
    let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| PathError::BadEscape)?;
    // An encoded percent sign would be decoded once more by some server down the line.
    if decoded.contains(['/', '\\', '%']) {
        return Err(PathError::EncodedSeparator);
    }
    if decoded.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    // `..;x` is `..` to servers that know path parameters, and `.. ` to those that drop blanks.
    let name = decoded.split(';').next().unwrap_or_default().trim();
    if matches!(name, "." | "..") { Err(PathError::DotSegment) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn suffix(text: &str) -> Suffix {
        Suffix::parse(text).unwrap()
    }

    #[test]
    fn hostile_suffixes_are_refused() {
        use PathError::*;
        for (text, error) in [
            ("/..", DotSegment),
            ("/a/../b", DotSegment),
            ("/./a", DotSegment),
            ("..", DotSegment),
            ("/a/..;x=1/b", DotSegment),
            ("/%2e%2e/a", DotSegment),
            ("/%2E./a", DotSegment),
            ("/.%2e", DotSegment),
            ("/..%3bx", DotSegment),
            ("/..%20/a", DotSegment),
            ("/%20.%20;x/a", DotSegment),
            ("//chat/completions", EmptySegment),
            ("/chat//completions", EmptySegment),
            ("//evil.example/x", EmptySegment),
            ("/a//", EmptySegment),
            ("//", EmptySegment),
            ("/a%2fb", EncodedSeparator),
            ("/a%2F..%2fb", EncodedSeparator),
            ("/a%5cb", EncodedSeparator),
            ("/a\\b", EncodedSeparator),
            ("\\\\evil", EncodedSeparator),
            ("/%252e%252e/a", EncodedSeparator),
            ("/a%25", EncodedSeparator),
            ("http://evil.example/", Absolute),
            ("file:///etc/passwd", Absolute),
            ("javascript:x", Absolute),
            ("/a\0b", Control),
            ("/a\r\nHost: x", Control),
            ("/a\tb", Control),
            ("/a b", Control),
            ("/a?x=\n", Control),
            ("/a?x y", Control),
            ("/a%00", Control),
            ("/a%0d%0a", Control),
            ("/a%7f", Control),
            ("/a%c2%85", Control),
            ("/a#b", Fragment),
            ("/a?x#b", Fragment),
            ("/a%", BadEscape),
            ("/a%4", BadEscape),
            ("/a%zz", BadEscape),
            ("/a%ff", BadEscape),
            ("/a%c0%ae", BadEscape),
            (&"/a".repeat(5000), TooLong),
        ] {
            assert_eq!(Suffix::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn honest_suffixes_are_kept() {
        for text in [
            "",
            "/chat/completions",
            "/chat/completions/",
            "/chat/completions?x=1&y=%2f..%2F&z=a//b",
            "/a?",
            "/a?b?c",
            "/models/llama3:8b",
            "/a...b/.well-known/..c",
            "/a%20b",
            "?x=1",
            "/a;v=1",
        ] {
            assert_eq!(suffix(text).to_string(), text);
        }
        assert_eq!(suffix("/").to_string(), "");
        assert_eq!(suffix("/?x").to_string(), "?x");
        assert_eq!(suffix("chat").to_string(), "/chat");
        assert_eq!(suffix("/大\"?q='大'").to_string(), "/%E5%A4%A7%22?q=%27%E5%A4%A7%27");
    }

    #[test]
    fn joining_stays_under_the_base() {
        for (base, text, joined) in [
            ("http://h:1/v1", "/chat/completions", "http://h:1/v1/chat/completions"),
            ("http://h:1/v1/", "/chat/completions?a=1", "http://h:1/v1/chat/completions?a=1"),
            ("http://h:1", "/a", "http://h:1/a"),
            ("http://h:1", "", "http://h:1/"),
            ("http://h:1/v1/chat/completions", "", "http://h:1/v1/chat/completions"),
            ("http://h:1/v1/chat/completions", "?x=1", "http://h:1/v1/chat/completions?x=1"),
            ("http://h:1/v1/chat/completions", "/chat/completions", "http://h:1/v1/chat/completions"),
            ("http://h:1/v1/chat/completions", "/models", "http://h:1/v1/chat/completions/models"),
            ("http://h:1/models", "/models", "http://h:1/models/models"),
            ("http://h:1/a?k=1", "/b", "http://h:1/a/b?k=1"),
            ("http://h:1/a?k=1", "/b?c=2", "http://h:1/a/b?k=1&c=2"),
            ("http://h:1/a?k=1", "/b?K=2&c=3&%6b=4&k", "http://h:1/a/b?k=1&c=3"),
            ("http://h:1/a?k=1", "/b?k=2", "http://h:1/a/b?k=1"),
            ("http://h:1/a/", "", "http://h:1/a/"),
            ("https://h/x", "/@evil:80", "https://h/x/@evil:80"),
        ] {
            assert_eq!(
                suffix(text).join(&Url::parse(base).unwrap()).map(String::from),
                Ok(joined.to_owned()),
                "{base} {text}"
            );
        }
        for bad in ["ftp://h/", "http://u@h/", "http://u:p@h/", "http://h/#a", "data:x", "unix:/a"] {
            assert_eq!(suffix("").join(&Url::parse(bad).unwrap()), Err(PathError::BadBase), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_suffix_survives_every_url_library(text in "(/[ -~ä大%.]{0,8}){0,4}(\\?[ -~ä大]{0,12})?") {
            if let Ok(suffix) = Suffix::parse(&text) {
                prop_assert_eq!(Suffix::parse(&suffix.to_string()).unwrap(), suffix.clone());
                let base = Url::parse("http://127.0.0.1:9/v1").unwrap();
                let joined = suffix.join(&base).unwrap();
                prop_assert_eq!(joined.path(), format!("/v1{}", suffix.path()));
                prop_assert_eq!(joined.query(), suffix.query());
                let parsed = Url::parse(joined.as_str()).unwrap();
                prop_assert_eq!(&parsed, &joined);
                prop_assert!(joined.as_str().parse::<http::Uri>().is_ok());
            }
        }
    }
}
