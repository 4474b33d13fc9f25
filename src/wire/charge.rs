//! Which calls are free: a list of pages that are asked for with GET and no body. All else is paid for.

use http::Method;

use super::path::Suffix;
use crate::domain::ServiceKind;

/// Whether a call costs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    Free,
    Charged,
}

/// Classes a call. Whatever is not surely free is charged: an unknown endpoint, an empty suffix, any case or
/// slash variant of a free one. A query never makes a call free.
///
/// Free for every kind: `OPTIONS` and `HEAD` without a body, whose answers have none. Free for a chatbot: `GET` without
/// a body of `/models` and `/models/{id}`, also under one version segment (`/v1/models`), and of `/health` and `/version`.
/// For zgStorage every other call is charged by the bytes of its bodies.
pub fn charge(kind: ServiceKind, method: &Method, suffix: &Suffix, has_body: bool) -> Charge {
    if has_body {
        return Charge::Charged;
    }
    let free = match kind {
        _ if *method == Method::OPTIONS => true,
        ServiceKind::Chatbot => {
            (method == Method::GET || method == Method::HEAD) && is_free_page(suffix.path())
        }
        ServiceKind::ZgStorage => method == Method::HEAD,
    };
    if free { Charge::Free } else { Charge::Charged }
}

fn is_free_page(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let version = |segment: &str| {
        segment.strip_prefix('v').is_some_and(|number| {
            !number.is_empty() && number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    match segments[..] {
        ["health" | "version" | "models"] => true,
        [first, "models"] => version(first),
        ["models", id] => !id.is_empty(),
        [first, "models", id] => version(first) && !id.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn only_the_listed_pages_are_free() {
        let chat = |method: Method, text: &str| {
            charge(ServiceKind::Chatbot, &method, &Suffix::parse(text).unwrap(), false)
        };
        for text in [
            "/models",
            "/v1/models",
            "/models/llama7b",
            "/v1/models/llama3:8b",
            "/models?x=1",
            "/health",
            "/version",
        ] {
            assert_eq!(chat(Method::GET, text), Charge::Free, "{text}");
            assert_eq!(chat(Method::HEAD, text), Charge::Free, "{text}");
            assert_eq!(chat(Method::POST, text), Charge::Charged, "{text}");
            assert_eq!(
                charge(ServiceKind::Chatbot, &Method::GET, &Suffix::parse(text).unwrap(), true),
                Charge::Charged
            );
            assert_eq!(
                charge(ServiceKind::ZgStorage, &Method::GET, &Suffix::parse(text).unwrap(), false),
                Charge::Charged
            );
        }
        for text in [
            "",
            "?models",
            "/chat/completions",
            "/chat/completions?x=/models",
            "/models/",
            "/Models",
            "/MODELS",
            "/models/a/b",
            "/x/models",
            "/v1/x/models",
            "/health/x",
            "/healthz",
            "/unknown",
            "/api/generate",
            "/models/a/generate",
            "/%6dodels",
        ] {
            assert_eq!(chat(Method::GET, text), Charge::Charged, "{text}");
        }
        assert_eq!(chat(Method::OPTIONS, "/chat/completions"), Charge::Free);
        assert_eq!(chat(Method::HEAD, "/chat/completions"), Charge::Charged);
        assert_eq!(
            charge(ServiceKind::ZgStorage, &Method::HEAD, &Suffix::parse("/x").unwrap(), false),
            Charge::Free
        );
        assert_eq!(
            charge(ServiceKind::ZgStorage, &Method::HEAD, &Suffix::parse("/x").unwrap(), true),
            Charge::Charged
        );
    }
}
