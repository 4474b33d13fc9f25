//! What an archive says of itself.

use serde::{Deserialize, Serialize};

use super::name::FileName;
use crate::domain::{Address, Timestamp};

/// The newest layout that this program knows.
pub const FORMAT: u32 = 1;
/// What every manifest begins with.
pub(super) const PROGRAM: &str = "zgserve-tui";

/// The first file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Manifest {
    pub program: String,
    pub format: u32,
    /// Of the program that made it.
    pub version: String,
    /// user or provider.
    pub role: String,
    /// The books are those of this moment.
    pub made_at: Timestamp,
    #[serde(rename = "ChainID")]
    pub chain_id: u64,
    #[serde(serialize_with = "checksummed")]
    pub contract: Address,
    /// The number of the database's schema.
    pub schema: u32,
    pub files: Vec<FileEntry>,
}

/// A file behind the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FileEntry {
    pub name: FileName,
    pub bytes: u64,
    /// 64 hexadecimal digits.
    #[serde(rename = "SHA256")]
    pub sha256: String,
}

impl Manifest {
    /// How many files are in a folder.
    pub fn in_folder(&self, folder: &str) -> usize {
        self.files.iter().filter(|file| file.name.folder() == Some(folder)).count()
    }
}

fn checksummed<S: serde::Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}
