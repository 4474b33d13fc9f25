//! Settings: where they come from, what they are, and what is wrong with them.
//!
//! Defaults, then the YAML file, then `ZGSERVE_…` variables, then flags: each layer is laid over the one before as a
//! tree (`tree`), every value that a layer brings is tried by itself so that an error names its key and its source (`load`), and
//! the whole is read into the structs of `shell` and of the brokers. Modules own their settings; this folder gathers
//! them, tells of each (`about`) and writes the example files (`example`). `paths` says where files are looked for,
//! `settings_file` whether one that was found is ours;
//! `chosen` is the file that the guided start writes.

mod about;
mod chosen;
mod error;
mod example;
mod load;
mod paths;
mod role;
mod settings_file;
mod shell;
mod tree;
mod upstream;

pub use self::{
    chosen::Chosen,
    error::{ConfigError, Source},
    example::example,
    load::{Flag, Layer, Sources, load},
    paths::{Paths, PathsError},
    role::{ProviderConfig, RoleConfig, UserConfig},
    settings_file::SettingsFile,
    shell::{ChainKeys, Keys, Listen, PassphraseFrom, Shell},
};
