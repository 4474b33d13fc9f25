//! What the user broker says no with, in HTTP: a total match each, so that a new error cannot be forgotten.

use http::StatusCode;

use crate::broker::user::{CallRefusal, ModelError, TermsError, UpstreamError, UserError};
use crate::domain::Neuron;
use crate::http::Problem;
use crate::http::list::bad_cursor;

fn text(amount: Neuron) -> String {
    amount.to_string()
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Problem {
        use UserError as E;
        let say = |status, code| Problem::new(status, code, error.to_string());
        match &error {
            E::ReadOnly => say(StatusCode::FORBIDDEN, "read_only"),
            E::DelegatesOnly => say(StatusCode::FORBIDDEN, "delegates_only"),
            E::UnknownProvider(provider) => {
                say(StatusCode::NOT_FOUND, "unknown_provider").with("provider", provider.to_string())
            }
            E::NoAccount(provider) => {
                say(StatusCode::NOT_FOUND, "no_account").with("provider", provider.to_string())
            }
            E::AccountExists(provider) => {
                say(StatusCode::CONFLICT, "account_exists").with("provider", provider.to_string())
            }
            E::OwnAddress(_) => say(StatusCode::BAD_REQUEST, "own_address").with("field", "provider"),
            E::ZeroAmount => say(StatusCode::BAD_REQUEST, "bad_input").with("field", "amount"),
            E::TooLarge { .. } => say(StatusCode::BAD_REQUEST, "bad_input").with("field", "amount"),
            E::InsufficientFunds { needed, available } => {
                say(StatusCode::PAYMENT_REQUIRED, "insufficient_funds")
                    .with("needed", text(*needed))
                    .with("available", text(*available))
                    .with("missing", text(needed.above(*available)))
            }
            E::NotFree { asked, free } => {
                say(StatusCode::CONFLICT, "not_free").with("asked", text(*asked)).with("free", text(*free))
            }
            E::RefundPending { amount, unlock_at } => say(StatusCode::CONFLICT, "refund_pending")
                .with("amount", text(*amount))
                .with("unlockAt", unlock_at.to_string()),
            E::NoRefund(_) => say(StatusCode::NOT_FOUND, "no_refund"),
            E::RefundLocked { unlock_at } => {
                say(StatusCode::CONFLICT, "refund_locked").with("unlockAt", unlock_at.to_string())
            }
            E::UnknownService { provider, service } => say(StatusCode::NOT_FOUND, "unknown_service")
                .with("provider", provider.to_string())
                .with("service", service.to_string()),
            E::UnknownRequest(_) => say(StatusCode::NOT_FOUND, "unknown_request"),
            E::NoReceipt(_) => say(StatusCode::NOT_FOUND, "no_receipt"),
            E::NotDisputed { state, .. } => {
                say(StatusCode::CONFLICT, "not_disputed").with("status", state.as_str())
            }
            E::AcceptedBefore(_) => say(StatusCode::CONFLICT, "accepted_before"),
            E::OtherAmount { request, amount, disputed } => say(StatusCode::CONFLICT, "other_amount")
                .with("field", "amount")
                .with("requestID", request.to_string())
                .with("amount", text(*amount))
                .with("disputed", text(*disputed)),
            E::NotItsReceipt(_) => say(StatusCode::CONFLICT, "not_its_receipt"),
            E::UnknownOperation(_) => say(StatusCode::NOT_FOUND, "unknown_operation"),
            E::KeyReused => say(StatusCode::CONFLICT, "idempotency_key_reused"),
            E::BadCursor => bad_cursor(),
            E::Model(ModelError::Unknown { model, near }) => say(StatusCode::NOT_FOUND, "unknown_model")
                .with("model", model.clone())
                .with("near", near.clone()),
            E::Model(ModelError::Ambiguous { candidates, .. }) => {
                say(StatusCode::BAD_REQUEST, "ambiguous_model").with("candidates", candidates.clone())
            }
            E::Send(sending) if sending.is_transient() => {
                say(StatusCode::SERVICE_UNAVAILABLE, "not_sent").retry_after(5)
            }
            E::Send(_) => say(StatusCode::CONFLICT, "refused"),
            E::Chain(_) => say(StatusCode::SERVICE_UNAVAILABLE, "chain_unavailable").retry_after(5),
            E::Store(_) if error.is_disk_full() => Problem::disk_full(),
            E::Store(inner) => Problem::internal(inner),
            E::Key(inner) => Problem::internal(inner),
            E::Client(inner) => Problem::internal(inner),
        }
    }
}

impl From<CallRefusal> for Problem {
    fn from(refusal: CallRefusal) -> Problem {
        use CallRefusal as R;
        let say = |status, code| Problem::new(status, code, refusal.to_string());
        match refusal {
            R::User(error) => error.into(),
            R::Path(_) => say(StatusCode::BAD_REQUEST, "bad_path"),
            R::Body(ref error) => match error {
                crate::body::BodyError::TooLarge { limit } => {
                    say(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large").with("limit", *limit)
                }
                crate::body::BodyError::Receive(_) => say(StatusCode::BAD_REQUEST, "body_broken"),
                crate::body::BodyError::Busy => say(StatusCode::SERVICE_UNAVAILABLE, "busy").retry_after(5),
                crate::body::BodyError::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                    Problem::disk_full()
                }
                crate::body::BodyError::Disk(error) => Problem::internal(error),
            },
            R::BadBody(_) => say(StatusCode::BAD_REQUEST, "bad_body"),
            R::Quote(_) => say(StatusCode::BAD_REQUEST, "price_too_high"),
            R::NoAccount { provider, needed } => say(StatusCode::NOT_FOUND, "no_account")
                .with("provider", provider.to_string())
                .with("needed", text(needed)),
            R::InsufficientBalance { provider, needed, available, missing } => {
                say(StatusCode::PAYMENT_REQUIRED, "insufficient_balance")
                    .with("provider", provider.to_string())
                    .with("needed", text(needed))
                    .with("available", text(available))
                    .with("missing", text(missing))
                    .with(
                        "how",
                        format!("POST /v1/provider/{provider}/charge {{\"balance\": \"{missing}\"}}"),
                    )
            }
            R::CapReached { cap, limit, needed, available } => say(StatusCode::FORBIDDEN, "cap_reached")
                .with("cap", cap.as_str())
                .with("limit", text(limit))
                .with("needed", text(needed))
                .with("available", text(available)),
            R::ExposureReached { needed, available } => say(StatusCode::FORBIDDEN, "exposure_reached")
                .with("needed", text(needed))
                .with("available", text(available)),
            R::NoKey(provider) => say(StatusCode::FORBIDDEN, "no_key").with("provider", provider.to_string()),
            R::PriceChanged { ref service, seen, now } => say(StatusCode::CONFLICT, "price_changed")
                .with("service", service.to_string())
                .with("seenInputPrice", text(seen.input))
                .with("seenOutputPrice", text(seen.output))
                .with("inputPrice", text(now.input))
                .with("outputPrice", text(now.output)),
            R::Terms(ref error) => match error {
                TermsError::Fetch(error) => upstream(error, refusal.to_string()),
                TermsError::OtherProvider { .. } | TermsError::OtherChain => {
                    say(StatusCode::BAD_GATEWAY, "wrong_provider")
                }
                TermsError::NotServed(_) => say(StatusCode::BAD_GATEWAY, "not_served"),
                TermsError::Disagree { .. } => say(StatusCode::BAD_GATEWAY, "terms_disagree"),
            },
            // Paying would not help, so it is no 402.
            R::ProviderShort { provider, required, signed, ref details } => {
                say(StatusCode::CONFLICT, "provider_disagrees")
                    .with("provider", provider.to_string())
                    .with("required", text(required))
                    .with("signed", text(signed))
                    .with("providerSays", serde_json::to_value(details).unwrap_or_default())
            }
            R::Upstream(ref error) => upstream(error, refusal.to_string()),
            R::Answered { status, .. } => {
                say(StatusCode::BAD_GATEWAY, "provider_failed").with("providerStatus", status)
            }
            R::Repeated { request, state } => say(StatusCode::CONFLICT, "repeated_request")
                .with("requestID", request.to_string())
                .with("status", state.as_str()),
            R::Stopping => say(StatusCode::SERVICE_UNAVAILABLE, "stopping").retry_after(5),
        }
    }
}

fn upstream(error: &UpstreamError, message: String) -> Problem {
    let code = match error {
        UpstreamError::Url(_) => "provider_address_refused",
        UpstreamError::Unreachable { .. } => "provider_unreachable",
        UpstreamError::Broken { .. } => "provider_broke_off",
        UpstreamError::Timeout { .. } => "provider_timeout",
        UpstreamError::Status { .. } => "provider_failed",
        UpstreamError::Garbage { .. } => "provider_nonsense",
    };
    Problem::new(StatusCode::BAD_GATEWAY, code, message)
}
