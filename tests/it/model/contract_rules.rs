//! What the contract must do, told without a contract: the payment protocol's on-chain half on one page.
//!
//! A user opens an **account** with one provider by a first deposit. Off chain, the user (or a **delegate**, a key that it
//! named for this account) signs **vouchers**: "the provider may have taken `cumulative` in all". The provider turns vouchers
//! into money by **settling**: it is paid the difference between what it claims, at most `cumulative`, and what was
//! `settled` before. Since sums are all-time, a voucher may come in any order, twice, or never.
//!
//! Deposits come back by a **refund**, which waits for the lock time; settlement goes first meanwhile. A delegate is replaced
//! after the same time, which begins a new **epoch**: vouchers of the old one stay good until then and are void afterwards.

use std::collections::BTreeMap;

use alloy::primitives::keccak256;
use zgserve_tui::chain::{Call, EventKind, SETTLE_ROW};
use zgserve_tui::domain::{
    AccountId, Address, ChainAccount, Neuron, PendingRefund, Rotation, Service, Timestamp,
};

/// No account can ever have had more than this: what it holds and what it has paid fit 112 bits together.
const MOST: u128 = (1 << 112) - 1;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What is left of the deposits, pending refund included.
    pub balance: u128,
    /// All that the provider was ever paid. Never falls.
    pub settled: u128,
    /// All that ever came in, and all that went back to the user.
    pub deposited: u128,
    pub refunded: u128,
    pub epoch: u32,
    pub delegate: Option<Address>,
    /// Who becomes the delegate, and when. That moment begins the next epoch.
    pub change: Option<(Option<Address>, u64)>,
    pub refund: Option<Refund>,
    /// How many refunds there were.
    pub refunds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    pub amount: u128,
    pub asked_at: u64,
    pub unlocks_at: u64,
}

/// What a key has signed: these words and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    pub by: Address,
    pub account: AccountId,
    pub epoch: u32,
    pub cumulative: u128,
}

/// All good signatures ever made for this contract on this chain, by their 64 bytes. Anything else is nobody's.
pub type Signatures = BTreeMap<[u8; 64], Signed>;

/// A transaction of somebody.
#[derive(Clone, Debug)]
pub enum Act {
    /// Anything but a settlement.
    Call(Call),
    /// A settlement by its raw rows, which may be nonsense.
    Settle(Vec<u8>),
}

/// Why the contract refuses: the error's signature, as its first four bytes name it.
pub type Refusal = &'static str;

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub lock: u64,
    pub accounts: BTreeMap<AccountId, Account>,
    pub services: BTreeMap<(Address, String), Service>,
    /// The newest version of every name there ever was.
    pub versions: BTreeMap<(Address, String), u64>,
    /// What everybody owns outside the contract, less what they began with.
    pub owns: BTreeMap<Address, i128>,
}

impl Account {
    /// The account as it counts at a moment: a change that has come due is done.
    fn at(&self, now: u64) -> Account {
        match self.change {
            Some((next, from)) if now >= from => {
                Account { delegate: next, epoch: self.epoch + 1, change: None, ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    fn may_sign(&self, account: AccountId, signer: Address) -> bool {
        signer == account.user || self.delegate == Some(signer)
    }

    /// The account as the program reads it from the chain.
    pub fn shown(&self, id: AccountId, now: u64) -> ChainAccount {
        let now = self.at(now);
        ChainAccount {
            id,
            balance: Neuron::new(now.balance),
            settled: Neuron::new(now.settled),
            epoch: now.epoch,
            delegate: now.delegate,
            rotation: now
                .change
                .map(|(delegate, from)| Rotation { delegate, active_at: Timestamp::from_seconds(from) }),
            refund: now.refund.map(|refund| PendingRefund {
                index: now.refunds,
                amount: Neuron::new(refund.amount),
                created_at: Timestamp::from_seconds(refund.asked_at),
                unlock_at: Timestamp::from_seconds(refund.unlocks_at),
            }),
        }
    }
}

impl Ledger {
    /// The account as it counts now; an empty one where there is none.
    pub fn account(&self, id: AccountId, now: u64) -> Account {
        self.accounts.get(&id).map_or_else(Account::default, |account| account.at(now))
    }

    /// `who` does something. Either all of it happens, and the events tell of it, or nothing.
    pub fn apply(
        &mut self,
        who: Address,
        act: &Act,
        now: u64,
        signatures: &Signatures,
    ) -> Result<Vec<EventKind>, Refusal> {
        match act {
            Act::Settle(rows) => self.settle(who, rows, now, signatures),
            Act::Call(Call::PutService { .. } | Call::RemoveService { .. }) => self.list(who, act, now),
            Act::Call(call) => self.move_money(who, call, now).map(|event| vec![event]),
        }
    }

    fn move_money(&mut self, user: Address, call: &Call, now: u64) -> Result<EventKind, Refusal> {
        const NOT_FOUND: Refusal = "AccountNotFound(address,address)";
        let lock = self.lock;
        let (provider, value) = match *call {
            Call::AddAccount { provider, value, .. } | Call::Deposit { provider, value } => {
                (provider, value.get())
            }
            Call::SetDelegate { provider, .. }
            | Call::RequestRefund { provider, .. }
            | Call::CancelRefund { provider }
            | Call::ProcessRefund { provider } => (provider, 0),
            _ => panic!("the model does not send {call:?}"),
        };
        let id = AccountId { user, provider };
        if let Call::AddAccount { delegate, .. } = *call {
            match value {
                _ if provider.is_zero() => return Err("ZeroAddress()"),
                0 => return Err("ZeroAmount()"),
                _ if value > MOST => return Err("AmountTooLarge()"),
                _ if self.accounts.contains_key(&id) => return Err("AccountExists(address,address)"),
                _ => {}
            }
            let delegate = delegate.filter(|delegate| !delegate.is_zero());
            let opened = Account { balance: value, deposited: value, delegate, ..Account::default() };
            self.accounts.insert(id, opened);
            self.owe(user, value, -1);
            return Ok(EventKind::AccountAdded { account: id, delegate, balance: Neuron::new(value) });
        }
        let account = self.accounts.get_mut(&id).ok_or(NOT_FOUND)?;
        let balance = account.balance;
        match *call {
            Call::Deposit { .. } => {
                if value == 0 {
                    return Err("ZeroAmount()");
                }
                if value > MOST - balance - account.settled {
                    return Err("AmountTooLarge()");
                }
                account.balance += value;
                account.deposited += value;
                let event = EventKind::Deposited {
                    account: id,
                    amount: Neuron::new(value),
                    balance: Neuron::new(account.balance),
                };
                self.owe(user, value, -1);
                Ok(event)
            }
            Call::SetDelegate { delegate, .. } => {
                *account = account.at(now);
                let active_at = if account.delegate.is_none() {
                    // Nobody's vouchers are at stake, so the first delegate counts at once.
                    account.delegate = delegate;
                    now
                } else {
                    account.change = Some((delegate, now + lock));
                    now + lock
                };
                let epoch = account.epoch + u32::from(account.change.is_some());
                let active_at = Timestamp::from_seconds(active_at);
                Ok(EventKind::DelegateChanged { account: id, delegate, epoch, active_at })
            }
            Call::RequestRefund { amount, .. } => {
                let amount = amount.get();
                if amount == 0 {
                    return Err("ZeroAmount()");
                }
                if amount > balance {
                    return Err("InsufficientBalance(address,address,uint112)");
                }
                let fresh = Refund { amount, asked_at: now, unlocks_at: now + lock };
                let refund = match account.refund {
                    // Lowering keeps the clock.
                    Some(pending) if amount <= pending.amount => Refund { amount, ..pending },
                    Some(_) => fresh,
                    None => {
                        account.refunds += 1;
                        fresh
                    }
                };
                account.refund = Some(refund);
                Ok(EventKind::RefundRequested {
                    account: id,
                    index: account.refunds,
                    amount: Neuron::new(amount),
                    unlock_at: Timestamp::from_seconds(refund.unlocks_at),
                })
            }
            Call::CancelRefund { .. } => {
                let pending = account.refund.take().ok_or("RefundNotFound(address,address)")?;
                let amount = Neuron::new(pending.amount);
                Ok(EventKind::RefundCanceled { account: id, index: account.refunds, amount })
            }
            Call::ProcessRefund { .. } => {
                let pending = account.refund.ok_or("RefundNotFound(address,address)")?;
                if now < pending.unlocks_at {
                    return Err("RefundLocked(address,address,uint40)");
                }
                // Settlement went first; what it left is paid, and the refund is over in any case.
                let paid = pending.amount.min(balance);
                account.refund = None;
                account.balance -= paid;
                account.refunded += paid;
                let (index, left) = (account.refunds, account.balance);
                self.owe(user, paid, 1);
                Ok(EventKind::RefundProcessed {
                    account: id,
                    index,
                    amount: Neuron::new(paid),
                    balance: Neuron::new(left),
                })
            }
            _ => unreachable!("told apart above"),
        }
    }

    /// Each row by itself: a bad one pays nothing and changes nothing for the others.
    fn settle(
        &mut self,
        provider: Address,
        rows: &[u8],
        now: u64,
        signatures: &Signatures,
    ) -> Result<Vec<EventKind>, Refusal> {
        if !rows.len().is_multiple_of(SETTLE_ROW) {
            return Err("BadLength()");
        }
        let mut events = Vec::new();
        for row in rows.chunks(SETTLE_ROW) {
            let sum = |from: usize| {
                row[from..from + 14].iter().fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte))
            };
            let id = AccountId { user: Address::from_slice(&row[..20]), provider };
            let (cumulative, claim) = (sum(20), sum(34));
            let signature: [u8; 64] = row[48..].try_into().expect("64 bytes are left");
            let Some(account) = self.accounts.get_mut(&id) else { continue };
            let counts = account.at(now);
            let good = signatures.get(&signature).is_some_and(|signed| {
                let says = Signed { by: signed.by, account: id, epoch: counts.epoch, cumulative };
                *signed == says && counts.may_sign(id, signed.by)
            });
            let due = claim.min(cumulative).saturating_sub(account.settled);
            let paid = due.min(account.balance);
            if !good || paid == 0 {
                continue;
            }
            account.balance -= paid;
            account.settled += paid;
            let settled = Neuron::new(account.settled);
            assert!(account.settled <= cumulative, "I3: never more than was signed in this epoch");
            self.owe(provider, paid, 1);
            events.push(EventKind::Settled { account: id, paid: Neuron::new(paid), settled });
        }
        Ok(events)
    }

    fn list(&mut self, provider: Address, act: &Act, now: u64) -> Result<Vec<EventKind>, Refusal> {
        match act {
            Act::Call(Call::PutService { name, kind, url, model, prices }) => {
                let key = (provider, name.to_string());
                let version = self.versions.get(&key).map_or(now, |last| now.max(last + 1));
                let service = Service {
                    provider,
                    name: name.clone(),
                    kind: *kind,
                    url: url.clone(),
                    model: model.clone(),
                    prices: *prices,
                    version,
                };
                self.versions.insert(key.clone(), version);
                self.services.insert(key, service.clone());
                Ok(vec![EventKind::ServiceUpdated(service)])
            }
            Act::Call(Call::RemoveService { name }) => {
                let gone = self.services.remove(&(provider, name.to_string()));
                gone.ok_or("ServiceNotFound(address,string)")?;
                Ok(vec![EventKind::ServiceRemoved { provider, name: name.to_string() }])
            }
            _ => unreachable!("told apart above"),
        }
    }

    fn owe(&mut self, who: Address, amount: u128, sign: i128) {
        *self.owns.entry(who).or_default() += sign * i128::try_from(amount).expect("112 bits fit");
    }
}

/// The four bytes by which a refusal begins.
pub fn selector(refusal: Refusal) -> String {
    alloy::primitives::hex::encode_prefixed(&keccak256(refusal)[..4])
}
