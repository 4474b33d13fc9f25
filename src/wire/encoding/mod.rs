//! Content encodings, decoded as the bytes arrive and never beyond a limit.
//!
//! A meter must read what an answer says, while the answer itself travels on encoded as it came. [`Decoder`] takes
//! the encoded bytes chunk by chunk and hands decoded ones to a sink; it holds one window, never the whole text.
//! Both a total and a ratio limit stop decompression bombs, nested ones included: each layer is held to them.

//! `coding` names encodings; `decoder` holds the limits; `layers` decodes each encoding.

mod coding;
mod decoder;
mod layers;
#[cfg(test)]
mod tests;

pub use coding::{Coding, codings, is_plain};
pub use decoder::{Decoder, EncodingError, Limits};
