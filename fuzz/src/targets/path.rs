//! What follows a service's name never leaves the root of the service, however it is encoded (S20).

use percent_encoding::percent_decode_str;
use url::Url;
use zgserve_tui::wire::chat::Endpoint;
use zgserve_tui::wire::path::{Suffix, check_base};

use super::input::Input;

const BASES: [&str; 6] = [
    "http://127.0.0.1:9",
    "https://host.example/v1",
    "https://host.example/v1/",
    "http://[::1]:8000/a/b?key=1&k=2",
    "https://host.example/v1/chat/completions",
    "http://host.example/%20x/;p=1",
];

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let base = BASES[input.below(BASES.len())];
    let text = String::from_utf8_lossy(input.rest());
    // The text may also be the base: an operator or the chain names it.
    if let Ok(url) = Url::parse(&text)
        && check_base(&url).is_ok()
    {
        assert!(
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
        );
        let _ = Suffix::parse("/chat/completions").map(|suffix| suffix.join(&url));
    }
    let Ok(suffix) = Suffix::parse(&text) else { return };
    let written = suffix.to_string();
    assert_eq!(
        Suffix::parse(&written).as_ref(),
        Ok(&suffix),
        "the text of a suffix is not its own: {written:?}"
    );
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
    assert!(suffix.path().is_empty() || suffix.path().starts_with('/'));
    let base = Url::parse(base).unwrap();
    let joined = suffix.join(&base).unwrap_or_else(|error| panic!("{written:?} under {base}: {error}"));
    assert_eq!(joined.origin(), base.origin());
    assert!(joined.username().is_empty() && joined.password().is_none() && joined.fragment().is_none());
    stays_within(&joined, &base, &suffix);
    // What goes on the wire is what was joined, whoever parses it.
    assert_eq!(Url::parse(joined.as_str()).as_ref(), Ok(&joined));
    let uri: http::Uri = joined.as_str().parse().unwrap();
    assert_eq!((uri.path(), uri.query()), (joined.path(), joined.query()));
    fixed_members_stay(&joined, &base);
}

/// As the most obliging server would read it: escapes decoded as often as there are any, backslashes as slashes, path
/// parameters dropped, dot segments followed.
fn stays_within(joined: &Url, base: &Url, suffix: &Suffix) {
    let root = base.path().trim_end_matches('/');
    let rest = joined.path().strip_prefix(root).unwrap_or_else(|| panic!("{joined} is not under {base}"));
    assert!(rest.is_empty() || rest.starts_with('/'), "{joined} is not under {base}");
    let named_twice = Endpoint::of(suffix.path()).generates() && root.ends_with(suffix.path());
    assert!(named_twice || rest == suffix.path() || suffix.path().is_empty(), "{rest:?} is not {suffix}");
    let mut rest = rest.to_owned();
    for _ in 0..4 {
        rest = percent_decode_str(&rest).decode_utf8_lossy().into_owned();
    }
    for segment in rest.split(['/', '\\']) {
        let name = segment.split(';').next().unwrap_or_default();
        assert!(!matches!(name.trim(), "." | ".."), "{joined} has a dot segment");
        assert!(!segment.chars().any(char::is_control), "{joined} has a control character");
    }
}

/// What the base says in its query is said once and last word.
fn fixed_members_stay(joined: &Url, base: &Url) {
    for (name, value) in base.query_pairs() {
        let found: Vec<_> =
            joined.query_pairs().filter(|(other, _)| other.eq_ignore_ascii_case(&name)).collect();
        assert!(found.len() == 1 && found[0].1 == value, "{joined} changes {name} of {base}");
    }
}
