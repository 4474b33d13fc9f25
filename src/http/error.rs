//! The one shape in which an API says no: status, stable code, a sentence that says what to do next, details.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::wire::fault::Fault;

/// An answer that is an error. Every word in it may be shown to the caller.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    fault: Box<Fault>,
    /// Seconds after which trying again makes sense.
    retry_after: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Problem {
        Problem { status, fault: Box::new(Fault::new(code, message)), retry_after: None }
    }

    /// A fault that was put together elsewhere.
    pub fn of(status: StatusCode, fault: Fault) -> Problem {
        Problem { status, fault: Box::new(fault), retry_after: None }
    }

    /// 400 about one field of a body or query.
    pub fn field(field: &str, message: impl std::fmt::Display) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad_input", format!("{field}: {message}")).with("field", field)
    }

    pub fn not_found(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// There is no room to write anything down, so nothing was promised.
    pub fn disk_full() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "disk_full",
            "the disk that holds this broker's data is full; free some space and try again, nothing was paid or lost",
        )
    }

    /// Something of ours broke. The cause goes to the log, never to the caller.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Problem {
        tracing::error!(error = %Chain(cause), "a request failed inside");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "internal",
            "the broker could not do it just now; its log says why, under this answer's x-request-id",
        )
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Problem {
        self.fault.details.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn with_all(mut self, value: &impl serde::Serialize) -> Problem {
        *self.fault = self.fault.with_all(value);
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &str {
        &self.fault.code
    }

    pub fn message(&self) -> &str {
        &self.fault.message
    }

    /// The same about a field that the caller knows by another name.
    #[must_use]
    pub fn renamed(mut self, ours: &str, theirs: &str) -> Problem {
        if let Some(field) = self.fault.details.get_mut("field")
            && field == ours
        {
            *field = theirs.into();
        }
        self
    }
}

/// A fault as it is sent: what clients of OpenAI's API look for stands beside our own words.
#[derive(Serialize)]
struct Sent<'a> {
    #[serde(flatten)]
    fault: &'a Fault,
    r#type: &'static str,
    param: Option<&'a serde_json::Value>,
}

/// The kinds of error that OpenAI's API tells apart.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let fault = &*self.fault;
        let sent = Sent { fault, r#type: kind(self.status), param: fault.details.get("field") };
        let mut response = (self.status, Json(serde_json::json!({ "error": sent }))).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::CONFLICT {
            // OpenAI's clients repeat a call that met a conflict by themselves. Ours are decisions: repeating a call whose price
            // has risen accepts the price.
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An error with all its causes, for the log.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// What lists the routes of a listener.
pub const PAGE_LISTS: &str = "GET / lists what there is";

/// Answers what no route matches. `lists` says what there is.
pub fn no_route(method: &http::Method, uri: &http::Uri, lists: &str) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(StatusCode::NOT_FOUND, "no_such_route", format!("there is no {method} {path} here; {lists}"))
}

/// Answers a method that a path does not have.
pub fn no_method(method: &http::Method, uri: &http::Uri, lists: &str) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{path} does not take {method}; {lists}"),
    )
}
