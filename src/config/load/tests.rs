//! Layers, errors, secrets, and the example files.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::Write;

use super::*;
use crate::config::example::example;
use crate::domain::Neuron;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn with_file<C: RoleConfig>(text: &str) -> Result<C, String> {
    let file = file(text);
    let sources = Sources { file: Some(file.path().to_owned().into()), ..Sources::default() };
    load::<C>(&sources).map(|(config, _)| config).map_err(|error| error.to_string())
}

fn variable(name: &str, value: &str) -> Sources {
    Sources { variables: vec![(name.to_owned(), value.to_owned())], ..Sources::default() }
}

const KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

#[test]
fn the_procedures_two_keys_are_enough() {
    let text = format!("servingUrl: https://provider.example\nprivateKeys: \"{KEY}\"\n");
    let config: ProviderConfig = with_file(&text).unwrap();
    assert_eq!(config.broker.serving_url, "https://provider.example");
    assert_eq!(config.shell.private_keys.0[0].expose(), KEY);
    for list in [format!("privateKeys:\n  - {KEY}\n"), format!("privateKeys: [\"{KEY}\"]")] {
        let config: UserConfig = with_file(&list).unwrap();
        assert_eq!(config.shell.private_keys.0[0].expose(), KEY);
    }
    // The environment does as well, with one key or several.
    for (text, count) in [(KEY.to_owned(), 1), (format!("0x{KEY}, {}", "1".repeat(64)), 2)] {
        let (config, layers) = load::<UserConfig>(&variable("ZGSERVE_PRIVATE_KEYS", &text)).unwrap();
        assert_eq!(config.shell.private_keys.0.len(), count);
        assert!(config.shell.private_keys.0[0].expose().ends_with(KEY));
        assert_eq!(layers[0].source, "the variable ZGSERVE_PRIVATE_KEYS");
    }
    // Keys of which YAML would make a number.
    for digits in ["1".repeat(64), format!("1e{}", "2".repeat(62)), format!("0x{}", "3".repeat(64))] {
        for text in [format!("privateKeys: {digits}"), format!("privateKeys: [{digits}]")] {
            let config: UserConfig = with_file(&text).unwrap();
            assert_eq!(*config.shell.private_keys.0[0].expose(), digits, "{text}");
        }
    }
}

#[test]
fn layers_cover_each_other() {
    let file = file("listen: 127.0.0.1:1\nchain:\n  chainId: 5\n  timeout: 7\n");
    let sources = Sources {
        file: Some(file.path().to_owned().into()),
        variables: vec![
            ("ZGSERVE_LISTEN".to_owned(), "127.0.0.1:2".to_owned()),
            ("ZGSERVE_CHAIN__CHAIN_ID".to_owned(), "6".to_owned()),
            ("ZGSERVE_CAPS__PER_DAY".to_owned(), "1000000000000000000000".to_owned()),
            ("ZGSERVE_ALLOW_HOSTS".to_owned(), "a.example, b.example:8080".to_owned()),
            ("ZGSERVE_AUTO_PROCESS_REFUNDS".to_owned(), "false".to_owned()),
            // Of the other role, and none of ours.
            ("ZGSERVE_SERVING_URL".to_owned(), "https://x.example".to_owned()),
            ("PATH".to_owned(), "/bin".to_owned()),
        ],
        flags: vec![Flag {
            flag: "--listen".to_owned(),
            key: "listen".to_owned(),
            value: "127.0.0.1:3".to_owned(),
        }],
    };
    let (config, layers) = load::<UserConfig>(&sources).unwrap();
    assert_eq!(config.shell.listen.port(), 3);
    assert_eq!((config.shell.chain.chain_id, config.shell.chain.timeout), (Some(6), 7));
    assert_eq!(config.broker.caps.per_day, Some(Neuron::new(1000 * Neuron::A0GI.get())));
    assert_eq!(config.shell.allow_hosts, ["a.example", "b.example:8080"]);
    assert!(!config.broker.auto_process_refunds);
    let listen = layers.iter().find(|layer| layer.key == "listen").unwrap();
    assert_eq!(listen.source, "the flag --listen");
}

#[test]
fn what_does_not_fit_is_named_with_its_source() {
    let table = [
        ("servingURL: x", "there is no setting servingURL; did you mean servingUrl?"),
        ("rpcUrl: http://x", "did you mean chain.rpcUrl?"),
        ("chain: {rpcUlr: x}", "there is no setting chain.rpcUlr; did you mean chain.rpcUrl?"),
        ("listen: nowhere", "listen: "),
        ("chain: {contract: '0x12'}", "chain.contract: it is not an address"),
        ("chain: {chainId: many}", "chain.chainId: "),
        ("chain: 5", "chain: it has settings below it"),
        ("creditLimit: -1", "creditLimit: it is negative"),
        ("creditLimit: 1.5", "creditLimit: it has a fraction"),
        ("settlement: {checkInterval: 0}", "settlement.checkInterval: it must be at least 1 second"),
        ("chain: {pollInterval: 0}", "chain.pollInterval: it must be at least 1 millisecond"),
        ("listen: 0.0.0.0:3080", "listen: 0.0.0.0:3080 can be reached from other machines"),
        ("chain: {rpcUrl: 'ftp://x'}", "chain.rpcUrl: "),
        ("token: short", "token: it is too short"),
        ("zkProver: {provider: x}", "zkProver is not needed any more"),
        ("- a\n- b", "it must be a map of settings"),
        ("a: [", "is not YAML"),
        ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", "listen stands twice, at last in line 2; leave one"),
        ("listen: 1034", "listen: it is no address to listen on; write it like 127.0.0.1:1034"),
        ("proxyListen: localhost", "proxyListen: it is no address to listen on"),
        ("terminal: {theme: pink}", "terminal.theme: it is none of auto, dark, light, none"),
    ];
    for (text, wanted) in table {
        let error = with_file::<ProviderConfig>(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
        assert!(error.contains(".yaml"), "{text}: {error}");
    }
    let error = load::<UserConfig>(&variable("ZGSERVE_CHAIN__CHAIN_IDD", "1")).unwrap_err().to_string();
    assert!(
        error.contains("ZGSERVE_CHAIN__CHAIN_IDD") && error.contains("did you mean ZGSERVE_CHAIN__CHAIN_ID?")
    );
}

#[test]
fn an_empty_variable_sets_nothing_and_opens_nothing() {
    for name in ["DATA_DIR", "PASSPHRASE_FILE", "WALLET", "CHAIN__RPC_URL", "LISTEN"] {
        let (_, layers) = load::<UserConfig>(&variable(&format!("ZGSERVE_{name}"), "")).unwrap();
        assert!(layers.is_empty(), "{name}: {layers:?}");
    }
    for name in [
        "TOKEN",
        "TOKEN_FILE",
        "CAPS__PER_REQUEST",
        "CAPS__PER_DAY",
        "CAPS__PER_PROVIDER",
        "CAPS__TOTAL",
        "CHAIN__CHAIN_ID",
        "ALLOW_HOSTS",
        "PRIVATE_KEYS",
        "CHAIN__FALLBACK_RPC_URLS",
    ] {
        let name = format!("ZGSERVE_{name}");
        let error = load::<UserConfig>(&variable(&name, "")).unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains("it is empty"), "{error}");
    }
}

#[test]
fn variables_of_the_compose_files_are_no_settings() {
    for name in ["ZGSERVE_UID", "ZGSERVE_GID"] {
        let (_, layers) = load::<UserConfig>(&variable(name, "1001")).unwrap();
        assert!(layers.is_empty());
    }
}

#[test]
fn a_path_is_one_that_this_program_reads_as_its_owner_does() {
    for key in ["dataDir", "passphraseFile", "tokenFile"] {
        let told = with_file::<UserConfig>(&format!("{key}: '~/x'")).unwrap_err();
        assert!(told.contains(&format!(".yaml: {key}: ")) && told.contains("whole path"), "{told}");
        assert!(with_file::<UserConfig>(&format!("{key}: ''")).unwrap_err().contains("it is empty"), "{key}");
        assert!(with_file::<UserConfig>(&format!("{key}: './~x'")).is_ok());
    }
}

/// An ordinary build, which this is, takes what is there for tests and measurements for a mistake.
#[cfg(not(any(feature = "crash-points", feature = "measuring")))]
#[test]
fn variables_of_tests_and_measurements_are_unknown() {
    for name in ["ZGSERVE_CRASH_AT", "ZGSERVE_MEASURED_SYNCHRONOUS"] {
        let error = load::<UserConfig>(&variable(name, "OFF")).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("there is no setting"), "{error}");
    }
}

#[test]
fn upstreams_networks_are_understood() {
    let text = format!(
        "networks:\n  ethereum0g:\n    url: https://rpc.example\n    chainID: 16600\n    privateKeys:\n      - {KEY}\n    \
         transactionLimit: 1000000\n    gasEstimationBuffer: 10000\n"
    );
    let config: UserConfig = with_file(&text).unwrap();
    assert_eq!(config.shell.chain.rpc_url, "https://rpc.example");
    assert_eq!(config.shell.chain.chain_id, Some(16_600));
    assert_eq!(config.shell.private_keys.0[0].expose(), KEY);
}

#[test]
fn secrets_are_in_no_error_and_no_listing() {
    let canary = "canary-0123456789abcdef";
    for text in [
        format!("privateKeys: {{a: {canary}}}"),
        format!("token: [{canary}]"),
        format!("token: {canary}: x"),
        format!("chain: {{fallbackRpcUrls: 'https://rpc.example/{canary}'}}"),
        format!("chain: {{rpcUrl: ['https://rpc.example/{canary}']}}"),
        format!("chain: 'https://rpc.example/{canary}'"),
        format!("networks: {{ethereum0g: {{url: ['https://rpc.example/{canary}']}}}}"),
    ] {
        let error = with_file::<UserConfig>(&text).unwrap_err();
        assert!(!error.contains("canary"), "{error}");
    }
    let url = format!("https://user:{canary}@rpc.example:8545/v3/{canary}?key={canary}");
    let text = format!("token: {canary}\nprivateKeys: [{canary}]\nchain: {{rpcUrl: '{url}'}}");
    let config: UserConfig = with_file(&text).unwrap();
    assert_eq!(config.shell.chain.rpc_url, url);
    let shown = format!("{config:?} {}", config.shown());
    assert!(!shown.contains("canary") && shown.contains("***") && shown.contains("https://rpc.example:8545"));
}

fn table_is_whole<C: RoleConfig>() {
    let known = C::defaults();
    let about = C::about();
    for leaf in leaves(&known, &known) {
        assert!(
            about.iter().any(|about| about.key == leaf.path),
            "{} is not explained in about.rs",
            leaf.path
        );
    }
    for about in about {
        assert!(get(&known, about.key).is_some(), "{} is explained but is no setting", about.key);
    }
}

#[test]
fn every_setting_is_explained_and_nothing_else() {
    table_is_whole::<UserConfig>();
    table_is_whole::<ProviderConfig>();
}

fn example_is_the_defaults<C: RoleConfig>() {
    let path = format!("{}/{}/config.example.yaml", env!("CARGO_MANIFEST_DIR"), C::NAME);
    let made = example::<C>();
    if std::env::var_os("ZGSERVE_TEST_WRITE_EXAMPLES").is_some() {
        std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert_eq!(committed, made, "{path} is not up to date; run this test with ZGSERVE_TEST_WRITE_EXAMPLES=1");
    let config: C = with_file(&committed).unwrap();
    assert_eq!(config.shown(), C::read(&C::defaults()).unwrap().shown());
}

#[test]
fn keys_of_the_screens_are_an_open_map_and_checked() {
    let text = "terminal:\n  theme: light\n  keys:\n    unit: [U, F6]\n    deposit: F5\n    screen-1: [1]\n    mouse: []\n";
    for terminal in [
        with_file::<UserConfig>(text).unwrap().shell.terminal,
        with_file::<ProviderConfig>(&format!("servingUrl: https://x.example\n{text}"))
            .unwrap()
            .shell
            .terminal,
    ] {
        assert_eq!(terminal.theme, crate::tui::Colours::Light);
        assert_eq!(terminal.keys["unit"], ["U", "F6"]);
        assert_eq!(terminal.keys["deposit"], ["F5"]);
    }
    let told = |keys: &str| with_file::<UserConfig>(&format!("terminal:\n  keys: {keys}\n")).unwrap_err();
    let wrong = told("{unit: q}");
    assert!(
        wrong.contains("terminal.keys.unit: q already means quit there; give one of the two another key. "),
        "{wrong}"
    );
    assert!(
        wrong.contains(".yaml: ") && wrong.ends_with("lists the actions with their names and keys."),
        "{wrong}"
    );
    assert!(told("{unti: U}").contains("terminal.keys.unti: there is no such action; did you mean unit?"));
    assert!(told("{unit: [ctrl+nothing]}").contains("terminal.keys.unit: \"ctrl+nothing\" names no key"));
    assert!(told("{unit: {a: b}}").contains("terminal.keys.unit: it must be a key like D, ctrl+u or F2"));
    assert!(told("[a]").contains("terminal.keys: "));
    let sources = Sources {
        variables: vec![("ZGSERVE_TERMINAL__MOUSE".to_owned(), "false".to_owned())],
        flags: vec![Flag {
            flag: "--set".to_owned(),
            key: "terminal.keys.unit".to_owned(),
            value: "U,F6".to_owned(),
        }],
        ..Sources::default()
    };
    let (config, layers) = load::<UserConfig>(&sources).unwrap();
    assert!(!config.shell.terminal.mouse);
    assert_eq!(config.shell.terminal.keys["unit"], ["U", "F6"]);
    assert!(layers.iter().any(|layer| layer.key == "terminal.keys.unit"));
}

#[test]
fn the_example_files_are_the_defaults() {
    example_is_the_defaults::<UserConfig>();
    example_is_the_defaults::<ProviderConfig>();
}
