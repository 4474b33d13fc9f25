//! What filters let through, what they say, and that narrowing never differs from looking again.

use proptest::prelude::*;

use super::*;
use crate::domain::Neuron;

const FIELDS: &[Field] =
    &[Field::text("type"), Field::text("provider"), Field::amount("price"), Field::wait("latency")];

fn lets(filter: &str, text: &str) -> bool {
    Filter::parse(filter).lets(text)
}

/// A service with its latency in milliseconds, where it is known.
fn passes(filter: &str, price: u128, latency: Option<u64>) -> bool {
    let field = |name: &str| match name {
        "type" => Some(FieldValue::Text("Chatbot".into())),
        "provider" => Some(FieldValue::Text("0x12AbCd".into())),
        "price" => Some(FieldValue::Amount(Neuron::new(price))),
        _ => latency.map(FieldValue::Wait),
    };
    Filter::with_fields(filter, FIELDS).verdict(&Words::new("eliza".to_owned()), field) != Verdict::Out
}

#[test]
fn words_are_fuzzy_and_inverse_ones_exact() {
    assert!(lets("", "anything"));
    assert!(lets("ELIZ", "eliza chatbot"));
    assert!(lets("elz chat", "eliza chatbot"));
    assert!(!lets("elz zg", "eliza chatbot"));
    assert!(!lets("!eliza", "eliza chatbot"));
    assert!(lets("!elz", "eliza chatbot"));
    assert!(!lets("abc", "0xa1b2c3"), "digits of an address only as they stand");
    assert!(lets("stlmt", "a settlement"));
    assert!(!lets("ear", "every address"), "letters of one word");
    assert!(!lets("szz", "s1234z5678z"), "not letters far apart");
}

#[test]
fn accents_and_case_are_folded() {
    assert!(lets("grosse", "GRÖẞE größe Größe") || lets("größ", "GRÖSSE Größe"));
    assert!(lets("cafe", "Café") && lets("café", "CAFE") && lets("cafe", "cafe\u{301}"));
    assert!(lets("大模", "大模型"));
    assert!(!lets("型大", "大模型"));
}

#[test]
fn fields_are_compared() {
    assert!(passes("price<100000", 99_999, None) && !passes("price<100000", 100_000, None));
    assert!(passes("price<=100_000", 100_000, None) && passes("price=100,000", 100_000, None));
    assert!(passes("price>=1A0GI", 1_000_000_000_000_000_000, None));
    assert!(!passes("price>0.5a0gi", 500_000_000_000_000_000, None));
    assert!(passes("latency<200ms", 1, Some(199)) && !passes("latency<0.2s", 1, Some(200)));
    assert!(!passes("latency<200ms", 1, None), "nothing is said of what is unknown");
    assert!(passes("!latency<200ms", 1, None));
    assert!(passes("type:chat", 1, None) && !passes("type=chat", 1, None) && passes("TYPE=CHATBOT", 1, None));
    assert!(passes("provider:0x12", 1, None) && !passes("!type:chatbot", 1, None));
    assert!(passes("eliza price<5 type:chatbot", 4, None) && !passes("eliza price<5", 5, None));
}

#[test]
fn what_cannot_be_read_is_told_and_hides_nothing() {
    let told = |text: &str| {
        assert!(passes(text, 7, None), "{text}");
        Filter::with_fields(text, FIELDS).complaint().map(str::to_owned)
    };
    let complaint = told("pricee<7").unwrap();
    assert_eq!(complaint, "there is no column pricee; columns: type, provider, price, latency");
    assert_eq!(told("price<abc").unwrap(), "abc is not an amount; write price<100000 or price<0.1A0GI");
    assert_eq!(told("type<5").unwrap(), "type is a text; write type:word");
    assert_eq!(told("latency<2days").unwrap(), "2days is not a time; write latency<200ms or latency<1.5s");
    for begun in ["price<", "type:", "!price>="] {
        assert_eq!(told(begun), None, "its value is still to come");
    }
    assert!(lets("https://a.b", "see https://a.b/c"), "an address of the web is a word");
    assert!(lets("12:30", "at 12:30:00"));
}

#[test]
fn names_are_completed() {
    assert_eq!(completed("eliza !pri", FIELDS).as_deref(), Some("eliza !price"));
    assert_eq!(completed("ty", FIELDS).as_deref(), Some("type:"));
    assert_eq!(completed("", FIELDS), None);
    assert_eq!(completed("大", FIELDS), None);
}

proptest! {
    #[test]
    fn what_narrows_lets_nothing_new_through(
        typed in "[abt!:<>=0-9 price]{0,14}", text in "[abcde0x prit]{0,40}", price in 0u128..200,
    ) {
        let words = Words::new(text);
        let verdict = |filter: &Filter| filter.verdict(&words, |name| match name {
            "price" => Some(FieldValue::Amount(Neuron::new(price))),
            "type" => Some(FieldValue::Text("abate".into())),
            _ => None,
        });
        let mut last = Filter::default();
        for end in 1..=typed.len() {
            let next = Filter::with_fields(&typed[..end], FIELDS);
            if next.narrows(&last) {
                prop_assert!(verdict(&last) != Verdict::Out || verdict(&next) == Verdict::Out);
            }
            last = next;
        }
    }

    #[test]
    fn no_text_breaks_it(typed in ".{0,40}", text in ".{0,60}") {
        let filter = Filter::with_fields(&typed, FIELDS);
        filter.verdict(&Words::new(text), |_| None);
        completed(&typed, FIELDS);
    }
}
