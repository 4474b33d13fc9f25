//! The public o200k vocabulary: how many of its tokens a text is.
//!
//! `assets/o200k.bin` holds the vocabulary in the form in which it is used, so that nothing is read or built at a start
//! and what a process touches of it is a page of its own file, shared with every other process:
//!
//! - `table` finds the rank of some bytes. The rank is a token's number and says when it is merged: lower ones first.
//! - `words` cuts a text as the o200k pattern does; its classes of characters are in the same file, so that no other
//!   release of Unicode can change a count.
//! - `merge` joins the bytes of one word to tokens.
//!
//! The file is made from the crate `bpe-openai` by `UPDATE_VOCABULARY=1 cargo test --lib vocabulary`. Without the
//! variable the same test holds the file against that crate, and others hold counts against the crate's own.
//! Vocabulary and pattern are those of OpenAI's tiktoken (MIT: `assets/o200k.LICENSE`).

mod merge;
mod table;
#[cfg(test)]
mod tests;
mod words;

pub(super) use merge::tokens_of_word;
pub(super) use words::words;
