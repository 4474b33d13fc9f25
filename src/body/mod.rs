//! Bodies of requests and answers, held in memory when small and never held whole when large.

pub mod answer;
mod disk;
mod memory;
mod request;

pub use answer::{Answer, AnswerBody};
pub use memory::{Held, Room, Spool};
pub use request::{Body, BodyError, BodyLimits, Opened};
