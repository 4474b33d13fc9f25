//! Keys: the wallets that sign transactions and vouchers, and how they rest on disk.
//!
//! [`Wallet`] holds one key in memory and signs. Owners' keys come from the configuration or from encrypted files
//! (`keystore.rs` is the file format, `file.rs` the directory of such files); delegate keys, which can spend one
//! account's deposit and nothing else, are plain files made on demand (`delegate.rs`). What two keys share seals requests
//! and receipts (`shared.rs`). A passphrase may rest in the
//! system's keyring (`keyring`); whether it comes from there is the caller's business. Nothing here prints, logs or puts
//! into an error any part of a key.

mod delegate;
mod error;
mod file;
mod keyring;
mod keystore;
#[cfg(test)]
mod keystore_tests;
mod secret;
mod shared;
mod wallet;

pub use self::{
    delegate::{DelegateId, DelegateKeys},
    error::KeyError,
    file::{KeyFile, KeyFiles},
    keyring::{KeyringError, MemoryKeyring, PassphraseKeyring, SystemKeyring},
    secret::Secret,
    shared::SharedKey,
    wallet::Wallet,
};
