//! [`Chain`]: the opened way to one contract on one chain. It knows where to ask and what is fixed; it remembers
//! nothing that can change.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U64};
use alloy::sol_types::SolCall;
use serde_json::json;

use super::block::{BlockRef, Header};
use super::contract::{Immutables, Serving, is_our_code, returned};
use super::kind::ChainKind;
use super::rpc::{At, Rpc};
use super::{ChainError, Endpoint};
use crate::domain::{AccountId, Neuron, Timestamp, Voucher, VoucherDomain};

/// How a chain is reached and which contract on it is ours.
#[derive(Clone, Debug)]
pub struct ChainSettings {
    pub endpoint: Endpoint,
    pub contract: Address,
    /// The chain that must answer; `None` takes whichever does.
    pub chain_id: Option<u64>,
    /// How often it is looked for new blocks; `None` for the endpoint's default.
    pub poll: Option<Duration>,
    /// The longest wait for one answer.
    pub timeout: Duration,
    /// How many blocks deep (1: in a block at all) something must be before it counts as done.
    pub confirmations: u64,
    /// Takes a contract that answers as a Serving contract though its code is not the one that this program was built
    /// for. On development chains any is taken.
    pub trust_other_contract_code: bool,
}

impl ChainSettings {
    pub fn new(endpoint: Endpoint, contract: Address) -> Self {
        let timeout = Duration::from_secs(10);
        ChainSettings {
            endpoint,
            contract,
            chain_id: None,
            poll: None,
            timeout,
            confirmations: 1,
            trust_other_contract_code: false,
        }
    }
}

/// One Serving contract on one chain. Clones share the connection.
#[derive(Clone)]
pub struct Chain(Arc<Inner>);

struct Inner {
    rpc: Rpc,
    id: u64,
    contract: Address,
    lock_time: u64,
    poll: Duration,
    confirmations: u64,
    settings: ChainSettings,
}

impl Chain {
    /// Opens the way to a contract: the chain has the right id, there is code at the address, it is our contract
    /// and it wants the very vouchers that this program signs.
    pub async fn open(settings: ChainSettings) -> Result<Chain, ChainError> {
        let bare = Self::open_bare(settings).await?;
        let (contract, lock_time) = (bare.contract(), bare.check_contract().await?);
        Ok(bare.with(contract, lock_time))
    }

    /// Opens a chain without looking at a contract: for deploying one and for plain transfers. Reads of the
    /// contract fail until [`Chain::at_contract`] has named one.
    pub async fn open_bare(settings: ChainSettings) -> Result<Chain, ChainError> {
        let rpc = Rpc::new(&settings.endpoint, settings.timeout)?;
        let found = chain_id(&rpc).await?;
        if let Some(expected) = settings.chain_id.filter(|expected| *expected != found) {
            return Err(ChainError::WrongChain { endpoint: rpc.name().to_owned(), expected, found });
        }
        let poll = settings.poll.unwrap_or_else(|| settings.endpoint.default_poll());
        let (contract, confirmations) = (settings.contract, settings.confirmations.max(1));
        Ok(Chain(Arc::new(Inner { rpc, id: found, contract, lock_time: 0, poll, confirmations, settings })))
    }

    /// The same chain with another contract, checked like [`Chain::open`] does.
    pub async fn at_contract(&self, contract: Address) -> Result<Chain, ChainError> {
        let other = self.with(contract, 0);
        let lock_time = other.check_contract().await?;
        Ok(other.with(contract, lock_time))
    }

    /// Asks again which chain answers. Names, balancers and people move addresses while a broker runs; asked before
    /// anything that the node says replaces all that is known.
    pub async fn check_id(&self) -> Result<(), ChainError> {
        let (expected, found) = (self.id(), chain_id(self.rpc()).await?);
        if found == expected {
            return Ok(());
        }
        Err(ChainError::WrongChain { endpoint: self.endpoint_name().to_owned(), expected, found })
    }

    fn with(&self, contract: Address, lock_time: u64) -> Chain {
        let old = &self.0;
        Chain(Arc::new(Inner {
            rpc: old.rpc.clone(),
            id: old.id,
            contract,
            lock_time,
            poll: old.poll,
            confirmations: old.confirmations,
            settings: ChainSettings { contract, ..old.settings.clone() },
        }))
    }

    /// Gives the lock time of the contract, if it is one of ours.
    async fn check_contract(&self) -> Result<u64, ChainError> {
        let address = self.contract();
        let code: Bytes = self.rpc().ask("eth_getCode", json!([address, "latest"])).await?;
        if code.is_empty() {
            return Err(ChainError::NoContract { address });
        }
        let foreign = |error: ChainError| match error {
            ChainError::Revert(_) | ChainError::BadAnswer { .. } | ChainError::NoContract { .. } => {
                ChainError::NotServing { address, reason: "it does not answer as one".to_owned() }
            }
            error => error,
        };
        // The digest of an example voucher covers name, version, chain id, address and the shape of vouchers.
        let id = AccountId { user: Address::repeat_byte(0x11), provider: Address::repeat_byte(0x22) };
        let voucher = Voucher { account: id, epoch: 7, cumulative: Neuron::MAX };
        let digest = Serving::voucherDigestCall {
            user: id.user,
            provider: id.provider,
            epoch: voucher.epoch,
            cumulative: voucher.cumulative.get(),
        };
        let digest: B256 = self.view(&digest, At::Latest).await.map_err(foreign)?;
        if digest != voucher.signing_hash(&self.domain()) {
            let reason = "it wants vouchers of another form than this program signs".to_owned();
            return Err(ChainError::NotServing { address, reason });
        }
        let lock_time = self.view(&Serving::lockTimeCall {}, At::Latest).await.map_err(foreign)?.to();
        let separator = self.domain().separator();
        if !is_our_code(&code, &Immutables { chain_id: self.id(), separator, lock_time }) {
            // Whoever wrote it may pay out deposits as they like, whatever the questions above were answered.
            if !self.kind().takes_any_code() && !self.0.settings.trust_other_contract_code {
                return Err(ChainError::OtherCode { address });
            }
            tracing::warn!(%address, "the contract answers as a Serving contract but has other code than ours");
        }
        Ok(lock_time)
    }

    pub fn id(&self) -> u64 {
        self.0.id
    }

    pub fn kind(&self) -> ChainKind {
        ChainKind::of(self.id())
    }

    pub fn contract(&self) -> Address {
        self.0.contract
    }

    /// What signatures for this contract are bound to.
    pub fn domain(&self) -> VoucherDomain {
        VoucherDomain::new(self.id(), self.contract())
    }

    /// Seconds between asking for a refund or another delegate and its taking effect. Fixed at deployment.
    pub fn lock_time(&self) -> u64 {
        self.0.lock_time
    }

    /// Where the chain is asked, for people; without secrets.
    pub fn endpoint_name(&self) -> &str {
        self.0.rpc.name()
    }

    pub fn poll(&self) -> Duration {
        self.0.poll
    }

    pub fn confirmations(&self) -> u64 {
        self.0.confirmations
    }

    pub(super) fn rpc(&self) -> &Rpc {
        &self.0.rpc
    }

    /// The newest block that the node knows.
    pub async fn head(&self) -> Result<BlockRef, ChainError> {
        self.head_header().await.map(|header| header.block())
    }

    pub(super) async fn head_header(&self) -> Result<Header, ChainError> {
        let header: Option<Header> = self.rpc().ask("eth_getBlockByNumber", json!(["latest", false])).await?;
        let empty = || ChainError::BadAnswer {
            method: "eth_getBlockByNumber",
            reason: "there is no latest block".to_owned(),
        };
        self.sane(header.ok_or_else(empty)?)
    }

    /// The newest block that is as deep as the settings want: what is credited to somebody is read there, since a reorg
    /// may still take back what stands above it.
    pub async fn confirmed_head(&self) -> Result<BlockRef, ChainError> {
        let head = self.head().await?;
        let number = head.number.saturating_sub(self.confirmations() - 1);
        if number == head.number {
            return Ok(head);
        }
        self.block(number).await?.ok_or(ChainError::UnknownBlock(BlockRef { number, ..head }))
    }

    /// The block of that height, if the node has one.
    pub async fn block(&self, number: u64) -> Result<Option<BlockRef>, ChainError> {
        Ok(self.header(number).await?.map(|header| header.block()))
    }

    pub(super) async fn header(&self, number: u64) -> Result<Option<Header>, ChainError> {
        let height = format!("{number:#x}");
        let header: Option<Header> = self.rpc().ask("eth_getBlockByNumber", json!([height, false])).await?;
        let header = header.map(|header| self.sane(header)).transpose()?;
        if header.as_ref().is_some_and(|header| header.block().number != number) {
            let reason = "it is about another block than asked".to_owned();
            return Err(ChainError::BadAnswer { method: "eth_getBlockByNumber", reason });
        }
        Ok(header)
    }

    fn sane(&self, header: Header) -> Result<Header, ChainError> {
        let BlockRef { number, time, .. } = header.block();
        let now = Timestamp::now();
        if time > now.plus_seconds(self.kind().most_ahead().as_secs()) {
            let reason = format!(
                "block {number} is said to be of {time}, while it is {now} here; check this machine's clock, or ask another node"
            );
            return Err(ChainError::BadAnswer { method: "eth_getBlockByNumber", reason });
        }
        Ok(header)
    }

    /// Calls a view function of the contract.
    pub(super) async fn view<C: SolCall>(&self, call: &C, at: At) -> Result<C::Return, ChainError> {
        let data = self.rpc().call(self.contract(), call.abi_encode().into(), at).await?;
        if data.is_empty() {
            // Calls to an address without code succeed and return nothing.
            return Err(ChainError::NoContract { address: self.contract() });
        }
        returned::<C>("eth_call", &data)
    }
}

async fn chain_id(rpc: &Rpc) -> Result<u64, ChainError> {
    Ok(rpc.ask::<U64>("eth_chainId", json!([])).await?.to())
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({} {} at {})", self.id(), self.contract(), self.endpoint_name())
    }
}
