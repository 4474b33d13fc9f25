//! A book with as many accounts as somebody wants, for benches: no store, no chain.

use super::book::{Ask, Book};
use super::caps::Caps;
use crate::domain::{AccountId, Address, ChainAccount, Neuron, RequestId};

const DAY: u64 = 20_000;

/// The user's book at work.
#[derive(Debug)]
pub struct Books {
    book: Book,
    accounts: u64,
    turn: u64,
    caps: Caps,
}

impl Books {
    /// With so many accounts, each with a deposit that lasts. `capped`: under a cap for the day and one in all, which
    /// are about every account.
    pub fn new(accounts: u64, capped: bool) -> Books {
        let mut book = Book::default();
        for number in 0..accounts {
            let provider = provider(number);
            let account = ChainAccount {
                id: AccountId { user: Address::ZERO, provider },
                balance: Neuron::MAX,
                settled: Neuron::ZERO,
                epoch: 0,
                delegate: None,
                rotation: None,
                refund: None,
            };
            book.restore(provider, Neuron::ZERO, Neuron::ZERO);
            book.set_chain(provider, Some(account), 1);
        }
        let cap = capped.then_some(Neuron::MAX);
        let caps = Caps { per_day: cap, total: cap, ..Caps::default() };
        Books { book, accounts, turn: 0, caps }
    }

    /// One request through the book, from its hold to its fee, of one account after the other. False when refused.
    pub fn pay(&mut self) -> bool {
        self.turn += 1;
        let provider = provider(self.turn % self.accounts.max(1));
        let mut request = [0; 32];
        request[..8].copy_from_slice(&self.turn.to_be_bytes());
        let request = RequestId::new(request);
        let ask = Ask {
            provider,
            request,
            wanted: Neuron::new(1_000),
            least: Neuron::new(10),
            credit_limit: Neuron::new(500),
            caps: self.caps,
            max_exposure: None,
            day: DAY,
        };
        let Ok(grant) = self.book.reserve(&ask) else { return false };
        self.book.written(provider, request, grant.voucher);
        self.book.carried(provider, grant.voucher);
        self.book.finish(provider, request, Neuron::new(700), DAY);
        true
    }
}

fn provider(number: u64) -> Address {
    let mut bytes = [1; 20];
    // Spread as addresses are.
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Address::from(bytes)
}
