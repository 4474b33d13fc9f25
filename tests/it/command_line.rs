//! The real program as scripts call it: what its exit code says, and what it takes from its surroundings.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
        assert!(told.lines().count() == 1 && told.contains("No space left"), "{args:?}: {told}");
        // A reader that has seen enough is no trouble.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(
            ended(&program(home.path(), args).stdout(writer).output().unwrap()),
            (0, String::new())
        );
    }
}
