//! Single moves that have cost others money, each on the real contract and beside the rules.

use std::collections::BTreeSet;

use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use zgserve_tui::chain::Call;
use zgserve_tui::domain::{AccountId, Address, Neuron, Signature, Voucher};

use super::contract_chain::Contract;
use super::contract_rules::{Account, Act, Signatures, Signed};

const LOCK: u64 = 1_000;
const USER: usize = 0;
const OTHER: usize = 1;
const PROVIDER: usize = 3;
const DELEGATE: usize = 6;
const NEXT: usize = 7;

/// A contract and everything signed for it.
struct Case {
    contract: Contract,
    signatures: Signatures,
}

impl Case {
    /// Two users with 100 each, both with the same delegate.
    async fn new() -> Case {
        let mut case = Case { contract: Contract::deploy(LOCK).await, signatures: Signatures::new() };
        for user in [USER, OTHER] {
            case.open(user, 100).await;
        }
        case
    }

    async fn open(&mut self, user: usize, value: u128) {
        let (provider, delegate) = (self.contract.address(PROVIDER), Some(self.contract.address(DELEGATE)));
        self.act(user, Call::AddAccount { provider, delegate, value: Neuron::new(value) }).await;
    }

    async fn act(&mut self, who: usize, call: Call) {
        self.contract.act(who, Act::Call(call), &self.signatures).await;
        self.contract.check().await;
    }

    async fn wait(&mut self, seconds: u64) {
        self.contract.wait(seconds, &self.signatures).await;
        self.contract.check().await;
    }

    async fn settle(&mut self, rows: Vec<Vec<u8>>) {
        self.contract.act(PROVIDER, Act::Settle(rows.concat()), &self.signatures).await;
        self.contract.check().await;
    }

    /// A row for `user` that `key` signs in `epoch`, claiming all of it.
    fn row(&mut self, user: usize, key: usize, epoch: u32, cumulative: u128) -> Vec<u8> {
        let key = self.contract.keys[key].clone();
        let user = self.contract.address(user);
        self.row_of(user, &key, epoch, cumulative)
    }

    fn row_of(&mut self, user: Address, key: &PrivateKeySigner, epoch: u32, cumulative: u128) -> Vec<u8> {
        let account = AccountId { user, provider: self.contract.address(PROVIDER) };
        let voucher = Voucher { account, epoch, cumulative: Neuron::new(cumulative) };
        let hash = voucher.signing_hash(&self.contract.chain.domain());
        let signature = Signature::new(key.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap();
        let (r, s) = signature.compact();
        let bytes: [u8; 64] = [r, s].concat().try_into().unwrap();
        self.signatures.insert(bytes, Signed { by: key.address(), account, epoch, cumulative });
        let sum = &cumulative.to_be_bytes()[2..];
        [user.as_slice(), sum, sum, &bytes].concat()
    }

    fn account(&self, user: usize) -> Account {
        let (user, provider) = (self.contract.address(user), self.contract.address(PROVIDER));
        self.contract.rules().account(AccountId { user, provider }, self.contract.now)
    }

    fn has(&self, user: usize, balance: u128, settled: u128) {
        let account = self.account(user);
        assert_eq!((account.balance, account.settled), (balance, settled));
    }
}

#[tokio::test]
async fn every_row_needs_its_own_signer() {
    let mut case = Case::new().await;
    // A genuine row of the user, and behind it one that names the user and is signed by the provider.
    let rows =
        vec![case.row(USER, DELEGATE, 0, 10), case.row(USER, PROVIDER, 0, 90), case.row(OTHER, USER, 0, 90)];
    case.settle(rows).await;
    case.has(USER, 90, 10);
    case.has(OTHER, 100, 0);
}

#[tokio::test]
async fn one_bad_row_changes_nothing_for_the_others() {
    let mut case = Case::new().await;
    let good = case.row(USER, DELEGATE, 0, 30);
    let mut forged = case.row(OTHER, DELEGATE, 0, 30);
    forged[33] ^= 1;
    let rows = vec![
        vec![0; 112],
        case.row(4, DELEGATE, 0, 50), // nobody's account
        forged,
        case.row(OTHER, DELEGATE, 7, 40), // an epoch that never was
        vec![0xff; 112],
        good.clone(),
        good,                             // the same again
        case.row(OTHER, OTHER, 0, 1_000), // more than there is
    ];
    case.settle(rows).await;
    case.has(USER, 70, 30);
    case.has(OTHER, 0, 100);
    // Data that is no whole number of rows is refused as a whole.
    let mut rows = case.row(USER, DELEGATE, 0, 60);
    rows.pop();
    case.settle(vec![rows]).await;
    case.has(USER, 70, 30);
}

#[tokio::test]
async fn a_claim_at_what_was_settled_pays_nothing_and_one_above_pays_one() {
    let mut case = Case::new().await;
    for (cumulative, settled) in
        [(40, 40), (40, 40), (39, 40), (0, 40), (41, 41), (41, 41), (100, 100), (101, 100)]
    {
        let row = case.row(USER, DELEGATE, 0, cumulative);
        case.settle(vec![row]).await;
        case.has(USER, 100 - settled, settled);
    }
    // What a short balance left over stays claimable.
    let provider = case.contract.address(PROVIDER);
    case.act(USER, Call::Deposit { provider, value: Neuron::new(5) }).await;
    let row = case.row(USER, DELEGATE, 0, 101);
    case.settle(vec![row]).await;
    case.has(USER, 4, 101);
}

#[tokio::test]
async fn a_refund_that_settlement_used_up_leaves_nothing_locked() {
    let mut case = Case::new().await;
    let provider = case.contract.address(PROVIDER);
    case.act(USER, Call::RequestRefund { provider, amount: Neuron::new(50) }).await;
    let row = case.row(USER, DELEGATE, 0, 75);
    case.settle(vec![row]).await;
    case.wait(LOCK).await;
    case.act(USER, Call::ProcessRefund { provider }).await;
    case.has(USER, 0, 75);
    assert_eq!(case.account(USER).refund, None, "what is over is over");
    // A refund of which nothing is left is over too, and the account goes on.
    case.act(OTHER, Call::RequestRefund { provider, amount: Neuron::new(100) }).await;
    let row = case.row(OTHER, DELEGATE, 0, 100);
    case.settle(vec![row]).await;
    case.wait(LOCK).await;
    case.act(OTHER, Call::ProcessRefund { provider }).await;
    assert_eq!(case.account(OTHER).refund, None);
    case.act(OTHER, Call::Deposit { provider, value: Neuron::new(20) }).await;
    case.act(OTHER, Call::RequestRefund { provider, amount: Neuron::new(20) }).await;
    case.wait(LOCK).await;
    case.act(OTHER, Call::ProcessRefund { provider }).await;
    let other = case.account(OTHER);
    assert_eq!((other.balance, other.refunded, other.settled), (0, 20, 100), "every neuron came out");
}

#[tokio::test]
async fn without_a_signature_nothing_moves() {
    let mut case = Case::new().await;
    let user = case.contract.address(USER);
    let most = &((1u128 << 112) - 1).to_be_bytes()[2..];
    for signature in [[0; 64], [0xff; 64], [1; 64]] {
        // Fillers that would push a sequence number on, or a sum to its end, were anybody to believe them.
        let row = [user.as_slice(), most, most, &signature].concat();
        case.settle(vec![row; 40]).await;
        case.has(USER, 100, 0);
    }
    let row = case.row(USER, DELEGATE, 0, 1);
    case.settle(vec![row]).await;
    case.has(USER, 99, 1);
}

#[tokio::test]
async fn a_change_of_delegate_leaves_the_old_vouchers_good_until_it_counts() {
    let mut case = Case::new().await;
    let provider = case.contract.address(PROVIDER);
    let next = Some(case.contract.address(NEXT));
    case.act(USER, Call::SetDelegate { provider, delegate: next }).await;
    case.wait(LOCK - 1).await;
    let rows =
        vec![case.row(USER, NEXT, 0, 90), case.row(USER, NEXT, 1, 90), case.row(USER, DELEGATE, 0, 20)];
    case.settle(rows).await;
    case.has(USER, 80, 20);
    case.wait(1).await;
    let rows =
        vec![case.row(USER, DELEGATE, 0, 90), case.row(USER, DELEGATE, 1, 90), case.row(USER, NEXT, 1, 30)];
    case.settle(rows).await;
    case.has(USER, 70, 30);
    // Whoever has lost every key but the wallet's goes on with that.
    let row = case.row(USER, USER, 1, 40);
    case.settle(vec![row]).await;
    case.has(USER, 60, 40);
}

#[tokio::test]
async fn an_emptied_account_remembers_what_was_settled() {
    let mut case = Case::new().await;
    let provider = case.contract.address(PROVIDER);
    let row = case.row(USER, DELEGATE, 0, 60);
    case.settle(vec![row.clone()]).await;
    case.act(USER, Call::RequestRefund { provider, amount: Neuron::new(40) }).await;
    case.wait(LOCK).await;
    case.act(USER, Call::ProcessRefund { provider }).await;
    case.has(USER, 0, 60);
    // It cannot be opened anew, and what was settled cannot be settled again.
    case.open(USER, 100).await;
    case.act(USER, Call::Deposit { provider, value: Neuron::new(100) }).await;
    case.settle(vec![row]).await;
    case.has(USER, 100, 60);
}

#[tokio::test]
async fn two_hundred_users_are_settled_in_a_fraction_of_a_block() {
    let mut case = Case { contract: Contract::deploy(LOCK).await, signatures: Signatures::new() };
    let provider = case.contract.address(PROVIDER);
    let mut rows = Vec::new();
    for _ in 0..200 {
        let key = PrivateKeySigner::random();
        case.contract.join(key.clone());
        let call = Call::AddAccount { provider, delegate: None, value: Neuron::new(100) };
        let index = case.contract.keys.len() - 1;
        case.contract.send_quietly(index, Act::Call(call), &case.signatures).await;
        rows.push(case.row_of(key.address(), &key, 0, 70));
    }
    let gas = case.contract.send_quietly(PROVIDER, Act::Settle(rows.concat()), &case.signatures).await;
    assert!(gas < 4_000_000, "a batch of 200 users uses {gas} gas");
    let settled: u128 = case.contract.rules().accounts.values().map(|account| account.settled).sum();
    assert_eq!(settled, 200 * 70);
    case.contract.check().await;
}

/// There is nobody who could change the rules: these are all functions that change anything, and each acts for its caller.
#[test]
fn nobody_can_change_the_rules() {
    let artifact: serde_json::Value =
        serde_json::from_str(include_str!("../../../contracts/Serving.json")).unwrap();
    let functions = artifact["abi"].as_array().unwrap().iter().filter(|entry| entry["type"] == "function");
    let changing =
        functions.filter(|entry| !["view", "pure"].contains(&entry["stateMutability"].as_str().unwrap()));
    let names: BTreeSet<&str> = changing.map(|entry| entry["name"].as_str().unwrap()).collect();
    let known = [
        "addAccount",
        "addOrUpdateService",
        "cancelRefund",
        "depositFund",
        "processRefund",
        "removeService",
        "requestRefund",
        "setDelegate",
        "settleFees",
    ];
    assert_eq!(names, BTreeSet::from(known));
    let kinds = artifact["abi"].as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap());
    assert!(
        kinds.clone().all(|kind| !["fallback", "receive"].contains(&kind)),
        "no money comes in unaccounted"
    );
}
