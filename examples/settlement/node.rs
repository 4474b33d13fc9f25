//! The embedded chain with the contract on it, and what is said to it directly: signed transactions, control of time and
//! money.

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::U256;
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::transports::BoxTransport;
use serde_json::{Value, json};
use zgserve_tui::chain::devnet::{Devnet, DevnetConfig};
use zgserve_tui::chain::{Call, Chain, ChainSettings, Endpoint, Fees, Intent};
use zgserve_tui::domain::{Address, B256, Signature};

use crate::history::START;

/// A chain that mines when it is told to.
pub struct Node {
    pub devnet: Devnet,
    pub chain: Chain,
    /// The provider's key.
    pub provider: PrivateKeySigner,
}

/// Starts a chain, deploys the contract and funds the provider.
pub async fn start(lock_time: u64, funds: u128) -> Node {
    let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
    let key = |index: usize| PrivateKeySigner::from_bytes(devnet.accounts()[index].key.expose()).unwrap();
    let (provider, deployer) = (key(0), key(9));
    let endpoint = Endpoint::InProcess(BoxTransport::new(devnet.transport()));
    let bare = Chain::open_bare(ChainSettings::new(endpoint, Address::ZERO)).await.unwrap();
    ask(&devnet, "evm_setNextBlockTimestamp", json!([START]));
    let deploy = Call::Deploy { lock_time };
    let gas = bare.estimate_gas(deployer.address(), &deploy).await.unwrap();
    let fees = Fees { max_fee: 10_000_000_000, priority: 1_000_000_000 };
    let (raw, hash) = sign(&deployer, bare.id(), 0, gas * 6 / 5, fees, deploy.intent(Address::ZERO));
    ask(&devnet, "eth_sendRawTransaction", json!([raw]));
    let receipt = ask(&devnet, "eth_getTransactionReceipt", json!([hash]));
    let contract: Address = serde_json::from_value(receipt["contractAddress"].clone()).unwrap();
    let chain = bare.at_contract(contract).await.unwrap();
    devnet.set_automine(false);
    ask(&devnet, "anvil_setBalance", json!([provider.address(), U256::from(funds)]));
    Node { devnet, chain, provider }
}

/// Stands in a voucher until it is really signed.
pub fn unsigned() -> Signature {
    let mut bytes = [0; 65];
    bytes[64] = 27;
    Signature::new(bytes).unwrap()
}

/// A signed transaction, and its hash.
pub fn sign(
    key: &PrivateKeySigner,
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    fees: Fees,
    intent: Intent,
) -> (String, B256) {
    let Intent { to, value, input } = intent;
    let (max_fee_per_gas, max_priority_fee_per_gas) = (fees.max_fee, fees.priority);
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas,
        max_priority_fee_per_gas,
        to,
        value,
        input,
        ..TxEip1559::default()
    };
    let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
    let tx = TxEnvelope::from(tx.into_signed(signature));
    (alloy::hex::encode_prefixed(tx.encoded_2718()), *tx.tx_hash())
}

/// The answer to a question that must not fail.
pub fn ask(devnet: &Devnet, method: &str, params: Value) -> Value {
    let answer = devnet.rpc(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).unwrap();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}
