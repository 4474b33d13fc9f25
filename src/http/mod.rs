//! The listeners.

pub mod devnet;
