//! Taking an archive apart: the manifest first, then each file held against it while it is written.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use alloy::primitives::hex;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::ArchiveError;
use super::manifest::{FORMAT, FileEntry, Manifest, PROGRAM};
use super::tar::{self, TarError};
use super::write::PIECE;
use crate::private_files;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const DIGEST: &str = "manifest.json.sha256";
/// A manifest has some 300 bytes a key; nobody has more than a few thousand.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// An archive whose manifest was read.
#[derive(Debug)]
pub struct Archive {
    reader: BufReader<File>,
    path: PathBuf,
    manifest: Manifest,
}

impl Archive {
    /// Opens an archive and reads what it says of itself. Blocks.
    ///
    /// # Errors
    /// [`ArchiveError::Foreign`] for another file, [`ArchiveError::Newer`], [`ArchiveError::Damaged`].
    pub fn open(path: &Path) -> Result<Archive, ArchiveError> {
        let unreadable = |source| ArchiveError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mut reader = BufReader::with_capacity(PIECE, file);
        let text = match tar::next(&mut reader) {
            Ok(Some((name, size))) if name == MANIFEST && size <= LARGEST_MANIFEST => {
                small(&mut reader, size).map_err(|error| told(path, MANIFEST, error))?
            }
            Err(TarError::Io(source)) => return Err(unreadable(source)),
            _ => return Err(ArchiveError::Foreign(path.to_owned())),
        };
        let digest = hex::encode(Sha256::digest(&text));
        let head = tar::next(&mut reader).map_err(|error| told(path, MANIFEST, error))?;
        let stated = match head {
            Some((name, 64)) if name == DIGEST => {
                small(&mut reader, 64).map_err(|error| told(path, DIGEST, error))?
            }
            _ => return Err(ArchiveError::damaged(DIGEST, "it is missing")),
        };
        if stated != digest.as_bytes() {
            return Err(ArchiveError::damaged(MANIFEST, "its bytes are not those that were written"));
        }
        // A newer manifest may have other members.
        let loose: serde_json::Value = serde_json::from_slice(&text)
            .map_err(|_| ArchiveError::damaged(MANIFEST, "it cannot be read"))?;
        let format = loose["Format"].as_u64().and_then(|format| u32::try_from(format).ok());
        match format {
            Some(format) if format > FORMAT => {
                return Err(ArchiveError::Newer { found: format, known: FORMAT });
            }
            Some(_) if loose["Program"] == PROGRAM => {}
            _ => return Err(ArchiveError::Foreign(path.to_owned())),
        }
        let manifest = serde_json::from_value(loose)
            .map_err(|_| ArchiveError::damaged(MANIFEST, "it cannot be understood"))?;
        Ok(Archive { reader, path: path.to_owned(), manifest })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes every file below a directory that exists, files mode 0600, folders 0700, each synced. Blocks.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] with the file that is not what the manifest says; some files may be written by then.
    pub fn unpack(mut self, directory: &Path) -> Result<Manifest, ArchiveError> {
        for entry in &self.manifest.files {
            let name = entry.name.as_str();
            match tar::next(&mut self.reader).map_err(|error| told(&self.path, name, error))? {
                Some((found, size)) if found == name && size == entry.bytes => {}
                Some((found, _)) if found == name => {
                    return Err(ArchiveError::damaged(name, "it has another length than the manifest says"));
                }
                _ => return Err(ArchiveError::damaged(name, "it is missing")),
            }
            if let Some(folder) = entry.name.folder() {
                private_files::ensure_directory(&directory.join(folder))?;
            }
            take(&mut self.reader, entry, &self.path, &directory.join(name))?;
        }
        match tar::next(&mut self.reader).map_err(|error| told(&self.path, "its end", error))? {
            None => Ok(self.manifest),
            Some(_) => {
                Err(ArchiveError::damaged("its end", "there is a file that the manifest does not name"))
            }
        }
    }
}

/// Writes one file and holds it against its hash.
fn take(
    reader: &mut impl Read,
    entry: &FileEntry,
    archive: &Path,
    target: &Path,
) -> Result<(), ArchiveError> {
    let name = entry.name.as_str();
    private_files::create_with(target, |file| {
        let mut hash = Sha256::new();
        let (mut piece, mut left) = (Zeroizing::new(vec![0; PIECE]), entry.bytes);
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = &mut piece[..want];
            reader.read_exact(piece).map_err(|error| told(archive, name, error.into()))?;
            hash.update(&piece);
            std::io::Write::write_all(file, piece).map_err(ArchiveError::Write)?;
            left -= want as u64;
        }
        if hex::encode(hash.finalize()) != entry.sha256 {
            return Err(ArchiveError::damaged(name, "its bytes are not those that were written"));
        }
        tar::skip_padding(reader, entry.bytes).map_err(|error| told(archive, name, error))
    })
}

/// Reads a file of ours whole.
fn small(reader: &mut impl Read, size: u64) -> Result<Vec<u8>, TarError> {
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| TarError::Damaged("it is too large"))?];
    reader.read_exact(&mut bytes)?;
    tar::skip_padding(reader, size)?;
    Ok(bytes)
}

fn told(path: &Path, file: &str, error: TarError) -> ArchiveError {
    match error {
        TarError::Io(source) => ArchiveError::Read { path: path.to_owned(), source },
        TarError::Damaged(what) => ArchiveError::damaged(file, what),
    }
}
