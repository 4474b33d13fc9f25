//! What the terminal keeps for its user: conversations, searchable, and preferences.
//!
//! A [`Library`] needs the database only: it works before the chain was reached and without a wallet, beside a broker
//! on the same [`Db`]. It owns the rules that rows do not know: how large texts may be (`bounds.rs`), what a conversation
//! is called (`title.rs`), what an exported file says (`export.rs`). Texts are kept as they were written and cleaned by
//! whoever shows them. Costs are copies of the books; deleting a conversation leaves those alone.

mod bounds;
mod error;
mod export;
mod preferences;
#[cfg(test)]
mod tests;
mod title;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use error::LibraryError;
pub use preferences::Preferences;

pub use crate::store::user::conversations::{
    Answer, ChatParameters, Conversation, Conversations, Found, Hit, MOST_FOUND, MOST_LISTED, MOST_MESSAGES,
    Message, MessageCost, MessageRole, MessageState, NewConversation, NewMessage, ServiceOf, SnippetPart,
};

use crate::crash_point::{self, Point};
use crate::domain::{ConversationId, MessageId, Neuron, RequestId, Timestamp};
use crate::store::Db;
use crate::store::user::{
    LibraryStore,
    conversations::{Appended, ConversationChange},
};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The user's conversations and preferences. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Library {
    store: LibraryStore,
}

impl Library {
    /// Takes the user's database, whether a broker runs on it or not. Nothing is read or written yet.
    pub fn open(db: Db) -> Library {
        Library { store: LibraryStore::new(db) }
    }

    /// Preferences and aliases.
    pub fn preferences(&self) -> Preferences {
        Preferences::new(self.store.clone())
    }

    /// The newest conversations, at most `limit` and [`MOST_LISTED`], with how many there are.
    pub async fn list(&self, limit: u32) -> Result<Conversations, LibraryError> {
        Ok(self.store.conversations(limit).await?)
    }

    /// The newest conversations that hold all words of `text` in one message or in the title, at most `limit` and
    /// [`MOST_FOUND`], with how many there are. A word may be the beginning of a longer one; case and accents do
    /// not count. Any text is taken as words: it never fails for what is in it. Searched are the first 100,000
    /// characters of each message.
    pub async fn search(&self, text: &str, limit: u32) -> Result<Found, LibraryError> {
        Ok(self.store.search(bounds::search(text), limit).await?)
    }

    /// The messages of one conversation that hold all words of `text`, in order, to go from one to the next.
    pub async fn matches(&self, id: ConversationId, text: &str) -> Result<Vec<MessageId>, LibraryError> {
        Ok(self.store.matches(id, bounds::search(text)).await?)
    }

    /// Begins a conversation. A title that is given is a person's, as with [`Library::rename`].
    pub async fn create(&self, mut new: NewConversation) -> Result<Conversation, LibraryError> {
        new.title = new.title.as_deref().map(title::given).filter(|title| !title.is_empty());
        bounds::settings(new.system.as_deref(), &new.parameters)?;
        Ok(self.store.create(ConversationId::random(), new, Timestamp::now()).await?)
    }

    /// Begins a conversation with a prompt that is about to be sent: it is the draft until [`Library::append_turn`].
    pub async fn create_with_draft(
        &self,
        id: ConversationId,
        mut new: NewConversation,
        draft: String,
    ) -> Result<Conversation, LibraryError> {
        new.title = new.title.as_deref().map(title::given).filter(|title| !title.is_empty());
        bounds::settings(new.system.as_deref(), &new.parameters)?;
        bounds::text(&draft)?;
        Ok(self.store.create_with_draft(id, new, draft, Timestamp::now()).await?)
    }

    pub async fn conversation(&self, id: ConversationId) -> Result<Conversation, LibraryError> {
        self.store.conversation(id).await?.ok_or(LibraryError::NoConversation(id))
    }

    /// All messages of a conversation, in order.
    pub async fn messages(&self, id: ConversationId) -> Result<Vec<Message>, LibraryError> {
        self.store.messages(id).await?.ok_or(LibraryError::NoConversation(id))
    }

    /// Gives a title (cleaned, cut at 200 characters); an empty one goes back to what the first prompt says.
    pub async fn rename(&self, id: ConversationId, title: &str) -> Result<(), LibraryError> {
        let mut title = title::given(title);
        let named = !title.is_empty();
        if !named {
            title =
                self.store.first_prompt(id).await?.map(|prompt| title::derived(&prompt)).unwrap_or_default();
        }
        self.change(id, ConversationChange::Title { title, named }).await
    }

    /// Whom the next message goes to.
    pub async fn set_service(
        &self,
        id: ConversationId,
        service: Option<ServiceOf>,
    ) -> Result<(), LibraryError> {
        self.change(id, ConversationChange::Service(service)).await
    }

    /// The instructions before the first message.
    pub async fn set_system(&self, id: ConversationId, system: Option<String>) -> Result<(), LibraryError> {
        bounds::settings(system.as_deref(), &ChatParameters::default())?;
        self.change(id, ConversationChange::System(system)).await
    }

    pub async fn set_parameters(
        &self,
        id: ConversationId,
        parameters: ChatParameters,
    ) -> Result<(), LibraryError> {
        bounds::settings(None, &parameters)?;
        self.change(id, ConversationChange::Parameters(parameters)).await
    }

    /// What is typed and not sent. A prompt that is appended empties it.
    pub async fn set_draft(&self, id: ConversationId, draft: String) -> Result<(), LibraryError> {
        bounds::text(&draft)?;
        self.change(id, ConversationChange::Draft(draft)).await
    }

    /// The same for a prompt that is about to be sent: until [`Library::append_turn`], or until it is set as a draft again,
    /// it is known that it was on its way.
    pub async fn set_asked(&self, id: ConversationId, prompt: String) -> Result<(), LibraryError> {
        bounds::text(&prompt)?;
        self.change(id, ConversationChange::Asked(prompt)).await
    }

    /// As [`Library::set_draft`], unless `wanted` is false by the time that it is written: what is typed and saved by
    /// and by must not come back over what was sent since.
    pub async fn set_draft_while(
        &self,
        id: ConversationId,
        draft: String,
        wanted: Arc<AtomicBool>,
    ) -> Result<(), LibraryError> {
        bounds::text(&draft)?;
        let known = self.store.set_draft_while(id, draft, wanted).await?;
        if known { Ok(()) } else { Err(LibraryError::NoConversation(id)) }
    }

    /// Deletes a conversation with its messages, for good. Its requests stay in the books, its branches stay too.
    pub async fn delete(&self, id: ConversationId) -> Result<(), LibraryError> {
        if self.store.delete(id).await? { Ok(()) } else { Err(LibraryError::NoConversation(id)) }
    }

    /// Begins a branch with copies of all messages up to and with `through`, or with the settings only (to send the
    /// first prompt anew). The copies are inherited: what they cost counts in the original only.
    pub async fn fork(
        &self,
        id: ConversationId,
        through: Option<MessageId>,
    ) -> Result<Conversation, LibraryError> {
        let branch = self.store.fork(id, through, ConversationId::random(), Timestamp::now()).await?;
        self.branched(id, through, branch).await
    }

    /// As [`Library::fork`], with a prompt that is about to be sent, as with [`Library::create_with_draft`], and
    /// whom it goes to.
    pub async fn fork_with_draft(
        &self,
        id: ConversationId,
        through: Option<MessageId>,
        service: Option<ServiceOf>,
        draft: String,
    ) -> Result<Conversation, LibraryError> {
        bounds::text(&draft)?;
        let (new, now) = (ConversationId::random(), Timestamp::now());
        let branch = self.store.fork_with_draft(id, through, new, (service, draft), now).await?;
        self.branched(id, through, branch).await
    }

    async fn branched(
        &self,
        id: ConversationId,
        through: Option<MessageId>,
        branch: Option<Conversation>,
    ) -> Result<Conversation, LibraryError> {
        match (branch, through) {
            (Some(branch), _) => Ok(branch),
            (None, Some(message)) if self.store.conversation(id).await?.is_some() => {
                Err(LibraryError::NoMessage(message))
            }
            (None, _) => Err(LibraryError::NoConversation(id)),
        }
    }

    /// Adds a message at the end. The first prompt gives the conversation its title.
    pub async fn append(&self, id: ConversationId, mut new: NewMessage) -> Result<Message, LibraryError> {
        bounds::answer(&mut new.answer)?;
        let title = (new.role == MessageRole::User).then(|| title::derived(&new.answer.text));
        match self.store.append(id, new, title).await? {
            Appended::Message(message) => Ok(*message),
            Appended::NoConversation => Err(LibraryError::NoConversation(id)),
            Appended::Full => Err(LibraryError::Full),
        }
    }

    /// Adds a prompt, which is the draft no longer, and the beginning of its answer: both, or neither where it fails.
    pub async fn append_turn(
        &self,
        id: ConversationId,
        mut prompt: NewMessage,
        mut answer: NewMessage,
    ) -> Result<(), LibraryError> {
        bounds::answer(&mut prompt.answer)?;
        bounds::answer(&mut answer.answer)?;
        let title = title::derived(&prompt.answer.text);
        let appended = self.store.append_turn(id, prompt, answer, Some(title)).await?;
        crash_point::pass(Point::MessageWritten);
        match appended {
            Appended::Message(_) => Ok(()),
            Appended::NoConversation => Err(LibraryError::NoConversation(id)),
            Appended::Full => Err(LibraryError::Full),
        }
    }

    /// Replaces what an answer has come to: about once a second while it grows, and at its end. What was saved last
    /// is what a crash leaves, as unfinished and with its request. Inherited messages do not change.
    pub async fn update(&self, id: MessageId, mut answer: Answer) -> Result<(), LibraryError> {
        bounds::answer(&mut answer)?;
        let known = self.store.update(id, answer, Timestamp::now()).await?;
        if known { Ok(()) } else { Err(LibraryError::NoMessage(id)) }
    }

    /// Replaces what the answer of a request cost, once that is booked. Returns whether any message came from it.
    pub async fn set_cost(&self, request: RequestId, cost: MessageCost) -> Result<bool, LibraryError> {
        Ok(self.store.set_cost(request, cost).await?)
    }

    /// Copies from the books what was booked while nobody looked: after a crash, or for requests that ended late.
    /// To be called at start, and when a request that was unconfirmed ends. Returns how many requests had changed.
    pub async fn take_costs_from_books(&self) -> Result<usize, LibraryError> {
        Ok(self.store.take_costs_from_books().await?)
    }

    /// Has search find what came of answers in whose middle the last run ended. To be called at start.
    pub async fn index_what_was_left(&self) -> Result<(), LibraryError> {
        Ok(self.store.index_what_was_left().await?)
    }

    /// The newest prompts, each once, for a search backwards. Pastes beyond 16 KiB are left out.
    pub async fn history(&self, limit: usize) -> Result<Vec<String>, LibraryError> {
        Ok(self.store.prompts(limit).await?)
    }

    /// What the answers in all conversations cost that were begun on a UTC day ([`Timestamp::day`]). Requests of
    /// other programs, and of conversations that were deleted, are in the books only.
    pub async fn spent_on(&self, day: u64) -> Result<Neuron, LibraryError> {
        let from = Timestamp::from_seconds(day.saturating_mul(DAY));
        Ok(self.store.spent(from, from.plus_seconds(DAY)).await?)
    }

    /// A conversation as Markdown: who answered, when, what it cost, receipts by their request. Texts are cleaned.
    pub async fn export_markdown(&self, id: ConversationId) -> Result<String, LibraryError> {
        let (conversation, messages, alias) = self.whole(id).await?;
        self.apart(move || export::markdown(&conversation, &messages, alias.as_deref())).await
    }

    /// A conversation as JSON, every text exact. Amounts are decimal texts.
    pub async fn export_json(&self, id: ConversationId) -> Result<String, LibraryError> {
        let (conversation, messages, alias) = self.whole(id).await?;
        self.apart(move || export::json(&conversation, &messages, alias.as_deref())).await?
    }

    async fn change(&self, id: ConversationId, change: ConversationChange) -> Result<(), LibraryError> {
        if self.store.change(id, change).await? { Ok(()) } else { Err(LibraryError::NoConversation(id)) }
    }

    /// A conversation, its messages, and the name that the user gave to its provider.
    async fn whole(
        &self,
        id: ConversationId,
    ) -> Result<(Conversation, Vec<Message>, Option<String>), LibraryError> {
        let conversation = self.conversation(id).await?;
        let messages = self.messages(id).await?;
        let alias = match &conversation.service {
            Some((provider, _)) => self.store.alias(*provider).await?,
            None => None,
        };
        Ok((conversation, messages, alias))
    }

    /// Runs what may take long over large texts beside the runtime.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LibraryError> {
        tokio::task::spawn_blocking(work).await.map_err(|_| LibraryError::Interrupted)
    }
}
