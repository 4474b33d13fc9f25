//! What gas costs: the fixed base fee and what past blocks paid on top.

use alloy::{consensus::Transaction as _, eips::BlockNumberOrTag, rpc::types::FeeHistory};

use super::{
    super::{blocks::Block, node::Node},
    error::RpcError,
    methods::{Answer, answer, quantity},
    params::Params,
    scene::{At, of_tag},
};

/// Neuron per gas proposed on top of the base fee.
const PRIORITY_FEE: u64 = 1_000_000_000;
/// Blocks one answer covers at most, as in geth.
const MAX_BLOCKS: u64 = 1024;
/// Percentiles one answer covers at most, as in geth.
const MAX_PERCENTILES: usize = 100;

pub(super) fn gas_price(node: &Node) -> Answer {
    quantity(node.base_fee.saturating_add(PRIORITY_FEE))
}

pub(super) fn priority_fee() -> Answer {
    quantity(PRIORITY_FEE)
}

pub(super) fn history(node: &Node, params: &Params) -> Answer {
    let count = params.required_number(0, "block count")?.min(MAX_BLOCKS);
    let newest: BlockNumberOrTag = params.required(1, "newest block")?;
    let percentiles: Option<Vec<f64>> = params.optional(2, "percentiles")?;
    if let Some(percentiles) = &percentiles {
        let ordered = percentiles.windows(2).all(|pair| pair[0] <= pair[1]);
        let within = percentiles.iter().all(|value| (0.0..=100.0).contains(value));
        if !ordered || !within || percentiles.len() > MAX_PERCENTILES {
            return Err(RpcError::params("percentiles must rise from 0 to 100, at most 100 of them"));
        }
    }
    let height = node.blocks().height();
    let newest = match of_tag(node, newest) {
        At::Block(number) if number > height => {
            return Err(RpcError::refused("request beyond head block"));
        }
        At::Block(number) => number,
        At::Pending => height,
    };
    let oldest = (newest + 1).saturating_sub(count);
    let range = if count == 0 { newest..newest } else { oldest..newest + 1 };
    let blocks: Vec<&Block> =
        range.filter_map(|number| node.blocks().get(number)).map(|block| &**block).collect();
    let after = node.blocks().get(newest + 1).map_or(node.base_fee, |block| block.base_fee());
    let base_fees = blocks.iter().map(|block| block.base_fee()).chain([after]);
    answer(FeeHistory {
        base_fee_per_gas: base_fees.map(u128::from).collect(),
        gas_used_ratio: blocks
            .iter()
            .map(|block| ratio(block.header.gas_used, block.header.gas_limit))
            .collect(),
        base_fee_per_blob_gas: vec![1; blocks.len() + 1],
        blob_gas_used_ratio: vec![0.0; blocks.len()],
        oldest_block: oldest,
        reward: percentiles.map(|wanted| blocks.iter().map(|block| tips(block, &wanted)).collect()),
    })
}

/// The tips at the wanted percentiles of the gas a block used; zeros for an empty block.
fn tips(block: &Block, percentiles: &[f64]) -> Vec<u128> {
    let mut paid: Vec<(u128, u64)> = block
        .txs
        .iter()
        .map(|tx| (tx.envelope.effective_tip_per_gas(block.base_fee()).unwrap_or_default(), tx.gas_used))
        .collect();
    paid.sort_unstable();
    let at = |percentile: &f64| {
        let wanted = part(block.header.gas_used, *percentile);
        let mut gas = 0u64;
        let found = paid.iter().find(|(_, used)| {
            gas += used;
            gas >= wanted
        });
        found.or(paid.last()).map(|(tip, _)| *tip).unwrap_or_default()
    };
    percentiles.iter().map(at).collect()
}

#[allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "the protocol wants a ratio; no money depends on it"
)]
fn ratio(used: u64, limit: u64) -> f64 {
    used as f64 / limit.max(1) as f64
}

#[allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "percentiles come as floats; they only choose which tip is shown"
)]
fn part(gas: u64, percentile: f64) -> u64 {
    (gas as f64 * percentile / 100.0) as u64
}
