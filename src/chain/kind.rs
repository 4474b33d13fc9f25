//! What kind of chain an id stands for, and what is believed of a node because of it.
//!
//! On a development chain its one owner sets the clock, deploys contracts of the day's work and runs providers on the
//! same machine. Everywhere else the node is a stranger: its blocks are of about now, and the contract is the one that
//! this program was built for.

use std::time::Duration;

/// A chain of the one who develops on it, or one that others live on too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    Development,
    Public,
}

impl ChainKind {
    /// By the ids that development nodes have unless told otherwise: Ganache and geth `--dev`, and Hardhat, Anvil and the
    /// embedded devnet. No public chain has either.
    pub const fn of(id: u64) -> ChainKind {
        match id {
            1_337 | 31_337 => ChainKind::Development,
            _ => ChainKind::Public,
        }
    }

    /// Blocks from further ahead than this are a lie or a broken clock.
    ///
    /// With a false time a node could end the wait for refunds and delegates before it is over, or make this program think
    /// so. An hour is far beyond what honest clocks differ by; development chains are turned years ahead by their tests.
    pub const fn most_ahead(self) -> Duration {
        match self {
            ChainKind::Development => Duration::from_secs(10 * 365 * 86_400),
            ChainKind::Public => Duration::from_secs(3_600),
        }
    }

    /// Whether a contract may be used whose code is not ours, without anybody having said so.
    pub const fn takes_any_code(self) -> bool {
        matches!(self, ChainKind::Development)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ids_of_development_nodes_are_trusted() {
        for (id, kind) in [
            (1_337, ChainKind::Development),
            (31_337, ChainKind::Development),
            (1, ChainKind::Public),
            (16_600, ChainKind::Public),
            (16_601, ChainKind::Public),
            (0, ChainKind::Public),
            (u64::MAX, ChainKind::Public),
        ] {
            assert_eq!(ChainKind::of(id), kind, "{id}");
        }
        assert!(ChainKind::Public.most_ahead() <= Duration::from_secs(3_600));
        assert!(!ChainKind::Public.takes_any_code());
    }
}
