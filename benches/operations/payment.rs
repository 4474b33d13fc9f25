//! Signing, verifying, encoding, and the two books.

use std::hint::black_box;

use http::HeaderMap;
use zgserve_tui::broker::provider::{AuthorisationSettings, BookPage, Offered, verify_payment};
use zgserve_tui::broker::{provider, user};
use zgserve_tui::domain::{
    AccountId, Address, B256, ChainAccount, Fee, Neuron, Receipt, ReceiptStatus, RequestAuth, RequestId,
    Seal, Signature, SignedReceipt, SignedRequestAuth, SignedVoucher, Timestamp, Units, Voucher,
    VoucherDomain,
};
use zgserve_tui::keys::{Secret, SharedKey, Wallet};
use zgserve_tui::wire::auth::{
    REQUEST_HEADER, VOUCHER_HEADER, decode_request_auth, decode_voucher, encode_request_auth, encode_voucher,
};
use zgserve_tui::wire::receipt::{decode_receipt, encode_receipt};

use super::{Make, Run};

pub const ALL: &[(&str, Make)] = &[
    ("payment/voucher: sign", sign_voucher),
    ("payment/voucher: recover its signer", recover_voucher),
    ("payment/authorisation: sign", sign_authorisation),
    ("payment/authorisation: recover its signer", recover_authorisation),
    ("payment/receipt: sign", sign_receipt),
    ("payment/receipt: recover its signer", recover_receipt),
    ("payment/shared key: make", share_a_key),
    ("payment/authorisation: seal with the shared key", seal_authorisation),
    ("payment/receipt: seal with the shared key", seal_receipt),
    ("payment/receipt: check its tag", check_sealed_receipt),
    ("payment/voucher header: encode", encode_voucher_header),
    ("payment/voucher header: decode", decode_voucher_header),
    ("payment/authorisation header: encode", encode_authorisation_header),
    ("payment/authorisation header: decode", decode_authorisation_header),
    ("payment/receipt header: encode", encode_receipt_header),
    ("payment/receipt header: decode", decode_receipt_header),
    ("payment/both headers: verify, voucher new", || verify(false)),
    ("payment/both headers: verify, voucher known", || verify(true)),
    ("payment/user's book: reserve and finish, 1 account", || users_book(1, false)),
    ("payment/user's book: reserve and finish, 10000 accounts", || users_book(10_000, false)),
    ("payment/user's book: reserve and finish, 1 account, capped", || users_book(1, true)),
    ("payment/user's book: reserve and finish, 10000 accounts, capped", || users_book(10_000, true)),
    ("payment/provider's book: admit and book, 1 account", || providers_book(1)),
    ("payment/provider's book: admit and book, 10000 accounts", || providers_book(10_000)),
];

/// The first of the well-known test keys of every development chain.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const NOW: u64 = 1_795_000_000;

fn wallet() -> Wallet {
    Wallet::from_hex(&Secret::new(KEY.to_owned())).expect("a key")
}

fn domain() -> VoucherDomain {
    VoucherDomain::new(16_602, Address::repeat_byte(9))
}

fn account() -> AccountId {
    AccountId { user: wallet().address(), provider: Address::repeat_byte(0xee) }
}

fn sign(hash: B256) -> Signature {
    wallet().sign(hash).expect("a signature")
}

fn voucher() -> SignedVoucher {
    let voucher = Voucher { account: account(), epoch: 3, cumulative: Neuron::new(117_200_000_000) };
    SignedVoucher { voucher, signature: sign(voucher.signing_hash(&domain())) }
}

fn authorisation() -> SignedRequestAuth {
    let auth = RequestAuth {
        request: RequestId::new([7; 32]),
        account: account(),
        service: "llama7b".to_owned(),
        method: "POST".to_owned(),
        path: "/chat/completions".to_owned(),
        body_hash: B256::repeat_byte(3),
        price_version: NOW,
        max_fee: Neuron::new(5_000_000),
        expiry: Timestamp::from_seconds(NOW + 300),
    };
    SignedRequestAuth { signature: sign(auth.signing_hash(&domain())), auth }
}

fn receipt() -> SignedReceipt {
    let receipt = Receipt {
        request: RequestId::new([7; 32]),
        account: account(),
        body_hash: B256::repeat_byte(3),
        response_hash: B256::repeat_byte(4),
        input: Units(212),
        output: Units(180),
        fee: Fee { input: Neuron::new(21_200), output: Neuron::new(36_000) },
        owed: Neuron::new(117_200_000_000),
        status: ReceiptStatus::Complete,
    };
    SignedReceipt { receipt, signature: sign(receipt.signing_hash(&domain())) }
}

fn sign_voucher() -> Run {
    let (wallet, domain, voucher) = (wallet(), domain(), voucher().voucher);
    Box::new(move || {
        let _ = black_box(wallet.sign(black_box(&voucher).signing_hash(&domain)));
    })
}

fn recover_voucher() -> Run {
    let (domain, signed) = (domain(), voucher());
    Box::new(move || {
        let _ = black_box(black_box(&signed).signer(&domain));
    })
}

fn sign_authorisation() -> Run {
    let (wallet, domain, auth) = (wallet(), domain(), authorisation().auth);
    Box::new(move || {
        let _ = black_box(wallet.sign(black_box(&auth).signing_hash(&domain)));
    })
}

fn recover_authorisation() -> Run {
    let (domain, signed) = (domain(), authorisation());
    Box::new(move || {
        let _ = black_box(black_box(&signed).signer(&domain));
    })
}

fn sign_receipt() -> Run {
    let (wallet, domain, receipt) = (wallet(), domain(), receipt().receipt);
    Box::new(move || {
        let _ = black_box(wallet.sign(black_box(&receipt).signing_hash(&domain)));
    })
}

fn recover_receipt() -> Run {
    let (domain, signed) = (domain(), receipt());
    Box::new(move || {
        let _ = black_box(black_box(&signed).signer(&domain));
    })
}

/// The key that the user's and a provider's key share.
fn shared() -> SharedKey {
    let provider = Wallet::random().expect("a key");
    wallet().shared_with(&provider.public_key(), account(), &domain())
}

fn share_a_key() -> Run {
    let (wallet, domain, account) = (wallet(), domain(), account());
    let other = Wallet::random().expect("a key").public_key();
    Box::new(move || {
        black_box(wallet.shared_with(black_box(&other), account, &domain));
    })
}

fn seal_authorisation() -> Run {
    let (shared, auth) = (shared(), authorisation().auth);
    Box::new(move || {
        black_box(shared.seal_request(black_box(&auth).clone()));
    })
}

fn seal_receipt() -> Run {
    let (shared, receipt) = (shared(), receipt().receipt);
    Box::new(move || {
        black_box(shared.seal_receipt(*black_box(&receipt)));
    })
}

fn check_sealed_receipt() -> Run {
    let shared = shared();
    let sealed = shared.seal_receipt(receipt().receipt);
    let Seal::Tag(tag) = sealed.seal else { unreachable!("sealed with a tag") };
    Box::new(move || assert!(shared.sealed_receipt(black_box(&sealed.receipt), &tag)))
}

fn encode_voucher_header() -> Run {
    let signed = voucher();
    Box::new(move || {
        black_box(encode_voucher(black_box(&signed)));
    })
}

fn decode_voucher_header() -> Run {
    let text = encode_voucher(&voucher());
    Box::new(move || {
        let _ = black_box(decode_voucher(black_box(&text)));
    })
}

fn encode_authorisation_header() -> Run {
    let sealed = authorisation().into();
    Box::new(move || {
        black_box(encode_request_auth(black_box(&sealed)));
    })
}

fn decode_authorisation_header() -> Run {
    let text = encode_request_auth(&authorisation().into());
    Box::new(move || {
        let _ = black_box(decode_request_auth(black_box(&text)));
    })
}

fn encode_receipt_header() -> Run {
    let sealed = receipt().into();
    Box::new(move || {
        black_box(encode_receipt(black_box(&sealed)));
    })
}

fn decode_receipt_header() -> Run {
    let text = encode_receipt(&receipt().into());
    Box::new(move || {
        let _ = black_box(decode_receipt(black_box(&text)));
    })
}

/// All that the provider checks of a payment; a voucher that it `knows` is not recovered again.
fn verify(knows: bool) -> Run {
    let (domain, voucher) = (domain(), voucher());
    let page = BookPage {
        account: ChainAccount {
            id: account(),
            balance: Neuron::A0GI,
            settled: Neuron::ZERO,
            epoch: 3,
            delegate: None,
            rotation: None,
            refund: None,
        },
        block: 1,
        owed: Neuron::ZERO,
        carried: Neuron::ZERO,
        reserved: Neuron::ZERO,
        in_flight: 0,
        best: knows.then_some(voucher),
        debt_since: None,
        doubt: None,
    };
    let mut headers = HeaderMap::new();
    headers.insert(VOUCHER_HEADER, encode_voucher(&voucher).parse().expect("a header"));
    let sealed = encode_request_auth(&authorisation().into());
    headers.insert(REQUEST_HEADER, sealed.parse().expect("a header"));
    let settings = AuthorisationSettings { max_lifetime: 600, clock_skew: 10 };
    Box::new(move || {
        let offered = Offered {
            provider: page.account.id.provider,
            domain: &domain,
            service: "llama7b",
            method: "POST",
            path: "/chat/completions",
            seals: None,
        };
        let now = Timestamp::from_seconds(NOW);
        let verified = verify_payment(black_box(&headers), &offered, &page, &settings, now);
        assert!(verified.is_ok());
    })
}

fn users_book(accounts: u64, capped: bool) -> Run {
    let mut books = user::measure::Books::new(accounts, capped);
    Box::new(move || assert!(books.pay()))
}

fn providers_book(users: u64) -> Run {
    let mut books = provider::measure::Books::new(users, voucher().signature);
    Box::new(move || assert!(books.admit()))
}
