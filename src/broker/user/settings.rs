//! What an operator can set about the user broker, with its defaults. Amounts in neuron, times in seconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::caps::Caps;
use crate::broker::retention;

/// Settings of the user broker, as the configuration file's top level carries them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// The most that may be spent: on one request, in one UTC day, with one provider ever, in all ever. None are set.
    pub caps: Caps,
    /// How far vouchers may run ahead of what is owed, per provider. Unset: as far as the highest fees of the
    /// requests in flight, which is what a provider that lends nothing asks for.
    pub max_exposure: Option<crate::domain::Neuron>,
    /// Output that a request is assumed to want when its body sets no limit.
    pub default_max_output: DefaultMaxOutput,
    /// How long a request waits for others in flight to free what it needs.
    pub reservation_wait: u64,
    /// How long opening a connection to a provider may take.
    pub connect_timeout: u64,
    /// How long the first byte of an answer may take; long thinking happens before it.
    pub first_byte_timeout: u64,
    /// The longest silence inside an answer.
    pub idle_timeout: u64,
    /// How long a request's authorisation is good, from its signing on. Covers differences between clocks.
    #[serde(rename = "authorisationLifetime")]
    pub authorization_lifetime: u64,
    /// The largest request body for a chatbot, in bytes.
    pub max_chat_body: u64,
    /// The largest request body for storage, in bytes.
    pub max_storage_body: u64,
    /// The largest answer of a chatbot in bytes of its body. Storage answers end at the highest fee.
    pub max_chat_answer: u64,
    /// Bytes of request and answer bodies held in memory at a time, over all calls; the rest is on disk or waits.
    pub body_memory: u64,
    /// Bytes of request bodies on disk at a time, over all calls.
    pub body_disk: u64,
    /// Take refunds as soon as they are due.
    pub auto_process_refunds: bool,
    /// Call providers at loopback, private and other special addresses. Unset: only where the chain itself is on
    /// this machine, as on a development network.
    pub allow_private_providers: Option<bool>,
    /// By how many per cent the figures of a model server (meter `usage`) may pass our own count and be paid all the
    /// same. 0: what is paid is never more than what we counted.
    pub usage_tolerance_percent: u64,
    /// What may have been on its way when we hung up on an answer, and is paid although it did not reach us.
    pub cut_allowance: CutAllowance,
    /// How long after a request without receipt the provider is still asked for it. Then our own count is owed.
    pub receipt_patience: u64,
    /// The backstop behind chain events: everything is read again this often.
    pub refresh_interval: u64,
    /// Days after which requests that are over are deleted. Unset: never. What they cost stays in all sums.
    pub keep_requests: Option<u64>,
}

/// Output assumed where the request names no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DefaultMaxOutput {
    pub tokens: u64,
    pub bytes: u64,
}

impl Default for DefaultMaxOutput {
    fn default() -> Self {
        DefaultMaxOutput { tokens: 4_096, bytes: 256 << 20 }
    }
}

/// Output units that may be lost between two ends of a connection that one of them closes. A download that comes faster
/// than it is taken leaves 3 to 9 MiB in the buffer of our own socket, as measured; Linux lets that grow up to 32 MiB. What
/// a provider's side keeps is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CutAllowance {
    pub tokens: u64,
    pub bytes: u64,
}

impl Default for CutAllowance {
    fn default() -> Self {
        CutAllowance { tokens: 64, bytes: 16 << 20 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            caps: Caps::default(),
            max_exposure: None,
            default_max_output: DefaultMaxOutput::default(),
            reservation_wait: 30,
            connect_timeout: 10,
            first_byte_timeout: 300,
            idle_timeout: 120,
            authorization_lifetime: 300,
            max_chat_body: 32 << 20,
            max_storage_body: 4 << 30,
            max_chat_answer: 64 << 20,
            body_memory: crate::body::Spool::MEMORY,
            body_disk: crate::body::Spool::DISK,
            auto_process_refunds: true,
            allow_private_providers: None,
            usage_tolerance_percent: 0,
            cut_allowance: CutAllowance::default(),
            receipt_patience: 86_400,
            refresh_interval: 60,
            keep_requests: None,
        }
    }
}

impl Settings {
    /// Checks what the types cannot. Gives the key that is wrong, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.body_disk < self.max_chat_body.max(self.max_storage_body) {
            let reason = "it must hold one body of the size that maxStorageBody and maxChatBody allow; raise it, or lower those";
            return Err(("bodyDisk", reason.to_owned()));
        }
        match retention::check(self.keep_requests) {
            Ok(()) => Ok(()),
            Err(reason) => Err(("keepRequests", reason)),
        }
    }

    pub(super) fn reservation_wait(&self) -> Duration {
        Duration::from_secs(self.reservation_wait)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout)
    }

    pub(super) fn first_byte_timeout(&self) -> Duration {
        Duration::from_secs(self.first_byte_timeout)
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout)
    }

    pub(super) fn refresh_interval(&self) -> Duration {
        Duration::from_secs(self.refresh_interval.max(1))
    }
}
