//! Opening a broker's database. Bringing an older one up to date takes a while where there is much in it, and nothing
//! else can be seen meanwhile, so that is told before it begins.

use std::path::Path;

use anyhow::{Context, Result};

use crate::cli::Output;
use crate::store::{Db, Role};

const UP_TO_DATE: &str = "bringing the database up to date; with many requests in it this takes a minute, and stopping it loses nothing";

/// Opens it, or makes it. Blocks.
pub fn open(path: &Path, role: Role) -> Result<Db> {
    if Db::is_behind(path, role).unwrap_or(false) {
        Output.note(UP_TO_DATE);
    }
    Db::open(path, role).context("the database cannot be opened")
}
