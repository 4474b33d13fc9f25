//! What the filter covers, written to a file that only its owner can read.
//!
//! The file appears under its name once it is whole, and never in the place of another one.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::runner::{Answer, Covered};
use crate::broker::user::{ExportFormat, UserBroker};
use crate::domain::Timestamp;
use crate::domain::clean::clean_reason;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::texts;
use crate::tui::user::places;
use crate::tui::user::runner::{At, Reply};

const FORMATS: &[&str] = &["CSV", "JSON"];
/// How often it is told how far it is.
const TOLD: Duration = Duration::from_millis(300);

/// What the screen and the writing share: how far it is, and whether it shall stop.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Export {
    pub covered: Covered,
    pub format: ExportFormat,
    /// As it was typed.
    pub file: String,
    pub progress: Arc<Progress>,
}

/// The question for format and file.
pub fn form(what: &str, now: Timestamp) -> Form {
    let stamp: String = now.to_string().chars().take(19).filter(char::is_ascii_digit).collect();
    let (day, time) = stamp.split_at_checked(8).unwrap_or((&stamp, ""));
    let hint = texts::requests::NEW_FILE;
    Form::new(
        texts::requests::export(what),
        vec![
            Field::new("format", texts::labels::FORMAT, Kind::Choice(FORMATS), texts::requests::FORMATS)
                .with("CSV"),
            Field::new("file", texts::labels::FILE, Kind::Text, hint)
                .with(format!("{what}-{day}-{time}.csv")),
        ],
    )
}

/// Keeps the ending of the file's name with the format.
pub fn keep_ending(form: &mut Form) {
    let json = form.value("format") == "JSON";
    let (from, to) = if json { (".csv", ".json") } else { (".json", ".csv") };
    for field in form.fields.iter_mut().filter(|field| field.key == "file") {
        if let Some(stem) = field.value.strip_suffix(from) {
            *field = field.clone().with(format!("{stem}{to}"));
        }
    }
}

pub fn format(form: &Form) -> ExportFormat {
    if form.value("format") == "JSON" { ExportFormat::Json } else { ExportFormat::Csv }
}

/// Counts what passes, and stops when it shall.
struct Counted<W> {
    writer: W,
    progress: Arc<Progress>,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.progress.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other(texts::requests::STOPPED));
        }
        let written = self.writer.write(bytes)?;
        self.progress.bytes.fetch_add(u64::try_from(written).unwrap_or(0), Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes it in a task of its own and tells how far it is.
pub fn perform(export: Export, broker: UserBroker, at: &At, reply: Reply<Answer>) {
    let path = places::resolve(&at.directory, &export.file);
    let progress = Arc::clone(&export.progress);
    at.tasks.spawn_until_stopped("screens: an export", async move {
        let writing = write(export, broker, &path);
        let mut writing = std::pin::pin!(writing);
        let ended = loop {
            tokio::select! {
                ended = &mut writing => break ended,
                () = tokio::time::sleep(TOLD) => reply.send(Answer::Exporting).await,
            }
        };
        let ended = ended.map(|rows| (rows, progress.bytes()));
        reply.send(Answer::Exported { path: path.display().to_string(), ended }).await;
    });
}

async fn write(export: Export, broker: UserBroker, path: &Path) -> Result<u64, String> {
    let Export { covered, format, progress, .. } = export;
    let told = |error: &io::Error| clean_reason(&error.to_string(), 200);
    let target = path.to_owned();
    let opened = blocking(move || places::unfinished(&target, places::PRIVATE)).await;
    let (file, unfinished) = opened.map_err(|error| told(&error))?;
    let writer = Counted { writer: BufWriter::with_capacity(1 << 16, file), progress };
    let written = match covered {
        Covered::Requests(filter) => broker.export_requests(filter, format, writer).await,
        Covered::Operations(query) => broker.export_operations(query, format, writer).await,
    };
    let (rows, _) = written.map_err(|error| clean_reason(&error.to_string(), 200))?;
    let target = path.to_owned();
    let kept = blocking(move || places::keep(unfinished, &target)).await;
    kept.map(|()| rows).map_err(|error| told(&error))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
