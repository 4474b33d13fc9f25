//! The Serving contract as Rust types, made from its compiled artifact. Private to `chain`.
//!
//! Nothing outside this folder sees these types: reads come out as `domain` values (`read`), writes go in as
//! [`Call`](super::Call), refusals come out as [`Revert`](super::Revert).

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::{SolCall, SolValue};
use serde::Deserialize;

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

/// What the constructor fills into the deployed code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Immutables {
    pub chain_id: u64,
    pub separator: B256,
    /// Seconds.
    pub lock_time: u64,
}

/// Whether `code` is the contract's deployed code with these values, each of them at every place where the code has it: one
/// that locks refunds for another time than it says is not ours.
pub(super) fn is_our_code(code: &[u8], immutables: &Immutables) -> bool {
    deployed(immutables).is_some_and(|ours| code == ours)
}

fn deployed(immutables: &Immutables) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Artifact {
        /// Offsets of 32-byte words by the names of the variables; written by `contracts/build.mjs`.
        immutables: BTreeMap<String, Vec<usize>>,
    }
    let artifact: Artifact = serde_json::from_str(include_str!("../../contracts/Serving.json")).ok()?;
    let mut code = Serving::DEPLOYED_BYTECODE.to_vec();
    for (name, places) in artifact.immutables {
        let word: B256 = match name.as_str() {
            "_deploymentChainId" => U256::from(immutables.chain_id).into(),
            "_deploymentSeparator" => immutables.separator,
            "lockTime" => U256::from(immutables.lock_time).into(),
            _ => return None,
        };
        for at in places {
            code.get_mut(at..at + 32)?.copy_from_slice(word.as_slice());
        }
    }
    Some(code)
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
    fn code_is_ours_with_the_values_that_it_says() {
        let values = Immutables { chain_id: 16_601, separator: B256::repeat_byte(0x5e), lock_time: 86_400 };
        let ours = deployed(&values).unwrap();
        assert!(is_our_code(&ours, &values));
        assert!(!is_our_code(&ours, &Immutables { lock_time: 86_401, ..values }));
        assert!(!is_our_code(&ours, &Immutables { chain_id: 1, ..values }));
        // It says a day, and locks refunds for no time at all: each of the places counts.
        let word: B256 = U256::from(86_400).into();
        let places: Vec<usize> = (0..ours.len() - 32).filter(|at| ours[*at..at + 32] == word[..]).collect();
        assert_eq!(places.len(), 3);
        for at in places {
            let mut other = ours.clone();
            other[at..at + 32].fill(0);
            assert!(!is_our_code(&other, &values));
        }
        let mut other = ours.clone();
        other[10] ^= 1;
        assert!(!is_our_code(&other, &values));
        assert!(!is_our_code(&ours[1..], &values));
        assert!(!is_our_code(&[], &values));
    }

    #[test]
    fn deployment_carries_its_argument() {
        let code = deployment(86_400);
        assert_eq!(code.len(), Serving::BYTECODE.len() + 32);
        assert_eq!(&code[code.len() - 3..], &[0x01, 0x51, 0x80]);
    }
}
