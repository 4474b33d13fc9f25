//! What the chat asks the runner for, and what it is answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::watch;

use super::picker::{Choice, Choosing};
use crate::broker::user::library::{
    ChatParameters, Conversation, Conversations, Found, Message, MessageState, NewConversation, NewMessage,
    ServiceOf,
};
use crate::broker::user::{Cost, Estimate, Shortfall, Turn};
use crate::domain::{ConversationId, MessageId, Neuron, Prices, RequestId, Units};
use crate::tui::kit::table::Table;

/// Where a prompt and its answer will be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a conversation that begins with it, under this id.
    New(ConversationId, NewConversation),
    In(ConversationId),
    /// In a branch that has everything up to and with this message; without one, nothing but the settings.
    Branch {
        of: ConversationId,
        through: Option<MessageId>,
    },
}

/// A prompt on its way, the whole history in its turn.
#[derive(Clone, Debug)]
pub struct Sending {
    /// What answers name it by.
    pub token: u64,
    pub turn: Turn,
    pub place: Place,
    pub prompt: NewMessage,
    pub answer: NewMessage,
    /// The prices that stood on the screen.
    pub shown: Option<Prices>,
    /// Turns to `true` when the answer shall stop.
    pub stop: watch::Receiver<bool>,
}

/// A change to the conversation that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Service(Option<ServiceOf>),
    System(Option<String>),
    Parameters(ChatParameters),
    Title(String),
}

/// How a conversation is written into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Markdown,
    Json,
}

#[derive(Debug)]
pub enum Ask {
    /// What was booked while nobody looked goes into the messages; then as `List`.
    CatchUp,
    List,
    Open {
        id: ConversationId,
        at: Option<MessageId>,
    },
    Send(Box<Sending>),
    Estimate {
        number: u64,
        turn: Box<Turn>,
    },
    Keep {
        id: ConversationId,
        change: Change,
    },
    /// What is typed in a conversation, as long as `wanted` says so: nothing older comes back over what was sent.
    Draft {
        id: ConversationId,
        text: String,
        wanted: Arc<AtomicBool>,
    },
    /// The conversation that was to begin when the program ended last, if it did begin; or the one that was open.
    Revive {
        new: ConversationId,
        open: Option<ConversationId>,
    },
    Delete(ConversationId),
    /// A branch without a prompt.
    Fork {
        id: ConversationId,
        through: Option<MessageId>,
    },
    /// What became of these requests.
    Fates(Vec<RequestId>),
    /// How services did that were used before.
    Measure(Vec<ServiceOf>),
    Prompts,
    Search {
        number: u64,
        text: String,
    },
    Attach(String),
    Export {
        id: ConversationId,
        form: Form,
        name: String,
    },
    /// What the chats of a UTC day cost.
    Spent(u64),
    /// The chatbots that one can choose from, in a table that has this filter.
    Choices {
        number: u64,
        from: Box<Choosing>,
    },
}

/// What would let a refused prompt go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Money: exactly this.
    Fund(Shortfall),
    /// The prices rose; these are to be accepted.
    Accept { seen: Prices, now: Prices },
    /// It may go the next time.
    Again,
    /// It went, and a part of its answer may be owed, but could not be kept.
    Owed(Option<RequestId>),
    /// It was on its way when the program ended; what became of it is in the books alone.
    Unknown,
}

/// A file that is to go with a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub name: String,
    pub text: String,
}

/// What an answer has grown by since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub content: String,
    pub reasoning: String,
    /// Units of output and the fee so far.
    pub metered: Option<(Units, Neuron)>,
    pub first_word_ms: Option<u64>,
}

impl Piece {
    pub fn is_empty(&self) -> bool {
        self.content.is_empty() && self.reasoning.is_empty() && self.metered.is_none()
    }
}

/// What is known of an answer when its head is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Where it is kept, the title included.
    pub conversation: Conversation,
    pub request: Option<RequestId>,
    pub prices: Prices,
    pub input: Units,
    pub max_fee: Neuron,
}

#[derive(Debug)]
pub enum Answer {
    Listed(Conversations),
    Opened {
        conversation: Box<Conversation>,
        messages: Vec<Message>,
        at: Option<MessageId>,
    },
    /// The prompt is on disk, as the draft of this conversation; it goes out now.
    Placed {
        token: u64,
        conversation: Box<Conversation>,
    },
    Begun {
        token: u64,
        begun: Box<Begun>,
    },
    /// Nothing but the draft was kept, and nothing is owed unless the remedy says so.
    Refused {
        token: u64,
        why: String,
        remedy: Remedy,
    },
    Grew {
        token: u64,
        piece: Piece,
    },
    /// What has come could not be kept on disk, and why; nothing: it is kept now.
    Unkept {
        token: u64,
        why: Option<String>,
    },
    /// No word comes any more; the books are not done yet.
    Ended {
        token: u64,
        state: MessageState,
        duration_ms: u64,
    },
    Booked {
        token: u64,
        cost: Result<Box<Cost>, String>,
    },
    Estimated {
        number: u64,
        estimate: Result<Box<Estimate>, String>,
    },
    Fates(Vec<Cost>),
    /// From sending to booking, the middle of what was measured, in milliseconds.
    Measured(Vec<(ServiceOf, u64)>),
    /// A branch was made; it is opened next.
    Forked(ConversationId),
    Prompts(Vec<String>),
    Found {
        number: u64,
        found: Found,
    },
    Attached(Result<Attachment, String>),
    Exported(Result<PathBuf, String>),
    Deleted(ConversationId),
    Revived {
        conversation: Box<Conversation>,
        messages: Vec<Message>,
    },
    /// What the chats of a UTC day cost.
    Spent {
        day: u64,
        amount: Neuron,
    },
    Choices {
        number: u64,
        table: Box<Table<Choice>>,
    },
    /// Something could not be kept or read.
    Failed(String),
}
