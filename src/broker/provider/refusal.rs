//! Why a proxied request was not served, in words for the caller and with the status that fits.
//!
//! 402 only where paying helps: a voucher for what has been used, or a deposit. Its details are all that a user needs
//! to heal books that were lost. Inner failures are logged under their kind; the caller hears that it is our side.

use std::time::Duration;

use http::StatusCode;

use crate::domain::{Address, Neuron, Prices, ServiceName};
use crate::wire::auth::DecodeError;
use crate::wire::fault::Fault;
use crate::wire::terms::Shortage;

/// A request that was not served. Nothing is owed for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyRefusal {
    #[error("there is no service {0}; the provider's terms list what is offered")]
    UnknownService(String),
    #[error("the path cannot be passed on: {0}")]
    BadPath(String),
    /// Without payment nothing but the free endpoints answers.
    #[error("the header {0} is missing; this endpoint is paid for by request")]
    PaymentMissing(&'static str),
    #[error("the header {header} cannot be read: {reason}")]
    BadHeader { header: &'static str, reason: DecodeError },
    #[error("the voucher is for the provider {0}, not for this one")]
    WrongProvider(Address),
    #[error("the {what} is not signed by the user or the account's delegate")]
    WrongSigner { what: &'static str },
    #[error("the voucher is of epoch {found}, but the account is in epoch {current}; sign a new one")]
    WrongEpoch { found: u32, current: u32 },
    #[error("the authorisation has expired; sign the request again and check the clock")]
    Expired,
    #[error("the authorisation is good for too long; at most {most} seconds are taken")]
    ExpiryTooFar { most: u64 },
    #[error("the body is not the one that was signed")]
    BodyMismatch,
    #[error("the body did not arrive whole")]
    BodyBroken,
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge { limit: u64 },
    #[error("the body cannot be metered: {0}")]
    BadBody(String),
    /// The highest fee that was signed does not even pay for the request's own input.
    #[error(
        "the highest fee allowed is {max_fee} neuron, and the input alone costs {input_fee}; that leaves nothing for an answer"
    )]
    MaxFeeTooLow { max_fee: Neuron, input_fee: Neuron },
    /// It was written, and nothing of it was handed over. Not a 5xx, which clients answer by asking again.
    #[error(
        "the answer is longer than the highest fee pays for; allow a larger max_tokens or ask for a shorter answer"
    )]
    AnswerAboveMaxFee,
    /// It was written, and nothing of it was handed over: what cannot be counted cannot be paid for.
    #[error(
        "the answer is larger than what can be counted; ask for fewer answers, images or prompts at once, or allow fewer tokens"
    )]
    AnswerTooLarge,
    #[error("{0} has no account with this provider; open one first")]
    UnknownAccount(Address),
    #[error("a request with this id was served before; every request needs an id of its own")]
    Duplicate,
    #[error("the prices of {service} have changed; look at them and sign for version {version}")]
    PriceChanged { service: ServiceName, version: u64, prices: Prices },
    #[error("{most} requests of this user are being served; wait for one to end")]
    TooManyInFlight { most: usize },
    #[error("too many requests; wait a little")]
    TooOften,
    #[error("one user may make {most} requests a minute here; wait {} s", whole_seconds(*.wait))]
    UserTooOften { most: u32, wait: Duration },
    #[error(
        "{most} requests a minute were left before the service could answer; be more patient, and wait {} s",
        whole_seconds(*.wait)
    )]
    LeavesTooOften { most: u32, wait: Duration },
    #[error("{service} serves {most} requests at a time, and all places are taken; try again in a moment")]
    ServiceFull { service: ServiceName, most: u32 },
    #[error("{service} takes {most} requests a minute from all users together; wait {} s", whole_seconds(*.wait))]
    ServiceTooOften { service: ServiceName, most: u32, wait: Duration },
    /// Its operator takes no new requests for it.
    #[error("{0} is paused by its provider and takes no requests; try again later or choose another service")]
    Paused(ServiceName),
    /// A voucher for `required` would help.
    #[error("the voucher does not cover the request; sign one for {} neuron in all", .0.required)]
    VoucherNeeded(Box<Shortage>),
    /// A deposit would help.
    #[error("the account does not cover the request; deposit more or allow a smaller fee")]
    BalanceTooLow(Box<Shortage>),
    /// Its vouchers become void, so what they promise could no longer be settled.
    #[error(
        "the account's delegate changes in {} s, which voids its vouchers; until then no more is served than the credit limit allows, so ask again after that",
        whole_seconds(*.wait)
    )]
    DelegateChanges { wait: Duration },
    #[error(
        "the server behind this service does not answer its provider; nothing was charged. Try again later, or another \
         service"
    )]
    UpstreamUnreachable,
    #[error("the service did not answer within {} seconds", .0.as_secs())]
    UpstreamTimeout(Duration),
    #[error("the service's answer broke off or cannot be metered")]
    UpstreamBroken,
    /// All the memory for bodies is taken.
    #[error("the provider works on too many large requests at the moment; try again in a few seconds")]
    MemoryFull,
    /// The books cannot be written; nothing may be served.
    #[error("the provider cannot write its books at the moment; try again later")]
    StorageFailed,
    /// The chain cannot be asked about an account not seen before.
    #[error("the provider cannot read the chain at the moment; try again later")]
    ChainUnavailable,
    #[error("the provider is stopping; try again later")]
    Stopping,
}

impl ProxyRefusal {
    pub fn status(&self) -> StatusCode {
        use ProxyRefusal as R;
        match self {
            R::BadPath(_)
            | R::BadHeader { .. }
            | R::WrongProvider(_)
            | R::BodyMismatch
            | R::BodyBroken
            | R::BadBody(_)
            | R::MaxFeeTooLow { .. }
            | R::AnswerAboveMaxFee
            | R::AnswerTooLarge => StatusCode::BAD_REQUEST,
            R::PaymentMissing(_)
            | R::WrongSigner { .. }
            | R::WrongEpoch { .. }
            | R::Expired
            | R::ExpiryTooFar { .. } => StatusCode::UNAUTHORIZED,
            R::VoucherNeeded(_) | R::BalanceTooLow(_) => StatusCode::PAYMENT_REQUIRED,
            R::UnknownAccount(_) => StatusCode::FORBIDDEN,
            R::UnknownService(_) => StatusCode::NOT_FOUND,
            R::Duplicate | R::PriceChanged { .. } => StatusCode::CONFLICT,
            R::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            R::TooManyInFlight { .. }
            | R::TooOften
            | R::UserTooOften { .. }
            | R::LeavesTooOften { .. }
            | R::ServiceFull { .. }
            | R::ServiceTooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
            R::UpstreamUnreachable | R::UpstreamTimeout(_) | R::UpstreamBroken => StatusCode::BAD_GATEWAY,
            R::Paused(_)
            | R::MemoryFull
            | R::DelegateChanges { .. }
            | R::StorageFailed
            | R::ChainUnavailable
            | R::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        use ProxyRefusal as R;
        match self {
            R::UnknownService(_) => "unknown_service",
            R::BadPath(_) => "bad_path",
            R::PaymentMissing(_) => "payment_missing",
            R::BadHeader { .. } => "bad_header",
            R::WrongProvider(_) => "wrong_provider",
            R::WrongSigner { .. } => "wrong_signer",
            R::WrongEpoch { .. } => "wrong_epoch",
            R::Expired => "authorisation_expired",
            R::ExpiryTooFar { .. } => "authorisation_too_long",
            R::BodyMismatch => "body_mismatch",
            R::BodyBroken => "body_broken",
            R::BodyTooLarge { .. } => "body_too_large",
            R::BadBody(_) => "bad_body",
            R::MaxFeeTooLow { .. } => "max_fee_too_low",
            R::AnswerAboveMaxFee => "answer_above_max_fee",
            R::AnswerTooLarge => "answer_too_large",
            R::UnknownAccount(_) => "unknown_account",
            R::Duplicate => "duplicate_request",
            R::PriceChanged { .. } => "price_changed",
            R::TooManyInFlight { .. } => "too_many_in_flight",
            R::TooOften | R::UserTooOften { .. } | R::LeavesTooOften { .. } => "too_often",
            R::ServiceFull { .. } | R::ServiceTooOften { .. } => "service_busy_now",
            R::Paused(_) => "service_paused",
            R::VoucherNeeded(_) => "voucher_needed",
            R::BalanceTooLow(_) => "insufficient_balance",
            R::DelegateChanges { .. } => "delegate_changes",
            R::UpstreamUnreachable => "upstream_unreachable",
            R::UpstreamTimeout(_) => "upstream_timeout",
            R::UpstreamBroken => "upstream_broken",
            R::MemoryFull => "busy",
            R::StorageFailed => "storage_failed",
            R::ChainUnavailable => "chain_unavailable",
            R::Stopping => "stopping",
        }
    }

    /// Seconds after which the same request may pass, where that is known or waiting is all there is to do.
    pub fn retry_after(&self) -> Option<u64> {
        use ProxyRefusal as R;
        match self {
            R::UserTooOften { wait, .. }
            | R::LeavesTooOften { wait, .. }
            | R::ServiceTooOften { wait, .. }
            | R::DelegateChanges { wait } => Some(whole_seconds(*wait)),
            R::TooManyInFlight { .. } | R::TooOften | R::ServiceFull { .. } => Some(1),
            R::MemoryFull | R::StorageFailed | R::ChainUnavailable | R::Stopping => Some(5),
            // How long a pause takes is for the operator to know.
            _ => None,
        }
    }

    /// The error body, details included.
    pub fn fault(&self) -> Fault {
        use ProxyRefusal as R;
        let fault = Fault::new(self.code(), self.to_string());
        match self {
            R::VoucherNeeded(shortage) | R::BalanceTooLow(shortage) => fault.with_all(shortage.as_ref()),
            R::PriceChanged { version, prices, .. } => fault
                .with("version", *version)
                .with("inputPrice", prices.input.to_string())
                .with("outputPrice", prices.output.to_string()),
            R::MaxFeeTooLow { max_fee, input_fee } => {
                fault.with("maxFee", max_fee.to_string()).with("inputFee", input_fee.to_string())
            }
            R::WrongEpoch { current, .. } => fault.with("epoch", *current),
            R::BodyTooLarge { limit } => fault.with("limit", *limit),
            R::TooManyInFlight { most } => fault.with("maxInFlightPerUser", *most),
            R::UserTooOften { most, .. } => fault.with("requestsPerMinutePerUser", *most),
            R::ServiceFull { most, .. } => fault.with("maxInFlight", *most),
            R::ServiceTooOften { most, .. } => fault.with("requestsPerMinute", *most),
            R::ExpiryTooFar { most } => fault.with("maxLifetime", *most),
            _ => fault,
        }
    }
}

/// Waits are told rounded up, so that whoever waits that long has waited long enough.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_shortage_tells_all_that_heals_it() {
        let shortage = Shortage {
            best_voucher: None,
            owed: Neuron::new(1),
            reserved: Neuron::new(2),
            required: Neuron::new(3),
            credit_limit: Neuron::new(4),
            balance: Neuron::new(5),
            settled: Neuron::new(6),
            pending_refund: Neuron::new(7),
        };
        let refusal = ProxyRefusal::VoucherNeeded(Box::new(shortage.clone()));
        assert_eq!(refusal.status(), StatusCode::PAYMENT_REQUIRED);
        let details = serde_json::Value::Object(refusal.fault().details);
        assert_eq!(serde_json::from_value::<Shortage>(details.clone()).unwrap(), shortage);
        assert_eq!(details["required"], "3");
    }

    #[test]
    fn a_price_change_names_the_new_prices() {
        let refusal = ProxyRefusal::PriceChanged {
            service: "llama7b".parse().unwrap(),
            version: 9,
            prices: Prices { input: Neuron::new(1), output: Neuron::new(2) },
        };
        let fault = refusal.fault();
        assert_eq!(
            (fault.details["version"].as_u64(), fault.details["outputPrice"].as_str()),
            (Some(9), Some("2"))
        );
        assert!(fault.message.contains("llama7b"));
    }
}
