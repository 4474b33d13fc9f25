//! Settlements, decisions, and the broker on one page.

use super::OPERATION_STATES;
use super::things::{OPERATION, OPERATION_FIELDS};
use crate::http::field::{AMOUNT, COUNT, Kind, Shape, TEXT, nullable, required};
use crate::http::list::METADATA;

const TEXTS: Kind = Kind::List(&TEXT);
const REASONS: Kind = Kind::List(&REASON_WORD);
const REASON_WORD: Kind = Kind::Words(&[
    "asked",
    "refund_deadline",
    "delegate_change",
    "balance_low",
    "risk_limit",
    "worth_its_gas",
    "oldest_debt",
]);
const VERDICT: Kind =
    Kind::Words(&["settle", "wait", "nothing_to_claim", "costs_more_than_it_brings", "busy", "failed"]);
const ROWS: Kind = Kind::List(&Kind::Object(&ROW));
const LEFT_OUTS: Kind = Kind::List(&Kind::Object(&LEFT_OUT));
const WHYS: Kind = Kind::List(&Kind::Object(&REASON));

static ROW: Shape = Shape {
    name: "Row",
    about: "One user's line of a settlement.",
    fields: &[&[
        required("User", Kind::Address, "Who."),
        required("Claim", AMOUNT, "The all-time sum claimed."),
        nullable("Expected", AMOUNT, "What it would bring as seen before sending."),
        nullable("Paid", AMOUNT, "What the chain paid, once it has said."),
    ]],
};

static REASON: Shape = Shape {
    name: "Reason",
    about: "Why a settlement is due.",
    fields: &[&[
        required("Reason", REASON_WORD, "The reason."),
        nullable("User", Kind::Address, "The user it is about."),
        nullable(
            "At",
            Kind::Moment,
            "The moment that makes it so: an unlock, a change of delegate, the oldest debt.",
        ),
        required("Text", TEXT, "The same in a sentence."),
    ]],
};

static LEFT_OUT: Shape = Shape {
    name: "LeftOut",
    about: "A user in debt who is not in a settlement.",
    fields: &[&[
        required("User", Kind::Address, "Who."),
        required("Reason", TEXT, "Why: a word such as no_voucher, empty, not_worth_its_gas, not_yet."),
        required("Text", TEXT, "The same in a sentence."),
        required("Unsettled", AMOUNT, "What the user owes."),
    ]],
};

static TRANSACTION: Shape = Shape {
    name: "Transaction",
    about: "One transaction of a settlement.",
    fields: &[&[
        required("OperationID", Kind::Id(32), "Its operation."),
        required("State", OPERATION_STATES, "How it stands."),
        required("Rows", COUNT, "Users in it."),
        nullable("TransactionHash", Kind::Hash, "Once it was broadcast."),
        nullable("Block", COUNT, "Once it is in one."),
        required("GasUsed", COUNT, "Gas that it took."),
        required("GasCost", AMOUNT, "What the gas cost."),
        nullable("Reason", TEXT, "Why it was not done."),
    ]],
};

pub(in super::super) static REPORT: Shape = Shape {
    name: "SettlementReport",
    about: "What a settlement that was asked for did, or would do.",
    fields: &[&[
        required("At", Kind::Moment, "When."),
        required("DryRun", Kind::Truth, "Whether nothing was sent."),
        required("Reasons", REASONS, "Why."),
        required("Rows", ROWS, "Who is in it."),
        required("LeftOut", LEFT_OUTS, "Who is not, and why."),
        required("Expected", AMOUNT, "What it brings, as seen before sending."),
        required("ExpectedCost", AMOUNT, "What its gas costs, as seen before sending."),
        required("Paid", AMOUNT, "What the chain paid."),
        required("Transactions", Kind::List(&Kind::Object(&TRANSACTION)), "What was sent."),
    ]],
};

static SETTLEMENT: Shape = Shape {
    name: "Settlement",
    about: "A settlement that was made: its operation, and what it paid.",
    fields: &[
        OPERATION_FIELDS,
        &[
            required("GasCost", AMOUNT, "What its gas cost."),
            required("Paid", AMOUNT, "What it paid as far as is known."),
            required("Reasons", REASONS, "Why it was made."),
            required("Rows", ROWS, "Who was in it."),
        ],
    ],
};

static FORECAST: Shape = Shape {
    name: "Forecast",
    about: "What a settlement would do at this moment, and whether the engine would begin one.",
    fields: &[&[
        required("At", Kind::Moment, "When it was made."),
        required("Verdict", VERDICT, "Whether the engine would begin it."),
        required("Text", TEXT, "The verdict in a sentence."),
        required("Reasons", REASONS, "Why it is due."),
        required("Why", WHYS, "The reasons with what they are about."),
        required("Rows", ROWS, "The first users in it."),
        required("RowsInAll", COUNT, "How many there are."),
        required("LeftOut", LEFT_OUTS, "Some who are not in it."),
        required("LeftOutInAll", COUNT, "How many there are."),
        required("Brings", AMOUNT, "What it would bring."),
        required("Costs", AMOUNT, "What its gas would cost."),
        required("WorthFrom", AMOUNT, "What it must bring to be worth its gas."),
        nullable("NextDeadline", Kind::Moment, "When a rule will ask for one, as things stand."),
        nullable("NextReason", Kind::Object(&REASON), "What will ask for it then."),
        required("GasPrice", AMOUNT, "Neuron for one unit of gas now."),
    ]],
};

static DECISION: Shape = Shape {
    name: "Decision",
    about: "One decision to settle or to wait.",
    fields: &[&[
        required("At", Kind::Moment, "When it was made first."),
        required("Until", Kind::Moment, "When it was made last without change."),
        required("Verdict", VERDICT, "What was decided."),
        required("Text", TEXT, "The verdict in a sentence."),
        required("Reasons", REASONS, "Why a settlement was due."),
        required("Why", WHYS, "The reasons with what they are about."),
        required("Rows", COUNT, "Users in the settlement."),
        required("Brings", AMOUNT, "What it would bring."),
        required("Costs", AMOUNT, "What its gas would cost."),
        required("GasPrice", AMOUNT, "Neuron for one unit of gas then."),
        required("LeftOut", LEFT_OUTS, "Those with the largest debts who were not in it; at most 50."),
        required("LeftOutInAll", COUNT, "How many there were."),
        nullable("NextDeadline", Kind::Moment, "When a rule will ask for a settlement, as things stood."),
        nullable("Note", TEXT, "Why it failed."),
    ]],
};
pub(in super::super) static DECISIONS: Shape = Shape {
    name: "Decisions",
    about: "A page of decisions.",
    fields: &[METADATA, &[required("Items", Kind::List(&Kind::Object(&DECISION)), "The decisions.")]],
};
pub(in super::super) static SETTLEMENTS: Shape = Shape {
    name: "Settlements",
    about: "A page of settlements, the next one, and the engine's last decisions.",
    fields: &[
        METADATA,
        &[
            required("Items", Kind::List(&Kind::Object(&SETTLEMENT)), "The settlements."),
            required("Forecast", Kind::Object(&FORECAST), "The next one."),
            required("Decisions", Kind::List(&Kind::Object(&DECISION)), "The last ones, oldest first."),
        ],
    ],
};

static TODAY: Shape = Shape {
    name: "Today",
    about: "The UTC day so far.",
    fields: &[&[
        required("Requests", COUNT, "Requests served."),
        required("Fee", AMOUNT, "What they earned."),
    ]],
};
static TROUBLE: Shape = Shape {
    name: "Trouble",
    about: "What does not work at the moment. Null: it works.",
    fields: &[&[
        nullable("Chain", TEXT, "Why the chain cannot be read."),
        nullable("Store", TEXT, "Why the database cannot be written."),
        required("Dead", TEXTS, "Vital tasks that died; only a restart brings them back."),
        required("Stopping", Kind::Truth, "Whether it is stopping."),
    ]],
};
pub(in super::super) static OVERVIEW: Shape = Shape {
    name: "Overview",
    about: "The broker on one page.",
    fields: &[&[
        required("At", Kind::Moment, "When it was looked at."),
        required("Version", TEXT, "Of the program."),
        required("Provider", Kind::Address, "Whose broker it is."),
        required("ChainID", COUNT, "The chain."),
        required("Contract", Kind::Address, "The contract."),
        required("LockTime", COUNT, "Seconds for which a refund is locked."),
        nullable("Block", COUNT, "The newest block whose events were taken in."),
        nullable("BlockAt", Kind::Moment, "When it was made."),
        nullable("Wallet", AMOUNT, "What the provider's key owns outside the contract; gas is paid from it."),
        required("CreditLimit", AMOUNT, "What a user may owe beyond the best voucher."),
        required("Earned", AMOUNT, "Fees of all answers ever."),
        required("Settled", AMOUNT, "Of that, paid on the chain."),
        required("Unsettled", AMOUNT, "Of that, not paid on the chain yet."),
        required("Claimable", AMOUNT, "What a settlement of everybody could bring now."),
        required("Reserved", AMOUNT, "Highest fees of requests in flight."),
        required("InFlight", COUNT, "Requests being served."),
        required("Users", COUNT, "Users with an account."),
        required("Debtors", COUNT, "Users with something unsettled."),
        required("InDanger", COUNT, "Of them, those whose debt something endangers."),
        required("Services", COUNT, "Services on offer."),
        required("ServicesFailing", COUNT, "Of them, those whose server does not work."),
        required("GasSpent", AMOUNT, "What the gas of all settlements has cost."),
        required("Today", Kind::Object(&TODAY), "The UTC day so far."),
        required("Health", Kind::Object(&TROUBLE), "What does not work."),
        required("Automatic", Kind::Truth, "Whether the engine settles by itself."),
        required("Settling", Kind::List(&Kind::Object(&OPERATION)), "Settlements under way."),
        nullable("Forecast", Kind::Object(&FORECAST), "The engine's last look."),
        nullable("LastDecision", Kind::Object(&DECISION), "Its last decision."),
    ]],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::document::holds;
    use crate::wire::admin;
    use crate::wire::list::List;

    #[test]
    fn the_objects_are_what_is_told_of_them() {
        holds::<admin::RowItem>(&ROW);
        holds::<admin::ReasonItem>(&REASON);
        holds::<admin::LeftOutItem>(&LEFT_OUT);
        holds::<admin::TransactionItem>(&TRANSACTION);
        holds::<admin::ReportItem>(&REPORT);
        holds::<admin::SettlementItem>(&SETTLEMENT);
        holds::<admin::Settlements>(&SETTLEMENTS);
        holds::<admin::ForecastItem>(&FORECAST);
        holds::<admin::DecisionItem>(&DECISION);
        holds::<List<admin::DecisionItem>>(&DECISIONS);
        holds::<admin::TodayItem>(&TODAY);
        holds::<admin::HealthItem>(&TROUBLE);
        holds::<admin::Overview>(&OVERVIEW);
    }
}
