//! A bundle that is right, and the same with each of its fields forged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use serde_json::{Value, json};

use super::*;
use crate::domain::finding::overall;
use crate::domain::{
    AccountId, Address, Neuron, ReceiptStatus, RequestId, ServiceKind, Signature, SignedReceipt,
    SignedVoucher, Tag, Timestamp, Voucher,
};
use crate::meter::count;
use crate::wire::auth::encode_voucher;
use crate::wire::bundle::{KIND, VERSION};
use crate::wire::receipt::encode_receipt;

const BODY: &str = r#"{"model":"llama-7b","messages":[{"role":"user","content":"Say this is a test!"}]}"#;
const ANSWER: &str =
    r#"{"choices":[{"message":{"role":"assistant","content":"This is a test!"},"finish_reason":"stop"}]}"#;
const CONTRACT: Address = Address::repeat_byte(4);

struct Parties {
    user: PrivateKeySigner,
    delegate: PrivateKeySigner,
    provider: PrivateKeySigner,
}

impl Parties {
    fn new() -> Parties {
        let new = PrivateKeySigner::random;
        Parties { user: new(), delegate: new(), provider: new() }
    }

    fn account(&self) -> AccountId {
        AccountId { user: self.user.address(), provider: self.provider.address() }
    }
}

fn sign(key: &PrivateKeySigner, hash: B256) -> Signature {
    Signature::new(key.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap()
}

fn hash(text: &str) -> B256 {
    B256::new(Sha256::digest(text).into())
}

fn receipt(parties: &Parties) -> Receipt {
    let (input, output) =
        (Units(count("user") + count("Say this is a test!")), Units(count("This is a test!")));
    let prices = Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) };
    Receipt {
        request: RequestId::new([7; 32]),
        account: parties.account(),
        body_hash: hash(BODY),
        response_hash: hash(ANSWER),
        input,
        output,
        fee: prices.fee(input, output).unwrap(),
        owed: Neuron::new(9_000_000),
        status: ReceiptStatus::Complete,
    }
}

fn sealed(parties: &Parties, receipt: Receipt) -> SealedReceipt {
    let domain = VoucherDomain::new(31_337, CONTRACT);
    let signature = sign(&parties.provider, receipt.signing_hash(&domain));
    SignedReceipt { receipt, signature }.into()
}

fn promise(key: &PrivateKeySigner, account: AccountId, cumulative: u128) -> String {
    let voucher = Voucher { account, epoch: 1, cumulative: Neuron::new(cumulative) };
    let signature = sign(key, voucher.signing_hash(&VoucherDomain::new(31_337, CONTRACT)));
    encode_voucher(&SignedVoucher { voucher, signature })
}

fn bundle(parties: &Parties) -> Bundle {
    let receipt = receipt(parties);
    let request = BundledRequest {
        request_id: receipt.request,
        provider: receipt.account.provider,
        service_name: "llama7b".parse().unwrap(),
        kind: Some(ServiceKind::Chatbot),
        model: Some("llama-7b".to_owned()),
        meter: Some(MeterName::O200k),
        created_at: Timestamp::from_seconds(1_800_000_000),
        finished_at: Some(Timestamp::from_seconds(1_800_000_001)),
        status: UserRequestState::Done,
        price_version: 3,
        input_price: Neuron::new(100_000),
        output_price: Neuron::new(200_000),
        max_fee: Neuron::new(5_000_000),
        input_units: receipt.input.0,
        output_units: receipt.output.0,
        input_fee: receipt.fee.input,
        output_fee: receipt.fee.output,
        disputed: Neuron::ZERO,
        body_hash: receipt.body_hash,
        response_hash: Some(receipt.response_hash),
        note: None,
        accepted_at: None,
        receipt: Some(encode_receipt(&sealed(parties, receipt))),
        voucher: Some(promise(&parties.user, parties.account(), 9_000_000)),
        delegate: Some(parties.delegate.address()),
    };
    Bundle {
        kind: KIND.to_owned(),
        version: VERSION,
        chain_id: 31_337,
        contract: CONTRACT,
        user: parties.user.address(),
        requests: vec![request],
    }
}

fn texts() -> Texts {
    Texts { body: Some(BODY.into()), answer: Some(ANSWER.into()), content_type: None }
}

fn checked(bundle: &Bundle, texts: &Texts) -> Vec<Check> {
    verify(bundle, &bundle.requests[0], texts)
}

fn failed(checks: &[Check]) -> Vec<&'static str> {
    checks.iter().filter(|check| check.finding == Finding::Failed).map(|check| check.name).collect()
}

fn unknown(checks: &[Check]) -> Vec<&'static str> {
    checks.iter().filter(|check| check.finding == Finding::Unknown).map(|check| check.name).collect()
}

#[test]
fn what_is_right_holds_and_what_cannot_be_known_is_said() {
    let parties = Parties::new();
    let good = bundle(&parties);
    let checks = checked(&good, &texts());
    assert_eq!((failed(&checks), unknown(&checks)), (vec![], vec!["prices"]), "{checks:?}");
    let without = checked(&good, &Texts::default());
    assert_eq!(failed(&without), [""; 0]);
    assert_eq!(unknown(&without), ["body", "units in", "answer", "units out", "prices"]);
    // It survives its way through a file.
    let read: Bundle = serde_json::from_value(serde_json::to_value(&good).unwrap()).unwrap();
    assert_eq!(read, good);
    // What an application sent before the broker put the model's own name in.
    let asked = texts().body.map(|_| BODY.replace("llama-7b", "0xab/llama7b").into_bytes());
    assert_eq!(failed(&checked(&good, &Texts { body: asked, ..texts() })), [""; 0]);
    // A delegate's word takes the chain, and so does a tag.
    let mut tagged = good.clone();
    tagged.requests[0].voucher = Some(promise(&parties.delegate, parties.account(), 9_000_000));
    let seal = Seal::Tag(Tag::new([1; 32]));
    tagged.requests[0].receipt = Some(encode_receipt(&SealedReceipt { receipt: receipt(&parties), seal }));
    let checks = checked(&tagged, &texts());
    assert_eq!((failed(&checks), unknown(&checks)), (vec![], vec!["signature", "voucher", "prices"]));
    let mut short = good.clone();
    short.requests[0].voucher = Some(promise(&parties.user, parties.account(), 8_999_999));
    assert_eq!(unknown(&checked(&short, &texts())), ["voucher", "prices"]);
}

/// Fields that nobody signed and nothing in the bundle shows: what is not in the receipt, the user's own count upwards and
/// word about itself, and the delegate where the user signed.
const UNSIGNED: [&str; 12] = [
    "AcceptedAt",
    "Delegate",
    "ServiceName",
    "Model",
    "Meter",
    "CreatedAt",
    "FinishedAt",
    "PriceVersion",
    "MaxFee",
    "InputUnits",
    "OutputUnits",
    "Note",
];

/// Another value of the same kind.
fn forged(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("Status", _) => json!("failed"),
        ("Type", _) => json!("zgStorage"),
        ("Meter", _) => json!("usage"),
        ("CreatedAt" | "FinishedAt", _) => json!("2020-01-01T00:00:00Z"),
        ("AcceptedAt", _) => json!("2020-01-01T00:00:00Z"),
        ("Note", _) => json!("it was free"),
        (_, Value::Number(number)) => json!(number.as_u64().unwrap() + 1),
        (_, Value::String(text)) => match text.parse::<u128>() {
            Ok(amount) => json!((amount + 1).to_string()),
            Err(_) => {
                // Another digit in the middle.
                let at = text.len() / 2;
                let other = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
                json!(format!("{}{other}{}", &text[..at], &text[at + 1..]))
            }
        },
        (key, value) => panic!("{key}: {value}"),
    }
}

#[test]
fn each_forged_field_is_found() {
    let parties = Parties::new();
    let good = serde_json::to_value(bundle(&parties)).unwrap();
    let (mut found, mut missed) = (0, Vec::new());
    let mut place = |key: &str, change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert_ne!(bad, good, "{key}");
        // It is no bundle any more, a check fails, or one cannot say any more what it said.
        let caught = match serde_json::from_value::<Bundle>(bad) {
            Ok(bad) => {
                let checks = checked(&bad, &texts());
                !failed(&checks).is_empty() || unknown(&checks) != ["prices"]
            }
            Err(_) => true,
        };
        if caught { found += 1 } else { missed.push(key.to_owned()) }
    };
    for (key, value) in good.as_object().unwrap().iter().filter(|(key, _)| *key != "Requests") {
        // What it says that it is is read before.
        if !matches!(key.as_str(), "Kind" | "Version") {
            place(key, &|bad| bad[key] = forged(key, value));
        }
    }
    for (key, value) in good["Requests"][0].as_object().unwrap() {
        place(key, &|bad| bad["Requests"][0][key] = forged(key, value));
    }
    missed.retain(|key| !UNSIGNED.contains(&key.as_str()));
    assert_eq!(missed, Vec::<String>::new());
    assert!(found >= 15, "{found}");
    // The delegate counts where it signed.
    let mut bad = bundle(&parties);
    bad.requests[0].voucher = Some(promise(&parties.delegate, parties.account(), 9_000_000));
    assert_eq!(failed(&checked(&bad, &texts())), [""; 0]);
    bad.requests[0].delegate = Some(Address::repeat_byte(1));
    assert_eq!(failed(&checked(&bad, &texts())), ["voucher"]);
    // Nobody signed the user's own count: where it is another than the receipt's, that is said.
    let mut bad = bundle(&parties);
    bad.requests[0].output_units += 100;
    assert!(unknown(&checked(&bad, &Texts::default())).contains(&"count"));
    // A receipt about another answer is no matter of a cut where it was disputed.
    let mut bad = bundle(&parties);
    bad.requests[0].status = UserRequestState::Disputed;
    bad.requests[0].response_hash = Some(B256::repeat_byte(1));
    assert_eq!(failed(&checked(&bad, &texts())), ["answer hash"]);
}

#[test]
fn each_forged_figure_of_a_receipt_breaks_its_signature() {
    let parties = Parties::new();
    let good = sealed(&parties, receipt(&parties));
    let one = Neuron::new(1);
    let forgeries: [fn(&mut Receipt, Neuron); 11] = [
        |receipt, _| receipt.request = RequestId::new([8; 32]),
        |receipt, _| receipt.account.user = Address::repeat_byte(1),
        |receipt, _| receipt.account.provider = Address::repeat_byte(1),
        |receipt, _| receipt.body_hash = B256::repeat_byte(1),
        |receipt, _| receipt.response_hash = B256::repeat_byte(1),
        |receipt, _| receipt.input.0 += 1,
        |receipt, _| receipt.output.0 += 1,
        |receipt, one| receipt.fee.input = receipt.fee.input.above(one),
        |receipt, one| receipt.fee.output = receipt.fee.output.above(one),
        |receipt, one| receipt.owed = receipt.owed.saturating_add(one),
        |receipt, _| receipt.status = ReceiptStatus::CutByCaller,
    ];
    for (number, forge) in forgeries.iter().enumerate() {
        let mut bad = good;
        forge(&mut bad.receipt, one);
        let mut bundle = bundle(&parties);
        bundle.requests[0].receipt = Some(encode_receipt(&bad));
        let checks = checked(&bundle, &texts());
        assert!(failed(&checks).contains(&"signature"), "{number}: {checks:?}");
    }
}

#[test]
fn other_texts_are_told_and_counted_again() {
    let parties = Parties::new();
    let good = bundle(&parties);
    let other = |text: &str| Some(text.replace("test", "text").into_bytes());
    let checks = checked(&good, &Texts { body: other(BODY), ..texts() });
    assert_eq!(failed(&checks), ["body", "units in"]);
    let checks = checked(&good, &Texts { answer: other(ANSWER), ..texts() });
    assert_eq!(failed(&checks), ["answer", "units out"]);

    // A provider that signs one token more than there is.
    let mut greedy = receipt(&parties);
    greedy.output.0 += 1;
    greedy.fee.output = Neuron::new(200_000).checked_mul(greedy.output.0.into()).unwrap();
    let mut bundle = good.clone();
    let request = &mut bundle.requests[0];
    request.receipt = Some(encode_receipt(&sealed(&parties, greedy)));
    request.disputed = Neuron::new(200_000);
    request.status = UserRequestState::Disputed;
    let checks = checked(&bundle, &texts());
    assert_eq!(failed(&checks), ["units out"], "{checks:?}");
    assert!(checks.iter().any(|check| check.says.contains("disputes 200,000 more")));
    // By the model server's own figures it may be less than the count and not more.
    bundle.requests[0].meter = Some(MeterName::Usage);
    assert_eq!(failed(&checked(&bundle, &texts())), ["units out"]);
    let mut usage = good.clone();
    usage.requests[0].meter = Some(MeterName::Usage);
    assert_eq!(failed(&checked(&usage, &texts())), [""; 0]);
}

#[test]
fn a_stream_is_counted_as_one() {
    let parties = Parties::new();
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"This is\"}}]}\n\n\
                  data: {\"choices\":[{\"delta\":{\"content\":\" a test!\"}}]}\n\ndata: [DONE]\n\n";
    let streamed = Receipt { response_hash: hash(stream), ..receipt(&parties) };
    let mut bundle = bundle(&parties);
    bundle.requests[0].response_hash = Some(hash(stream));
    bundle.requests[0].receipt = Some(encode_receipt(&sealed(&parties, streamed)));
    let given = Texts { answer: Some(stream.into()), ..texts() };
    assert_eq!(failed(&checked(&bundle, &given)), [""; 0]);
    // Said to be something else it is counted as that.
    let given = Texts { content_type: Some("text/plain".to_owned()), ..given };
    assert_eq!(failed(&checked(&bundle, &given)), ["units out"]);
}

/// A bundle about these texts, whose units are counted from the plain ones.
fn about(parties: &Parties, body: &[u8], answer: &[u8]) -> Bundle {
    let of = |bytes: &[u8]| B256::new(Sha256::digest(bytes).into());
    let told = Receipt { body_hash: of(body), response_hash: of(answer), ..receipt(parties) };
    let mut bundle = bundle(parties);
    bundle.requests[0].body_hash = told.body_hash;
    bundle.requests[0].response_hash = Some(told.response_hash);
    bundle.requests[0].receipt = Some(encode_receipt(&sealed(parties, told)));
    bundle
}

#[test]
fn what_was_encoded_is_counted_by_its_text() {
    let parties = Parties::new();
    let pack = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    let (body, answer) = (pack(BODY), pack(ANSWER));
    let honest = about(&parties, &body, &answer);
    let given = Texts { body: Some(body), answer: Some(answer), content_type: None };
    let checks = checked(&honest, &given);
    assert_eq!((failed(&checks), unknown(&checks)), (vec![], vec!["prices"]), "{checks:?}");
    // Encoded in a way that cannot be told, it may be right.
    let strange = [&b"\xff\xfe"[..], ANSWER.as_bytes()].concat();
    let checks =
        checked(&about(&parties, BODY.as_bytes(), &strange), &Texts { answer: Some(strange), ..texts() });
    assert_eq!((failed(&checks), unknown(&checks)), (vec![], vec!["units out", "prices"]), "{checks:?}");
}

#[test]
fn an_answer_in_lines_is_counted_line_by_line() {
    let parties = Parties::new();
    let lines = "{\"message\":{\"role\":\"assistant\",\"content\":\"This is\"},\"done\":false}\n\
                 {\"message\":{\"role\":\"assistant\",\"content\":\" a test!\"},\"done\":true}\n";
    let honest = about(&parties, BODY.as_bytes(), lines.as_bytes());
    let checks = checked(&honest, &Texts { answer: Some(lines.into()), ..texts() });
    assert_eq!(failed(&checks), [""; 0], "{checks:?}");
    // Of a text that fits as something else it is said.
    let plain = "This is a test!";
    let honest = about(&parties, BODY.as_bytes(), plain.as_bytes());
    let given = Texts { answer: Some(plain.into()), ..texts() };
    assert_eq!(failed(&checked(&honest, &given)), [""; 0]);
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(ANSWER).unwrap()).unwrap();
    let honest = about(&parties, BODY.as_bytes(), pretty.as_bytes());
    assert_eq!(failed(&checked(&honest, &Texts { answer: Some(pretty.into()), ..texts() })), [""; 0]);
}

#[test]
fn requests_without_a_receipt_are_what_they_are() {
    let mut bundle = bundle(&Parties::new());
    let request = &mut bundle.requests[0];
    request.receipt = None;
    assert_eq!(failed(&checked(&bundle, &texts())), [""; 0]);
    bundle.requests[0].status = UserRequestState::Failed;
    assert_eq!(failed(&checked(&bundle, &Texts::default())), ["receipt", "paid"]);
    let request = &mut bundle.requests[0];
    (request.input_fee, request.output_fee) = (Neuron::ZERO, Neuron::ZERO);
    assert_eq!(failed(&checked(&bundle, &Texts::default())), [""; 0]);
    for nonsense in ["", "AAAA", "!!!!"] {
        bundle.requests[0].receipt = Some(nonsense.to_owned());
        bundle.requests[0].voucher = Some(nonsense.to_owned());
        let checks = checked(&bundle, &Texts::default());
        assert_eq!(failed(&checks), ["receipt", "voucher"]);
        assert_eq!(overall(&checks), Finding::Failed);
    }
}
