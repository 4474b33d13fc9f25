//! Rows of a broker's books as a file for other programs, page by page.
//!
//! Reading is the store's and never more than a page is held; writing happens off the runtime's threads. What is exported
//! is somebody's business: callers open files for their owner only.

mod table_text;

use std::io::{self, Write};

use self::table_text::TableText;
use crate::store::{LONGEST_PAGE, Page, PageOf, StoreError};

pub use self::table_text::{Cell, ExportFormat};

/// Why an export ended early. What was written before stays in the writer's file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the export cannot be written: {0}; choose another place or make room")]
    Write(#[from] io::Error),
}

/// A column: its name in CSV; its name in JSON, which is the API's; and what of a row stands in it.
pub(super) type Column<T> = (&'static str, &'static str, fn(&T) -> Cell);

/// Writes every row that `page` gives, from the first page to the last, column by column. Gives the number of
/// rows and the writer, flushed.
pub(super) async fn write<W, T, F>(
    format: ExportFormat,
    writer: W,
    columns: &'static [Column<T>],
    mut page: impl FnMut(PageOf) -> F,
) -> Result<(u64, W), ExportError>
where
    W: Write + Send + 'static,
    T: Send + 'static,
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let name = |(csv, json, _): &Column<T>| if format == ExportFormat::Csv { *csv } else { *json };
    let names = columns.iter().map(name).collect();
    let mut table = off(move || TableText::begin(format, writer, names)).await?;
    let mut after = None;
    loop {
        let Page { items, next } = page(PageOf { after, limit: LONGEST_PAGE }).await?;
        table = off(move || {
            for item in items {
                table.row(columns.iter().map(|(_, _, cell)| cell(&item)).collect())?;
            }
            Ok(table)
        })
        .await?;
        after = next;
        if after.is_none() {
            return Ok(off(move || table.end()).await?);
        }
    }
}

/// Does it away from the runtime's threads.
async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
