//! What the chat says: answers as they come, sending, conversations, its dialogs.

use std::fmt::Display;

use super::numbers::{bytes, characters, counted, grouped, lines};

// Answers as they come and end

pub const ON_ITS_WAY_AT_THE_END: &str =
    "this prompt was on its way when the program ended, and no answer was kept";
pub const ANSWER_NOT_KEPT: &str =
    "an answer cannot be kept on disk; it is paid for all the same, 5 Requests says how much";

pub fn answer_not_kept_of(service: impl Display) -> String {
    format!("the answer of {service} could not be kept and was stopped; 5 Requests says what is owed")
}

pub fn not_sent_kept_as_draft(service: impl Display, why: impl Display) -> String {
    format!("not sent to {service}: {why}; its conversation has it as a draft")
}

pub fn not_sent_kept_in_history(service: impl Display, why: impl Display, key: impl Display) -> String {
    format!("not sent to {service}: {why}; {key} has the message")
}

pub const A_MESSAGE_WAS_NOT_SENT: &str = "a message was not sent; the chat says why";
pub const SUM_NOT_KNOWN_YET: &str = "a sum that is not known yet";

pub fn cost_not_known(reason: impl Display) -> String {
    format!("what the answer cost is not known yet: {reason}")
}

pub fn has_answered(service: impl Display, paid: impl Display) -> String {
    format!("{service} has answered, for {paid}")
}

pub const WITHHELD: &str = "the service withheld the rest";
pub const ENDED_WITHOUT_A_WORD: &str = "it ended without a word about why";
pub const STOPPED_BEFORE_ANYTHING: &str = "stopped before anything came";
pub const NAMES_NO_REQUEST: &str = "the answer names no request";
pub const STOPPING: &str = "the program is stopping";

pub fn could_not_be_kept_first(error: impl Display) -> String {
    format!("it could not be kept first: {error}")
}

pub fn draft_not_kept(error: impl Display) -> String {
    format!("what is written is not kept: {error}")
}

// Sending

pub fn not_sent(reason: impl Display) -> String {
    format!("not sent: {reason}")
}

pub const STILL_COMING_OR_WAIT: &str = "the answer is still coming; esc stops it, or wait for its end";
pub const CHOOSE_WHOM: &str = "choose whom to ask first";

pub fn not_offered_any_more(name: impl Display) -> String {
    format!("{name} is not offered any more; choose another service")
}

pub const NOTHING_IS_MISSING: &str = "nothing is missing";

pub fn message_waits(reason: impl Display) -> String {
    format!("the message waits: {reason}")
}

pub const MONEY_IS_THERE: &str = "the money is there; enter sends the message as you changed it";
pub const STILL_COMING: &str = "the answer is still coming; esc stops it";

pub fn price_rose(go_on: &str) -> String {
    format!("the price rose: {go_on} accepts it and sends, esc forgets it")
}

pub fn may_be_paid(go_on: &str) -> String {
    format!(
        "the message may be paid for already: {go_on} sends it and pays again, esc leaves it in the prompt"
    )
}

pub fn one_key_then(first: impl Display, then: impl Display) -> String {
    format!("{first}, then {then}")
}

pub const STOP_THAT_FIRST: &str = "an answer is still coming into it; stop that first";
pub const BEGINS_WITH_A_MESSAGE: &str = "this conversation begins with its first message";
pub fn choose_whom_by(key: impl Display) -> String {
    format!("{CHOOSE_WHOM}; {key}")
}

pub const NOTHING_TO_EDIT: &str = "there is no message of yours here that could be edited";
pub const NOTHING_TO_ASK_AGAIN: &str = "there is nothing yet that could be asked again";
pub const LEAVING_STOPS_ONE: &str = "an answer is still coming; it is stopped and what came of it is paid";

pub fn leaving_stops_many(many: impl Display) -> String {
    format!("{many} answers are still coming; they are stopped and paid so far")
}

// What is copied and exported

pub const THE_TITLE: &str = "the title";
pub const THE_PROMPT: &str = "the prompt";
pub const THE_ANSWER: &str = "the answer";
pub const THE_CONVERSATION: &str = "the conversation";
pub const NO_CODE: &str = "there is no block of code in this message";

pub fn code_block(number: impl Display) -> String {
    format!("code block {number}")
}

pub fn no_code_block(number: impl Display) -> String {
    format!("there is no block {number} in this message")
}

pub fn exported_to(file: impl Display) -> String {
    format!("the conversation is in {file}")
}

pub fn not_exported(reason: impl Display) -> String {
    format!("not exported: {reason}")
}

pub fn names_taken(names: impl Display, folder: impl Display) -> String {
    format!("there are {names} files of that name already in {folder}")
}

// Files that go along

pub const PROMPT_IS_FULL: &str = "this prompt is full; send the file in the next one";
pub const FILE_TOO_LONG_FOR_A_PROMPT: &str = "that is more than one prompt takes (8 MB); attach a part of it";

pub fn file_too_long(size: u64, most: u64) -> String {
    format!("it has {}; at most {} can go with a prompt", bytes(size), grouped(most.into()))
}

pub const NOT_UTF8: &str = "it is no text in UTF-8";
pub const ZERO_BYTES: &str = "it is no text: there are zero bytes in it";

pub fn pasted(size: impl Display) -> String {
    format!("pasted {size}")
}

pub fn attached_file(name: impl Display, many: usize) -> String {
    format!("file {name}, {}", lines(many))
}

// The answers

pub fn reasoning(sign: impl Display, doing: impl Display, many: usize, key: impl Display) -> String {
    format!("{sign} {doing}: {} · {key} shows or folds it", counted(many, "word", "words"))
}

pub fn more_lines(many: usize, key: impl Display) -> String {
    format!("… {} · {key} shows them", counted(many, "more line", "more lines"))
}

pub fn more_below(key: impl Display) -> String {
    format!(" ↓ more below · {key} to the end ")
}

pub fn write_here(line: impl Display) -> String {
    format!("write; enter sends, {line} is a new line, ↑ edits your last message")
}

pub fn to_write(key: impl Display) -> String {
    format!("{key} to write")
}

pub const NOBODY_CHOSEN: &str = "nobody chosen";
pub const NEW_CONVERSATION: &str = "New conversation";
pub const NOT_SENT_YET: &str = "Not sent yet";

pub fn has_most_tokens(most: u64) -> String {
    format!("≤ {}", counted(most, "token", "tokens"))
}

pub fn has_temperature(number: impl Display) -> String {
    format!("temperature {number}")
}

pub fn has_cap(cap: impl Display) -> String {
    format!("cap {cap}")
}

pub const READING_CONVERSATION: &str = "… reading the conversation";

pub fn ask_somebody(who: impl Display) -> String {
    format!("Ask {who}. What it costs stands above the prompt as you type.")
}

pub fn whom_to_ask(key: impl Display) -> String {
    format!("Whom to ask? {key} shows all chatbots.")
}

pub const CHOOSE_SERVICE: &str = "choose the service";
pub const SET_PARAMETERS: &str = "system prompt, parameters, cap of an answer";
pub const GO_ON: &str = "go on";

// Conversations

pub fn conversations_in_all(many: u64) -> String {
    format!("Conversations ({})", grouped(many.into()))
}

pub const NO_CONVERSATIONS: &str = "None yet. The first message that you send begins one.";
pub const NO_WORDS_YET: &str = "(no words yet)";
pub const SEARCH_TITLE: &str = "Search in all conversations";
pub const PROMPTS_TITLE: &str = "Written before";
pub const SEARCH_HINT: &str = "Type words; a word may be the beginning of a longer one.";
pub const SEARCH_EMPTY: &str = "No conversation has all of these words.";

pub const PROMPTS_NONE: &str = "Nothing was written yet.";
pub const PROMPTS_EMPTY: &str = "Nothing that was written has these words.";

// Dialogs

pub const RENAME_HINT: &str = "Up to 200 characters; empty goes back to what the first prompt says.";
pub const RENAME_TITLE: &str = "Rename the conversation";
pub const ATTACH_HINT: &str =
    "A text file in UTF-8, up to 1 MB; ~/ is your home. What it costs is shown before you send.";
pub const ATTACH_TITLE: &str = "Attach a text file";
pub const GO_THERE: &str = "go there";
pub const TAKE_IT: &str = "take it";
pub const COPY_THAT_BLOCK: &str = "copy that block";
pub const ASK_AGAIN_TITLE: &str = "Ask again, and whom?";
pub const ASK_TITLE: &str = "Whom to ask";
pub const NO_CHATBOTS: &str = "no chatbot is listed yet";
pub const FILTER_SERVICES: &str = "prices in neuron a token · type to filter: words, price<200000";
pub const DELETE_TITLE: &str = "Delete this conversation?";

pub fn delete_text(cost: impl Display) -> String {
    format!("Its words are gone for good. What it cost ({cost}) stays in the books.")
}

pub const EXPORT_CHOICES: &str = "m  Markdown, to read      j  JSON, every text exact";
pub const EXPORT_TEXT: &str = "into a new file that only you can read";
pub const CODE_TITLE: &str = "Copy a block of code";

pub fn code_number(blocks: impl Display, digits: impl Display) -> String {
    format!("number, 1 to {blocks}: {digits}")
}

// What goes with each prompt

pub const SYSTEM_PROMPT: &str = "System prompt";
pub const SYSTEM_PROMPT_HINT: &str = "What the model is told first. ctrl+o writes it in your editor.";
pub const LONGEST_ANSWER: &str = "Longest answer";
pub const LONGEST_ANSWER_HINT: &str =
    "In tokens; empty: as the settings say. Fewer tokens, lower worst case.";
pub const TEMPERATURE_HINT: &str = "0 is always the same, 1 varied; empty leaves it to the service.";
pub const TOP_P: &str = "Top p";
pub const TOP_P_HINT: &str = "0 to 1: how much of what is likely is considered.";
pub const SEED_HINT: &str = "A whole number; the same one repeats an answer, where the service can.";
pub const ENDS_AT: &str = "Ends at";
pub const ENDS_AT_HINT: &str = "Texts at which an answer ends, up to four, with | between them.";
pub const ANSWER_CAP: &str = "Cap of an answer";
pub const ANSWER_CAP_HINT: &str = "The most that one answer may cost: 5000000, or 0.001 A0GI; for all chats.";
pub const PARAMETERS_TITLE: &str = "What goes with each prompt";

pub fn lines_and_characters(many: usize, length: usize) -> String {
    format!("{}, {}", lines(many), characters(length))
}

pub const NUMBER_ABOVE_ZERO: &str = "a whole number above 0, or nothing";
pub const WHOLE_NUMBER: &str = "a whole number, or nothing";

pub fn at_most_texts(most: impl Display) -> String {
    format!("at most {most} texts")
}
