//! What can be wrong with settings. No variant ever carries the value of a secret.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Variable(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("the defaults"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Variable(name) => write!(f, "the variable {name}"),
            Source::Flag(name) => write!(f, "the flag {name}"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Found in the working directory, which may be anybody's, and not named by anybody.
    #[error(
        "{path} in the working directory {why}, so it is not taken for your settings; if you trust it, name it with \
         --config {path}, else go to another directory"
    )]
    Foreign { path: PathBuf, why: String },
    #[error("the settings file {path} cannot be read; mend it, or name another one with --config")]
    Unreadable { path: PathBuf, source: io::Error },
    /// Text that is none would be taken for nothing, and what it was meant to set would be left out.
    #[error("{0}: its value is not text (UTF-8); give it anew")]
    NotText(Source),
    #[error("{path} is not YAML: {reason}")]
    Syntax { path: PathBuf, reason: String },
    #[error("{origin}: there is no setting {key}{}", hint(.near))]
    Unknown { origin: Source, key: String, near: Option<String> },
    #[error("{origin}: {key} is not needed any more: {instead}; remove it")]
    Retired { origin: Source, key: String, instead: &'static str },
    #[error("{origin}: {key}: {reason}. {about}")]
    Wrong { origin: Source, key: String, reason: String, about: &'static str },
}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map_or_else(
        || "; `zgserve-tui config show` lists those there are".to_owned(),
        |near| format!("; did you mean {near}?"),
    )
}
