//! Values as they are typed.

use crate::domain::address::parse_address;
use crate::domain::{Address, Neuron};

pub(super) fn address(text: &str) -> Result<Address, String> {
    parse_address(text).map_err(|error| error.to_string())
}

pub(super) fn amount(text: &str) -> Result<Neuron, String> {
    Neuron::parse_with_unit(text).map_err(|error| error.to_string())
}

/// A number from 1, or 0 for no limit.
pub(super) fn limit(text: &str) -> Result<u32, String> {
    if text == "none" {
        return Ok(0);
    }
    text.parse().map_err(|_| "it is a whole number, or none".to_owned())
}
