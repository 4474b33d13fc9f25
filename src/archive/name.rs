//! Names of files in an archive: those that a backup writes, in our own spelling, and no way out of the directory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The files that a backup has outside of folders: a role's database. Nothing else of a data directory is in one, and
/// beside a database nothing may be: what a journal of that name says is done to it, and a token lets its owner in.
const DATABASES: [&str; 2] = ["user.db", "provider.db"];
/// The folders that a backup has, and how names in them end.
const FOLDERS: [(&str, &str); 2] = [("delegates", ".key"), ("keys", ".json")];
/// No name of ours is longer.
const LONGEST: usize = 200;

/// `user.db`, `delegates/<name>.key` or `keys/<name>.json`: letters, digits, `-`, `_` and `.`, not beginning with a point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// A name that no file in a backup has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no name of a file in a backup")]
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
            Some((folder, name)) => {
                let ending = FOLDERS.iter().find(|(known, _)| *known == folder).map(|(_, ending)| *ending);
                ending.and_then(|ending| name.strip_suffix(ending)).ok_or(NameError)?
            }
            None if DATABASES.contains(&text) => text,
            None => return Err(NameError),
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
