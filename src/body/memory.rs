//! How much memory bodies may take, over all requests of a broker. What goes to disk instead is counted by `disk`.
//!
//! What is held whole takes a share first, and gives it back when the last reference to its bytes is gone. A request
//! that finds no share is no error: it goes to disk (`request`), or waits its turn; an answer is streamed where it can
//! be. So the memory of the process has a bound that does not depend on how many ask at the same time, or on how large
//! what they send is. Only what is [`Spool::SLIGHT`] needs no share: there are as many of those as there are connections.
//!
//! A [`Spool`] has two such stores, so that nobody who holds from one waits for the same one: `resting` for bodies as
//! they arrive, which never wait, and `working` for those that are read whole, which are taken in one piece. Only what an
//! answer swells to while it is counted waits for more from `resting`, and not for ever ([`Room::wait_for`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::disk::Disk;
use crate::domain::Address;

/// What is counted: smaller pieces of memory are not worth a count of their own.
const BLOCK: usize = 4 << 10;

/// What swells looks for memory this often, for so long: it holds some meanwhile.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const SWELLS_FOR: Duration = Duration::from_secs(10);

/// How long what is large waits for its share of the memory.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Where bodies are while a broker works on them.
#[derive(Clone, Debug)]
pub struct Spool {
    /// Files without a name live here.
    pub(super) directory: PathBuf,
    pub(super) resting: Memory,
    pub(super) working: Memory,
    /// For what is in the files.
    pub(super) disk: Disk,
}

impl Spool {
    /// The default of the settings: 256 MiB in memory at most.
    pub const MEMORY: u64 = 256 << 20;
    /// The default of the settings: 16 GiB on disk at most.
    pub const DISK: u64 = 16 << 30;
    /// Bodies up to this size need no share.
    pub const SLIGHT: usize = 16 << 10;

    /// Bodies of at most `memory` bytes in all are held in memory, the rest in `directory`.
    pub fn new(directory: impl Into<PathBuf>, memory: u64) -> Spool {
        let (resting, working) = (Memory::of(memory / 2), Memory::of(memory / 2));
        let disk = Disk::of(Spool::DISK, Spool::DISK);
        Spool { directory: directory.into(), resting, working, disk }
    }

    /// With so many bytes on disk at most, and no more than `most_of_one` of each who is named with [`Spool::of`].
    pub fn with_disk(self, bytes: u64, most_of_one: u64) -> Spool {
        Spool { disk: Disk::of(bytes, most_of_one), ..self }
    }

    /// The same spool for bodies of one who may not take all of its disk.
    pub fn of(&self, owner: Address) -> Spool {
        Spool { disk: self.disk.owned_by(owner), ..self.clone() }
    }

    /// Bytes of bodies in memory at the moment.
    pub fn in_memory(&self) -> u64 {
        self.resting.taken() + self.working.taken()
    }

    /// Bytes of bodies on disk at the moment.
    pub fn on_disk(&self) -> u64 {
        self.disk.taken()
    }
}

/// A bounded store of bytes. Clones are the same store.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    free: Arc<Semaphore>,
    blocks: u32,
}

/// Part of a store, given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Share(Option<OwnedSemaphorePermit>);

impl Memory {
    /// A store of so many bytes, at least one block.
    pub fn of(bytes: u64) -> Memory {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let blocks = u32::try_from(bytes / BLOCK as u64).unwrap_or(u32::MAX).clamp(1, most);
        Memory { free: Arc::new(Semaphore::new(blocks as usize)), blocks }
    }

    pub fn taken(&self) -> u64 {
        let free = self.free.available_permits() as u64;
        u64::from(self.blocks).saturating_sub(free) * BLOCK as u64
    }

    /// A share of `bytes`, if there is one right now.
    pub fn try_take(&self, bytes: usize) -> Option<Share> {
        let blocks = u32::try_from(bytes.div_ceil(BLOCK)).ok()?;
        Arc::clone(&self.free).try_acquire_many_owned(blocks).ok().map(|permit| Share(Some(permit)))
    }

    /// A share of `bytes`, waited for at most so long. More than there is at all is taken as all there is: such a body
    /// is worked on alone.
    pub async fn take(&self, bytes: u64, patience: Duration) -> Option<Share> {
        let blocks = u32::try_from(bytes.div_ceil(BLOCK as u64)).unwrap_or(u32::MAX).min(self.blocks);
        let taking = Arc::clone(&self.free).acquire_many_owned(blocks);
        // The store is never closed, so only the wait can end it.
        let permit = tokio::time::timeout(patience, taking).await.ok()?.ok()?;
        Some(Share(Some(permit)))
    }
}

impl Share {
    /// Grows to `bytes` in all, if the store has what is missing.
    pub fn grow(&mut self, store: &Memory, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(self.bytes());
        let Some(more) = store.try_take(missing) else { return false };
        self.merge(more);
        true
    }

    /// Grows to `bytes` in all, as soon as the store has what is missing, if that is soon enough. It looks now and then: a
    /// place in the store's queue would keep what is free from everybody else meanwhile.
    async fn wait_to_grow(&mut self, store: &Memory, bytes: usize, patience: Duration) -> bool {
        if bytes as u64 > u64::from(store.blocks) * BLOCK as u64 {
            return false;
        }
        let until = tokio::time::Instant::now() + patience;
        while !self.grow(store, bytes) {
            if tokio::time::Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        true
    }

    fn merge(&mut self, more: Share) {
        match (&mut self.0, more.0) {
            (Some(own), Some(more)) => own.merge(more),
            (own @ None, more) => *own = more,
            (Some(_), None) => {}
        }
    }

    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |permit| permit.num_permits() * BLOCK)
    }

    /// Bytes that keep their share until the last reference to them is gone.
    fn hold(self, bytes: Vec<u8>) -> Bytes {
        match self.0 {
            None => Bytes::from(bytes),
            Some(_) => Bytes::from_owner(Owned { bytes, _share: self }),
        }
    }
}

struct Owned {
    bytes: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Memory that is filled elsewhere, by what a body swells to when it is decoded for one, and counted as bodies are.
#[derive(Debug)]
pub struct Room {
    share: Share,
    store: Memory,
}

impl Room {
    pub fn new(spool: &Spool) -> Room {
        Room { share: Share::default(), store: spool.resting.clone() }
    }

    /// Counts `bytes` in all. `false`: there is no memory for so many, and nothing has changed.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        bytes <= Spool::SLIGHT || self.share.grow(&self.store, bytes)
    }

    /// The same, waited for. Others that wait may hold what is missing here and the other way round, so a wait may be in
    /// vain; it has an end, and then those who go on get what the others give up.
    #[must_use]
    pub async fn wait_for(&mut self, bytes: usize) -> bool {
        self.grow(bytes) || self.share.wait_to_grow(&self.store, bytes, SWELLS_FOR).await
    }
}

/// A body that grows in memory as long as the spool has room for it.
#[derive(Debug)]
pub struct Held {
    bytes: Vec<u8>,
    share: Share,
    store: Memory,
}

impl Held {
    pub fn new(spool: &Spool) -> Held {
        Held { bytes: Vec::new(), share: Share::default(), store: spool.resting.clone() }
    }

    /// Takes a piece in. `false`: there is no memory for it, and nothing has changed.
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> bool {
        let wanted = self.bytes.len() + piece.len();
        if wanted > self.bytes.capacity() {
            // By doubling, and what is counted is what is taken.
            let capacity = wanted.next_power_of_two();
            if capacity > Spool::SLIGHT && !self.share.grow(&self.store, capacity) {
                return false;
            }
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        true
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, which keep their share until the last reference to them is gone.
    pub fn freeze(self) -> Bytes {
        self.share.hold(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[tokio::test]
    async fn shares_come_back_with_the_last_reference() {
        let store = Memory::of(64 << 10);
        let mut share = Share::default();
        assert!(share.grow(&store, 10_000) && share.grow(&store, 12_000));
        assert_eq!(store.taken(), 12 << 10, "three blocks, and none twice");
        let bytes = share.hold(vec![7; 12_000]);
        let part = bytes.slice(5..6);
        drop(bytes);
        assert_eq!((store.taken(), part.as_ref()), (12 << 10, &[7][..]));
        drop(part);
        assert_eq!(store.taken(), 0);
    }

    #[tokio::test]
    async fn what_grows_is_counted_by_what_it_takes() {
        let spool = Spool::new("/nowhere", 256 << 10);
        let mut held = Held::new(&spool);
        assert!(held.push(&[1; Spool::SLIGHT]) && spool.in_memory() == 0, "as many as there are connections");
        assert!(held.push(&[1; 20_000]));
        assert_eq!((held.len(), spool.in_memory()), (36_384, 64 << 10));
        assert!(!held.push(&[1; 100_000]), "half of the memory is for work");
        assert_eq!((held.len(), spool.in_memory()), (36_384, 64 << 10));
        let bytes = held.freeze();
        assert_eq!(bytes.len(), 36_384);
        drop(bytes);
        assert_eq!(spool.in_memory(), 0);
    }

    #[tokio::test]
    async fn what_swells_waits_for_what_others_give_back() {
        let spool = Spool::new("/nowhere", 256 << 10);
        let (mut first, mut second) = (Room::new(&spool), Room::new(&spool));
        assert!(first.grow(100_000) && second.wait_for(24 << 10).await);
        assert!(!second.grow(64 << 10));
        let ended = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (grown, ()) = tokio::join!(second.wait_for(64 << 10), ended);
        assert!(grown);
        assert_eq!(spool.in_memory(), 64 << 10);
        assert!(!second.wait_for(1 << 30).await, "more than there is at all is not waited for");
    }

    #[tokio::test]
    async fn a_store_gives_no_more_than_it_has() {
        let store = Memory::of(16 << 10);
        let share = store.try_take(10_000).unwrap();
        assert!(store.try_take(10_000).is_none());
        assert!(store.take(10_000, Duration::from_millis(1)).await.is_none());
        let mut other = store.try_take(1).unwrap();
        assert!(!other.grow(&store, 8_000));
        drop((share, other));
        // More than there is: all of it, alone.
        let all = store.take(1 << 40, Duration::from_millis(1)).await.unwrap();
        assert!(store.try_take(1).is_none());
        drop(all);
        assert_eq!((store.taken(), Memory::of(0).blocks), (0, 1));
    }
}
