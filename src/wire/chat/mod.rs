//! Bodies in the shape of the OpenAI API and its relatives (llama.cpp, vLLM, Ollama, Anthropic messages).
//!
//! `endpoint` tells what a path does; `request` reads and sets what a request asks for; `input` yields what of a
//! request reaches the model; `answer` yields what of an answer the model wrote. The meter counts what the last two
//! yield. Readers are tolerant and bounded: no body makes them fail, recurse deeply or copy much.

pub mod answer;
pub mod endpoint;
pub mod input;
pub mod request;

pub use answer::{Field, Part, Reading, Slot, Usage, read_answer};
pub use endpoint::Endpoint;
pub use input::{Piece, read_input};
pub use request::{Ask, ask_for_usage, limit_output, read_ask};
