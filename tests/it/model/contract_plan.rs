//! What a step of a history means in the state in which it is taken. Steps speak of shares and of "the second delegate", so
//! that a history stays meaningful when proptest leaves out steps before it.

use alloy::primitives::{B256, U256, keccak256};
use alloy::signers::SignerSync;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;
use zgserve_tui::chain::Call;
use zgserve_tui::chain::devnet::ReorgTxs;
use zgserve_tui::domain::{AccountId, Address, Neuron, Prices, ServiceKind, Voucher, VoucherDomain};

use super::contract_chain::Contract;
use super::contract_rules::{Account, Act, Signatures, Signed};

/// Who is who among the chain's ten keys. One is user and provider, also of itself.
pub const USERS: [usize; 3] = [0, 1, 2];
pub const PROVIDERS: [usize; 3] = [2, 3, 4];
pub const DELEGATES: [usize; 3] = [6, 7, 8];
const NAMES: [&str; 3] = ["chat", "files", "chat-2"];
const MOST: u128 = (1 << 112) - 1;

#[derive(Clone, Debug)]
pub enum Step {
    Alone(Doing),
    Together(Vec<Doing>),
    Wait(Wait),
    Reorg(u64, ReorgTxs),
}

#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Seconds(u64),
    /// To the next moment at which something comes due, give or take a second.
    Due(i64),
}

#[derive(Clone, Debug)]
pub enum Doing {
    Open { user: usize, provider: usize, delegate: Option<usize>, value: Amount },
    Deposit { user: usize, provider: usize, value: Amount },
    Delegate { user: usize, provider: usize, delegate: Option<usize> },
    Ask { user: usize, provider: usize, amount: Amount },
    Cancel { user: usize, provider: usize },
    Take { user: usize, provider: usize },
    Settle { provider: usize, rows: Vec<Row>, cut: usize },
    Put { provider: usize, name: usize, price: u16 },
    Remove { provider: usize, name: usize },
}

#[derive(Clone, Copy, Debug)]
pub enum Amount {
    Few(u16),
    /// Hundredths of the account's balance.
    Share(u8),
    AllAndOne,
    Most,
    TooMuch,
    Nothing,
}

#[derive(Clone, Debug)]
pub enum Row {
    Fresh {
        user: usize,
        by: By,
        epoch: i8,
        place: Place,
        sum: Sum,
        claim: Claim,
        spoil: Spoil,
    },
    /// One that was made before, by whomever and for whomever.
    Old(usize),
    Junk(u64),
}

#[derive(Clone, Copy, Debug)]
pub enum By {
    User,
    /// Who counts now.
    Delegate,
    /// Who will count once a change has come due.
    Next,
    /// A key that was named at some time, or never.
    AnyDelegate(usize),
    Stranger,
}

#[derive(Clone, Copy, Debug)]
pub enum Place {
    Here,
    OtherProvider,
    OtherChain,
    OtherContract,
}

#[derive(Clone, Copy, Debug)]
pub enum Sum {
    /// Hundredths of the balance above what was settled.
    Share(u8),
    Above(u16),
    Same,
    Below(u16),
    Beyond(u16),
    Most,
}

#[derive(Clone, Copy, Debug)]
pub enum Claim {
    All,
    Less(u16),
    More(u16),
    Nothing,
    Most,
}

#[derive(Clone, Copy, Debug)]
pub enum Spoil {
    Nothing,
    /// The other encoding of the same signature, with a high s.
    Twin,
    Parity,
    Bit(u16),
    Zeros,
}

pub fn history(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![
        3 => (-1i64..=1).prop_map(Wait::Due),
        1 => (1u64..400).prop_map(Wait::Seconds),
        1 => Just(Wait::Seconds(3_000)),
    ];
    let then = prop_oneof![Just(ReorgTxs::Keep), Just(ReorgTxs::ToPool), Just(ReorgTxs::Drop)];
    vec(
        prop_oneof![
            30 => doing().prop_map(Step::Alone),
            3 => vec(doing(), 2..5).prop_map(Step::Together),
            9 => wait.prop_map(Step::Wait),
            2 => (1u64..12, then).prop_map(|(depth, then)| Step::Reorg(depth, then)),
        ],
        1..longest,
    )
}

fn doing() -> impl Strategy<Value = Doing> {
    let pair = || (0..=USERS.len(), 0..PROVIDERS.len());
    let delegate = || proptest::option::weighted(0.8, 0..DELEGATES.len());
    prop_oneof![
        4 => (pair(), delegate(), amount()).prop_map(|((user, provider), delegate, value)| {
            Doing::Open { user, provider, delegate, value }
        }),
        4 => (pair(), amount()).prop_map(|((user, provider), value)| Doing::Deposit { user, provider, value }),
        3 => (pair(), delegate()).prop_map(|((user, provider), delegate)| {
            Doing::Delegate { user, provider, delegate }
        }),
        4 => (pair(), amount()).prop_map(|((user, provider), amount)| Doing::Ask { user, provider, amount }),
        1 => pair().prop_map(|(user, provider)| Doing::Cancel { user, provider }),
        4 => pair().prop_map(|(user, provider)| Doing::Take { user, provider }),
        10 => (0..PROVIDERS.len(), vec(row(), 0..6), prop_oneof![12 => Just(0usize), 1 => 1usize..112])
            .prop_map(|(provider, rows, cut)| Doing::Settle { provider, rows, cut }),
        1 => (0..PROVIDERS.len(), 0..NAMES.len(), any::<u16>())
            .prop_map(|(provider, name, price)| Doing::Put { provider, name, price }),
        1 => (0..PROVIDERS.len(), 0..NAMES.len()).prop_map(|(provider, name)| Doing::Remove { provider, name }),
    ]
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        12 => (1u16..1_000).prop_map(Amount::Few),
        8 => (1u8..=100).prop_map(Amount::Share),
        1 => Just(Amount::AllAndOne),
        1 => Just(Amount::Most),
        1 => Just(Amount::TooMuch),
        1 => Just(Amount::Nothing),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let by = prop_oneof![
        5 => Just(By::User),
        8 => Just(By::Delegate),
        2 => Just(By::Next),
        2 => (0..DELEGATES.len()).prop_map(By::AnyDelegate),
        1 => Just(By::Stranger),
    ];
    let epoch = prop_oneof![12 => Just(0i8), 1 => Just(-1), 1 => Just(1)];
    let place = prop_oneof![
        20 => Just(Place::Here),
        1 => Just(Place::OtherProvider),
        1 => Just(Place::OtherChain),
        1 => Just(Place::OtherContract),
    ];
    let sum = prop_oneof![
        8 => (1u8..=100).prop_map(Sum::Share),
        3 => (1u16..200).prop_map(Sum::Above),
        1 => Just(Sum::Same),
        1 => (1u16..200).prop_map(Sum::Below),
        2 => (1u16..200).prop_map(Sum::Beyond),
        1 => Just(Sum::Most),
    ];
    let claim = prop_oneof![
        6 => Just(Claim::All),
        3 => (1u16..200).prop_map(Claim::Less),
        2 => (1u16..200).prop_map(Claim::More),
        1 => Just(Claim::Nothing),
        1 => Just(Claim::Most),
    ];
    let spoil = prop_oneof![
        16 => Just(Spoil::Nothing),
        1 => Just(Spoil::Twin),
        1 => Just(Spoil::Parity),
        2 => (0u16..896).prop_map(Spoil::Bit),
        1 => Just(Spoil::Zeros),
    ];
    let fresh = (0..USERS.len() + 1, by, epoch, place, sum, claim, spoil).prop_map(
        |(user, by, epoch, place, sum, claim, spoil)| Row::Fresh {
            user,
            by,
            epoch,
            place,
            sum,
            claim,
            spoil,
        },
    );
    Union::new_weighted(vec![
        (10, fresh.boxed()),
        (2, any::<usize>().prop_map(Row::Old).boxed()),
        (1, any::<u64>().prop_map(Row::Junk).boxed()),
    ])
}

/// What was signed and sent so far; reorgs do not make it unsigned.
#[derive(Default)]
pub struct Papers {
    pub signatures: Signatures,
    rows: Vec<Vec<u8>>,
}

impl Amount {
    fn of(self, balance: u128) -> u128 {
        match self {
            Amount::Few(few) => few.into(),
            Amount::Share(percent) => (balance / 100 * u128::from(percent)).max(1),
            Amount::AllAndOne => balance.saturating_add(1),
            Amount::Most => MOST,
            Amount::TooMuch => MOST + 1,
            Amount::Nothing => 0,
        }
    }
}

/// The keys of a user and a provider: mostly of an account that exists, so that something happens. One user more than
/// there are stands for anybody.
fn pair(contract: &Contract, user: usize, provider: usize) -> (usize, usize) {
    let accounts: Vec<AccountId> = contract.rules().accounts.keys().copied().collect();
    if user == USERS.len() || accounts.is_empty() {
        return (USERS[user % USERS.len()], PROVIDERS[provider]);
    }
    let id = accounts[(user * PROVIDERS.len() + provider) % accounts.len()];
    let key = |who: Address| (0..contract.keys.len()).find(|key| contract.address(*key) == who);
    (key(id.user).expect("a key of ours"), key(id.provider).expect("a key of ours"))
}

impl Doing {
    /// Who does what.
    pub fn plan(&self, contract: &Contract, papers: &mut Papers) -> (usize, Act) {
        let key = |delegate: Option<usize>| delegate.map(|delegate| contract.address(DELEGATES[delegate]));
        let of = |user: usize, provider: usize| {
            let (user, provider) = pair(contract, user, provider);
            let id = AccountId { user: contract.address(user), provider: contract.address(provider) };
            (user, id.provider, contract.rules().account(id, contract.now).balance)
        };
        let (who, call) = match *self {
            Doing::Open { user, provider, delegate, value } => {
                let value = Neuron::new(value.of(500));
                let provider = contract.address(PROVIDERS[provider]);
                (USERS[user % USERS.len()], Call::AddAccount { provider, delegate: key(delegate), value })
            }
            Doing::Deposit { user, provider, value } => {
                let (who, provider, balance) = of(user, provider);
                (who, Call::Deposit { provider, value: Neuron::new(value.of(balance)) })
            }
            Doing::Delegate { user, provider, delegate } => {
                let (who, provider, _) = of(user, provider);
                (who, Call::SetDelegate { provider, delegate: key(delegate) })
            }
            Doing::Ask { user, provider, amount } => {
                let (who, provider, balance) = of(user, provider);
                // A call of this program cannot name more than the contract can hold.
                (who, Call::RequestRefund { provider, amount: Neuron::new(amount.of(balance).min(MOST)) })
            }
            Doing::Cancel { user, provider } => {
                let (who, provider, _) = of(user, provider);
                (who, Call::CancelRefund { provider })
            }
            Doing::Take { user, provider } => {
                let (who, provider, _) = of(user, provider);
                (who, Call::ProcessRefund { provider })
            }
            Doing::Put { provider, name, price } => {
                let prices =
                    Prices { input: Neuron::new(price.into()), output: Neuron::new(u128::from(price) << 64) };
                let call = Call::PutService {
                    name: NAMES[name].parse().unwrap(),
                    kind: ServiceKind::ALL[name % 2],
                    url: format!("http://127.0.0.1:{price}"),
                    model: "m".repeat(price as usize % 100),
                    prices,
                };
                (PROVIDERS[provider], call)
            }
            Doing::Remove { provider, name } => {
                (PROVIDERS[provider], Call::RemoveService { name: NAMES[name].parse().unwrap() })
            }
            Doing::Settle { provider, ref rows, cut } => {
                let (_, provider) = pair(contract, 0, provider);
                let mut bytes: Vec<u8> =
                    rows.iter().flat_map(|row| row.make(contract, provider, papers)).collect();
                bytes.truncate(bytes.len().saturating_sub(cut));
                return (provider, Act::Settle(bytes));
            }
        };
        (who, Act::Call(call))
    }
}

impl Row {
    fn make(&self, contract: &Contract, provider: usize, papers: &mut Papers) -> Vec<u8> {
        let row = match *self {
            Row::Junk(seed) => {
                let word = |part: u8| keccak256([&seed.to_be_bytes()[..], &[part]].concat());
                let mut row: Vec<u8> = (0..4).flat_map(|part| word(part).0).collect();
                row.truncate(112);
                return row;
            }
            Row::Old(index) if !papers.rows.is_empty() => {
                return papers.rows[index % papers.rows.len()].clone();
            }
            Row::Old(_) => return Vec::new(),
            Row::Fresh { user, by, epoch, place, sum, claim, spoil } => {
                // The one after the users never opens an account.
                let user = USERS.get(user).copied().unwrap_or(5);
                let id = AccountId { user: contract.address(user), provider: contract.address(provider) };
                let account = contract.rules().account(id, contract.now);
                let cumulative = sum.of(&account);
                let signed = sign(contract, papers, user, id, &account, by, epoch, place, cumulative);
                let mut row = id.user.to_vec();
                row.extend(&cumulative.to_be_bytes()[2..]);
                row.extend(&claim.of(cumulative).to_be_bytes()[2..]);
                row.extend(signed);
                spoil.apply(&mut row);
                row
            }
        };
        papers.rows.push(row.clone());
        row
    }
}

#[expect(clippy::too_many_arguments, reason = "one for each thing that can be wrong with a signature")]
fn sign(
    contract: &Contract,
    papers: &mut Papers,
    user: usize,
    id: AccountId,
    account: &Account,
    by: By,
    epoch: i8,
    place: Place,
    cumulative: u128,
) -> [u8; 64] {
    let key_of = |who: Option<Address>| {
        let index = DELEGATES.into_iter().find(|key| Some(contract.address(*key)) == who);
        index.unwrap_or(user)
    };
    let key = match by {
        By::User => user,
        By::Delegate => key_of(account.delegate),
        By::Next => key_of(account.change.and_then(|(next, _)| next)),
        By::AnyDelegate(index) => DELEGATES[index],
        By::Stranger => 5,
    };
    let epoch = account.epoch.saturating_add_signed(epoch.into());
    let here = (contract.chain.id(), contract.chain.contract());
    let mut account = id;
    let (chain, address) = match place {
        Place::Here => here,
        Place::OtherProvider => {
            account.provider = contract.address(9);
            here
        }
        Place::OtherChain => (here.0 + 1, here.1),
        Place::OtherContract => (here.0, contract.address(9)),
    };
    let voucher = Voucher { account, epoch, cumulative: Neuron::new(cumulative) };
    let hash = voucher.signing_hash(&VoucherDomain::new(chain, address));
    let signature = contract.keys[key].sign_hash_sync(&hash).unwrap();
    let signature = zgserve_tui::domain::Signature::new(signature.as_bytes()).unwrap();
    let (r, s) = signature.compact();
    let bytes: [u8; 64] = [r, s].concat().try_into().expect("64 bytes");
    if (chain, address) == here {
        let by = contract.address(key);
        papers.signatures.insert(bytes, Signed { by, account, epoch, cumulative });
    }
    bytes
}

impl Sum {
    fn of(self, account: &Account) -> u128 {
        let (settled, balance) = (account.settled, account.balance);
        let sum = match self {
            Sum::Share(percent) => settled + (balance / 100 * u128::from(percent)).max(1),
            Sum::Above(more) => settled + u128::from(more),
            Sum::Same => settled,
            Sum::Below(less) => settled.saturating_sub(less.into()),
            Sum::Beyond(more) => settled + balance + u128::from(more),
            Sum::Most => MOST,
        };
        sum.min(MOST)
    }
}

impl Claim {
    fn of(self, cumulative: u128) -> u128 {
        match self {
            Claim::All => cumulative,
            Claim::Less(less) => cumulative.saturating_sub(less.into()),
            Claim::More(more) => (cumulative + u128::from(more)).min(MOST),
            Claim::Nothing => 0,
            Claim::Most => MOST,
        }
    }
}

impl Spoil {
    fn apply(self, row: &mut [u8]) {
        match self {
            Spoil::Nothing => {}
            Spoil::Twin => {
                let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
                let order = U256::from_str_radix(order, 16).unwrap();
                let parity = row[80] & 0x80;
                row[80] &= 0x7f;
                let s = order - U256::from_be_slice(&row[80..]);
                // A high s has no room for the parity; what is left of it is a wrong one.
                row[80..].copy_from_slice(&B256::from(s).0);
                row[80] |= parity ^ 0x80;
            }
            Spoil::Parity => row[80] ^= 0x80,
            Spoil::Bit(bit) => row[usize::from(bit / 8)] ^= 1 << (bit % 8),
            Spoil::Zeros => row[48..].fill(0),
        }
    }
}
