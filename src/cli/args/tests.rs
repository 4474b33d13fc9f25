//! Lines that people type, and those that are refused.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
use super::*;

const PROVIDER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

#[test]
fn the_definition_holds_together() {
    command().debug_assert();
}

#[test]
fn every_command_of_the_design_is_understood() {
    let lines = [
        "",
        "--headless",
        "--headless --config x.yaml --data-dir d --set listen=127.0.0.1:9",
        "provider",
        "provider --set servingUrl=https://x.example",
        "provider service add llama7b --target http://127.0.0.1:1 --input-price 100000 --output-price 200000",
        "provider service list --json",
        "provider service update llama7b --input-price 5",
        "provider service update llama7b --max-in-flight 4 --requests-per-minute none --no-headers",
        "provider service update llama7b --api-key-file k --header-file h",
        "provider service pause llama7b",
        "provider service resume llama7b",
        "provider service show llama7b",
        "provider service sync --json",
        "provider service remove llama7b",
        "provider users --json",
        "provider requests --user PROVIDER --service llama7b --status lost --sort dearest --limit 3 --json",
        "provider settlements --status mined",
        "demo",
        "demo --headless --upstream http://127.0.0.1:8000/v1 --data-dir d --user-port 0",
        "console",
        "console --url http://127.0.0.1:3080 --token-file t --read-only",
        "devnet --listen 127.0.0.1:0",
        "deploy --lock-time 60",
        "deploy --rpc-url http://127.0.0.1:8545 --private-key-file k --lock-time 86400",
        "chat --url http://127.0.0.1:1034",
        "wallet new",
        "wallet import",
        "wallet import --file key.json",
        "wallet import --file key.json --old-passphrase-file old --passphrase-file new",
        "wallet list --json",
        "wallet list --role provider",
        "wallet --role provider new",
        "wallet export PROVIDER",
        "wallet keyring add PROVIDER",
        "wallet keyring remove PROVIDER --passphrase-fd 3",
        "wallet keyring status --json",
        "--headless --delegates-only",
        "--headless --passphrase-fd 3",
        "service list --json --limit 5",
        "service list --name llama7b --model a/b --type chatbot --sort price",
        "service show PROVIDER llama7b --json",
        "account list",
        "account list --sort balance",
        "account show PROVIDER",
        "account create PROVIDER 10000000",
        "account charge PROVIDER 0.5A0GI",
        "account sync",
        "account sync PROVIDER",
        "refund request PROVIDER 5",
        "refund list --processed true --json",
        "refund list --provider PROVIDER --sort largest",
        "refund process PROVIDER",
        "refund cancel PROVIDER",
        "request list --json",
        "request list --sort cheapest",
        "request list --service llama7b --status done --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z",
        "request export --format jsonl --provider PROVIDER --output r.jsonl",
        "request bundle 0x1111111111111111111111111111111111111111111111111111111111111111 --output b.json",
        "verify b.json --body q.json --answer a.json --content-type application/json",
        "settle",
        "settle --dry-run",
        "settle --dry-run --json",
        "demo --headless --traffic",
        "chat",
        "chat -m hello --model eliza",
        "config show",
        "config show provider --json",
        "config check",
        "--plain --read-only",
        "demo --plain",
        "keys",
        "keys provider --json",
        "completions bash",
        "man d",
        "openapi",
        "doctor provider",
        "backup b.tar",
        "backup b.tar provider",
        "restore b.tar d",
        "health http://127.0.0.1:1034",
        "health --ready http://127.0.0.1:3080",
        "operation",
        "operation --role provider --limit 5 --json",
        "operation 11111111111111111111111111111111",
        "--url http://127.0.0.1:3080 console",
        "--url http://127.0.0.1:3080",
    ];
    for line in lines {
        let line = line.replace("PROVIDER", PROVIDER);
        let words = std::iter::once("zgserve-tui").chain(line.split_whitespace());
        assert!(Cli::try_read_from(words).is_ok(), "{line}");
    }
}

#[test]
fn wrong_values_and_secrets_are_refused() {
    let lines = [
        "account create 0x12 5".to_owned(),
        format!("account create {PROVIDER} -5"),
        format!("account create {PROVIDER} 1.5"),
        "provider service add a/b --target u --input-price 1 --output-price 1".to_owned(),
        "provider service update a --max-in-flight few".to_owned(),
        "provider service update a --api-key-file k --no-headers".to_owned(),
        "provider requests --status odd".to_owned(),
        "request export --status odd".to_owned(),
        "request list --sort fee".to_owned(),
        "account list --sort newest".to_owned(),
        "provider settlements --status odd".to_owned(),
        "request export --format xml".to_owned(),
        "request bundle".to_owned(),
        "--set privateKeys=0x00".to_owned(),
        "--set token=x".to_owned(),
        "--set nothing".to_owned(),
        "nonsense".to_owned(),
        "--delegates-only".to_owned(),
        "wallet import --old-passphrase-file old".to_owned(),
        "--passphrase-fd 3 --passphrase-file p".to_owned(),
        "--passphrase-fd secret".to_owned(),
    ];
    for line in lines {
        let words = std::iter::once("zgserve-tui").chain(line.split_whitespace());
        assert!(Cli::try_read_from(words).is_err(), "{line}");
    }
}

#[test]
fn a_secret_that_was_typed_is_not_repeated() {
    let typed = ["token=canary", "privateKeys=0xcanary", "token:canary", "privateKeys canary"];
    for typed in typed.into_iter().chain(["TOKEN=canary", "privatekeys=canary", " Token canary"]) {
        let told = Cli::try_read_from(["zgserve-tui", "--set", typed]).unwrap_err().to_string();
        assert!(told.contains("is a secret") && !told.contains("canary"), "{typed}: {told}");
    }
    for typed in ["canary", "tokencanary", "=canary"] {
        let told = Cli::try_read_from(["zgserve-tui", "--set", typed]).unwrap_err();
        assert_eq!(told.exit_code(), 2);
        let told = told.to_string();
        assert!(told.contains("write KEY=VALUE") && !told.contains("canary"), "{typed}: {told}");
    }
    let other = Cli::try_read_from(["zgserve-tui", "--set", "tokenFile=t"]).unwrap();
    assert_eq!(other.global.set, [("tokenFile".to_owned(), "t".to_owned())]);
}

/// Whether a name of something on the command line is that of a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace(['-', '_'], "");
    ["passphrase", "password", "privatekey", "secret", "token", "apikey", "mnemonic", "seed"]
        .iter()
        .any(|word| name.contains(word))
}

#[test]
fn no_secret_is_typed_on_the_command_line() {
    fn look(command: &clap::Command, path: &str, wrong: &mut Vec<String>, seen: &mut usize) {
        for argument in command.get_arguments() {
            let names = [argument.get_id().as_str(), argument.get_long().unwrap_or_default()];
            if !names.iter().any(|name| is_secret(name)) {
                continue;
            }
            *seen += 1;
            // Where a secret is, and how many tokens an answer may have, are none.
            let place = names
                .iter()
                .all(|name| ["file", "fd", "tokens"].iter().any(|end| name.to_lowercase().ends_with(end)));
            let value = argument.get_value_names().unwrap_or_default();
            let named = value.iter().all(|name| ["FILE", "NUMBER", "MAX_TOKENS"].contains(&name.as_str()));
            if argument.get_action().takes_values() && !(place && named) {
                wrong.push(format!("{path} {}", argument.get_id()));
            }
            if argument.get_env().is_some() {
                wrong.push(format!("{path} {} from the environment", argument.get_id()));
            }
        }
        for inner in command.get_subcommands() {
            look(inner, &format!("{path} {}", inner.get_name()), wrong, seen);
        }
    }
    let (mut wrong, mut seen) = (Vec::new(), 0);
    look(&command(), "", &mut wrong, &mut seen);
    assert_eq!(wrong, Vec::<String>::new());
    assert!(seen >= 3, "the names are still these");
}

fn read(line: &str) -> Result<Cli, clap::Error> {
    let line = line.replace("PROVIDER", PROVIDER);
    Cli::try_read_from(std::iter::once("zgserve-tui").chain(line.split_whitespace()))
}

#[test]
fn help_may_be_asked_for_by_its_name() {
    for (line, like) in [("help", "--help"), ("help account create", "account create --help")] {
        let (told, wanted) = (read(line).unwrap_err(), read(like).unwrap_err());
        assert_eq!(told.kind(), ErrorKind::DisplayHelp, "{line}");
        assert_eq!(told.to_string(), wanted.to_string(), "{line}");
    }
    assert!(read("chat -m help").is_ok());
}

#[test]
fn an_address_is_refused_where_it_has_no_part() {
    for line in [
        "backup b.tar",
        "doctor",
        "wallet list",
        "deploy",
        "--headless",
        "provider",
        "demo",
        "devnet",
        "config show",
        "verify b.json",
        "restore b.tar d",
        "health http://127.0.0.1:1",
    ] {
        let told = read(&format!("{line} --url http://127.0.0.1:1034")).unwrap_err();
        assert_eq!(told.exit_code(), 2, "{line}");
        let name = line.split(' ').next().unwrap_or_default();
        assert!(told.to_string().contains(&format!("--url has no part in `{name}`: ")), "{told}");
        assert!(read(line).is_ok(), "{line}");
    }
    let told = read("backup b.tar --url http://127.0.0.1:1034").unwrap_err().to_string();
    assert!(told.contains("it works on the data directory of this machine (--data-dir)"), "{told}");
}

#[test]
fn an_address_is_read_as_people_have_it() {
    let url = |text: &str| {
        read(&format!("account list --url {text}")).map(|cli| cli.global.url.unwrap().to_string())
    };
    for text in [
        "http://127.0.0.1:1034",
        "http://127.0.0.1:1034/",
        "http://127.0.0.1:1034/v1",
        "http://127.0.0.1:1034/v1/",
    ] {
        assert_eq!(url(text).unwrap(), "http://127.0.0.1:1034/", "{text}");
    }
    assert_eq!(url("https://x.example/broker/v1").unwrap(), "https://x.example/broker");
    for text in ["127.0.0.1:1034", "localhost:1034", "nonsense", "http://"] {
        let told = url(text).unwrap_err().to_string();
        assert!(told.contains("write it like http://127.0.0.1:1034") && !told.contains("relative"), "{told}");
    }
}

#[test]
fn who_did_something_is_shown_where_to_see_it() {
    let shown = |line: &str| read(line).unwrap().shown_by();
    for (line, look) in [
        ("account charge PROVIDER 5", "account list"),
        ("account create PROVIDER 5", "account list"),
        ("refund request PROVIDER 5", "refund list"),
        ("settle", "provider settlements"),
        ("chat -m hello", "request list"),
        ("wallet new", "wallet list"),
        ("wallet --role provider import", "wallet --role provider list"),
        (
            "provider service add a --target http://x --input-price 1 --output-price 1",
            "provider service list",
        ),
    ] {
        assert_eq!(shown(line), Some(format!("`zgserve-tui {look}`")), "{line}");
    }
    for line in [
        "account list",
        "settle --dry-run",
        "wallet export PROVIDER",
        "provider service list",
        "refund list",
        "",
    ] {
        assert_eq!(shown(line), None, "{line}");
    }
    assert!(read("deploy").unwrap().deploys());
    let elsewhere = shown("settle --url http://10.0.0.1:3080/v1");
    assert_eq!(elsewhere.as_deref(), Some("`zgserve-tui provider settlements --url http://10.0.0.1:3080`"));
}

#[test]
fn wrong_values_are_told_without_the_words_of_a_library() {
    for (line, says) in [
        ("request list --from yesterday", "it is not a time; write it like 2026-11-01T00:00:00Z"),
        ("request list --status foo", "there are reserved, sent, done, disputed, unconfirmed, failed"),
        ("provider requests --status foo", "there are admitted, charged, failed, lost"),
        ("devnet --listen 8600", "write it like 127.0.0.1:1034"),
        ("chat --max-tokens abc", "it is a whole number"),
        ("account list --limit few", "it is a whole number"),
    ] {
        let told = read(line).unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
    }
}
