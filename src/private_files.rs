//! Files and directories that only their owner may read, and writes that survive a power cut.
//!
//! Used for everything secret or single-owner on disk: key files, delegate keys, the lock of a data directory.
//! A file appears under its name only once it is complete and on the disk: it is written under a temporary name in
//! the same directory, synced, then linked or renamed, and the directory is synced too. A crash in the middle leaves
//! at most a file whose name starts with [`TEMPORARY`], which every listing ignores.
//!
//! All functions block; call them at start, from commands, or inside `spawn_blocking`.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Component, Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::crash_point::{self, Point};

/// How names of unfinished files start.
pub const TEMPORARY: &str = ".unfinished-";

/// Why a private file or directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    #[error("could not {action} {path}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// Someone else could read it, so what is in it may no longer be secret.
    #[error("{path} can be read or changed by others (mode {mode:04o}); `chmod {wanted:04o}` it first")]
    Loose { path: PathBuf, mode: u32, wanted: u32 },
    #[error("the directory {directory} is not there; make it, or name another place")]
    NoDirectory { directory: PathBuf },
    #[error("{path} already exists and is not overwritten")]
    Exists { path: PathBuf },
    #[error("{path} is larger than {limit} bytes, which no file of this kind is")]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("{path} is not a regular file or directory of the expected kind")]
    WrongKind { path: PathBuf },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PrivateFileError {
    let path = path.to_owned();
    move |source| PrivateFileError::Io { action, path, source }
}

/// Makes a directory, and missing parents, with mode 0700. One that exists is refused if others may enter it.
pub fn ensure_directory(path: &Path) -> Result<(), PrivateFileError> {
    create_directory(path)?;
    let meta = fs::metadata(path).map_err(io_error("look at", path))?;
    if !meta.is_dir() {
        return Err(PrivateFileError::WrongKind { path: path.to_owned() });
    }
    refuse_loose(path, meta.mode(), 0o700)
}

/// Makes a directory, and missing parents, with mode 0700. One that exists is left as it is.
///
/// Returns whether others may read or enter it.
pub fn create_directory(path: &Path) -> Result<bool, PrivateFileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create", path))?;
    let meta = fs::metadata(path).map_err(io_error("look at", path))?;
    Ok(meta.mode() & 0o077 != 0)
}

/// A directory beside `path`, mode 0700, for what is not whole yet; it vanishes when it is dropped.
pub fn unfinished_directory(path: &Path) -> Result<tempfile::TempDir, PrivateFileError> {
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent(path))
        .map_err(|error| not_beside(path, "create a directory beside", error))
}

/// Takes a directory away from everybody but its owner (mode 0700).
pub fn tighten_directory(path: &Path) -> Result<(), PrivateFileError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io_error("change the mode of", path))
}

/// Writes a new file, mode 0600, durable when this returns. Never overwrites.
pub fn create(path: &Path, content: &[u8]) -> Result<(), PrivateFileError> {
    let mut file = unfinished(path)?;
    file.write_all(content).map_err(io_error("write", path))?;
    keep(file, path)
}

/// [`create`] for what does not fit into memory: `write` is handed the file. When it fails nothing is left.
pub fn create_with<T, E: From<PrivateFileError>>(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> Result<T, E>,
) -> Result<T, E> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(PrivateFileError::Exists { path: path.to_owned() }.into());
    }
    let mut file = unfinished(path)?;
    let written = write(file.as_file_mut())?;
    keep(file, path)?;
    Ok(written)
}

/// Writes a file, mode 0600, in the place of the one of that name if there is one. Durable when this returns;
/// a reader sees the old content or the new, never a part.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), PrivateFileError> {
    let file = write_unfinished(path, content)?;
    file.persist(path).map_err(|error| io_error("replace", path)(error.error))?;
    sync_directory(path)
}

/// Reads a file that only its owner may read, of at most `limit` bytes. The content is wiped when dropped.
pub fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let file = fs::File::open(path).map_err(io_error("open", path))?;
    let meta = file.metadata().map_err(io_error("look at", path))?;
    refuse_unfit(path, &meta)?;
    if meta.len() > limit {
        return Err(PrivateFileError::TooLarge { path: path.to_owned(), limit });
    }
    // Room for everything at once: a growing vector would leave unwiped copies behind.
    let mut content =
        Zeroizing::new(Vec::with_capacity(usize::try_from(limit).unwrap_or(usize::MAX).min(1 << 20)));
    file.take(limit).read_to_end(&mut content).map_err(io_error("read", path))?;
    Ok(content)
}

/// How long a file is that [`read`] does not refuse for its kind or its mode. Nothing is read of it.
pub fn length(path: &Path) -> Result<u64, PrivateFileError> {
    let meta = fs::metadata(path).map_err(io_error("look at", path))?;
    refuse_unfit(path, &meta)?;
    Ok(meta.len())
}

/// Only a regular file is read, and only one that nobody but its owner can read.
fn refuse_unfit(path: &Path, meta: &fs::Metadata) -> Result<(), PrivateFileError> {
    if !meta.is_file() {
        return Err(PrivateFileError::WrongKind { path: path.to_owned() });
    }
    refuse_loose(path, mode_of_credential(path, meta.mode()), 0o600)
}

/// The mode of an open file that others than its owner can read or change; `None` where they cannot.
pub fn others_may_read(path: &Path, file: &fs::File) -> io::Result<Option<u32>> {
    let meta = file.metadata()?;
    let mode = mode_of_credential(path, meta.mode()) & 0o7777;
    // What is no regular file (a pipe, a terminal) says nothing by its mode.
    Ok(Some(mode).filter(|mode| mode & 0o077 != 0 && meta.is_file()))
}

/// A mode as far as it lets others in: what systemd hands to a service has bits for a group that nobody is in. It lies in
/// a directory of the service's own, which systemd names.
fn mode_of_credential(path: &Path, mode: u32) -> u32 {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    if directory.is_some_and(|directory| is_below(path, &directory)) { mode & !0o070 } else { mode }
}

/// Whether a path leads below a directory, as it is written.
fn is_below(path: &Path, directory: &Path) -> bool {
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    directory.is_absolute() && directory.parent().is_some() && path.starts_with(directory) && !goes_up
}

/// The names in a directory, unfinished files left out, in order. A directory that does not exist has none.
pub fn list(directory: &Path) -> Result<Vec<String>, PrivateFileError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("list", directory)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io_error("list", directory))?;
        // A name that is not text is not one of ours.
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with(TEMPORARY)
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Opens a file for reading and writing, creating it with mode 0600 if it is missing.
pub fn open_or_create(path: &Path) -> Result<fs::File, PrivateFileError> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(io_error("open", path))
}

/// Makes the names in a file's directory durable.
pub fn sync_directory(path: &Path) -> Result<(), PrivateFileError> {
    let parent = parent(path);
    fs::File::open(parent).and_then(|directory| directory.sync_all()).map_err(io_error("sync", parent))
}

fn write_unfinished(path: &Path, content: &[u8]) -> Result<tempfile::NamedTempFile, PrivateFileError> {
    let mut file = unfinished(path)?;
    file.write_all(content).map_err(io_error("write", path))?;
    sync(&file, path)?;
    Ok(file)
}

fn unfinished(path: &Path) -> Result<tempfile::NamedTempFile, PrivateFileError> {
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(parent(path))
        .map_err(|error| not_beside(path, "create a file beside", error))
}

fn not_beside(path: &Path, action: &'static str, error: io::Error) -> PrivateFileError {
    if error.kind() == io::ErrorKind::NotFound {
        return PrivateFileError::NoDirectory { directory: parent(path).to_owned() };
    }
    io_error(action, path)(error)
}

fn sync(file: &tempfile::NamedTempFile, path: &Path) -> Result<(), PrivateFileError> {
    file.as_file().sync_all().map_err(io_error("sync", path))?;
    crash_point::pass(Point::FileWritten);
    Ok(())
}

/// Gives a file its name, unless something has it.
fn keep(file: tempfile::NamedTempFile, path: &Path) -> Result<(), PrivateFileError> {
    sync(&file, path)?;
    file.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => PrivateFileError::Exists { path: path.to_owned() },
        _ => io_error("create", path)(error.error),
    })?;
    crash_point::pass(Point::FileNamed);
    sync_directory(path)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn refuse_loose(path: &Path, mode: u32, wanted: u32) -> Result<(), PrivateFileError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(PrivateFileError::Loose { path: path.to_owned(), mode: mode & 0o7777, wanted })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn files_and_directories_are_for_the_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("a/keys");
        ensure_directory(&keys).unwrap();
        assert_eq!((mode(&keys), mode(&dir.path().join("a"))), (0o700, 0o700));
        let file = keys.join("one");
        create(&file, b"secret").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(&read(&file, 100).unwrap()[..], b"secret");
        replace(&file, b"newer").unwrap();
        assert_eq!((mode(&file), &read(&file, 100).unwrap()[..]), (0o600, &b"newer"[..]));
    }

    #[test]
    fn looser_modes_are_refused_with_the_cure() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("one");
        create(&file, b"secret").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read(&file, 100).unwrap_err();
        assert!(matches!(error, PrivateFileError::Loose { mode: 0o640, wanted: 0o600, .. }));
        assert!(error.to_string().contains("`chmod 0600`"));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(ensure_directory(dir.path()), Err(PrivateFileError::Loose { mode: 0o755, .. })));
    }

    #[test]
    fn only_what_lies_in_the_directory_of_credentials_is_one() {
        let given = Path::new("/run/credentials/zgserve-user.service");
        assert!(is_below(&given.join("token"), given));
        for other in ["/run/credentials/other/token", "/run/credentials/zgserve-user.service/../x", "token"] {
            assert!(!is_below(Path::new(other), given), "{other}");
        }
        for nowhere in ["", "/", "run"] {
            assert!(!is_below(Path::new("/run/token"), Path::new(nowhere)), "{nowhere:?}");
        }
    }

    #[test]
    fn nothing_is_overwritten_and_unfinished_files_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("one");
        create(&file, b"first").unwrap();
        assert!(matches!(create(&file, b"second"), Err(PrivateFileError::Exists { .. })));
        assert_eq!(&read(&file, 100).unwrap()[..], b"first");
        // What a crash between writing and renaming leaves behind.
        fs::write(dir.path().join(format!("{TEMPORARY}x1y2")), b"half a se").unwrap();
        assert_eq!(list(dir.path()).unwrap(), ["one"]);
        assert_eq!(list(&dir.path().join("missing")).unwrap(), Vec::<String>::new());
        let nowhere = create(&dir.path().join("missing/one"), b"x").unwrap_err().to_string();
        assert!(nowhere.ends_with("missing is not there; make it, or name another place"), "{nowhere}");
    }

    #[test]
    fn a_file_of_unreasonable_size_or_kind_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("one");
        create(&file, &[0; 101]).unwrap();
        assert!(matches!(read(&file, 100), Err(PrivateFileError::TooLarge { limit: 100, .. })));
        assert!(matches!(read(dir.path(), 100), Err(PrivateFileError::WrongKind { .. })));
    }
}
