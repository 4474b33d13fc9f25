//! Making an archive: everything is hashed first, then written beside the place where it shall stand, synced and named.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use alloy::primitives::hex;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::ArchiveError;
use super::manifest::{FileEntry, Manifest};
use super::name::FileName;
use super::read::{DIGEST, MANIFEST};
use super::tar;
use crate::private_files;

/// What is in a file.
#[derive(Debug)]
pub enum Content {
    /// That of a file that nobody changes meanwhile.
    File(PathBuf),
    /// A secret, held until it is written.
    Bytes(Zeroizing<Vec<u8>>),
}

/// Bytes that pass at a time.
pub(super) const PIECE: usize = 1 << 16;

/// Writes an archive, mode 0600, durable when this returns. Never overwrites. `about` is without its files. Blocks.
pub fn write(
    target: &Path,
    about: Manifest,
    files: &[(FileName, Content)],
) -> Result<Manifest, ArchiveError> {
    let mut manifest = about;
    manifest.files = files.iter().map(|(name, content)| entry(name, content)).collect::<Result<_, _>>()?;
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| ArchiveError::Write(error.into()))?;
    let seconds = manifest.made_at.as_seconds();
    private_files::create_with(target, |file| {
        let mut writer = BufWriter::with_capacity(PIECE, file);
        let mut written = || -> io::Result<()> {
            let digest = hex::encode(Sha256::digest(&text));
            for (name, bytes) in [(MANIFEST, text.as_slice()), (DIGEST, digest.as_bytes())] {
                tar::begin(&mut writer, name, bytes.len() as u64, seconds)?;
                writer.write_all(bytes)?;
                tar::pad(&mut writer, bytes.len() as u64)?;
            }
            for ((name, content), entry) in files.iter().zip(&manifest.files) {
                tar::begin(&mut writer, name.as_str(), entry.bytes, seconds)?;
                let copied = pieces(content, |piece| writer.write_all(piece))?;
                if copied != entry.bytes {
                    return Err(io::Error::other(format!("{name} has changed meanwhile")));
                }
                tar::pad(&mut writer, entry.bytes)?;
            }
            tar::end(&mut writer)?;
            writer.flush()
        };
        written().map_err(ArchiveError::Write)
    })?;
    Ok(manifest)
}

fn entry(name: &FileName, content: &Content) -> Result<FileEntry, ArchiveError> {
    let mut hash = Sha256::new();
    let hashed = pieces(content, |piece| {
        hash.update(piece);
        Ok(())
    });
    let bytes = hashed.map_err(|source| ArchiveError::Read { path: PathBuf::from(name.as_str()), source })?;
    Ok(FileEntry { name: name.clone(), bytes, sha256: hex::encode(hash.finalize()) })
}

/// Hands a content over piece by piece; gives its length.
fn pieces(content: &Content, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let path = match content {
        Content::Bytes(bytes) => {
            take(bytes)?;
            return Ok(bytes.len() as u64);
        }
        Content::File(path) => path,
    };
    let mut file = File::open(path)?;
    let (mut piece, mut length) = (vec![0; PIECE], 0);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(length),
            read => {
                take(&piece[..read])?;
                length += read as u64;
            }
        }
    }
}
