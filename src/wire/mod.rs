//! Shapes between processes: bytes in, values out. No I/O, no async, no clock.
//!
//! What the two brokers say to each other and to applications is defined here once, so that both read
//! and write the same bytes: `auth` (vouchers and request authorisations as headers), `receipt` (the receipt as it
//! travels), `terms` (what a provider publishes of itself), `fault` (the one error body).

pub mod auth;
pub mod fault;
pub mod receipt;
pub mod terms;
