//! How large the parts of a conversation may be.

use super::{Answer, ChatParameters, LibraryError, MessageState};
use crate::domain::clean::clean;

/// Bytes of a message, its reasoning, or a draft.
const LONGEST_TEXT: usize = 16 << 20;
/// Bytes of the instructions before a conversation.
const LONGEST_SYSTEM: usize = 1 << 20;
/// Bytes of all parameters together, in JSON.
const LONGEST_PARAMETERS: usize = 64 << 10;
/// Characters of a model's name and of the reason why an answer failed; both are cut.
const LONGEST_MODEL: usize = 200;
const LONGEST_REASON: usize = 500;
/// Characters of a search that are looked at.
const LONGEST_SEARCH: usize = 500;

fn within(text: &str, limit: usize, what: &'static str) -> Result<(), LibraryError> {
    if text.len() <= limit { Ok(()) } else { Err(LibraryError::TooLong { what, limit }) }
}

pub(super) fn text(text: &str) -> Result<(), LibraryError> {
    within(text, LONGEST_TEXT, "the text")
}

pub(super) fn settings(system: Option<&str>, parameters: &ChatParameters) -> Result<(), LibraryError> {
    within(system.unwrap_or_default(), LONGEST_SYSTEM, "the system prompt")?;
    within(&serde_json::to_string(parameters)?, LONGEST_PARAMETERS, "the list of parameters")
}

/// Checks the texts of an answer; a name and a reason, which are for showing only, are cleaned and cut.
pub(super) fn answer(answer: &mut Answer) -> Result<(), LibraryError> {
    text(&answer.text)?;
    within(&answer.reasoning, LONGEST_TEXT, "the reasoning")?;
    answer.model = clean(&answer.model, LONGEST_MODEL).into_owned();
    if let MessageState::Failed(reason) = &mut answer.state {
        *reason = clean(reason, LONGEST_REASON).into_owned();
    }
    Ok(())
}

pub(super) fn search(text: &str) -> String {
    text.chars().take(LONGEST_SEARCH).collect()
}
