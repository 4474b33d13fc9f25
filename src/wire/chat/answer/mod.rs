//! What of an answer the model wrote: one reader for whole answers and for the chunks of streams.
//!
//! The rule, in full:
//!
//! - An answer is a set of texts, each in its own [`Slot`]: the content, reasoning and refusal of each choice, the name
//!   and the arguments of each tool call, … A stream's pieces of one text belong together; texts of different slots
//!   never do. Chunks append ([`Part::Append`]); where a stream repeats a finished text whole ([`Part::Whole`]), it
//!   counts only if nothing of that slot came before.
//! - Ids, types, roles, log probabilities, annotations, embeddings and finish reasons are not text.
//! - Media given inline count by their decoded size.
//! - Tokens that a server hands out undecoded ([`Part::TokenIds`]) count one each, for a choice that has no text.
//! - An object of unknown shape reads as [`Reading::Unknown`]: its whole text counts, so that nothing is free for being
//!   written differently. The same holds for a choice or an item of unknown shape beside known ones ([`Part::Unread`]).
//!   What makes a shape known is a place where its text would be; figures of usage and reasons of an end are none.
//!
//! `part` is what an answer can hold; `reader` knows the protocols' outer shapes; `message` reads messages, items
//! and blocks.

mod message;
mod part;
mod reader;
#[cfg(test)]
mod tests;

pub use part::{Field, Part, Reading, Slot, Usage};
pub use reader::read_answer;
