//! Where files are looked for on this system.

use std::path::{Path, PathBuf};

use directories::ProjectDirs;

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
    /// procedure's) and `<role>.yaml` in the system's place for settings.
    pub fn settings(role: &str, named: Option<&Path>) -> Option<PathBuf> {
        if let Some(named) = named {
            return Some(named.to_owned());
        }
        let local = Path::new(role).join("config.local.yaml");
        let global = Paths::home_settings(role).ok();
        [Some(local), global].into_iter().flatten().find(|path| path.is_file())
    }

    /// The settings file in the system's place for settings, whether it exists or not.
    pub fn home_settings(role: &str) -> Result<PathBuf, PathsError> {
        Ok(home()?.config_dir().join(format!("{role}.yaml")))
    }
}

fn home() -> Result<ProjectDirs, PathsError> {
    ProjectDirs::from("", "", "zgserve").ok_or(PathsError)
}
