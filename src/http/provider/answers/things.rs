//! Services, users, requests, operations, and what strangers are told.

use super::{KINDS, METERS, OPERATION_KINDS, OPERATION_STATES};
use crate::http::field::{AMOUNT, COUNT, Kind, PRICE, Shape, TEXT, nullable, optional, required};
use crate::http::list::METADATA;

const TEXTS: Kind = Kind::List(&TEXT);
pub(in super::super) const STATES: Kind = Kind::Words(&["admitted", "charged", "failed", "lost"]);

static LISTED: Shape = Shape {
    name: "Listed",
    about: "A service as the chain lists it.",
    fields: &[&[
        required("Name", Kind::Name, "Its name."),
        required("Type", KINDS, "Decides how units are counted."),
        required("URL", TEXT, "The broker's public address."),
        required("Model", TEXT, "What it calls its model; may be empty."),
        required("InputPrice", PRICE, "Neuron a unit in."),
        required("OutputPrice", PRICE, "Neuron a unit out."),
        required("Version", COUNT, "Of the prices."),
    ]],
};

static SERVICE_HEALTH: Shape = Shape {
    name: "ServiceHealth",
    about: "How the server behind a service does.",
    fields: &[&[
        required(
            "State",
            Kind::Words(&["unknown", "ok", "failing"]),
            "By free looks at it and by the requests that went there.",
        ),
        nullable("Since", Kind::Moment, "Since when it is in this state."),
        nullable("CheckedAt", Kind::Moment, "The last look or request."),
        nullable("Latency", COUNT, "Milliseconds until the last look was answered."),
        nullable("Reason", TEXT, "Why it counts as failing."),
    ]],
};

static LIMITS: Shape = Shape {
    name: "Limits",
    about: "What may be asked of a service, by all users together. Null: any number.",
    fields: &[&[
        nullable("MaxInFlight", COUNT, "Requests at the same time."),
        nullable("RequestsPerMinute", COUNT, "Requests in a minute."),
    ]],
};

pub(in super::super) static SERVICE: Shape = Shape {
    name: "Service",
    about: "A service on offer.",
    fields: &[&[
        required("UpdatedAt", Kind::Moment, "When it was changed last."),
        required("CreatedAt", Kind::Moment, "When it was registered."),
        required("Name", Kind::Name, "Its name."),
        required("Type", KINDS, "Decides how units are counted."),
        required("URL", Kind::Url, "Where the service itself is. Never published."),
        required("PublicURL", TEXT, "What the chain lists, or will."),
        required("Model", TEXT, "What it calls its model; may be empty."),
        required("InputPrice", PRICE, "Neuron a unit in: a token, or a byte."),
        required("OutputPrice", PRICE, "Neuron a unit out."),
        required("Meter", METERS, "How units are counted."),
        required("Status", Kind::Words(&["pending", "listed", "removing"]), "Whether the chain has it."),
        required("Paused", Kind::Truth, "Whether new requests are refused for now."),
        nullable("Version", COUNT, "Of the prices, once the chain lists it."),
        required("UpstreamHeaders", TEXTS, "Names of the headers sent along; their values are secret."),
        nullable("Listed", Kind::Object(&LISTED), "What the chain lists of it."),
        required("Differs", TEXTS, "Keys in which database and chain differ, such as InputPrice."),
        required("Health", Kind::Object(&SERVICE_HEALTH), "How the server behind it does."),
        required("Limits", Kind::Object(&LIMITS), "What may be asked of it."),
        required("InFlight", COUNT, "Requests being served."),
    ]],
};
pub(in super::super) static SERVICES: Shape = Shape {
    name: "Services",
    about: "A page of services, and what only the chain knows.",
    fields: &[
        METADATA,
        &[
            required("Items", Kind::List(&Kind::Object(&SERVICE)), "The services."),
            required(
                "Unknown",
                Kind::List(&Kind::Object(&LISTED)),
                "Listed under this provider's address, but not in its database.",
            ),
        ],
    ],
};

pub(in super::super) static SYNC: Shape = Shape {
    name: "ServiceSync",
    about: "What a comparison with the chain found and did.",
    fields: &[&[
        required("Unchanged", TEXTS, "Services that agreed."),
        required("Pushed", TEXTS, "Services that were sent to the chain."),
        required("Removed", TEXTS, "Services that were taken off it."),
        required("Pending", Kind::List(&Kind::Object(&PENDING_SERVICE)), "What could not be repaired now."),
        required("Unknown", TEXTS, "What only the chain knows."),
        required("Unreadable", COUNT, "Entries of the chain that cannot be read."),
    ]],
};
static PENDING_SERVICE: Shape = Shape {
    name: "PendingService",
    about: "A service that could not be repaired now.",
    fields: &[&[required("Name", Kind::Name, "Which."), required("Reason", TEXT, "Why.")]],
};

pub(in super::super) static USER: Shape = Shape {
    name: "User",
    about: "A user, and what can be had of the user's account.",
    fields: &[&[
        required("User", Kind::Address, "Who."),
        required("Balance", AMOUNT, "The deposit on the chain."),
        required("PendingRefund", AMOUNT, "Of that, asked back."),
        required("Owed", AMOUNT, "Fees of all answers ever."),
        required("Reserved", AMOUNT, "Highest fees of requests in flight."),
        required("InFlight", COUNT, "Requests being served."),
        required("Voucher", AMOUNT, "The best voucher that still counts."),
        required("Unsettled", AMOUNT, "Owed and not paid on the chain yet."),
        required("Claimable", AMOUNT, "What a settlement could bring now."),
        required("Settled", AMOUNT, "Paid on the chain ever."),
        nullable("RefundUnlockAt", Kind::Moment, "When a pending refund can be taken."),
        nullable("SettleBy", Kind::Moment, "When the engine will settle because of the refund."),
        nullable("Delegate", Kind::Address, "The key that may sign for the account beside the wallet."),
        nullable("DebtSince", Kind::Moment, "The beginning of the oldest debt."),
        required(
            "Risk",
            Kind::Words(&["none", "unpaid", "balance", "refund", "lost"]),
            "The worst that threatens the debt.",
        ),
        required("Settling", Kind::Truth, "Whether a settlement with this user is under way."),
        required("Block", COUNT, "The block at which the chain's figures were read."),
    ]],
};
pub(in super::super) static USERS: Shape = Shape {
    name: "Users",
    about: "A page of users.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&USER)), "The users.")]],
};

pub(in super::super) static REQUEST: Shape = Shape {
    name: "Request",
    about: "A request that was served.",
    fields: &[&[
        required("RequestID", Kind::Id(64), "Its id, the user's."),
        required("UserAddress", Kind::Address, "Whose it was."),
        required("ServiceName", Kind::Name, "With which service."),
        required("CreatedAt", Kind::Moment, "When it was let in."),
        nullable("FinishedAt", Kind::Moment, "When its answer was over."),
        required("Status", STATES, "How it stands."),
        required("InputUnits", COUNT, "Units in."),
        required("OutputUnits", COUNT, "Units out."),
        required("InputFee", AMOUNT, "Price times units in."),
        required("OutputFee", AMOUNT, "Price times units out."),
        required("Fee", AMOUNT, "What it earned."),
        required("MaxFee", AMOUNT, "What the user allowed."),
        required("InputPrice", PRICE, "Neuron a unit in, then."),
        required("OutputPrice", PRICE, "Neuron a unit out, then."),
        required("PriceVersion", COUNT, "Of these prices."),
    ]],
};
pub(in super::super) static REQUESTS: Shape = Shape {
    name: "Requests",
    about: "A page of requests.",
    fields: &[
        METADATA,
        &[
            required("Items", Kind::List(&Kind::Object(&REQUEST)), "The requests."),
            optional("Fee", AMOUNT, "The sum of all fees that the filter matches, on this page and off it."),
        ],
    ],
};

pub(in super::super) static OPERATION: Shape =
    Shape { name: "Operation", about: "An on-chain action.", fields: &[OPERATION_FIELDS] };
pub(super) const OPERATION_FIELDS: &[crate::http::field::Field] = &[
    required("OperationID", Kind::Id(32), "Its id, the answer's `zg-operation-id`."),
    required("Kind", OPERATION_KINDS, "What is done."),
    required("State", OPERATION_STATES, "How it stands."),
    required("CreatedAt", Kind::Moment, "When it was asked for."),
    required("UpdatedAt", Kind::Moment, "When it changed last."),
    nullable("TransactionHash", Kind::Hash, "Once one was broadcast."),
    optional("TransactionURL", TEXT, "Where people can look at it, if the settings name an explorer."),
    nullable("Block", COUNT, "Once it is in one."),
    required("GasUsed", COUNT, "Gas that it took."),
    required("GasPrice", AMOUNT, "Neuron for one unit of gas."),
    nullable("Reason", TEXT, "Why it was not done."),
];
pub(in super::super) static OPERATIONS: Shape = Shape {
    name: "Operations",
    about: "A page of operations.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&OPERATION)), "The operations.")]],
};
pub(in super::super) static SENT: Shape = Shape {
    name: "Sent",
    about: "An action that is not in a block yet.",
    fields: &[&[
        nullable(
            "OperationID",
            Kind::Id(32),
            "The operation to follow; null while none is known, and `GET /v1/operation` shows what comes.",
        ),
        required(
            "State",
            Kind::Words(&["sent", "unknown"]),
            "sent: it is on its way to a block. unknown: it is still being carried out.",
        ),
    ]],
};

pub(in super::super) static TERMS: Shape = Shape {
    name: "Terms",
    about: "What a provider lends, and how each service is metered and priced.",
    fields: &[&[
        required("Provider", Kind::Address, "Whose terms."),
        required("ChainID", COUNT, "The chain."),
        required("Contract", Kind::Address, "The contract."),
        required("CreditLimit", AMOUNT, "What a user may owe beyond the best voucher."),
        optional("MaxInFlightPerUser", COUNT, "Requests of one user at the same time."),
        optional("RequestsPerMinutePerUser", COUNT, "Requests of one user in a minute; absent: any number."),
        optional(
            "PublicKey",
            Kind::Hex,
            "Of the provider's address: with it a user may seal requests with a tag.",
        ),
        required("Services", Kind::List(&Kind::Object(&SERVICE_TERMS)), "The services."),
    ]],
};
static SERVICE_TERMS: Shape = Shape {
    name: "ServiceTerms",
    about: "How a service is metered and priced.",
    fields: &[&[
        required("Name", Kind::Name, "Its name."),
        required("Type", KINDS, "Decides how units are counted."),
        required("Model", TEXT, "What it calls its model; may be empty."),
        required("Meter", METERS, "How units are counted."),
        required("InputPrice", PRICE, "Neuron a unit in."),
        required("OutputPrice", PRICE, "Neuron a unit out."),
        required("Version", COUNT, "The price version that a request must name."),
        required("Paused", Kind::Truth, "Whether it takes no requests for now."),
        optional(
            "MaxInFlight",
            Kind::Count(1, 4_294_967_295),
            "Requests of all users at the same time; absent: any number.",
        ),
        optional(
            "RequestsPerMinute",
            Kind::Count(1, 4_294_967_295),
            "Requests of all users in a minute; absent: any number.",
        ),
    ]],
};

pub(in super::super) static ACCEPTED: Shape = Shape {
    name: "VoucherAccepted",
    about: "The best voucher known now, and what is owed.",
    fields: &[&[
        required("Cumulative", AMOUNT, "What the best voucher promises in all."),
        required("Owed", AMOUNT, "Fees of all answers ever."),
    ]],
};
pub(in super::super) static ONE_RECEIPT: Shape = Shape {
    name: "EncodedReceipt",
    about: "A receipt.",
    fields: &[&[required("Receipt", TEXT, "In base64url, as in the header `zg-receipt`.")]],
};
pub(in super::super) static PENDING: Shape = Shape {
    name: "Pending",
    about: "A request that is not booked yet.",
    fields: &[&[required("Status", Kind::Words(&["pending"]), "How it stands.")]],
};
pub(in super::super) static HEALTH: Shape = Shape {
    name: "Health",
    about: "How the broker does: no more than a stranger may know.",
    fields: &[&[
        required(
            "Status",
            Kind::Words(&["ok", "degraded"]),
            "degraded: one of the three below is false, or it is stopping.",
        ),
        required("Provider", Kind::Address, "Whose broker it is."),
        required("ChainID", COUNT, "The chain."),
        required("Contract", Kind::Address, "The contract."),
        nullable("Block", COUNT, "The newest block whose events were taken in."),
        required("Chain", Kind::Truth, "Whether the chain can be read."),
        required("Store", Kind::Truth, "Whether the database can be written."),
        required("Tasks", Kind::Truth, "Whether all vital tasks run."),
        required("Version", TEXT, "Of the program."),
    ]],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ProviderRequestState;
    use crate::http::document::holds;
    use crate::wire::admin;
    use crate::wire::list::List;
    use crate::wire::terms::{ServiceTerms, Terms, VoucherAccepted};

    #[test]
    fn the_objects_are_what_is_told_of_them() {
        holds::<admin::ListedItem>(&LISTED);
        holds::<admin::HealthOfService>(&SERVICE_HEALTH);
        holds::<admin::LimitsItem>(&LIMITS);
        holds::<admin::ServiceItem>(&SERVICE);
        holds::<admin::Services>(&SERVICES);
        holds::<admin::UserItem>(&USER);
        holds::<List<admin::UserItem>>(&USERS);
        holds::<admin::RequestItem>(&REQUEST);
        holds::<List<admin::RequestItem>>(&REQUESTS);
        holds::<admin::OperationItem>(&OPERATION);
        holds::<List<admin::OperationItem>>(&OPERATIONS);
        holds::<Terms>(&TERMS);
        holds::<ServiceTerms>(&SERVICE_TERMS);
        holds::<VoucherAccepted>(&ACCEPTED);
    }

    #[test]
    fn the_words_are_those_of_the_domain() {
        let told = if let Kind::Words(words) = STATES { words } else { &[] };
        assert_eq!(told, ProviderRequestState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>());
    }
}
