//! A broker's books as a file, written while it is sent: a few pieces are in memory however many rows there are.

use std::io::{self, Write};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use tokio::sync::mpsc;

use super::Problem;
use super::field::{Field, Kind, optional};
use super::input::Fields;
use crate::broker::export::{ExportError, ExportFormat};

pub(super) const FORMAT: Field = optional(
    "format",
    Kind::Words(&["csv", "jsonl", "json"]),
    "Default csv. jsonl is an object a line, json one array; their members are called as in the lists.",
);
/// What the file may be.
pub(super) const TYPES: &[&str] = &["text/csv", "application/x-ndjson", "application/json"];

/// Bytes of a piece, and pieces that wait for the caller.
const PIECE: usize = 1 << 16;
const WAITING: usize = 4;

/// The format that a query asks for.
pub(super) fn format(query: &Fields) -> Result<ExportFormat, Problem> {
    let formats =
        [("csv", ExportFormat::Csv), ("jsonl", ExportFormat::JsonLines), ("json", ExportFormat::Json)];
    Ok(query.word("format", &formats)?.unwrap_or(ExportFormat::Csv))
}

/// What `export` writes into its writer, as a file of this name.
pub(super) fn file<F>(name: &str, format: ExportFormat, export: impl FnOnce(Pieces) -> F) -> Response
where
    F: Future<Output = Result<(u64, Pieces), ExportError>> + Send + 'static,
{
    let (writer, pieces) = channel();
    let written = export(writer);
    let work: Work = Box::pin(async move { written.await.map(drop) });
    let mut response = Response::new(Body::from_stream(driven(work, pieces)));
    let (kind, ending) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Json => ("application/json", "json"),
        ExportFormat::JsonLines => ("application/x-ndjson", "jsonl"),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(saved) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.{ending}\"")) {
        headers.insert(CONTENT_DISPOSITION, saved);
    }
    response
}

/// What threads write and a response sends. A caller who leaves ends the writing.
pub(super) struct Pieces {
    held: Vec<u8>,
    to: mpsc::Sender<Bytes>,
}

fn channel() -> (Pieces, mpsc::Receiver<Bytes>) {
    let (to, pieces) = mpsc::channel(WAITING);
    (Pieces { held: Vec::new(), to }, pieces)
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.held));
        self.to.blocking_send(piece).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() { Ok(()) } else { self.send() }
    }
}

type Work = BoxFuture<'static, Result<(), ExportError>>;

/// The pieces, while the work that writes them goes on. An error breaks the answer off, so that nobody takes it for whole.
fn driven(work: Work, pieces: mpsc::Receiver<Bytes>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((Some(work), pieces), |(mut work, mut pieces)| async move {
        loop {
            let Some(working) = &mut work else {
                // Written to its end; what waits is still sent.
                return pieces.recv().await.map(|piece| (Ok(piece), (None, pieces)));
            };
            tokio::select! {
                piece = pieces.recv() => match piece {
                    Some(piece) => return Some((Ok(piece), (work, pieces))),
                    None => pieces.close(),
                },
                done = working => match done {
                    Ok(()) => work = None,
                    Err(error) => {
                        tracing::warn!(%error, "an export ended early");
                        pieces.close();
                        return Some((Err(io::Error::other("the export ended early")), (None, mpsc::channel(1).1)));
                    }
                },
            }
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::time::Duration;

    use futures_util::StreamExt;

    use super::*;

    /// Writes so many bytes on a thread, and ends well or not.
    fn writing(mut writer: Pieces, bytes: usize, well: bool) -> Work {
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || {
                for _ in 0..bytes / 100 {
                    writer.write_all(&[7; 100])?;
                }
                writer.flush()
            });
            written.await.unwrap()?;
            if well { Ok(()) } else { Err(io::Error::other("no").into()) }
        })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everything_is_sent_and_an_error_breaks_it_off() {
        for well in [true, false] {
            let (writer, pieces) = channel();
            let sent = driven(writing(writer, 1_000_000, well), pieces).collect::<Vec<_>>().await;
            let whole: usize = sent.iter().filter_map(|piece| Some(piece.as_ref().ok()?.len())).sum();
            assert!(
                sent.iter().filter_map(|piece| piece.as_ref().ok()).all(|piece| piece.len() <= PIECE + 100)
            );
            if well {
                assert_eq!(whole, 1_000_000);
            }
            assert_eq!(sent.last().unwrap().is_ok(), well);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_leaves_ends_the_writing() {
        let (writer, pieces) = channel();
        let (told, ended) = std::sync::mpsc::sync_channel(1);
        let work: Work = Box::pin(async move {
            let mut writer = writer;
            let written = tokio::task::spawn_blocking(move || {
                let error = (0..).find_map(|_| writer.write_all(&[7; 1_000]).err());
                told.send(error.map(|error| error.kind())).unwrap();
            });
            written.await.unwrap();
            Ok(())
        });
        let mut stream = Box::pin(driven(work, pieces));
        stream.next().await.unwrap().unwrap();
        drop(stream);
        let ended = tokio::task::spawn_blocking(move || ended.recv_timeout(Duration::from_secs(10)));
        assert_eq!(ended.await.unwrap().unwrap(), Some(io::ErrorKind::BrokenPipe));
    }
}
