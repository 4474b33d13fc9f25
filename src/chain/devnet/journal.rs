//! The chain on disk: one file to which every change is appended before anybody hears of it.
//!
//! A line is a checksum and a JSON value. The file begins with the chain's identity, the blocks that were there
//! already, and the whole state after them; then each block adds its own line with what it changed. So a
//! block costs what it contains (about 2 kB with one transaction) however large the chain is, where rewriting
//! everything would cost the whole chain each time. Opening reads the lines again; once more than [`COMPACT_AFTER`]
//! have gathered, it rewrites the file so that the next start has only one state to read.
//!
//! A crash can leave the last line unfinished. Nobody was told of it, so opening cuts it off. A damaged line with
//! good ones after it is not a crash's doing and is reported instead.

use std::{
    borrow::Cow,
    fs::{File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

use crate::crash_point::{self, Point};

use super::{
    blocks::{Block, Blocks},
    error::DevnetError,
    ledger::{Change, Ledger},
    state::{Changes, State},
    stored::StoredBlock,
};

const FORMAT: u32 = 1;
/// Changes after which opening rewrites the file.
const COMPACT_AFTER: usize = 4096;
/// Hex digits of keccak before each line.
const CHECKSUM: usize = 8;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line<'a> {
    #[serde(rename_all = "camelCase")]
    Chain {
        format: u32,
        chain_id: u64,
    },
    History(StoredBlock),
    State {
        state: Cow<'a, Changes>,
        offset: i64,
        branch: u64,
    },
    Mined {
        block: StoredBlock,
        changes: Cow<'a, Changes>,
        offset: i64,
    },
    Patched {
        changes: Cow<'a, Changes>,
    },
    Undone {
        changes: usize,
        height: u64,
        branch: u64,
        offset: i64,
    },
}

impl Line<'_> {
    fn of(change: &Change) -> Line<'_> {
        match change {
            Change::Mined { block, changes, offset } => Line::Mined {
                block: StoredBlock::of(block),
                changes: Cow::Borrowed(changes),
                offset: *offset,
            },
            Change::Patched { changes } => Line::Patched { changes: Cow::Borrowed(changes) },
            &Change::Undone { changes, height, branch, offset } => {
                Line::Undone { changes, height, branch, offset }
            }
        }
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let json = serde_json::to_string(self)?;
        out.write_all(checksum(json.as_bytes()).as_bytes())?;
        out.write_all(b" ")?;
        out.write_all(json.as_bytes())?;
        out.write_all(b"\n")
    }

    /// None if the bytes are not a whole line.
    fn read(bytes: &[u8]) -> Option<Line<'static>> {
        let line = bytes.strip_suffix(b"\n")?;
        let (sum, json) = line.split_at_checked(CHECKSUM)?;
        let json = json.strip_prefix(b" ")?;
        if checksum(json).as_bytes() != sum {
            return None;
        }
        serde_json::from_slice(json).ok()
    }
}

fn checksum(json: &[u8]) -> String {
    let hash: B256 = keccak256(json);
    alloy::hex::encode(&hash[..CHECKSUM / 2])
}

/// The open file. Locked: two processes must not append to the same chain.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Holds the lock. A file of its own, because rewriting replaces the other one.
    _lock: File,
    /// Why nothing more may be written or answered.
    broken: Option<String>,
}

impl Journal {
    /// Opens the chain in `path`, or starts a new one there from `genesis`.
    pub fn open(
        path: &Path,
        chain_id: u64,
        genesis: impl FnOnce() -> (Block, Changes),
    ) -> Result<(Journal, Ledger), DevnetError> {
        Self::open_rewriting(path, chain_id, COMPACT_AFTER, genesis)
    }

    pub(super) fn open_rewriting(
        path: &Path,
        chain_id: u64,
        compact_after: usize,
        genesis: impl FnOnce() -> (Block, Changes),
    ) -> Result<(Journal, Ledger), DevnetError> {
        let failed = |source| DevnetError::File { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.with_added_extension("lock"))
            .map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DevnetError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        let (ledger, rewrite) = match File::open(path) {
            Ok(file) => {
                let read = Reader::new(path, file).read(chain_id)?;
                (read.ledger, read.changes > compact_after)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let (block, state) = genesis();
                (Ledger::starting_with(block, &state), true)
            }
            Err(error) => return Err(failed(error)),
        };
        if rewrite {
            write_whole(path, chain_id, &ledger).map_err(failed)?;
        }
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok((Journal { path: path.to_owned(), file, _lock: lock, broken: None }, ledger))
    }

    /// Writes a change down. It is on disk only after [`Journal::sync`].
    pub fn append(&mut self, change: &Change) -> Result<(), DevnetError> {
        self.usable()?;
        let mut line = Vec::with_capacity(4096);
        let outcome = Line::of(change).write(&mut line).and_then(|()| self.file.write_all(&line));
        crash_point::pass(Point::DevnetAppended);
        self.note(outcome)
    }

    /// Returns once everything appended would survive a crash of the machine.
    pub fn sync(&mut self) -> Result<(), DevnetError> {
        self.usable()?;
        let outcome = self.file.sync_data();
        crash_point::pass(Point::DevnetSynced);
        self.note(outcome)
    }

    /// Fails if the file is not known to hold what the memory holds.
    pub fn usable(&self) -> Result<(), DevnetError> {
        match &self.broken {
            None => Ok(()),
            Some(why) => Err(DevnetError::Stopped { why: why.clone() }),
        }
    }

    fn note(&mut self, outcome: std::io::Result<()>) -> Result<(), DevnetError> {
        if let Err(error) = outcome {
            tracing::error!(path = %self.path.display(), %error, "the development chain's file cannot be written");
            self.broken = Some(error.to_string());
        }
        self.usable()
    }
}

/// Writes the whole chain beside `path` and puts it in place in one step.
fn write_whole(path: &Path, chain_id: u64, ledger: &Ledger) -> std::io::Result<()> {
    let beside = path.with_added_extension("new");
    let mut out = BufWriter::new(File::create(&beside)?);
    Line::Chain { format: FORMAT, chain_id }.write(&mut out)?;
    for block in ledger.blocks.all() {
        Line::History(StoredBlock::of(block)).write(&mut out)?;
    }
    let state = Cow::Owned(ledger.state.whole());
    Line::State { state, offset: ledger.offset, branch: ledger.branch }.write(&mut out)?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// What reading a file gave.
struct Read {
    ledger: Ledger,
    /// Changes on top of the state the file starts with.
    changes: usize,
}

struct Reader<'a> {
    path: &'a Path,
    lines: BufReader<File>,
    line: usize,
    /// Bytes up to the end of the last whole line.
    good: u64,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, file: File) -> Self {
        Reader { path, lines: BufReader::new(file), line: 0, good: 0 }
    }

    fn damaged(&self, why: impl Into<String>) -> DevnetError {
        DevnetError::Damaged { path: self.path.to_owned(), line: self.line, why: why.into() }
    }

    fn failed(&self, source: std::io::Error) -> DevnetError {
        DevnetError::File { path: self.path.to_owned(), source }
    }

    fn read(mut self, chain_id: u64) -> Result<Read, DevnetError> {
        match self.next()? {
            Some(Line::Chain { format, .. }) if format != FORMAT => {
                return Err(DevnetError::OtherFormat {
                    path: self.path.to_owned(),
                    found: format,
                    known: FORMAT,
                });
            }
            Some(Line::Chain { chain_id: found, .. }) if found != chain_id => {
                return Err(DevnetError::OtherChain { path: self.path.to_owned(), found, wanted: chain_id });
            }
            Some(Line::Chain { .. }) => {}
            _ => return Err(self.damaged("it does not begin like a chain")),
        }
        let mut ledger = self.read_start()?;
        let mut changes = 0;
        while let Some(line) = self.next()? {
            let change = match line {
                Line::Mined { block, changes, offset } => {
                    let block = block.open().map_err(|why| self.damaged(why))?;
                    Change::Mined { block: Arc::new(block), changes: changes.into_owned(), offset }
                }
                Line::Patched { changes } => Change::Patched { changes: changes.into_owned() },
                Line::Undone { changes, height, branch, offset } => {
                    Change::Undone { changes, height, branch, offset }
                }
                Line::Chain { .. } | Line::History(_) | Line::State { .. } => {
                    return Err(self.damaged("it starts a second chain"));
                }
            };
            ledger.apply(change).map_err(|why| self.damaged(why))?;
            changes += 1;
        }
        self.cut_off_rest()?;
        Ok(Read { ledger, changes })
    }

    /// The blocks without changes of their own, and the state after them.
    fn read_start(&mut self) -> Result<Ledger, DevnetError> {
        let mut blocks: Option<Blocks> = None;
        loop {
            match self.next()? {
                Some(Line::History(block)) => {
                    let block = block.open().map_err(|why| self.damaged(why))?;
                    match &mut blocks {
                        Some(blocks) if block.header.parent_hash == blocks.head().hash => {
                            blocks.push(Arc::new(block));
                        }
                        None if block.number() == 0 => blocks = Some(Blocks::starting_with(block)),
                        _ => return Err(self.damaged("a block does not follow the one before it")),
                    }
                }
                Some(Line::State { state, offset, branch }) => {
                    let blocks = blocks.ok_or_else(|| self.damaged("it has a state but no blocks"))?;
                    let state = State::starting_as(&state, blocks.height());
                    return Ok(Ledger { blocks, state, offset, branch });
                }
                _ => return Err(self.damaged("it ends before the state it starts with")),
            }
        }
    }

    /// The next whole line; none at the end, or where an unfinished last line begins.
    fn next(&mut self) -> Result<Option<Line<'static>>, DevnetError> {
        let mut bytes = Vec::new();
        self.lines.read_until(b'\n', &mut bytes).map_err(|error| self.failed(error))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match Line::read(&bytes) {
            Some(line) => {
                self.good += length;
                Ok(Some(line))
            }
            None => {
                self.expect_nothing_whole_after()?;
                Ok(None)
            }
        }
    }

    fn expect_nothing_whole_after(&mut self) -> Result<(), DevnetError> {
        let mut bytes = Vec::new();
        while self.lines.read_until(b'\n', &mut bytes).map_err(|error| self.failed(error))? > 0 {
            if Line::read(&bytes).is_some() {
                return Err(self.damaged("its checksum is wrong, and whole lines follow"));
            }
            bytes.clear();
        }
        Ok(())
    }

    /// Removes an unfinished last line, so that the next one does not run into it.
    fn cut_off_rest(&self) -> Result<(), DevnetError> {
        let file = OpenOptions::new().write(true).open(self.path).map_err(|error| self.failed(error))?;
        let length = file.metadata().map_err(|error| self.failed(error))?.len();
        if length > self.good {
            tracing::warn!(path = %self.path.display(), bytes = length - self.good,
                "dropping an unfinished change at the end of the development chain's file");
            file.set_len(self.good).and_then(|()| file.sync_all()).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }
}
