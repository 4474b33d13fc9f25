//! Key files of others, version 3: any text opens, is refused with a reason, or wants another passphrase. Never a panic,
//! never more work than the format's own limits allow, never a key of another address than the one named (S9).

use serde_json::Value;
use zgserve_tui::keys::{KeyError, KeyFiles, Secret, Wallet};
use zgserve_tui::private_files;

/// Inputs that ask for more work than this are within the program's limits, perhaps, but too slow to try thousands of.
const WORK: u128 = 1 << 12;

pub fn run(bytes: &[u8]) {
    if bytes.len() > 4_096 || asks_for_work(bytes) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    private_files::create(&path, bytes).unwrap();
    let named = KeyFiles::address_of(&path);
    for phrase in ["", "x", "testpassword"] {
        match Wallet::from_keystore(&path, &Secret::new(phrase.to_owned())) {
            Ok(wallet) => {
                let named = named.as_ref().unwrap_or_else(|error| panic!("opened but not read: {error}"));
                assert!(named.is_none_or(|named| named == wallet.address()));
            }
            Err(KeyError::AddressMismatch { named, found, .. }) => assert_ne!(named, found),
            Err(error) => {
                let told = error.to_string();
                assert!(told.len() < 1_000 && !told.is_empty(), "{told}");
            }
        }
    }
}

/// Whether any numbers in the text, put together, make key derivation take long.
fn asks_for_work(bytes: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return false };
    let mut params = Vec::new();
    collect(&json, &mut params);
    params.iter().fold(1_u128, |work, number| work.saturating_mul((*number).max(1))) > WORK
}

/// Numbers of members that key derivation reads, wherever they stand.
fn collect(json: &Value, found: &mut Vec<u128>) {
    if let Value::Object(members) = json {
        for (name, value) in members {
            match value.as_u64() {
                // Rounds so many that they are refused cost nothing.
                Some(number) if matches!(name.as_str(), "n" | "r" | "p" | "c") && number <= 1 << 26 => {
                    found.push(number.into());
                }
                _ => collect(value, found),
            }
        }
    } else if let Value::Array(values) = json {
        values.iter().for_each(|value| collect(value, found));
    }
}
