//! The body of a request: received once, hashed on the way, read as often as needed.
//!
//! Up to a limit it stays in memory, if the [`Spool`] has room for it; otherwise it goes to a temporary file without a
//! name, if there is room on disk (`disk`). The operating system removes that file when the last reader is gone, whatever
//! happens to the process. Reading the file takes constant memory; reading it whole ([`Body::open`]) waits for its share.
//! Disk work runs on the blocking threads.

use std::{
    fmt,
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    pin::pin,
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};

use super::disk::Place;
use super::memory::{Held, PATIENCE, Share, Spool};
use crate::domain::B256;

/// How much is written to or read from the file at a time.
const CHUNK: usize = 256 << 10;

/// How large a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes held in memory; what is larger goes to disk.
    pub memory: usize,
    /// Bytes accepted at all.
    pub total: u64,
}

impl BodyLimits {
    /// 1 MiB in memory, `total` bytes at most.
    pub const fn up_to(total: u64) -> Self {
        Self { memory: 1 << 20, total }
    }

    /// Refuses a body by its announced length, before a byte of it is read.
    pub fn check_announced(&self, length: u64) -> Result<(), BodyError> {
        if length > self.total { Err(BodyError::TooLarge { limit: self.total }) } else { Ok(()) }
    }
}

/// Why a body could not be taken or given.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The sender broke off, or broke the protocol.
    #[error("the body did not arrive whole")]
    Receive(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Our own disk failed.
    #[error("the body could not be kept on disk")]
    Disk(#[source] io::Error),
    /// Nothing was done yet; the same request later is good.
    #[error("too many large bodies are being worked on; try again in a moment")]
    Busy,
}

/// A whole body. Clones share it.
#[derive(Clone)]
pub struct Body {
    content: Content,
    length: u64,
    sha256: B256,
    /// Whose memory it takes when it is opened; none for what we made ourselves.
    spool: Option<Spool>,
}

/// The bytes of a body with the memory that working on them takes. Clones share both.
#[derive(Clone)]
pub struct Opened {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl Opened {
    /// Edited bytes in the place of these, in the memory that was taken for both.
    pub fn replaced_by(self, edited: Vec<u8>) -> Bytes {
        Bytes::from_owner(Edited { edited, _share: self._share })
    }
}

struct Edited {
    edited: Vec<u8>,
    _share: Arc<Share>,
}

impl AsRef<[u8]> for Edited {
    fn as_ref(&self) -> &[u8] {
        &self.edited
    }
}

impl std::ops::Deref for Opened {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Opened({} bytes)", self.bytes.len())
    }
}

#[derive(Clone)]
enum Content {
    Memory(Bytes),
    /// Read at explicit positions, so that readers do not disturb each other.
    File(Arc<Spooled>),
}

/// A file without a name, and what it takes of the disk.
struct Spooled {
    file: File,
    _place: Place,
}

impl fmt::Debug for Body {
    /// Length and place, never the content: prompts are not logged.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.content {
            Content::Memory(_) => "memory",
            Content::File(_) => "file",
        };
        formatter.debug_struct("Body").field("length", &self.length).field("in", &place).finish()
    }
}

impl Body {
    /// Takes a whole stream in. What does not fit in memory goes to a file of the spool.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] as soon as the limit is passed, [`BodyError::Busy`] where there is no room on disk; the rest
    /// of the stream is not read.
    pub async fn collect<S, E>(stream: S, limits: BodyLimits, spool: &Spool) -> Result<Self, BodyError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut stream = pin!(stream);
        let mut hash = Sha256::new();
        let mut length = 0u64;
        let mut waiting = Held::new(spool);
        let mut file: Option<Spooled> = None;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| BodyError::Receive(error.into()))?;
            length = length.saturating_add(chunk.len() as u64);
            limits.check_announced(length)?;
            hash.update(&chunk);
            let most = if file.is_some() { CHUNK } else { limits.memory };
            if waiting.len() + chunk.len() > most || !waiting.push(&chunk) {
                let before = std::mem::replace(&mut waiting, Held::new(spool)).freeze();
                file = Some(append(file, spool, [before, chunk]).await?);
            }
        }
        let content = match file {
            Some(file) if waiting.is_empty() => Content::File(Arc::new(file)),
            Some(file) => Content::File(Arc::new(append(Some(file), spool, [waiting.freeze()]).await?)),
            None => Content::Memory(waiting.freeze()),
        };
        let sha256 = B256::new(hash.finalize().into());
        Ok(Self { content, length, sha256, spool: Some(spool.clone()) })
    }

    pub fn len(&self) -> u64 {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// SHA-256 of all bytes.
    pub fn sha256(&self) -> B256 {
        self.sha256
    }

    /// The bytes, if they are in memory.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Memory(bytes) => Some(bytes),
            Content::File(_) => None,
        }
    }

    /// The bytes wherever they are, for a body of at most `limit` bytes. Waits until there is memory for them, and for
    /// one more copy, which whoever edits them needs.
    pub async fn open(&self, limit: u64) -> Result<Opened, BodyError> {
        BodyLimits { memory: 0, total: limit }.check_announced(self.length)?;
        let share = match &self.spool {
            Some(spool) if self.length > Spool::SLIGHT as u64 => {
                let twice = self.length.saturating_mul(2);
                spool.working.take(twice, PATIENCE).await.ok_or(BodyError::Busy)?
            }
            _ => Share::default(),
        };
        let bytes = match &self.content {
            Content::Memory(bytes) => bytes.clone(),
            Content::File(_) => self.read().await?,
        };
        Ok(Opened { bytes, _share: Arc::new(share) })
    }

    async fn read(&self) -> Result<Bytes, BodyError> {
        let mut whole = BytesMut::with_capacity(usize::try_from(self.length).unwrap_or(0));
        let mut chunks = pin!(self.stream());
        while let Some(chunk) = chunks.next().await {
            whole.extend_from_slice(&chunk.map_err(BodyError::Disk)?);
        }
        Ok(whole.freeze())
    }

    /// All bytes from the first, in chunks. May be called any number of times; the readers are independent.
    pub fn stream(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let first = match &self.content {
            Content::Memory(bytes) if bytes.is_empty() => Rest::End,
            Content::Memory(bytes) => Rest::Memory(bytes.clone()),
            Content::File(file) => Rest::File { file: Arc::clone(file), position: 0, length: self.length },
        };
        stream::try_unfold(first, Rest::next)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let sha256 = B256::new(Sha256::digest(&bytes).into());
        Self { length: bytes.len() as u64, content: Content::Memory(bytes), sha256, spool: None }
    }
}

/// What a reader has still to give.
enum Rest {
    End,
    Memory(Bytes),
    File { file: Arc<Spooled>, position: u64, length: u64 },
}

impl Rest {
    async fn next(self) -> io::Result<Option<(Bytes, Self)>> {
        match self {
            Self::End => Ok(None),
            Self::Memory(bytes) => Ok(Some((bytes, Self::End))),
            Self::File { position, length, .. } if position >= length => Ok(None),
            Self::File { file, position, length } => {
                let size = usize::try_from(length - position).unwrap_or(CHUNK).min(CHUNK);
                let from = Arc::clone(&file);
                let chunk = blocking(move || {
                    let mut chunk = vec![0; size];
                    from.file.read_exact_at(&mut chunk, position)?;
                    Ok(Bytes::from(chunk))
                })
                .await?;
                Ok(Some((chunk, Self::File { file, position: position + size as u64, length })))
            }
        }
    }
}

/// Writes pieces to the end of the file, which is made first if there is none yet.
async fn append<const N: usize>(
    spooled: Option<Spooled>,
    spool: &Spool,
    pieces: [Bytes; N],
) -> Result<Spooled, BodyError> {
    let (file, mut place) = match spooled {
        Some(Spooled { file, _place }) => (Some(file), _place),
        None => (None, Place::new(&spool.disk)),
    };
    let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
    if !place.grow(bytes) {
        return Err(BodyError::Busy);
    }
    let spool = spool.clone();
    let written = blocking(move || {
        let mut file = match file {
            Some(file) => file,
            None => tempfile::tempfile_in(&spool.directory)?,
        };
        spool.disk.look(&file, bytes)?;
        for piece in pieces {
            file.write_all(&piece)?;
        }
        Ok(Spooled { file, _place: place })
    });
    written.await.map_err(BodyError::Disk)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn chunks(parts: &[&[u8]]) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::copy_from_slice(part))).collect();
        stream::iter(parts)
    }

    fn spool(directory: &tempfile::TempDir) -> Spool {
        Spool::new(directory.path(), Spool::MEMORY)
    }

    async fn all(body: &Body) -> Vec<u8> {
        let parts: Vec<_> = body.stream().collect().await;
        parts.into_iter().flat_map(|part| part.unwrap().to_vec()).collect()
    }

    #[tokio::test]
    async fn a_small_body_stays_in_memory() {
        let missing = Spool::new("/nowhere/at/all", Spool::MEMORY);
        let limits = BodyLimits { memory: 5, total: 100 };
        let body = Body::collect(chunks(&[b"he", b"", b"llo"]), limits, &missing).await.unwrap();
        assert_eq!(body.bytes().unwrap().as_ref(), b"hello");
        assert_eq!(
            (body.len(), all(&body).await, all(&body).await),
            (5, b"hello".to_vec(), b"hello".to_vec())
        );
        assert_eq!(body.sha256(), Body::from(Bytes::from_static(b"hello")).sha256());
        assert!(!format!("{body:?}").contains("hello"));
        let empty = Body::collect(chunks(&[]), limits, &missing).await.unwrap();
        assert!(empty.is_empty() && all(&empty).await.is_empty());
        assert_eq!(
            empty.sha256().to_string(),
            "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[tokio::test]
    async fn a_large_body_goes_to_a_file_nobody_sees_and_reads_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let part: Vec<u8> = (0..100_000u32).map(|number| (number % 251) as u8).collect();
        let parts = vec![part.as_slice(); 21];
        let whole: Vec<u8> = parts.concat();
        let body = Body::collect(chunks(&parts), BodyLimits::up_to(10 << 20), &spool(&dir)).await.unwrap();
        assert_eq!(body.len(), 2_100_000);
        assert!(body.bytes().is_none());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let (one, other) = tokio::join!(all(&body), all(&body));
        assert!(one == whole && other == whole);
        let longest = body
            .stream()
            .map(|chunk| chunk.unwrap().len())
            .fold(0, |most, next| async move { most.max(next) });
        assert_eq!(longest.await, CHUNK);
        assert_eq!(body.sha256(), B256::new(Sha256::digest(&whole).into()));
        assert_eq!(*body.open(2_100_000).await.unwrap(), whole[..]);
        assert!(matches!(body.open(2_099_999).await, Err(BodyError::TooLarge { limit: 2_099_999 })));
    }

    #[tokio::test]
    async fn too_much_is_refused_without_reading_on() {
        let dir = tempfile::tempdir().unwrap();
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[0; 1000])));
        let limits = BodyLimits { memory: 2_000, total: 1_000_000 };
        let error = Body::collect(endless, limits, &spool(&dir)).await.unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { limit: 1_000_000 }));
        assert!(limits.check_announced(1_000_000).is_ok() && limits.check_announced(1_000_001).is_err());
        let exact =
            Body::collect(chunks(&[&[1; 10]]), BodyLimits { memory: 100, total: 10 }, &spool(&dir)).await;
        assert_eq!(exact.unwrap().len(), 10);
    }

    #[tokio::test]
    async fn a_broken_sender_and_a_broken_disk_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let broken = stream::iter([Ok(Bytes::from_static(b"half")), Err(io::Error::other("gone"))]);
        let error = Body::collect(broken, BodyLimits::up_to(100), &spool(&dir)).await.unwrap_err();
        assert!(matches!(error, BodyError::Receive(_)));
        let limits = BodyLimits { memory: 1, total: 100 };
        let error = Body::collect(chunks(&[b"too long"]), limits, &Spool::new("/nowhere", Spool::MEMORY))
            .await
            .unwrap_err();
        assert!(matches!(error, BodyError::Disk(_)));
    }

    #[tokio::test]
    async fn many_bodies_take_no_more_memory_than_there_is() {
        let dir = tempfile::tempdir().unwrap();
        // 1 MiB to rest in, 1 MiB to work in.
        let spool = Spool::new(dir.path(), 2 << 20);
        let part = [1; 50_000];
        let mut bodies = Vec::new();
        for _ in 0..100 {
            let body =
                Body::collect(chunks(&[&part, &part]), BodyLimits::up_to(1 << 30), &spool).await.unwrap();
            bodies.push(body);
        }
        let resting = bodies.iter().filter(|body| body.bytes().is_some()).count();
        assert_eq!(resting, 8, "each takes 128 KiB, and there is 1 MiB");
        assert_eq!(spool.in_memory(), 1 << 20);
        for body in &bodies {
            assert_eq!((body.len(), all(body).await.len()), (100_000, 100_000));
        }
        // They are read whole five at a time: twice 100,000 bytes each.
        let mut opened = Vec::new();
        for body in &bodies[..5] {
            opened.push(body.open(1 << 20).await.unwrap());
        }
        assert!(spool.in_memory() <= 2 << 20);
        tokio::time::pause();
        assert!(matches!(bodies[5].open(1 << 20).await, Err(BodyError::Busy)));
        drop(opened.pop());
        assert_eq!(bodies[5].open(1 << 20).await.unwrap().len(), 100_000);
        drop((opened, bodies));
        assert_eq!(spool.in_memory(), 0);
    }

    #[tokio::test]
    async fn bodies_take_no_more_of_the_disk_than_there_is_for_them() {
        let dir = tempfile::tempdir().unwrap();
        let mib = vec![7; 1 << 20];
        let spool = Spool::new(dir.path(), 0).with_disk(1 << 20, 1 << 20);
        let limits = BodyLimits::up_to(1 << 30);
        let take = async || Body::collect(chunks(&[&mib[..600_000], &mib[600_000..]]), limits, &spool).await;
        let first = take().await.unwrap();
        assert_eq!((first.bytes(), spool.on_disk()), (None, 1 << 20));
        assert!(matches!(take().await, Err(BodyError::Busy)));
        assert_eq!(spool.on_disk(), 1 << 20, "a refused one keeps nothing");
        // A reader keeps the file, and its share with it.
        let mut reader = Box::pin(first.stream());
        assert!(reader.next().await.unwrap().is_ok());
        drop(first);
        assert!(matches!(take().await, Err(BodyError::Busy)));
        drop(reader);
        assert_eq!(spool.on_disk(), 0);
        // A sender who breaks off holds nothing either.
        let broken = stream::iter([Ok(Bytes::from(mib.clone())), Err(io::Error::other("gone"))]);
        assert!(matches!(Body::collect(broken, limits, &spool).await, Err(BodyError::Receive(_))));
        assert_eq!(all(&take().await.unwrap()).await, mib);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_cutting_gives_the_same_body(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
            memory in 0usize..200,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                let limits = BodyLimits { memory, total: 1000 };
                let body = Body::collect(chunks(&slices), limits, &spool(&dir)).await.unwrap();
                let whole = parts.concat();
                assert_eq!(body.bytes().is_some(), whole.len() <= memory);
                assert_eq!(body.sha256(), B256::new(Sha256::digest(&whole).into()));
                assert_eq!(all(&body).await, whole);
            });
        }
    }
}
