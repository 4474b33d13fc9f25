//! Which key signs for which account: the delegate's where we hold it, else the wallet's.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, RequestAuth, SignedRequestAuth, SignedVoucher, Voucher,
    VoucherDomain,
};
use crate::keys::{DelegateId, DelegateKeys, KeyError, Wallet};

/// The keys of one user on one contract.
#[derive(Debug)]
pub(super) struct Keyring {
    user: Address,
    domain: VoucherDomain,
    chain_id: u64,
    contract: Address,
    wallet: Option<Arc<Wallet>>,
    delegates: DelegateKeys,
    /// The key that the chain takes for each account, as of the last read.
    signers: Mutex<HashMap<Address, Arc<Wallet>>>,
}

impl Keyring {
    pub fn new(
        user: Address,
        (chain_id, contract): (u64, Address),
        wallet: Option<Arc<Wallet>>,
        delegates: DelegateKeys,
    ) -> Self {
        let domain = VoucherDomain::new(chain_id, contract);
        Keyring { user, domain, chain_id, contract, wallet, delegates, signers: Mutex::default() }
    }

    pub fn domain(&self) -> &VoucherDomain {
        &self.domain
    }

    /// The delegate key for a new account, on the disk before its address is named to anybody.
    pub async fn new_delegate(&self, provider: Address) -> Result<Address, KeyError> {
        Ok(self.delegates.get_or_create(self.id(provider)).await?.address())
    }

    /// Finds the key for an account as the chain has it now.
    pub async fn refresh(&self, account: &ChainAccount) -> Result<(), KeyError> {
        let provider = account.id.provider;
        let held = match account.delegate {
            Some(delegate) => {
                self.delegates.get(self.id(provider)).await?.filter(|key| key.address() == delegate)
            }
            None => None,
        };
        let signer = held.or_else(|| self.wallet.clone());
        let mut signers = self.signers.lock();
        match signer {
            Some(key) => signers.insert(provider, key),
            None => signers.remove(&provider),
        };
        Ok(())
    }

    pub fn can_sign(&self, provider: Address) -> bool {
        self.signers.lock().contains_key(&provider)
    }

    fn signer(&self, provider: Address) -> Option<Arc<Wallet>> {
        self.signers.lock().get(&provider).cloned()
    }

    /// Signs a voucher; `None` without a key. The caller has `cumulative` on disk as authorized.
    pub fn voucher(
        &self,
        provider: Address,
        epoch: u32,
        cumulative: Neuron,
    ) -> Result<Option<SignedVoucher>, KeyError> {
        let Some(key) = self.signer(provider) else { return Ok(None) };
        let voucher = Voucher { account: self.account(provider), epoch, cumulative };
        let signature = key.sign(voucher.signing_hash(&self.domain))?;
        Ok(Some(SignedVoucher { voucher, signature }))
    }

    /// Signs leave to serve one request; `None` without a key.
    pub fn authorize(&self, auth: RequestAuth) -> Result<Option<SignedRequestAuth>, KeyError> {
        let Some(key) = self.signer(auth.account.provider) else { return Ok(None) };
        let signature = key.sign(auth.signing_hash(&self.domain))?;
        Ok(Some(SignedRequestAuth { auth, signature }))
    }

    /// Whether a voucher bears the signature of a key of ours for this account and epoch.
    pub fn is_own(&self, signed: &SignedVoucher, account: &ChainAccount) -> bool {
        signed.voucher.account == account.id
            && signed.voucher.epoch == account.epoch
            && signed.signer(&self.domain).is_ok_and(|signer| account.may_sign(signer))
    }

    pub fn account(&self, provider: Address) -> AccountId {
        AccountId { user: self.user, provider }
    }

    fn id(&self, provider: Address) -> DelegateId {
        DelegateId { chain_id: self.chain_id, contract: self.contract, account: self.account(provider) }
    }
}
