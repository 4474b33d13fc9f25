//! What can be done on the chain: each [`Call`] becomes receiver, value and data of one transaction.

use alloy::primitives::aliases::{U40, U112};
use alloy::primitives::{Address, Bytes, TxKind, U256};
use alloy::sol_types::SolCall;

use super::contract::{Serving, deployment, or_zero};
use crate::domain::{Neuron, OperationKind, Prices, ServiceKind, ServiceName, SignedVoucher};

/// Bytes of one settlement row: user 20, cumulative 14, claim 14, r 32, yParity and s 32.
pub const SETTLE_ROW: usize = 112;

/// One on-chain action of the key's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    AddAccount {
        provider: Address,
        delegate: Option<Address>,
        value: Neuron,
    },
    Deposit {
        provider: Address,
        value: Neuron,
    },
    /// `None` removes the delegate.
    SetDelegate {
        provider: Address,
        delegate: Option<Address>,
    },
    RequestRefund {
        provider: Address,
        amount: Neuron,
    },
    CancelRefund {
        provider: Address,
    },
    ProcessRefund {
        provider: Address,
    },
    /// Adds the service or replaces the one of that name.
    PutService {
        name: ServiceName,
        kind: ServiceKind,
        url: String,
        model: String,
        prices: Prices,
    },
    RemoveService {
        name: ServiceName,
    },
    /// The provider takes what the rows claim; rows that do not count are skipped by the contract.
    Settle {
        rows: Vec<SettleRow>,
    },
    /// Puts a new Serving contract on the chain; the outcome carries its address. Seconds, at most 365 days.
    Deploy {
        lock_time: u64,
    },
    /// Plain money, to somebody else.
    Transfer {
        to: Address,
        value: Neuron,
    },
}

/// One user's voucher in a settlement, and how far the provider takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleRow {
    pub voucher: SignedVoucher,
    /// All that is owed by now; held to the voucher's sum.
    pub claim: Neuron,
}

impl SettleRow {
    /// The row as the contract reads it. Amounts are held to 112 bits; no account can hold more.
    pub fn encode(&self) -> [u8; SETTLE_ROW] {
        let amount = |neuron: Neuron| neuron.min(Neuron::MAX).get().to_be_bytes();
        let voucher = &self.voucher.voucher;
        let (r, y_parity_and_s) = self.voucher.signature.compact();
        let mut row = [0; SETTLE_ROW];
        row[..20].copy_from_slice(voucher.account.user.as_slice());
        row[20..34].copy_from_slice(&amount(voucher.cumulative)[2..]);
        row[34..48].copy_from_slice(&amount(self.claim.min(voucher.cumulative))[2..]);
        row[48..80].copy_from_slice(&r);
        row[80..].copy_from_slice(&y_parity_and_s);
        row
    }
}

/// A transaction without what is the sender's business (nonce, gas, fees, signature).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    pub to: TxKind,
    pub value: U256,
    pub input: Bytes,
}

impl Call {
    pub fn kind(&self) -> OperationKind {
        match self {
            Call::AddAccount { .. } => OperationKind::CreateAccount,
            Call::Deposit { .. } => OperationKind::Deposit,
            Call::SetDelegate { .. } => OperationKind::SetDelegate,
            Call::RequestRefund { .. } => OperationKind::RequestRefund,
            Call::CancelRefund { .. } => OperationKind::CancelRefund,
            Call::ProcessRefund { .. } => OperationKind::ProcessRefund,
            Call::PutService { .. } => OperationKind::PutService,
            Call::RemoveService { .. } => OperationKind::RemoveService,
            Call::Settle { .. } => OperationKind::Settle,
            Call::Deploy { .. } => OperationKind::Deploy,
            Call::Transfer { .. } => OperationKind::Transfer,
        }
    }

    /// The call as a transaction to the contract at that address.
    pub fn intent(&self, contract: Address) -> Intent {
        let paying = |value: Neuron, input: Vec<u8>| Intent {
            to: TxKind::Call(contract),
            value: U256::from(value.get()),
            input: input.into(),
        };
        let free = |input: Vec<u8>| paying(Neuron::ZERO, input);
        match self {
            Call::AddAccount { provider, delegate, value } => paying(
                *value,
                Serving::addAccountCall { provider: *provider, delegate: or_zero(*delegate) }.abi_encode(),
            ),
            Call::Deposit { provider, value } => {
                paying(*value, Serving::depositFundCall { provider: *provider }.abi_encode())
            }
            Call::SetDelegate { provider, delegate } => free(
                Serving::setDelegateCall { provider: *provider, delegate: or_zero(*delegate) }.abi_encode(),
            ),
            Call::RequestRefund { provider, amount } => {
                let amount = U112::saturating_from(amount.get());
                free(Serving::requestRefundCall { provider: *provider, amount }.abi_encode())
            }
            Call::CancelRefund { provider } => {
                free(Serving::cancelRefundCall { provider: *provider }.abi_encode())
            }
            Call::ProcessRefund { provider } => {
                free(Serving::processRefundCall { provider: *provider }.abi_encode())
            }
            Call::PutService { name, kind, url, model, prices } => free(
                Serving::addOrUpdateServiceCall {
                    name: name.to_string(),
                    serviceType: kind.to_string(),
                    url: url.clone(),
                    model: model.clone(),
                    inputPrice: prices.input.get(),
                    outputPrice: prices.output.get(),
                }
                .abi_encode(),
            ),
            Call::RemoveService { name } => {
                free(Serving::removeServiceCall { name: name.to_string() }.abi_encode())
            }
            Call::Settle { rows } => {
                let rows: Vec<u8> = rows.iter().flat_map(SettleRow::encode).collect();
                free(Serving::settleFeesCall { rows: rows.into() }.abi_encode())
            }
            Call::Deploy { lock_time } => {
                let lock_time = U40::saturating_from(*lock_time).to();
                Intent { to: TxKind::Create, value: U256::ZERO, input: deployment(lock_time) }
            }
            Call::Transfer { to, value } => {
                Intent { to: TxKind::Call(*to), value: U256::from(value.get()), input: Bytes::new() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{AccountId, Signature, Voucher};

    #[test]
    fn a_row_has_its_fields_where_the_contract_reads_them() {
        let mut signature = [0u8; 65];
        signature[..32].fill(0xaa);
        signature[32..64].fill(0x11);
        signature[64] = 28;
        let voucher = Voucher {
            account: AccountId { user: Address::repeat_byte(5), provider: Address::repeat_byte(6) },
            epoch: 9,
            cumulative: Neuron::new(0x0102_0304),
        };
        let voucher = SignedVoucher { voucher, signature: Signature::new(signature).unwrap() };
        let row = SettleRow { voucher, claim: Neuron::new(u128::MAX) }.encode();
        assert_eq!(row[..20], [5; 20]);
        assert_eq!(row[30..34], [1, 2, 3, 4]);
        assert_eq!(row[34..48], row[20..34], "a claim above the voucher is held to it");
        assert_eq!(row[48..80], [0xaa; 32]);
        assert_eq!((row[80], row[81]), (0x91, 0x11), "the parity is the top bit of s");
    }
}
