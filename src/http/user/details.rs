//! What the details of the user broker's errors hold.

use crate::http::details::{Details, OPERATION, shapes};
use crate::http::field::{AMOUNT, COUNT, Field, Kind, PRICE, Shape, TEXT, nullable, optional, required};

const PROVIDER: Field = required("provider", Kind::Address, "The provider.");
const NEEDED: Field = required("needed", AMOUNT, "What it takes.");
const AVAILABLE: Field = required("available", AMOUNT, "What there is.");
const STATUS: Field = required("status", super::answers::STATES, "How the request stands.");
const LINES: Kind = Kind::List(&TEXT);

shapes! {
    OF_PROVIDER, "ProviderDetails", "account_exists` and others that name a provider, as `unknown_provider": [PROVIDER];
    NO_ACCOUNT, "NoAccountDetails", "no_account": [
        PROVIDER,
        optional("needed", AMOUNT, "With so much in it, a new account would pay for the request."),
    ];
    UNKNOWN_SERVICE, "UnknownServiceDetails", "unknown_service": [
        PROVIDER, required("service", Kind::Name, "The name that was asked for."),
    ];
    OWN_ADDRESS, "OwnAddressDetails", "own_address": [required("field", TEXT, "The field that is wrong.")];
    INSUFFICIENT_FUNDS, "InsufficientFundsDetails", "insufficient_funds": [
        NEEDED, AVAILABLE, required("missing", AMOUNT, "What the wallet lacks."),
    ];
    NOT_FREE, "NotFreeDetails", "not_free": [
        required("asked", AMOUNT, "What was asked back."),
        required("free", AMOUNT, "What of the deposit is neither owed nor held."),
    ];
    REFUND_PENDING, "RefundPendingDetails", "refund_pending": [
        required("amount", AMOUNT, "What is on its way back."),
        required("unlockAt", Kind::Moment, "When it can be taken."),
    ];
    REFUND_LOCKED, "RefundLockedDetails", "refund_locked": [
        required("unlockAt", Kind::Moment, "When it can be taken."),
    ];
    NOT_DISPUTED, "NotDisputedDetails", "not_disputed": [STATUS];
    OTHER_AMOUNT, "OtherAmountDetails", "other_amount": [
        required("field", TEXT, "The field that is wrong."),
        required("requestID", Kind::Id(64), "The request."),
        required("amount", AMOUNT, "What was given."),
        required("disputed", AMOUNT, "What the receipt asks for beyond our own count."),
    ];
    UNKNOWN_MODEL, "UnknownModelDetails", "unknown_model": [
        required("model", TEXT, "The name that was asked for."),
        required("near", LINES, "Names that are near it."),
    ];
    AMBIGUOUS_MODEL, "AmbiguousModelDetails", "ambiguous_model": [
        required("candidates", LINES, "Names that say whose it is."),
    ];
    INSUFFICIENT_BALANCE, "InsufficientBalanceDetails", "insufficient_balance": [
        PROVIDER, NEEDED, AVAILABLE,
        required("missing", AMOUNT, "With so much more in the account, the request would be paid for."),
        required("how", TEXT, "The call that adds it."),
    ];
    CAP_REACHED, "CapReachedDetails", "cap_reached": [
        required("cap", Kind::Words(&["per_request", "per_day", "per_provider", "total"]), "Which one."),
        required("limit", AMOUNT, "The cap."),
        NEEDED, AVAILABLE,
    ];
    EXPOSURE_REACHED, "ExposureReachedDetails", "exposure_reached": [NEEDED, AVAILABLE];
    PRICE_CHANGED, "PriceChangedDetails", "price_changed": [
        required("service", Kind::Name, "Whose prices."),
        required("seenInputPrice", PRICE, "Neuron a unit in, as known before."),
        required("seenOutputPrice", PRICE, "Neuron a unit out, as known before."),
        required("inputPrice", PRICE, "Neuron a unit in, now."),
        required("outputPrice", PRICE, "Neuron a unit out, now."),
    ];
    PROVIDER_DISAGREES, "ProviderDisagreesDetails", "provider_disagrees": [
        PROVIDER,
        required("required", AMOUNT, "What a voucher would have to promise."),
        required("signed", AMOUNT, "What our own count covers."),
        required("providerSays", Kind::Object(&SHORTAGE), "The provider's account of it."),
    ];
    PROVIDER_FAILED, "ProviderFailedDetails", "provider_failed": [
        required("providerStatus", COUNT, "The status of its answer."),
    ];
    REPEATED, "RepeatedRequestDetails", "repeated_request": [
        required("requestID", Kind::Id(64), "The request that was made with this key."), STATUS,
    ];
    NOT_DONE, "NotDoneDetails", "reverted` and `refused": [OPERATION];
}

pub(super) static SHORTAGE: Shape = Shape {
    name: "Shortage",
    about: "What a provider says of an account when a voucher promises too little.",
    fields: &[&[
        nullable("bestVoucher", TEXT, "Our own best voucher, as the provider holds it."),
        required("owed", AMOUNT, "Fees of all answers ever."),
        required("reserved", AMOUNT, "Highest fees of requests in flight."),
        required("required", AMOUNT, "What a voucher has to promise for this request."),
        required("creditLimit", AMOUNT, "What may be owed beyond the best voucher."),
        required("balance", AMOUNT, "The deposit on the chain."),
        required("settled", AMOUNT, "Paid on the chain ever."),
        required("pendingRefund", AMOUNT, "What is on its way back."),
    ]],
};

pub(super) const DETAILS: &[Details] = &[
    ("unknown_provider", &OF_PROVIDER),
    ("account_exists", &OF_PROVIDER),
    ("no_key", &OF_PROVIDER),
    ("no_account", &NO_ACCOUNT),
    ("unknown_service", &UNKNOWN_SERVICE),
    ("own_address", &OWN_ADDRESS),
    ("insufficient_funds", &INSUFFICIENT_FUNDS),
    ("not_free", &NOT_FREE),
    ("refund_pending", &REFUND_PENDING),
    ("refund_locked", &REFUND_LOCKED),
    ("not_disputed", &NOT_DISPUTED),
    ("other_amount", &OTHER_AMOUNT),
    ("unknown_model", &UNKNOWN_MODEL),
    ("ambiguous_model", &AMBIGUOUS_MODEL),
    ("insufficient_balance", &INSUFFICIENT_BALANCE),
    ("cap_reached", &CAP_REACHED),
    ("exposure_reached", &EXPOSURE_REACHED),
    ("price_changed", &PRICE_CHANGED),
    ("provider_disagrees", &PROVIDER_DISAGREES),
    ("provider_failed", &PROVIDER_FAILED),
    ("repeated_request", &REPEATED),
    ("reverted", &NOT_DONE),
    ("refused", &NOT_DONE),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::user::samples;
    use crate::http::Problem;
    use crate::http::details::told;
    use crate::wire::terms::Shortage;

    #[tokio::test]
    async fn details_are_as_the_document_says() {
        let document = crate::http::user::openapi();
        for refusal in samples::refusals() {
            told(Problem::from(refusal), &document, DETAILS).await;
        }
        crate::http::document::holds::<Shortage>(&SHORTAGE);
    }
}
