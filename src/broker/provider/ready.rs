//! Whether this broker could serve a paid request and be paid for it, and why not.
//!
//! A chain that cannot be read does not stop requests of accounts that were read before: the rules of admission bound what
//! is lent, and vouchers stay good. So it is told beside.
//!
//! Strangers may ask, so nothing is said but which part does not work: the owner's overview has the rest.

use super::core::ProviderBroker;
use crate::domain::{Neuron, Obstacle, Readiness};

impl ProviderBroker {
    /// All reasons why no paid request should come here now, and what else does not work.
    pub async fn readiness(&self) -> Readiness {
        let core = &self.core;
        let health = core.health.view();
        // A request writes again what the probe may have found long ago.
        let writes = core.writes.ask().await;
        // Strangers ask, so a chain that does not answer is not asked again for each of them.
        let gas = health.chain.is_some() || core.wallet_lately().await != Some(Neuron::ZERO);
        let seen = Seen {
            stopping: core.tasks.stopping(),
            writes: writes.is_ok() && health.store.is_none(),
            chain: health.chain.is_none(),
            block: core.block.lock().is_some(),
            listed: core.services.listing.is_read(),
            dead: !core.tasks.broken().is_empty(),
            gas,
        };
        seen.readiness()
    }
}

/// What was looked at; true is good, but for the first and `dead`.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stopping: bool,
    writes: bool,
    chain: bool,
    block: bool,
    listed: bool,
    dead: bool,
    /// True too while it is not known.
    gas: bool,
}

impl Seen {
    fn readiness(self) -> Readiness {
        let away = (!self.chain, "chain_unreachable", "the chain cannot be read");
        let all = [
            (self.stopping, "stopping", "the broker is stopping"),
            (!self.writes, "store", "the broker cannot write its books down, and serves nothing meanwhile"),
            (!self.block, "chain_not_read", "the chain was not read yet"),
            (!self.listed, "services_not_read", "the services were not read from the chain yet"),
            (self.dead, "task_died", "a part of the broker has died; only a restart brings it back"),
            (!self.gas, "no_gas", "the provider's wallet has nothing for gas, so nothing can be settled"),
        ];
        let of = |found: &[(bool, &'static str, &str)]| {
            let found = found.iter().filter(|(holds, ..)| *holds);
            found.map(|(_, code, says)| Obstacle::new(code, *says)).collect()
        };
        Readiness { obstacles: of(&all), degraded: of(&[away]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_named() {
        let well = Seen {
            stopping: false,
            writes: true,
            chain: true,
            block: true,
            listed: true,
            dead: false,
            gas: true,
        };
        let codes = |seen: Seen| {
            let found = seen.readiness().obstacles;
            found.iter().map(|obstacle| obstacle.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(well), [""; 0]);
        let table = [
            (Seen { stopping: true, ..well }, "stopping"),
            (Seen { writes: false, ..well }, "store"),
            (Seen { block: false, ..well }, "chain_not_read"),
            (Seen { listed: false, ..well }, "services_not_read"),
            (Seen { dead: true, ..well }, "task_died"),
            (Seen { gas: false, ..well }, "no_gas"),
        ];
        for (seen, code) in table {
            assert_eq!((codes(seen), seen.readiness().degraded), (vec![code], Vec::new()));
        }
        let away = Seen { chain: false, ..well };
        assert_eq!((codes(away), away.readiness().degraded[0].code), (Vec::new(), "chain_unreachable"));
    }
}
