//! Transactions, receipts, blocks, logs, calls and estimates.

use alloy::{
    consensus::{TxEnvelope, TxReceipt, proofs::calculate_transaction_root},
    eips::BlockNumberOrTag,
    primitives::{B256, Bloom, BloomInput, aliases::U112},
    rpc::types::Filter,
    sol_types::SolEvent,
};

use super::*;
use crate::domain::Timestamp;

#[tokio::test]
async fn a_transfer_moves_money_and_everything_about_its_block_can_be_verified() {
    let devnet = fresh().await;
    let alice = provider(&devnet, 0);
    let to = Address::repeat_byte(7);
    let before = alice.get_balance(address(&devnet, 0)).await.unwrap();
    let sent = alice.send_transaction(transfer(to, 5)).await.unwrap();
    let receipt = sent.get_receipt().await.unwrap();
    assert!(receipt.status());
    assert_eq!((receipt.gas_used, receipt.block_number), (21_000, Some(1)));
    assert_eq!(alice.get_balance(to).await.unwrap(), U256::from(5));
    let paid = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price) + U256::from(5);
    assert_eq!(alice.get_balance(address(&devnet, 0)).await.unwrap(), before - paid);
    assert_eq!(alice.get_transaction_count(address(&devnet, 0)).await.unwrap(), 1);

    let block = alice.get_block_by_number(1.into()).full().await.unwrap().unwrap();
    assert_eq!(block.header.hash, block.header.inner.hash_slow(), "the hash is that of the header");
    let envelopes: Vec<TxEnvelope> = block.transactions.txns().map(|tx| tx.inner.inner().clone()).collect();
    assert_eq!(block.header.transactions_root, calculate_transaction_root(&envelopes));
    assert_eq!(alice.get_block_by_hash(block.header.hash).await.unwrap().unwrap().header, block.header);
    let parent = alice.get_block_by_number(0.into()).await.unwrap().unwrap();
    assert_eq!(block.header.parent_hash, parent.header.hash);
    let tx = alice.get_transaction_by_hash(receipt.transaction_hash).await.unwrap().unwrap();
    assert_eq!(tx.block_hash, Some(block.header.hash));
    assert_eq!(tx.effective_gas_price, Some(receipt.effective_gas_price));
    assert!(alice.get_transaction_by_hash(B256::repeat_byte(1)).await.unwrap().is_none());
    assert!(alice.get_transaction_receipt(B256::repeat_byte(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn contracts_deploy_and_their_reverts_can_be_decoded() {
    let devnet = fresh().await;
    let serving = deploy(&devnet).await;
    assert!(!serving.provider().get_code_at(*serving.address()).await.unwrap().is_empty());
    assert_eq!(serving.lockTime().call().await.unwrap().to::<u64>(), LOCK);

    let nobody = address(&devnet, 5);
    let refused = serving.depositFund(nobody).value(U256::ONE).call().await.unwrap_err();
    let decoded = refused.as_decoded_error::<Serving::AccountNotFound>().unwrap();
    assert_eq!(decoded.provider, nobody);
    let refused = serving.depositFund(nobody).value(U256::ONE).send().await.unwrap_err();
    assert!(refused.as_decoded_error::<Serving::AccountNotFound>().is_some(), "the estimate says it too");

    // With the gas given nothing is asked beforehand: it is mined and fails there.
    let sent = serving.depositFund(nobody).value(U256::ONE).gas(200_000).send().await.unwrap();
    let receipt = sent.get_receipt().await.unwrap();
    assert!(!receipt.status());
    assert!(receipt.gas_used < 200_000);
    assert_eq!(serving.provider().get_balance(*serving.address()).await.unwrap(), U256::ZERO);
}

#[tokio::test]
async fn an_estimate_is_enough_and_not_much_more() {
    let devnet = fresh().await;
    let serving = deploy(&devnet).await;
    let add = serving.addAccount(address(&devnet, 1), address(&devnet, 2)).value(U256::from(1000));
    let estimate = add.estimate_gas().await.unwrap();
    let receipt = add.gas(estimate).send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    assert!(receipt.gas_used <= estimate && estimate < receipt.gas_used * 115 / 100, "{estimate}");
    assert_eq!(serving.provider().estimate_gas(transfer(Address::repeat_byte(3), 1)).await.unwrap(), 21_000);

    let too_much = transfer(Address::repeat_byte(3), 1).with_value(U256::MAX).with_from(address(&devnet, 0));
    let error = message(serving.provider().estimate_gas(too_much).await.unwrap_err());
    assert!(error.starts_with("insufficient funds for gas * price + value"), "{error}");
}

#[tokio::test]
async fn logs_are_found_by_topic_address_range_and_block() {
    let devnet = fresh().await;
    let serving = deploy(&devnet).await;
    for (index, provider) in [1usize, 2, 3].into_iter().enumerate() {
        let value = U256::from(100 + index);
        let call = serving.addAccount(address(&devnet, provider), address(&devnet, 9)).value(value);
        assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
    }
    let chain = serving.provider();
    let all = Filter::new().address(*serving.address()).from_block(0);
    let found =
        chain.get_logs(&all.clone().event_signature(Serving::AccountAdded::SIGNATURE_HASH)).await.unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|log| !log.removed && log.block_timestamp.is_some()));

    let second = address(&devnet, 2).into_word();
    let filter = all.clone().event_signature(Serving::AccountAdded::SIGNATURE_HASH);
    let found = chain.get_logs(&filter.topic2(second)).await.unwrap();
    assert_eq!(found.len(), 1);
    let event = found[0].log_decode::<Serving::AccountAdded>().unwrap();
    assert_eq!(event.inner.provider, address(&devnet, 2));

    let block = chain.get_block_by_hash(found[0].block_hash.unwrap()).await.unwrap().unwrap();
    let mut bloom = Bloom::ZERO;
    bloom.accrue(BloomInput::Raw(serving.address().as_slice()));
    assert!(block.header.logs_bloom.contains(&bloom));
    let receipt = chain.get_transaction_receipt(found[0].transaction_hash.unwrap()).await.unwrap().unwrap();
    assert!(receipt.inner.logs().contains(&found[0]), "receipts and logs agree, indexes included");
    assert_eq!(receipt.inner.bloom(), block.header.logs_bloom);

    let one_block = chain.get_logs(&Filter::new().at_block_hash(block.header.hash)).await.unwrap();
    assert_eq!(one_block.as_slice(), receipt.inner.logs());
    assert!(chain.get_logs(&all.clone().to_block(1)).await.unwrap().is_empty());
    assert!(chain.get_logs(&Filter::new().from_block(1000).to_block(2000)).await.unwrap().is_empty());
    let error = chain.get_logs(&Filter::new().from_block(3).to_block(2)).await.unwrap_err();
    assert_eq!(message(error), "invalid block range params");
    assert!(chain.get_logs(&Filter::new().at_block_hash(B256::repeat_byte(1))).await.is_err());
}

#[tokio::test]
async fn time_travels() {
    let devnet = fresh().await;
    let serving = deploy(&devnet).await;
    let seller = address(&devnet, 1);
    let add = serving.addAccount(seller, address(&devnet, 2)).value(U256::from(1000));
    add.send().await.unwrap().get_receipt().await.unwrap();
    let request = serving.requestRefund(seller, U112::from(400));
    request.send().await.unwrap().get_receipt().await.unwrap();
    let early = serving.processRefund(seller).call().await.unwrap_err();
    assert!(early.as_decoded_error::<Serving::RefundLocked>().is_some());

    // The clock alone moves: the next block will carry the new time, and an estimate knows.
    result(&devnet, "evm_increaseTime", json!([LOCK + 1]));
    assert!(serving.processRefund(seller).call().await.is_err(), "the newest block is still an old one");
    let next_block = alloy::eips::BlockId::pending(); // where alloy estimates what it sends
    serving.processRefund(seller).block(next_block).estimate_gas().await.unwrap();
    serving.processRefund(seller).block(next_block).call().await.unwrap();
    devnet.advance_time(1).unwrap();
    serving.processRefund(seller).call().await.unwrap();
    let receipt = serving.processRefund(seller).send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());

    let newest = serving.provider().get_block(BlockNumberOrTag::Latest.into()).await.unwrap().unwrap();
    let exact = newest.header.timestamp + 500;
    result(&devnet, "evm_setNextBlockTimestamp", json!([exact]));
    let set = Timestamp::now();
    devnet.mine(2).unwrap();
    let gone = Timestamp::now().seconds_since(set);
    let times: Vec<u64> = [devnet.height() - 1, devnet.height()]
        .iter()
        .map(|number| result(&devnet, "eth_getBlockByNumber", json!([format!("{number:#x}"), false])))
        .map(|block| u64::from_str_radix(&block["timestamp"].as_str().unwrap()[2..], 16).unwrap())
        .collect();
    assert_eq!(times[0], exact);
    assert!((exact..=exact + gone).contains(&times[1]));
    let past = rpc(&devnet, "evm_setNextBlockTimestamp", json!([1]));
    assert_eq!(past["error"]["code"], json!(-32602));
    result(&devnet, "anvil_mine", json!(["0x3", 60]));
    let block = result(&devnet, "eth_getBlockByNumber", json!(["latest", false]));
    let time = u64::from_str_radix(&block["timestamp"].as_str().unwrap()[2..], 16).unwrap();
    assert!(time >= times[1] + 120);
}

#[tokio::test]
async fn fees_follow_the_fixed_base_fee() {
    let devnet = fresh().await;
    let alice = provider(&devnet, 0);
    let receipt = alice.send_transaction(transfer(Address::repeat_byte(4), 1)).await.unwrap();
    let receipt = receipt.get_receipt().await.unwrap();
    let estimate = alice.estimate_eip1559_fees().await.unwrap();
    assert!(estimate.max_fee_per_gas >= GWEI + estimate.max_priority_fee_per_gas);
    assert_eq!(alice.get_gas_price().await.unwrap(), 2 * GWEI);
    let history = alice.get_fee_history(10, BlockNumberOrTag::Latest, &[0.0, 50.0, 100.0]).await.unwrap();
    assert_eq!((history.oldest_block, history.base_fee_per_gas.len()), (0, 3));
    let tip = receipt.effective_gas_price - GWEI;
    assert_eq!(history.reward.unwrap(), vec![vec![0; 3], vec![tip; 3]]);
    assert!(history.gas_used_ratio[1] > 0.0 && history.gas_used_ratio[1] < 0.001);
    result(&devnet, "anvil_setNextBlockBaseFeePerGas", json!(["0x77359400"]));
    devnet.mine(1).unwrap();
    let block = alice.get_block(BlockNumberOrTag::Latest.into()).await.unwrap().unwrap();
    assert_eq!(block.header.base_fee_per_gas, Some(2_000_000_000));
}

#[tokio::test]
async fn batches_answer_in_order_and_errors_name_what_is_wrong() {
    let devnet = fresh().await;
    let client = devnet.client();
    let mut batch = client.new_batch();
    let id = batch.add_call::<_, U256>("eth_chainId", &()).unwrap();
    let height = batch.add_call::<_, U256>("eth_blockNumber", &()).unwrap();
    let unknown = batch.add_call::<_, U256>("eth_nothing", &()).unwrap();
    batch.send().await.unwrap();
    assert_eq!(id.await.unwrap(), U256::from(31337));
    assert_eq!(height.await.unwrap(), U256::ZERO);
    assert_eq!(unknown.await.unwrap_err().as_error_resp().unwrap().code, -32601);

    let answers = devnet.rpc(json!([
        {"jsonrpc": "2.0", "id": "a", "method": "net_version"},
        {"jsonrpc": "2.0", "method": "evm_mine"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_getBalance", "params": ["nonsense"]},
        {"jsonrpc": "1.0", "id": 3, "method": "eth_chainId"},
        7,
    ]));
    let answers = answers.unwrap();
    let codes: Vec<&Value> = answers.as_array().unwrap().iter().map(|one| &one["error"]["code"]).collect();
    assert_eq!(codes, [&Value::Null, &json!(-32602), &json!(-32600), &json!(-32600)]);
    assert_eq!(answers[0], json!({"jsonrpc": "2.0", "id": "a", "result": "31337"}));
    assert_eq!(devnet.height(), 1, "the notification was carried out");
    assert_eq!(devnet.rpc(json!([])).unwrap()["error"]["code"], json!(-32600));
    assert_eq!(devnet.rpc(json!({"jsonrpc": "2.0", "method": "evm_mine"})), None);
    for (params, part) in [
        (
            json!([{"to": Address::ZERO}, "latest", {"0x0000000000000000000000000000000000000001": {"balance": "0x1"}}]),
            "state overrides",
        ),
        (json!({"to": "x"}), "params must be a list"),
        (json!([]), "missing argument 0"),
    ] {
        let answer = rpc(&devnet, "eth_call", params);
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{answer}");
    }
}
