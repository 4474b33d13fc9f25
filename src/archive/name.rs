//! Names of files in an archive: those of a data directory, in our own spelling, and no way out of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The folders that a data directory has.
const FOLDERS: [&str; 2] = ["delegates", "keys"];
/// No name of ours is longer.
const LONGEST: usize = 200;

/// `user.db`, or `delegates/<name>`: letters, digits, `-`, `_` and `.`, not beginning with a point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// A name that no file of a data directory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no name of a file in a data directory")]
pub struct NameError;

impl FileName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that it is in.
    pub fn folder(&self) -> Option<&str> {
        self.0.split_once('/').map(|(folder, _)| folder)
    }
}

impl FromStr for FileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<FileName, NameError> {
        let plain = match text.split_once('/') {
            Some((folder, name)) if FOLDERS.contains(&folder) => name,
            Some(_) => return Err(NameError),
            None => text,
        };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let good = !plain.is_empty() && !plain.starts_with('.') && plain.bytes().all(known);
        if good && text.len() <= LONGEST { Ok(FileName(text.to_owned())) } else { Err(NameError) }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FileName, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
