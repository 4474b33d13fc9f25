//! The world state: balances, nonces, code, storage, and enough of the past to step back.
//!
//! A block's effect is a [`Changes`] value (a forward difference). [`State::apply`] writes it into the maps and
//! keeps what was there before as a layer. A [`View`] reads any recent block by looking through the
//! layers above it first, so 64 blocks of history cost what those blocks changed, not 64 copies.
//! Stepping back is taking layers off again.

use std::collections::{BTreeMap, HashMap, VecDeque};

use alloy::primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Keccak256, U256};
use revm::state::{Bytecode, EvmState};
use serde::{Deserialize, Serialize};

/// Blocks below the head whose state can still be read and returned to.
pub(super) const HISTORY: u64 = 64;

/// Layers kept at most: changes made between blocks (`anvil_setBalance`) also take one each.
const MAX_LAYERS: usize = 4096;

/// What an account is, apart from its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Info {
    pub balance: U256,
    pub nonce: u64,
    pub code_hash: B256,
}

impl Info {
    pub fn with_balance(balance: U256) -> Self {
        Info { balance, nonce: 0, code_hash: KECCAK256_EMPTY }
    }
}

/// What one block did to one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AccountChange {
    /// The account afterwards; none if it no longer exists.
    pub after: Option<Info>,
    /// Storage from before is gone (created anew, or destroyed).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleared: bool,
    /// Slots written; zero frees the slot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<U256, U256>,
}

/// What one block did to the state. Ordered maps, so that the same changes always read the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changes {
    pub accounts: BTreeMap<Address, AccountChange>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<B256, Bytes>,
}

impl Changes {
    /// Adds what one transaction did, after the ones already in.
    pub fn absorb(&mut self, state: EvmState) {
        for (address, account) in state {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() || account.is_empty() {
                // Touching an address that never existed changes nothing.
                if !account.is_loaded_as_not_existing() || self.accounts.contains_key(&address) {
                    let gone = AccountChange { after: None, cleared: true, storage: BTreeMap::new() };
                    self.accounts.insert(address, gone);
                }
                continue;
            }
            let change = self.accounts.entry(address).or_default();
            if account.is_created() {
                change.cleared = true;
                change.storage.clear();
                if let Some(code) = &account.info.code
                    && !code.is_empty()
                {
                    self.codes.insert(account.info.code_hash, code.original_bytes());
                }
            }
            for (slot, value) in account.changed_storage_slots() {
                change.storage.insert(*slot, value.present_value());
            }
            change.after = Some(Info {
                balance: account.info.balance,
                nonce: account.info.nonce,
                code_hash: account.info.code_hash,
            });
        }
    }

    /// The state root that goes into a header: keccak of the parent's root and of these changes. It names the
    /// state (equal histories give equal roots) but is no Merkle root: computing one would cost the size
    /// of the whole state per block, and nothing here serves `eth_getProof`.
    pub fn root(&self, parent: B256) -> B256 {
        let mut hash = Keccak256::new();
        hash.update(parent);
        for (address, change) in &self.accounts {
            hash.update(address);
            hash.update([u8::from(change.after.is_some()), u8::from(change.cleared)]);
            if let Some(info) = &change.after {
                hash.update(info.balance.to_be_bytes::<32>());
                hash.update(info.nonce.to_be_bytes());
                hash.update(info.code_hash);
            }
            for (slot, value) in &change.storage {
                hash.update(slot.to_be_bytes::<32>());
                hash.update(value.to_be_bytes::<32>());
            }
        }
        hash.finalize()
    }
}

#[derive(Debug)]
struct Stored {
    info: Info,
    storage: HashMap<U256, U256>,
}

/// What a change overwrote.
#[derive(Debug)]
struct Layer {
    /// The head once the change was in.
    block: u64,
    accounts: HashMap<Address, Option<Info>>,
    storage: HashMap<(Address, U256), U256>,
}

/// The state at the head, and the layers below it.
#[derive(Debug, Default)]
pub(super) struct State {
    accounts: HashMap<Address, Stored>,
    codes: HashMap<B256, Bytecode>,
    layers: VecDeque<Layer>,
    /// Changes in force since the start; names a moment for [`State::undo`].
    applied: u64,
    /// The lowest block whose state can still be read.
    floor: u64,
}

impl State {
    /// A state that starts as `all`, at block `number`, with nothing before it.
    pub fn starting_as(all: &Changes, number: u64) -> Self {
        let mut state = State::default();
        state.apply(all, number);
        state.layers.clear();
        state.applied = 0;
        state.floor = number;
        state
    }

    /// Everything, as the changes that would make it from nothing.
    pub fn whole(&self) -> Changes {
        let accounts = self.accounts.iter().map(|(address, stored)| {
            let storage = stored.storage.iter().map(|(slot, value)| (*slot, *value)).collect();
            (*address, AccountChange { after: Some(stored.info), cleared: false, storage })
        });
        let codes = self.codes.iter().map(|(hash, code)| (*hash, code.original_bytes()));
        Changes { accounts: accounts.collect(), codes: codes.collect() }
    }

    /// Puts `changes` in force, `block` being the head afterwards.
    pub fn apply(&mut self, changes: &Changes, block: u64) {
        let mut layer = Layer { block, accounts: HashMap::new(), storage: HashMap::new() };
        for (hash, code) in &changes.codes {
            self.codes.entry(*hash).or_insert_with(|| Bytecode::new_legacy(code.clone()));
        }
        for (address, change) in &changes.accounts {
            let before = self.accounts.get(address).map(|stored| stored.info);
            layer.accounts.insert(*address, before);
            if change.cleared
                && let Some(stored) = self.accounts.get_mut(address)
            {
                layer.storage.extend(stored.storage.drain().map(|(slot, value)| ((*address, slot), value)));
            }
            let Some(info) = &change.after else {
                self.accounts.remove(address);
                continue;
            };
            let stored = self
                .accounts
                .entry(*address)
                .or_insert_with(|| Stored { info: *info, storage: HashMap::new() });
            stored.info = *info;
            for (slot, value) in &change.storage {
                let before = write_slot(&mut stored.storage, *slot, *value);
                layer.storage.entry((*address, *slot)).or_insert(before);
            }
        }
        self.layers.push_back(layer);
        self.applied += 1;
        while let Some(oldest) = self.layers.front()
            && (oldest.block + HISTORY <= block || self.layers.len() > MAX_LAYERS)
        {
            self.floor = oldest.block;
            self.layers.pop_front();
        }
    }

    /// Takes the newest `count` changes back. False, and nothing done, if they are too many.
    pub fn undo(&mut self, count: usize) -> bool {
        if count > self.layers.len() {
            return false;
        }
        for layer in self.layers.drain(self.layers.len() - count..).rev() {
            for (address, before) in layer.accounts {
                match before {
                    None => {
                        self.accounts.remove(&address);
                    }
                    Some(info) => {
                        self.accounts
                            .entry(address)
                            .or_insert_with(|| Stored { info, storage: HashMap::new() })
                            .info = info;
                    }
                }
            }
            for ((address, slot), value) in layer.storage {
                if let Some(stored) = self.accounts.get_mut(&address) {
                    write_slot(&mut stored.storage, slot, value);
                }
            }
            self.applied -= 1;
        }
        true
    }

    /// How many changes lie above block `number`; none if its state is no longer kept.
    pub fn changes_above(&self, number: u64) -> Option<usize> {
        (number >= self.floor).then(|| self.layers.len() - self.layers_up_to(number))
    }

    /// How many changes lie above the moment at which [`State::applied`] said `applied`; none if it is too old
    /// or was itself taken back.
    pub fn changes_since(&self, applied: u64) -> Option<usize> {
        let count = usize::try_from(self.applied.checked_sub(applied)?).ok()?;
        (count <= self.layers.len()).then_some(count)
    }

    /// A name for the present moment, for [`State::changes_since`].
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The state at the head.
    pub fn head(&self) -> View<'_> {
        View { state: self, first: self.layers.len(), pending: None }
    }

    /// The state right after block `number`; none if it is no longer kept.
    pub fn at(&self, number: u64) -> Option<View<'_>> {
        (number >= self.floor).then(|| View { state: self, first: self.layers_up_to(number), pending: None })
    }

    fn layers_up_to(&self, number: u64) -> usize {
        self.layers.partition_point(|layer| layer.block <= number)
    }
}

/// Sets a slot (zero frees it) and returns what it held.
fn write_slot(storage: &mut HashMap<U256, U256>, slot: U256, value: U256) -> U256 {
    let before = if value.is_zero() { storage.remove(&slot) } else { storage.insert(slot, value) };
    before.unwrap_or_default()
}

/// The state as of one block, possibly with changes that are not in a block yet on top.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    state: &'a State,
    /// The first layer to look behind.
    first: usize,
    pending: Option<&'a Changes>,
}

impl<'a> View<'a> {
    /// The same, after `changes`.
    pub fn after(self, changes: &'a Changes) -> Self {
        View { pending: Some(changes), ..self }
    }

    pub fn info(&self, address: Address) -> Option<Info> {
        if let Some(change) = self.pending.and_then(|changes| changes.accounts.get(&address)) {
            return change.after;
        }
        for layer in self.state.layers.range(self.first..) {
            if let Some(before) = layer.accounts.get(&address) {
                return *before;
            }
        }
        self.state.accounts.get(&address).map(|stored| stored.info)
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.info(address).map(|info| info.balance).unwrap_or_default()
    }

    pub fn nonce(&self, address: Address) -> u64 {
        self.info(address).map(|info| info.nonce).unwrap_or_default()
    }

    pub fn slot(&self, address: Address, slot: U256) -> U256 {
        if let Some(change) = self.pending.and_then(|changes| changes.accounts.get(&address)) {
            if let Some(value) = change.storage.get(&slot) {
                return *value;
            }
            if change.cleared {
                return U256::ZERO;
            }
        }
        for layer in self.state.layers.range(self.first..) {
            if let Some(before) = layer.storage.get(&(address, slot)) {
                return *before;
            }
        }
        let stored = self.state.accounts.get(&address);
        stored.and_then(|stored| stored.storage.get(&slot).copied()).unwrap_or_default()
    }

    /// The code with this hash; empty if there is none.
    pub fn code(&self, hash: B256) -> Bytecode {
        if hash == KECCAK256_EMPTY {
            return Bytecode::default();
        }
        if let Some(code) = self.state.codes.get(&hash) {
            return code.clone();
        }
        let pending = self.pending.and_then(|changes| changes.codes.get(&hash));
        pending.map(|code| Bytecode::new_legacy(code.clone())).unwrap_or_default()
    }

    /// The code of an account, as deployed.
    pub fn code_of(&self, address: Address) -> Bytes {
        self.info(address).map(|info| self.code(info.code_hash).original_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(address: u8, balance: u64, slots: &[(u64, u64)]) -> Changes {
        let storage = slots.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect();
        let info = Info::with_balance(U256::from(balance));
        let change = AccountChange { after: Some(info), cleared: false, storage };
        Changes { accounts: [(Address::repeat_byte(address), change)].into(), codes: BTreeMap::new() }
    }

    #[test]
    fn every_recent_block_reads_as_it_was_and_undo_restores_it() {
        let mut state = State::starting_as(&set(1, 100, &[(7, 70)]), 0);
        for block in 1..=100u64 {
            state.apply(&set(1, 100 + block, &[(7, block), (block, 1)]), block);
        }
        let who = Address::repeat_byte(1);
        assert!(state.at(35).is_none(), "65 blocks back is gone");
        for block in 36..=100u64 {
            let view = state.at(block).unwrap_or_else(|| state.head());
            assert_eq!(view.balance(who), U256::from(100 + block));
            assert_eq!(view.slot(who, U256::from(7)), U256::from(block));
            assert_eq!(view.slot(who, U256::from(101)), U256::ZERO);
            assert_eq!(view.slot(who, U256::from(block + 1)), U256::ZERO, "written later");
        }
        let back = state.changes_above(90);
        assert_eq!(back, Some(10));
        assert!(state.undo(10));
        assert_eq!(state.head().balance(who), U256::from(190));
        assert_eq!(state.head().slot(who, U256::from(95)), U256::ZERO);
        assert!(!state.undo(55), "only 54 layers are left");
        assert_eq!(State::starting_as(&state.whole(), 90).whole(), state.whole());
    }

    #[test]
    fn a_destroyed_account_comes_back_with_its_storage() {
        let mut state = State::starting_as(&set(1, 5, &[(1, 11), (2, 22)]), 0);
        let before = state.whole();
        let gone = AccountChange { after: None, cleared: true, storage: BTreeMap::new() };
        let changes = Changes { accounts: [(Address::repeat_byte(1), gone)].into(), codes: BTreeMap::new() };
        state.apply(&changes, 1);
        assert_eq!(state.head().info(Address::repeat_byte(1)), None);
        assert_eq!(state.head().slot(Address::repeat_byte(1), U256::ONE), U256::ZERO);
        let old = state.at(0).map(|view| view.slot(Address::repeat_byte(1), U256::ONE));
        assert_eq!(old, Some(U256::from(11)));
        assert!(state.undo(1));
        assert_eq!(state.whole(), before);
    }
}
