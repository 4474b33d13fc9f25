//! What an operator can set about a provider broker, with the defaults and the reason for each.

use serde::{Deserialize, Serialize};

use crate::broker::retention;
use crate::domain::{Neuron, ServiceKind};

/// Everything that a provider broker can be told. Times are whole seconds, sizes bytes, amounts neuron.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ProviderSettings {
    /// The public base URL of this broker's proxy listener; the chain lists it for every service.
    pub serving_url: String,
    /// A web server of the operator's own stands in front; who asks is whom it names (`X-Forwarded-For`).
    pub behind_proxy: bool,
    /// What a user may owe beyond the best voucher: the most that a user who vanishes can take.
    pub credit_limit: Neuron,
    /// Requests of one user that may run at the same time.
    pub max_in_flight_per_user: usize,
    /// Requests that one user may make in a minute; 0 for any number. What a service takes is set with the service.
    pub requests_per_minute_per_user: u32,
    /// For how long a replaced price stays good for requests that were signed under it.
    pub price_grace: u64,
    /// After the order to stop: how long answers under way may still go on before they are cut and booked.
    pub drain: u64,
    /// How often all accounts are read again from the chain, in case an event was missed.
    pub resync: u64,
    pub body_limits: BodyLimits,
    /// Bytes of request and answer bodies held in memory at a time, over all requests; the rest is on disk or waits.
    pub body_memory: u64,
    /// Bytes of request bodies on disk at a time, over all requests; half of them, or one largest body, of one user.
    pub body_disk: u64,
    pub upstream: UpstreamSettings,
    pub authorisation: AuthorisationSettings,
    pub free: FreeSettings,
    /// Days after which requests that are over and paid are deleted. Unset: never. What they brought stays in all sums.
    pub keep_requests: Option<u64>,
    pub settlement: SettlementSettings,
}

/// The largest request body taken, by type of service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BodyLimits {
    pub chatbot: u64,
    pub zg_storage: u64,
}

impl BodyLimits {
    pub fn of(&self, kind: ServiceKind) -> u64 {
        match kind {
            ServiceKind::Chatbot => self.chatbot,
            ServiceKind::ZgStorage => self.zg_storage,
        }
    }

    /// The largest that any service takes.
    pub fn largest(&self) -> u64 {
        self.chatbot.max(self.zg_storage)
    }
}

/// How long the service behind the broker may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UpstreamSettings {
    pub connect_timeout: u64,
    /// Until the head of the answer. Language models think before they speak.
    pub first_byte_timeout: u64,
    /// Between two pieces of an answer.
    pub idle_timeout: u64,
    /// How often each service is looked at while nobody asks it; 0 for never.
    pub health_interval: u64,
}

/// What a request authorisation may say about time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuthorisationSettings {
    /// The furthest expiry that is taken.
    pub max_lifetime: u64,
    /// How far the user's clock may be off.
    pub clock_skew: u64,
}

/// How much a stranger may ask of the endpoints that cost nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct FreeSettings {
    /// Free requests a second and network address, in the long run.
    pub per_second: u32,
    /// How many may come at once.
    pub burst: u32,
}

/// When the broker settles by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SettlementSettings {
    /// Whether it does so at all; `POST /v1/settle` works in any case.
    pub automatic: bool,
    /// Seconds between two looks at the books. A refund request is looked at when it happens.
    pub check_interval: u64,
    /// Settle once the transaction costs at most this share of what it brings, in basis points (hundredths of a percent).
    pub gas_share_basis_points: u32,
    /// The same share for a debt that is `maxAge` old, or close to its balance. It grows with the age: at twice `maxAge` it
    /// is twice as much, a tenth at most. A debt in danger is settled as long as it brings more than its gas.
    pub old_gas_share_basis_points: u32,
    /// A debt is old after so many seconds, and is settled in the next cheap hour if `oldGasShareBasisPoints` allows it:
    /// when gas costs no more than in the cheapest quarter of the last day, or half of this time later at any price.
    pub max_age: u64,
    /// Settle once one user's unsettled debt passes this. 0 turns the rule off.
    pub risk_limit: Neuron,
    /// Settle once a user's unsettled debt is this share of what is left in the account, in percent.
    pub balance_share_percent: u32,
    /// A user whose refund would take out what is owed is settled half a lock time before it unlocks, and these seconds
    /// earlier. Five times what transactions take to be mined if that is longer; held to an eighth of the lock time.
    pub refund_margin: u64,
    /// A row that the contract did not pay is not tried again by itself for so long, unless its facts change.
    pub retry_after: u64,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            serving_url: "http://127.0.0.1:3080".to_owned(),
            behind_proxy: false,
            credit_limit: Neuron::new(1_000_000_000_000_000),
            max_in_flight_per_user: 64,
            requests_per_minute_per_user: 0,
            price_grace: 60,
            drain: 15,
            resync: 600,
            body_limits: BodyLimits::default(),
            body_memory: crate::body::Spool::MEMORY,
            body_disk: crate::body::Spool::DISK,
            upstream: UpstreamSettings::default(),
            authorisation: AuthorisationSettings::default(),
            free: FreeSettings::default(),
            keep_requests: None,
            settlement: SettlementSettings::default(),
        }
    }
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { chatbot: 32 << 20, zg_storage: 4 << 30 }
    }
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self { connect_timeout: 10, first_byte_timeout: 300, idle_timeout: 120, health_interval: 30 }
    }
}

impl Default for AuthorisationSettings {
    fn default() -> Self {
        Self { max_lifetime: 600, clock_skew: 60 }
    }
}

impl Default for FreeSettings {
    fn default() -> Self {
        Self { per_second: 5, burst: 20 }
    }
}

impl Default for SettlementSettings {
    fn default() -> Self {
        Self {
            automatic: true,
            check_interval: 30,
            gas_share_basis_points: 2,
            old_gas_share_basis_points: 20,
            max_age: 7 * 86_400,
            risk_limit: Neuron::A0GI,
            balance_share_percent: 95,
            refund_margin: 600,
            retry_after: 3_600,
        }
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct SettingsError {
    /// The key as the configuration file spells it.
    pub key: &'static str,
    pub reason: String,
}

impl ProviderSettings {
    /// What one user may take of the disk for bodies.
    pub(super) fn disk_of_one(&self) -> u64 {
        (self.body_disk / 2).max(self.body_limits.largest())
    }

    /// Checks what the types cannot.
    pub fn check(&self) -> Result<(), SettingsError> {
        let wrong = |key, reason: &str| Err(SettingsError { key, reason: reason.to_owned() });
        let url = super::target::parse_public(&self.serving_url)
            .map_err(|error| SettingsError { key: "servingUrl", reason: error.to_string() })?;
        if url.query().is_some() {
            return wrong("servingUrl", "it must not have a query");
        }
        if self.max_in_flight_per_user == 0 {
            return wrong("maxInFlightPerUser", "with 0 nobody could ever be served");
        }
        if self.body_disk < self.body_limits.largest() {
            return wrong(
                "bodyDisk",
                "it must hold one body of the size that bodyLimits allows; raise it, or lower those",
            );
        }
        if self.upstream.connect_timeout == 0
            || self.upstream.first_byte_timeout == 0
            || self.upstream.idle_timeout == 0
        {
            return wrong("upstream", "a time-out of 0 seconds lets no answer through");
        }
        if self.authorisation.max_lifetime == 0 {
            return wrong("authorisation.maxLifetime", "with 0 every request is expired");
        }
        if self.settlement.check_interval == 0 {
            return wrong("settlement.checkInterval", "it must be at least 1 second");
        }
        if self.settlement.balance_share_percent == 0 || self.settlement.balance_share_percent > 100 {
            return wrong("settlement.balanceSharePercent", "it is a share from 1 to 100 percent");
        }
        if self.settlement.old_gas_share_basis_points > 10_000 {
            return wrong(
                "settlement.oldGasShareBasisPoints",
                "it is a share of at most 10,000 basis points, which is all of it",
            );
        }
        if self.settlement.old_gas_share_basis_points < self.settlement.gas_share_basis_points {
            return wrong(
                "settlement.oldGasShareBasisPoints",
                "it must be at least gasShareBasisPoints: an old debt may cost more than a fresh one, not less",
            );
        }
        if let Err(reason) = retention::check(self.keep_requests) {
            return Err(SettingsError { key: "keepRequests", reason });
        }
        if self.free.burst == 0 || self.free.per_second == 0 {
            return wrong("free", "perSecond and burst must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn the_defaults_work_and_survive_a_round_trip() {
        let settings = ProviderSettings::default();
        assert_eq!(settings.check(), Ok(()));
        let text = serde_json::to_string(&settings).unwrap();
        assert!(text.contains("\"creditLimit\":\"1000000000000000\"") && text.contains("\"zgStorage\""));
        assert_eq!(serde_json::from_str::<ProviderSettings>(&text).unwrap(), settings);
        assert_eq!(serde_json::from_str::<ProviderSettings>("{}").unwrap(), settings);
    }

    #[test]
    fn what_cannot_work_is_named() {
        let bad = |change: fn(&mut ProviderSettings)| {
            let mut settings = ProviderSettings::default();
            change(&mut settings);
            settings.check().unwrap_err().key
        };
        assert_eq!(bad(|s| s.serving_url = "ftp://x".to_owned()), "servingUrl");
        assert_eq!(bad(|s| s.serving_url = "http://me:pw@x".to_owned()), "servingUrl");
        assert_eq!(bad(|s| s.max_in_flight_per_user = 0), "maxInFlightPerUser");
        assert_eq!(bad(|s| s.settlement.check_interval = 0), "settlement.checkInterval");
    }
}
