//! One private key in memory, and what it signs.

use std::{fmt, hint::black_box, path::Path};

use alloy::{
    primitives::{Address, B256, hex},
    signers::{SignerSync, local::Secp256k1Signer},
};
use rand::{TryRngCore, rngs::OsRng};
use zeroize::Zeroizing;

use super::{KeyError, Secret, keystore};
use crate::domain::{PublicKey, Signature};

/// A key that signs. Share it in an `Arc`; it is not cloneable, so that there is one copy to wipe.
///
/// Signing goes through libsecp256k1, three to four times as fast as the pure Rust curve: a broker signs once a
/// request.
pub struct Wallet {
    signer: Secp256k1Signer,
}

impl fmt::Debug for Wallet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Wallet").field(&self.signer.address()).finish()
    }
}

impl Drop for Wallet {
    fn drop(&mut self) {
        // The library does not wipe its keys. Writing a worthless one over it does; `black_box` keeps the compiler
        // from leaving the write out as dead.
        if let Ok(worthless) = Secp256k1Signer::from_bytes(&B256::with_last_byte(1)) {
            self.signer = worthless;
        }
        black_box(&mut self.signer);
    }
}

impl Wallet {
    /// A new key from the operating system's random numbers.
    pub fn random() -> Result<Self, KeyError> {
        loop {
            let bytes = random_bytes::<32>()?;
            match Self::from_bytes(&bytes) {
                // One try in 2^128.
                Err(KeyError::OutOfRange) => {}
                result => return result,
            }
        }
    }

    /// The key written as 64 hexadecimal digits, with or without `0x`, blanks around it allowed.
    pub fn from_hex(text: &Secret<String>) -> Result<Self, KeyError> {
        let text = text.expose().trim();
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyError::NotHex);
        }
        if digits.len() != 64 {
            return Err(KeyError::Length { length: text.chars().count() });
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut bytes[..]).map_err(|_| KeyError::NotHex)?;
        Self::from_bytes(&bytes)
    }

    /// Opens an encrypted key file, version 3, as written by this program, geth and others. Blocks for about a
    /// second: making the key from the passphrase is slow on purpose.
    ///
    /// # Errors
    /// [`KeyError::WrongPassphrase`]; [`KeyError::File`] also for a file that others can read.
    pub fn from_keystore(path: &Path, passphrase: &Secret<String>) -> Result<Self, KeyError> {
        keystore::open(path, passphrase)
    }

    pub(in crate::keys) fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        let signer = Secp256k1Signer::from_slice(&bytes[..]).map_err(|_| KeyError::OutOfRange)?;
        Ok(Self { signer })
    }

    /// The key itself, to be encrypted or written to a private file.
    pub(in crate::keys) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signer.credential().inner().secret_bytes())
    }

    /// The key as hexadecimal digits, without `0x`.
    pub(in crate::keys) fn to_hex(&self) -> Secret<String> {
        let bytes = self.to_bytes();
        let mut digits = Zeroizing::new([0; 64]);
        // Of exactly fitting lengths, so it cannot fail; an empty text would be refused by every reader.
        let _ = hex::encode_to_slice(&bytes[..], &mut digits[..]);
        Secret::new(digits.iter().map(|digit| char::from(*digit)).collect())
    }

    pub fn address(&self) -> Address {
        self.signer.address()
    }

    pub fn public_key(&self) -> PublicKey {
        self.signer.credential().public_key().into()
    }

    pub(in crate::keys) fn secret_key(&self) -> &secp256k1::SecretKey {
        self.signer.credential().inner()
    }

    /// Signs a 32-byte digest. The answer is r, s, v with s in the lower half of the order and v 27 or 28, the form
    /// the contract and `ecrecover` take.
    pub fn sign(&self, digest: B256) -> Result<Signature, KeyError> {
        let signature = self.signer.sign_hash_sync(&digest).map_err(|_| KeyError::Signing)?;
        Signature::new(signature.as_bytes()).map_err(|_| KeyError::Signing)
    }
}

/// Random bytes for a key, salt or initial value, straight from the operating system.
pub(in crate::keys) fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    OsRng.try_fill_bytes(&mut bytes[..]).map_err(|_| KeyError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use alloy::primitives::{U256, address, b256, keccak256};

    use super::*;

    /// The first of the well-known test keys of every development chain.
    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn wallet(text: &str) -> Result<Wallet, KeyError> {
        Wallet::from_hex(&Secret::new(text.to_owned()))
    }

    #[test]
    fn a_key_is_read_in_every_usual_spelling() {
        for text in [KEY.to_owned(), format!("0x{KEY}"), format!("  0X{}\n", KEY.to_uppercase())] {
            assert_eq!(
                wallet(&text).unwrap().address(),
                address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
            );
        }
        assert_eq!(wallet(KEY).unwrap().to_hex().expose(), KEY);
    }

    #[test]
    fn a_bad_key_is_named_but_never_repeated() {
        let cases =
            [&KEY[1..], &KEY.replace('a', "g"), "", &"0".repeat(64), &"f".repeat(64), "0x", "\u{202e}€"];
        for text in cases {
            let error = wallet(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(text.len() < 4 || !shown.contains(&text[..text.len().min(8)]), "{shown}");
        }
        assert!(matches!(wallet(&KEY[1..]), Err(KeyError::Length { length: 63 })));
        assert!(matches!(wallet(&"0".repeat(64)), Err(KeyError::OutOfRange)));
        assert!(matches!(wallet(&"f".repeat(64)), Err(KeyError::OutOfRange)));
    }

    #[test]
    fn signatures_recover_to_the_address_and_are_low() {
        let half =
            U256::from_be_bytes(b256!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0").0);
        let wallet = Wallet::random().unwrap();
        for number in 0u32..64 {
            let digest = keccak256(number.to_be_bytes());
            let signature = wallet.sign(digest).unwrap();
            let bytes = signature.bytes();
            assert!(matches!(bytes[64], 27 | 28));
            assert!(U256::from_be_slice(&bytes[32..64]) <= half);
            assert_eq!(signature.signer(digest).unwrap(), wallet.address());
        }
    }

    #[test]
    fn printing_shows_the_address_only() {
        let wallet = wallet(KEY).unwrap();
        let shown = format!("{wallet:?} {wallet:#?}").to_lowercase();
        assert!(shown.contains("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"));
        assert!(!shown.contains(&KEY[..8]) && !shown.contains("172, 9, 116"));
    }
}
