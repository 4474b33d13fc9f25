//! The network on an Ethereum chain.

pub mod devnet;
