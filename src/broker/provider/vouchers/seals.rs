//! Who seals requests with a tag: the signer of the voucher that goes with them, and the key shared with it.
//!
//! A voucher names its signer's public key by its signature; from then on the shared key is known, and requests that bring
//! the same voucher cost no work on the curve at all. Kept for each user: one key, and the two vouchers seen last,
//! because requests that left before a newer voucher was pushed still bring the older one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::voucher::SignatureError;
use crate::domain::{Address, SignedVoucher, VoucherDomain};
use crate::keys::{SharedKey, Wallet};

/// Shared keys by user.
#[derive(Debug)]
pub struct Seals {
    wallet: Arc<Wallet>,
    domain: VoucherDomain,
    known: Mutex<HashMap<Address, Known>>,
}

#[derive(Debug)]
struct Known {
    signer: Signer,
    vouchers: [SignedVoucher; 2],
}

/// Whoever signed a voucher.
#[derive(Clone, Debug)]
pub(in crate::broker::provider) struct Signer {
    pub address: Address,
    pub shared: Arc<SharedKey>,
}

impl Seals {
    pub fn new(wallet: Arc<Wallet>, domain: VoucherDomain) -> Self {
        Seals { wallet, domain, known: Mutex::default() }
    }

    /// Who signed a voucher. It says nothing about whether that key may.
    pub(in crate::broker::provider) fn signer(
        &self,
        voucher: &SignedVoucher,
    ) -> Result<Signer, SignatureError> {
        let account = voucher.voucher.account;
        if let Some(known) = self.known.lock().get(&account.user)
            && known.vouchers.contains(voucher)
        {
            return Ok(known.signer.clone());
        }
        let public = voucher.signature.public_key(voucher.voucher.signing_hash(&self.domain))?;
        let address = public.address();
        if let Some(known) = self.known.lock().get(&account.user)
            && known.signer.address == address
        {
            return Ok(known.signer.clone());
        }
        let shared = Arc::new(self.wallet.shared_with(&public, account, &self.domain));
        Ok(Signer { address, shared })
    }

    /// Keeps the signer of a voucher. Only of one that may sign on the account: everybody else could fill our memory.
    pub(in crate::broker::provider) fn keep(&self, voucher: &SignedVoucher, signer: &Signer) {
        let mut known = self.known.lock();
        let user = voucher.voucher.account.user;
        match known.get_mut(&user) {
            Some(known) if known.signer.address == signer.address => {
                if !known.vouchers.contains(voucher) {
                    let [newest, _] = known.vouchers;
                    known.vouchers = [*voucher, newest];
                }
            }
            _ => {
                known.insert(user, Known { signer: signer.clone(), vouchers: [*voucher; 2] });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{AccountId, Neuron, Voucher};

    fn voucher(key: &Wallet, account: AccountId, cumulative: u128, domain: &VoucherDomain) -> SignedVoucher {
        let voucher = Voucher { account, epoch: 0, cumulative: Neuron::new(cumulative) };
        SignedVoucher { voucher, signature: key.sign(voucher.signing_hash(domain)).unwrap() }
    }

    #[test]
    fn a_voucher_is_known_by_all_of_it_and_not_by_its_signature() {
        let domain = VoucherDomain::new(7, Address::repeat_byte(9));
        let (user, provider) = (Wallet::random().unwrap(), Arc::new(Wallet::random().unwrap()));
        let account = AccountId { user: user.address(), provider: provider.address() };
        let seals = Seals::new(provider, domain.clone());
        let mut vouchers = Vec::new();
        for cumulative in 1..=3 {
            let voucher = voucher(&user, account, cumulative, &domain);
            let signer = seals.signer(&voucher).unwrap();
            assert_eq!(signer.address, user.address());
            seals.keep(&voucher, &signer);
            vouchers.push(voucher);
        }
        assert_eq!(seals.known.lock()[&user.address()].vouchers, [vouchers[2], vouchers[1]]);
        // The same signature under another sum is somebody else's, or nobody's.
        let mut raised = vouchers[2];
        raised.voucher.cumulative = Neuron::new(1_000);
        assert!(seals.signer(&raised).map_or(true, |signer| signer.address != user.address()));
        let first = seals.signer(&vouchers[0]).unwrap();
        assert!(Arc::ptr_eq(&first.shared, &seals.signer(&vouchers[2]).unwrap().shared));
    }
}
