//! What can go wrong with a key. No variant ever carries a part of one.

use std::path::PathBuf;

use alloy::primitives::Address;

use crate::private_files::PrivateFileError;

/// Why a key could not be read, made, kept or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "a private key is 64 hexadecimal digits, with or without 0x in front; this text has {length} characters"
    )]
    Length { length: usize },
    #[error(
        "a private key is 64 hexadecimal digits, with or without 0x in front; this text has other characters in it"
    )]
    NotHex,
    /// Zero, or not below the order of the curve.
    #[error("these 32 bytes are not a valid private key of this curve")]
    OutOfRange,
    #[error("the passphrase does not fit this key file")]
    WrongPassphrase,
    #[error("{path} is not a version 3 key file: {reason}")]
    Format { path: PathBuf, reason: &'static str },
    #[error(
        "the delegate key {path} is damaged: {fault}; put it back from a backup, or move it away: the wallet signs in its \
         place, and `K` in Accounts names a new one"
    )]
    Delegate { path: PathBuf, fault: Box<KeyError> },
    #[error(
        "{path} says it holds the key of {named}, but the key in it is that of {found}; give the file back its own name, or \
         put that of a backup in its place"
    )]
    AddressMismatch { path: PathBuf, named: Address, found: Address },
    #[error("there is no key file for {0}; `wallet list` shows which there are")]
    Unknown(Address),
    #[error(transparent)]
    File(#[from] PrivateFileError),
    #[error("the operating system gave no random numbers")]
    Random,
    #[error("signing failed")]
    Signing,
    #[error("the thread that handled the key file ended early")]
    Interrupted,
}
