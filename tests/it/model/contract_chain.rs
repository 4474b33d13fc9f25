//! The real contract in the embedded chain, driven one block at a time, and its rules beside it.
//!
//! Gas costs nothing here, so that what everybody owns is what the rules say, to the neuron. Block times are set and not
//! read from a clock, so that a seed draws the same history on every machine.

use std::collections::BTreeMap;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{B256, Bytes, TxKind, U64, U256, hex};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use alloy::transports::BoxTransport;
use serde_json::{Value, json};
use zgserve_tui::chain::devnet::{Devnet, DevnetConfig, ReorgTxs};
use zgserve_tui::chain::{BlockRef, Call, Chain, ChainSettings, Endpoint, EventFilter, EventKind, Intent};
use zgserve_tui::domain::{AccountId, Address, Neuron, amount};

use super::contract_rules::{Act, Ledger, Signatures, selector};

/// What everybody owns at the start: more than any account can hold.
const FORTUNE: u128 = 1 << 120;
const GAS: u64 = 6_000_000;

mod raw {
    alloy::sol! { function settleFees(bytes rows) external returns (uint256 total); }
}

pub struct Contract {
    pub devnet: Devnet,
    pub chain: Chain,
    pub keys: Vec<PrivateKeySigner>,
    /// The time of the newest block.
    pub now: u64,
    /// The rules after each block since the deployment, the newest last.
    past: Vec<Ledger>,
    deployed: u64,
    /// Everything that was ever sent.
    sent: BTreeMap<B256, (Address, Act)>,
    /// How often each thing came about, so that a test can see that it tried something.
    pub seen: BTreeMap<&'static str, usize>,
}

impl Contract {
    pub async fn deploy(lock: u64) -> Contract {
        let config = DevnetConfig { base_fee: 0, balance: Neuron::new(FORTUNE), ..DevnetConfig::default() };
        let devnet = Devnet::start(config).await.unwrap();
        let keys: Vec<_> = (devnet.accounts().iter())
            .map(|account| PrivateKeySigner::from_bytes(account.key.expose()).unwrap())
            .collect();
        let endpoint = Endpoint::InProcess(BoxTransport::new(devnet.transport()));
        let bare = Chain::open_bare(ChainSettings::new(endpoint, Address::ZERO)).await.unwrap();
        let deployer = keys[9].address();
        let intent = Call::Deploy { lock_time: lock }.intent(Address::ZERO);
        send(&devnet, &keys[9], deployer, intent);
        let contract = deployer.create(0);
        let chain = bare.at_contract(contract).await.unwrap();
        let head = chain.head().await.unwrap();
        let ledger = Ledger { lock, ..Ledger::default() };
        Contract {
            devnet,
            chain,
            keys,
            now: head.time.as_seconds(),
            past: vec![ledger],
            deployed: head.number,
            sent: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    pub fn rules(&self) -> &Ledger {
        self.past.last().expect("there is a first one")
    }

    pub fn address(&self, key: usize) -> Address {
        self.keys[key].address()
    }

    pub fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    fn intent(&self, act: &Act) -> Intent {
        let contract = self.chain.contract();
        match act {
            Act::Call(call) => call.intent(contract),
            Act::Settle(rows) => {
                let input = raw::settleFeesCall { rows: Bytes::copy_from_slice(rows) }.abi_encode();
                Intent { to: TxKind::Call(contract), value: U256::ZERO, input: input.into() }
            }
        }
    }

    /// Somebody does something, alone in its block. It is simulated first: the refusal must be the one of the rules.
    pub async fn act(&mut self, key: usize, act: Act, signatures: &Signatures) {
        let who = self.address(key);
        let expected = self.rules().clone().apply(who, &act, self.now, signatures);
        self.next_block_at(self.now);
        let simulated = self.simulate(who, &act);
        match (&expected, &simulated) {
            (Ok(_), Ok(_)) => {}
            (Err(refusal), Err(data)) => {
                assert!(
                    data.starts_with(&selector(refusal)),
                    "{act:?} is refused by {data}, not by {refusal}"
                );
                self.saw("refused");
            }
            _ => panic!("{act:?}: the rules say {expected:?}, the contract {simulated:?}"),
        }
        self.submit(key, &act);
        self.follow(signatures).await;
        if let Act::Settle(_) = act {
            let again = self.simulate(who, &act);
            let nothing = U256::ZERO;
            assert!(
                again.is_err() || again == Ok(nothing),
                "I4: applied again it pays nothing, not {again:?}"
            );
        }
    }

    /// One more key, with a fortune.
    pub fn join(&mut self, key: PrivateKeySigner) {
        self.rpc("anvil_setBalance", json!([key.address(), format!("{FORTUNE:#x}")]));
        self.keys.push(key);
    }

    /// Somebody does something that must succeed; gives the gas that it took.
    pub async fn send_quietly(&mut self, key: usize, act: Act, signatures: &Signatures) -> u64 {
        self.next_block_at(self.now);
        let hash = self.submit(key, &act);
        self.follow(signatures).await;
        let receipt = self.rpc("eth_getTransactionReceipt", json!([hash]));
        assert_eq!(receipt["status"], "0x1", "{act:?}");
        serde_json::from_value::<U64>(receipt["gasUsed"].clone()).unwrap().to()
    }

    /// Several people do something in one block, in the order in which the chain takes it.
    pub async fn together(&mut self, acts: Vec<(usize, Act)>, signatures: &Signatures) {
        self.devnet.set_automine(false);
        for (key, act) in &acts {
            self.submit(*key, act);
        }
        self.devnet.set_automine(true);
        self.mine_pool(signatures).await;
    }

    pub async fn wait(&mut self, seconds: u64, signatures: &Signatures) {
        self.now += seconds;
        self.next_block_at(self.now);
        self.devnet.mine(1).unwrap();
        self.follow(signatures).await;
    }

    /// The newest blocks are replaced by others.
    pub async fn reorg(&mut self, depth: u64, then: ReorgTxs, signatures: &Signatures) {
        let depth = depth.min(self.past.len() as u64 - 1);
        if depth == 0 {
            return;
        }
        self.devnet.reorg(depth, then).unwrap();
        self.past.truncate(self.past.len() - depth as usize);
        self.follow(signatures).await;
        self.mine_pool(signatures).await;
        self.saw("reorg");
    }

    async fn mine_pool(&mut self, signatures: &Signatures) {
        for _ in 0..100 {
            if self.devnet.pending().is_empty() {
                return;
            }
            self.next_block_at(self.now);
            self.devnet.mine(1).unwrap();
            self.follow(signatures).await;
        }
        panic!("what waits is never mined");
    }

    /// Applies the rules to every block that they have not seen yet, and holds its receipts and events against them.
    async fn follow(&mut self, signatures: &Signatures) {
        let height = self.devnet.height();
        while self.deployed + self.past.len() as u64 <= height {
            let number = self.deployed + self.past.len() as u64;
            let block = self.rpc("eth_getBlockByNumber", json!([format!("{number:#x}"), false]));
            let time: U64 = serde_json::from_value(block["timestamp"].clone()).unwrap();
            let hash: B256 = serde_json::from_value(block["hash"].clone()).unwrap();
            let time = time.to::<u64>();
            let mut rules = self.rules().clone();
            let mut expected = Vec::new();
            for tx in serde_json::from_value::<Vec<B256>>(block["transactions"].clone()).unwrap() {
                let (who, act) = &self.sent[&tx];
                let outcome = rules.apply(*who, act, time, signatures);
                let receipt = self.rpc("eth_getTransactionReceipt", json!([tx]));
                let succeeded = receipt["status"] == "0x1";
                assert_eq!(succeeded, outcome.is_ok(), "{act:?}: {outcome:?}, {receipt}");
                expected.extend(outcome.into_iter().flatten().map(|kind| (tx, kind)));
            }
            let at = BlockRef { number, hash, time: zgserve_tui::domain::Timestamp::from_seconds(time) };
            let events = self.chain.events_of_block(at, EventFilter::default()).await.unwrap();
            let events: Vec<_> = events.into_iter().map(|event| (event.tx, event.kind)).collect();
            assert_eq!(events, expected, "block {number}");
            for (_, event) in &expected {
                self.saw(name_of(event));
            }
            self.now = time;
            self.past.push(rules);
        }
    }

    /// Everything that can be read is as the rules have it; I1, I2 and I5 in so many words.
    pub async fn check(&self) {
        let rules = self.rules();
        let contract = self.chain.native_balance(self.chain.contract()).await.unwrap();
        assert_eq!(
            contract,
            rules.accounts.values().map(|account| account.balance).sum(),
            "I1: held is the balances"
        );
        for (id, account) in &rules.accounts {
            let out = account.settled + account.refunded;
            assert!(out <= account.deposited, "I5: {id:?} {account:?}");
            assert_eq!(account.balance + out, account.deposited, "I1: {id:?} {account:?}");
            let read = self.chain.account(*id, None).await.unwrap();
            assert_eq!(read, Some(account.shown(*id, self.now)));
            let asked = account.refund.map_or(0, |refund| refund.amount);
            assert_eq!(asked != 0, account.refund.is_some(), "no refund of nothing stays open");
        }
        for key in &self.keys {
            let who = key.address();
            let moved = rules.owns.get(&who).copied().unwrap_or_default();
            let owned = self.chain.native_balance(who).await.unwrap();
            assert_eq!(owned as i128 - FORTUNE as i128, moved, "what {who} owns");
        }
        let mut providers: Vec<_> = rules.accounts.keys().map(|id| id.provider).collect();
        providers.dedup();
        for provider in providers {
            let of = |id: &AccountId| id.provider == provider;
            let listed = self.chain.accounts_of_provider(provider, None).await.unwrap();
            let ours = rules.accounts.iter().filter(|(id, _)| of(id));
            assert_eq!(listed.len(), ours.clone().count());
            let settled = amount::sum(listed.iter().map(|account| account.settled)).unwrap();
            assert_eq!(settled.get(), ours.map(|(_, account)| account.settled).sum::<u128>());
        }
        let mut services = self.chain.services(None).await.unwrap().services;
        services.sort_by_key(|service| (service.provider, service.name.to_string()));
        assert_eq!(services, rules.services.values().cloned().collect::<Vec<_>>());
    }

    fn next_block_at(&self, time: u64) {
        self.rpc("evm_setNextBlockTimestamp", json!([time]));
    }

    fn submit(&mut self, key: usize, act: &Act) -> B256 {
        let who = self.address(key);
        let hash = send(&self.devnet, &self.keys[key], who, self.intent(act));
        self.sent.insert(hash, (who, act.clone()));
        hash
    }

    /// What it would do in the next block: the first word that it returns, or what it reverts with.
    fn simulate(&self, who: Address, act: &Act) -> Result<U256, String> {
        let intent = self.intent(act);
        let TxKind::Call(to) = intent.to else { panic!("no deployments") };
        let call = json!({"from": who, "to": to, "value": intent.value, "input": intent.input});
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "pending"]});
        let answer = self.devnet.rpc(request).unwrap();
        match answer.get("result") {
            Some(data) => {
                let data = hex::decode(data.as_str().unwrap()).unwrap();
                Ok(data.get(..32).map_or(U256::ZERO, U256::from_be_slice))
            }
            None => Err(answer["error"]["data"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()),
        }
    }

    fn rpc(&self, method: &str, params: Value) -> Value {
        rpc(&self.devnet, method, params)
    }
}

fn name_of(event: &EventKind) -> &'static str {
    match event {
        EventKind::AccountAdded { .. } => "opened",
        EventKind::Deposited { .. } => "deposited",
        EventKind::DelegateChanged { .. } => "delegate",
        EventKind::RefundRequested { .. } => "refund asked",
        EventKind::RefundCanceled { .. } => "refund canceled",
        EventKind::RefundProcessed { .. } => "refund taken",
        EventKind::Settled { .. } => "settled",
        EventKind::ServiceUpdated(_) => "service put",
        EventKind::ServiceRemoved { .. } => "service removed",
        EventKind::UnreadableService { .. } => "unreadable",
    }
}

fn rpc(devnet: &Devnet, method: &str, params: Value) -> Value {
    let answer = devnet.rpc(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).unwrap();
    answer.get("result").cloned().unwrap_or_else(|| panic!("{method}: {answer}"))
}

fn send(devnet: &Devnet, key: &PrivateKeySigner, who: Address, intent: Intent) -> B256 {
    let nonce: U64 =
        serde_json::from_value(rpc(devnet, "eth_getTransactionCount", json!([who, "pending"]))).unwrap();
    let tx = TxEip1559 {
        chain_id: devnet.chain_id(),
        nonce: nonce.to(),
        gas_limit: GAS,
        to: intent.to,
        value: intent.value,
        input: intent.input,
        ..TxEip1559::default()
    };
    let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
    let tx = TxEnvelope::from(tx.into_signed(signature));
    rpc(devnet, "eth_sendRawTransaction", json!([Bytes::from(tx.encoded_2718())]));
    *tx.tx_hash()
}
