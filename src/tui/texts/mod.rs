//! What the screens say: every sentence, title, hint, help of a key and word of an empty list, one file a screen.
//!
//! What stands here is text and nothing else: it draws nothing, holds no state and knows no other part of the program.
//! A text without values is a constant; one with values is a function, so that the order of words is the text's
//! business and not the caller's. Values arrive as they are to be read: amounts, times and addresses were written by
//! `kit`, hidden where they have to be hidden, and cleaned where strangers wrote them.
//!
//! How a text is written: a plain sentence that says what is so and what to do next; the words are those of
//! `domain`; a key stands as it is pressed; sentences inside a screen begin small and end without a full stop,
//! whole paragraphs begin large and end with one. A sign (✓ ✗ ! · …) says without colour what colour says too.
//!
//! Not here: errors keep their sentences with their types, since commands and both APIs tell them too; lines of the
//! log and names of tasks are for those who run the program; names of states, units and fields of filters stand with
//! what they name. `tests/it/texts.rs` holds the sources of the screens against this.
//!
//! | file | holds |
//! |---|---|
//! | `labels`, `hints`, `terms` | single words: heads of columns and facts, what a key does, what names a figure |
//! | `numbers` | how numbers are written, with their nouns |
//! | `keys`, `kit`, `shell`, `frame`, `shared` | what is said whichever screen is open |
//! | the others | one screen or part each; the chat and the console have several |

pub mod accounts;
pub mod chat;
pub mod chat_cost;
pub mod console;
pub mod console_money;
pub mod console_services;
pub mod frame;
pub mod hints;
pub mod home;
pub mod keys;
pub mod kit;
pub mod labels;
pub mod log;
pub mod money;
pub mod numbers;
pub mod plain;
pub mod refunds;
pub mod requests;
pub mod services;
pub mod settings;
pub mod shared;
pub mod shell;
pub mod spend;
pub mod start;
pub mod storage;
pub mod terms;
