//! An answer under way. It goes on whichever screen or conversation is open.

use tokio::sync::watch;

use super::ask::{Begun, Sending};
use super::entry::Entry;
use crate::domain::{ConversationId, MessageId, Neuron, Units};

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has come of it.
    Asking,
    Coming(Box<Begun>),
    /// No word comes any more; the books are not done.
    Booking(Box<Begun>),
}

#[derive(Debug)]
pub struct Live {
    pub sending: Sending,
    pub phase: Phase,
    pub stop: watch::Sender<bool>,
    pub output: Units,
    pub fee: Neuron,
    /// Prompt and answer, while another conversation is open.
    pub parked: Vec<Entry>,
    /// What a branch leaves behind; it comes back where the prompt is refused.
    pub cut: Vec<Entry>,
}

impl Live {
    pub fn token(&self) -> u64 {
        self.sending.token
    }

    pub fn answer(&self) -> MessageId {
        self.sending.answer.id
    }

    /// Where it is kept, once something has come.
    pub fn conversation(&self) -> Option<ConversationId> {
        self.begun().map(|begun| begun.conversation.id)
    }

    pub fn begun(&self) -> Option<&Begun> {
        match &self.phase {
            Phase::Asking => None,
            Phase::Coming(begun) | Phase::Booking(begun) => Some(begun),
        }
    }

    /// Whether words may still come.
    pub fn is_coming(&self) -> bool {
        !matches!(self.phase, Phase::Booking(_))
    }

    /// Whether somebody has asked it to stop.
    pub fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }
}
