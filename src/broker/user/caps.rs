//! Budget caps: which ones there are, and which of them ends a request's room.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Neuron;

/// The most that may be spent, each without limit when unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Caps {
    /// Highest fee of one request.
    pub per_request: Option<Neuron>,
    /// Fees of one UTC day over all providers, requests in flight counted at their highest fee.
    pub per_day: Option<Neuron>,
    /// Ever promised to one provider.
    pub per_provider: Option<Neuron>,
    /// Ever promised to all providers together.
    pub total: Option<Neuron>,
}

/// One of the caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cap {
    Request,
    Day,
    Provider,
    Total,
}

impl Cap {
    pub const fn as_str(self) -> &'static str {
        match self {
            Cap::Request => "per_request",
            Cap::Day => "per_day",
            Cap::Provider => "per_provider",
            Cap::Total => "total",
        }
    }
}

impl Cap {
    /// Its name in a sentence on a screen.
    pub const fn for_screen(self) -> &'static str {
        match self {
            Cap::Request => "the cap on one request",
            Cap::Day => "the cap on one day",
            Cap::Provider => "the cap on one provider",
            Cap::Total => "the cap on everything",
        }
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Caps {
    /// Both sets of caps at once: of each the tighter one.
    pub fn tightest(self, other: Caps) -> Caps {
        let tighter = |a: Option<Neuron>, b: Option<Neuron>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Caps {
            per_request: tighter(self.per_request, other.per_request),
            per_day: tighter(self.per_day, other.per_day),
            per_provider: tighter(self.per_provider, other.per_provider),
            total: tighter(self.total, other.total),
        }
    }
}
