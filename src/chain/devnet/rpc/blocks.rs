//! Blocks, transactions and receipts by number or hash. What does not exist is null, as the protocol has it.

use alloy::{eips::BlockNumberOrTag, primitives::B256};
use serde_json::Value;

use super::{
    super::node::Node,
    methods::{Answer, answer},
    params::Params,
    scene::{At, of_tag},
    shapes,
};

pub(super) fn by_number(node: &Node, params: &Params) -> Answer {
    let tag: BlockNumberOrTag = params.required(0, "block number or tag")?;
    let full = params.optional(1, "full transactions")?.unwrap_or(false);
    match of_tag(node, tag) {
        At::Pending => answer(shapes::block(&node.next_draft().block, full)),
        At::Block(number) => answer(node.blocks().get(number).map(|block| shapes::block(block, full))),
    }
}

pub(super) fn by_hash(node: &Node, params: &Params) -> Answer {
    let hash: B256 = params.required(0, "block hash")?;
    let full = params.optional(1, "full transactions")?.unwrap_or(false);
    answer(node.blocks().by_hash(hash).map(|block| shapes::block(block, full)))
}

pub(super) fn transaction(node: &Node, params: &Params) -> Answer {
    let hash: B256 = params.required(0, "transaction hash")?;
    if let Some((block, index)) = node.blocks().transaction(hash) {
        return answer(shapes::transaction(block, index));
    }
    match node.pool.get(hash) {
        Some(tx) => answer(shapes::waiting(tx)),
        None => Ok(Value::Null),
    }
}

pub(super) fn receipt(node: &Node, params: &Params) -> Answer {
    let hash: B256 = params.required(0, "transaction hash")?;
    answer(node.blocks().transaction(hash).and_then(|(block, index)| shapes::receipt(block, index)))
}
