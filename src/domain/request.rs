//! The life of a paid request, once on the user's side and once on the provider's.
//!
//! ```text
//! user:      reserved → sent → done | disputed | failed        sent → unconfirmed → done | disputed | failed
//! provider:  admitted → charged | failed | lost
//! ```

use std::fmt;
use std::str::FromStr;

/// A move that a life does not allow, or a name that is none of its states.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifeError {
    #[error("a request cannot go from {from} to {to}")]
    IllegalMove { from: &'static str, to: &'static str },
    #[error("{text:?} is not a state; there are {}", known.join(", "))]
    UnknownState { text: String, known: &'static [&'static str] },
    #[error("{0:?} is not a kind of operation")]
    UnknownKind(String),
}

/// A request as the user broker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserRequestState {
    /// Its highest fee is held; nothing has left the machine.
    Reserved,
    /// Signed and on its way, or being answered.
    Sent,
    /// Answered; receipt and our own meter agree, and the fee is owed.
    Done,
    /// Answered; the provider asks for more than our meter found. Only our own count is paid.
    Disputed,
    /// Sent, but how it ended is not known yet; the hold stays.
    Unconfirmed,
    /// It cost nothing: refused, not reached, or the service failed.
    Failed,
}

/// A request as the provider broker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderRequestState {
    /// Checked, durable, its highest fee held.
    Admitted,
    /// Metered and booked.
    Charged,
    /// The service failed; nothing is owed.
    Failed,
    /// The broker stopped before it could meter; nothing is charged.
    Lost,
}

macro_rules! states {
    ($type:ident { $($state:ident = $name:literal),+ $(,)? } moves { $($from:ident => $($to:ident)|+),+ $(,)? }) => {
        impl $type {
            pub const ALL: &[$type] = &[$($type::$state),+];
            pub const NAMES: &[&'static str] = &[$($name),+];

            pub const fn as_str(self) -> &'static str {
                match self { $($type::$state => $name),+ }
            }

            /// The next state, if the move is legal.
            pub fn to(self, next: $type) -> Result<$type, LifeError> {
                let legal = match self {
                    $($type::$from => matches!(next, $($type::$to)|+),)+
                    #[allow(unreachable_patterns, reason = "a life may have moves from every state")]
                    _ => false,
                };
                if legal {
                    Ok(next)
                } else {
                    Err(LifeError::IllegalMove { from: self.as_str(), to: next.as_str() })
                }
            }

            /// Whether no move leads out of this state.
            pub fn is_final(self) -> bool {
                Self::ALL.iter().all(|next| self.to(*next).is_err())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = LifeError;
            fn from_str(text: &str) -> Result<Self, LifeError> {
                match text {
                    $($name => Ok($type::$state),)+
                    _ => Err(LifeError::UnknownState { text: text.to_owned(), known: Self::NAMES }),
                }
            }
        }
    };
}
pub(super) use states;

states!(UserRequestState {
    Reserved = "reserved",
    Sent = "sent",
    Done = "done",
    Disputed = "disputed",
    Unconfirmed = "unconfirmed",
    Failed = "failed",
} moves {
    Reserved => Sent | Failed,
    Sent => Done | Disputed | Unconfirmed | Failed,
    Unconfirmed => Done | Disputed | Failed,
    // A person accepts the provider's receipt.
    Disputed => Done,
});

impl UserRequestState {
    /// Whether the answer is over and its fee in the books. A disputed request has ended, but can still be accepted.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Disputed | Self::Failed)
    }
}

states!(ProviderRequestState {
    Admitted = "admitted",
    Charged = "charged",
    Failed = "failed",
    Lost = "lost",
} moves {
    Admitted => Charged | Failed | Lost,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_allow_their_moves_and_no_other() {
        use UserRequestState as U;
        let legal = [
            (U::Reserved, U::Sent),
            (U::Reserved, U::Failed),
            (U::Sent, U::Done),
            (U::Sent, U::Disputed),
            (U::Sent, U::Unconfirmed),
            (U::Sent, U::Failed),
            (U::Unconfirmed, U::Done),
            (U::Unconfirmed, U::Disputed),
            (U::Unconfirmed, U::Failed),
            (U::Disputed, U::Done),
        ];
        for from in U::ALL {
            for to in U::ALL {
                assert_eq!(from.to(*to).is_ok(), legal.contains(&(*from, *to)), "{from} -> {to}");
            }
        }
        assert!(U::Done.is_final() && U::Failed.is_final() && !U::Disputed.is_final());
        for state in [U::Done, U::Disputed, U::Failed] {
            assert!(state.has_ended());
        }
        for state in [U::Reserved, U::Sent, U::Unconfirmed] {
            assert!(!state.has_ended());
        }
        assert!(ProviderRequestState::Lost.to(ProviderRequestState::Charged).is_err());
    }

    #[test]
    fn names_round_trip() {
        for state in UserRequestState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        assert!("Done".parse::<UserRequestState>().is_err());
    }
}
