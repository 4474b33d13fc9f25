//! The answer to whether a broker is ready: 200, with what does not work all the same, or 503 with every reason.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::Problem;
use super::field::{Kind, Shape, TEXT, optional, required};
use crate::domain::{Obstacle, Readiness};

/// Asked every few seconds by whoever leads requests here; a no is no fault of the broker that its log should tell of.
pub(super) const PATH: &str = "/ready";

pub(super) static READY: Shape = Shape {
    name: "Ready",
    about: "That it is ready, and what does not work beside paid requests.",
    fields: &[&[
        required("Status", Kind::Words(&["ready"]), "Always ready; what is not is a 503."),
        optional(
            "Degraded",
            Kind::List(&Kind::Object(&DEGRADED)),
            "What does not work while paid requests go on; absent if all does.",
        ),
    ]],
};
static DEGRADED: Shape = Shape {
    name: "Degraded",
    about: "Something that does not work at the moment.",
    fields: &[&[
        required("Code", Kind::Words(&["chain_unreachable"]), "For programs."),
        required("Message", TEXT, "For people."),
    ]],
};

pub(super) fn answer(readiness: Readiness) -> Response {
    let Readiness { obstacles, degraded } = readiness;
    if obstacles.is_empty() {
        let mut ready = json!({"Status": "ready"});
        if !degraded.is_empty() {
            let told = degraded.iter().map(|one| json!({"Code": one.code, "Message": one.says}));
            ready["Degraded"] = told.collect();
        }
        return Json(ready).into_response();
    }
    let message = obstacles.iter().map(|obstacle| obstacle.says.as_str()).collect::<Vec<_>>().join("; ");
    let all = |found: &[Obstacle]| -> Vec<Value> {
        found.iter().map(|one| json!({"code": one.code, "message": one.says})).collect()
    };
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message)
        .with("reasons", all(&obstacles))
        .retry_after(5);
    let problem = if degraded.is_empty() { problem } else { problem.with("degraded", all(&degraded)) };
    problem.into_response()
}
