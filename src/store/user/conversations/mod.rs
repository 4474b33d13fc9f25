//! Conversations that the terminal keeps: words (`words.rs`), rows (`rows.rs`), what answers cost (`costs.rs`), search
//! (`search.rs`).
//!
//! Each change is one write, but for the deletion of a long conversation. The index of words follows the rows by
//! triggers of the schema, a growing answer once it has ended (`growing.rs`); the sums of a conversation (`messages`,
//! `fee`) are kept by the write that changes a message. Costs are copies of the books, never their source.

mod costs;
mod growing;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::super::Db;
use crate::{
    domain::{ConversationId, MessageId, Neuron, RequestId, Timestamp},
    store::StoreError,
};

pub(in crate::store::user) use costs::set_cost;
use rows::Deleted;
pub(in crate::store) use rows::audit;
pub use search::MOST_FOUND;
pub use words::{
    Answer, ChatParameters, Conversation, Conversations, Found, Hit, Message, MessageCost, MessageRole,
    MessageState, NewConversation, NewMessage, ServiceOf, SnippetPart, UnknownRole,
};

/// The most messages of one conversation.
pub const MOST_MESSAGES: u64 = 10_000;

/// Messages that one write deletes. Overwriting a message in the index of words takes some milliseconds where there are
/// many, and writes of the books wait behind it.
const DELETED_AT_ONCE: u32 = 8;

/// Requests whose costs one write copies.
const COSTS_AT_ONCE: usize = 64;

/// The most conversations that a list names.
pub const MOST_LISTED: u32 = 1000;

/// Conversations and preferences in the user's database. Needs no network: it works before the chain was reached.
/// Clones are the same one.
#[derive(Debug, Clone)]
pub struct LibraryStore {
    pub(super) db: Db,
}

/// A change to what a conversation says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationChange {
    Title {
        title: String,
        named: bool,
    },
    System(Option<String>),
    Parameters(ChatParameters),
    Service(Option<ServiceOf>),
    Draft(String),
    /// A draft that is about to be sent.
    Asked(String),
}

/// What became of a message that was to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    Message(Box<Message>),
    NoConversation,
    /// It has [`MOST_MESSAGES`].
    Full,
}

impl LibraryStore {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    pub async fn create(
        &self,
        id: ConversationId,
        new: NewConversation,
        at: Timestamp,
    ) -> Result<Conversation, StoreError> {
        self.db.write(move |connection| rows::create(connection, id, &new, at)).await
    }

    /// Begins a conversation with a draft that is about to be sent; one write.
    pub async fn create_with_draft(
        &self,
        id: ConversationId,
        new: NewConversation,
        draft: String,
        at: Timestamp,
    ) -> Result<Conversation, StoreError> {
        self.db
            .write(move |connection| {
                let conversation = rows::create(connection, id, &new, at)?;
                rows::change(connection, id, &ConversationChange::Asked(draft.clone()))?;
                Ok(Conversation { draft, asked: true, ..conversation })
            })
            .await
    }

    pub async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.db.read(move |connection| rows::get(connection, id)).await
    }

    /// The newest first, at most `limit` and [`MOST_LISTED`].
    pub async fn conversations(&self, limit: u32) -> Result<Conversations, StoreError> {
        self.db.read(move |connection| rows::list(connection, limit.min(MOST_LISTED))).await
    }

    /// Returns whether there is such a conversation.
    pub async fn change(&self, id: ConversationId, change: ConversationChange) -> Result<bool, StoreError> {
        self.db.write(move |connection| rows::change(connection, id, &change)).await
    }

    /// Deletes it with its messages, and overwrites what they said; requests and books stay. Returns whether it was
    /// there. A crash in the middle leaves its beginning.
    pub async fn delete(&self, id: ConversationId) -> Result<bool, StoreError> {
        let (mut was_there, mut gone) = (false, false);
        while !gone {
            let deleted =
                self.db.write(move |connection| rows::delete(connection, id, DELETED_AT_ONCE)).await?;
            gone = deleted != Deleted::Part;
            was_there |= deleted != Deleted::Nothing;
        }
        self.db.empty_log().await;
        Ok(was_there)
    }

    /// A new conversation with copies of another's messages up to and with `through`, or with its settings only.
    /// `None` when there is no such conversation, or no such message in it.
    pub async fn fork(
        &self,
        id: ConversationId,
        through: Option<MessageId>,
        new: ConversationId,
        at: Timestamp,
    ) -> Result<Option<Conversation>, StoreError> {
        self.db.write(move |connection| rows::fork(connection, id, through, new, at)).await
    }

    /// As [`LibraryStore::fork`], with a draft that is about to be sent and whom it goes to; one write.
    pub async fn fork_with_draft(
        &self,
        id: ConversationId,
        through: Option<MessageId>,
        new: ConversationId,
        (service, draft): (Option<ServiceOf>, String),
        at: Timestamp,
    ) -> Result<Option<Conversation>, StoreError> {
        self.db
            .write(move |connection| {
                let Some(branch) = rows::fork(connection, id, through, new, at)? else { return Ok(None) };
                rows::change(connection, new, &ConversationChange::Service(service.clone()))?;
                rows::change(connection, new, &ConversationChange::Asked(draft.clone()))?;
                Ok(Some(Conversation { service, draft, asked: true, ..branch }))
            })
            .await
    }

    /// Replaces the draft if it is still wanted when its turn comes. Returns whether there is such a conversation.
    pub async fn set_draft_while(
        &self,
        id: ConversationId,
        draft: String,
        wanted: Arc<AtomicBool>,
    ) -> Result<bool, StoreError> {
        self.db
            .write(move |connection| {
                if !wanted.load(Ordering::SeqCst) {
                    return Ok(true);
                }
                rows::change(connection, id, &ConversationChange::Draft(draft))
            })
            .await
    }

    /// All messages, in order. `None` when there is no such conversation.
    pub async fn messages(&self, id: ConversationId) -> Result<Option<Vec<Message>>, StoreError> {
        self.db.read(move |connection| rows::messages(connection, id)).await
    }

    /// Adds a message at the end. A prompt empties the draft and, in a conversation without a title, gives `title`.
    pub async fn append(
        &self,
        id: ConversationId,
        new: NewMessage,
        title: Option<String>,
    ) -> Result<Appended, StoreError> {
        self.db.write(move |connection| rows::append(connection, id, &new, title.as_deref())).await
    }

    /// Adds a prompt and the beginning of its answer; one write, so that neither is there without the other.
    /// Gives the answer.
    pub async fn append_turn(
        &self,
        id: ConversationId,
        prompt: NewMessage,
        answer: NewMessage,
        title: Option<String>,
    ) -> Result<Appended, StoreError> {
        self.db
            .write(move |connection| {
                // Both or neither: a conversation that is full after the prompt takes none.
                if rows::get(connection, id)?.is_some_and(|one| one.messages + 2 > MOST_MESSAGES) {
                    return Ok(Appended::Full);
                }
                match rows::append(connection, id, &prompt, title.as_deref())? {
                    Appended::Message(_) => rows::append(connection, id, &answer, None),
                    other => Ok(other),
                }
            })
            .await
    }

    /// Replaces what an answer has come to. Returns whether there is such a message that is not inherited.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the message belongs to another request.
    pub async fn update(&self, id: MessageId, answer: Answer, at: Timestamp) -> Result<bool, StoreError> {
        self.db.write(move |connection| rows::update(connection, id, &answer, at)).await
    }

    /// Replaces what the messages of a request cost. Returns whether there is one.
    pub async fn set_cost(&self, request: RequestId, cost: MessageCost) -> Result<bool, StoreError> {
        self.db.write(move |connection| costs::set_cost(connection, request, cost)).await
    }

    /// Copies the costs of all requests that are booked otherwise than their messages say; returns how many. They are
    /// looked for without holding up writes of the books.
    pub async fn take_costs_from_books(&self) -> Result<usize, StoreError> {
        let mut taken = 0;
        for part in self.db.read(costs::differing).await?.chunks(COSTS_AT_ONCE) {
            let part = part.to_vec();
            taken += self.db.write(move |connection| costs::take(connection, &part)).await?;
        }
        Ok(taken)
    }

    /// Has answers that a former run left in their middle be found by their words. Harmless to those that grow now.
    pub async fn index_what_was_left(&self) -> Result<(), StoreError> {
        let mut left = self.db.read(growing::is_left).await?;
        while left {
            left = self.db.write(growing::index).await?;
        }
        Ok(())
    }

    /// The newest prompts, each once.
    pub async fn prompts(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        self.db.read(move |connection| rows::prompts(connection, limit)).await
    }

    /// The first prompt of a conversation.
    pub async fn first_prompt(&self, id: ConversationId) -> Result<Option<String>, StoreError> {
        self.db.read(move |connection| rows::first_prompt(connection, id)).await
    }

    /// What own answers cost that were begun in `from..to`.
    pub async fn spent(&self, from: Timestamp, to: Timestamp) -> Result<Neuron, StoreError> {
        self.db.read(move |connection| rows::spent(connection, from, to)).await
    }

    /// The newest conversations that hold all words of a text (each may be the beginning of a longer word), in one
    /// message or in the title; at most `limit` and [`MOST_FOUND`].
    pub async fn search(&self, text: String, limit: u32) -> Result<Found, StoreError> {
        self.db.read(move |connection| search::search(connection, &text, limit.min(MOST_FOUND))).await
    }

    /// The messages of one conversation that hold all words of a text, in order.
    pub async fn matches(&self, id: ConversationId, text: String) -> Result<Vec<MessageId>, StoreError> {
        self.db.read(move |connection| search::matches(connection, id, &text)).await
    }
}

/// Places of one conversation, in the numbers of `messages`.
const PLACES: i64 = 1 << 20;

/// The number of a conversation.
fn number(connection: &Connection, id: ConversationId) -> Result<Option<i64>, StoreError> {
    use rusqlite::OptionalExtension;
    Ok(connection
        .prepare_cached("SELECT number FROM conversations WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// The first and the last number that a message of a conversation can have.
fn places(conversation: i64) -> (i64, i64) {
    let first = conversation.saturating_mul(PLACES);
    (first, first.saturating_add(PLACES - 1))
}
