//! What a node says to a transaction that is broadcast. Nodes have no codes for it, only words.

use crate::chain::ChainError;
use crate::chain::rpc::is_known_transaction;

/// The meaning of the answer to `eth_sendRawTransaction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The node has it, now or since before.
    Accepted,
    /// No answer, or none that says anything: it may be on its way.
    Uncertain,
    /// A transaction with this nonce is in the chain already. It may be ours.
    NonceUsed,
    /// Another transaction with this nonce waits in the pool, and ours does not pay enough to replace it.
    NonceContested,
    /// The fees are too low for the node to keep it.
    Underpriced,
    /// The address cannot pay for it.
    NoFunds,
    /// The node passes nothing on whose gas may cost so much, whoever pays for it.
    AboveNodeCap(String),
    /// Refused for another reason, which is final for this transaction.
    Refused(String),
}

pub(super) fn verdict(answer: &Result<(), ChainError>) -> Verdict {
    let message = match answer {
        Ok(()) => return Verdict::Accepted,
        Err(ChainError::Refused { message, .. }) => message.clone(),
        Err(ChainError::Revert(revert)) => return Verdict::Refused(revert.to_string()),
        Err(_) => return Verdict::Uncertain,
    };
    let words = message.to_ascii_lowercase();
    let says = |any: &[&str]| any.iter().any(|text| words.contains(text));
    if is_known_transaction(&message) {
        Verdict::Accepted
    } else if says(&["exceeds the configured cap"]) {
        Verdict::AboveNodeCap(message)
    } else if says(&[
        "nonce too low",
        "nonce is too low",
        "oldnonce",
        "nonce has already been used",
        "invalid nonce",
        "nonce too small",
    ]) {
        Verdict::NonceUsed
    } else if says(&["replacement", "could not replace", "same nonce"]) {
        Verdict::NonceContested
    } else if says(&[
        "underpriced",
        "less than block base fee",
        "feetoolow",
        "fee too low",
        "gas price too low",
        "max fee per gas less",
        "tip too low",
    ]) {
        Verdict::Underpriced
    } else if says(&["insufficient funds", "insufficient balance", "lack of funds"]) {
        Verdict::NoFunds
    } else if says(&[
        "nonce too high",
        "nonce gap",
        "txpool is full",
        "too many pending",
        "limit exceeded",
        "pool limit",
        "internal error",
        "timeout",
        "try again",
    ]) {
        // Not now, but the same bytes may do later.
        Verdict::Uncertain
    } else {
        Verdict::Refused(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_nodes() {
        let of = |message: &str| {
            let (method, code) = ("eth_sendRawTransaction", -32000);
            verdict(&Err(ChainError::Refused { method, code, message: message.to_owned() }))
        };
        // geth, reth, Nethermind, Besu, anvil, Ethermint.
        for text in [
            "already known",
            "AlreadyKnown",
            "Known transaction",
            "transaction already imported",
            "tx already in mempool",
        ] {
            assert_eq!(of(text), Verdict::Accepted, "{text}");
        }
        for text in [
            "nonce too low: next nonce 5, tx nonce 3",
            "OldNonce",
            "invalid nonce; got 3, expected 5",
            "Nonce too low",
        ] {
            assert_eq!(of(text), Verdict::NonceUsed, "{text}");
        }
        for text in ["replacement transaction underpriced", "ReplacementNotAllowed"] {
            assert_eq!(of(text), Verdict::NonceContested, "{text}");
        }
        for text in
            ["transaction underpriced: tip needed 1", "max fee per gas less than block base fee", "FeeTooLow"]
        {
            assert_eq!(of(text), Verdict::Underpriced, "{text}");
        }
        assert_eq!(of("insufficient funds for gas * price + value"), Verdict::NoFunds);
        assert_eq!(of("txpool is full"), Verdict::Uncertain);
        assert!(matches!(of("invalid sender"), Verdict::Refused(_)));
        let cap = "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)";
        assert_eq!(of(cap), Verdict::AboveNodeCap(cap.to_owned()));
        let endpoint = "x".to_owned();
        assert_eq!(verdict(&Err(ChainError::Busy { endpoint })), Verdict::Uncertain);
    }
}
