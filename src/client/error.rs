//! What can go wrong between a client and a broker.

use reqwest::StatusCode;
use serde_json::{Map, Value};

use crate::domain::clean::clean;
use crate::wire::fault::FaultBody;

/// Longest sentence of a broker that is shown.
const SENTENCE: usize = 1000;

/// A call that did not do what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClientError {
    #[error("no broker answers at {base}: {reason}")]
    Unreachable { base: String, reason: String },
    #[error("a broker is asked by http or https, not by {0}; write its address like http://127.0.0.1:1034")]
    Scheme(String),
    /// The broker's no. Its message is clean.
    #[error("{message} ({code})")]
    Refused { status: StatusCode, code: String, message: String, details: Map<String, Value> },
    /// A no that is not in our shape: some other server answers there.
    #[error("the broker answers with status {0}")]
    Status(StatusCode),
    #[error("the broker's answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the broker broke off its answer: {0}")]
    BrokenOff(String),
    #[error("the broker's answer cannot be read: {0}")]
    NotUnderstood(String),
    #[error("the path cannot be asked for")]
    Path,
}

impl ClientError {
    /// A broker's no, from its status and body.
    pub fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice::<FaultBody>(body) {
            Ok(FaultBody { error }) => ClientError::Refused {
                status,
                code: clean(&error.code, 60).into_owned(),
                message: clean(&error.message, SENTENCE).into_owned(),
                details: error.details,
            },
            Err(_) => ClientError::Status(status),
        }
    }

    /// The status of the broker's no.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            ClientError::Refused { status, .. } | ClientError::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether there is no such route or thing there.
    pub fn is_absent(&self) -> bool {
        self.status() == Some(StatusCode::NOT_FOUND)
    }

    /// Whether nobody answered, so that asking again makes sense.
    pub fn is_silence(&self) -> bool {
        matches!(self, ClientError::Unreachable { .. } | ClientError::BrokenOff(_))
    }

    /// The field that a refusal is about.
    pub fn field(&self) -> Option<&str> {
        match self {
            ClientError::Refused { details, .. } => details.get("field").and_then(Value::as_str),
            _ => None,
        }
    }

    /// The sentence without the code for programs.
    pub fn sentence(&self) -> String {
        match self {
            ClientError::Refused { message, .. } => message.clone(),
            other => other.to_string(),
        }
    }
}
