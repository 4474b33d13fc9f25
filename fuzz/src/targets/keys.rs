//! Well-known keys of the targets, and signatures by them.

use std::sync::OnceLock;

use zgserve_tui::domain::{
    Address, B256, RequestAuth, SealedRequestAuth, Signature, SignedRequestAuth, SignedVoucher, Voucher,
    VoucherDomain,
};
use zgserve_tui::keys::{Secret, Wallet};

/// Who signs: the user, the delegate, the next delegate, a stranger.
pub const KEYS: usize = 4;

pub fn wallet(which: usize) -> &'static Wallet {
    static WALLETS: OnceLock<Vec<Wallet>> = OnceLock::new();
    let all = WALLETS.get_or_init(|| {
        (1..=KEYS).map(|n| Wallet::from_hex(&Secret::new(format!("{n:064x}"))).unwrap()).collect()
    });
    &all[which % KEYS]
}

pub fn address(which: usize) -> Address {
    wallet(which).address()
}

pub fn sign(which: usize, hash: B256) -> Signature {
    wallet(which).sign(hash).unwrap()
}

pub fn voucher(which: usize, voucher: Voucher, domain: &VoucherDomain) -> SignedVoucher {
    SignedVoucher { voucher, signature: sign(which, voucher.signing_hash(domain)) }
}

pub fn authorisation(which: usize, auth: RequestAuth, domain: &VoucherDomain) -> SealedRequestAuth {
    SignedRequestAuth { signature: sign(which, auth.signing_hash(domain)), auth }.into()
}

/// The other encoding of the same signature, which mathematics allows and nobody may accept: `s` from the other half
/// of the order, the parity turned.
pub fn twin(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba,
        0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let mut twin = signature.to_vec();
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let digit = i16::from(ORDER[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(digit < 0);
        twin[32 + at] = digit.rem_euclid(256) as u8;
    }
    twin[64] = if signature[64] == 27 { 28 } else { 27 };
    twin
}
