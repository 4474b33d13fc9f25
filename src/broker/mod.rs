//! The rules: each broker owns its state and decides about money. The two never import each other.

pub mod provider;
pub mod user;
