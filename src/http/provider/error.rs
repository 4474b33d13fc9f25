//! What the provider broker says no with, in HTTP: total matches, so that a new error cannot be forgotten.

use http::StatusCode;

use crate::broker::provider::{ProviderError, ProxyRefusal};
use crate::http::Problem;

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Problem {
        use ProviderError as E;
        let say = |status, code| Problem::new(status, code, error.to_string());
        match &error {
            E::Settings(_) => say(StatusCode::BAD_REQUEST, "bad_settings"),
            E::BadInput { field, .. } => say(StatusCode::BAD_REQUEST, "bad_input").with("field", *field),
            E::UnknownService(_) => say(StatusCode::NOT_FOUND, "unknown_service"),
            E::UnknownUser(_) => say(StatusCode::NOT_FOUND, "unknown_user"),
            E::UnknownRequest(_) => say(StatusCode::NOT_FOUND, "unknown_request"),
            E::UnknownOperation(_) => say(StatusCode::NOT_FOUND, "unknown_operation"),
            E::ServiceBusy(_) => say(StatusCode::CONFLICT, "service_busy").retry_after(2),
            E::ServiceExists(name) => {
                say(StatusCode::CONFLICT, "service_exists").with("service", name.to_string())
            }
            E::OtherType { .. } => say(StatusCode::CONFLICT, "other_type"),
            E::SettlementRunning { operation } => say(StatusCode::CONFLICT, "settlement_running")
                .with("operationID", operation.map(|id| id.to_string())),
            E::Reverted { operation, .. } => {
                say(StatusCode::CONFLICT, "reverted").with("operationID", operation.to_string())
            }
            E::NotSent(sending) if sending.is_transient() => {
                say(StatusCode::SERVICE_UNAVAILABLE, "not_sent").retry_after(5)
            }
            E::NotSent(_) => say(StatusCode::CONFLICT, "refused"),
            E::Chain(_) => say(StatusCode::SERVICE_UNAVAILABLE, "chain_unavailable").retry_after(5),
            E::Stopping => say(StatusCode::SERVICE_UNAVAILABLE, "stopping").retry_after(5),
            E::Store(_) if error.is_disk_full() => Problem::disk_full(),
            E::Store(_) | E::Key(_) | E::Client(_) | E::WrongSender => Problem::internal(&error),
        }
    }
}

impl From<ProxyRefusal> for Problem {
    fn from(refusal: ProxyRefusal) -> Problem {
        let problem = Problem::of(refusal.status(), refusal.fault());
        match refusal.retry_after() {
            Some(seconds) => problem.retry_after(seconds),
            None => problem,
        }
    }
}
