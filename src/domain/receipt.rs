//! The provider's signed statement of one request: what went in and out, what it cost, what is owed in all.

use std::sync::LazyLock;

use alloy::primitives::{Address, B256};

use super::voucher::{SignatureError, type_hash};
use super::{AccountId, Fee, Neuron, RequestId, Signature, Units, VoucherDomain};

mod typed {
    use alloy::sol;
    sol! {
        struct Receipt {
            bytes32 requestId; address user; address provider; bytes32 bodyHash; bytes32 responseHash;
            uint64 inputUnits; uint64 outputUnits; uint128 inputFee; uint128 outputFee; uint128 owed; uint8 status;
        }
    }
}

static RECEIPT_TYPE: LazyLock<B256> = LazyLock::new(type_hash::<typed::Receipt>);

/// How the answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReceiptStatus {
    Complete = 0,
    /// The caller left; what had been delivered is charged.
    CutByCaller = 1,
    /// The service failed; nothing is charged for output that did not arrive.
    UpstreamFailed = 2,
    /// The highest fee was reached, so the provider ended the answer.
    CutAtMaxFee = 3,
}

impl ReceiptStatus {
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Complete, Self::CutByCaller, Self::UpstreamFailed, Self::CutAtMaxFee]
            .into_iter()
            .find(|status| *status as u8 == code)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            ReceiptStatus::Complete => "complete",
            ReceiptStatus::CutByCaller => "cut_by_caller",
            ReceiptStatus::UpstreamFailed => "upstream_failed",
            ReceiptStatus::CutAtMaxFee => "cut_at_max_fee",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub request: RequestId,
    pub account: AccountId,
    /// SHA-256 of the request body.
    pub body_hash: B256,
    /// SHA-256 of the answer's body bytes as delivered, before anything that a broker appended.
    pub response_hash: B256,
    pub input: Units,
    pub output: Units,
    pub fee: Fee,
    /// The sum of all fees of this account, this one included.
    pub owed: Neuron,
    pub status: ReceiptStatus,
}

impl Receipt {
    pub fn signing_hash(&self, domain: &VoucherDomain) -> B256 {
        domain.hash(*RECEIPT_TYPE, &self.typed())
    }

    fn typed(&self) -> typed::Receipt {
        typed::Receipt {
            requestId: B256::from(*self.request.bytes()),
            user: self.account.user,
            provider: self.account.provider,
            bodyHash: self.body_hash,
            responseHash: self.response_hash,
            inputUnits: self.input.0,
            outputUnits: self.output.0,
            inputFee: self.fee.input.get(),
            outputFee: self.fee.output.get(),
            owed: self.owed.get(),
            status: self.status as u8,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    pub receipt: Receipt,
    pub signature: Signature,
}

impl SignedReceipt {
    pub fn signer(&self, domain: &VoucherDomain) -> Result<Address, SignatureError> {
        self.signature.signer(self.receipt.signing_hash(domain))
    }
}
