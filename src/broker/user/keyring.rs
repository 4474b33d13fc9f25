//! Which key signs for which account: the delegate's where we hold it, else the wallet's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::crash_point::{self, Point};
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, PublicKey, RequestAuth, Seal, SealedReceipt, SealedRequestAuth,
    SignedRequestAuth, SignedVoucher, Voucher, VoucherDomain,
};
use crate::keys::{DelegateId, DelegateKeys, KeyError, SharedKey, Wallet};

/// What signs for one account.
#[derive(Clone, Debug)]
enum Signer {
    /// The key of the delegate with this address, by the name of its file. It is read before the first signature: a start
    /// would else read one file for each account.
    Listed(Address),
    Held(Box<Held>),
}

/// The key that signs for one account, and what was made with it last.
#[derive(Clone, Debug)]
struct Held {
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

impl Signer {
    fn of(key: Arc<Wallet>) -> Signer {
        Signer::Held(Box::new(Held { key, shared: None, voucher: None }))
    }

    /// Whether this is, or is going to be, the key with this address.
    fn is(&self, address: Address) -> bool {
        match self {
            Signer::Held(held) => held.key.address() == address,
            Signer::Listed(delegate) => *delegate == address,
        }
    }
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

    /// Finds the keys for accounts as the last run left them. Files of delegates are looked at, and not read yet.
    pub async fn restore(&self, accounts: &[ChainAccount]) -> Result<(), KeyError> {
        let named = accounts.iter().filter(|account| account.delegate.is_some());
        let held = self.delegates.held(named.map(|account| self.id(account.id.provider)).collect()).await?;
        let held: HashSet<Address> = held.into_iter().map(|id| id.account.provider).collect();
        let mut signers = self.signers.lock();
        signers.reserve(accounts.len());
        for account in accounts {
            let provider = account.id.provider;
            let listed = account.delegate.filter(|_| held.contains(&provider)).map(Signer::Listed);
            if let Some(signer) = listed.or_else(|| self.wallet.clone().map(Signer::of)) {
                signers.insert(provider, signer);
            }
        }
        Ok(())
    }

    /// Finds the key for an account as the chain has it now.
    pub async fn refresh(&self, account: &ChainAccount) -> Result<(), KeyError> {
        let provider = account.id.provider;
        if let Some(delegate) = account.delegate
            && self.signers.lock().get(&provider).is_some_and(|signer| signer.is(delegate))
        {
            return Ok(());
        }
        let key = self.key(provider, account.delegate).await?;
        keep(&mut self.signers.lock(), provider, key);
        Ok(())
    }

    /// The delegate's key where we hold it, else the wallet's.
    async fn key(
        &self,
        provider: Address,
        delegate: Option<Address>,
    ) -> Result<Option<Arc<Wallet>>, KeyError> {
        let held = match delegate {
            Some(delegate) => {
                self.delegates.get(self.id(provider)).await?.filter(|key| key.address() == delegate)
            }
            None => None,
        };
        Ok(held.or_else(|| self.wallet.clone()))
    }

    /// Whether there is a key for any account.
    pub fn signs(&self) -> bool {
        !self.signers.lock().is_empty()
    }

    pub fn can_sign(&self, provider: Address) -> bool {
        self.signers.lock().contains_key(&provider)
    }

    /// The key for an account, read now where that was not needed before.
    async fn signer(&self, provider: Address) -> Result<Option<Held>, KeyError> {
        let delegate = match self.signers.lock().get(&provider) {
            None => return Ok(None),
            Some(Signer::Held(held)) => return Ok(Some(Held::clone(held))),
            Some(Signer::Listed(delegate)) => *delegate,
        };
        let key = self.key(provider, Some(delegate)).await?;
        let mut signers = self.signers.lock();
        match signers.get(&provider) {
            Some(Signer::Listed(listed)) if *listed == delegate => Ok(keep(&mut signers, provider, key)),
            // The chain has named another meanwhile: its key signs the next time, as if this had been a moment earlier.
            _ => Ok(key.map(|key| Held { key, shared: None, voucher: None })),
        }
    }

    /// Signs a voucher; `None` without a key. The caller has `cumulative` on disk as authorized.
    pub async fn voucher(
        &self,
        provider: Address,
        epoch: u32,
        cumulative: Neuron,
    ) -> Result<Option<SignedVoucher>, KeyError> {
        let Some(signer) = self.signer(provider).await? else { return Ok(None) };
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
    pub async fn authorize(
        &self,
        auth: RequestAuth,
        provider_key: Option<PublicKey>,
    ) -> Result<Option<SealedRequestAuth>, KeyError> {
        let provider = auth.account.provider;
        let Some(signer) = self.signer(provider).await? else { return Ok(None) };
        if let Some(shared) = provider_key.and_then(|public| self.shared(provider, public, &signer)) {
            return Ok(Some(shared.seal_request(auth)));
        }
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
                let shared = match self.signers.lock().get(&provider) {
                    Some(Signer::Held(held)) => held.shared.clone(),
                    _ => None,
                };
                shared.is_some_and(|(_, key)| key.sealed_receipt(&sealed.receipt, tag))
            }
        }
    }

    /// The key shared with a provider, if `public` is the provider's.
    fn shared(&self, provider: Address, public: PublicKey, signer: &Held) -> Option<Arc<SharedKey>> {
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
    fn update(&self, provider: Address, key: &Wallet, change: impl FnOnce(&mut Held)) {
        if let Some(Signer::Held(signer)) = self.signers.lock().get_mut(&provider)
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

/// Has a key sign for an account, if it does not already; or none.
fn keep(signers: &mut HashMap<Address, Signer>, provider: Address, key: Option<Arc<Wallet>>) -> Option<Held> {
    let Some(key) = key else {
        signers.remove(&provider);
        return None;
    };
    if let Some(Signer::Held(held)) = signers.get(&provider)
        && held.key.address() == key.address()
    {
        return Some(Held::clone(held));
    }
    let held = Held { key, shared: None, voucher: None };
    signers.insert(provider, Signer::Held(Box::new(held.clone())));
    Some(held)
}
