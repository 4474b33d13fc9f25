//! What the real program says of a database: that an older one is brought up to date, and whether its books are right.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zgserve_tui::store::{Db, Role};

/// Where SQLite keeps the number of the last migration, four bytes in a file's head.
const USER_VERSION: std::ops::Range<usize> = 60..64;

/// A data directory with a database of this version and a key file; gives the database.
async fn database(home: &Path) -> PathBuf {
    let data = home.join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let key = format!("0x{}\n", "11".repeat(32));
    std::fs::write(home.join("key"), key).unwrap();
    std::fs::set_permissions(home.join("key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let path = data.join("user.db");
    Db::open(&path, Role::User).unwrap().close().await.unwrap();
    path
}

/// Both outputs of a command on that directory, over a chain that is away.
fn output(home: &Path, words: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"))
        .args(words)
        .args(["--data-dir", "data", "--private-key-file", "key", "--rpc-url", "http://127.0.0.1:1"])
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_one_is_told_before_it_is_changed() {
    let home = tempfile::tempdir().unwrap();
    let path = database(home.path()).await;
    let list = ["account", "list"];
    assert!(!output(home.path(), &list).contains("up to date"), "there is nothing to do");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[USER_VERSION].copy_from_slice(&1u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let said = output(home.path(), &list);
    assert!(said.contains("bringing the database up to date"), "{said}");
    let said = output(home.path(), &["doctor", "user"]);
    assert!(said.contains("books: of an older version"), "a look changes nothing: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_whether_the_books_are_right() {
    let home = tempfile::tempdir().unwrap();
    let path = database(home.path()).await;
    let said = output(home.path(), &["doctor", "user"]);
    assert!(said.contains("ok    books: the database is whole"), "{said}");
    // A page of an index, overwritten.
    let mut bytes = std::fs::read(&path).unwrap();
    let from = bytes.len() - 4096;
    bytes[from..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let said = output(home.path(), &["doctor", "user"]);
    assert!(said.contains("FAIL") && !said.contains("ok    books"), "{said}");
    std::fs::remove_file(&path).unwrap();
    let said = output(home.path(), &["doctor", "user"]);
    assert!(said.contains("books: none yet") && !path.exists(), "{said}");
}
