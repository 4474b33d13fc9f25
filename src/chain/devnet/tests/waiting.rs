//! The pool: transactions that wait, are replaced, refused or dropped.

use super::*;
use crate::chain::devnet::{DevnetError, PoolError};

async fn send(devnet: &Devnet, raw: &Bytes) -> Result<alloy::primitives::B256, String> {
    let sent = provider(devnet, 0).send_raw_transaction(raw).await;
    sent.map(|pending| *pending.tx_hash()).map_err(message)
}

#[tokio::test]
async fn without_automine_transactions_wait_and_can_be_replaced() {
    let devnet = fresh().await;
    devnet.set_automine(false);
    let who = address(&devnet, 0);
    let first = signed(&devnet, 0, 0, 20 * GWEI, 10 * GWEI).await;
    let hash = send(&devnet, &first).await.unwrap();
    assert_eq!(devnet.pending(), [hash]);
    assert_eq!(send(&devnet, &first).await, Err("already known".into()));
    let chain = provider(&devnet, 0);
    assert!(chain.get_transaction_receipt(hash).await.unwrap().is_none());
    assert_eq!(chain.get_transaction_by_hash(hash).await.unwrap().unwrap().block_number, None);
    assert_eq!(chain.get_transaction_count(who).await.unwrap(), 0);
    assert_eq!(chain.get_transaction_count(who).pending().await.unwrap(), 1);
    let pending = chain.get_balance(Address::repeat_byte(9)).pending().await.unwrap();
    assert_eq!(pending, U256::ONE, "pending state includes what would be mined");
    assert_eq!(chain.get_balance(Address::repeat_byte(9)).await.unwrap(), U256::ZERO);

    for (fee, tip) in [(21, 11), (22, 10), (21, 12)] {
        let weak = signed(&devnet, 0, 0, fee * GWEI, tip * GWEI).await;
        assert_eq!(send(&devnet, &weak).await, Err("replacement transaction underpriced".into()));
    }
    let strong = signed(&devnet, 0, 0, 22 * GWEI, 11 * GWEI).await;
    let strong = send(&devnet, &strong).await.unwrap();
    assert_eq!(devnet.pending(), [strong]);
    devnet.mine(1).unwrap();
    assert!(chain.get_transaction_receipt(hash).await.unwrap().is_none(), "the replaced one is gone");
    assert_eq!(chain.get_transaction_receipt(strong).await.unwrap().unwrap().block_number, Some(1));
    assert!(devnet.pending().is_empty());

    let late = signed(&devnet, 0, 0, 90 * GWEI, 90 * GWEI).await;
    assert_eq!(send(&devnet, &late).await, Err("nonce too low: next nonce 1, tx nonce 0".into()));
}

#[tokio::test]
async fn gaps_and_low_fees_wait_until_they_can_be_mined() {
    let devnet = fresh().await;
    let gap = send(&devnet, &signed(&devnet, 0, 1, 2 * GWEI, GWEI).await).await.unwrap();
    assert_eq!((devnet.height(), devnet.pending()), (0, vec![gap]));
    send(&devnet, &signed(&devnet, 0, 0, 2 * GWEI, GWEI).await).await.unwrap();
    assert!(devnet.pending().is_empty(), "filling the gap mines both");
    assert_eq!(provider(&devnet, 0).get_transaction_count(address(&devnet, 0)).await.unwrap(), 2);

    devnet.set_base_fee(10_000_000_000);
    let stuck = send(&devnet, &signed(&devnet, 0, 2, 2 * GWEI, GWEI).await).await.unwrap();
    devnet.mine(3).unwrap();
    assert_eq!(devnet.pending(), [stuck]);
    devnet.set_base_fee(1_000_000_000);
    devnet.mine(1).unwrap();
    assert!(devnet.pending().is_empty());
}

#[tokio::test]
async fn the_highest_tip_goes_first() {
    let devnet = fresh().await;
    devnet.set_automine(false);
    let low = send(&devnet, &signed(&devnet, 0, 0, 20 * GWEI, GWEI).await).await.unwrap();
    let high = send(&devnet, &signed(&devnet, 1, 0, 20 * GWEI, 5 * GWEI).await).await.unwrap();
    let last = send(&devnet, &signed(&devnet, 0, 1, 20 * GWEI, 9 * GWEI).await).await.unwrap();
    devnet.mine(1).unwrap();
    let block = provider(&devnet, 0).get_block_by_number(1.into()).await.unwrap().unwrap();
    assert_eq!(block.transactions.hashes().collect::<Vec<_>>(), [high, low, last]);
    let receipt = provider(&devnet, 0).get_transaction_receipt(last).await.unwrap().unwrap();
    assert_eq!(alloy::consensus::TxReceipt::cumulative_gas_used(&receipt.inner), 63_000);
    assert_eq!((receipt.transaction_index, receipt.effective_gas_price), (Some(2), 10 * GWEI));
}

#[tokio::test]
async fn what_cannot_be_paid_or_read_is_refused() {
    let devnet = fresh().await;
    let poor = address(&devnet, 4);
    let balance = 21_000 * 2 * GWEI; // one neuron short of a transfer of one
    result(&devnet, "anvil_setBalance", json!([poor, U256::from(balance)]));
    let refused = send(&devnet, &signed(&devnet, 4, 0, 2 * GWEI, GWEI).await).await.unwrap_err();
    let cost = balance + 1;
    let words =
        format!("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot 1");
    assert_eq!(refused, words);
    result(&devnet, "anvil_setBalance", json!([poor, U256::from(cost)]));
    send(&devnet, &signed(&devnet, 4, 0, 2 * GWEI, GWEI).await).await.unwrap();

    // What already waits counts: two transfers cannot spend the same money.
    devnet.set_automine(false);
    result(&devnet, "anvil_setBalance", json!([poor, U256::from(2 * cost - 1)]));
    send(&devnet, &signed(&devnet, 4, 1, 2 * GWEI, GWEI).await).await.unwrap();
    assert!(
        send(&devnet, &signed(&devnet, 4, 2, 2 * GWEI, GWEI).await)
            .await
            .unwrap_err()
            .contains("insufficient")
    );

    let garbage = rpc(&devnet, "eth_sendRawTransaction", json!(["0x02c0"]));
    assert_eq!(garbage["error"]["code"], json!(-32602));
    let other = Devnet::start(DevnetConfig { chain_id: 5, ..DevnetConfig::default() }).await.unwrap();
    let foreign = signed(&other, 0, 0, 2 * GWEI, GWEI).await;
    assert_eq!(send(&devnet, &foreign).await.unwrap_err(), "invalid chain id for signer: have 5 want 31337");
    let error = DevnetError::from(PoolError::IntrinsicGas { gas: 1, needed: 2 });
    assert_eq!(error.to_string(), "intrinsic gas too low: gas 1, minimum needed 2");
}

#[tokio::test]
async fn dropped_transactions_are_forgotten() {
    let devnet = fresh().await;
    devnet.set_automine(false);
    let one = send(&devnet, &signed(&devnet, 0, 0, 2 * GWEI, GWEI).await).await.unwrap();
    let two = send(&devnet, &signed(&devnet, 0, 1, 2 * GWEI, GWEI).await).await.unwrap();
    assert_eq!(result(&devnet, "anvil_dropTransaction", json!([one])), json!(one));
    assert_eq!(result(&devnet, "anvil_dropTransaction", json!([one])), Value::Null);
    assert_eq!(devnet.pending(), [two]);
    result(&devnet, "anvil_dropAllTransactions", json!([]));
    assert!(devnet.pending().is_empty());
    devnet.mine(1).unwrap();
    assert_eq!(provider(&devnet, 0).get_transaction_count(address(&devnet, 0)).await.unwrap(), 0);
}
