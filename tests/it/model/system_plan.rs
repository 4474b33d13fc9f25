//! What can happen in the whole system, as proptest draws it.

use proptest::collection::vec;
use proptest::prelude::*;
use zgserve_tui::chain::devnet::ReorgTxs;

use super::system_line::{Claim, Fate, Lie};

/// A history and the terms under which it plays. Amounts are in hundredths of what the user deposits first.
#[derive(Clone, Debug)]
pub struct Plan {
    pub credit: u8,
    pub cap: Option<u8>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub enum Step {
    // The user's applications.
    Ask {
        words: usize,
        stream: bool,
        fate: Fate,
    },
    Leave {
        after: usize,
    },
    Breaks {
        words: usize,
        after: usize,
        stream: bool,
    },
    Store {
        up: usize,
        down: usize,
        pieces: bool,
    },
    Many {
        requests: usize,
        stream: bool,
    },
    // The user.
    Deposit(u8),
    AskBack(u8),
    CallOff,
    TakeBack,
    NewKey(Key),
    // The provider.
    Settle,
    Price(u8),
    Withhold(bool),
    // Somebody else with an account there, who cheats.
    Cheat(Cheat),
    // The chain, and time.
    Reorg(u64, ReorgTxs),
    HalfALock,
    /// To the last moments before a change of delegate.
    Brink,
    // The processes.
    Ends {
        user: bool,
        crash: bool,
    },
    CrashInAnswer {
        user: bool,
        after: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The user broker names its own.
    Own,
    /// The wallet names another key behind the broker's back.
    Other,
    /// The wallet takes the delegate away.
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// Pays as it should.
    Fair,
    /// Promises nothing new.
    Unpaid,
    /// Promises less than is owed.
    Below(u8),
    /// Asks for more than there is.
    TooMuch,
    /// A highest fee below the input's.
    TooLittle,
    /// Sends again what was served.
    Replay,
    /// More at once than promise and deposit can bear.
    AtOnce(usize),
    /// Signs in the other user's name.
    InTheNameOfOthers,
    /// A voucher far beyond the deposit, by itself.
    Boast,
    Deposit(u8),
    AskAllBack,
    TakeBack,
    NewKey,
}

pub fn history(longest: usize) -> impl Strategy<Value = Plan> {
    let credit = prop_oneof![Just(0u8), 1u8..6, 10u8..40];
    let cap = proptest::option::weighted(0.3, 20u8..120);
    (credit, cap, vec(step(), 1..longest)).prop_map(|(credit, cap, steps)| Plan { credit, cap, steps })
}

fn fate() -> impl Strategy<Value = Fate> {
    let lie = prop_oneof![
        (1u64..50).prop_map(Lie::Output),
        (1u64..50).prop_map(Lie::Input),
        (2u8..9).prop_map(Lie::Price),
        Just(Lie::Earlier),
        Just(Lie::Owed),
        Just(Lie::Absurd),
        Just(Lie::Stranger),
    ];
    prop_oneof![
        12 => Just(Fate::None),
        3 => Just(Fate::LosesVouchers),
        2 => Just(Fate::LosesAnswer),
        2 => (0usize..600).prop_map(Fate::CutsAfter),
        4 => lie.prop_map(Fate::Lies),
        1 => Just(Fate::Claims(Claim::MadeUp)),
        1 => Just(Fate::Claims(Claim::OldVoucher)),
    ]
}

fn cheat() -> impl Strategy<Value = Cheat> {
    prop_oneof![
        3 => Just(Cheat::Fair),
        4 => Just(Cheat::Unpaid),
        2 => (1u8..100).prop_map(Cheat::Below),
        1 => Just(Cheat::TooMuch),
        1 => Just(Cheat::TooLittle),
        2 => Just(Cheat::Replay),
        2 => (2usize..9).prop_map(Cheat::AtOnce),
        1 => Just(Cheat::InTheNameOfOthers),
        1 => Just(Cheat::Boast),
        1 => (1u8..60).prop_map(Cheat::Deposit),
        2 => Just(Cheat::AskAllBack),
        2 => Just(Cheat::TakeBack),
        2 => Just(Cheat::NewKey),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = prop_oneof![Just(Key::Own), Just(Key::Other), Just(Key::Nobody)];
    let then = prop_oneof![Just(ReorgTxs::Keep), Just(ReorgTxs::ToPool), Just(ReorgTxs::Drop)];
    prop_oneof![
        12 => (1usize..40, any::<bool>(), fate()).prop_map(|(words, stream, fate)| Step::Ask { words, stream, fate }),
        3 => (1usize..12).prop_map(|after| Step::Leave { after }),
        3 => (2usize..12, 0usize..12, any::<bool>())
            .prop_map(|(words, after, stream)| Step::Breaks { words, after: after.min(words), stream }),
        3 => (0usize..3_000, 0usize..3_000, any::<bool>())
            .prop_map(|(up, down, pieces)| Step::Store { up, down, pieces }),
        3 => (2usize..8, any::<bool>()).prop_map(|(requests, stream)| Step::Many { requests, stream }),
        2 => (1u8..100).prop_map(Step::Deposit),
        2 => (1u8..=100).prop_map(Step::AskBack),
        1 => Just(Step::CallOff),
        2 => Just(Step::TakeBack),
        1 => key.prop_map(Step::NewKey),
        3 => Just(Step::Settle),
        1 => (1u8..9).prop_map(Step::Price),
        2 => any::<bool>().prop_map(Step::Withhold),
        10 => cheat().prop_map(Step::Cheat),
        2 => (1u64..6, then).prop_map(|(depth, then)| Step::Reorg(depth, then)),
        3 => Just(Step::HalfALock),
        1 => Just(Step::Brink),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(user, crash)| Step::Ends { user, crash }),
        1 => (any::<bool>(), 1usize..8).prop_map(|(user, after)| Step::CrashInAnswer { user, after }),
    ]
}
