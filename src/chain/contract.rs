//! The Serving contract as Rust types, made from its compiled artifact. Private to `chain`.
//!
//! Nothing outside this folder sees these types: reads come out as `domain` values (`read`), writes go in as
//! [`Call`](super::Call), refusals come out as [`Revert`](super::Revert).

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::{SolCall, SolValue};

use super::ChainError;

mod abi {
    #![allow(clippy::all, missing_docs, reason = "made by a macro from the contract's artifact")]
    alloy::sol!(Serving, "contracts/Serving.json");
}

pub(super) use abi::Serving;

/// Creation code with the constructor's argument, ready to be sent.
pub(super) fn deployment(lock_time: u64) -> Bytes {
    let mut code = Serving::BYTECODE.to_vec();
    code.extend_from_slice(&U256::from(lock_time).abi_encode());
    code.into()
}

/// Reads what a view function returned.
pub(super) fn returned<C: SolCall>(method: &'static str, data: &[u8]) -> Result<C::Return, ChainError> {
    C::abi_decode_returns(data)
        .map_err(|error| ChainError::BadAnswer { method, reason: format!("{error} ({} bytes)", data.len()) })
}

/// Whether `code` is the contract's deployed code. Immutable values were filled in at deployment: they stand in
/// 32-byte words that are zero in the artifact.
pub(super) fn is_our_code(code: &[u8]) -> bool {
    let ours: &[u8] = &Serving::DEPLOYED_BYTECODE;
    if code.len() != ours.len() {
        return false;
    }
    let mut at = 0;
    while at < ours.len() {
        let zeros = ours[at..].iter().take_while(|byte| **byte == 0).count();
        if zeros < 32 {
            let end = at + zeros.max(1);
            if code[at..end] != ours[at..end] {
                return false;
            }
            at = end;
        } else {
            at += zeros;
        }
    }
    true
}

/// An address, with the contract's zero for nobody.
pub(super) fn or_zero(address: Option<Address>) -> Address {
    address.unwrap_or(Address::ZERO)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn code_is_ours_whatever_its_immutables() {
        let ours = Serving::DEPLOYED_BYTECODE.to_vec();
        assert!(is_our_code(&ours));
        let hole = ours.windows(32).position(|word| word.iter().all(|byte| *byte == 0)).unwrap();
        let mut filled = ours.clone();
        filled[hole..hole + 32].fill(7);
        assert!(is_our_code(&filled));
        let mut other = ours.clone();
        other[10] ^= 1;
        assert!(!is_our_code(&other));
        assert!(!is_our_code(&ours[1..]));
        assert!(!is_our_code(&[]));
    }

    #[test]
    fn deployment_carries_its_argument() {
        let code = deployment(86_400);
        assert_eq!(code.len(), Serving::BYTECODE.len() + 32);
        assert_eq!(&code[code.len() - 3..], &[0x01, 0x51, 0x80]);
    }
}
