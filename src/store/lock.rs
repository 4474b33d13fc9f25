//! One running broker a data directory: a lock file that says who holds it.
//!
//! The lock is the operating system's (`flock`), so it ends with the process however that ends; the file's text, the
//! process id, the address the broker listens on and whether others can talk to it there, only serves to tell the second
//! one whom to talk to. A file left behind by a crash locks nobody out, whatever it says.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::private_files::{self, PrivateFileError};

/// The lock file's name in the data directory.
const FILE: &str = "broker.lock";

/// What follows the address of a broker that answers one process only.
const PRIVATE: &str = "private";

/// The names of all that a data directory has, but for databases and what is not whole yet: the lock, keys, request
/// bodies, the log of the screens, the token that our documents and packages put there, and the demo's chain.
const OURS: [&str; 9] = [
    FILE,
    "delegates",
    "keys",
    "spool",
    "screens.log",
    "screens.log.old",
    "token",
    "devnet.chain",
    "devnet.chain.new",
];
/// Databases, and what SQLite puts beside them.
const DATABASES: [&str; 2] = ["user.db", "provider.db"];
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// What systems put into directories by themselves: it says nothing of whose they are.
const NOBODYS: [&str; 2] = ["lost+found", ".DS_Store"];

/// Far more than a pid and an address need.
const LONGEST: u64 = 256;

/// Longer than anybody takes to ask who holds a directory.
const ASKING: Duration = Duration::from_millis(50);

/// Why a data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process runs on this directory. Commands talk to it at `address` instead.
    #[error("{}", held_text(path, pid, address))]
    Held { path: PathBuf, pid: Option<u32>, address: Option<SocketAddr> },
    #[error(transparent)]
    Directory(#[from] PrivateFileError),
    #[error("could not lock the data directory {path}")]
    Io { path: PathBuf, source: io::Error },
}

impl LockError {
    /// What somebody is told who wanted a directory that another process has.
    pub fn held(path: &Path, holder: &Holder) -> LockError {
        LockError::Held { path: path.to_owned(), pid: holder.pid, address: holder.open_at() }
    }
}

fn held_text(path: &Path, pid: &Option<u32>, address: &Option<SocketAddr>) -> String {
    let mut text = format!("the data directory {} is in use by another broker", path.display());
    if let Some(pid) = pid {
        text.push_str(&format!(" (process {pid}"));
        if let Some(address) = address {
            text.push_str(&format!(", listening on {address}"));
        }
        text.push(')');
    }
    text
}

/// Who runs on a data directory, as far as its lock file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub pid: Option<u32>,
    /// Absent until the holder has bound its listener, or if it has none.
    pub address: Option<SocketAddr>,
    /// Whether nobody else can talk to it there: a command started it for itself, with a token that only it knows.
    pub private: bool,
}

impl Holder {
    /// Where others can talk to it.
    pub fn open_at(&self) -> Option<SocketAddr> {
        self.address.filter(|_| !self.private)
    }
}

/// A data directory that belongs to this process until the value is dropped.
#[derive(Debug)]
pub struct DataLock {
    directory: PathBuf,
    file: File,
}

impl DataLock {
    /// Makes the directory if it is missing (mode 0700) and takes it. Blocks.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn take(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(FILE);
        let loose = private_files::create_directory(directory)?;
        // A directory that holds nothing but ours is ours to close; somebody's home or /tmp is not.
        if loose && is_ours(directory) {
            private_files::tighten_directory(directory)?;
        }
        let file = private_files::open_or_create(&path)?;
        match lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::held(directory, &read(&file)));
            }
            Err(TryLockError::Error(source)) => {
                return Err(LockError::Io { path: directory.to_owned(), source });
            }
        }
        let mut lock = Self { directory: directory.to_owned(), file };
        lock.write("")?;
        Ok(lock)
    }

    /// Who holds the directory now; `None` when nobody does. Blocks; takes nothing.
    pub fn holder(directory: &Path) -> Result<Option<Holder>, LockError> {
        let file = match File::open(directory.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LockError::Io { path: directory.to_owned(), source }),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read(&file))),
            Err(TryLockError::Error(source)) => Err(LockError::Io { path: directory.to_owned(), source }),
        }
    }

    /// Writes the address down, once the listener is bound; `private` where nobody else knows its token.
    pub fn listening_on(&mut self, address: SocketAddr, private: bool) -> Result<(), LockError> {
        self.write(&if private { format!("{address}\n{PRIVATE}") } else { address.to_string() })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn write(&mut self, where_to: &str) -> Result<(), LockError> {
        let text = format!("{}\n{where_to}\n", std::process::id());
        // Written over and then cut, so that a reader in between never finds the file empty.
        let result = self
            .file
            .rewind()
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .and_then(|()| self.file.set_len(text.len() as u64));
        result.map_err(|source| LockError::Io { path: self.directory.clone(), source })
    }
}

/// Takes the lock, and once more a moment later: whoever only asks who holds it has it for an instant.
fn lock(file: &File) -> Result<(), TryLockError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            std::thread::sleep(ASKING);
            file.try_lock()
        }
        done => done,
    }
}

/// Whether all that a directory holds is a data directory's, or it holds nothing. One thing of ours in it proves nothing:
/// the first start on somebody's home leaves its lock there.
fn is_ours(directory: &Path) -> bool {
    let is_ours = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_our_name))
    };
    fs::read_dir(directory).is_ok_and(|mut entries| entries.all(is_ours))
}

fn is_our_name(name: &str) -> bool {
    let is_database =
        || DATABASES.iter().any(|db| name.strip_prefix(db).is_some_and(|rest| BESIDE.contains(&rest)));
    OURS.contains(&name)
        || NOBODYS.contains(&name)
        || name.starts_with(private_files::TEMPORARY)
        || is_database()
}

fn read(mut file: &File) -> Holder {
    let mut text = String::new();
    // Unreadable text is no text: the lock itself is what counts.
    let _ = file.rewind().and_then(|()| file.take(LONGEST).read_to_string(&mut text));
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.trim().parse().ok());
    let address = lines.next().and_then(|line| line.trim().parse().ok());
    let private = lines.next().is_some_and(|line| line.trim() == PRIVATE);
    Holder { pid, address, private }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_second_one_hears_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut first = DataLock::take(&data).unwrap();
        let pid = Some(std::process::id());
        assert_eq!(DataLock::holder(&data).unwrap(), Some(Holder { pid, address: None, private: false }));
        let bound: SocketAddr = "127.0.0.1:1034".parse().unwrap();
        first.listening_on("127.0.0.1:65535".parse().unwrap(), true).unwrap();
        let holder = DataLock::holder(&data).unwrap().unwrap();
        assert!(holder.private && holder.address.is_some() && holder.open_at().is_none());
        assert!(
            DataLock::take(&data)
                .unwrap_err()
                .to_string()
                .ends_with(&format!("(process {})", std::process::id()))
        );
        first.listening_on(bound, false).unwrap();
        let error = DataLock::take(&data).unwrap_err();
        assert!(
            error.to_string().ends_with(&format!("(process {}, listening on {bound})", std::process::id()))
        );
        match error {
            LockError::Held { pid: found, address, .. } => assert_eq!((found, address), (pid, Some(bound))),
            other => panic!("{other:?}"),
        }
        drop(first);
        assert_eq!(DataLock::holder(&data).unwrap(), None);
        DataLock::take(&data).unwrap();
    }

    #[test]
    fn what_a_crash_left_in_the_file_locks_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "1\n127.0.0.1:1034\nand something else entirely").unwrap();
        assert_eq!(DataLock::holder(dir.path()).unwrap(), None);
        let _lock = DataLock::take(dir.path()).unwrap();
        let holder = DataLock::holder(dir.path()).unwrap().unwrap();
        assert_eq!(holder, Holder { pid: Some(std::process::id()), address: None, private: false });
    }

    #[test]
    fn whoever_only_asks_does_not_keep_a_broker_from_its_start() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataLock::take(dir.path()).unwrap());
        // Whoever asks is held up for longer than is waited for when the machine stands still just then; once in so many
        // times it does not. If nothing were waited for, none of them would do.
        let taken = (0..50).any(|_| {
            let asking = File::open(dir.path().join(FILE)).unwrap();
            asking.lock_shared().unwrap();
            let asked = std::thread::spawn(move || {
                std::thread::sleep(ASKING / 5);
                drop(asking);
            });
            let taken = DataLock::take(dir.path()).is_ok();
            asked.join().unwrap();
            taken
        });
        assert!(taken);
    }

    #[test]
    fn the_directory_is_closed_to_others_unless_it_is_somebody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("new");
        let _new = DataLock::take(&new).unwrap();
        assert_eq!((mode(&new), mode(&new.join(FILE))), (0o700, 0o600));

        let empty = dir.path().join("empty");
        fs::create_dir(&empty).unwrap();
        fs::set_permissions(&empty, fs::Permissions::from_mode(0o755)).unwrap();
        let _empty = DataLock::take(&empty).unwrap();
        assert_eq!(mode(&empty), 0o700);

        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("letter.txt"), "dear").unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
        // However often: the lock that the first start left there makes it no directory of ours.
        for _ in 0..2 {
            let _home = DataLock::take(&home).unwrap();
            assert_eq!((mode(&home), mode(&home.join(FILE))), (0o755, 0o600));
        }

        let used = dir.path().join("used");
        fs::create_dir(&used).unwrap();
        for name in ["broker.lock", "user.db", "user.db-wal", "screens.log.old", ".unfinished-x", "token"] {
            fs::write(used.join(name), "").unwrap();
        }
        fs::create_dir(used.join("lost+found")).unwrap();
        fs::set_permissions(&used, fs::Permissions::from_mode(0o755)).unwrap();
        let _used = DataLock::take(&used).unwrap();
        assert_eq!(mode(&used), 0o700);
    }

    #[test]
    fn names_that_only_begin_like_ours_are_somebody_elses() {
        for ours in ["keys", "provider.db", "provider.db-shm", "user.db-journal", "screens.log", ".DS_Store"]
        {
            assert!(is_our_name(ours), "{ours}");
        }
        for other in ["keys-of-team", "tokens.csv", "token.txt", "user.db.bak", "user.dbx", "spooler", ""] {
            assert!(!is_our_name(other), "{other}");
        }
        let dir = tempfile::tempdir().unwrap();
        let team = dir.path().join("team");
        fs::create_dir_all(team.join("keys-of-team")).unwrap();
        fs::write(team.join("tokens.csv"), "").unwrap();
        fs::set_permissions(&team, fs::Permissions::from_mode(0o755)).unwrap();
        let _team = DataLock::take(&team).unwrap();
        assert_eq!(mode(&team), 0o755);
    }
}
