//! Settings files of the 2024 brokers: what still means something is translated, what does not is named.

use serde_json::Value;

use super::error::{ConfigError, Source};
use super::tree::{Tree, get, put};

/// Keys that those files have and this program has no use for, with what took their place.
const RETIRED: &[(&str, &str)] = &[
    ("database", "the database is a file in dataDir"),
    ("zkProver", "vouchers replaced zero-knowledge proofs"),
    ("event", "metrics are at GET /metrics of the broker"),
    ("address", "it follows from the private key"),
    ("allowOrigins", "pages of other origins may not call the API"),
    ("interval", "settlement and refunds follow what is due; see settlement and autoProcessRefunds"),
];

/// Which network of several is meant, unless there is only one.
const MAIN_NETWORK: &str = "ethereum0g";

/// Rewrites `networks.<name>.{url, chainID, privateKeys}` and `contractAddress` into our keys.
pub(super) fn translate(mut tree: Tree, source: &Source, known: &Tree) -> Result<Tree, ConfigError> {
    for (key, instead) in RETIRED {
        if tree.contains_key(*key) && get(known, key).is_none() {
            return Err(ConfigError::Retired { origin: source.clone(), key: (*key).to_owned(), instead });
        }
    }
    if let Some(contract) = tree.shift_remove("contractAddress") {
        put(&mut tree, "chain.contract", contract);
    }
    let Some(networks) = tree.shift_remove("networks") else { return Ok(tree) };
    let Value::Object(networks) = networks else {
        return Err(unknown(source, "networks", Some("chain.rpcUrl")));
    };
    let chosen =
        if networks.len() == 1 { networks.iter().next() } else { networks.get_key_value(MAIN_NETWORK) };
    let Some((name, Value::Object(network))) = chosen else {
        return Err(unknown(source, "networks", Some(&format!("networks.{MAIN_NETWORK}"))));
    };
    for (key, value) in network.clone() {
        match key.as_str() {
            "url" => put(&mut tree, "chain.rpcUrl", value),
            "chainID" => put(&mut tree, "chain.chainId", value),
            "privateKeys" => put(&mut tree, "privateKeys", value),
            // Gas is estimated for each transaction.
            "transactionLimit" | "gasEstimationBuffer" => {}
            other => return Err(unknown(source, &format!("networks.{name}.{other}"), None)),
        }
    }
    Ok(tree)
}

fn unknown(source: &Source, key: &str, near: Option<&str>) -> ConfigError {
    ConfigError::Unknown { origin: source.clone(), key: key.to_owned(), near: near.map(str::to_owned) }
}
