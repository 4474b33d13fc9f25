//! The answer to whether a broker is ready: 200, or 503 with every reason.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::Problem;
use super::field::{Kind, Shape, required};
use crate::domain::Obstacle;

/// Asked every few seconds by whoever leads requests here; a no is no fault of the broker that its log should tell of.
pub(super) const PATH: &str = "/ready";

pub(super) static READY: Shape = Shape {
    name: "Ready",
    about: "That it is ready.",
    fields: &[&[required("Status", Kind::Words(&["ready"]), "Always ready; what is not is a 503.")]],
};

pub(super) fn answer(obstacles: Vec<Obstacle>) -> Response {
    if obstacles.is_empty() {
        return Json(json!({"Status": "ready"})).into_response();
    }
    let message = obstacles.iter().map(|obstacle| obstacle.says.as_str()).collect::<Vec<_>>().join("; ");
    let reasons: Vec<Value> =
        obstacles.iter().map(|obstacle| json!({"code": obstacle.code, "message": obstacle.says})).collect();
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message)
        .with("reasons", reasons)
        .retry_after(5)
        .into_response()
}
