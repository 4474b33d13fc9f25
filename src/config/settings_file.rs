//! The settings file, and whether one that was merely found is ours.
//!
//! A name in the working directory may lead to another file a moment later. So what was found is opened once, and what is
//! looked at is what is read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::error::ConfigError;

/// Its name in the directory of a role, as in the usage procedure.
const NAME: &str = "config.local.yaml";
/// A directory is passed through, not listed, where the system tells the two apart.
#[cfg(target_os = "linux")]
const THROUGH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const THROUGH: OFlags = OFlags::RDONLY;

/// A settings file.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    path: PathBuf,
    /// One that was merely found, as it was looked at.
    opened: Option<Arc<File>>,
}

impl From<PathBuf> for SettingsFile {
    /// One that somebody has named, or that lies in the system's place for settings; opened when it is read.
    fn from(path: PathBuf) -> Self {
        SettingsFile { path, opened: None }
    }
}

impl SettingsFile {
    /// The one in that directory of the working directory, with what it is called there.
    pub(super) fn path_in(directory: &Path) -> PathBuf {
        directory.join(NAME)
    }

    /// Opens that one, if it is one that we, or root, have put there: whoever writes it says which chain is asked, where
    /// deposits go and where the key is. Root is trusted with all of that anyway, and owns what is mounted into
    /// containers. A group may write: many systems give each user a group of their own and let it write by default, and
    /// whoever shares a folder with a group has chosen it. Whoever became root by `sudo` trusts in what is theirs.
    ///
    /// # Errors
    /// [`ConfigError::Foreign`] for one that somebody else wrote or could have written, or put in place of ours.
    pub(super) fn found_in(directory: &Path) -> Result<SettingsFile, ConfigError> {
        let path = SettingsFile::path_in(directory);
        let unreadable = |source: io::Error| ConfigError::Unreadable { path: path.clone(), source };
        let foreign = |why: String| ConfigError::Foreign { path: path.clone(), why };
        let trusted = Trusted::now();
        let place = |why: String| foreign(format!("lies in {}, which {why}", directory.display()));
        // Links, and what is closed to us: whose it is says more than that it cannot be opened.
        trusted.owner(&fs::symlink_metadata(directory).map_err(unreadable)?).map_err(place)?;
        trusted.owner(&fs::symlink_metadata(&path).map_err(unreadable)?).map_err(foreign)?;

        let flags = THROUGH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder =
            rustix::fs::open(directory, flags, Mode::empty()).map_err(|error| unreadable(error.into()))?;
        let folder = File::from(folder);
        let found = folder.metadata().map_err(unreadable)?;
        // With the sticky bit nobody can put another file in the place of ours.
        let sticky = found.mode() & 0o1000 != 0;
        trusted.owner(&found).map_err(place)?;
        closed(&found).or_else(|why| if sticky { Ok(()) } else { Err(why) }).map_err(place)?;

        // A pipe must not hold us up.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, NAME, flags, Mode::empty());
        let file = File::from(file.map_err(|error| unreadable(error.into()))?);
        let found = file.metadata().map_err(unreadable)?;
        trusted.owner(&found).and_then(|()| closed(&found)).map_err(foreign)?;
        if !found.is_file() && !found.is_dir() {
            return Err(unreadable(io::Error::other("it is no regular file")));
        }
        Ok(SettingsFile { opened: Some(Arc::new(file)), path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it at its beginning; one that was found is the one that was looked at.
    pub fn open(&self) -> io::Result<Arc<File>> {
        match &self.opened {
            None => File::open(&self.path).map(Arc::new),
            Some(file) => {
                (&**file).rewind()?;
                Ok(Arc::clone(file))
            }
        }
    }
}

/// Whose files count as ours.
struct Trusted {
    own: u32,
    before: Option<u32>,
}

impl Trusted {
    fn now() -> Trusted {
        let own = rustix::process::geteuid().as_raw();
        Trusted { own, before: before_sudo(own, std::env::var_os("SUDO_UID").as_deref()) }
    }

    fn owner(&self, found: &fs::Metadata) -> Result<(), String> {
        let owner = found.uid();
        if owner == self.own || owner == 0 || Some(owner) == self.before {
            return Ok(());
        }
        Err(format!("belongs to another user (id {owner})"))
    }
}

/// Whether not everybody may write to it.
fn closed(found: &fs::Metadata) -> Result<(), String> {
    if found.mode() & 0o002 == 0 {
        return Ok(());
    }
    Err(format!("can be changed by everybody (mode {:04o})", found.mode() & 0o7777))
}

/// Who root was before `sudo`. Nobody else is told of by that variable: it stays when root becomes a service's user.
fn before_sudo(own: u32, variable: Option<&OsStr>) -> Option<u32> {
    variable.filter(|_| own == 0)?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn open_to(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn told(directory: &Path) -> String {
        match SettingsFile::found_in(directory) {
            Err(error @ ConfigError::Foreign { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_settings_file_that_others_could_have_written_is_not_ours() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(NAME);
        fs::write(&file, "").unwrap();
        let is_ours = |directory: &Path| SettingsFile::found_in(directory).is_ok();
        for (mode, ours) in [(0o600, true), (0o644, true), (0o664, true), (0o602, false), (0o666, false)] {
            open_to(&file, mode);
            assert_eq!(is_ours(place.path()), ours, "{mode:o}");
        }
        let linked = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&file, linked.path().join(NAME)).unwrap();
        let told = told(linked.path());
        assert!(told.contains("(mode 0666)") && told.contains("--config "), "{told}");
        // Only root can give a file away.
        if std::os::unix::fs::chown(&file, Some(4_294), None).is_ok() {
            open_to(&file, 0o600);
            let told = SettingsFile::found_in(place.path()).unwrap_err().to_string();
            assert!(told.contains("another user (id 4294)"), "{told}");
            assert!(!is_ours(linked.path()));
        }
    }

    #[test]
    fn a_directory_in_which_others_can_put_another_file_is_not_ours() {
        let place = tempfile::tempdir().unwrap();
        let user = place.path().join("user");
        fs::create_dir(&user).unwrap();
        fs::write(user.join(NAME), "").unwrap();
        open_to(&user.join(NAME), 0o600);
        for (mode, ours) in [(0o755, true), (0o775, true), (0o1777, true), (0o777, false), (0o702, false)] {
            open_to(&user, mode);
            assert_eq!(SettingsFile::found_in(&user).is_ok(), ours, "{mode:o}");
        }
        open_to(&user, 0o777);
        let wrong = told(&user);
        assert!(wrong.contains("lies in ") && wrong.contains("by everybody (mode 0777)"), "{wrong}");
        // A link to it is no way around.
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&user, &link).unwrap();
        assert!(told(&link).contains("(mode 0777)"));
        open_to(&user, 0o700);
        assert!(SettingsFile::found_in(&link).is_ok());
        if std::os::unix::fs::lchown(&link, Some(4_294), None).is_ok() {
            assert!(told(&link).contains("which belongs to another user (id 4294)"));
            std::os::unix::fs::chown(&user, Some(4_295), None).unwrap();
            assert!(told(&user).contains("which belongs to another user (id 4295)"));
        }
    }

    #[test]
    fn what_was_looked_at_is_what_is_read() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(NAME);
        fs::write(&file, "ours").unwrap();
        let found = SettingsFile::found_in(place.path()).unwrap();
        fs::remove_file(&file).unwrap();
        fs::write(&file, "theirs").unwrap();
        for _ in 0..2 {
            let mut text = String::new();
            (&*found.open().unwrap()).read_to_string(&mut text).unwrap();
            assert_eq!(text, "ours");
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
}
