//! One turn of a conversation: what a screen has at hand becomes a paid call, and its answer becomes words and figures.
//!
//! ```text
//! Turn ─▶ body (JSON, units) ─▶ call (paid, metered, booked as any) ─▶ Talk ─▶ Content, Reasoning, Metered, Finished
//!                                                                        └ dropped: the answer is stopped
//! ```
//!
//! `body` writes the request and counts it, `talk` is the answer as it comes, `reading` finds the words in its bytes,
//! `thinking` tells reasoning from content, `cost` says what it came to. Nothing here decides about money.

mod body;
mod cost;
mod reading;
mod talk;
mod thinking;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub(super) use body::{Counts, units};
pub use cost::{Cost, Proof};
pub use reading::FinishReason;
pub use talk::{Talk, TalkEvent};

use super::caps::Caps;
use super::catalogue::model_id;
use super::error::CallRefusal;
use crate::domain::{Address, Prices, Service, ServiceKind, ServiceName};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The name in the request, which is counted as input like the text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// One message of a conversation. Clones share the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub text: Arc<str>,
}

impl Message {
    pub fn new(role: Role, text: impl Into<Arc<str>>) -> Message {
        Message { role, text: text.into() }
    }
}

impl fmt::Debug for Message {
    /// Without the text: conversations are not logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}, {} bytes)", self.role.as_str(), self.text.len())
    }
}

/// A number of 0 or more as somebody typed it; it goes into the request digit by digit, never through a float.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a number; write it like 0.7")]
pub struct DecimalError;

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Digits, with a point and more digits or without: what JSON takes for a number, and people too.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (whole, fraction) =
            text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if text.len() > 32 || !digits(whole) || leading_zero || !fraction.is_none_or(digits) {
            return Err(DecimalError);
        }
        Ok(Decimal(text.to_owned()))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What steers the model. Unset ones are left to the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The longest answer, in the model's own tokens.
    pub max_tokens: Option<u64>,
    pub temperature: Option<Decimal>,
    pub top_p: Option<Decimal>,
    pub seed: Option<i64>,
    /// Texts at which the model stops. Free, like all settings.
    pub stop: Vec<String>,
}

/// The next turn of a conversation, the whole history in it.
#[derive(Clone, Debug)]
pub struct Turn {
    pub provider: Address,
    pub service: ServiceName,
    /// The name by which the server behind the service knows its model; unset: as the chain lists it.
    pub model: Option<String>,
    pub messages: Vec<Message>,
    pub parameters: Parameters,
    /// Caps for this turn, beside those of the settings.
    pub caps: Caps,
    /// The prices that stand on the screen; higher ones refuse the turn.
    pub prices_seen: Option<Prices>,
}

impl Turn {
    /// A turn without settings of its own.
    pub fn new(provider: Address, service: ServiceName, messages: Vec<Message>) -> Turn {
        Turn {
            provider,
            service,
            model: None,
            messages,
            parameters: Parameters::default(),
            caps: Caps::default(),
            prices_seen: None,
        }
    }
}

/// Only with chatbots can one talk.
pub(super) fn check_kind(service: &Service) -> Result<(), CallRefusal> {
    match service.kind {
        ServiceKind::Chatbot => Ok(()),
        ServiceKind::ZgStorage => {
            Err(CallRefusal::BadBody(format!("{} stores files and does not talk", model_id(service))))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn numbers_are_taken_as_typed_or_not_at_all() {
        for good in ["0", "0.7", "1.0", "2", "0.70000000000000000001", "10.25"] {
            assert_eq!(good.parse::<Decimal>().unwrap().to_string(), good);
            assert!(serde_json::from_str::<serde_json::Value>(good).unwrap().is_number(), "{good}");
        }
        for bad in ["", ".7", "1.", "-1", "+1", "1e3", "01", "0,7", "NaN", "1\n", "٣", &"1".repeat(33)] {
            assert_eq!(bad.parse::<Decimal>(), Err(DecimalError), "{bad:?}");
        }
    }

    #[test]
    fn conversations_are_in_no_debug_output() {
        let turn = Turn::new(
            Address::ZERO,
            "llama7b".parse().unwrap(),
            vec![Message::new(Role::User, "my secret plan")],
        );
        let text = format!("{turn:?}");
        assert!(!text.contains("secret"), "{text}");
    }
}
