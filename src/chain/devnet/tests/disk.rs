//! The chain's file: restarts, crashes, damage, growth.

use std::{fs, path::Path};

use alloy::primitives::B256;

use super::*;
use crate::chain::devnet::{DevnetError, ReorgTxs, genesis::genesis, journal::Journal};

fn config(path: &Path) -> DevnetConfig {
    DevnetConfig { state_file: Some(path.to_owned()), ..DevnetConfig::default() }
}

/// What must be the same after a restart.
async fn portrait(devnet: &Devnet, who: Address) -> (u64, Value, Value, U256, u64) {
    let chain = provider(devnet, 0);
    (
        devnet.height(),
        result(devnet, "eth_getBlockByNumber", json!(["latest", true])),
        result(devnet, "eth_getLogs", json!([{"fromBlock": "0x0"}])),
        chain.get_balance(who).await.unwrap(),
        chain.get_transaction_count(address(devnet, 0)).await.unwrap(),
    )
}

#[tokio::test]
async fn a_restart_continues_where_the_chain_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new folder").join("chain");
    let devnet = Devnet::start(config(&path)).await.unwrap();
    let serving = deploy(&devnet).await;
    let seller = address(&devnet, 1);
    let add = serving.addAccount(seller, seller).value(U256::from(1000));
    let added = add.send().await.unwrap().get_receipt().await.unwrap();
    result(&devnet, "anvil_setBalance", json!([Address::repeat_byte(8), "0x64"]));
    devnet.advance_time(1_000_000).unwrap();
    devnet.set_base_fee(2_000_000_000);
    devnet.mine(3).unwrap();
    devnet.reorg(2, ReorgTxs::Drop).unwrap();
    let before = portrait(&devnet, Address::repeat_byte(8)).await;
    let hash = result(&devnet, "eth_getBlockByNumber", json!(["latest", false]))["hash"].clone();
    let busy = Devnet::start(config(&path)).await.unwrap_err();
    assert!(matches!(busy, DevnetError::InUse { .. }), "{busy}");
    drop((serving, devnet));

    let devnet = Devnet::start(config(&path)).await.unwrap();
    assert_eq!(portrait(&devnet, Address::repeat_byte(8)).await, before);
    let again = provider(&devnet, 0).get_transaction_receipt(added.transaction_hash).await.unwrap().unwrap();
    assert_eq!(again, added);
    let serving = Serving::new(*add_address(&again), provider(&devnet, 0));
    assert_eq!(
        serving.getAccount(address(&devnet, 0), seller).call().await.unwrap().balance.to::<u64>(),
        1000
    );
    devnet.mine(1).unwrap();
    let newest = result(&devnet, "eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!((&newest["parentHash"], &newest["baseFeePerGas"]), (&hash, &json!("0x77359400")));
    let time = u64::from_str_radix(&newest["timestamp"].as_str().unwrap()[2..], 16).unwrap();
    assert!(time >= crate::domain::Timestamp::now().as_seconds() + 1_000_000 - 5, "still ahead of the clock");
    devnet.reorg(2, ReorgTxs::Keep).unwrap();
    let other = DevnetConfig { chain_id: 7, ..config(&path) };
    drop((serving, devnet));
    let error = Devnet::start(other).await.unwrap_err();
    assert!(matches!(error, DevnetError::OtherChain { found: 31337, wanted: 7, .. }), "{error}");
}

fn add_address(receipt: &alloy::rpc::types::TransactionReceipt) -> &Address {
    receipt.to.as_ref().unwrap()
}

fn heads(path: &Path) -> Result<(u64, B256), DevnetError> {
    let begin = || genesis(&DevnetConfig::default(), 0);
    let (_, ledger) = Journal::open(path, 31337, begin)?;
    Ok((ledger.blocks.height(), ledger.blocks.head().hash))
}

#[tokio::test]
async fn a_crash_at_any_byte_of_the_last_change_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let devnet = Devnet::start(config(&path)).await.unwrap();
    let chain = provider(&devnet, 0);
    chain.send_transaction(transfer(Address::repeat_byte(7), 1)).await.unwrap().get_receipt().await.unwrap();
    let before = fs::read(&path).unwrap();
    let expected = heads_of(&devnet);
    chain.send_transaction(transfer(Address::repeat_byte(7), 1)).await.unwrap().get_receipt().await.unwrap();
    let after = fs::read(&path).unwrap();
    let newest = heads_of(&devnet);
    drop((chain, devnet));
    assert_eq!(after[..before.len()], before, "changes are only appended");
    assert_eq!(heads(&path).unwrap(), newest);

    let last = before.len()..after.len();
    let near = |cut: usize| cut < last.start + 40 || cut + 40 > last.end;
    for cut in last.clone().filter(|cut| near(*cut) || cut % 17 == 0) {
        fs::write(&path, &after[..cut]).unwrap();
        assert_eq!(heads(&path).unwrap(), expected, "cut at {cut} of {last:?}");
        assert_eq!(fs::read(&path).unwrap(), before, "what was unfinished is gone");
    }
    // A machine that lost power may also leave zeros where the change should be.
    let zeros: Vec<u8> = before.iter().copied().chain(std::iter::repeat_n(0, 500)).collect();
    fs::write(&path, zeros).unwrap();
    assert_eq!(heads(&path).unwrap(), expected);
    fs::write(&path, &after[..after.len() - 1]).unwrap();
    let devnet = Devnet::start(config(&path)).await.unwrap();
    devnet.mine(1).unwrap();
    drop(devnet);
    assert_eq!(heads(&path).unwrap().0, 2, "the chain goes on after the cut");
}

fn heads_of(devnet: &Devnet) -> (u64, B256) {
    let block = result(devnet, "eth_getBlockByNumber", json!(["latest", false]));
    (devnet.height(), serde_json::from_value(block["hash"].clone()).unwrap())
}

#[tokio::test]
async fn damage_in_the_middle_is_reported_not_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let devnet = Devnet::start(config(&path)).await.unwrap();
    devnet.mine(3).unwrap();
    drop(devnet);
    let whole = fs::read(&path).unwrap();
    let line = |number: usize| -> usize {
        whole.split_inclusive(|byte| *byte == b'\n').take(number).map(<[u8]>::len).sum()
    };
    for (position, expected) in [(line(0) + 20, 1), (line(1) + 60, 2), (line(2) + 60, 3), (line(4) + 60, 5)] {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let error = heads(&path).unwrap_err();
        assert!(matches!(error, DevnetError::Damaged { line, .. } if line == expected), "{error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "nothing was touched");
    }
    fs::write(&path, "something else entirely\n").unwrap();
    assert!(matches!(heads(&path), Err(DevnetError::Damaged { line: 1, .. })));
}

#[tokio::test]
async fn many_changes_are_folded_into_one_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let devnet = Devnet::start(config(&path)).await.unwrap();
    let serving = deploy(&devnet).await;
    let seller = address(&devnet, 1);
    let add = serving.addAccount(seller, seller).value(U256::from(1000));
    add.send().await.unwrap().get_receipt().await.unwrap();
    devnet.mine(20).unwrap();
    let before = portrait(&devnet, seller).await;
    drop((serving, devnet));
    let begin = || genesis(&DevnetConfig::default(), 0);
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
    assert_eq!(lines(&path), 3 + 22);
    drop(Journal::open_rewriting(&path, 31337, 21, begin).unwrap());
    assert_eq!(lines(&path), 2 + 23, "every block and one state");
    let whole = fs::read(&path).unwrap();
    drop(Journal::open_rewriting(&path, 31337, 21, begin).unwrap());
    assert_eq!(fs::read(&path).unwrap(), whole, "nothing to do the second time");

    let devnet = Devnet::start(config(&path)).await.unwrap();
    assert_eq!(portrait(&devnet, seller).await, before);
    assert!(devnet.reorg(1, ReorgTxs::Drop).is_err(), "what was folded cannot be taken back");
    devnet.mine(1).unwrap();
    devnet.reorg(1, ReorgTxs::Drop).unwrap();
}
