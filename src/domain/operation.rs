//! The life of an on-chain action, from intent to outcome.
//!
//! ```text
//! prepared → sent → mined | reverted | unknown        unknown → mined | reverted
//! prepared → refused (nothing was broadcast)          mined | reverted → sent (a reorg undid it)
//! sent | unknown → refused (broadcast, but another transaction took its place and it can never be mined)
//! ```

use std::fmt;
use std::str::FromStr;

use super::request::{LifeError, states};

/// What an operation does on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    CreateAccount,
    Deposit,
    SetDelegate,
    RequestRefund,
    CancelRefund,
    ProcessRefund,
    PutService,
    RemoveService,
    Settle,
    Deploy,
    Transfer,
}

impl OperationKind {
    const NAMES: [(OperationKind, &'static str); 11] = [
        (OperationKind::CreateAccount, "create_account"),
        (OperationKind::Deposit, "deposit"),
        (OperationKind::SetDelegate, "set_delegate"),
        (OperationKind::RequestRefund, "request_refund"),
        (OperationKind::CancelRefund, "cancel_refund"),
        (OperationKind::ProcessRefund, "process_refund"),
        (OperationKind::PutService, "put_service"),
        (OperationKind::RemoveService, "remove_service"),
        (OperationKind::Settle, "settle"),
        (OperationKind::Deploy, "deploy"),
        (OperationKind::Transfer, "transfer"),
    ];

    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperationKind {
    type Err = LifeError;
    fn from_str(text: &str) -> Result<Self, LifeError> {
        let found = Self::NAMES.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
        found.ok_or_else(|| LifeError::UnknownKind(text.to_owned()))
    }
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// Written down; nothing was broadcast.
    Prepared,
    /// At least one transaction was broadcast.
    Sent,
    Mined,
    /// Mined, but the contract refused it.
    Reverted,
    /// The wait ended without an answer; it is looked up again.
    Unknown,
    /// It had no effect and never will: the check before sending failed, or its nonce went to another transaction.
    Refused,
}

states!(OperationState {
    Prepared = "prepared",
    Sent = "sent",
    Mined = "mined",
    Reverted = "reverted",
    Unknown = "unknown",
    Refused = "refused",
} moves {
    Prepared => Sent | Refused,
    Sent => Mined | Reverted | Unknown | Sent | Refused,
    Unknown => Mined | Reverted | Sent | Refused,
    Mined => Sent,
    Reverted => Sent,
});

impl OperationState {
    /// Whether nothing more is to be waited for (unless a reorg undoes it).
    pub const fn is_settled(self) -> bool {
        matches!(self, OperationState::Mined | OperationState::Reverted | OperationState::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names() {
        for (kind, name) in OperationKind::NAMES {
            assert_eq!(kind.as_str(), name);
            assert_eq!(name.parse(), Ok(kind));
        }
    }

    #[test]
    fn nothing_leaves_refused() {
        assert!(OperationState::Refused.is_final());
        assert!(OperationState::Prepared.to(OperationState::Mined).is_err());
        assert!(OperationState::Mined.to(OperationState::Sent).is_ok());
    }
}
