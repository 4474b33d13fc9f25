//! What an account holds, at any block whose state is kept.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256},
};

use super::{
    super::node::Node,
    error::RpcError,
    methods::{Answer, answer, quantity},
    params::Params,
    scene::{At, Scene, locate},
};

/// The account asked about, and the block: the newest if none is named.
fn subject(params: &Params, block_index: usize) -> Result<(Address, BlockId), RpcError> {
    let address = params.required(0, "address")?;
    let block = params.optional(block_index, "block")?.unwrap_or(BlockId::latest());
    Ok((address, block))
}

pub(super) fn balance(node: &Node, params: &Params) -> Answer {
    let (address, block) = subject(params, 1)?;
    answer(Scene::at(node, block)?.source().view.balance(address))
}

pub(super) fn nonce(node: &Node, params: &Params) -> Answer {
    let (address, block) = subject(params, 1)?;
    if locate(node, block)? == At::Pending {
        // Counts every waiting transaction in a row, also those too cheap for the next block: their nonces
        // are taken all the same.
        return quantity(node.pool.next_nonce(address, node.state().head().nonce(address)));
    }
    quantity(Scene::at(node, block)?.source().view.nonce(address))
}

pub(super) fn code(node: &Node, params: &Params) -> Answer {
    let (address, block) = subject(params, 1)?;
    answer(Scene::at(node, block)?.source().view.code_of(address))
}

pub(super) fn storage(node: &Node, params: &Params) -> Answer {
    let (address, block) = subject(params, 2)?;
    let slot: U256 = params.required(1, "slot")?;
    answer(B256::from(Scene::at(node, block)?.source().view.slot(address, slot)))
}
