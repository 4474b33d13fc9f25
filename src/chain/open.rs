//! [`Chain`]: the opened way to one contract on one chain. It knows where to ask and what is fixed; it remembers
//! nothing that can change.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U64};
use alloy::sol_types::SolCall;
use serde_json::json;

use super::block::{BlockRef, Header};
use super::contract::{Serving, is_our_code, returned};
use super::rpc::{At, Rpc};
use super::{ChainError, Endpoint};
use crate::domain::{AccountId, Neuron, Timestamp, Voucher, VoucherDomain};

/// Blocks from further ahead than this are a lie or a broken clock. Test chains do run ahead.
const MOST_AHEAD: u64 = 10 * 365 * 86_400;

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
}

impl ChainSettings {
    pub fn new(endpoint: Endpoint, contract: Address) -> Self {
        let timeout = Duration::from_secs(10);
        ChainSettings { endpoint, contract, chain_id: None, poll: None, timeout, confirmations: 1 }
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
        let found: u64 = rpc.ask::<U64>("eth_chainId", json!([])).await?.to();
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
            ChainError::Revert(_) | ChainError::BadAnswer { .. } => {
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
        let lock_time = self.view(&Serving::lockTimeCall {}, At::Latest).await.map_err(foreign)?;
        if !is_our_code(&code) {
            tracing::warn!(%address, "the contract answers as a Serving contract but has other code than ours");
        }
        Ok(lock_time.to())
    }

    pub fn id(&self) -> u64 {
        self.0.id
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
        sane(header.ok_or_else(empty)?)
    }

    /// The block of that height, if the node has one.
    pub async fn block(&self, number: u64) -> Result<Option<BlockRef>, ChainError> {
        Ok(self.header(number).await?.map(|header| header.block()))
    }

    pub(super) async fn header(&self, number: u64) -> Result<Option<Header>, ChainError> {
        let height = format!("{number:#x}");
        let header: Option<Header> = self.rpc().ask("eth_getBlockByNumber", json!([height, false])).await?;
        let header = header.map(sane).transpose()?;
        if header.as_ref().is_some_and(|header| header.block().number != number) {
            let reason = "it is about another block than asked".to_owned();
            return Err(ChainError::BadAnswer { method: "eth_getBlockByNumber", reason });
        }
        Ok(header)
    }

    /// Calls a view function of the contract.
    pub(super) async fn view<C: SolCall>(&self, call: &C, at: At) -> Result<C::Return, ChainError> {
        let data = self.rpc().call(self.contract(), call.abi_encode().into(), at).await?;
        if data.is_empty() {
            // Calls to an address without code succeed and return nothing.
            return Err(ChainError::BadAnswer { method: "eth_call", reason: "it is empty".to_owned() });
        }
        returned::<C>("eth_call", &data)
    }
}

fn sane(header: Header) -> Result<Header, ChainError> {
    if header.block().time > Timestamp::now().plus_seconds(MOST_AHEAD) {
        let reason = format!("block {} is said to be of {}", header.block().number, header.block().time);
        return Err(ChainError::BadAnswer { method: "eth_getBlockByNumber", reason });
    }
    Ok(header)
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({} {} at {})", self.id(), self.contract(), self.endpoint_name())
    }
}
