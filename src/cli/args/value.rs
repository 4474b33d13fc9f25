//! Values as they are typed.

use std::net::SocketAddr;

use clap::ValueEnum;
use url::Url;

use crate::domain::address::parse_address;
use crate::domain::{Address, Neuron};

pub(super) fn address(text: &str) -> Result<Address, String> {
    parse_address(text).map_err(|error| error.to_string())
}

pub(super) fn amount(text: &str) -> Result<Neuron, String> {
    Neuron::parse_with_unit(text).map_err(|error| error.to_string())
}

/// Where to listen.
pub(super) fn listener(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write it like 127.0.0.1:1034".to_owned())
}

/// A word of a list of words, as the API takes it.
pub fn word(value: Option<impl ValueEnum>) -> Option<String> {
    Some(value?.to_possible_value()?.get_name().to_owned())
}

/// How many.
pub(super) fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "it is a whole number".to_owned())
}

/// A number from 1, or 0 for no limit.
pub(super) fn limit(text: &str) -> Result<u32, String> {
    if text == "none" {
        return Ok(0);
    }
    text.parse().map_err(|_| "it is a whole number, or none".to_owned())
}

/// The address of a broker. What OpenAI clients call its base URL ends with `/v1`, and is taken for the same.
pub(super) fn broker(text: &str) -> Result<Url, String> {
    let wrong = || "write it like http://127.0.0.1:1034".to_owned();
    // `localhost:1034` is a URL too, of a scheme that nobody knows.
    let mut url = Url::parse(text).ok().filter(|_| text.contains("://")).ok_or_else(wrong)?;
    if url.cannot_be_a_base() {
        return Err(wrong());
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(url)
}
