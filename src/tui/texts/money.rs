//! What the dialogs say that move money: what is asked, what it warns of, what became of it.

use std::fmt::Display;

use super::numbers::{accounts, transactions};

// The dialogs by name

pub const OPEN_ACCOUNT: &str = "Open an account";
pub const ASK_FOR_REFUND: &str = "Ask for a refund";
pub const TAKE_REFUND: &str = "Take a refund";
pub const CANCEL_REFUND: &str = "Cancel a refund";
pub const TAKE_OVER: &str = "Take over an account";
pub const OPEN_IT: &str = "Open it";
pub const ASK_FOR_IT: &str = "Ask for it";
pub const TAKE_IT: &str = "Take it";
pub const GIVE_IT_UP: &str = "Give the refund up";
pub const TAKE_IT_OVER: &str = "Take it over";

pub fn many_accounts(title: impl Display, many: usize) -> String {
    format!("{title}: {}", accounts(many))
}

pub const GO_ON_TO_QUESTION: &str = "go on to the question";
pub const BACK_TO_AMOUNT: &str = "back to the amount";
pub const CLOSE_IT_GOES_ON: &str = "close; it goes on";
pub const ANOTHER_DIALOG: &str = "another dialog about money is open";
pub const LEFT: &str = "the dialog was left; nothing was moved";
pub const LEAVING_ONE: &str = "an order about money that is being sent";

pub fn leaving_many(many: impl Display) -> String {
    format!("{many} orders about money that are being sent")
}

// Why there is nothing to ask

pub const NOTHING_TO_DO: &str = "there is nothing to do";
pub const CHOOSE_ONE_ACCOUNT: &str = "a deposit goes to one account; choose which";
pub const NO_ACCOUNT: &str = "there is no account with that provider; O opens one, with a first deposit";
pub const NOTHING_FREE: &str = "nothing of that account is free: all of it is owed or reserved for requests";
pub const NO_REFUND: &str = "no refund is pending with that provider; W asks for one";
pub const STILL_LOCKED: &str = "that refund is still locked; it can be taken once its time is up";
pub const NOTHING_OF_THAT_KIND: &str = "with none of these accounts there is anything of that kind to do";

pub fn too_many_accounts(many: impl Display, most: impl Display) -> String {
    format!("these are {many} accounts; mark at most {most} at once")
}

pub fn missing(missing: impl Display, needed: impl Display, wallet: impl Display) -> String {
    format!("{missing} are missing: with the fee {needed} are needed, and the wallet has {wallet}")
}

pub fn cannot_be_taken_back(asked: impl Display, free: impl Display) -> String {
    format!("{asked} cannot be taken back: {free} are free, the rest is owed or reserved for requests")
}

pub fn locked_until(time: impl Display) -> String {
    format!("the refund is locked until {time}")
}

pub const WITHOUT_REASON: &str = "without a reason";

// Amounts that are offered

pub const EXACTLY_ASKED: &str = "exactly what was asked for";
pub const EXACTLY_MISSING: &str = "exactly what is missing";
pub const HALF_OF_FREE: &str = "half of what is free";
pub const ALL_FREE: &str = "all that is free";
pub const TENTH_OF_WALLET: &str = "a tenth of the wallet";
pub const HALF_OF_WALLET: &str = "half of the wallet";
pub const ALL_THAT_CAN_BE_GIVEN: &str = "all that can be given";
pub const ZERO_MOVES_NOTHING: &str = "an amount of 0 moves nothing; type at least 1 neuron";
pub const ENTER_ASKS_FIRST: &str = "enter asks before anything is done   esc leaves";
pub const AMOUNT_HINT: &str = "as 0.01 A0GI, or so many neuron";

pub fn no_unit_typed(amount: impl Display) -> String {
    format!("= {amount}  (no unit was typed)")
}

pub fn now_at_most(now: impl Display, most: impl Display) -> String {
    format!("{now}, at most {most}")
}

pub fn until_and_wait(until: impl Display, wait: impl Display) -> String {
    format!("until {until}, {wait}")
}

pub const WHAT_IT_WOULD_DO: &str = "… what it would do is asked for";
pub const OWED_RESERVED: &str = "Owed, reserved";

// The question

pub fn left_out(who: impl Display, why: impl Display) -> String {
    format!("left out: {who} ({why})")
}

pub fn at_least(amount: impl Display) -> String {
    format!("at least {amount} A0GI")
}

pub const IN_FORCE: &str = "In force";

pub fn not_before(time: impl Display) -> String {
    format!("not before {time}")
}

pub const ONCE_ON_THE_CHAIN: &str = "as soon as it is on the chain";

pub fn changes_pending(amount: impl Display) -> String {
    format!("a refund of {amount} is pending already; this changes it to the amount above")
}

pub fn transactions_in_order(many: usize) -> String {
    match many {
        1 => format!("for {}", transactions(many)),
        many => format!("for {}, one after the other", transactions(many)),
    }
}

pub const WAITS_BEHIND_ONE: &str = "it waits behind one transaction of this wallet that is not mined yet";

pub fn waits_behind_many(many: impl Display) -> String {
    format!("it waits behind {many} transactions of this wallet that are not mined yet")
}

// What it warns of

pub fn percent_of_wallet(percent: impl Display) -> String {
    format!("these are {percent} % of the wallet's money")
}

pub fn wallet_too_small_for_fees(needed: impl Display, left: impl Display) -> String {
    format!("taking it back costs about {needed} in fees, but the wallet will have {left}")
}

pub fn fee_as_much_as_amount(fee: impl Display) -> String {
    format!("the network fee, {fee}, is as much as the amount or more")
}

pub fn pays_no_answer(available: impl Display, service: impl Display, answer: impl Display) -> String {
    format!("{available} will not pay one answer of ordinary length of {service}, about {answer}")
}

pub fn begins_wait_anew(wait: impl Display) -> String {
    format!("asking for more begins the wait anew; the pending refund would be free in {wait}")
}

pub const NOTHING_LEFT_MEANWHILE: &str = "nothing of the account is left for requests meanwhile";

pub fn settled_meanwhile(asked: impl Display) -> String {
    format!("{asked} were asked for; the provider has settled part of that meanwhile")
}

pub const UNDER_WAY_ALREADY: &str =
    "something about this account is under way already; the figures are those before it";

pub fn undone_by_refund(lock: impl Display) -> String {
    format!("It cannot be undone: a refund (W) gives it back, {lock} after it is asked for.")
}

pub const CAN_BE_CANCELLED: &str = "It can be cancelled (C) until it is taken; meanwhile it cannot be spent.";
pub const CAN_BE_DEPOSITED_AGAIN: &str = "It cannot be undone; what is in the wallet can be deposited again.";

pub fn wait_is_lost(lock: impl Display) -> String {
    format!("The wait so far is lost: asked for again, the refund is locked for {lock} anew.")
}

pub const OTHER_KEY_MAY_NOT: &str =
    "It cannot be undone: the key that may sign now, perhaps on another machine, may not any more then.";
pub const UNDONE_BY_OTHER_KEY: &str = "It can only be undone by naming another key.";

// What became of it

pub const CHAIN_IS_ASKED: &str = "… the chain is asked what it would do, and what it would cost";
pub const WAITS_TO_BE_SENT: &str = "waits to be sent";

pub fn is_sent(waited: impl Display) -> String {
    format!("… is checked, signed and sent, {waited}")
}

pub const NOTHING_MOVED: &str = "Nothing was moved.";

pub fn amount_with_whom(amount: impl Display, whom: impl Display) -> String {
    format!("{amount}with {whom}")
}

pub const WRITTEN_DOWN_BEING_SENT: &str = "written down, being sent";
pub const SENT: &str = "sent, waits for a block";
pub const FOLLOWED_UP: &str = "not known yet; it is followed up";
pub const A_BLOCK: &str = "a block";

pub fn on_the_chain(block: impl Display) -> String {
    format!("on the chain, in {block}")
}

pub const WRITTEN_DOWN: &str = "✓ written down; it survives a restart";

pub fn sent_as(hash: impl Display) -> String {
    format!("✓ sent as {hash}")
}

pub fn network_fee_was(fee: impl Display) -> String {
    format!("  its network fee was {fee}")
}

pub const AMOUNT_NOT_MOVED: &str = "  The amount was not moved.";

pub fn stuck(times: impl Display) -> String {
    format!("! it was stuck: sent {times} times, each at a higher fee")
}

pub const TAKES_LONG: &str = "! it takes long; a stuck transaction is sent again at a higher fee by itself";
pub const GOES_ON_CLOSED: &str = "It goes on when this is closed; the log tells the end.";

pub fn as_far_as_known(why: impl Display) -> String {
    format!("{why}. As far as is known nothing was moved; it can be tried again.")
}
