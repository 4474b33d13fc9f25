//! The encrypted key file, version 3 of the "Web3 Secret Storage Definition": one key, locked by a passphrase.
//!
//! Written with scrypt N = 2^18, r = 8, p = 1, as geth does (a guess costs about a second and 256 MiB); read with
//! scrypt or PBKDF2 at whatever strength the file names, within bounds that a hostile file cannot use to exhaust the
//! machine. The format is implemented here because the library that alloy uses fixes N at 2^13 and panics on
//! malformed files.

use std::path::Path;

use aes::Aes128;
use alloy::primitives::{Address, hex, keccak256};
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use hmac::Hmac;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{KeyError, Secret, Wallet, wallet::random_bytes};
use crate::private_files;

/// The base 2 logarithm of scrypt's N in the files we write.
const LOG_N: u8 = 18;

/// Larger than any key file: they have about 500 bytes.
const LONGEST: u64 = 64 << 10;

/// The most memory a file may make scrypt take: four times what geth's strong setting does.
const SCRYPT_MEMORY: u64 = 1 << 30;

/// The most work (N·r·p) a file may ask of scrypt: sixteen times geth's strong setting.
const SCRYPT_WORK: u64 = 1 << 25;

/// The most rounds a file may ask of PBKDF2: about forty times the usual number.
const PBKDF2_ROUNDS: u32 = 10_000_000;

#[derive(Serialize, Deserialize)]
struct KeyFileJson {
    version: u32,
    #[serde(default)]
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(alias = "Crypto")]
    crypto: Crypto,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    #[serde(flatten)]
    kdf: Kdf,
    mac: String,
}

#[derive(Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kdf", content = "kdfparams", rename_all = "lowercase")]
enum Kdf {
    Scrypt { dklen: u32, n: u64, r: u32, p: u32, salt: String },
    Pbkdf2 { dklen: u32, c: u32, prf: String, salt: String },
}

/// Opens a key file. Blocks for about a second.
pub(in crate::keys) fn open(path: &Path, passphrase: &Secret<String>) -> Result<Wallet, KeyError> {
    let text = private_files::read(path, LONGEST)?;
    let format = |reason| KeyError::Format { path: path.to_owned(), reason };
    let file: KeyFileJson =
        serde_json::from_slice(&text).map_err(|_| format("its JSON has another shape"))?;
    let wallet = decrypt(&file, passphrase).map_err(|failure| match failure {
        Failure::Format(reason) => format(reason),
        Failure::Key(error) => error,
    })?;
    if let Some(named) = named_address(&file)
        && named != wallet.address()
    {
        return Err(KeyError::AddressMismatch { path: path.to_owned(), named, found: wallet.address() });
    }
    Ok(wallet)
}

/// The address a key file says it holds, without opening it.
pub(in crate::keys) fn address(path: &Path) -> Result<Option<Address>, KeyError> {
    let text = private_files::read(path, LONGEST)?;
    let file: KeyFileJson = serde_json::from_slice(&text)
        .map_err(|_| KeyError::Format { path: path.to_owned(), reason: "its JSON has another shape" })?;
    Ok(named_address(&file))
}

/// The text of a key file for a key. Blocks for about a second.
pub(in crate::keys) fn encrypt(wallet: &Wallet, passphrase: &Secret<String>) -> Result<String, KeyError> {
    encrypt_at(wallet, passphrase, LOG_N)
}

fn encrypt_at(wallet: &Wallet, passphrase: &Secret<String>, log_n: u8) -> Result<String, KeyError> {
    let salt = random_bytes::<32>()?;
    let iv = random_bytes::<16>()?;
    let params = scrypt::Params::new(log_n, 8, 1).map_err(|_| KeyError::Signing)?;
    let derived = derive_scrypt(passphrase, &salt[..], &params)?;
    let mut ciphertext = wallet.to_bytes();
    apply_cipher(&derived, &iv, &mut ciphertext[..]);
    let file = KeyFileJson {
        version: 3,
        id: random_uuid()?,
        address: Some(hex::encode(wallet.address())),
        crypto: Crypto {
            cipher: "aes-128-ctr".to_owned(),
            cipherparams: CipherParams { iv: hex::encode(&iv[..]) },
            ciphertext: hex::encode(&ciphertext[..]),
            kdf: Kdf::Scrypt { dklen: 32, n: 1 << log_n, r: 8, p: 1, salt: hex::encode(&salt[..]) },
            mac: hex::encode(mac(&derived, &ciphertext[..])),
        },
    };
    serde_json::to_string(&file).map_err(|_| KeyError::Signing)
}

enum Failure {
    Format(&'static str),
    Key(KeyError),
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

fn decrypt(file: &KeyFileJson, passphrase: &Secret<String>) -> Result<Wallet, Failure> {
    if file.version != 3 {
        return Err(Failure::Format("its version is not 3"));
    }
    let crypto = &file.crypto;
    if crypto.cipher != "aes-128-ctr" {
        return Err(Failure::Format("its cipher is not aes-128-ctr"));
    }
    let iv: [u8; 16] = exact(&crypto.cipherparams.iv).ok_or(Failure::Format("its iv is not 16 bytes"))?;
    let ciphertext: [u8; 32] =
        exact(&crypto.ciphertext).ok_or(Failure::Format("it does not hold a 32-byte key"))?;
    let expected: [u8; 32] = exact(&crypto.mac).ok_or(Failure::Format("its mac is not 32 bytes"))?;
    let derived = derive(&crypto.kdf, passphrase)?;
    if !bool::from(mac(&derived, &ciphertext).ct_eq(&expected)) {
        return Err(KeyError::WrongPassphrase.into());
    }
    let mut key = Zeroizing::new(ciphertext);
    apply_cipher(&derived, &iv, &mut key[..]);
    Ok(Wallet::from_bytes(&key)?)
}

/// The 32 bytes made from the passphrase: 16 for the cipher, 16 for the check of the passphrase.
fn derive(kdf: &Kdf, passphrase: &Secret<String>) -> Result<Zeroizing<[u8; 32]>, Failure> {
    match kdf {
        Kdf::Scrypt { dklen, n, r, p, salt } => {
            // The first 32 bytes of a longer derived key are the same as those of a key of 32.
            if *dklen < 32 {
                return Err(Failure::Format("its derived key is too short"));
            }
            if !n.is_power_of_two() || *n < 2 {
                return Err(Failure::Format("its scrypt n is not a power of two"));
            }
            // Both take memory: what is mixed once for each of `p`, and the blocks that go in and come out.
            let memory = n.checked_add(u64::from(*p)).and_then(|rows| rows.checked_mul(128 * u64::from(*r)));
            let work = n.checked_mul(u64::from(*r)).and_then(|work| work.checked_mul(u64::from(*p)));
            if memory.is_none_or(|memory| memory > SCRYPT_MEMORY)
                || work.is_none_or(|work| work > SCRYPT_WORK)
            {
                return Err(Failure::Format(
                    "its scrypt parameters ask for more work than any real file does",
                ));
            }
            let log_n = u8::try_from(n.trailing_zeros()).unwrap_or(u8::MAX);
            let params = scrypt::Params::new(log_n, *r, *p)
                .map_err(|_| Failure::Format("its scrypt parameters are not valid"))?;
            let salt = hex::decode(salt).map_err(|_| Failure::Format("its salt is not hexadecimal"))?;
            Ok(derive_scrypt(passphrase, &salt, &params)?)
        }
        Kdf::Pbkdf2 { dklen, c, prf, salt } => {
            if prf != "hmac-sha256" {
                return Err(Failure::Format("its pbkdf2 function is not hmac-sha256"));
            }
            if *dklen < 32 || *c == 0 || *c > PBKDF2_ROUNDS {
                return Err(Failure::Format("its pbkdf2 parameters are out of range"));
            }
            let salt = hex::decode(salt).map_err(|_| Failure::Format("its salt is not hexadecimal"))?;
            let mut derived = Zeroizing::new([0; 32]);
            pbkdf2::pbkdf2::<Hmac<Sha256>>(passphrase.expose().as_bytes(), &salt, *c, &mut derived[..]);
            Ok(derived)
        }
    }
}

fn derive_scrypt(
    passphrase: &Secret<String>,
    salt: &[u8],
    params: &scrypt::Params,
) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut derived = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.expose().as_bytes(), salt, params, &mut derived[..])
        .map_err(|_| KeyError::Signing)?;
    Ok(derived)
}

fn apply_cipher(derived: &[u8; 32], iv: &[u8; 16], bytes: &mut [u8]) {
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&derived[..16]);
    Ctr128BE::<Aes128>::new((&*key).into(), iv.into()).apply_keystream(bytes);
}

fn mac(derived: &[u8; 32], ciphertext: &[u8]) -> [u8; 32] {
    let mut input = Zeroizing::new(Vec::with_capacity(16 + ciphertext.len()));
    input.extend_from_slice(&derived[16..]);
    input.extend_from_slice(ciphertext);
    keccak256(&input[..]).0
}

fn exact<const N: usize>(digits: &str) -> Option<[u8; N]> {
    hex::decode(digits).ok()?.try_into().ok()
}

fn named_address(file: &KeyFileJson) -> Option<Address> {
    exact::<20>(file.address.as_deref()?).map(Address::from)
}

/// A random (version 4) UUID, as the format asks for; it identifies nothing.
fn random_uuid() -> Result<String, KeyError> {
    let mut bytes = random_bytes::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(&bytes[..]);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use alloy::primitives::address;

    use super::*;

    /// A test vector of the format's definition. Its other one has scrypt parameters (n = 2^18 with r = 1) that
    /// scrypt's own definition forbids and no wallet writes.
    const PBKDF2: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
        "kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256",
        "salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
        "mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
        "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
    /// From geth's own tests, at its weakest setting; the passphrase is empty.
    const SCRYPT: &str = r#"{"address":"45dea0fb0bba44f4fcf290bba71fd57d7117cbb8","crypto":{"cipher":"aes-128-ctr",
        "ciphertext":"b87781948a1befd247bff51ef4063f716cf6c2d3481163e9a8f42e1f9bb74145",
        "cipherparams":{"iv":"dc4926b48a105133d2f16b96833abf1e"},"kdf":"scrypt","kdfparams":{"dklen":32,"n":2,"p":1,
        "r":8,"salt":"004244bbdc51cadda545b1cfa43cff9ed2ae88e08c61f1479dbb45410722f8f0"},
        "mac":"39990c1684557447940d4c69e06b1b82b2aceacb43f284df65c956daf3046b85"},
        "id":"ce541d8d-c79b-40f8-9f8c-20f59616faba","version":3}"#;
    const KEY: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

    fn passphrase(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn open_text(text: &str, phrase: &str) -> Result<Wallet, KeyError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        private_files::create(&path, text.as_bytes()).unwrap();
        open(&path, &passphrase(phrase))
    }

    #[test]
    fn files_of_others_open() {
        assert_eq!(open_text(PBKDF2, "testpassword").unwrap().to_hex().expose(), KEY);
        assert!(matches!(open_text(PBKDF2, "Testpassword"), Err(KeyError::WrongPassphrase)));
        let address = address!("45dea0fb0bba44f4fcf290bba71fd57d7117cbb8");
        assert_eq!(open_text(SCRYPT, "").unwrap().address(), address);
        assert!(matches!(open_text(SCRYPT, "x"), Err(KeyError::WrongPassphrase)));
        assert_eq!(open_text(&SCRYPT.replace("crypto", "Crypto"), "").unwrap().address(), address);
    }

    #[test]
    fn what_we_write_is_strong_and_opens_again() {
        let wallet = Wallet::random().unwrap();
        let text = encrypt(&wallet, &passphrase("correct horse")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kdf = &json["crypto"]["kdfparams"];
        assert_eq!((&kdf["n"], &kdf["r"], &kdf["p"]), (&262_144.into(), &8.into(), &1.into()));
        assert_eq!(json["address"], hex::encode(wallet.address()));
        assert_eq!(json["id"].as_str().unwrap().len(), 36);
        assert_eq!(open_text(&text, "correct horse").unwrap().address(), wallet.address());
        assert!(!text.contains(wallet.to_hex().expose()));
    }

    #[test]
    fn a_file_that_names_another_address_is_refused() {
        let wallet = Wallet::random().unwrap();
        let text = encrypt_at(&wallet, &passphrase("x"), 4).unwrap();
        let other = text.replace(&hex::encode(wallet.address()), &"11".repeat(20));
        assert!(matches!(open_text(&other, "x"), Err(KeyError::AddressMismatch { .. })));
        assert_eq!(open_text(&text, "x").unwrap().address(), wallet.address());
    }

    #[test]
    fn malformed_and_hostile_files_are_refused_quickly() {
        let good = encrypt_at(&Wallet::random().unwrap(), &passphrase("x"), 4).unwrap();
        let json: serde_json::Value = serde_json::from_str(&good).unwrap();
        let bad = |path: &str, value: serde_json::Value| {
            let mut json = json.clone();
            *json.pointer_mut(path).unwrap() = value;
            open_text(&json.to_string(), "x").unwrap_err()
        };
        let cases = [
            ("/version", 4.into()),
            ("/crypto/cipher", "aes-256-gcm".into()),
            ("/crypto/cipherparams/iv", "00".into()),
            ("/crypto/ciphertext", "zz".into()),
            ("/crypto/mac", "".into()),
            ("/crypto/kdf", "argon2".into()),
            ("/crypto/kdfparams/dklen", 16.into()),
            ("/crypto/kdfparams/n", 0.into()),
            ("/crypto/kdfparams/n", 3.into()),
            ("/crypto/kdfparams/n", (1u64 << 40).into()),
            ("/crypto/kdfparams/r", 0.into()),
            ("/crypto/kdfparams/r", u32::MAX.into()),
            ("/crypto/kdfparams/p", u32::MAX.into()),
            (
                "/crypto/kdfparams",
                serde_json::json!({"dklen": 32, "n": 2, "r": 1, "p": 1 << 24, "salt": "00"}),
            ),
            ("/crypto/kdfparams/salt", "not hex".into()),
        ];
        for (path, value) in cases {
            assert!(matches!(bad(path, value), KeyError::Format { .. }), "{path}");
        }
        for text in ["", "{}", "[]", "null", "\u{0}"] {
            assert!(matches!(open_text(text, "x"), Err(KeyError::Format { .. })));
        }
        let rounds = PBKDF2.replace("262144", "4000000000");
        assert!(matches!(open_text(&rounds, "testpassword"), Err(KeyError::Format { .. })));
    }
}
