//! Named places at which a test may end the process, as a power switch does: nothing flushed, nothing dropped.
//!
//! Each durable step of the program has one on either side of it. In an ordinary build [`pass`] is nothing at all. Built with
//! the feature `crash-points`, the environment variable [`VARIABLE`] names one point and a number, as in
//! `provider.booked:3`, and the process aborts when it passes that point for the third time. `examples/crashes` starts the
//! real binary so, again and again, and holds the books against each other after each restart.
//!
//! The table says of each point in which processes it is passed and what a restart must find.

/// Which point ends the process, and the how-many-eth passing of it: `name:n`.
pub const VARIABLE: &str = "ZGSERVE_CRASH_AT";

/// A process in which a point is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// The provider broker.
    Provider,
    /// The user broker, headless.
    User,
    /// `zgserve-tui devnet` over its file.
    Chain,
    /// A command or the screens: something that works on files without being a broker.
    Tool,
}

macro_rules! points {
    ($($point:ident $name:literal [$($process:ident)*] $durable:literal;)*) => {
        /// One place. The names are those of [`VARIABLE`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Point {
            $(#[doc = $durable] $point,)*
        }

        impl Point {
            /// Every point, in the order of the table.
            pub const ALL: &'static [Point] = &[$(Point::$point,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Point::$point => $name,)* }
            }

            /// The processes that pass it.
            pub const fn processes(self) -> &'static [Process] {
                match self { $(Point::$point => &[$(Process::$process),*],)* }
            }

            /// What is durable when the process ends here.
            pub const fn durable(self) -> &'static str {
                match self { $(Point::$point => $durable,)* }
            }

            pub fn named(name: &str) -> Option<Point> {
                Point::ALL.iter().copied().find(|point| point.name() == name)
            }
        }
    };
}

points! {
    StoreInGroup "store.in-group" [Provider User]
        "Changes of a group are made and not committed: none of them is durable, and nobody was told of any.";
    StoreCommitted "store.committed" [Provider User]
        "A group is committed: all of it is durable, and nobody was told yet.";
    StoreFiling "store.filing" [Provider User]
        "Rows that have ended are put into lists and sums, and not committed; all of them are durable as rows.";
    StoreFiled "store.filed" [Provider User]
        "Rows that have ended are in lists and sums, and that is committed.";
    FileWritten "file.written" [User Tool]
        "A private file is whole under its temporary name; the name that it is meant for does not exist.";
    FileNamed "file.named" [User Tool]
        "A private file is whole under its own name; whoever asked for it was not told.";

    AttemptRecorded "chain.attempt-recorded" [Provider User]
        "A signed transaction is in the journal, and no node has it.";
    AttemptBroadcast "chain.attempt-broadcast" [Provider User]
        "A transaction is in the journal and with the node, which has answered.";
    ReplacementRecorded "chain.replacement-recorded" [Provider User]
        "A second transaction for the same nonce is in the journal; the node has only the first.";
    MinedSeen "chain.mined-seen" [Provider User]
        "The receipt of a transaction was read; the journal does not say that it is mined.";
    OutcomeRecorded "chain.outcome-recorded" [Provider User]
        "The journal says how an operation ended; what follows from it has not begun.";
    DevnetAppended "devnet.appended" [Chain]
        "A block is in the chain's file and not synced; nobody was told of it.";
    DevnetSynced "devnet.synced" [Chain]
        "A block is in the chain's file and synced; nobody was told of it.";

    RequestChecked "provider.request-checked" [Provider]
        "A request passed every check and holds its highest fee; nothing of it is on disk.";
    RequestRow "provider.request-row" [Provider]
        "The request's row and its voucher are on disk; the service may have been asked, and nothing was answered.";
    EventOut "provider.event-out" [Provider]
        "A piece of an event stream was handed over; nothing is booked.";
    BytesOut "provider.bytes-out" [Provider]
        "A piece of another stream was handed over; nothing is booked.";
    BeforeBooking "provider.before-booking" [Provider]
        "An answer was delivered, or is about to be; its fee is counted and not written.";
    Booked "provider.booked" [Provider]
        "The fee is booked; the user has no receipt.";
    CountedAtOnce "provider.counted-at-once" [Provider]
        "A small answer is there and counted; neither its row nor its fee is on disk.";
    BookedAtOnce "provider.booked-at-once" [Provider]
        "Row and fee of a small answer are on disk in one write; the user has no receipt.";
    VoucherKept "provider.voucher-kept" [Provider]
        "A voucher that was brought by itself is on disk; the user does not know.";
    SettlementIntent "provider.settlement-intent" [Provider]
        "A settlement and its rows are written down; nothing of it is signed.";
    SettlementSent "provider.settlement-sent" [Provider]
        "A settlement is with the node; nobody follows it yet.";
    SettlementAccounts "provider.settlement-accounts" [Provider]
        "The accounts of a mined settlement were read; what it paid each of them was not.";
    SettlementResult "provider.settlement-result" [Provider]
        "What a settlement paid is in its rows; its users are not free for the next one.";
    AccountsObserved "provider.accounts-observed" [Provider]
        "Accounts as the chain has them are on disk, with their block.";
    RefundSeen "provider.refund-seen" [Provider]
        "The event of a refund was read and counts in memory; nothing of it is on disk.";
    ServiceWritten "provider.service-written" [Provider]
        "A service that is to be listed is on disk; nothing of it is signed.";
    ServiceSent "provider.service-sent" [Provider]
        "The transaction about a service is with the node; nobody waits for it yet.";
    ServiceListed "provider.service-listed" [Provider]
        "The version under which the chain lists a service is on disk; nobody can call it yet.";
    DecisionWritten "provider.decision-written" [Provider]
        "A decision of the settlement engine is on disk.";
    LostClosed "provider.lost-closed" [Provider]
        "A start has struck off what the last run left unbooked, and has done nothing else.";

    BeforeReserving "user.before-reserving" [User]
        "A request holds its highest fee in memory; neither the row nor the new promise is on disk.";
    Reserved "user.reserved" [User]
        "Row, reservation and the new promise are on disk; nothing is signed.";
    Signed "user.signed" [User]
        "Authorisation and voucher are signed; nothing has left.";
    HeadReceived "user.head-received" [User]
        "The provider has begun to answer; nothing was passed on.";
    PassedOn "user.passed-on" [User]
        "A piece of the answer was handed to the application; nothing is booked.";
    BeforeEnd "user.before-end" [User]
        "The answer is over and its receipt judged; the fee is not written.";
    EndWritten "user.end-written" [User]
        "Fee, receipt and promise are on disk; the provider has no voucher for them.";
    UnconfirmedWritten "user.unconfirmed-written" [User]
        "A request is on disk as unconfirmed; its receipt was not asked for.";
    FailureWritten "user.failure-written" [User]
        "A request is on disk as one that cost nothing; its hold is still there in memory.";
    PushAuthorized "user.push-authorized" [User]
        "The promise for what is owed is on disk; its voucher is signed and has not left.";
    PushAcknowledged "user.push-acknowledged" [User]
        "The provider has a voucher and has said so.";
    OperationPrepared "user.operation-prepared" [User]
        "A deposit or refund is written down; nothing of it is signed.";
    OperationRead "user.operation-read" [User]
        "The account was read again after a deposit or refund was mined; whoever waits was not told.";
    AccountObserved "user.account-observed" [User]
        "An account as the chain has it is on disk, with its block.";
    RefundNoted "user.refund-noted" [User]
        "A refund, or how one ended, is on disk; the account that shows it is not.";
    DelegateMade "user.delegate-made" [User]
        "A delegate key is on disk; no account names it.";
    MessageWritten "library.message-written" [Tool]
        "A message of a conversation is on disk; the screen does not know.";
    PreferenceWritten "library.preference-written" [Tool]
        "A preference is on disk; the screen does not know.";
}

/// Says that the process has come to `point`; ends it if it was told to end here.
#[cfg(feature = "crash-points")]
pub fn pass(point: Point) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: LazyLock<Option<(Point, u64)>> =
        LazyLock::new(|| std::env::var(VARIABLE).ok().as_deref().and_then(read));
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if let Some((armed, times)) = *ARMED
        && armed == point
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 >= times
    {
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub const fn pass(_: Point) {}

/// A point and a number of passings, as [`VARIABLE`] has them.
pub fn read(text: &str) -> Option<(Point, u64)> {
    let (name, times) = text.split_once(':').unwrap_or((text, "1"));
    Some((Point::named(name)?, times.parse().ok().filter(|times| *times > 0)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own_that_can_be_asked_for() {
        let names: BTreeSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        for point in Point::ALL {
            assert_eq!(read(&format!("{}:7", point.name())), Some((*point, 7)));
            assert!(!point.processes().is_empty() && point.durable().ends_with('.'));
        }
        assert_eq!(read("store.committed"), Some((Point::StoreCommitted, 1)));
        for wrong in ["", "store.committed:0", "store.committed:x", "elsewhere:1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
