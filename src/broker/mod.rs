//! The rules of the two roles. Each folder holds one broker; they never import each other.

pub mod provider;
