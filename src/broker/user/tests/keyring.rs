//! Which key signs for an account after a start, and when its file is read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::broker::user::keyring::Keyring;
use crate::domain::{AccountId, Address, ChainAccount, Neuron, SignedVoucher};
use crate::keys::{DelegateId, DelegateKeys, KeyError, Wallet};
use crate::private_files::PrivateFileError;

const CONTRACT: Address = Address::repeat_byte(9);
const PROVIDER: Address = Address::repeat_byte(2);

/// A data directory with one delegate key, for the account with [`PROVIDER`].
struct Kept {
    directory: tempfile::TempDir,
    wallet: Arc<Wallet>,
    delegate: Address,
}

impl Kept {
    async fn new() -> Kept {
        let directory = tempfile::tempdir().unwrap();
        let wallet = Arc::new(Wallet::random().unwrap());
        let account = AccountId { user: wallet.address(), provider: PROVIDER };
        let id = DelegateId { chain_id: 31337, contract: CONTRACT, account };
        let delegate = DelegateKeys::new(directory.path()).get_or_create(id).await.unwrap().address();
        Kept { directory, wallet, delegate }
    }

    /// The keys as a new process has them.
    fn keys(&self, with_wallet: bool) -> Keyring {
        let wallet = with_wallet.then(|| Arc::clone(&self.wallet));
        let delegates = DelegateKeys::new(self.directory.path());
        Keyring::new(self.wallet.address(), (31337, CONTRACT), wallet, delegates)
    }

    fn account(&self, provider: Address, delegate: Option<Address>) -> ChainAccount {
        ChainAccount {
            id: AccountId { user: self.wallet.address(), provider },
            balance: Neuron::new(5),
            settled: Neuron::ZERO,
            epoch: 1,
            delegate,
            rotation: None,
            refund: None,
        }
    }

    /// The one file of a key.
    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(self.directory.path().join("delegates")).unwrap();
        files.next().unwrap().unwrap().path()
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.file(), fs::Permissions::from_mode(mode)).unwrap();
    }
}

async fn voucher(keys: &Keyring, provider: Address) -> Result<Option<SignedVoucher>, KeyError> {
    keys.voucher(provider, 1, Neuron::new(3)).await
}

#[tokio::test]
async fn a_delegate_signs_after_a_start_by_a_key_that_is_read_at_its_first_signature() {
    let kept = Kept::new().await;
    let other = Address::repeat_byte(3);
    let keys = kept.keys(false);
    let accounts = [kept.account(PROVIDER, Some(kept.delegate)), kept.account(other, Some(kept.delegate))];
    keys.restore(&accounts).await.unwrap();
    assert!(keys.signs() && keys.can_sign(PROVIDER) && !keys.can_sign(other));
    // Nothing was read: what others could read by now is refused, and told each time.
    kept.set_mode(0o644);
    keys.refresh(&accounts[0]).await.unwrap();
    for _ in 0..2 {
        let told = voucher(&keys, PROVIDER).await;
        assert!(matches!(told, Err(KeyError::File(PrivateFileError::Loose { mode: 0o644, .. }))), "{told:?}");
    }
    kept.set_mode(0o600);
    let signed = voucher(&keys, PROVIDER).await.unwrap().unwrap();
    assert_eq!(signed.signer(keys.domain()).unwrap(), kept.delegate);
    assert_eq!(voucher(&keys, PROVIDER).await.unwrap(), Some(signed));
    assert_eq!(voucher(&keys, other).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_that_the_chain_does_not_name_gives_way_to_the_wallet() {
    let kept = Kept::new().await;
    let named = kept.account(PROVIDER, Some(Address::repeat_byte(7)));
    let keys = kept.keys(true);
    keys.restore(&[named, kept.account(Address::repeat_byte(3), None)]).await.unwrap();
    for provider in [PROVIDER, Address::repeat_byte(3)] {
        let signed = voucher(&keys, provider).await.unwrap().unwrap();
        assert_eq!(signed.signer(keys.domain()).unwrap(), kept.wallet.address());
    }
    // The chain's next word is followed, whichever way it goes.
    for (delegate, signer) in [(Some(kept.delegate), kept.delegate), (None, kept.wallet.address())] {
        keys.refresh(&kept.account(PROVIDER, delegate)).await.unwrap();
        let signed = voucher(&keys, PROVIDER).await.unwrap().unwrap();
        assert_eq!(signed.signer(keys.domain()).unwrap(), signer);
    }
    // Without a wallet nothing is left to sign with, which shows at the first signature.
    let keys = kept.keys(false);
    keys.restore(&[named]).await.unwrap();
    assert_eq!(voucher(&keys, PROVIDER).await.unwrap(), None);
    assert!(!keys.can_sign(PROVIDER));
}

#[tokio::test]
async fn a_key_that_others_can_read_or_that_is_cut_short_ends_the_start() {
    let kept = Kept::new().await;
    let accounts = [kept.account(PROVIDER, Some(kept.delegate))];
    kept.set_mode(0o640);
    let told = kept.keys(true).restore(&accounts).await;
    assert!(matches!(told, Err(KeyError::File(PrivateFileError::Loose { mode: 0o640, .. }))), "{told:?}");
    kept.set_mode(0o600);
    fs::write(kept.file(), "12").unwrap();
    assert!(matches!(kept.keys(true).restore(&accounts).await, Err(KeyError::Delegate { .. })));
}
