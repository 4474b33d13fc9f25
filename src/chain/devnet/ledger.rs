//! The chain as it stands, and the three ways it can change. Mining and opening a file go through the same
//! [`Ledger::apply`], so a chain read back is the chain that was written.

use std::sync::Arc;

use super::{
    blocks::{Block, Blocks},
    state::{Changes, State},
};

/// One thing that happened to the chain.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A block was mined; `offset` is the clock's, seconds ahead of the wall clock.
    Mined { block: Arc<Block>, changes: Changes, offset: i64 },
    /// The state was changed from outside, between blocks.
    Patched { changes: Changes },
    /// The newest `changes` changes were taken back, which leaves `height` as the head.
    Undone { changes: usize, height: u64, branch: u64, offset: i64 },
}

/// Blocks, state, and what else must survive a restart.
#[derive(Debug)]
pub(super) struct Ledger {
    pub blocks: Blocks,
    pub state: State,
    /// Seconds the clock is ahead of the wall clock.
    pub offset: i64,
    /// How often the chain was taken back.
    pub branch: u64,
}

impl Ledger {
    pub fn starting_with(genesis: Block, state: &Changes) -> Self {
        let number = genesis.number();
        Ledger {
            blocks: Blocks::starting_with(genesis),
            state: State::starting_as(state, number),
            offset: 0,
            branch: 0,
        }
    }

    /// Makes a change part of the chain. Returns the blocks it removed.
    pub fn apply(&mut self, change: Change) -> Result<Vec<Arc<Block>>, &'static str> {
        match change {
            Change::Mined { block, changes, offset } => {
                if block.header.parent_hash != self.blocks.head().hash {
                    return Err("a block does not follow the one before it");
                }
                self.state.apply(&changes, block.number());
                self.blocks.push(block);
                self.offset = offset;
            }
            Change::Patched { changes } => self.state.apply(&changes, self.blocks.height()),
            Change::Undone { changes, height, branch, offset } => {
                if !self.state.undo(changes) {
                    return Err("more changes are taken back than there are");
                }
                self.branch = branch;
                self.offset = offset;
                return Ok(self.blocks.cut_to(height));
            }
        }
        Ok(Vec::new())
    }
}
