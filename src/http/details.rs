//! What the details of an error hold, by its code, as the OpenAPI documents tell it. Each broker has its own in
//! `user::details` and `provider::details`; here are those of both.

use super::field::{COUNT, Field, Kind, Shape, TEXT, optional, required};

/// A code with what its details hold. A code that is in no table has none.
pub(super) type Details = (&'static str, &'static Shape);

/// One static shape for each code's details.
macro_rules! shapes {
    ($($shape:ident, $name:literal, $code:literal: [$($field:expr),+ $(,)?];)+) => {
        $(pub(in crate::http) static $shape: $crate::http::field::Shape = $crate::http::field::Shape {
            name: $name,
            about: concat!("The details of the error `", $code, "`."),
            fields: &[&[$($field),+]],
        };)+
    };
}
pub(super) use shapes;

shapes! {
    BAD_INPUT, "BadInputDetails", "bad_input": [
        required("field", TEXT, "The field of the body, the query or the head that is wrong."),
    ];
    BODY_TOO_LARGE, "BodyTooLargeDetails", "body_too_large": [required("limit", COUNT, "Bytes that are taken.")];
    NOT_READY, "NotReadyDetails", "not_ready": [
        required("reasons", REASONS, "Why not."),
        optional("degraded", REASONS, "What else does not work, though it is no reason."),
    ];
}

const REASONS: Kind = Kind::List(&Kind::Object(&OBSTACLE));
static OBSTACLE: Shape = Shape {
    name: "Obstacle",
    about: "Why a broker is not ready.",
    fields: &[&[required("code", TEXT, "For programs."), required("message", TEXT, "For people.")]],
};

pub(super) const OPERATION: Field = required("operationID", Kind::Id(32), "The operation that it is about.");

pub(super) const SHARED: &[Details] =
    &[("bad_input", &BAD_INPUT), ("body_too_large", &BODY_TOO_LARGE), ("not_ready", &NOT_READY)];

/// For tests: holds an answer against what the document says of errors. Details that no table has are told.
#[cfg(test)]
pub(crate) async fn told(problem: super::Problem, document: &serde_json::Value, tables: &[Details]) {
    use axum::response::IntoResponse;

    let body = axum::body::to_bytes(problem.into_response().into_body(), 1 << 20).await.unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let error = &body["error"];
    let code = error["code"].as_str().unwrap_or_default();
    let known = SHARED.iter().chain(tables).any(|(known, _)| *known == code);
    assert!(known || error.get("details").is_none(), "no table has the details of {code}: {body}");
    let schema = &document["components"]["schemas"]["Error"];
    super::document::fits(schema, &body, document).unwrap_or_else(|why| panic!("{code}: {why}"));
}
