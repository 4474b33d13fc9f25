//! What the details of the provider broker's errors hold, those of its proxy among them.

use crate::http::details::{Details, OPERATION, shapes};
use crate::http::field::{AMOUNT, COUNT, Kind, PRICE, TEXT, nullable, optional, required};

shapes! {
    SERVICE_EXISTS, "ServiceExistsDetails", "service_exists": [required("service", Kind::Name, "Its name.")];
    SETTLEMENT_RUNNING, "SettlementRunningDetails", "settlement_running": [
        nullable("operationID", Kind::Id(32), "The operation that is under way."),
    ];
    REVERTED, "RevertedDetails", "reverted": [OPERATION];
    SHORTAGE, "Shortage", "voucher_needed` and `insufficient_balance": [
        nullable("bestVoucher", TEXT, "The user's own best voucher that is known here."),
        required("owed", AMOUNT, "Fees of all answers ever."),
        required("reserved", AMOUNT, "Highest fees of requests in flight."),
        required("required", AMOUNT, "What a voucher has to promise for this request."),
        required("creditLimit", AMOUNT, "What may be owed beyond the best voucher."),
        required("balance", AMOUNT, "The deposit on the chain."),
        required("settled", AMOUNT, "Paid on the chain ever."),
        required("pendingRefund", AMOUNT, "What is on its way back."),
    ];
    PRICE_CHANGED, "PriceChangedDetails", "price_changed": [
        required("version", COUNT, "The price version to sign for."),
        required("inputPrice", PRICE, "Neuron a unit in, now."),
        required("outputPrice", PRICE, "Neuron a unit out, now."),
    ];
    MAX_FEE_TOO_LOW, "MaxFeeTooLowDetails", "max_fee_too_low": [
        required("maxFee", AMOUNT, "What was signed."),
        required("inputFee", AMOUNT, "What the input alone costs."),
    ];
    WRONG_EPOCH, "WrongEpochDetails", "wrong_epoch": [required("epoch", COUNT, "The account's epoch.")];
    TOO_LONG, "AuthorisationTooLongDetails", "authorisation_too_long": [
        required("maxLifetime", COUNT, "Seconds that are taken."),
    ];
    TOO_MANY, "TooManyInFlightDetails", "too_many_in_flight": [
        required("maxInFlightPerUser", COUNT, "Requests of one user at the same time."),
    ];
    TOO_OFTEN, "TooOftenDetails", "too_often": [
        required("requestsPerMinutePerUser", COUNT, "Requests of one user in a minute."),
    ];
    BUSY, "ServiceBusyNowDetails", "service_busy_now": [
        optional("maxInFlight", COUNT, "Requests that the service serves at the same time."),
        optional("requestsPerMinute", COUNT, "Requests that the service takes in a minute."),
    ];
}

pub(super) const DETAILS: &[Details] = &[
    ("service_exists", &SERVICE_EXISTS),
    ("settlement_running", &SETTLEMENT_RUNNING),
    ("reverted", &REVERTED),
    ("voucher_needed", &SHORTAGE),
    ("insufficient_balance", &SHORTAGE),
    ("price_changed", &PRICE_CHANGED),
    ("max_fee_too_low", &MAX_FEE_TOO_LOW),
    ("wrong_epoch", &WRONG_EPOCH),
    ("authorisation_too_long", &TOO_LONG),
    ("too_many_in_flight", &TOO_MANY),
    ("too_often", &TOO_OFTEN),
    ("service_busy_now", &BUSY),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broker::provider::{ProviderError, ProxyRefusal};
    use crate::domain::{Neuron, OperationId, Prices, ServiceName};
    use crate::http::Problem;
    use crate::http::details::told;
    use crate::wire::terms::Shortage;

    #[tokio::test]
    async fn details_are_as_the_document_says() {
        let document = crate::http::provider::openapi();
        let (n, wait) = (Neuron::new(1_234_567), Duration::from_secs(1));
        let service: ServiceName = "llama7b".parse().unwrap_or_else(|_| unreachable!());
        let shortage = Box::new(Shortage {
            best_voucher: None,
            owed: n,
            reserved: n,
            required: n,
            credit_limit: n,
            balance: n,
            settled: n,
            pending_refund: n,
        });
        let prices = Prices { input: n, output: n };
        let refusals = [
            ProxyRefusal::VoucherNeeded(shortage.clone()),
            ProxyRefusal::BalanceTooLow(shortage),
            ProxyRefusal::PriceChanged { service: service.clone(), version: 9, prices },
            ProxyRefusal::MaxFeeTooLow { max_fee: n, input_fee: n },
            ProxyRefusal::WrongEpoch { found: 1, current: 2 },
            ProxyRefusal::BodyTooLarge { limit: 9 },
            ProxyRefusal::TooManyInFlight { most: 9 },
            ProxyRefusal::TooOften,
            ProxyRefusal::UserTooOften { most: 9, wait },
            ProxyRefusal::ServiceFull { service: service.clone(), most: 9 },
            ProxyRefusal::ServiceTooOften { service, most: 9, wait },
            ProxyRefusal::ExpiryTooFar { most: 600 },
            ProxyRefusal::Duplicate,
        ];
        for refusal in refusals {
            told(Problem::from(refusal), &document, DETAILS).await;
        }
        let operation = OperationId::random();
        for error in [
            ProviderError::BadInput { field: "URL", reason: "it is missing".to_owned() },
            ProviderError::SettlementRunning { operation: None },
            ProviderError::SettlementRunning { operation: Some(operation) },
            ProviderError::Reverted { operation, reason: "NoService".to_owned() },
        ] {
            told(Problem::from(error), &document, DETAILS).await;
        }
    }
}
