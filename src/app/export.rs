//! `request export` and `provider export`: what the filter covers, to stdout or into a new file, while the broker writes it.

use std::io::{self, Write};

use anyhow::Result;
use reqwest::Response;
use tokio::runtime::Handle;

use super::api::Api;
use super::failure::exit_of_file;
use crate::cli::{Exit, ExportFile, Failure, Output};
use crate::private_files::{self, PrivateFileError};

/// What the filters cover of a broker's books, at one of its addresses.
pub async fn run(
    api: &Api,
    path: &str,
    filters: &[(&str, Option<String>)],
    file: ExportFile,
) -> Result<Exit> {
    let ExportFile { format, output } = file;
    let mut query: Vec<(&str, String)> = vec![("format", format.as_str().to_owned())];
    query.extend(filters.iter().filter_map(|(name, value)| Some((*name, value.clone()?))));
    let response = api.download(path, &query).await?;
    match output {
        // Where it cannot be written the program's end says so, as it does of every result.
        None => copy(response, |bytes| Ok(Output.bytes(bytes))).await.map_err(Failure::from)?,
        Some(file) => {
            let (runtime, target) = (Handle::current(), file.clone());
            let written = tokio::task::spawn_blocking(move || {
                private_files::create_with(&target, |file| {
                    runtime.block_on(copy(response, |bytes| file.write_all(bytes).map(|()| true)))
                })
            });
            written.await?.map_err(Failure::from)?;
            Output.note(&format!("written to {}; only you can read it", file.display()));
        }
    }
    Ok(Exit::Ok)
}

/// Why an export did not come to its end.
#[derive(Debug, thiserror::Error)]
enum CopyError {
    #[error("the export broke off; what was written is not all of it")]
    BrokenOff,
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
    #[error(transparent)]
    File(#[from] PrivateFileError),
}

/// Hands the answer over piece by piece, until `take` wants no more.
async fn copy(
    mut response: Response,
    mut take: impl FnMut(&[u8]) -> io::Result<bool>,
) -> Result<(), CopyError> {
    while let Some(piece) = response.chunk().await.map_err(|_| CopyError::BrokenOff)? {
        if !take(&piece)? {
            break;
        }
    }
    Ok(())
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Failure {
        let exit = match &error {
            CopyError::BrokenOff => Exit::Unreachable,
            CopyError::Write(_) => Exit::Failed,
            CopyError::File(error) => exit_of_file(error),
        };
        Failure::new(exit, error.to_string())
    }
}
