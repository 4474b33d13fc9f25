//! Where files are looked for on this system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use super::error::ConfigError;
use super::settings_file::SettingsFile;

/// The system names no home for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this system names no home directory; say where data should be with --data-dir or ZGSERVE_DATA_DIR")]
pub struct PathsError;

/// The places of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Database, delegate keys, spool and lock of one running broker.
    pub data: PathBuf,
    /// Encrypted key files; shared by both roles unless the data directory is named.
    pub keys: PathBuf,
}

impl Paths {
    /// Places below `data_dir`, or below the system's place for programs' data.
    pub fn of(role: &str, data_dir: Option<&Path>) -> Result<Paths, PathsError> {
        match data_dir {
            Some(data) => Ok(Paths { data: data.to_owned(), keys: data.join("keys") }),
            None => {
                let home = home()?;
                let data = home.data_dir();
                Ok(Paths { data: data.join(role), keys: data.join("keys") })
            }
        }
    }

    /// The settings file: the one named, or the first that exists of `./<role>/config.local.yaml` (the usage
    /// procedure's) and `<role>.yaml` in the system's place for settings. One that exists and cannot be read is not passed
    /// over: it is said, where another file or the defaults would go unnoticed. Behind a directory that is
    /// closed to us nothing is there for us: a service may have kept the home of whoever started it.
    ///
    /// # Errors
    /// [`ConfigError::Foreign`] for one in the working directory that somebody else wrote, or could have written or put
    /// there.
    pub fn settings(role: &str, named: Option<&Path>) -> Result<Option<SettingsFile>, ConfigError> {
        if let Some(named) = named {
            return Ok(Some(named.to_owned().into()));
        }
        let local = Path::new(role);
        if exists(&SettingsFile::path_in(local)) {
            return SettingsFile::found_in(local).map(Some);
        }
        Ok(Paths::home_settings(role).ok().filter(|path| exists(path)).map(SettingsFile::from))
    }

    /// The settings file in the system's place for settings, whether it exists or not.
    pub fn home_settings(role: &str) -> Result<PathBuf, PathsError> {
        Ok(home()?.config_dir().join(format!("{role}.yaml")))
    }
}

/// Whether there is something of that name, whatever it is and whether it can be read or not.
fn exists(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(_) => true,
        // Denied is the way to it: what cannot be read can still be looked at.
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
        ),
    }
}

fn home() -> Result<ProjectDirs, PathsError> {
    ProjectDirs::from("", "", "zgserve").ok_or(PathsError)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_there_counts_even_where_it_cannot_be_read() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("file"), "").unwrap();
        assert!(exists(&at("dangling")) && exists(&at("directory")) && exists(&at("file")));
        assert!(!exists(&at("nowhere")) && !exists(&at("file/below")));
        // A file that is closed is there; what is behind a closed directory is not there for us.
        fs::write(at("directory/file"), "").unwrap();
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o0)).unwrap();
        fs::set_permissions(at("directory"), fs::Permissions::from_mode(0o0)).unwrap();
        assert!(exists(&at("file")));
        // Root goes everywhere.
        let closed = fs::read_dir(at("directory")).is_err();
        assert_eq!(exists(&at("directory/file")), !closed);
        fs::set_permissions(at("directory"), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
