//! The file of the vocabulary, used in place: ranks by bytes, classes by character.
//!
//! The file is five parts, one after another, numbers little-endian:
//!
//! 1. the tokens' bytes in order of rank;
//! 2. where each of them begins, and where the last one ends (`u32`);
//! 3. a hash table of ranks with open addressing (`u32`: 14 bits of the hash above 18 bits of rank);
//! 4. for each 256 characters the number of their block (`u8`);
//! 5. the blocks: the classes of 256 characters, a byte each.
//!
//! Almost every look-up is of bytes that are no token. Those end in the hash table, which is less than half full.

/// Tokens of the vocabulary.
pub(super) const TOKENS: usize = 199_998;
/// Bytes of all of them together.
pub(super) const TEXT: usize = 1_397_670;
/// Bytes of the longest.
pub(super) const LONGEST: usize = 128;
/// Places of the hash table: 2 to the power of this.
const PLACE_BITS: u32 = 19;
pub(super) const PLACES: usize = 1 << PLACE_BITS;
const RANK_BITS: u32 = 18;
/// A place that holds no rank.
pub(super) const EMPTY: u32 = u32::MAX;
/// Groups of 256 characters.
pub(super) const GROUPS: usize = 0x11_0000 / 256;
/// Those that differ from one another.
pub(super) const BLOCKS: usize = 141;

pub(super) const STARTS: usize = TOKENS + 1;
pub(super) const SIZE: usize = TEXT + 4 * STARTS + 4 * PLACES + GROUPS + 256 * BLOCKS;

pub(super) static FILE: &[u8; SIZE] = include_bytes!("../../../assets/o200k.bin");

static TOKEN_BYTES: &[u8] = FILE.split_at(TEXT).0;
static TOKEN_STARTS: &[[u8; 4]] = numbers(TEXT, STARTS);
static RANKS: &[[u8; 4]] = numbers(TEXT + 4 * STARTS, PLACES);
static BLOCK_OF: &[u8] = FILE.split_at(SIZE - GROUPS - 256 * BLOCKS).1.split_at(GROUPS).0;
static CLASSES: &[u8] = FILE.split_at(SIZE - 256 * BLOCKS).1;

const fn numbers(from: usize, count: usize) -> &'static [[u8; 4]] {
    FILE.split_at(from).1.split_at(4 * count).0.as_chunks().0
}

/// The rank of these bytes, if they are a token.
pub(super) fn rank(bytes: &[u8]) -> Option<u32> {
    if bytes.len() > LONGEST {
        return None;
    }
    let hash = hash(bytes);
    let mut place = first_place(hash);
    loop {
        let entry = u32::from_le_bytes(RANKS[place]);
        if entry == EMPTY {
            return None;
        }
        let rank = entry & ((1 << RANK_BITS) - 1);
        if entry == entry_of(hash, rank) && token(rank as usize) == bytes {
            return Some(rank);
        }
        place = (place + 1) % PLACES;
    }
}

/// The bytes of the token of this rank.
pub(super) fn token(rank: usize) -> &'static [u8] {
    let at = |rank: usize| u32::from_le_bytes(TOKEN_STARTS[rank]) as usize;
    &TOKEN_BYTES[at(rank)..at(rank + 1)]
}

/// The classes of a character, as bits; see `words`.
pub(super) fn classes(c: char) -> u8 {
    let c = c as usize;
    CLASSES[usize::from(BLOCK_OF[c / 256]) * 256 + c % 256]
}

/// The same for ASCII; 0 for any other byte.
pub(super) fn ascii_classes(byte: u8) -> u8 {
    if byte.is_ascii() { CLASSES[usize::from(byte)] } else { 0 }
}

/// A hash of the length and, eight at a time, of all bytes.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0x243F_6A88_85A3_08D3 ^ bytes.len() as u64;
    if let Some(last) = bytes.last_chunk() {
        for chunk in bytes.as_chunks().0 {
            hash = mix(hash ^ u64::from_le_bytes(*chunk));
        }
        return mix(hash ^ u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        hash ^= u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    } else if let (Some(first), Some(last)) = (bytes.first(), bytes.last()) {
        hash ^= u64::from(*first) | u64::from(bytes[bytes.len() / 2]) << 8 | u64::from(*last) << 16;
    }
    mix(hash)
}

/// Both halves of a product depend on all bits.
fn mix(value: u64) -> u64 {
    let product = u128::from(value) * 0x9E37_79B9_7F4A_7C15;
    product as u64 ^ (product >> 64) as u64
}

/// Where a look-up begins. It goes on from place to place until one is empty.
pub(super) fn first_place(hash: u64) -> usize {
    (hash >> (u64::BITS - PLACE_BITS)) as usize
}

/// What stands in the place of a token.
pub(super) fn entry_of(hash: u64, rank: u32) -> u32 {
    (hash as u32) << RANK_BITS | rank
}
