//! Why something could not be kept or found, in sentences for a screen.

use crate::domain::{Address, ConversationId, MessageId};
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("this conversation is not there any more; choose another in the list")]
    NoConversation(ConversationId),
    #[error("this message is not there any more, or belongs to another branch; open the conversation again")]
    NoMessage(MessageId),
    #[error("{what} is too long to be kept; the limit is {limit} bytes, shorten it")]
    TooLong { what: &'static str, limit: usize },
    #[error(
        "the conversation has {} messages, the most that one can have; begin a new one",
        super::MOST_MESSAGES
    )]
    Full,
    #[error("a name for a provider has 1 to {0} characters; choose another")]
    BadAlias(usize),
    #[error("provider {0} has this name already; choose another")]
    AliasTaken(Address),
    #[error("this cannot be kept: {0}")]
    Encode(#[from] serde_json::Error),
    #[error("the program is stopping")]
    Interrupted,
    #[error(transparent)]
    Store(#[from] StoreError),
}
