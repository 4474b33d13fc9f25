//! A data directory as one file: a tar archive with a manifest first, so that any tool can look into it.
//!
//! ```text
//! manifest.json          what it is of, and the size and SHA-256 of each file behind it
//! manifest.json.sha256   the manifest's own
//! user.db, delegates/…   the files, in the manifest's order
//! ```
//!
//! An archive appears under its name whole or not at all. What is read is believed only as far as it fits the manifest,
//! byte by byte, and nothing is written outside the directory that it is unpacked into: an archive may come from anybody.
//!
//! | file | holds |
//! |---|---|
//! | `manifest` | what an archive says of itself |
//! | `name` | which files there may be |
//! | `tar` | entries as bytes |
//! | `write`, `read` | making one, and taking one apart |

mod error;
mod manifest;
mod name;
mod read;
mod tar;
#[cfg(test)]
mod tests;
mod write;

pub use self::{
    error::ArchiveError,
    manifest::{FORMAT, FileEntry, Manifest},
    name::FileName,
    read::Archive,
    write::{Content, write},
};
