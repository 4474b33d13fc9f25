//! Secrets in every spelling in which they could come out.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How many bytes of a secret already give it away.
const ENOUGH: usize = 12;

/// One secret.
pub struct Canary {
    pub name: &'static str,
    /// Where it may be: parts of the names of outputs and files.
    pub allowed: &'static [&'static str],
    /// Spelling and bytes; letters in lower case.
    spellings: Vec<(String, Vec<u8>)>,
}

impl Canary {
    /// A secret that is text.
    pub fn text(name: &'static str, text: &str, allowed: &'static [&'static str]) -> Canary {
        let mut canary = Canary { name, allowed, spellings: Vec::new() };
        canary.add("as it is", &text.as_bytes()[..ENOUGH]);
        canary.add("its end", &text.as_bytes()[text.len() - ENOUGH..]);
        canary.encoded(text.as_bytes());
        canary
    }

    /// A secret of bytes that is written as hexadecimal digits.
    pub fn key(name: &'static str, digits: &str, allowed: &'static [&'static str]) -> Canary {
        let bytes = hex(digits);
        let mut canary = Canary { name, allowed, spellings: Vec::new() };
        canary.add("its bytes", &bytes[..ENOUGH]);
        canary.encoded(&bytes);
        canary
    }

    fn add(&mut self, spelling: impl Into<String>, bytes: &[u8]) {
        // Beyond ASCII nothing is folded, in the text searched neither.
        self.spellings.push((spelling.into(), bytes.to_ascii_lowercase()));
    }

    fn encoded(&mut self, bytes: &[u8]) {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Its first and its last half: errors like to cut texts. With 0x or without, in either case.
        self.add("hexadecimal", &digits.as_bytes()[..2 * ENOUGH]);
        self.add("the end in hexadecimal", &digits.as_bytes()[digits.len() - 2 * ENOUGH..]);
        let list = |form: fn(&u8) -> String| bytes[..ENOUGH].iter().map(form).collect::<Vec<_>>();
        for between in [", ", ",", " ", ",\n    "] {
            self.add("a list of bytes", list(|byte| byte.to_string()).join(between).as_bytes());
            self.add(
                "a list of bytes in hexadecimal",
                list(|byte| format!("0x{byte:02x}")).join(between).as_bytes(),
            );
            self.add(
                "a list of bytes in hexadecimal",
                list(|byte| format!("{byte:02x}")).join(between).as_bytes(),
            );
        }
        self.add("percent-encoded", list(|byte| format!("%{byte:02x}")).concat().as_bytes());
        self.add("escaped", list(|byte| format!("\\x{byte:02x}")).concat().as_bytes());
        // Base64 says the same bytes in three ways, by where they begin.
        for before in 0..3 {
            let padded = [&vec![b'x'; before], bytes].concat();
            // What the bytes before and after have a part in is left out.
            let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
            for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                self.add("base64", &text.as_bytes()[from..to.min(from + 16)]);
            }
        }
    }

    /// The spelling in which it stands there, if it does.
    pub fn found_in(&self, text: &[u8]) -> Option<&str> {
        let text = text.to_ascii_lowercase();
        self.spellings
            .iter()
            .find(|(_, needle)| contains(&text, needle))
            .map(|(spelling, _)| spelling.as_str())
    }

    pub fn may_be_in(&self, place: &str) -> bool {
        self.allowed.iter().any(|allowed| place.contains(allowed))
    }
}

pub fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    // By the first byte: most places end there.
    let Some((first, rest)) = needle.split_first() else { return false };
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| byte == first) {
        if text[from + at + 1..].starts_with(rest) {
            return true;
        }
        from += at + 1;
    }
    false
}

#[test]
fn every_spelling_of_a_secret_is_found() {
    let digits = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
    let bytes = hex(digits);
    let key = Canary::key("key", digits, &[]);
    let array: [u8; 32] = bytes.clone().try_into().unwrap();
    let shown = [
        digits.to_owned(),
        digits.to_uppercase(),
        format!("key=0x{digits},"),
        digits[..30].to_owned(),
        digits[30..].to_owned(),
        format!("{array:?}"),
        format!("{array:#?}"),
        format!("{array:02x?}"),
        format!("Secret({bytes:?})"),
        STANDARD_NO_PAD.encode(&bytes),
        URL_SAFE_NO_PAD.encode(&bytes),
        STANDARD_NO_PAD.encode([b"x".to_vec(), bytes.clone()].concat()),
        STANDARD_NO_PAD.encode([b"xy".to_vec(), bytes.clone(), b"z".to_vec()].concat()),
    ];
    for text in shown {
        assert!(key.found_in(text.as_bytes()).is_some(), "{text}");
    }
    assert!(key.found_in(&bytes).is_some());
    assert_eq!(key.found_in(b"0x4c0883a6 is the beginning of many things"), None);
    let text = Canary::text("text", "Canary passphrase, 42 letters long or so!", &["there"]);
    for shown in ["-- canary PASSPHRASE, 42", "rs long or so!", "Canary%20passphrase"] {
        assert_eq!(text.found_in(shown.as_bytes()).is_some(), !shown.contains('%'), "{shown}");
    }
    let encoded: String = "Canary passphrase".bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert!(text.found_in(encoded.as_bytes()).is_some());
    assert!(text.may_be_in("over there.log") && !text.may_be_in("here.log"));
}
