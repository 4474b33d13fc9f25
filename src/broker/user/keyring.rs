//! Which key signs for which account: the delegate's where we hold it, else the wallet's.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::crash_point::{self, Point};
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, PublicKey, RequestAuth, Seal, SealedReceipt, SealedRequestAuth,
    SignedRequestAuth, SignedVoucher, Voucher, VoucherDomain,
};
use crate::keys::{DelegateId, DelegateKeys, KeyError, SharedKey, Wallet};

/// The key that signs for one account, and what was made with it last.
#[derive(Clone, Debug)]
struct Signer {
    key: Arc<Wallet>,
    /// What it shares with the provider, whose public key it belongs to.
    shared: Option<(PublicKey, Arc<SharedKey>)>,
    /// The voucher that was signed last: the same one goes with many requests.
    voucher: Option<SignedVoucher>,
}

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
    signers: Mutex<HashMap<Address, Signer>>,
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
        let delegate = self.delegates.get_or_create(self.id(provider)).await?.address();
        crash_point::pass(Point::DelegateMade);
        Ok(delegate)
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
            Some(key)
                if signers.get(&provider).is_some_and(|signer| signer.key.address() == key.address()) => {}
            Some(key) => {
                signers.insert(provider, Signer { key, shared: None, voucher: None });
            }
            None => {
                signers.remove(&provider);
            }
        }
        Ok(())
    }

    /// Whether there is a key for any account.
    pub fn signs(&self) -> bool {
        !self.signers.lock().is_empty()
    }

    pub fn can_sign(&self, provider: Address) -> bool {
        self.signers.lock().contains_key(&provider)
    }

    fn signer(&self, provider: Address) -> Option<Signer> {
        self.signers.lock().get(&provider).cloned()
    }

    /// Signs a voucher; `None` without a key. The caller has `cumulative` on disk as authorized.
    pub fn voucher(
        &self,
        provider: Address,
        epoch: u32,
        cumulative: Neuron,
    ) -> Result<Option<SignedVoucher>, KeyError> {
        let Some(signer) = self.signer(provider) else { return Ok(None) };
        let voucher = Voucher { account: self.account(provider), epoch, cumulative };
        if let Some(last) = signer.voucher.filter(|last| last.voucher == voucher) {
            return Ok(Some(last));
        }
        let signature = signer.key.sign(voucher.signing_hash(&self.domain))?;
        let signed = SignedVoucher { voucher, signature };
        self.update(provider, &signer.key, |signer| signer.voucher = Some(signed));
        Ok(Some(signed))
    }

    /// Seals leave to serve one request: with the key shared with a provider that has told its public key, else with a
    /// signature. `None` without a key.
    pub fn authorize(
        &self,
        auth: RequestAuth,
        provider_key: Option<PublicKey>,
    ) -> Result<Option<SealedRequestAuth>, KeyError> {
        let provider = auth.account.provider;
        if let Some(shared) = provider_key.and_then(|public| self.shared(provider, public)) {
            return Ok(Some(shared.seal_request(auth)));
        }
        let Some(signer) = self.signer(provider) else { return Ok(None) };
        let signature = signer.key.sign(auth.signing_hash(&self.domain))?;
        Ok(Some(SignedRequestAuth { auth, signature }.into()))
    }

    /// Whether a receipt bears the seal of its provider. A tag counts under a key that was used for sealing before: who
    /// got no tag has no reason to answer with one.
    pub fn is_sealed_by_provider(&self, sealed: &SealedReceipt) -> bool {
        let provider = sealed.receipt.account.provider;
        match &sealed.seal {
            Seal::Signature(_) => sealed.signer(&self.domain) == Ok(provider),
            Seal::Tag(tag) => {
                let shared = self.signers.lock().get(&provider).and_then(|signer| signer.shared.clone());
                shared.is_some_and(|(_, key)| key.sealed_receipt(&sealed.receipt, tag))
            }
        }
    }

    /// The key shared with a provider, if `public` is the provider's.
    fn shared(&self, provider: Address, public: PublicKey) -> Option<Arc<SharedKey>> {
        let signer = self.signer(provider)?;
        if let Some((known, shared)) = &signer.shared
            && *known == public
        {
            return Some(Arc::clone(shared));
        }
        if public.address() != provider {
            return None;
        }
        let shared = Arc::new(signer.key.shared_with(&public, self.account(provider), &self.domain));
        self.update(provider, &signer.key, |signer| signer.shared = Some((public, Arc::clone(&shared))));
        Some(shared)
    }

    /// Changes what is remembered of a key, if it is still the one of its account.
    fn update(&self, provider: Address, key: &Wallet, change: impl FnOnce(&mut Signer)) {
        if let Some(signer) = self.signers.lock().get_mut(&provider)
            && signer.key.address() == key.address()
        {
            change(signer);
        }
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
