//! Reading older blocks, and going back: reorganisations and snapshots.

use alloy::{eips::BlockId, primitives::B256};

use super::*;
use crate::chain::devnet::ReorgTxs;

async fn block_hash(devnet: &Devnet, number: u64) -> B256 {
    provider(devnet, 0).get_block_by_number(number.into()).await.unwrap().unwrap().header.hash
}

#[tokio::test]
async fn older_blocks_answer_from_their_own_state() {
    let devnet = fresh().await;
    let chain = provider(&devnet, 0);
    let to = Address::repeat_byte(7);
    for _ in 0..3 {
        chain.send_transaction(transfer(to, 10)).await.unwrap().get_receipt().await.unwrap();
    }
    for number in 0..=3u64 {
        let hash = block_hash(&devnet, number).await;
        for block in [BlockId::number(number), BlockId::hash(hash), BlockId::hash_canonical(hash)] {
            assert_eq!(chain.get_balance(to).block_id(block).await.unwrap(), U256::from(10 * number));
            let sent = chain.get_transaction_count(address(&devnet, 0)).block_id(block).await.unwrap();
            assert_eq!(sent, number);
        }
    }
    let serving = deploy(&devnet).await;
    let seller = address(&devnet, 1);
    let before = devnet.height();
    let add = serving.addAccount(seller, seller).value(U256::from(77));
    add.send().await.unwrap().get_receipt().await.unwrap();
    let at = |block: u64| serving.getAccount(address(&devnet, 0), seller).block(block.into());
    assert!(at(before).call().await.is_err(), "the account did not exist yet");
    assert_eq!(at(before + 1).call().await.unwrap().balance.to::<u64>(), 77);
    assert!(chain.get_code_at(*serving.address()).block_id(3.into()).await.unwrap().is_empty());
    let slots = serving.address();
    assert_eq!(chain.get_storage_at(*slots, U256::ZERO).block_id(3.into()).await.unwrap(), U256::ZERO);

    devnet.mine(64).unwrap();
    let height = devnet.height();
    chain.get_balance(to).block_id((height - 64).into()).await.unwrap();
    let error = message(chain.get_balance(to).block_id((height - 65).into()).await.unwrap_err());
    assert!(error.starts_with("historical state not available"), "{error}");
    let error = chain.get_balance(to).block_id((height + 1).into()).await.unwrap_err();
    assert_eq!(message(error), "header not found");
    let error = chain.get_balance(to).block_id(B256::repeat_byte(1).into()).await.unwrap_err();
    assert_eq!(message(error), "header for hash not found");
}

#[tokio::test]
async fn a_reorganisation_changes_hashes_and_undoes_state() {
    for (txs, mined, waiting) in [(ReorgTxs::Keep, 2u64, 0), (ReorgTxs::Drop, 0, 0), (ReorgTxs::ToPool, 0, 2)]
    {
        let devnet = fresh().await;
        let chain = provider(&devnet, 0);
        devnet.mine(1).unwrap();
        let to = Address::repeat_byte(7);
        let mut hashes = Vec::new();
        for _ in 0..2 {
            let receipt =
                chain.send_transaction(transfer(to, 10)).await.unwrap().get_receipt().await.unwrap();
            hashes.push(receipt.transaction_hash);
        }
        let old = [block_hash(&devnet, 1).await, block_hash(&devnet, 2).await, block_hash(&devnet, 3).await];
        devnet.reorg(2, txs).unwrap();
        assert_eq!(devnet.height(), 3);
        assert_eq!(block_hash(&devnet, 1).await, old[0]);
        assert_ne!(block_hash(&devnet, 2).await, old[1]);
        assert_ne!(block_hash(&devnet, 3).await, old[2]);
        assert!(chain.get_block_by_hash(old[2]).await.unwrap().is_none());
        assert_eq!(chain.get_balance(to).await.unwrap(), U256::from(10 * mined));
        assert_eq!(chain.get_transaction_count(address(&devnet, 0)).await.unwrap(), mined);
        assert_eq!(devnet.pending().len(), waiting);
        let receipt = chain.get_transaction_receipt(hashes[1]).await.unwrap();
        assert_eq!(receipt.and_then(|receipt| receipt.block_number), (txs == ReorgTxs::Keep).then_some(3));
        devnet.mine(1).unwrap();
        let after = if txs == ReorgTxs::Drop { 0 } else { 20 };
        assert_eq!(chain.get_balance(to).await.unwrap(), U256::from(after));
    }
}

#[tokio::test]
async fn a_reorganisation_has_limits_and_a_json_form() {
    let devnet = fresh().await;
    devnet.mine(70).unwrap();
    let old = block_hash(&devnet, 70).await;
    assert!(devnet.reorg(65, ReorgTxs::Drop).is_err());
    assert!(devnet.reorg(71, ReorgTxs::Drop).is_err());
    devnet.reorg(64, ReorgTxs::Keep).unwrap();
    assert_ne!(block_hash(&devnet, 70).await, old);
    let second = block_hash(&devnet, 70).await;
    result(&devnet, "anvil_reorg", json!([{"depth": 3, "tx_block_pairs": []}]));
    assert_ne!(block_hash(&devnet, 70).await, second);
    result(&devnet, "anvil_reorg", json!([1, "keep"]));
    assert_eq!(rpc(&devnet, "anvil_reorg", json!([1, "maybe"]))["error"]["code"], json!(-32602));
}

#[tokio::test]
async fn snapshots_bring_everything_back_once() {
    let devnet = fresh().await;
    let rich = address(&devnet, 3);
    let first = result(&devnet, "evm_snapshot", json!([]));
    result(&devnet, "anvil_setBalance", json!([rich, "0x5"]));
    let second = result(&devnet, "evm_snapshot", json!([]));
    result(&devnet, "evm_increaseTime", json!([1000]));
    devnet.mine(5).unwrap();
    assert_eq!(result(&devnet, "evm_revert", json!([second])), json!(true));
    assert_eq!(devnet.height(), 0);
    assert_eq!(result(&devnet, "eth_getBalance", json!([rich, "latest"])), json!("0x5"));
    assert_eq!(result(&devnet, "evm_increaseTime", json!([0])), json!(0), "the clock came back too");
    devnet.mine(1).unwrap();
    assert_eq!(result(&devnet, "evm_revert", json!([second])), json!(false), "a snapshot is used once");
    assert_eq!(result(&devnet, "evm_revert", json!([first])), json!(true));
    assert_ne!(result(&devnet, "eth_getBalance", json!([rich, "latest"])), json!("0x5"));
    assert_eq!(result(&devnet, "evm_revert", json!(["0x99"])), json!(false));
}
