//! What a conversation and its messages are, as kept and as shown.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::domain::{Address, ConversationId, MessageId, Neuron, RequestId, ServiceName, Timestamp, Units};

/// A provider and one of its services.
pub type ServiceOf = (Address, ServiceName);

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageRole {
    System,
    User,
    Assistant,
}

impl MessageRole {
    const ALL: [Self; 3] = [Self::System, Self::User, Self::Assistant];

    /// The word that chat bodies use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A text that is no role of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message is from system, user or assistant")]
pub struct UnknownRole;

impl FromStr for MessageRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

impl fmt::Display for MessageRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How far a message came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageState {
    /// Still growing, or cut off by a crash.
    Unfinished,
    Complete,
    /// By the person.
    Stopped,
    /// It reached its token limit, or the most that it may cost.
    Cut,
    /// With the reason, in one sentence.
    Failed(String),
}

impl MessageState {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Cut => "cut",
            Self::Failed(_) => "failed",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    pub(super) fn of(name: &str, reason: Option<String>) -> Self {
        match name {
            "complete" => Self::Complete,
            "stopped" => Self::Stopped,
            "cut" => Self::Cut,
            "failed" => Self::Failed(reason.unwrap_or_default()),
            _ => Self::Unfinished,
        }
    }
}

/// How answers are to be made; each member as it goes into a chat body, left out where `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// A decimal number, as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<String>,
    /// A decimal number, as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts at which an answer ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
}

/// A conversation, without its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub id: ConversationId,
    /// Empty until there is a first prompt or a name.
    pub title: String,
    /// Whether a person gave the title.
    pub named: bool,
    pub system: Option<String>,
    pub parameters: ChatParameters,
    /// Whom the next message goes to.
    pub service: Option<ServiceOf>,
    pub created_at: Timestamp,
    /// When a message was added or changed.
    pub updated_at: Timestamp,
    /// The conversation it is a branch of; that one may be deleted since.
    pub forked_from: Option<ConversationId>,
    /// How many messages it has, inherited ones included.
    pub messages: u64,
    /// What its own messages cost; what inherited ones cost counts where they were written.
    pub fee: Neuron,
    /// Typed, not sent.
    pub draft: String,
    /// Whether the draft is a prompt that was on its way, of whose answer nothing was kept.
    pub asked: bool,
}

/// A conversation that is about to begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewConversation {
    /// Given by a person; otherwise derived from the first prompt.
    pub title: Option<String>,
    pub system: Option<String>,
    pub parameters: ChatParameters,
    pub service: Option<ServiceOf>,
}

/// A message as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub conversation: ConversationId,
    pub role: MessageRole,
    /// As it was written; strangers' text.
    pub text: String,
    /// What a model thought before it answered; strangers' text.
    pub reasoning: String,
    pub at: Timestamp,
    /// Who was asked, in an answer.
    pub service: Option<ServiceOf>,
    /// Empty when unknown.
    pub model: String,
    /// The paid request that the answer came from.
    pub request: Option<RequestId>,
    pub state: MessageState,
    pub input: Units,
    pub output: Units,
    /// What is owed for it, once its request is booked.
    pub fee: Neuron,
    /// What the provider asked for beyond that; not paid.
    pub disputed: Neuron,
    /// Copied by a fork; its cost counts in the original only.
    pub inherited: bool,
    /// From sending to the first word.
    pub first_word_ms: Option<u64>,
    /// From sending to the end.
    pub duration_ms: Option<u64>,
}

/// A message to add at the end of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    pub id: MessageId,
    pub role: MessageRole,
    pub at: Timestamp,
    pub answer: Answer,
}

impl NewMessage {
    /// What a person says.
    pub fn prompt(text: impl Into<String>, at: Timestamp) -> Self {
        let answer = Answer { text: text.into(), state: MessageState::Complete, ..Answer::default() };
        Self { id: MessageId::random(), role: MessageRole::User, at, answer }
    }

    /// An answer that is about to come.
    pub fn answer(service: ServiceOf, model: impl Into<String>, at: Timestamp) -> Self {
        let answer = Answer { service: Some(service), model: model.into(), ..Answer::default() };
        Self { id: MessageId::random(), role: MessageRole::Assistant, at, answer }
    }
}

/// What an answer has come to so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    pub reasoning: String,
    pub service: Option<ServiceOf>,
    pub model: String,
    /// Once named it stays: another request is another message.
    pub request: Option<RequestId>,
    pub state: MessageState,
    pub first_word_ms: Option<u64>,
    pub duration_ms: Option<u64>,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            text: String::new(),
            reasoning: String::new(),
            service: None,
            model: String::new(),
            request: None,
            state: MessageState::Unfinished,
            first_word_ms: None,
            duration_ms: None,
        }
    }
}

/// What a request came to, as booked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCost {
    pub input: Units,
    pub output: Units,
    pub fee: Neuron,
    pub disputed: Neuron,
}

/// The newest conversations, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversations {
    pub items: Vec<Conversation>,
    pub total: u64,
}

/// The newest conversations that hold what was searched for, and how many do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub hits: Vec<Hit>,
    pub total: u64,
}

/// A conversation that holds what was searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub conversation: Conversation,
    /// The newest message with it; `None` when only the title has it.
    pub message: Option<MessageId>,
    /// How many messages have it.
    pub messages: u64,
    /// A line of the text around it, cleaned.
    pub snippet: Vec<SnippetPart>,
}

/// A piece of a snippet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnippetPart {
    pub text: String,
    /// Whether it is what was searched for.
    pub found: bool,
}
