//! Key files of other programs, hostile ones, and creations that are cut off.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use alloy::primitives::address;

use super::{KeyError, KeyFiles, Secret, Wallet};
use crate::private_files::{self, PrivateFileError};

const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
/// Letters beyond ASCII, which programs could encode differently.
const PASSPHRASE: &str = "grüße 🔑";

/// As eth-account writes it, with scrypt at its weakest.
const ETH_ACCOUNT_SCRYPT: &str = r#"{"address": "2c7536E3605D9C16a7a3D7b1898e529396a65c23", "crypto": {"cipher":
    "aes-128-ctr", "cipherparams": {"iv": "5bb6822ee028614683eebdf9efb7a673"}, "ciphertext":
    "3e48858868c3fe5e118133f4e31061beb777a052bcf5e647f102e7557b2a6add", "kdf": "scrypt", "kdfparams": {"dklen": 32,
    "n": 2, "r": 8, "p": 1, "salt": "0ce2012fca580f94ed0ad5034ce5a90e"}, "mac":
    "9daeadcc86bcefe18d6b1cdad854119c5dd06180a81cc15130ef6c4052caf970"}, "id":
    "808fc385-1aed-413d-ae98-faaf330f213e", "version": 3}"#;
/// The same with PBKDF2.
const ETH_ACCOUNT_PBKDF2: &str = r#"{"address": "2c7536E3605D9C16a7a3D7b1898e529396a65c23", "crypto": {"cipher":
    "aes-128-ctr", "cipherparams": {"iv": "10371d7f3645b9a34776c445475f5232"}, "ciphertext":
    "e84aca40dc1c822fb265338739f4ec7237f0e1b32b0586d146328e074047f553", "kdf": "pbkdf2", "kdfparams": {"c": 1, "dklen":
    32, "prf": "hmac-sha256", "salt": "dea3ea1954d918b899c008ba36a89e61"}, "mac":
    "7e60001f5e24d5c677cbabbb0f3b0e594ddbf5d37dd05b3e733374b348661f7a"}, "id":
    "97829656-b0b1-4ab4-86a2-2ecba8fc9ade", "version": 3}"#;
/// As ethers 6 writes it.
const ETHERS: &str = r#"{"address":"2c7536e3605d9c16a7a3d7b1898e529396a65c23","id":"91945784-20ae-4bbd-8b38-9719859a97bd",
    "version":3,"Crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"494d7a424b31188b0cc1f781db393cf2"},
    "ciphertext":"337065f0d2befd4215004e97f69142d213e4fed3e3ad26c7f05410a47ac39d47","kdf":"scrypt","kdfparams":{"salt":
    "5b42cb0899302a27a17f63a1caa4f735d8ced71155ccea2ae490d73709b6b226","n":2,"dklen":32,"p":1,"r":8},"mac":
    "f9878f713b352c77b842955fe30aa49361b3d6126a181efa6fac1f5c5958ecb0"}}"#;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn file(directory: &Path, text: &str) -> std::path::PathBuf {
    let path = directory.join("theirs.json");
    private_files::replace(&path, text.as_bytes()).unwrap();
    path
}

#[test]
fn files_of_eth_account_and_ethers_open() {
    let dir = tempfile::tempdir().unwrap();
    for (program, text) in
        [("scrypt", ETH_ACCOUNT_SCRYPT), ("pbkdf2", ETH_ACCOUNT_PBKDF2), ("ethers", ETHERS)]
    {
        let path = file(dir.path(), text);
        let wallet = Wallet::from_keystore(&path, &secret(PASSPHRASE)).unwrap();
        assert_eq!(wallet.to_hex().expose(), KEY, "{program}");
        assert_eq!(wallet.address(), address!("2c7536E3605D9C16a7a3D7b1898e529396a65c23"));
        let wrong = Wallet::from_keystore(&path, &secret("grusse"));
        assert!(matches!(wrong, Err(KeyError::WrongPassphrase)), "{program}");
    }
}

/// The most that this process ever had in memory, in KiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_hostile_file_takes_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let before = peak();
    // 2 TiB by n, 256 GiB by r, 128 by both together while neither alone looks bad; work without memory by p.
    for (n, r, p) in [(1u64 << 31, 8, 1), (2, 1 << 30, 1), (1 << 20, 1 << 10, 1), (1 << 14, 8, 1 << 20)] {
        let text = ETHERS
            .replace(r#""n":2"#, &format!(r#""n":{n}"#))
            .replace(r#""r":8"#, &format!(r#""r":{r}"#))
            .replace(r#""p":1"#, &format!(r#""p":{p}"#));
        assert_ne!(text, ETHERS);
        let refused = Wallet::from_keystore(&file(dir.path(), &text), &secret(PASSPHRASE));
        assert!(matches!(refused, Err(KeyError::Format { .. })), "{n} {r} {p}");
    }
    // A key file of a gigabyte is not read.
    let large = fs::File::create(dir.path().join("large.json")).unwrap();
    large.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
    large.set_len(1 << 30).unwrap();
    let refused = Wallet::from_keystore(&dir.path().join("large.json"), &secret(PASSPHRASE));
    assert!(matches!(refused, Err(KeyError::File(PrivateFileError::TooLarge { .. }))));
    // Other tests of this process use memory too, some of them a quarter of a gigabyte, many at the same time; the
    // least of these files asks for 128.
    assert!(peak() - before < 8 << 20, "{} KiB more", peak() - before);
}

#[test]
fn a_key_is_never_written_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let files = KeyFiles::new(dir.path().join("keys"));
    let wallet = Wallet::from_hex(&secret(KEY)).unwrap();
    let place = files.directory().join(format!("{:#x}.json", wallet.address()));
    private_files::ensure_directory(files.directory()).unwrap();
    // To nowhere yet, and to a file of somebody else.
    let elsewhere = dir.path().join("elsewhere");
    for there in [false, true] {
        if there {
            fs::write(&elsewhere, "theirs").unwrap();
        }
        symlink(&elsewhere, &place).unwrap();
        let refused = files.keep(&wallet, &secret("x")).unwrap_err();
        assert!(matches!(refused, KeyError::File(PrivateFileError::Exists { .. })), "{refused:?}");
        assert_eq!(fs::read_to_string(&elsewhere).ok(), there.then(|| "theirs".to_owned()));
        fs::remove_file(&place).unwrap();
    }
    // What a link leads to is held to the same modes.
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o644)).unwrap();
    symlink(&elsewhere, &place).unwrap();
    let loose = files.open(wallet.address(), &secret("x"));
    assert!(matches!(loose, Err(KeyError::File(PrivateFileError::Loose { mode: 0o644, .. }))));
}

#[test]
fn a_key_directory_that_others_may_enter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let files = KeyFiles::new(dir.path().join("keys"));
    let kept = files.import_hex(&secret(KEY), &secret("x")).unwrap();
    for mode in [0o755, 0o710, 0o701, 0o770] {
        fs::set_permissions(files.directory(), fs::Permissions::from_mode(mode)).unwrap();
        let refused = files.open(kept.address, &secret("x"));
        assert!(
            matches!(refused, Err(KeyError::File(PrivateFileError::Loose { wanted: 0o700, .. }))),
            "{mode:o}"
        );
        assert!(files.create(&secret("x")).is_err(), "{mode:o}");
    }
}
