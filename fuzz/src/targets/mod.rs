//! What is fuzzed. Each target is a function that takes any bytes and panics when a promise of the program is broken.
//!
//! | target | what strangers choose | what must hold |
//! |---|---|---|
//! | `request_head` | a request's line and headers | only the one signed pair of payment headers is accepted, and only for what was signed; headers of brokers and machines stay where they are |
//! | `signed_headers` | fields of vouchers, authorisations, receipts, signed and then changed | one signature, one encoding; whatever is accepted is what was signed, for this domain, provider and epoch |
//! | `chat_body` | a chat request | units are bounded; the limit is set, whatever else stays byte by byte |
//! | `event_stream` | an event stream and how it is cut | any split gives the same events and units; both brokers count the same |
//! | `encoded_body` | gzip, deflate, br, zstd | any split decodes alike; bombs are stopped |
//! | `whole_answer` | an answer that is no event stream | any split gives the same units; figures of the server are bounded; a fee never passes its cap |
//! | `settle_rows` | rows of a settlement | the contract in the EVM pays what the model pays |
//! | `config` | settings file, environment, flags | no panic; errors name their key and never show a secret |
//! | `rpc_answers` | what a node answers | typed errors, bounded memory, clean texts |
//! | `screen_text` | texts on the screen | no control, bidirectional or format character reaches a cell; nothing is drawn outside |
//! | `markdown` | a growing answer | the final layout does not depend on how the text came |
//! | `path` | what follows a service's name | it never leaves the root of the service |
//! | `keystore` | a key file | no panic, no other address than the one named |
//! | `amounts` | amounts as text | what is read is what was written |
//!
//! The functions use the library's public face only. `input` turns bytes into choices; `splits` cuts them in pieces.

pub mod amounts;
pub mod chat_body;
pub mod config;
pub mod encoded_body;
pub mod event_stream;
pub mod input;
pub mod keys;
pub mod keystore;
pub mod markdown;
pub mod path;
pub mod request_head;
pub mod rpc_answers;
pub mod screen_text;
pub mod settle_rows;
pub mod signed_headers;
pub mod splits;
pub mod text;
pub mod whole_answer;

/// A name, and the function that takes any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target with its name, which is also that of its folder of seeds.
pub const ALL: [Target; 14] = [
    ("amounts", amounts::run),
    ("chat_body", chat_body::run),
    ("config", config::run),
    ("encoded_body", encoded_body::run),
    ("event_stream", event_stream::run),
    ("keystore", keystore::run),
    ("markdown", markdown::run),
    ("path", path::run),
    ("request_head", request_head::run),
    ("rpc_answers", rpc_answers::run),
    ("screen_text", screen_text::run),
    ("settle_rows", settle_rows::run),
    ("signed_headers", signed_headers::run),
    ("whole_answer", whole_answer::run),
];
