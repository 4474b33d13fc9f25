//! `man`: the manual pages, written into a directory for packages and for `man -M`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cli::{self, Exit, Failure, Output};
use crate::domain::amount::counted;

/// Writes all pages. Pages of the same names are replaced: they are of an older program.
pub fn run(directory: &Path) -> Result<Exit> {
    if directory.exists() && !directory.is_dir() {
        let message =
            format!("{} is no directory; name one, which is made if it is not there", directory.display());
        return Err(Failure::new(Exit::BadInput, message).into());
    }
    let at = || format!("the manual pages cannot be written to {}", directory.display());
    fs::create_dir_all(directory).with_context(at)?;
    let pages = cli::manual()?;
    for page in &pages {
        fs::write(directory.join(&page.name), &page.text).with_context(at)?;
    }
    Output.note(&format!("{} in {}", counted(pages.len(), "manual page"), directory.display()));
    Ok(Exit::Ok)
}
