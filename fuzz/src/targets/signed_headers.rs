//! Vouchers, request authorisations and receipts: built from fields, signed by a known key, then changed in one place or
//! many (S21). One signature has one encoding, and whatever is accepted is what was signed: the same fields, the same
//! domain, provider and epoch, a low `s`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::HeaderMap;
use zgserve_tui::broker::provider::{AuthorisationSettings, BookPage, Offered, verify_payment};
use zgserve_tui::domain::{
    AccountId, Address, B256, ChainAccount, Fee, Neuron, Receipt, ReceiptStatus, RequestAuth, RequestId,
    Rotation, SealedReceipt, SignedReceipt, Timestamp, Units, Voucher, VoucherDomain,
};
use zgserve_tui::wire::auth::{
    REQUEST_HEADER, VOUCHER_HEADER, decode_request_auth, decode_voucher, encode_request_auth, encode_voucher,
};
use zgserve_tui::wire::receipt::{decode_receipt, encode_receipt};

use super::input::Input;
use super::keys::{self, KEYS};

pub const PROVIDER: Address = Address::repeat_byte(0xee);
const NOW: u64 = 1_800_000_000;
const SIGNATURE: usize = 65;

pub fn domain() -> VoucherDomain {
    VoucherDomain::new(16_602, Address::repeat_byte(0xc0))
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(4) {
        0 => voucher(&mut input),
        1 => authorisation(&mut input),
        2 => receipt(&mut input),
        _ => payment(&mut input),
    }
}

/// Changes encoded bytes as the input says; the same text when it says nothing.
fn changed(text: &str, input: &mut Input<'_>) -> String {
    let mut bytes = BASE64.decode(text).unwrap();
    let mut text = None;
    while !input.is_empty() {
        let at = usize::from(input.u16());
        match input.byte() % 6 {
            0 => {
                let length = bytes.len();
                bytes[at % length] ^= 1 << (at / length % 8);
            }
            1 => {
                let length = bytes.len();
                bytes[at % length] = input.byte();
            }
            2 => {
                let from = bytes.len() - SIGNATURE;
                let twin = keys::twin(&bytes[from..]);
                bytes[from..].copy_from_slice(&twin);
            }
            3 => {
                // A field of eight bytes replaced as a whole.
                let from = at % (bytes.len() - 8);
                bytes[from..from + 8].copy_from_slice(&input.array::<8>());
            }
            4 => {
                // The text itself: letters that decode to the same bytes, padding, other alphabets, more and less of it.
                let mut letters: Vec<char> = BASE64.encode(&bytes).chars().collect();
                let place = at % letters.len();
                match input.below(4) {
                    0 => letters[place] = char::from(input.byte()),
                    1 => letters.insert(place, char::from(input.byte())),
                    2 => drop(letters.remove(place)),
                    _ => letters.extend("==".chars()),
                }
                text = Some(letters.into_iter().collect::<String>());
                break;
            }
            _ => {
                let last = bytes.len() - 1;
                bytes[last] = input.byte();
            }
        }
    }
    text.unwrap_or_else(|| BASE64.encode(bytes))
}

fn elsewhere() -> [VoucherDomain; 2] {
    [
        VoucherDomain::new(16_601, Address::repeat_byte(0xc0)),
        VoucherDomain::new(16_602, Address::repeat_byte(0xc1)),
    ]
}

fn voucher_fields(input: &mut Input<'_>) -> Voucher {
    let user = if input.bit() { keys::address(0) } else { Address::from(input.array::<20>()) };
    let provider = if input.bit() { PROVIDER } else { Address::from(input.array::<20>()) };
    let cumulative = Neuron::new(input.u128()).min(Neuron::MAX);
    Voucher { account: AccountId { user, provider }, epoch: input.byte().into(), cumulative }
}

fn voucher(input: &mut Input<'_>) {
    let key = input.below(KEYS);
    let signed = keys::voucher(key, voucher_fields(input), &domain());
    let text = encode_voucher(&signed);
    assert_eq!(decode_voucher(&text), Ok(signed));
    assert_eq!(signed.signer(&domain()), Ok(keys::address(key)));
    for other in elsewhere() {
        assert_ne!(signed.signer(&other), Ok(keys::address(key)));
    }
    let text = changed(&text, input);
    let Ok(read) = decode_voucher(&text) else { return };
    assert_eq!(encode_voucher(&read), text, "two texts of one voucher");
    assert!(read.voucher.cumulative <= Neuron::MAX);
    if read.signer(&domain()) == Ok(keys::address(key)) {
        assert_eq!(read, signed, "a voucher that was not signed");
    }
}

fn auth_fields(input: &mut Input<'_>, account: AccountId) -> RequestAuth {
    RequestAuth {
        request: RequestId::new(input.array()),
        account,
        service: "llama7b".to_owned(),
        method: "POST".to_owned(),
        path: "/chat/completions".to_owned(),
        body_hash: B256::from(input.array::<32>()),
        price_version: input.u64(),
        max_fee: Neuron::new(input.u128()).min(Neuron::MAX),
        // Whole seconds, also at the end of the calendar.
        expiry: Timestamp::from_seconds(Timestamp::from_seconds(input.u64()).as_seconds()),
    }
}

fn authorisation(input: &mut Input<'_>) {
    let key = input.below(KEYS);
    let account = AccountId { user: keys::address(0), provider: PROVIDER };
    let signed = keys::authorisation(key, auth_fields(input, account), &domain());
    let text = encode_request_auth(&signed);
    let header = decode_request_auth(&text).unwrap();
    let fit = |header: &zgserve_tui::wire::auth::RequestHeader| {
        header.for_request(account, &signed.auth.service, &signed.auth.method, &signed.auth.path)
    };
    assert_eq!(fit(&header), signed);
    assert_eq!(signed.signer(&domain()), Ok(keys::address(key)));
    // For any other request it is void.
    for (service, method, path) in [
        ("llama70b", "POST", "/chat/completions"),
        ("llama7b", "GET", "/chat/completions"),
        ("llama7b", "POST", "/chat/completions?x"),
        ("llama7b", "POS", "T/chat/completions"),
        ("llama7bP", "OST", "/chat/completions"),
    ] {
        assert_ne!(
            header.for_request(account, service, method, path).signer(&domain()),
            Ok(keys::address(key))
        );
    }
    let text = changed(&text, input);
    let Ok(read) = decode_request_auth(&text) else { return };
    assert_eq!(encode_request_auth(&fit(&read)), text, "two texts of one authorisation");
    if fit(&read).signer(&domain()) == Ok(keys::address(key)) {
        assert_eq!(read, header, "an authorisation that was not signed");
    }
}

fn receipt(input: &mut Input<'_>) {
    let key = input.below(KEYS);
    let receipt = Receipt {
        request: RequestId::new(input.array()),
        account: voucher_fields(input).account,
        body_hash: B256::from(input.array::<32>()),
        response_hash: B256::from(input.array::<32>()),
        input: Units(input.u64()),
        output: Units(input.u64()),
        fee: Fee {
            input: Neuron::new(input.u128()).min(Neuron::MAX),
            output: Neuron::new(input.u128()).min(Neuron::MAX),
        },
        owed: Neuron::new(input.u128()).min(Neuron::MAX),
        status: ReceiptStatus::from_code(input.byte() % 4).unwrap(),
    };
    let signature = keys::sign(key, receipt.signing_hash(&domain()));
    let signed = SealedReceipt::from(SignedReceipt { receipt, signature });
    let text = encode_receipt(&signed);
    assert_eq!(decode_receipt(&text), Ok(signed));
    for other in elsewhere() {
        assert_ne!(signed.signer(&other), Ok(keys::address(key)));
    }
    let text = changed(&text, input);
    let Ok(read) = decode_receipt(&text) else { return };
    assert_eq!(encode_receipt(&read), text, "two texts of one receipt");
    if read.signer(&domain()) == Ok(keys::address(key)) {
        assert_eq!(read, signed, "a receipt that was not signed");
    }
}

/// The account at the provider: the user, a delegate, and perhaps a change of delegate.
pub fn page(rotation: u8) -> BookPage {
    BookPage {
        account: ChainAccount {
            id: AccountId { user: keys::address(0), provider: PROVIDER },
            balance: Neuron::A0GI,
            settled: Neuron::ZERO,
            epoch: 3,
            delegate: Some(keys::address(1)),
            rotation: match rotation % 3 {
                0 => None,
                1 => Some(Rotation {
                    delegate: Some(keys::address(2)),
                    active_at: Timestamp::from_seconds(NOW + 1),
                }),
                _ => Some(Rotation {
                    delegate: Some(keys::address(2)),
                    active_at: Timestamp::from_seconds(NOW),
                }),
            },
            refund: None,
        },
        block: 1,
        carried: Neuron::ZERO,
        doubt: None,
        owed: Neuron::ZERO,
        reserved: Neuron::ZERO,
        in_flight: 0,
        best: None,
        debt_since: None,
    }
}

/// The moment at which requests arrive, and what may be said of time then.
pub fn time() -> (Timestamp, AuthorisationSettings) {
    (Timestamp::from_seconds(NOW), AuthorisationSettings { max_lifetime: 600, clock_skew: 30 })
}

/// Both headers at the provider's own check: accepted iff the right keys signed the right things at the right time.
fn payment(input: &mut Input<'_>) {
    let rotation = input.byte();
    let page = page(rotation);
    let (now, settings) = time();
    let (first, second) = (input.below(KEYS), input.below(KEYS));
    let fields = voucher_fields(input);
    let fields = Voucher { epoch: 3 + fields.epoch % 3, ..fields };
    let mut auth = auth_fields(input, fields.account);
    auth.expiry = Timestamp::from_seconds(NOW - 60 + u64::from(input.u16()) % 800);
    let signed = (keys::voucher(first, fields, &domain()), keys::authorisation(second, auth, &domain()));
    let (which, domain) = (input.byte(), domain());
    let texts = (encode_voucher(&signed.0), encode_request_auth(&signed.1));
    let texts = match which % 3 {
        0 => texts,
        1 => (changed(&texts.0, input), texts.1),
        _ => (texts.0, changed(&texts.1, input)),
    };
    let mut headers = HeaderMap::new();
    for (name, text) in [(VOUCHER_HEADER, &texts.0), (REQUEST_HEADER, &texts.1)] {
        let Ok(value) = text.parse() else { return };
        headers.insert(name, value);
    }
    let offered = Offered {
        provider: PROVIDER,
        domain: &domain,
        service: "llama7b",
        method: "POST",
        path: "/chat/completions",
        seals: None,
    };
    let accepted = verify_payment(&headers, &offered, &page, &settings, now);
    let turned = rotation % 3 == 2;
    let (epoch, delegate) = if turned { (4, 2) } else { (3, 1) };
    let may = |key: usize| key == 0 || key == delegate;
    let expiry = signed.1.auth.expiry.as_seconds();
    let right = fields.account == page.account.id
        && fields.epoch == epoch
        && (may(first) && may(second))
        && (NOW - 30..=NOW + 630).contains(&expiry)
        && texts == (encode_voucher(&signed.0), encode_request_auth(&signed.1));
    match accepted {
        Ok(taken) => {
            assert!(right, "accepted although it should not be");
            assert_eq!(taken, signed);
        }
        Err(refusal) => assert!(!right, "refused although it should be accepted: {refusal}"),
    }
}
