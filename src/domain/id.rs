//! Identifiers made by us: of a request, of an on-chain action, of a conversation and its messages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Text that is not an identifier of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an id; ids are {digits} hexadecimal digits")]
pub struct IdError {
    digits: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; $bytes]);

        impl $name {
            pub fn random() -> Self {
                $name(rand::random())
            }

            pub const fn new(bytes: [u8; $bytes]) -> Self {
                $name(bytes)
            }

            pub const fn bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                alloy::primitives::hex::decode_to_array(digits)
                    .ok()
                    .filter(|_| digits.len() == 2 * $bytes)
                    .map($name)
                    .ok_or(IdError { digits: 2 * $bytes })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
    };
}

id!(
    /// One paid request, named by the user broker. 32 bytes: the millisecond in which it was made, the rest random.
    RequestId,
    32
);
id!(
    /// One on-chain action (a deposit, a refund, a settlement) from intent to outcome. 16 random bytes.
    OperationId,
    16
);
id!(
    /// One conversation kept on disk. 16 random bytes.
    ConversationId,
    16
);
id!(
    /// One message of a conversation. 16 random bytes.
    MessageId,
    16
);

/// Bytes of a request's id that tell when it was made.
const MADE: usize = 6;

impl RequestId {
    /// An id that nobody can guess, and that stands beside those of its time. Both brokers keep requests by id: at random places
    /// each one would touch a page of its own in an index that grows with the books.
    pub fn made(at: Timestamp) -> Self {
        let mut bytes: [u8; 32] = rand::random();
        let milliseconds = u64::try_from(at.as_micros() / 1_000).unwrap_or_default().to_be_bytes();
        bytes[..MADE].copy_from_slice(&milliseconds[milliseconds.len() - MADE..]);
        RequestId(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn requests_of_one_time_stand_together_and_no_two_are_alike() {
        let ids: Vec<_> = (0..1_000)
            .map(|at| RequestId::made(Timestamp::from_micros(1_700_000_000_000_000 + at * 1_000)))
            .collect();
        assert!(ids.is_sorted(), "a millisecond apart, they are in order");
        let now = Timestamp::now();
        let ends: std::collections::HashSet<_> =
            (0..1_000).map(|_| RequestId::made(now).0[MADE..].to_vec()).collect();
        assert_eq!(ends.len(), 1_000);
        assert!(
            RequestId::made(Timestamp::from_micros(-1)).0.starts_with(&[0; MADE]),
            "a clock before 1970 breaks nothing"
        );
    }

    #[test]
    fn ids_round_trip_and_refuse_other_lengths() {
        let id = RequestId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(format!("0x{id}").parse(), Ok(id));
        assert!("00".parse::<RequestId>().is_err());
        assert!("zz".repeat(32).parse::<RequestId>().is_err());
        assert!(id.to_string().parse::<OperationId>().is_err());
        assert_eq!(serde_json::from_str::<RequestId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }
}
