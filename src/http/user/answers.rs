//! What this API's answers hold, as its documents tell it. `shapes` writes these objects; a test holds the two together.

use crate::domain::ServiceKind;
use crate::http::field::{AMOUNT, COUNT, Field, Kind, PRICE, Shape, TEXT, nullable, optional, required};
use crate::http::list::METADATA;

const KINDS: Kind = Kind::Words(&ServiceKind::NAMES);
pub(super) const STATES: Kind =
    Kind::Words(&["reserved", "sent", "done", "disputed", "unconfirmed", "failed"]);
pub(super) const OPERATION_STATES: Kind =
    Kind::Words(&["prepared", "sent", "mined", "reverted", "unknown", "refused"]);
/// What a user broker does on the chain.
pub(super) const OPERATION_KINDS: Kind = Kind::Words(&[
    "create_account",
    "deposit",
    "set_delegate",
    "request_refund",
    "cancel_refund",
    "process_refund",
    "transfer",
]);
const FEE: Field =
    required("Fee", AMOUNT, "The sum of all fees that the filter matches, on this page and off it.");

pub(super) static SERVICE: Shape = Shape {
    name: "Service",
    about: "A service that the chain lists.",
    fields: &[&[
        required("UpdatedAt", Kind::Moment, "When it was changed last; its price version."),
        required("Provider", Kind::Address, "Whose it is."),
        required("Name", Kind::Name, "Its name, unique for this provider."),
        required("Type", KINDS, "Decides how units are counted."),
        required("URL", TEXT, "The provider's broker."),
        required("Model", TEXT, "What it calls its model; may be empty."),
        required("InputPrice", PRICE, "Neuron a unit in: a token, or a byte."),
        required("OutputPrice", PRICE, "Neuron a unit out."),
    ]],
};
pub(super) static SERVICES: Shape = Shape {
    name: "Services",
    about: "A page of services.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&SERVICE)), "The services.")]],
};

pub(super) static REFUND: Shape = Shape {
    name: "Refund",
    about: "Part of a deposit on its way back.",
    fields: &[&[
        required("Provider", Kind::Address, "Of whose account."),
        required("Index", COUNT, "The how manieth of this account."),
        required("Amount", AMOUNT, "Neuron."),
        required("CreatedAt", Kind::Moment, "When it was asked for."),
        required("UnlockAt", Kind::Moment, "From when on it can be taken."),
        required("Processed", Kind::Truth, "Whether it was taken."),
        required("Status", Kind::Words(&["pending", "processed", "cancelled"]), "How it stands."),
    ]],
};
pub(super) static REFUNDS: Shape = Shape {
    name: "Refunds",
    about: "A page of refunds.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&REFUND)), "The refunds.")]],
};

pub(super) static ACCOUNT: Shape = Shape {
    name: "Account",
    about: "Your account with a provider.",
    fields: &[&[
        required("Provider", Kind::Address, "With whom."),
        required("Balance", AMOUNT, "The deposit on the chain; includes a pending refund."),
        required("PendingRefund", AMOUNT, "Of that, asked back."),
        required("Owed", AMOUNT, "Fees of all answers ever."),
        required("Reserved", AMOUNT, "Highest fees of requests in flight."),
        required("Promised", AMOUNT, "The highest voucher signed."),
        required("Available", AMOUNT, "What new requests may use."),
        required("Settled", AMOUNT, "Paid on the chain ever."),
        nullable("Delegate", Kind::Address, "The key that may sign for the account beside the wallet."),
        required("CanSign", Kind::Truth, "Whether this broker holds a key that may sign for the account."),
        required("Refunds", Kind::List(&Kind::Object(&REFUND)), "Those that are pending."),
    ]],
};
pub(super) static ACCOUNTS: Shape = Shape {
    name: "Accounts",
    about: "A page of accounts.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&ACCOUNT)), "The accounts.")]],
};

pub(super) static REQUEST: Shape = Shape {
    name: "Request",
    about: "A paid request.",
    fields: &[&[
        required("RequestID", Kind::Id(64), "Its id, the answer's `zg-request-id`."),
        required("ProviderAddress", Kind::Address, "Who served it."),
        required("ServiceName", Kind::Name, "With which service."),
        required("CreatedAt", Kind::Moment, "When it was made."),
        nullable("FinishedAt", Kind::Moment, "When its answer was over."),
        required("Status", STATES, "How it stands."),
        required("InputUnits", COUNT, "Units in, by our own count."),
        required("OutputUnits", COUNT, "Units out, by our own count."),
        required("InputFee", AMOUNT, "Price times units in."),
        required("OutputFee", AMOUNT, "Price times units out."),
        required("Fee", AMOUNT, "What it cost."),
        required("MaxFee", AMOUNT, "What it could have cost at most."),
        required("Disputed", AMOUNT, "What the provider asked for beyond the fee; not paid."),
        nullable("Note", TEXT, "What there is to say of it, such as why it failed."),
        nullable(
            "AcceptedAt",
            Kind::Moment,
            "When you accepted the provider's receipt although our count differs.",
        ),
    ]],
};
pub(super) static REQUESTS: Shape = Shape {
    name: "Requests",
    about: "A page of requests.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&REQUEST)), "The requests."), FEE]],
};

pub(super) static OPERATION: Shape = Shape {
    name: "Operation",
    about: "An on-chain action.",
    fields: &[&[
        required("OperationID", Kind::Id(32), "Its id, the answer's `zg-operation-id`."),
        required("Kind", OPERATION_KINDS, "What is done."),
        nullable("Provider", Kind::Address, "On whose account."),
        nullable("Amount", AMOUNT, "Neuron that it moves."),
        required("State", OPERATION_STATES, "How it stands."),
        required("CreatedAt", Kind::Moment, "When it was asked for."),
        nullable("TransactionHash", Kind::Hash, "Once one was broadcast."),
        optional("TransactionURL", TEXT, "Where people can look at it, if the settings name an explorer."),
        nullable("Block", COUNT, "Once it is in one."),
        nullable("Reason", TEXT, "Why it was not done."),
    ]],
};
pub(super) static OPERATIONS: Shape = Shape {
    name: "Operations",
    about: "A page of operations.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&OPERATION)), "The operations.")]],
};

pub(super) static RECEIPT: Shape = Shape {
    name: "Receipt",
    about: "The provider's signed statement of what a request cost, with all that is needed to check it elsewhere.",
    fields: &[&[
        required("RequestID", Kind::Id(64), "Of which request."),
        required("User", Kind::Address, "Who pays."),
        required("Provider", Kind::Address, "Who is paid."),
        required("BodyHash", Kind::Hash, "SHA-256 of the request's body."),
        required("ResponseHash", Kind::Hash, "SHA-256 of the answer."),
        required("InputUnits", COUNT, "Units in, by the provider's count."),
        required("OutputUnits", COUNT, "Units out, by the provider's count."),
        required("InputFee", AMOUNT, "Price times units in."),
        required("OutputFee", AMOUNT, "Price times units out."),
        required("Fee", AMOUNT, "What it cost."),
        required("Owed", AMOUNT, "Fees of all answers to this user until then."),
        required(
            "Status",
            Kind::Words(&["complete", "cut_by_caller", "upstream_failed", "cut_at_max_fee"]),
            "How the answer ended.",
        ),
        optional(
            "Signature",
            Kind::Hex,
            "Absent where the provider has only sealed it with the shared key so far.",
        ),
        required("Encoded", TEXT, "The receipt as it travels between brokers."),
    ]],
};

static BUNDLED: Shape = Shape {
    name: "BundledRequest",
    about: "A request as others check it.",
    fields: &[&[
        required("RequestID", Kind::Id(64), "Its id."),
        required("Provider", Kind::Address, "Who served it."),
        required("ServiceName", Kind::Name, "With which service."),
        nullable("Type", KINDS, "Of the service, as the chain lists it now."),
        nullable("Model", TEXT, "Of the service, as the chain lists it now."),
        nullable("Meter", Kind::Words(&["o200k", "usage", "bytes"]), "By the provider's terms as last told."),
        required("CreatedAt", Kind::Moment, "When it was made."),
        nullable("FinishedAt", Kind::Moment, "When its answer was over."),
        required("Status", STATES, "How it stands."),
        required("PriceVersion", COUNT, "Of the prices."),
        required("InputPrice", PRICE, "Neuron a unit in, then."),
        required("OutputPrice", PRICE, "Neuron a unit out, then."),
        required("MaxFee", AMOUNT, "What it could have cost at most."),
        required("InputUnits", COUNT, "Units in, by our own count."),
        required("OutputUnits", COUNT, "Units out, by our own count."),
        required("InputFee", AMOUNT, "Price times units in."),
        required("OutputFee", AMOUNT, "Price times units out."),
        required("Disputed", AMOUNT, "What the provider asked for beyond that; not paid."),
        required("BodyHash", Kind::Hash, "SHA-256 of the request's body."),
        nullable("ResponseHash", Kind::Hash, "SHA-256 of the answer, where it was seen to its end."),
        nullable("Note", TEXT, "What there is to say of it."),
        nullable(
            "AcceptedAt",
            Kind::Moment,
            "When you accepted the provider's receipt although our count differs.",
        ),
        nullable("Receipt", TEXT, "In base64url."),
        nullable("Voucher", TEXT, "For what is owed in all, in base64url."),
        nullable(
            "Delegate",
            Kind::Address,
            "The key that may sign vouchers of the account beside the wallet.",
        ),
    ]],
};
pub(super) static BUNDLE: Shape = Shape {
    name: "Bundle",
    about: "Everything about requests that others need to check them.",
    fields: &[&[
        required("Kind", Kind::Words(&[crate::wire::bundle::KIND]), "What it is."),
        required("Version", Kind::Count(1, 4_294_967_295), "Of its layout."),
        required("ChainID", COUNT, "The chain."),
        required("Contract", Kind::Address, "The contract."),
        required("User", Kind::Address, "Whose requests."),
        required("Requests", Kind::List(&Kind::Object(&BUNDLED)), "The requests."),
    ]],
};

pub(super) static MODEL: Shape = Shape {
    name: "Model",
    about: "A chatbot service as OpenAI's API shows models.",
    fields: &[&[
        required("id", Kind::Text(1), "provider/service."),
        required("object", Kind::Words(&["model"]), "What it is."),
        required("created", COUNT, "Seconds since 1970: the price version."),
        required("owned_by", Kind::Address, "The provider."),
    ]],
};
pub(super) static MODELS: Shape = Shape {
    name: "Models",
    about: "All chatbot services.",
    fields: &[&[
        required("object", Kind::Words(&["list"]), "What it is."),
        required("data", Kind::List(&Kind::Object(&MODEL)), "The models."),
    ]],
};

pub(super) static HEALTH: Shape = Shape {
    name: "Health",
    about: "How the broker does.",
    fields: &[&[
        required(
            "Status",
            Kind::Words(&["ok", "degraded"]),
            "degraded: the chain cannot be read at the moment.",
        ),
        required("User", Kind::Address, "Whose broker it is."),
        required("ChainID", COUNT, "The chain."),
        required("Contract", Kind::Address, "The contract."),
        nullable("Block", COUNT, "The block that was read last."),
        nullable("BlockTime", Kind::Moment, "When it was made."),
        nullable("Chain", TEXT, "Why the chain cannot be read."),
        required("CanSend", Kind::Truth, "Whether it has a key to send transactions with."),
        required("Version", TEXT, "Of the program."),
    ]],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OperationKind, OperationState, UserRequestState};
    use crate::http::document::holds;
    use crate::http::user::shapes;

    #[test]
    fn the_objects_are_what_is_told_of_them() {
        holds::<shapes::ServiceItem>(&SERVICE);
        holds::<shapes::AccountItem>(&ACCOUNT);
        holds::<shapes::RefundItem>(&REFUND);
        holds::<shapes::RequestItem>(&REQUEST);
        holds::<shapes::OperationItem>(&OPERATION);
        holds::<shapes::ReceiptItem>(&RECEIPT);
        holds::<crate::wire::bundle::BundledRequest>(&BUNDLED);
        holds::<crate::wire::bundle::Bundle>(&BUNDLE);
    }

    #[test]
    fn the_words_are_those_of_the_domain() {
        let told = |kind| if let Kind::Words(words) = kind { words } else { &[] };
        assert_eq!(
            told(STATES),
            UserRequestState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>()
        );
        assert_eq!(
            told(OPERATION_STATES),
            OperationState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>()
        );
        for kind in told(OPERATION_KINDS) {
            assert_eq!(kind.parse().map(OperationKind::as_str), Ok(*kind));
        }
    }
}
