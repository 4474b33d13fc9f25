//! `eth_getLogs`: logs by range or block, address and topics.

use alloy::{
    eips::BlockNumberOrTag,
    rpc::types::{Filter, FilterBlockOption, Log},
};

use super::{
    super::{blocks::Block, node::Node},
    error::{INVALID_PARAMS, LIMIT, RpcError},
    methods::{Answer, answer},
    params::Params,
    scene::{At, of_tag},
    shapes,
};

/// Logs one answer holds at most; public endpoints have the same limit, so callers must page anyway.
const MAX_LOGS: usize = 10_000;

pub(super) fn get(node: &Node, params: &Params) -> Answer {
    let filter: Filter = params.required(0, "filter")?;
    let mut found = Vec::new();
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = node.blocks().by_hash(hash).ok_or_else(|| RpcError::refused("unknown block"))?;
            collect(&filter, block, &mut found)?;
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let from = end_of_range(node, from_block);
            let to = end_of_range(node, to_block);
            if from > to {
                return Err(RpcError::new(INVALID_PARAMS, "invalid block range params"));
            }
            let last = to.min(node.blocks().height());
            for block in (from..=last).filter_map(|number| node.blocks().get(number)) {
                collect(&filter, block, &mut found)?;
            }
        }
    }
    answer(found)
}

/// A pending block has no logs to show yet, so it means the newest one.
fn end_of_range(node: &Node, tag: Option<BlockNumberOrTag>) -> u64 {
    match of_tag(node, tag.unwrap_or(BlockNumberOrTag::Latest)) {
        At::Block(number) => number,
        At::Pending => node.blocks().height(),
    }
}

fn collect(filter: &Filter, block: &Block, found: &mut Vec<Log>) -> Result<(), RpcError> {
    if !filter.matches_bloom(block.header.logs_bloom) {
        return Ok(());
    }
    found.extend(shapes::logs(block).filter(|log| filter.matches(&log.inner)));
    if found.len() > MAX_LOGS {
        return Err(RpcError::new(LIMIT, format!("query returned more than {MAX_LOGS} results")));
    }
    Ok(())
}
