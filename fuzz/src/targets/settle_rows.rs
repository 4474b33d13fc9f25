//! Rows of a settlement: packed by the program, read by the contract's own code in the EVM. What is paid is what a
//! model of a few lines pays, row by row; damaged rows pay nothing and stop no other (I3, I4, I6, I12).
//!
//! The chain is made once: one provider, six users whose accounts differ in what matters to a settlement. Each input
//! is asked by `eth_call`, so nothing changes it.

use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use zgserve_tui::chain::devnet::{Devnet, DevnetConfig};
use zgserve_tui::chain::{
    Attempt, Call, Chain, ChainSettings, Endpoint, Journal, JournalError, Outcome, SETTLE_ROW, Sender,
    SenderSettings, SettleRow, SignerError, TxSigner,
};
use zgserve_tui::domain::{
    AccountId, Address, B256, Neuron, OperationId, Signature, SignedVoucher, Voucher, VoucherDomain,
};
use zgserve_tui::keys::{Secret, Wallet};
use zgserve_tui::tasks::Tasks;

use super::input::Input;

const LOCK: u64 = 3_600;
const USERS: usize = 6;
const MOST_ROWS: usize = 6;

pub fn run(bytes: &[u8]) {
    let scene = scene();
    let mut input = Input::new(bytes);
    let mut rows = Vec::new();
    for _ in 0..1 + input.below(MOST_ROWS) {
        rows.push(row(scene, &mut input));
    }
    let mut packed: Vec<u8> = rows.iter().flatten().copied().collect();
    let mut accounts = scene.accounts.clone();
    let mut total = 0_u128;
    for (at, row) in rows.iter().enumerate() {
        total += pay(scene, &mut accounts, row);
        let paid = scene.settle(&packed[..(at + 1) * SETTLE_ROW]);
        assert_eq!(paid, Ok(total), "after row {at}: {}", hex(row));
    }
    // The same rows again in the same transaction bring nothing more.
    let twice = [packed.clone(), packed.clone()].concat();
    assert_eq!(scene.settle(&twice), Ok(total), "rows that count a second time");
    for (account, before) in accounts.iter().zip(&scene.accounts) {
        assert!(account.settled <= before.settled + before.balance);
    }
    // Bytes that are not whole rows are refused as a whole.
    let odd = input.take(SETTLE_ROW - 1);
    if !odd.is_empty() {
        packed.extend_from_slice(odd);
        assert!(scene.settle(&packed).is_err());
    }
}

/// One row: by the program's own encoder, then perhaps damaged.
fn row(scene: &Scene, input: &mut Input<'_>) -> [u8; SETTLE_ROW] {
    let (who, how) = (input.below(USERS), input.byte());
    let user = scene.accounts[who];
    let signer = match how % 5 {
        0 | 1 => who,
        2 => user.delegate.unwrap_or(who),
        3 => user.next.unwrap_or(who),
        _ => (who + 1) % USERS,
    };
    let epoch = if how / 5 % 4 == 3 { user.epoch + 1 } else { user.epoch };
    let near = |input: &mut Input<'_>| match input.byte() % 4 {
        0 => input.u128(),
        1 => user.settled.saturating_add(u128::from(input.byte())).saturating_sub(2),
        2 => (user.settled + user.balance).saturating_add(u128::from(input.byte())).saturating_sub(2),
        _ => u128::from(input.u16()),
    };
    let (cumulative, claim) = (near(input), near(input));
    let voucher = Voucher {
        account: AccountId { user: user.user, provider: scene.provider },
        epoch,
        cumulative: Neuron::new(cumulative).min(Neuron::MAX),
    };
    let signature = scene.wallets[signer].sign(voucher.signing_hash(&scene.domain)).unwrap();
    let mut row =
        SettleRow { voucher: SignedVoucher { voucher, signature }, claim: Neuron::new(claim) }.encode();
    for _ in 0..input.byte().saturating_sub(200) / 10 {
        let at = usize::from(input.byte()) % SETTLE_ROW;
        row[at] = input.byte();
    }
    row
}

/// What the contract should pay for a row, and what it leaves: written from its documentation, not from its code.
fn pay(scene: &Scene, accounts: &mut [Account], row: &[u8; SETTLE_ROW]) -> u128 {
    let Some(account) = accounts.iter_mut().find(|account| account.user.as_slice() == &row[..20]) else {
        return 0;
    };
    let amount = |from: usize| {
        let mut wide = [0; 16];
        wide[2..].copy_from_slice(&row[from..from + 14]);
        u128::from_be_bytes(wide)
    };
    let (cumulative, claim) = (amount(20), amount(34));
    let mut signature = [0; 65];
    signature[..64].copy_from_slice(&row[48..]);
    signature[64] = if row[80] & 0x80 == 0 { 27 } else { 28 };
    signature[32] &= 0x7f;
    let voucher = Voucher {
        account: AccountId { user: account.user, provider: scene.provider },
        epoch: account.epoch,
        cumulative: Neuron::new(cumulative),
    };
    let Ok(signer) = Signature::new(signature).and_then(|s| s.signer(voucher.signing_hash(&scene.domain)))
    else {
        return 0;
    };
    let delegate = account.delegate.map(|which| scene.wallets[which].address());
    if signer != account.user && Some(signer) != delegate {
        return 0;
    }
    let paid = claim.min(cumulative).saturating_sub(account.settled).min(account.balance);
    account.settled += paid;
    account.balance -= paid;
    paid
}

/// An account as it counts now.
#[derive(Clone, Copy, Debug)]
struct Account {
    user: Address,
    balance: u128,
    settled: u128,
    epoch: u32,
    /// Which of the wallets is the delegate, and which one will be.
    delegate: Option<usize>,
    next: Option<usize>,
}

struct Scene {
    devnet: Devnet,
    contract: Address,
    domain: VoucherDomain,
    provider: Address,
    wallets: Vec<Wallet>,
    accounts: Vec<Account>,
}

impl Scene {
    /// The sum that a settlement of these bytes would bring.
    fn settle(&self, packed: &[u8]) -> Result<u128, String> {
        // `settleFees(bytes)`: the selector from a call of the program's own, then offset, length and padded bytes.
        let own = Call::Settle { rows: Vec::new() }.intent(self.contract).input;
        let word = |number: usize| format!("{number:064x}");
        let mut padded = packed.to_vec();
        padded.resize(packed.len().div_ceil(32) * 32, 0);
        let data = format!("0x{}{}{}{}", hex(&own[..4]), word(32), word(packed.len()), hex(&padded));
        let call = json!({ "from": self.provider, "to": self.contract, "input": data });
        let answer = self.rpc("eth_call", json!([call, "latest"]));
        match answer["result"].as_str() {
            Some(word) => Ok(u128::from_str_radix(&word[34..], 16).unwrap()),
            None => Err(answer["error"].to_string()),
        }
    }

    fn rpc(&self, method: &str, params: Value) -> Value {
        self.devnet.rpc(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        // A thread of its own: the caller may be within a runtime.
        let build = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(build())
        };
        std::thread::scope(|scope| scope.spawn(build).join().unwrap())
    })
}

async fn build() -> Scene {
    let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
    let keys: Vec<Key> = devnet.accounts().iter().map(|account| Key(account.key.expose().0)).collect();
    let settings = ChainSettings::new(
        Endpoint::InProcess(alloy::transports::BoxTransport::new(devnet.transport())),
        Address::ZERO,
    );
    let bare = Chain::open_bare(settings).await.unwrap();
    let tasks = Tasks::new();
    let provider = keys[9].wallet().address();
    let Outcome::Mined { contract: Some(contract), .. } =
        send(&bare, &keys[9], &tasks, Call::Deploy { lock_time: LOCK }).await
    else {
        panic!("the contract is deployed")
    };
    let chain = bare.at_contract(contract).await.unwrap();
    let wallets: Vec<Wallet> = keys.iter().map(Key::wallet).collect();
    let at = |which: usize| Some(wallets[which].address());
    // Of user 2 the change of delegate has come due, of user 3 it waits; user 4 asked for a refund; 5 is rich.
    let deposits = [1_000, 1_000, 500, 70_000, 900, 9_000 * Neuron::A0GI.get()];
    for (user, value) in deposits.into_iter().enumerate() {
        let delegate = at(8).filter(|_| matches!(user, 1..=3));
        let call = Call::AddAccount { provider, delegate, value: Neuron::new(value) };
        send(&chain, &keys[user], &tasks, call).await;
    }
    send(&chain, &keys[2], &tasks, Call::SetDelegate { provider, delegate: at(7) }).await;
    devnet.advance_time(LOCK + 1).unwrap();
    send(&chain, &keys[3], &tasks, Call::SetDelegate { provider, delegate: at(7) }).await;
    send(&chain, &keys[4], &tasks, Call::RequestRefund { provider, amount: Neuron::new(600) }).await;
    // User 1 has paid before.
    let domain = chain.domain();
    let voucher = Voucher {
        account: AccountId { user: wallets[1].address(), provider },
        epoch: 0,
        cumulative: Neuron::new(400),
    };
    let signature = wallets[1].sign(voucher.signing_hash(&domain)).unwrap();
    let row = SettleRow { voucher: SignedVoucher { voucher, signature }, claim: Neuron::new(400) };
    send(&chain, &keys[9], &tasks, Call::Settle { rows: vec![row] }).await;
    let mut accounts = Vec::new();
    for (user, wallet) in wallets.iter().take(USERS).enumerate() {
        let id = AccountId { user: wallet.address(), provider };
        let account = chain.account(id, None).await.unwrap().unwrap();
        let (turned, waits) = (user == 2, user == 3);
        accounts.push(Account {
            user: id.user,
            balance: account.balance.get(),
            settled: account.settled.get(),
            epoch: account.epoch + u32::from(turned && account.rotation.is_some()),
            delegate: match user {
                1 | 3 => Some(8),
                2 => Some(7),
                _ => None,
            },
            next: waits.then_some(7),
        });
    }
    assert_eq!(accounts[1].settled, 400);
    Scene { devnet, contract, domain, provider, wallets, accounts }
}

async fn send(chain: &Chain, key: &Key, tasks: &Tasks, call: Call) -> Outcome {
    let sender =
        Sender::start(chain.clone(), Arc::new(*key), Arc::new(Nowhere), tasks, SenderSettings::default());
    let outcome = sender.submit(OperationId::random(), call).await.unwrap().wait().await;
    assert!(matches!(outcome, Outcome::Mined { .. }), "{outcome:?}");
    outcome
}

#[derive(Clone, Copy)]
struct Key([u8; 32]);

impl Key {
    fn wallet(&self) -> Wallet {
        Wallet::from_hex(&Secret::new(hex(&self.0))).unwrap()
    }
}

impl TxSigner for Key {
    fn address(&self) -> Address {
        self.wallet().address()
    }

    fn sign(&self, hash: B256) -> Result<Signature, SignerError> {
        self.wallet().sign(hash).map_err(|error| SignerError(error.to_string()))
    }
}

/// Nothing is taken up again after this process.
struct Nowhere;

impl Journal for Nowhere {
    fn record(&self, _: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn finished(&self, _: OperationId, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        std::future::ready(Ok(())).boxed()
    }
}
