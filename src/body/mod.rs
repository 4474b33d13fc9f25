//! Bodies of requests and answers, held in memory when small and never held whole when large.

pub mod answer;

pub use answer::{Answer, AnswerBody};
