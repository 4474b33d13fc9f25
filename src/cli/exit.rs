//! Exit codes: what went wrong, for scripts.

use std::process::ExitCode;

/// The codes, as `zgserve-tui --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    /// Something inside failed.
    Failed = 1,
    /// A command line that says nothing that could be done.
    WrongLine = 2,
    /// A value that cannot be right: an address, an amount, a setting, something that does not exist.
    BadInput = 3,
    /// Not enough money: in the account, in the wallet, or under a cap.
    ShortOfFunds = 4,
    /// The chain, a broker, a provider or a file could not be reached.
    Unreachable = 5,
    /// Understood and refused: by the contract, a provider, a rule.
    Refused = 6,
    /// A transaction was sent and its outcome is not known yet. Look again before repeating.
    Unknown = 7,
    /// A port or the data directory is in use by another program.
    InUse = 8,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error that knows its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into() }
    }
}
