//! Why the contract refuses a call: its custom errors by name, with a sentence for people.

use alloy::primitives::{Address, Bytes};
use alloy::sol_types::{Revert as RevertText, SolError, SolInterface};

use super::contract::Serving::ServingErrors;
use crate::domain::clean::clean;
use crate::domain::{AccountId, Neuron, Timestamp};

/// A refusal of the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Revert {
    #[error("the account with provider {} exists already; charge it instead", .account.provider)]
    AccountExists { account: AccountId },
    #[error("there is no account of {} with provider {}; create it first", .account.user, .account.provider)]
    AccountNotFound { account: AccountId },
    #[error("the amount would take the account above 2^112 - 1 neuron, the most that it can hold")]
    AmountTooLarge,
    #[error("the amount is zero")]
    ZeroAmount,
    #[error("the provider is the zero address")]
    ZeroAddress,
    #[error("the account with provider {} holds only {balance} neuron", .account.provider)]
    InsufficientBalance { account: AccountId, balance: Neuron },
    #[error("no refund is pending on the account with provider {}", .account.provider)]
    RefundNotFound { account: AccountId },
    #[error("the refund is locked until {unlock_at}")]
    RefundLocked { account: AccountId, unlock_at: Timestamp },
    #[error("the receiver refused the money")]
    TransferFailed,
    #[error("the settlement data is not a whole number of rows")]
    BadLength,
    #[error("the service's {field} is empty or too long")]
    BadService { field: String },
    #[error("provider {provider} has no service named {name}")]
    ServiceNotFound { provider: Address, name: String },
    #[error("the account has used all its delegate changes; move the money to another account")]
    EpochsExhausted,
    #[error("the lock time is above 365 days")]
    LockTimeTooLong,
    #[error("the contract refused the call: {0}")]
    Other(String),
}

impl Revert {
    /// Reads the bytes of a revert; `message` is what the node said beside them.
    pub(super) fn decode(data: &[u8], message: &str) -> Revert {
        use ServingErrors as E;
        let account = |user, provider| AccountId { user, provider };
        let Ok(error) = E::abi_decode(data) else {
            if let Ok(text) = RevertText::abi_decode(data) {
                return Revert::Other(clean(&text.reason, 200).into_owned());
            }
            let message = clean(message, 200).into_owned();
            return Revert::Other(if data.is_empty() {
                message
            } else {
                format!("{message} ({})", Bytes::copy_from_slice(&data[..data.len().min(36)]))
            });
        };
        match error {
            E::AccountExists(e) => Revert::AccountExists { account: account(e.user, e.provider) },
            E::AccountNotFound(e) => Revert::AccountNotFound { account: account(e.user, e.provider) },
            E::AmountTooLarge(_) => Revert::AmountTooLarge,
            E::ZeroAmount(_) => Revert::ZeroAmount,
            E::ZeroAddress(_) => Revert::ZeroAddress,
            E::InsufficientBalance(e) => Revert::InsufficientBalance {
                account: account(e.user, e.provider),
                balance: Neuron::new(e.balance.to()),
            },
            E::RefundNotFound(e) => Revert::RefundNotFound { account: account(e.user, e.provider) },
            E::RefundLocked(e) => Revert::RefundLocked {
                account: account(e.user, e.provider),
                unlock_at: Timestamp::from_seconds(e.unlockAt.to()),
            },
            E::TransferFailed(_) => Revert::TransferFailed,
            E::BadLength(_) => Revert::BadLength,
            E::BadService(e) => Revert::BadService { field: clean(&e.field, 32).into_owned() },
            E::ServiceNotFound(e) => {
                Revert::ServiceNotFound { provider: e.provider, name: clean(&e.name, 64).into_owned() }
            }
            E::EpochsExhausted(_) => Revert::EpochsExhausted,
            E::LockTimeTooLong(_) => Revert::LockTimeTooLong,
        }
    }

    /// The error's name in the contract; `Revert` for what has none.
    pub fn name(&self) -> &'static str {
        match self {
            Revert::AccountExists { .. } => "AccountExists",
            Revert::AccountNotFound { .. } => "AccountNotFound",
            Revert::AmountTooLarge => "AmountTooLarge",
            Revert::ZeroAmount => "ZeroAmount",
            Revert::ZeroAddress => "ZeroAddress",
            Revert::InsufficientBalance { .. } => "InsufficientBalance",
            Revert::RefundNotFound { .. } => "RefundNotFound",
            Revert::RefundLocked { .. } => "RefundLocked",
            Revert::TransferFailed => "TransferFailed",
            Revert::BadLength => "BadLength",
            Revert::BadService { .. } => "BadService",
            Revert::ServiceNotFound { .. } => "ServiceNotFound",
            Revert::EpochsExhausted => "EpochsExhausted",
            Revert::LockTimeTooLong => "LockTimeTooLong",
            Revert::Other(_) => "Revert",
        }
    }

    /// The error's arguments, named as in the contract, as text.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        let pair =
            |id: &AccountId| vec![("user", id.user.to_string()), ("provider", id.provider.to_string())];
        match self {
            Revert::AccountExists { account }
            | Revert::AccountNotFound { account }
            | Revert::RefundNotFound { account } => pair(account),
            Revert::InsufficientBalance { account, balance } => {
                let mut args = pair(account);
                args.push(("balance", balance.to_string()));
                args
            }
            Revert::RefundLocked { account, unlock_at } => {
                let mut args = pair(account);
                args.push(("unlockAt", unlock_at.to_string()));
                args
            }
            Revert::BadService { field } => vec![("field", field.clone())],
            Revert::ServiceNotFound { provider, name } => {
                vec![("provider", provider.to_string()), ("name", name.clone())]
            }
            Revert::Other(text) => vec![("reason", text.clone())],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::contract::Serving;
    use alloy::primitives::aliases::U40;

    #[test]
    fn errors_come_out_by_name() {
        let account = AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(2) };
        let data = Serving::RefundLocked {
            user: account.user,
            provider: account.provider,
            unlockAt: U40::from(1_724_337_532u64),
        };
        let revert = Revert::decode(&data.abi_encode(), "execution reverted");
        assert_eq!(revert.name(), "RefundLocked");
        assert_eq!(revert.to_string(), "the refund is locked until 2024-08-22T14:38:52Z");
        assert_eq!(revert.args()[2], ("unlockAt", "2024-08-22T14:38:52Z".to_owned()));
        assert_eq!(Revert::decode(&Serving::BadLength {}.abi_encode(), ""), Revert::BadLength);
    }

    #[test]
    fn unknown_reverts_keep_their_words_but_not_their_escapes() {
        let text = RevertText { reason: "no\u{1b}[2J".to_owned() };
        assert_eq!(Revert::decode(&text.abi_encode(), "x"), Revert::Other("no\u{fffd}[2J".to_owned()));
        assert_eq!(Revert::decode(&[], "execution reverted"), Revert::Other("execution reverted".to_owned()));
        assert_eq!(
            Revert::decode(&[1, 2, 3, 4], "execution reverted"),
            Revert::Other("execution reverted (0x01020304)".to_owned())
        );
    }
}
