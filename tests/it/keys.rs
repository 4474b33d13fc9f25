//! Keys at work: delegates that spend what they were named for and nothing else, a wallet that stays locked, and key
//! files made by the real program while it is killed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::json;
use zgserve_tui::broker::outbox;
use zgserve_tui::chain::{Call, Outcome, Sender};
use zgserve_tui::domain::{AccountId, Address, OperationId};
use zgserve_tui::keys::{Secret, Wallet};

use super::terminal::Terminal;
use super::world::{DEPOSIT, Forged, Forgetful, LOCK, Reply, SAY_THIS, World, fast, neuron, until};

/// The delegate key that the user broker made for its account.
fn delegate(world: &World) -> Arc<Wallet> {
    let directory = world.user_side.directory.join("delegates");
    let files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let text = std::fs::read_to_string(file).unwrap();
    Arc::new(Wallet::from_hex(&Secret::new(text)).unwrap())
}

/// Sends a call with a key, past both brokers.
async fn send(world: &World, key: &Arc<Wallet>, call: Call) -> Result<(), String> {
    let signer = outbox::signer(Arc::clone(key));
    let sender = Sender::start(world.chain.clone(), signer, Arc::new(Forgetful), &world.tasks, fast());
    let mut ticket = sender.submit(OperationId::random(), call).await.map_err(|error| error.to_string())?;
    match ticket.wait().await {
        Outcome::Mined { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_serves_while_the_wallet_stays_locked() {
    let mut world = World::new().await;
    let delegate = delegate(&world);
    assert_ne!(delegate.address(), world.user_address());
    world.stop_user().await;
    world.user_side.delegates_only = true;
    world.start_user().await;

    world.upstream.say(Reply::chat("This is a test."));
    world.ask(SAY_THIS).await.is(200);
    let books = world.check_books().await;
    assert!(books.owed.get() > 0);
    // What the provider holds was signed by the delegate, and the chain pays for it.
    let voucher = until("the voucher has arrived", async || {
        let best = world.provider_store().user(world.id()).await.unwrap()?.voucher?;
        (best.voucher.cumulative >= books.owed).then_some(best)
    })
    .await;
    assert_eq!(voucher.signer(&world.chain.domain()).unwrap(), delegate.address());
    let report = world.owner().post_empty("/v1/settle").await.is(202).json();
    assert_eq!(report["Paid"], books.owed.to_string(), "{report}");

    // Nothing goes to the chain.
    let height = world.devnet.height();
    let provider = world.provider_address();
    let account = json!({"provider": provider.to_string(), "balance": "5"}).to_string();
    let account_of = format!("/v1/provider/{provider}");
    for (path, body) in [
        ("/v1/provider".to_owned(), account),
        (format!("{account_of}/charge"), json!({"balance": "5"}).to_string()),
        (format!("{account_of}/refund"), json!({"amount": "5"}).to_string()),
    ] {
        world.api().post(&path, body).await.refused(403, "delegates_only", "may pay for requests");
    }
    assert_eq!(world.devnet.height(), height);
    world.ask(SAY_THIS).await.is(200);

    // Without the delegate's key there is nothing left to sign with.
    world.stop_user().await;
    std::fs::remove_dir_all(world.user_side.directory.join("delegates")).unwrap();
    world.start_user().await;
    world.ask(SAY_THIS).await.refused(403, "no_key", "no key here");
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_spends_the_one_deposit_it_was_named_for() {
    let world = World::new().await;
    let delegate = delegate(&world);
    let provider = world.provider_address();
    world.upstream.say(Reply::chat("This is a test."));
    let right = world.forge("hello").await;
    world.send_signed(&right, &delegate).await.is(200);

    // Somebody else's deposit with the same provider.
    world.outside(Call::AddAccount { provider, delegate: None, value: neuron(DEPOSIT) }).await;
    let other = super::world::wallet(&world.devnet.accounts()[9]).address();
    until("the provider sees the account", async || world.provider().user(other)).await;
    let forged = Forged { account: AccountId { user: other, provider }, ..world.forge("hello").await };
    world.send_signed(&forged, &delegate).await.refused(401, "wrong_signer", "voucher");
    // An account of its own it has none.
    let forged = Forged { account: AccountId { user: delegate.address(), provider }, ..forged };
    world.send_signed(&forged, &delegate).await.refused(403, "unknown_account", "open one first");

    // With gas of its own it still moves nothing: the contract knows no account of it.
    world.devnet.rpc(json!({
        "jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance",
        "params": [delegate.address(), format!("{:#x}", 10u128.pow(18))],
    }));
    let before = world.chain.account(world.id(), None).await.unwrap().unwrap();
    for call in [
        Call::RequestRefund { provider, amount: neuron(1) },
        Call::ProcessRefund { provider },
        Call::SetDelegate { provider, delegate: Some(Address::repeat_byte(1)) },
        Call::Deposit { provider, value: neuron(1) },
    ] {
        let shown = format!("{call:?}");
        let refused = send(&world, &delegate, call).await.unwrap_err();
        assert!(refused.to_lowercase().contains("account"), "{shown}: {refused}");
    }
    let after = world.chain.account(world.id(), None).await.unwrap().unwrap();
    assert_eq!((before.balance, before.pending_refund()), (after.balance, after.pending_refund()));
    assert_eq!((before.delegate, before.rotation), (after.delegate, after.rotation));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_replaced_while_vouchers_of_the_old_one_are_still_paid() {
    let mut world = World::new().await;
    let (old, new) = (delegate(&world), Arc::new(Wallet::random().unwrap()));
    let provider = world.provider_address();
    world.upstream.say(Reply::chat("This is a test."));
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
    world.stop_user().await;
    let owner = Arc::clone(&world.user_side.wallet);
    send(&world, &owner, Call::SetDelegate { provider, delegate: Some(new.address()) }).await.unwrap();
    world.owner().post_empty(&format!("/v1/user/{}/sync", world.user_address())).await;

    // Until it takes effect the old key signs, and the new one does not.
    let before = world.forge("hello").await;
    let next = Forged { epoch: before.epoch + 1, ..before.clone() };
    world.send_signed(&next, &new).await.refused(401, "wrong_epoch", "");
    world.send_signed(&before, &old).await.is(200);
    let owed = until("it is booked", async || {
        let user = world.provider().user(world.user_address())?;
        (user.in_flight == 0 && user.reserved.is_zero()).then_some(user.owed)
    })
    .await;
    // The provider turns what the old key signed into money in time.
    let report = world.owner().post_empty("/v1/settle").await.is(202).json();
    assert!(report["Paid"].as_str().unwrap().parse::<u128>().unwrap() > 0, "{report}");
    let settled = world.chain.account(world.id(), None).await.unwrap().unwrap().settled;
    assert_eq!(settled, owed);

    world.devnet.advance_time(LOCK + 1).unwrap();
    world.devnet.mine(1).unwrap();
    let after = until("the provider counts the next epoch", async || {
        let forged = world.forge("hello").await;
        (world.send_signed(&forged, &new).await.status == 200).then_some(forged)
    })
    .await;
    assert_eq!(after.epoch, before.epoch + 1);
    let fresh = world.forge("hello").await;
    let late = Forged { request: fresh.request, epoch: before.epoch, ..before.clone() };
    world.send_signed(&late, &old).await.refused(401, "wrong_epoch", "");
    world.send_signed(&fresh, &old).await.refused(401, "wrong_signer", "voucher");
    world.send_signed(&fresh, &new).await.is(200);
    // What was settled never falls with a change of keys.
    assert!(world.chain.account(world.id(), None).await.unwrap().unwrap().settled >= settled);
}

const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const ADDRESS: &str = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";

/// Runs a program with a key on its stdin.
fn run(program: &str, args: &[&str], home: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(args).env("HOME", home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"] {
        command.env_remove(variable);
    }
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(format!("{KEY}\n").as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_creation_that_is_killed_leaves_no_key_behind() {
    let home = tempfile::tempdir().unwrap();
    let own = env!("CARGO_BIN_EXE_zgserve-tui");
    let data = home.path().join("data");
    let (data, keys) = (data.to_str().unwrap(), data.join("keys"));
    let passphrase = home.path().join("passphrase");
    std::fs::write(&passphrase, "correct horse\n").unwrap();
    let args = ["wallet", "import", "--data-dir", data, "--passphrase-file", passphrase.to_str().unwrap()];
    // The system kills whoever writes into a file beyond that limit: here the very first byte of the key file.
    let script = "ulimit -f 0; exec \"$0\" \"$@\"";
    let killed = run("sh", &[&["-c", script, own], &args[..]].concat(), home.path());
    assert!(!killed.status.success() && killed.stdout.is_empty(), "{killed:?}");
    let left: Vec<String> = std::fs::read_dir(&keys)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(left.iter().all(|name| name.starts_with(".unfinished-")), "{left:?}");
    assert_eq!(left.len(), 1, "it was killed in the middle: {left:?}");

    let list =
        |name: &str| run(own, &["wallet", "list", "--json", "--data-dir", data], home.path()).stdout_of(name);
    assert!(!list("nothing yet").contains(ADDRESS));
    let made = run(own, &args, home.path());
    assert_eq!(made.stdout_of("made").trim(), ADDRESS);
    assert!(list("made").contains(ADDRESS));
}

/// A home whose one key is locked with "correct horse"; gives the arguments that name it.
fn locked(home: &Path) -> [String; 2] {
    let passphrase = home.join("passphrase");
    std::fs::write(&passphrase, "correct horse\n").unwrap();
    let data = ["--data-dir".to_owned(), home.join("data").display().to_string()];
    let args = ["wallet", "import", "--passphrase-file", passphrase.to_str().unwrap(), &data[0], &data[1]];
    run(env!("CARGO_BIN_EXE_zgserve-tui"), &args, home).stdout_of("made");
    data
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_for_a_passphrase_gives_the_terminal_back() {
    let home = tempfile::tempdir().unwrap();
    let data = locked(home.path());
    let (export, headless) = (["wallet", "export", ADDRESS], ["--headless", "--set", "listen=127.0.0.1:0"]);
    let open = |args: &[&str]| {
        let args = [args, &[&data[0], &data[1]]].concat();
        Terminal::open(12, 200, &args, Some(home.path()))
    };
    // Called off with Ctrl-C, by a command and by a broker that already listens to signals.
    for args in [&export[..], &headless[..]] {
        let mut terminal = open(args);
        terminal.shows("Passphrase for 0x2c75").await;
        until("what is typed is hidden", async || (!terminal.echoes()).then_some(())).await;
        terminal.press("half a passphrase");
        terminal.press("\u{3}");
        assert_eq!(terminal.ended().await, 130, "{}", terminal.text());
        assert!(terminal.echoes(), "{args:?}");
        assert!(!terminal.text().contains("half"), "{}", terminal.text());
    }
    // Told to stop from outside: a broker that listens to signals, and commands that do not.
    let new = ["wallet", "new"];
    for (args, asks, signals) in [
        (&headless[..], "Passphrase for 0x2c75", &["-TERM", "-INT"][..]),
        (&export[..], "Passphrase for 0x2c75", &["-TERM", "-INT", "-HUP"]),
        (&new[..], "New passphrase", &["-TERM"]),
    ] {
        for signal in signals {
            let mut terminal = open(args);
            terminal.shows(asks).await;
            until("what is typed is hidden", async || (!terminal.echoes()).then_some(())).await;
            let process = terminal.process().to_string();
            assert!(Command::new("kill").args([signal, process.as_str()]).status().unwrap().success());
            assert_eq!(terminal.ended().await, 130, "{args:?} {signal}");
            assert!(terminal.echoes(), "{args:?} {signal}");
        }
    }
    // Answered, after a mistake.
    let mut terminal = open(&export);
    terminal.shows("Passphrase for 0x2c75").await;
    terminal.press("correct hors\u{e9}\u{7f}e\r");
    terminal.shows(KEY).await;
    assert_eq!(terminal.ended().await, 0);
    assert!(terminal.echoes() && !terminal.text().contains("correct"), "{}", terminal.text());
}

#[test]
fn a_passphrase_comes_from_a_descriptor() {
    let home = tempfile::tempdir().unwrap();
    let data = locked(home.path());
    let own = env!("CARGO_BIN_EXE_zgserve-tui");
    let export = ["wallet", "export", ADDRESS, "--passphrase-fd", "3", &data[0], &data[1]];
    for (from, well) in [
        ("exec \"$0\" \"$@\" 3<passphrase", true),
        // A pipe that stays open behind its first line.
        ("(echo correct horse; sleep 1) | (exec \"$0\" \"$@\" 3<&0)", true),
        ("echo wrong | (exec \"$0\" \"$@\" 3<&0)", false),
        ("exec \"$0\" \"$@\" 3<&-", false),
    ] {
        let script = format!("cd \"$HOME\"; {from}");
        let output = run("sh", &[&["-c", &script, own], &export[..]].concat(), home.path());
        assert_eq!(output.status.success(), well, "{from}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim() == KEY, well, "{from}");
    }
}

#[test]
fn keys_in_the_clear_work_and_are_warned_about_once() {
    use std::os::unix::fs::PermissionsExt;

    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("user.yaml");
    std::fs::write(&file, format!("privateKeys: \"{KEY}\"\nchain:\n  rpcUrl: http://127.0.0.1:9\n")).unwrap();
    let own = env!("CARGO_BIN_EXE_zgserve-tui");
    let doctor = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let args =
            ["doctor", "--config", file.to_str().unwrap(), "--data-dir", home.path().to_str().unwrap()];
        let output = run(own, &args, home.path());
        assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("key: {ADDRESS}")), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains(KEY));
        told
    };
    let open = doctor(0o644);
    let count = |told: &str, words: &str| told.matches(words).count();
    assert_eq!(count(&open, "others can read it (mode 0644); `chmod 600 "), 1, "{open}");
    assert_eq!(count(&open, "`zgserve-tui wallet import`"), 1, "{open}");
    let shut = doctor(0o600);
    assert_eq!(count(&shut, "others can read it"), 0, "{shut}");
    assert_eq!(count(&shut, "`zgserve-tui wallet import`"), 1, "{shut}");
}

trait Said {
    fn stdout_of(&self, what: &str) -> String;
}

impl Said for Output {
    fn stdout_of(&self, what: &str) -> String {
        assert!(self.status.success(), "{what}: {self:?}");
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}
