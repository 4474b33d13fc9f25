//! The follower: events in order, block by block, and the truth about what a reorg undid.
//!
//! ```text
//! cursor (newest blocks, by number and hash)
//!    │ is its tip still on the chain?   no → walk back to the newest block that is: everything above is undone
//!    ▼
//! far from the head: ranges of blocks, sized by what the node can do; near it: block by block, logs by hash,
//! each block's parent checked   →   FollowBatch { events, undone_from, cursor }
//! ```
//!
//! It is pulled: [`Follower::next`] waits for something new and gives one batch, so nothing piles up when the
//! consumer is slow. Nothing of it is stored: whoever starts reads the whole state at the head and follows from there on
//! ([`Cursor::at`]). Balances are better read again at [`FollowBatch::to`] than added up; then `undone_from` only says that
//! everything read at or above that block must be read again.

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

use super::ChainError;
use super::block::{BlockRef, Header};
use super::event::{ChainEvent, EventFilter};
use super::open::Chain;
use super::pages::PageSize;
use super::read::is_too_much;

/// Within this many blocks of the head every block is read by its hash: nodes behind one address may differ by a few
/// blocks, and one that lags gives no events for a range without a word.
const NEAR: u64 = 16;
/// Blocks in one range query: at first, and at most.
const FIRST_PAGE: u64 = 2_000;
const LARGEST_PAGE: u64 = 10_000;
/// So many looks in a row at a head below everything we know mean that the chain was begun anew, not that a node lags.
const PATIENCE: u32 = 30;

/// Where a consumer stands: the newest blocks whose events it has taken in, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor {
    blocks: Vec<BlockRef>,
}

impl Cursor {
    /// A cursor for a consumer that has just read the whole state at `block`: following goes on after it.
    pub fn at(block: BlockRef) -> Self {
        Cursor { blocks: vec![block] }
    }

    /// The newest block taken in.
    pub fn tip(&self) -> Option<BlockRef> {
        self.blocks.last().copied()
    }

    /// The blocks it remembers, oldest first.
    pub fn blocks(&self) -> &[BlockRef] {
        &self.blocks
    }

    fn push(&mut self, block: BlockRef, keep: usize) {
        self.blocks.push(block);
        let over = self.blocks.len().saturating_sub(keep.max(1));
        self.blocks.drain(..over);
    }

    fn cut_above(&mut self, number: Option<u64>) {
        self.blocks.retain(|block| number.is_some_and(|number| block.number <= number));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowSettings {
    pub filter: EventFilter,
    /// Where to begin without a cursor, and again when a reorg goes deeper than the cursor remembers: the block of
    /// the contract's deployment, or 0.
    pub from_block: u64,
    /// How many blocks the cursor remembers: the deepest reorg that is undone exactly.
    pub keep: usize,
}

impl Default for FollowSettings {
    fn default() -> Self {
        FollowSettings { filter: EventFilter::default(), from_block: 0, keep: 64 }
    }
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowBatch {
    /// The first block of the batch; above `to` when a reorg took blocks and no new ones are there yet.
    pub from: u64,
    /// The last one; state may be read at it.
    pub to: BlockRef,
    /// The newest block of the chain; `head.number - to.number` blocks are still to come.
    pub head: BlockRef,
    pub events: Vec<ChainEvent>,
    /// A reorg has undone this block and all above it, as far as they were delivered. Comes before `events`.
    pub undone_from: Option<u64>,
    /// Where the consumer stands once it has taken the batch in.
    pub cursor: Cursor,
}

/// Follows one contract's events from a cursor.
#[derive(Debug)]
pub struct Follower {
    chain: Chain,
    settings: FollowSettings,
    cursor: Cursor,
    page: PageSize,
    below: u32,
}

/// How the cursor relates to the chain as the node tells it now.
enum Relation {
    /// The tip is on the chain.
    Holds,
    /// The tip is gone; this is the newest remembered block that is still there, if any is.
    Forked(Option<BlockRef>),
    /// The node is behind us; ask again later.
    Lags,
}

impl Follower {
    pub fn new(chain: Chain, cursor: Option<Cursor>, settings: FollowSettings) -> Follower {
        let page = PageSize::new(FIRST_PAGE, LARGEST_PAGE);
        Follower { chain, settings, cursor: cursor.unwrap_or_default(), page, below: 0 }
    }

    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Waits for something new. After an error, call again: nothing is lost. Can be dropped at any await.
    pub async fn next(&mut self) -> Result<FollowBatch, ChainError> {
        loop {
            if let Some(batch) = self.step().await? {
                self.cursor = batch.cursor.clone();
                return Ok(batch);
            }
            tokio::time::sleep(self.chain.poll()).await;
        }
    }

    /// One look at the chain. Changes nothing that an abort could leave half done.
    async fn step(&mut self) -> Result<Option<FollowBatch>, ChainError> {
        let head = self.chain.head_header().await?;
        let mut cursor = self.cursor.clone();
        let mut undone_from = None;
        match self.relation(&cursor, head.block()).await? {
            Relation::Holds => {}
            Relation::Lags => return Ok(None),
            Relation::Forked(ancestor) => {
                // Before anything is undone: an address may have come to lead to another chain altogether.
                self.chain.check_id().await?;
                cursor.cut_above(ancestor.map(|block| block.number));
                undone_from = Some(ancestor.map_or(self.settings.from_block, |block| block.number + 1));
                tracing::info!(?undone_from, "the chain was reorganised");
            }
        }
        let from = cursor.tip().map_or(self.settings.from_block, |tip| tip.number + 1);
        let last = head.block().number.saturating_sub(self.chain.confirmations() - 1);
        let (mut events, mut to) = (Vec::new(), cursor.tip());
        if from > last && to.is_none() && undone_from.is_some() {
            // The chain was begun anew and is shorter than it was when we began: all that is left to tell is that
            // everything must be read again, and following goes on from its end.
            let end =
                if last == head.block().number { Some(head.block()) } else { self.chain.block(last).await? };
            if let Some(end) = end {
                cursor.push(end, self.settings.keep);
                to = Some(end);
            }
        }
        if from <= last {
            let far = head.block().number.saturating_sub(NEAR).min(last);
            let read = if from <= far {
                self.read_range(from, far, &mut cursor).await?
            } else {
                self.read_blocks(from, last, &head, &mut cursor).await?
            };
            events = read;
            to = cursor.tip();
        }
        let progressed = to.is_some_and(|to| to.number >= from);
        match to {
            Some(to) if progressed || undone_from.is_some() => {
                Ok(Some(FollowBatch { from, to, head: head.block(), events, undone_from, cursor }))
            }
            _ => Ok(None),
        }
    }

    async fn relation(&mut self, cursor: &Cursor, head: BlockRef) -> Result<Relation, ChainError> {
        let Some(tip) = cursor.tip() else { return Ok(Relation::Holds) };
        // The newest block that both sides can have.
        let Some(shared) = cursor.blocks.iter().rposition(|block| block.number <= head.number) else {
            self.below += 1;
            return Ok(if self.below > PATIENCE { Relation::Forked(None) } else { Relation::Lags });
        };
        self.below = 0;
        for block in cursor.blocks[..=shared].iter().rev() {
            let there =
                if block.number == head.number { Some(head) } else { self.chain.block(block.number).await? };
            match there {
                None => return Ok(Relation::Lags),
                Some(there) if there.hash != block.hash => {}
                Some(_) if block.hash == tip.hash => return Ok(Relation::Holds),
                Some(_)
                    if block.number == cursor.blocks[shared].number && shared + 1 < cursor.blocks.len() =>
                {
                    // All that can be compared agrees; the blocks above are not there yet, or no more. Which of the
                    // two shows when the node reaches their height.
                    return Ok(Relation::Lags);
                }
                Some(_) => return Ok(Relation::Forked(Some(*block))),
            }
        }
        Ok(Relation::Forked(None))
    }

    /// A range that is far enough from the head for nodes to agree on it.
    async fn read_range(
        &mut self,
        from: u64,
        far: u64,
        cursor: &mut Cursor,
    ) -> Result<Vec<ChainEvent>, ChainError> {
        loop {
            let end = far.min(from.saturating_add(self.page.get() - 1));
            let before = self.chain.block(end).await?;
            let answer = self.chain.event_page(from, end, self.settings.filter).await;
            match (before, answer) {
                (None, _) => return Ok(Vec::new()),
                (Some(block), Ok(events)) => {
                    self.page.worked((end - from).saturating_add(1));
                    // Had the chain changed under the query, its events could be of both.
                    if self.chain.block(end).await? == Some(block) {
                        cursor.push(block, self.settings.keep);
                        return Ok(events);
                    }
                    return Ok(Vec::new());
                }
                (Some(_), Err(error))
                    if is_too_much(&error) && self.page.too_much((end - from).saturating_add(1)) =>
                {
                    tracing::debug!(blocks = self.page.get(), %error, "asking for events of fewer blocks");
                }
                (Some(_), Err(error)) => return Err(error),
            }
        }
    }

    /// Block by block, each the child of the one before. Stops early where the node has no more or disagrees with
    /// itself; the next look begins there.
    async fn read_blocks(
        &self,
        from: u64,
        last: u64,
        head: &Header,
        cursor: &mut Cursor,
    ) -> Result<Vec<ChainEvent>, ChainError> {
        let mut events = Vec::new();
        let mut parent: Option<B256> = cursor.tip().filter(|tip| tip.number + 1 == from).map(|tip| tip.hash);
        for number in from..=last {
            let header = if number == head.block().number {
                Some(head.clone())
            } else {
                self.chain.header(number).await?
            };
            let Some(header) = header else { break };
            if parent.is_some_and(|parent| parent != header.parent_hash) {
                break;
            }
            let block = header.block();
            match self.chain.events_of_block(block, self.settings.filter).await {
                Ok(found) => events.extend(found),
                Err(ChainError::UnknownBlock(_)) => break,
                Err(error) => return Err(error),
            }
            cursor.push(block, self.settings.keep);
            parent = Some(block.hash);
        }
        Ok(events)
    }
}
