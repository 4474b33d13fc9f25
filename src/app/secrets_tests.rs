//! Whatever holds a secret shows none of it: in `Debug`, which is what logs, errors and panics print, and in `Display`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use alloy::primitives::{B256, hex};

use super::guide::Guide;
use super::passphrase::{Origin, Passphrase};
use super::user::Who;
use crate::broker::provider::ServiceInput;
use crate::chain::devnet::{Devnet, DevnetConfig};
use crate::chain::{ChainSettings, Endpoint};
use crate::client::Client;
use crate::config::{Chosen, ProviderConfig, Sources, UserConfig, load};
use crate::domain::{AccountId, Address, Neuron, Prices, ServiceKind};
use crate::keys::{DelegateId, DelegateKeys, KeyFiles, MemoryKeyring, PassphraseKeyring, Secret, Wallet};
use crate::store::provider::UpstreamHeaders;
use crate::tasks::panic_text;
use crate::tui::start::{Choice, KeyOrder, OwnKey, Setup};

const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const TEXT: &str = "canary-Pinguin-4471";

fn secret() -> Secret<String> {
    Secret::new(TEXT.to_owned())
}

fn wallet() -> Arc<Wallet> {
    Arc::new(Wallet::from_hex(&Secret::new(KEY.to_owned())).unwrap())
}

/// Neither the text, nor the key as digits or as a list of bytes, from its beginning on or from the middle.
fn check(what: &str, shown: &str) {
    let shown = shown.to_lowercase().split_whitespace().collect::<String>();
    let bytes = hex::decode(KEY).unwrap();
    let list = |part: &[u8]| part.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    for needle in ["pinguin", &KEY[..12], &KEY[40..], &list(&bytes[..4]), &list(&bytes[20..])] {
        assert!(!shown.contains(needle), "{what} shows {needle}: {shown}");
    }
}

fn settings() -> Vec<(String, String)> {
    [
        ("ZGSERVE_PRIVATE_KEYS", format!("0x{KEY}")),
        ("ZGSERVE_TOKEN", TEXT.to_owned()),
        ("ZGSERVE_CHAIN__RPC_URL", format!("https://me:{TEXT}@rpc.example/v3/{TEXT}?key={TEXT}")),
        ("ZGSERVE_SERVING_URL", "https://provider.example".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The values that hold one, as `Debug` shows them.
async fn shown() -> Vec<(&'static str, String)> {
    let directory = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    macro_rules! show {
        ($($name:literal: $value:expr),* $(,)?) => {
            $({ let value = $value; all.push(($name, format!("{value:?} {value:#?}"))); })*
        };
    }
    let sources = || Sources { variables: settings(), ..Sources::default() };
    let (user, _) = load::<UserConfig>(&sources()).unwrap();
    let (provider, _) = load::<ProviderConfig>(&sources()).unwrap();
    let rpc_url = user.shell.chain.rpc_url.clone();
    let keyring = MemoryKeyring::default();
    keyring.keep(Address::ZERO, secret()).await.unwrap();
    let keyring: Arc<dyn PassphraseKeyring> = Arc::new(keyring);
    let delegates = DelegateKeys::new(directory.path());
    let account = AccountId { user: Address::ZERO, provider: Address::ZERO };
    let id = DelegateId { chain_id: 1, contract: Address::ZERO, account };
    delegates.get_or_create(id).await.unwrap();
    let orders = [
        KeyOrder::Create { passphrase: secret() },
        KeyOrder::Import { key: Secret::new(KEY.to_owned()), passphrase: secret() },
        KeyOrder::ImportFile { file: PathBuf::new(), file_passphrase: secret(), passphrase: secret() },
        KeyOrder::Unlock { address: Address::ZERO, passphrase: secret() },
    ];
    let own = OwnKey { wallet: wallet(), file: PathBuf::new(), kept: None };
    let choice = Choice { rpc_url: rpc_url.clone(), contract: Address::ZERO, chain_id: 1, wallet: None };
    let chosen = Chosen {
        rpc_url: rpc_url.clone(),
        contract: Address::ZERO,
        chain_id: 1,
        wallet: None,
        data_dir: None,
    };
    let endpoint = Endpoint::parse(&rpc_url).unwrap();
    let input = ServiceInput {
        name: "llama7b".to_owned(),
        kind: ServiceKind::Chatbot,
        url: "http://127.0.0.1:1".to_owned(),
        model: String::new(),
        prices: Prices { input: Neuron::ZERO, output: Neuron::ZERO },
        meter: None,
        upstream_headers: Some(vec![("authorization".to_owned(), secret())]),
        limits: None,
    };
    let setup = Setup {
        version: "",
        opening: crate::tui::start::Opening::First,
        rpc_url: rpc_url.clone(),
        contract: Address::ZERO,
        keys: Vec::new(),
        settings_file: PathBuf::new(),
        settings: Default::default(),
        keyring: true,
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new("http://127.0.0.1:1".parse().unwrap(), Some(secret())).unwrap();
    let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
    let guide = Guide {
        keys: KeyFiles::new(directory.path()),
        keyring: Arc::clone(&keyring),
        settings_file: PathBuf::new(),
        data_dir: None,
    };
    show! {
        "Secret": secret(),
        "a list of secrets": vec![secret(), secret()],
        "Secret of bytes": Secret::new(hex::decode(KEY).unwrap()),
        "Wallet": wallet(),
        "UserConfig": &user,
        "ProviderConfig": &provider,
        "Shell": &user.shell,
        "Keys": &user.shell.private_keys,
        "ChainKeys": &user.shell.chain,
        "Listen": user.shell.listen(),
        "the settings as they are shown": (crate::config::RoleConfig::shown(&user), crate::config::RoleConfig::shown(&provider)),
        "Chosen": chosen,
        "KeyFiles": KeyFiles::new(directory.path()),
        "DelegateKeys": &delegates,
        "a delegate key": delegates.get(id).await.unwrap(),
        "MemoryKeyring": &keyring,
        "Passphrase": Passphrase { text: secret(), origin: Origin::Asked },
        "KeyOrder": orders,
        "OwnKey": own,
        "Choice": choice,
        "Setup": setup,
        "Guide": guide,
        "Who": Who::Owner(wallet()),
        "Endpoint": &endpoint,
        "ChainSettings": ChainSettings::new(endpoint.clone(), Address::ZERO),
        "ServiceInput": input,
        "UpstreamHeaders": UpstreamHeaders(vec![("authorization".to_owned(), TEXT.to_owned())]),
        "Client": client,
        "DevAccount": devnet.accounts(),
    }
    // What the test chain's first key would look like is no secret of ours, but no other key may look so either.
    let first: B256 = *devnet.accounts()[0].key.expose();
    assert!(!all.iter().any(|(_, shown)| shown.contains(&hex::encode(&first[..8]))));
    all
}

#[tokio::test]
async fn whatever_holds_a_secret_shows_none_of_it() {
    let all = shown().await;
    assert!(all.len() >= 28, "the list is whole");
    for (what, shown) in &all {
        check(what, shown);
    }
    // A panic with all of it in its words, as a failed assertion about any of these would write it.
    let words: String = all.into_iter().map(|(_, shown)| shown).collect();
    let panicked = catch_unwind(AssertUnwindSafe(|| std::panic::resume_unwind(Box::new(words)))).unwrap_err();
    check("a panic", panic_text(panicked.as_ref()));
}

#[test]
fn a_test_that_cannot_fail_is_worse_than_none() {
    let bytes = hex::decode(KEY).unwrap();
    for leak in [TEXT.to_uppercase(), format!("0x{}", KEY.to_uppercase()), format!("{bytes:#?}")] {
        assert!(catch_unwind(|| check("a leak", &leak)).is_err(), "{leak}");
    }
}
