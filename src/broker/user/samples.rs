//! One of each thing that the user broker says no with, for tests about the words of refusals.

use super::error::{CallRefusal, UserError};
use super::{Cap, ModelError, QuoteOverflow, TermsError, UpstreamError};
use crate::domain::{
    Address, Neuron, OperationId, Prices, RequestId, ServiceName, Timestamp, UserRequestState,
};
use crate::store::StoreError;
use crate::wire::path::PathError;
use crate::wire::terms::Shortage;

/// A refusal of every kind. The amounts are long enough to want groups.
pub fn refusals() -> Vec<CallRefusal> {
    let mut all: Vec<CallRefusal> = of_user().into_iter().map(CallRefusal::from).collect();
    all.extend(of_calls());
    all
}

fn of_user() -> Vec<UserError> {
    let (provider, n) = (Address::repeat_byte(1), Neuron::new(1_234_567));
    let (request, service) = (RequestId::random(), service());
    let unknown = |near: Vec<String>| ModelError::Unknown { model: "x".to_owned(), near };
    vec![
        UserError::ReadOnly,
        UserError::DelegatesOnly,
        UserError::UnknownProvider(provider),
        UserError::NoAccount(provider),
        UserError::AccountExists(provider),
        UserError::OwnAddress(provider),
        UserError::ZeroAmount,
        UserError::TooLarge { amount: n },
        UserError::InsufficientFunds { needed: n, available: n },
        UserError::NotFree { asked: n, free: n },
        UserError::RefundPending { amount: n, unlock_at: Timestamp::from_seconds(9) },
        UserError::NoRefund(provider),
        UserError::RefundLocked { unlock_at: Timestamp::from_seconds(9) },
        UserError::UnknownService { provider, service },
        UserError::UnknownRequest(request),
        UserError::NoReceipt(request),
        UserError::NotDisputed { request, state: UserRequestState::Done },
        UserError::AcceptedBefore(request),
        UserError::OtherAmount { request, amount: n, disputed: n },
        UserError::NotItsReceipt(request),
        UserError::UnknownOperation(OperationId::random()),
        UserError::KeyReused,
        UserError::BadCursor,
        UserError::Model(unknown(Vec::new())),
        UserError::Model(unknown(vec!["y".to_owned()])),
        UserError::Model(ModelError::Ambiguous { model: "x".to_owned(), candidates: vec!["y".to_owned()] }),
        UserError::Store(StoreError::Full),
    ]
}

fn of_calls() -> Vec<CallRefusal> {
    let (provider, n) = (Address::repeat_byte(1), Neuron::new(1_234_567));
    let (request, service, host) = (RequestId::random(), service(), "provider.example".to_owned());
    let answered =
        |message: &str| CallRefusal::Answered { request: None, status: 503, message: message.to_owned() };
    let shortage = Shortage {
        best_voucher: None,
        owed: n,
        reserved: n,
        required: n,
        credit_limit: n,
        balance: n,
        settled: n,
        pending_refund: n,
    };
    let (seen, now) = (Prices::default(), Prices { input: n, output: n });
    vec![
        CallRefusal::Path(PathError::DotSegment),
        CallRefusal::BadBody("it is no JSON object".to_owned()),
        CallRefusal::Quote(QuoteOverflow),
        CallRefusal::NoAccount { provider, needed: n },
        CallRefusal::InsufficientBalance { provider, needed: n, available: n, missing: n },
        CallRefusal::CapReached { cap: Cap::Request, limit: n, needed: n, available: n },
        CallRefusal::CapReached { cap: Cap::Day, limit: n, needed: n, available: n },
        CallRefusal::CapReached { cap: Cap::Provider, limit: n, needed: n, available: n },
        CallRefusal::CapReached { cap: Cap::Total, limit: n, needed: n, available: n },
        CallRefusal::ExposureReached { needed: n, available: n },
        CallRefusal::NoKey(provider),
        CallRefusal::PriceChanged { service: service.clone(), seen, now },
        CallRefusal::Terms(TermsError::Disagree { service: service.clone(), what: "the prices" }),
        CallRefusal::Terms(TermsError::NotServed(service)),
        CallRefusal::ProviderShort { provider, required: n, signed: n, details: Box::new(shortage) },
        CallRefusal::Upstream(UpstreamError::Unreachable {
            host: host.clone(),
            reason: "connection refused".to_owned(),
        }),
        CallRefusal::Upstream(UpstreamError::Timeout { host }),
        CallRefusal::Repeated { request, state: UserRequestState::Done },
        answered(""),
        answered("busy"),
        CallRefusal::Stopping,
    ]
}

fn service() -> ServiceName {
    "llama7b".parse().unwrap_or_else(|_| unreachable!())
}
