//! The words that name a figure inside a line.

pub const AFTER: &str = "after";
pub const CAP: &str = "cap";
pub const CLAIMABLE: &str = "claimable";
pub const EARNED: &str = "earned";
pub const GAS: &str = "gas";
pub const LASTS: &str = "lasts";
pub const RESERVED: &str = "reserved";
pub const SETTLED: &str = "settled";
pub const SPENDABLE: &str = "spendable";
pub const TODAY: &str = "today";
pub const UNSETTLED: &str = "unsettled";
pub const WALLET: &str = "wallet";
