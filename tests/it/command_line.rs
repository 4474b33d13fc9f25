//! The real program as scripts call it: what its exit code says, and what it takes from its surroundings.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::world::{Reply, SAY_THIS, World};

/// The program with nothing of ours around it, in the home of nobody yet.
fn program(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"));
    command.args(args).env_clear().env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

/// The exit code, and what was said on stderr.
fn ended(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        println!("skipped: this system has no /dev/full");
        return;
    };
    for args in [&["config", "example"][..], &["keys", "--json"], &["keys"], &["completions", "bash"]] {
        let to = full.try_clone().unwrap();
        let (code, told) = ended(&program(home.path(), args).stdout(to).output().unwrap());
        assert_eq!(code, 1, "{args:?}: {told}");
        assert!(told.lines().count() == 1 && told.contains("No space left on device;"), "{args:?}: {told}");
        // A reader that has seen enough is no trouble.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(ended(&program(home.path(), args).stdout(writer).output().unwrap()), (0, String::new()));
    }
}

#[test]
fn help_that_cannot_be_written_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    for args in [&["--help"][..], &["--version"], &["account", "--help"]] {
        let to = full.try_clone().unwrap();
        let (code, told) = ended(&program(home.path(), args).stdout(to).output().unwrap());
        assert!(code == 1 && told.contains("No space left on device;"), "{args:?}: {code} {told}");
        assert_eq!(ended(&program(home.path(), args).output().unwrap()), (0, String::new()), "{args:?}");
    }
}

#[test]
fn what_was_done_is_not_asked_for_again() {
    let home = tempfile::tempdir().unwrap();
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let passphrase = home.path().join("passphrase");
    std::fs::write(&passphrase, "a passphrase").unwrap();
    let mut new = program(home.path(), &["wallet", "new", "--passphrase-file"]);
    let (code, told) = ended(&new.arg(&passphrase).stdout(full).output().unwrap());
    assert!(code == 1 && told.contains("is done; do not give the command again"), "{code}: {told}");
    assert!(told.contains("`zgserve-tui wallet list` shows it"), "{told}");
    let listed = program(home.path(), &["wallet", "list", "--json"]).output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("\"total\": 1"), "{listed:?}");
}

#[test]
fn codes_and_sentences_of_what_cannot_be_right() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("file"), "").unwrap();
    for (args, wanted, says) in [
        (&["verify", "nothere.json"][..], 3, "could not read nothere.json"),
        (
            &["demo", "--headless", "--upstream", "nonsense"],
            3,
            "--upstream nonsense: it is not the URL of a server",
        ),
        (&["--url", "ftp://x", "account", "list"], 3, "by http or https, not by ftp"),
        (&["devnet", "--listen", "0.0.0.0:8600"], 3, "it has no token, so listen on 127.0.0.1"),
        (&["man", "file"], 3, "file is no directory"),
        (&["health", "nonsense"], 2, "write it like http://127.0.0.1:1034"),
        (&["backup", "b.tar", "--url", "http://127.0.0.1:1"], 2, "--url has no part in `backup`"),
    ] {
        let (code, told) = ended(&program(home.path(), args).output().unwrap());
        assert!(code == wanted && told.contains(says), "{args:?}: {code} {told}");
    }
}

#[test]
fn an_empty_variable_is_none() {
    let home = tempfile::tempdir().unwrap();
    let names = ["CONFIG", "LOG", "LOG_FORMAT", "DATA_DIR", "UID"];
    let names = names.map(|name| (format!("ZGSERVE_{name}"), ""));
    let listed = program(home.path(), &["wallet", "list"]).envs(names).output().unwrap();
    assert_eq!(ended(&listed), (0, String::new()));
    assert!(!home.path().join("keys").exists());
}

#[test]
fn settings_are_taken_from_nobody_else() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("user")).unwrap();
    let file = home.path().join("user/config.local.yaml");
    std::fs::write(&file, "caps: {perDay: \"5\"}\n").unwrap();
    let shown = |mode, more: &[&str]| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = program(home.path(), &[&["config", "show"], more].concat()).output().unwrap();
        let (code, told) = ended(&output);
        (code, told, String::from_utf8(output.stdout).unwrap())
    };
    assert!(shown(0o644, &[]).2.contains("caps.perDay: \"5\""));
    let (code, told, _) = shown(0o666, &[]);
    assert!(code == 3 && told.contains("user/config.local.yaml in the working directory"), "{told}");
    assert_eq!(shown(0o666, &["--config", "user/config.local.yaml"]).0, 0);
    // Where everybody may put another one in its place, it is no better.
    let place = home.path().join("user");
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o777)).unwrap();
    let (code, told, _) = shown(0o600, &[]);
    assert!(code == 3 && told.contains("lies in user, which can be changed by everybody"), "{told}");
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
    // One that leads nowhere is not one that is absent.
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    let (code, told) = ended(&program(home.path(), &["config", "show"]).output().unwrap());
    assert!(code == 3 && told.contains("user/config.local.yaml cannot be read"), "{told}");
    // What is no text is not left out: without this token the broker would be open.
    let odd = std::ffi::OsStr::from_bytes(b"0123456789abcdef\xe9");
    std::fs::remove_file(&file).unwrap();
    for more in [&[][..], &["--url", "http://127.0.0.1:9"]] {
        let args = [&["account", "list"], more].concat();
        let (code, told) = ended(&program(home.path(), &args).env("ZGSERVE_TOKEN", odd).output().unwrap());
        assert!(code == 3 && told.contains("the variable ZGSERVE_TOKEN: its value is not text"), "{told}");
    }
}

#[test]
fn what_systemd_hands_to_a_service_is_for_that_service_alone() {
    use std::os::unix::fs::PermissionsExt;

    let home = tempfile::tempdir().unwrap();
    let token = home.path().join("token");
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let asked = |mode, directory: &str| {
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
        let file = token.to_str().unwrap();
        let args = ["console", "--url", "http://127.0.0.1:9", "--token-file", file];
        let output = program(home.path(), &args).env("CREDENTIALS_DIRECTORY", directory).output().unwrap();
        ended(&output).1
    };
    let given = home.path().to_str().unwrap();
    assert!(asked(0o440, "/run/credentials/other").contains("can be read or changed by others"));
    assert!(asked(0o444, given).contains("can be read or changed by others"));
    // The next thing that is wrong: there is no terminal.
    assert!(asked(0o440, given).contains("terminal"), "{}", asked(0o440, given));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_lead_on_to_the_broker_that_was_named() {
    let world = World::new().await;
    let home = tempfile::tempdir().unwrap();
    let (user, provider) = (world.api().base, world.owner().base);
    let run = |args: &[&str], typed: &str| {
        let mut child = program(home.path(), args);
        let mut child =
            child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let output = child.wait_with_output().unwrap();
        let (code, told) = ended(&output);
        (code, told, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // A script learns of the question that was refused last, and of none where it was answered in the end.
    let (code, told, _) = run(&["chat", "--url", &user, "--model", "nosuch"], "hello\n\n");
    assert!(code == 3 && told.contains("no chatbot service is called"), "{code}: {told}");
    assert!(told.contains(&format!("`zgserve-tui service list --type chatbot --url {user}`")), "{told}");
    world.upstream.say(Reply::events(&["Hello ", "there."]));
    let (code, told, said) =
        run(&["chat", "--url", &format!("{user}/v1"), "--model", "llama7b"], "hello\n\n");
    assert!(code == 0 && !said.is_empty(), "{code}: {told}");
    let address = world.provider_address().to_string();
    let (code, told, _) = run(&["account", "create", &address, "5", "--url", &user], "");
    let advised = format!("`zgserve-tui account charge {address} AMOUNT --url {user}`");
    assert!(code == 6 && told.contains(&advised), "{code}: {told}");
    // Both brokers list what they sent.
    for (url, kind) in [(&user, "create_account"), (&provider, "put_service")] {
        let (code, told, said) = run(&["operation", "--url", url], "");
        assert!(code == 0 && said.contains(kind) && said.contains("mined"), "{code}: {told}{said}");
        let (code, told, said) = run(&["operation", "--kind", kind, "--state", "mined", "--url", url], "");
        assert!(code == 0 && said.contains(kind), "{code}: {told}{said}");
        let (code, _, said) = run(&["operation", "--state", "refused", "--url", url], "");
        assert!(code == 0 && !said.contains(kind), "{code}: {said}");
    }
    let of_user = ["operation", "--role", "provider", "--provider", &address, "--url", &provider];
    let (code, told, _) = run(&of_user, "");
    assert!(code == 3 && told.contains("--provider is about the operations of a user"), "{code}: {told}");
    let (code, told, _) = run(&["provider", "settlements", "--url", &provider], "");
    assert!(code == 0 && told.contains("the next one: "), "{code}: {told}");
    // A slip of the name changes nothing of what is on offer.
    let before = world.owner().get("/v1/service/llama7b").await.is(200).json();
    let add =
        ["provider", "service", "add", "llama7b", "--target", "http://127.0.0.1:9", "--input-price", "1"];
    let (code, told, _) = run(&[&add[..], &["--output-price", "1", "--url", &provider]].concat(), "");
    let advised = format!("`zgserve-tui provider service update llama7b --url {provider}` changes it");
    assert!(code == 6 && told.contains(&advised), "{code}: {told}");
    let after = world.owner().get("/v1/service/llama7b").await.is(200).json();
    assert_eq!((&before["URL"], &before["InputPrice"]), (&after["URL"], &after["InputPrice"]));
    // The public listener has no page, so it names what it has.
    world.proxy().get("/nothing").await.refused(404, "no_such_route", "there are /v1/proxy/");
    world.proxy().get("/v1/voucher").await.refused(405, "method_not_allowed", "/v1/terms");
    world.ask(SAY_THIS).await.is(200);
}
