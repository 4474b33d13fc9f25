//! Of how many blocks a node is asked for events at once.
//!
//! Nodes do not say what they can do, so it is found out: by halves where an answer was too much, and from there up again
//! by half of the way to what failed. Where little is left to win it stays, for what is refused costs a question. A
//! stretch full of events is no limit of the node: after many answers in a row what failed is forgotten.

/// Answers in a row after which more is tried once again.
const FORGET_AFTER: u32 = 64;

/// The size of the next question, in one walk over blocks.
#[derive(Debug)]
pub(super) struct PageSize {
    size: u64,
    most: u64,
    /// The largest that worked, and the smallest that failed.
    worked: u64,
    failed: Option<u64>,
    answers: u32,
}

impl PageSize {
    pub(super) fn new(first: u64, most: u64) -> PageSize {
        PageSize { size: first, most, worked: 0, failed: None, answers: 0 }
    }

    /// Blocks to ask for; at least one.
    pub(super) fn get(&self) -> u64 {
        self.size.max(1)
    }

    /// A question about so many blocks was answered.
    pub(super) fn worked(&mut self, blocks: u64) {
        self.answers = self.answers.saturating_add(1);
        if self.answers >= FORGET_AFTER {
            (self.failed, self.answers) = (None, 0);
        }
        // One about the few that were left says nothing about more.
        if blocks < self.size {
            return;
        }
        self.worked = self.size;
        self.size = match self.failed {
            None => self.size.saturating_mul(2).min(self.most),
            Some(failed) => {
                let more = failed.saturating_sub(self.size) / 2;
                if more > self.size / 4 { self.size + more } else { self.size }
            }
        };
    }

    /// An answer about so many blocks was too much. Says whether fewer can be asked for.
    pub(super) fn too_much(&mut self, blocks: u64) -> bool {
        if blocks <= 1 {
            return false;
        }
        self.answers = 0;
        self.failed = Some(blocks.min(self.failed.unwrap_or(u64::MAX)));
        if blocks <= self.worked {
            self.worked = 0;
        }
        self.size = if self.worked > 0 { self.worked } else { self.size.min(blocks).div_ceil(2) };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Questions that fail and that are answered in a walk over so many blocks.
    fn walk(pages: &mut PageSize, blocks: u64, limit: impl Fn(u64) -> u64) -> (u64, u64) {
        let (mut at, mut failed, mut answered) = (0, 0, 0);
        while at < blocks {
            let asked = pages.get().min(blocks - at);
            if asked > limit(at) {
                assert!(pages.too_much(asked));
                failed += 1;
            } else {
                pages.worked(asked);
                at += asked;
                answered += 1;
            }
        }
        (failed, answered)
    }

    #[test]
    fn a_limit_is_found_and_kept_to() {
        let mut pages = PageSize::new(2_000, 10_000);
        let (failed, answered) = walk(&mut pages, 1_000_000, |_| 500);
        assert!(answered <= 2_100 && failed <= answered / 16, "{failed} of {answered}");
        let mut pages = PageSize::new(2_000, 10_000);
        assert_eq!(walk(&mut pages, 1_000_000, |_| 10_000).0, 0);
        assert_eq!(pages.get(), 10_000);
    }

    #[test]
    fn a_stretch_full_of_events_is_no_limit() {
        let mut pages = PageSize::new(2_000, 10_000);
        walk(&mut pages, 2_000_000, |at| if (5_000..5_100).contains(&at) { 3 } else { 1_000_000 });
        assert_eq!(pages.get(), 10_000);
    }

    #[test]
    fn one_block_is_the_least() {
        let mut pages = PageSize::new(2, 10);
        assert!(pages.too_much(2));
        assert_eq!(pages.get(), 1);
        assert!(!pages.too_much(1));
        assert_eq!(pages.get(), 1);
    }
}
