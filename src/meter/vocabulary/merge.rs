//! The tokens of one word: its bytes, joined pair by pair, always the pair of the lowest rank and of those the first.
//!
//! Short words are joined in an array. A long one is taken in windows, so that neither time nor memory grows faster
//! than the word, whatever it is. That is exact, because tokens are the encoding of their text if and only if every
//! two neighbours are the encoding of theirs (the theorem on which the crate `bpe` is built). Within a window this
//! holds; where two windows meet, it holds if the second one begins with the very token that the first one has there.
//! If it does not, the windows are made wider.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::table::rank;

/// Words up to this length are joined in an array.
pub(super) const SHORT: usize = 64;
/// Bytes of a window, at first.
const WINDOW: usize = 4096;
/// No pair that could be joined.
const NONE: u32 = u32::MAX;

/// Tokens of one word of a text.
pub(in crate::meter) fn tokens_of_word(word: &[u8]) -> u64 {
    if word.len() <= 1 || rank(word).is_some() {
        return u64::from(!word.is_empty());
    }
    if word.len() <= SHORT { short(word) } else { long(word, WINDOW) }
}

/// Joins in an array: parts begin at `starts`, and `ranks` are those of each part with the next.
fn short(word: &[u8]) -> u64 {
    let mut starts = [0_u8; SHORT + 1];
    let mut ranks = [NONE; SHORT];
    let mut parts = word.len();
    for (at, pair) in word.windows(2).enumerate() {
        ranks[at] = rank(pair).unwrap_or(NONE);
        starts[at + 1] = at as u8 + 1;
    }
    starts[parts] = parts as u8;
    loop {
        let mut lowest = NONE;
        let mut at = 0;
        for (part, &rank) in ranks[..parts].iter().enumerate() {
            if rank < lowest {
                (lowest, at) = (rank, part);
            }
        }
        if lowest == NONE {
            return parts as u64;
        }
        starts.copy_within(at + 2..=parts, at + 1);
        ranks.copy_within(at + 1..parts, at);
        parts -= 1;
        let joined = |part: usize| match starts[..=parts].get(part + 2) {
            Some(&end) => rank(&word[starts[part].into()..end.into()]).unwrap_or(NONE),
            None => NONE,
        };
        ranks[at] = joined(at);
        if at > 0 {
            ranks[at - 1] = joined(at - 1);
        }
    }
}

/// Joins in windows of this many bytes or more.
pub(super) fn long(word: &[u8], mut window: usize) -> u64 {
    let mut joined = Joined::default();
    let mut here = Seam::default();
    let mut before = Vec::new();
    loop {
        let end = word.len().min(here.at.saturating_add(window));
        joined.join(&word[here.at..end]);
        if here.token.is_some_and(|token| token != joined.next(0)) {
            // Back to the window before, which has to look further. There is one: only its seam names a token.
            here = before.pop().unwrap_or_default();
            window *= 2;
            continue;
        }
        let last = end == word.len();
        // What is near the end of a window may be joined with what is behind it.
        let keep = if last { end - here.at } else { window - window / 8 };
        let (mut at, mut tokens) = (0, 0);
        while at < end - here.at && joined.next(at) <= keep {
            at = joined.next(at);
            tokens += 1;
        }
        if last {
            return here.tokens + tokens;
        }
        if at == 0 {
            window *= 2;
            continue;
        }
        let next = Seam { at: here.at + at, tokens: here.tokens + tokens, token: Some(joined.next(at) - at) };
        before.push(std::mem::replace(&mut here, next));
    }
}

/// Where a window begins.
#[derive(Clone, Copy, Default)]
struct Seam {
    at: usize,
    /// Tokens before it.
    tokens: u64,
    /// Length of the token that the window before has here.
    token: Option<usize>,
}

/// Parts of a window in a list, and a heap of the pairs that can be joined.
#[derive(Default)]
struct Joined {
    /// For the first byte of each part: where the next one begins, the one before, and the rank of it with the next.
    parts: Vec<Part>,
    /// Rank and place. What the list no longer says is passed over.
    pairs: BinaryHeap<Reverse<(u32, u32)>>,
}

#[derive(Clone, Copy)]
struct Part {
    next: u32,
    before: u32,
    rank: u32,
}

impl Joined {
    /// Where the part that begins here ends.
    fn next(&self, at: usize) -> usize {
        self.parts[at].next as usize
    }

    fn join(&mut self, text: &[u8]) {
        self.parts.clear();
        self.pairs.clear();
        self.parts.extend((0..text.len() as u32).map(|at| Part {
            next: at + 1,
            before: at.saturating_sub(1),
            rank: NONE,
        }));
        for at in 0..text.len() {
            self.look_up(text, at);
        }
        while let Some(Reverse((rank, at))) = self.pairs.pop() {
            let at = at as usize;
            if self.parts[at].rank != rank {
                continue;
            }
            let gone = self.next(at);
            self.parts[gone].rank = NONE;
            let next = self.next(gone);
            self.parts[at].next = next as u32;
            if let Some(part) = self.parts.get_mut(next) {
                part.before = at as u32;
            }
            self.look_up(text, at);
            if at > 0 {
                self.look_up(text, self.parts[at].before as usize);
            }
        }
    }

    /// Notes the rank of the part that begins here together with the next.
    fn look_up(&mut self, text: &[u8], at: usize) {
        let next = self.next(at);
        let found = (next < text.len()).then(|| rank(&text[at..self.next(next)])).flatten();
        self.parts[at].rank = found.unwrap_or(NONE);
        if let Some(rank) = found {
            self.pairs.push(Reverse((rank, at as u32)));
        }
    }
}
