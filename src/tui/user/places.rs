//! Files that people name: where they are, and writing new ones that appear whole and never in the place of others.
//!
//! Everything here but [`resolve`] blocks; it is called on threads for that.

use crate::tui::texts;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The mode of what only its owner shall read.
pub const PRIVATE: u32 = 0o600;
/// How names of unfinished files start.
const UNFINISHED: &str = ".unfinished-";

/// The path that was typed: `~/` is one's home, everything else is relative to `directory`.
pub fn resolve(directory: &Path, typed: &str) -> PathBuf {
    let typed = typed.trim();
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    match typed.strip_prefix("~/") {
        Some(rest) => home().map_or_else(|| directory.join(typed), |home| home.join(rest)),
        None if typed == "~" => home().unwrap_or_else(|| directory.to_owned()),
        None => directory.join(typed),
    }
}

/// Opens a file with this mode, beside where it shall stand in the end. It goes away when it is not kept.
///
/// # Errors
/// Something stands there already, or the directory does not exist or cannot be written to.
pub fn unfinished(target: &Path, mode: u32) -> io::Result<(File, NamedTempFile)> {
    if std::fs::symlink_metadata(target).is_ok() {
        return Err(exists(target));
    }
    if target.file_name().is_none() {
        return Err(io::Error::other(texts::frame::NO_FILE_NAME));
    }
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
        .map_err(|error| {
            io::Error::new(error.kind(), texts::frame::no_new_file(directory.display(), &error))
        })?;
    Ok((unfinished.reopen()?, unfinished))
}

/// Gives a file its name, with what was written on the disk.
///
/// # Errors
/// Something stands there meanwhile; it is left as it is.
pub fn keep(unfinished: NamedTempFile, target: &Path) -> io::Result<()> {
    unfinished.as_file().sync_all()?;
    unfinished.persist_noclobber(target).map(drop).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(target),
        _ => error.error,
    })
}

fn exists(target: &Path) -> io::Error {
    let text = texts::frame::file_exists(target.display());
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// Names that a typed path could go on with, at most `most`, directories with a slash; in order.
pub fn completions(directory: &Path, typed: &str, most: usize) -> Vec<String> {
    let begun =
        if typed.ends_with('/') || typed.is_empty() { "" } else { typed.rsplit('/').next().unwrap_or("") };
    let Some(kept) = typed.get(..typed.len() - begun.len()) else { return Vec::new() };
    let place = if kept.is_empty() { directory.to_owned() } else { resolve(directory, kept) };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            // A name that could steer a terminal cannot be typed either.
            let text = OsStr::to_str(&name)?.to_owned();
            let plain =
                !text.chars().any(char::is_control) && (begun.starts_with('.') || !text.starts_with('.'));
            let folder = entry.path().is_dir();
            (plain && text.starts_with(begun))
                .then(|| format!("{kept}{text}{}", if folder { "/" } else { "" }))
        })
        .collect();
    names.sort_unstable();
    names.truncate(most);
    names
}

/// What all of these begin with.
pub fn common(names: &[String]) -> String {
    let Some(first) = names.first() else { return String::new() };
    let mut end = first.len();
    for name in names {
        let same = first.char_indices().zip(name.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
        end = end.min(same.unwrap_or_else(|| first.len().min(name.len())));
    }
    first.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use std::io::Write;

    #[test]
    fn files_are_whole_private_and_in_nobodys_place() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("a.csv");
        let (mut file, unfinished_file) = unfinished(&target, PRIVATE).unwrap();
        file.write_all(b"x").unwrap();
        assert!(!target.exists(), "not before it is whole");
        keep(unfinished_file, &target).unwrap();
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(unfinished(&target, PRIVATE).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let other = place.path().join("b.csv");
        let (_, late) = unfinished(&other, PRIVATE).unwrap();
        std::fs::write(&other, b"theirs").unwrap();
        assert!(keep(late, &other).unwrap_err().to_string().contains("exists already"));
        assert_eq!(std::fs::read(&other).unwrap(), b"theirs");
        drop(unfinished(&place.path().join("c.csv"), PRIVATE).unwrap());
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "what is not kept goes away");
        std::os::unix::fs::symlink("/nowhere/at/all", place.path().join("link")).unwrap();
        assert!(unfinished(&place.path().join("link"), PRIVATE).is_err());
        assert!(unfinished(&place.path().join("no/such/place"), PRIVATE).is_err());
    }

    #[test]
    fn paths_are_completed() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("photos")).unwrap();
        for name in ["photo.png", "other", ".hidden", "photos/one", "evil\u{1b}[2J"] {
            std::fs::write(place.path().join(name), b"").unwrap();
        }
        let all = |typed: &str| completions(place.path(), typed, 9);
        assert_eq!(all("ph"), ["photo.png", "photos/"]);
        assert_eq!(common(&all("ph")), "photo");
        assert_eq!(all("photos/"), ["photos/one"]);
        assert_eq!(all(""), ["other", "photo.png", "photos/"]);
        assert_eq!(all(".h"), [".hidden"]);
        assert!(all("nowhere/").is_empty());
        assert_eq!(common(&["大模".to_owned(), "大型".to_owned()]), "大");
    }
}
