//! A book with as many users as somebody wants, for benches: no store, no chain.

use std::sync::Arc;

use super::vouchers::Page;
use super::vouchers::book::Book;
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, RequestId, Signature, SignedVoucher, Timestamp, Voucher,
};

const PROVIDER: Address = Address::repeat_byte(0xee);
const FEE: u128 = 700;

/// The provider's book at work.
#[derive(Debug)]
pub struct Books {
    book: Arc<Book>,
    users: u64,
    turn: u64,
    signature: Signature,
    now: Timestamp,
}

impl Books {
    /// With so many users, each with a deposit that lasts. `signature` is put under every voucher; nobody verifies it.
    pub fn new(users: u64, signature: Signature) -> Books {
        let book = Book::new(Neuron::new(1_000), 64);
        for number in 0..users {
            book.restore(Page {
                account: ChainAccount {
                    id: account(number),
                    balance: Neuron::MAX,
                    settled: Neuron::ZERO,
                    epoch: 0,
                    delegate: None,
                    rotation: None,
                    refund: None,
                },
                block: 1,
                owed: Neuron::ZERO,
                carried: Neuron::ZERO,
                reserved: Neuron::ZERO,
                in_flight: 0,
                best: None,
                debt_since: None,
                doubt: None,
            });
        }
        Books { book, users, turn: 0, signature, now: Timestamp::from_seconds(1_795_000_000) }
    }

    /// One request through the book: its voucher is taken, its fee held, booked and given back. False when refused.
    pub fn admit(&mut self) -> bool {
        let users = self.users.max(1);
        let id = account(self.turn % users);
        let before = u128::from(self.turn / users);
        self.turn += 1;
        let owed = Neuron::new((before + 1).saturating_mul(FEE));
        let voucher = Voucher { account: id, epoch: 0, cumulative: owed };
        let news = self.book.voucher(SignedVoucher { voucher, signature: self.signature });
        let mut request = [0; 32];
        request[..8].copy_from_slice(&self.turn.to_be_bytes());
        let fee = Neuron::new(FEE);
        let reserved = self.book.reserve(id.user, RequestId::new(request), fee, self.now, || 600);
        let Ok(mut reservation) = reserved else { return false };
        reservation.row_written();
        reservation.booked(owed, self.now);
        news
    }
}

fn account(number: u64) -> AccountId {
    let mut bytes = [1; 20];
    // Spread as addresses are.
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    AccountId { user: Address::from(bytes), provider: PROVIDER }
}
