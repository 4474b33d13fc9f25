//! Where files are looked for on this system.

use std::ffi::OsStr;
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
    /// too: whoever reads it says so, where another file or the defaults would go unnoticed. Behind a directory that is
    /// closed to us nothing is there for us: a service may have kept the home of whoever started it.
    ///
    /// # Errors
    /// [`ConfigError::Foreign`] for one in the working directory that somebody else wrote, or could have written.
    pub fn settings(role: &str, named: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
        if let Some(named) = named {
            return Ok(Some(named.to_owned()));
        }
        let local = Path::new(role).join("config.local.yaml");
        if exists(&local) {
            is_ours(&local)?;
            return Ok(Some(local));
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
        // Denied is the way to it: what cannot be read can still be looked at.
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
        ),
    }
}

/// Whether a settings file that was merely found is one that we, or root, have put there: whoever writes it says which
/// chain is asked, where deposits go and where the key is. Root is trusted with all of that anyway, and owns what is
/// mounted into containers. A group may write: many systems give each user a group of their own and let it write by
/// default, and whoever shares a folder with a group has chosen it. Whoever became root by `sudo` trusts in what is theirs.
fn is_ours(path: &Path) -> Result<(), ConfigError> {
    let own = rustix::process::geteuid().as_raw();
    let before = before_sudo(own, std::env::var_os("SUDO_UID").as_deref());
    // The link, where it is one, and what it leads to. What cannot be looked at is told of when it is read.
    for found in [fs::symlink_metadata(path), fs::metadata(path)].into_iter().flatten() {
        let foreign = |why| Err(ConfigError::Foreign { path: path.to_owned(), why });
        if found.uid() != own && found.uid() != 0 && Some(found.uid()) != before {
            return foreign(format!("belongs to another user (id {})", found.uid()));
        }
        // The mode of a link means nothing.
        if !found.is_symlink() && found.mode() & 0o002 != 0 {
            return foreign(format!("can be changed by everybody (mode {:04o})", found.mode() & 0o7777));
        }
    }
    Ok(())
}

/// Who root was before `sudo`. Nobody else is told of by that variable: it stays when root becomes a service's user.
fn before_sudo(own: u32, variable: Option<&OsStr>) -> Option<u32> {
    variable.filter(|_| own == 0)?.to_str()?.parse().ok()
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
    fn root_is_also_who_it_was_before_sudo() {
        let before = |own, variable: &str| before_sudo(own, Some(OsStr::new(variable)));
        assert_eq!(before(0, "1000"), Some(1000));
        for wrong in ["", "-1", "root", "99999999999"] {
            assert_eq!(before(0, wrong), None, "{wrong}");
        }
        assert_eq!(before(1001, "1000"), None);
        assert_eq!(before_sudo(0, None), None);
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
