//! The one shape in which both brokers tell an error.

use serde::{Deserialize, Serialize};

/// `{"error": {"code": …, "message": …, "details": {…}}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultBody {
    pub error: Fault,
}

/// A stable code for programs, a sentence for people that says what to do next, and details by code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl Fault {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Fault { code: code.to_owned(), message: message.into(), details: serde_json::Map::new() }
    }

    /// Adds one detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the fields of an object as details; anything else adds nothing.
    #[must_use]
    pub fn with_all(mut self, value: &impl Serialize) -> Self {
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(value) {
            self.details.extend(fields);
        }
        self
    }

    pub fn into_body(self) -> FaultBody {
        FaultBody { error: self }
    }
}
