//! JSON-RPC over the chain: what wallets, alloy and other tools speak.
//!
//! ```text
//! HTTP body ─▶ envelope (single, batch, errors) ─┐
//! alloy packet ─▶ super::transport ──────────────┴─▶ methods (one table) ─▶ node
//!                                                     │ blocks · accounts · simulate · logs · fees · control
//!                                                     ▼
//!                                                   shapes (chain types as RPC objects)
//! ```
//!
//! [`params`] reads arguments, [`scene`] finds the block a call speaks about, [`error`] holds codes and words.

mod accounts;
mod blocks;
mod control;
pub(super) mod envelope;
pub(super) mod error;
mod fees;
mod logs;
pub(super) mod methods;
mod params;
mod scene;
mod shapes;
mod simulate;
