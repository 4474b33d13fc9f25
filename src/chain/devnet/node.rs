//! The chain itself: what the lock protects, and every operation that changes it.
//!
//! Data flows one way. A transaction is checked into the [`Pool`]; mining asks the pool what is ready, builds a
//! [`draft`](super::draft), and commits it as a [`Change`]: appended to the [`Journal`] (if there is a file), then
//! applied to the [`Ledger`]. Every operation syncs the journal before it returns, so no answer tells of
//! something that a crash could take back.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::{Address, B256, U256};

use super::{
    blocks::{Block, Blocks},
    clock::Clock,
    draft::{Draft, Site, draft},
    error::DevnetError,
    genesis::{DevnetConfig, genesis},
    journal::Journal,
    ledger::{Change, Ledger},
    pool::{Pool, PoolTx},
    state::{AccountChange, Changes, Info, State, View},
};
use crate::domain::Timestamp;

/// Blocks that one call may mine.
pub(super) const MAX_MINE: u64 = 1_000;
/// Marks that can be returned to.
const MAX_MARKS: usize = 1_000;

/// What becomes of the transactions of blocks that a reorganisation removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReorgTxs {
    /// They are mined again, each in a block of the same number.
    Keep,
    /// They wait in the pool again; the new blocks are empty.
    ToPool,
    /// They are forgotten; the new blocks are empty.
    Drop,
}

/// A moment that `evm_revert` can go back to.
#[derive(Debug)]
struct Mark {
    applied: u64,
    height: u64,
    clock: Clock,
    base_fee: u64,
}

#[derive(Debug)]
pub(super) struct Node {
    pub chain_id: u64,
    ledger: Ledger,
    journal: Option<Journal>,
    pub pool: Pool,
    pub clock: Clock,
    /// Neuron per gas of the next block. Stays as set: fees that move by themselves make tests flaky.
    pub base_fee: u64,
    pub automine: bool,
    marks: BTreeMap<u64, Mark>,
    next_mark: u64,
}

impl Node {
    pub fn start(config: &DevnetConfig) -> Result<Self, DevnetError> {
        let begin = || genesis(config, Timestamp::now().as_seconds());
        let (journal, ledger) = match &config.state_file {
            Some(path) => {
                let (journal, ledger) = Journal::open(path, config.chain_id, begin)?;
                (Some(journal), ledger)
            }
            None => {
                let (block, state) = begin();
                (None, Ledger::starting_with(block, &state))
            }
        };
        Ok(Node {
            chain_id: config.chain_id,
            clock: Clock::with_offset(ledger.offset),
            base_fee: ledger.blocks.head().base_fee(),
            ledger,
            journal,
            pool: Pool::default(),
            automine: config.automine,
            marks: BTreeMap::new(),
            next_mark: 1,
        })
    }

    pub fn blocks(&self) -> &Blocks {
        &self.ledger.blocks
    }

    pub fn state(&self) -> &State {
        &self.ledger.state
    }

    /// Fails if the file no longer holds what the memory holds; then nothing may be answered.
    pub fn usable(&self) -> Result<(), DevnetError> {
        self.journal.as_ref().map_or(Ok(()), Journal::usable)
    }

    /// Takes in a signed transaction; with automine, its block is mined and on disk when this returns.
    pub fn submit(&mut self, raw: &[u8]) -> Result<B256, DevnetError> {
        let tx = Arc::new(PoolTx::decode(raw, self.chain_id)?);
        let hash = tx.hash();
        self.pool.add(tx, self.ledger.state.head())?;
        if self.automine {
            let refused = self.mine_ready()?;
            if let Some((_, why)) = refused.into_iter().find(|(refused, _)| *refused == hash) {
                return Err(DevnetError::Refused(why));
            }
        }
        Ok(hash)
    }

    /// The block that would be mined now with everything that is ready.
    pub fn next_draft(&self) -> Draft {
        let ready = self.pool.ready(self.ledger.state.head(), self.base_fee);
        draft(self.site(self.next_time()), &ready)
    }

    /// What code run in the next block would see, and the state it would see if it ran first.
    pub fn site(&self, time: u64) -> Site<'_> {
        Site {
            chain_id: self.chain_id,
            view: self.ledger.state.head(),
            blocks: &self.ledger.blocks,
            parent: self.ledger.blocks.head(),
            time,
            base_fee: self.base_fee,
            branch: self.ledger.branch,
        }
    }

    pub fn next_time(&self) -> u64 {
        self.clock.next(self.ledger.blocks.head().header.timestamp)
    }

    /// Mines `count` blocks, `interval` seconds apart (0: as the clock says); each takes what is ready in the pool.
    pub fn mine(&mut self, count: u64, interval: u64) -> Result<(), DevnetError> {
        if count > MAX_MINE {
            return Err(DevnetError::TooManyBlocks { limit: MAX_MINE });
        }
        for index in 0..count {
            if index > 0 && interval > 0 {
                let previous = self.ledger.blocks.head().header.timestamp;
                self.clock.set_next(previous.saturating_add(interval));
            }
            let ready = self.next_draft();
            self.take(ready)?;
        }
        self.sync()
    }

    /// Mines one block that takes nothing from the pool.
    pub fn mine_empty(&mut self) -> Result<(), DevnetError> {
        let empty = draft(self.site(self.next_time()), &[]);
        self.take(empty)?;
        self.sync()
    }

    /// The next block carries `time`.
    pub fn set_next_time(&mut self, time: u64) -> Result<(), DevnetError> {
        let newest = self.ledger.blocks.head().header.timestamp;
        if time < newest {
            return Err(DevnetError::Past { wanted: time, newest });
        }
        self.clock.set_next(time);
        Ok(())
    }

    /// Mines until nothing more is ready. Returns what was refused, and why.
    fn mine_ready(&mut self) -> Result<Vec<(B256, String)>, DevnetError> {
        let mut refused = Vec::new();
        loop {
            let next = self.next_draft();
            let done = next.block.txs.is_empty();
            if done {
                for (hash, _) in &next.refused {
                    self.pool.remove(*hash);
                }
                refused.extend(next.refused);
                break;
            }
            refused.extend(self.take(next)?);
        }
        self.sync()?;
        Ok(refused)
    }

    /// Makes a draft the newest block. Returns what it had to refuse, which leaves the pool.
    fn take(&mut self, draft: Draft) -> Result<Vec<(B256, String)>, DevnetError> {
        let block = Arc::new(draft.block);
        self.clock.mined(block.header.timestamp);
        let offset = self.clock.offset();
        self.commit(Change::Mined { block: Arc::clone(&block), changes: draft.changes, offset })?;
        for (hash, why) in &draft.refused {
            tracing::debug!(%hash, why, "transaction refused by the block it was to go into");
            self.pool.remove(*hash);
        }
        for tx in &block.txs {
            let used = self.ledger.state.head().nonce(tx.from);
            self.pool.used_up_to(tx.from, used);
        }
        Ok(draft.refused)
    }

    /// Gives an account a balance, between blocks.
    pub fn set_balance(&mut self, address: Address, balance: U256) -> Result<(), DevnetError> {
        let info = self.ledger.state.head().info(address);
        let after = match info {
            Some(info) => Info { balance, ..info },
            None => Info::with_balance(balance),
        };
        let change = AccountChange { after: Some(after), ..AccountChange::default() };
        let changes = Changes { accounts: [(address, change)].into(), ..Changes::default() };
        self.commit(Change::Patched { changes })?;
        self.sync()
    }

    /// Replaces the newest `depth` blocks by as many others with other hashes.
    pub fn reorg(&mut self, depth: u64, txs: ReorgTxs) -> Result<(), DevnetError> {
        let too_deep = || DevnetError::TooDeep { depth };
        let height = self.ledger.blocks.height().checked_sub(depth).ok_or_else(too_deep)?;
        let changes = self.ledger.state.changes_above(height).ok_or_else(too_deep)?;
        if depth == 0 {
            return Ok(());
        }
        let removed = self.undo(changes, height, self.clock.offset())?;
        for old in &removed {
            let again: Vec<Arc<PoolTx>> = match txs {
                ReorgTxs::Keep => pool_txs(old),
                ReorgTxs::ToPool | ReorgTxs::Drop => Vec::new(),
            };
            let next = draft(self.site(old.header.timestamp), &again);
            self.take_again(next)?;
        }
        if txs == ReorgTxs::ToPool {
            for tx in removed.iter().flat_map(|block| pool_txs(block)) {
                let hash = tx.hash();
                if let Err(error) = self.pool.add(tx, self.ledger.state.head()) {
                    tracing::debug!(%hash, %error, "a reorganised transaction does not fit the pool any more");
                }
            }
        }
        self.sync()
    }

    /// Like [`Node::take`], for a block whose time was decided before: the clock is not concerned.
    fn take_again(&mut self, draft: Draft) -> Result<(), DevnetError> {
        let block = Arc::new(draft.block);
        let offset = self.clock.offset();
        self.commit(Change::Mined { block: Arc::clone(&block), changes: draft.changes, offset })?;
        for tx in &block.txs {
            let used = self.ledger.state.head().nonce(tx.from);
            self.pool.used_up_to(tx.from, used);
        }
        Ok(())
    }

    /// Marks this moment, to return to with [`Node::revert`].
    pub fn mark(&mut self) -> u64 {
        let id = self.next_mark;
        self.next_mark += 1;
        let mark = Mark {
            applied: self.ledger.state.applied(),
            height: self.ledger.blocks.height(),
            clock: self.clock.clone(),
            base_fee: self.base_fee,
        };
        self.marks.insert(id, mark);
        if self.marks.len() > MAX_MARKS {
            self.marks.pop_first();
        }
        id
    }

    /// Goes back to a marked moment; the pool is emptied. False if the mark is unknown, used or too long ago.
    pub fn revert(&mut self, id: u64) -> Result<bool, DevnetError> {
        let Some(mark) = self.marks.remove(&id) else { return Ok(false) };
        let Some(changes) = self.ledger.state.changes_since(mark.applied) else { return Ok(false) };
        self.undo(changes, mark.height, mark.clock.offset())?;
        // Later marks name moments that no longer are.
        self.marks.split_off(&id);
        self.clock = mark.clock;
        self.base_fee = mark.base_fee;
        self.pool.clear();
        self.sync()?;
        Ok(true)
    }

    fn undo(&mut self, changes: usize, height: u64, offset: i64) -> Result<Vec<Arc<Block>>, DevnetError> {
        let branch = self.ledger.branch + 1;
        let removed = self.commit(Change::Undone { changes, height, branch, offset })?;
        let applied = self.ledger.state.applied();
        self.marks.retain(|_, mark| mark.applied <= applied);
        Ok(removed)
    }

    fn commit(&mut self, change: Change) -> Result<Vec<Arc<Block>>, DevnetError> {
        if let Some(journal) = &mut self.journal {
            journal.append(&change)?;
        }
        // The change was made from this very ledger, so it fits; if it ever did not, going on would be worse.
        self.ledger.apply(change).map_err(|why| DevnetError::Stopped { why: why.to_owned() })
    }

    fn sync(&mut self) -> Result<(), DevnetError> {
        self.journal.as_mut().map_or(Ok(()), Journal::sync)
    }

    /// The state after block `number`; none if it is no longer kept.
    pub fn view_at(&self, number: u64) -> Option<View<'_>> {
        self.ledger.state.at(number)
    }
}

fn pool_txs(block: &Block) -> Vec<Arc<PoolTx>> {
    let txs = block.txs.iter();
    txs.map(|tx| Arc::new(PoolTx { envelope: tx.envelope.clone(), from: tx.from })).collect()
}
