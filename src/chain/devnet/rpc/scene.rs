//! Which block a call speaks about, and the state and surroundings it sees there.

use alloy::eips::{BlockId, BlockNumberOrTag};

use super::{
    super::{
        execute::{Place, Source},
        node::Node,
        state::{Changes, HISTORY},
    },
    error::RpcError,
};

/// Blocks behind the head that count as safe; finalized ones lie beyond what a reorganisation can reach.
const SAFE_DEPTH: u64 = 32;

/// A block, or the one that would be mined next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Block(u64),
    Pending,
}

/// Finds the block that `id` means. Unknown blocks are an error here; methods that answer null ask
/// [`super::blocks`] instead.
pub(super) fn locate(node: &Node, id: BlockId) -> Result<At, RpcError> {
    match id {
        BlockId::Hash(wanted) => match node.blocks().by_hash(wanted.block_hash) {
            Some(block) => Ok(At::Block(block.number())),
            None => Err(RpcError::refused("header for hash not found")),
        },
        BlockId::Number(tag) => {
            let at = of_tag(node, tag);
            match at {
                At::Block(number) if number > node.blocks().height() => {
                    Err(RpcError::refused("header not found"))
                }
                at => Ok(at),
            }
        }
    }
}

/// The block a number or tag means, which may lie above the head.
pub(super) fn of_tag(node: &Node, tag: BlockNumberOrTag) -> At {
    let height = node.blocks().height();
    match tag {
        BlockNumberOrTag::Latest => At::Block(height),
        BlockNumberOrTag::Safe => At::Block(height.saturating_sub(SAFE_DEPTH)),
        BlockNumberOrTag::Finalized => At::Block(height.saturating_sub(HISTORY)),
        BlockNumberOrTag::Earliest => At::Block(0),
        BlockNumberOrTag::Pending => At::Pending,
        BlockNumberOrTag::Number(number) => At::Block(number),
    }
}

/// The state a call reads and the block it believes to be in.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    node: &'a Node,
    number: u64,
    pending: Option<Changes>,
    pub place: Place,
}

impl<'a> Scene<'a> {
    pub fn at(node: &'a Node, id: BlockId) -> Result<Self, RpcError> {
        let height = node.blocks().height();
        match locate(node, id)? {
            At::Pending => {
                let place = node.site(node.next_time()).place();
                Ok(Scene { node, number: height, pending: Some(node.next_draft().changes), place })
            }
            At::Block(number) => {
                let block = node.blocks().get(number).ok_or_else(|| RpcError::refused("header not found"))?;
                if node.view_at(number).is_none() {
                    return Err(RpcError::refused(format!(
                        "historical state not available: block {number} is more than {HISTORY} blocks below {height}, \
                         or older than the chain's last start"
                    )));
                }
                let place = Place {
                    chain_id: node.chain_id,
                    number,
                    time: block.header.timestamp,
                    base_fee: block.base_fee(),
                    randomness: block.header.mix_hash,
                };
                Ok(Scene { node, number, pending: None, place })
            }
        }
    }

    pub fn source(&self) -> Source<'_> {
        // `at` made sure that the state of this block is kept, and the node cannot change meanwhile.
        let view = self.node.view_at(self.number).unwrap_or_else(|| self.node.state().head());
        let view = match &self.pending {
            Some(changes) => view.after(changes),
            None => view,
        };
        Source { view, blocks: self.node.blocks() }
    }
}
