//! Where files are looked for on this system.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use super::error::ConfigError;

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
    /// procedure's) and `<role>.yaml` in the system's place for settings. One that exists and cannot be read is given
    /// too: whoever reads it says so, where another file or the defaults would go unnoticed.
    ///
    /// # Errors
    /// [`ConfigError::Foreign`] for one in the working directory that somebody else wrote, or could have written.
    pub fn settings(role: &str, named: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
        if let Some(named) = named {
            return Ok(Some(named.to_owned()));
        }
        let local = Path::new(role).join("config.local.yaml");
        if exists(&local) {
            // A working directory that is closed to us holds nothing that was put there for us: `sudo -u` out of
            // somebody's home.
            if !is_closed(Path::new("./.")) {
                is_ours(&local)?;
                return Ok(Some(local));
            }
        }
        Ok(Paths::home_settings(role).ok().filter(|path| exists(path)))
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
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    }
}

fn is_closed(directory: &Path) -> bool {
    fs::metadata(directory).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Whether a settings file that was merely found is one that we, or root, have put there: whoever writes it says which
/// chain is asked, where deposits go and where the key is. Root is trusted with all of that anyway, and owns what is
/// mounted into containers. A group may write: many systems give each user a group of their own and let it write by
/// default, and whoever shares a folder with a group has chosen it.
fn is_ours(path: &Path) -> Result<(), ConfigError> {
    let own = rustix::process::geteuid().as_raw();
    // The link, where it is one, and what it leads to. What cannot be looked at is told of when it is read.
    for found in [fs::symlink_metadata(path), fs::metadata(path)].into_iter().flatten() {
        let foreign = |why| Err(ConfigError::Foreign { path: path.to_owned(), why });
        if found.uid() != own && found.uid() != 0 {
            return foreign(format!("belongs to another user (id {})", found.uid()));
        }
        // The mode of a link means nothing.
        if !found.is_symlink() && found.mode() & 0o002 != 0 {
            return foreign(format!("can be changed by everybody (mode {:04o})", found.mode() & 0o7777));
        }
    }
    Ok(())
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
    fn a_settings_file_that_others_could_have_written_is_not_ours() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("config.local.yaml");
        fs::write(&file, "").unwrap();
        for (mode, ours) in [(0o600, true), (0o644, true), (0o664, true), (0o602, false), (0o666, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_ours(&file).is_ok(), ours, "{mode:o}");
        }
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let told = is_ours(&link).unwrap_err().to_string();
        assert!(told.contains("(mode 0666)") && told.contains("--config "), "{told}");
        // Only root can give a file away.
        if std::os::unix::fs::chown(&file, Some(4_294), None).is_ok() {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(is_ours(&file).unwrap_err().to_string().contains("another user (id 4294)"));
            assert!(is_ours(&link).is_err());
        }
    }

    #[test]
    fn what_is_there_counts_even_where_it_cannot_be_read() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("file"), "").unwrap();
        assert!(exists(&at("dangling")) && exists(&at("directory")) && exists(&at("file")));
        assert!(!exists(&at("nowhere")) && !exists(&at("file/below")));
    }
}
