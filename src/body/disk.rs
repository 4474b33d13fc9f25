//! How much of the disk bodies may take: over all requests of a broker, and of each of those who send them; and how much
//! of the file system stays free for what must be written down.
//!
//! A share is taken before a byte is written and given back with the file. What finds none is refused, not kept waiting:
//! those who hold it may be in no hurry.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::memory::{Memory, Share};
use crate::domain::Address;

/// Bodies leave so much of their file system free, for the books are on it too.
const RESERVE: u64 = 256 << 20;
/// The file system is asked each time that so many bytes have been written.
const BETWEEN_LOOKS: u64 = 16 << 20;

/// The disk for bodies, as one of those who send them sees it. Clones share all that is counted.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    all: Memory,
    counts: Arc<Counts>,
    owner: Option<Address>,
}

#[derive(Debug)]
struct Counts {
    most_of_one: u64,
    of_one: Mutex<HashMap<Address, u64>>,
    reserve: u64,
    /// Written since the file system was asked.
    written: AtomicU64,
}

impl Disk {
    /// A store of `bytes`, of which no owner takes more than `most_of_one`.
    pub fn of(bytes: u64, most_of_one: u64) -> Disk {
        Disk::keeping(RESERVE, bytes, most_of_one)
    }

    fn keeping(reserve: u64, bytes: u64, most_of_one: u64) -> Disk {
        let written = AtomicU64::new(BETWEEN_LOOKS);
        let counts = Arc::new(Counts { most_of_one, of_one: Mutex::default(), reserve, written });
        Disk { all: Memory::of(bytes), counts, owner: None }
    }

    /// The same store; what is taken from it is counted for `owner` too.
    pub fn owned_by(&self, owner: Address) -> Disk {
        Disk { owner: Some(owner), ..self.clone() }
    }

    pub fn taken(&self) -> u64 {
        self.all.taken()
    }

    /// Looks now and then whether the file system of this file has room for more.
    pub fn look(&self, file: &File, bytes: u64) -> io::Result<()> {
        let written = self.counts.written.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if written < BETWEEN_LOOKS {
            return Ok(());
        }
        let found = rustix::fs::fstatvfs(file)?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        // Some file systems do not know how large they are.
        if found.f_blocks > 0 && free < self.counts.reserve.saturating_add(bytes) {
            // Whoever comes next looks again.
            self.counts.written.fetch_max(BETWEEN_LOOKS, Ordering::Relaxed);
            let (free, reserve) = (free >> 20, self.counts.reserve >> 20);
            let reason = format!("{free} MiB are free, and {reserve} MiB have to stay free for the books");
            return Err(io::Error::new(io::ErrorKind::StorageFull, reason));
        }
        self.counts.written.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn count(&self, bytes: u64) -> bool {
        let Some(owner) = self.owner else { return true };
        let mut of_one = self.counts.of_one.lock();
        let taken = of_one.get(&owner).copied().unwrap_or(0).saturating_add(bytes);
        let fits = taken <= self.counts.most_of_one;
        if fits {
            of_one.insert(owner, taken);
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        let Some(owner) = self.owner else { return };
        let mut of_one = self.counts.of_one.lock();
        if let Some(taken) = of_one.get_mut(&owner) {
            *taken = taken.saturating_sub(bytes);
            if *taken == 0 {
                of_one.remove(&owner);
            }
        }
    }
}

/// What a file takes of the disk, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    disk: Disk,
    share: Share,
    bytes: u64,
}

impl Place {
    pub fn new(disk: &Disk) -> Place {
        Place { disk: disk.clone(), share: Share::default(), bytes: 0 }
    }

    /// Takes so many bytes more. `false`: there is no room for them, and nothing has changed.
    #[must_use]
    pub fn grow(&mut self, bytes: u64) -> bool {
        let all = self.bytes.saturating_add(bytes);
        let Ok(wanted) = usize::try_from(all) else { return false };
        if !self.disk.count(bytes) {
            return false;
        }
        if !self.share.grow(&self.disk.all, wanted) {
            self.disk.give_back(bytes);
            return false;
        }
        self.bytes = all;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.disk.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_and_all_comes_back() {
        let disk = Disk::of(8 << 20, 4 << 20);
        let (one, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let (mut first, mut second) = (Place::new(&disk.owned_by(one)), Place::new(&disk.owned_by(one)));
        assert!(first.grow(3 << 20) && second.grow(1 << 20));
        assert!(!second.grow(1) && !first.grow(1));
        let mut theirs = Place::new(&disk.owned_by(other));
        assert!(theirs.grow(4 << 20) && !theirs.grow(1));
        assert!(!Place::new(&disk).grow(1), "and all of it is taken");
        assert_eq!(disk.taken(), 8 << 20);
        drop(first);
        assert!(second.grow(3 << 20) && !second.grow(1));
        drop((second, theirs));
        assert_eq!((disk.taken(), disk.counts.of_one.lock().len()), (0, 0));
    }

    #[test]
    fn the_file_system_keeps_its_reserve() {
        let file = tempfile::tempfile().unwrap();
        let full = Disk::keeping(u64::MAX, 1 << 30, 1 << 30);
        for _ in 0..2 {
            assert_eq!(full.look(&file, 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        let roomy = Disk::keeping(0, 1 << 30, 1 << 30);
        roomy.look(&file, 1).unwrap();
        assert_eq!(roomy.counts.written.load(Ordering::Relaxed), 0);
    }
}
