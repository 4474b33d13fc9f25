//! From what the broker says to the objects of [`crate::wire::admin`].

mod service;
mod settlement;

use crate::broker::provider::{Operation, RequestView, UserView};
use crate::domain::Timestamp;
use crate::wire::admin::{OperationItem, RequestItem, UserItem};

pub(super) use self::settlement::forecast_item;

impl From<UserView> for UserItem {
    fn from(user: UserView) -> Self {
        UserItem {
            user: user.user,
            balance: user.balance,
            pending_refund: user.pending_refund,
            owed: user.owed,
            reserved: user.reserved,
            in_flight: user.in_flight,
            voucher: user.voucher,
            unsettled: user.unsettled,
            claimable: user.claimable,
            settled: user.settled,
            refund_unlock_at: user.refund_unlock_at,
            settle_by: user.settle_by,
            delegate: user.delegate,
            debt_since: user.debt_since.map(Timestamp::second),
            risk: user.risk.as_str().to_owned(),
            settling: user.settling,
            block: user.block,
        }
    }
}

impl From<RequestView> for RequestItem {
    fn from(request: RequestView) -> Self {
        RequestItem {
            request_id: request.id,
            user_address: request.user,
            service_name: request.service,
            created_at: request.created_at,
            finished_at: request.finished_at,
            status: request.state.as_str().to_owned(),
            input_units: request.input.0,
            output_units: request.output.0,
            input_fee: request.fee.input,
            output_fee: request.fee.output,
            fee: request.fee.total(),
            max_fee: request.max_fee,
            input_price: request.prices.input,
            output_price: request.prices.output,
            price_version: request.price_version,
        }
    }
}

impl From<Operation> for OperationItem {
    fn from(operation: Operation) -> Self {
        OperationItem {
            operation_id: operation.id,
            kind: operation.kind.as_str().to_owned(),
            state: operation.state.as_str().to_owned(),
            created_at: operation.created_at,
            updated_at: operation.updated_at,
            transaction_hash: operation.hash,
            transaction_url: None,
            block: operation.block.map(|(number, _)| number),
            gas_used: operation.gas_used,
            gas_price: operation.gas_price,
            reason: operation.error,
        }
    }
}
