//! The vocabulary against the crate it was made from: every token, every character, and texts of all kinds.

mod make;

use std::fmt::Write;

use bpe_openai::o200k_base;
use proptest::prelude::*;

use super::merge::{SHORT, long};
use super::{table, tokens_of_word, words};

/// Cuts and counts are the crate's.
fn same(text: &str) {
    let ours: Vec<&str> = words(text).collect();
    let theirs: Vec<&str> = o200k_base().split(text).collect();
    assert_eq!(ours, theirs, "{text:?}");
    for word in ours {
        let counted = o200k_base().bpe.count(word.as_bytes()) as u64;
        assert_eq!(tokens_of_word(word.as_bytes()), counted, "{word:?} in {text:?}");
    }
}

#[test]
fn every_token_is_found_by_its_bytes_and_soon() {
    let mut longest = 0;
    for rank in 0..table::TOKENS {
        let bytes = table::token(rank);
        assert_eq!(table::rank(bytes), Some(rank as u32));
        longest = longest.max(bytes.len());
    }
    assert_eq!(longest, table::LONGEST);
    // How many places a look-up may have to pass.
    let ranks = &table::FILE[table::TEXT + 4 * table::STARTS..][..4 * table::PLACES];
    let full = ranks.chunks(4).map(|place| place != table::EMPTY.to_le_bytes());
    let (mut row, mut longest) = (0, 0);
    for full in full {
        row = if full { row + 1 } else { 0 };
        longest = longest.max(row);
    }
    assert!(longest < 40, "{longest} full places in a row");
}

#[test]
fn what_is_no_token_is_not_found() {
    assert_eq!(table::rank(b""), None);
    for rank in (0..table::TOKENS).step_by(7) {
        let mut bytes = table::token(rank).to_vec();
        bytes.extend(b"\xff\xfe");
        assert_eq!(table::rank(&bytes), None);
    }
}

/// Each character alone, before and behind others of each class.
#[test]
fn every_character_is_cut_as_the_pattern_says() {
    let mut text = String::new();
    for c in '\0'..=char::MAX {
        text.clear();
        for around in ["Ab", " ", "7", "\n", "!", "\u{2c6}"] {
            write!(text, "{c}{around}").unwrap();
        }
        text.push(c);
        if !words(&text).eq(o200k_base().split(&text)) {
            same(&text);
        }
    }
}

#[test]
fn contractions_in_all_forms() {
    for head in ["it", "IT", "It", "\u{2c6}", "中", "1", "!", " ", ""] {
        for letters in ["s", "t", "re", "ve", "m", "ll", "d", "r", "v", "l", "k", "\u{17f}", "\u{212a}", "e"]
        {
            for tail in ["", "x", "X", "'", " a", "'s", "\u{301}"] {
                for mark in ["'", "''", " '", "\u{2019}"] {
                    same(&format!("{head}{mark}{letters}{tail}"));
                    same(&format!("{head}{mark}{}{tail}", letters.to_uppercase()));
                }
            }
        }
    }
}

#[test]
fn words_of_every_length_around_the_limits() {
    for unit in ["a", "ab", "aB", "xq", "中", "ก็", "é", "\u{1F600}", "=", " ", "\t", "0"] {
        for times in (0..2 * SHORT).chain([255, 256, 257, 5000, 20_000]) {
            same(&unit.repeat(times));
        }
    }
}

/// Letters of which each pair joins before the one on its left: one letter at the end changes all of the row, so
/// windows that look a few letters ahead meet wrongly and have to grow.
#[test]
fn rows_that_join_from_the_end() {
    let letters: Vec<u8> = (b'a'..=b'z').chain(b'A'..=b'Z').collect();
    let mut pairs: Vec<(u32, u8, u8)> = letters
        .iter()
        .flat_map(|&left| letters.iter().map(move |&right| (left, right)))
        .filter_map(|(left, right)| Some((table::rank(&[left, right])?, left, right)))
        .collect();
    pairs.sort_unstable();
    // The longest row (from its end) that begins with a letter, of the pairs up to some rank.
    let mut rows: Vec<Vec<u8>> = (0..=u8::MAX).map(|letter| vec![letter]).collect();
    for (_, left, right) in pairs {
        if rows[usize::from(right)].len() >= rows[usize::from(left)].len() {
            rows[usize::from(left)] = [&rows[usize::from(right)][..], &[left]].concat();
        }
    }
    let mut row = rows.into_iter().max_by_key(Vec::len).unwrap();
    row.reverse();
    assert!(row.len() > 40, "{}", row.len());
    for cut in 0..40 {
        let text = row[..row.len() - cut].repeat(4);
        let counted = o200k_base().bpe.count(&text) as u64;
        assert_eq!(tokens_of_word(&text), counted);
        for window in [8, 9, 12, 16, 24, 32, 48, 100] {
            assert_eq!(long(&text, window), counted, "{cut} fewer, in windows of {window}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        same(&text);
    }

    #[test]
    fn bytes_as_text(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        same(&String::from_utf8_lossy(&bytes));
        same(&bytes.iter().map(|&byte| char::from(byte)).collect::<String>());
    }

    #[test]
    fn few_characters_of_each_class(text in "[aAbſK'stlLvVeErR1²٣ \t\r\n\u{85}\u{a0}\u{2028}!/.\u{301}\u{20dd}ʰǅªⅷ中ไ\u{e31}😀\u{200d}\u{fe0f}]{0,40}") {
        same(&text);
    }

    #[test]
    fn tokens_side_by_side(ranks in proptest::collection::vec(0..table::TOKENS, 1..30)) {
        let bytes: Vec<u8> = ranks.iter().flat_map(|&rank| table::token(rank)).copied().collect();
        same(&String::from_utf8_lossy(&bytes));
        // And as one word, whatever it is.
        let counted = o200k_base().bpe.count(&bytes) as u64;
        prop_assert_eq!(tokens_of_word(&bytes), counted);
        for window in [8, 17, 64, 200] {
            prop_assert_eq!(long(&bytes, window), counted);
        }
    }

    #[test]
    fn long_words(
        word in prop_oneof!["[a-z]{65,400}", "[ab]{65,400}", "[aeinrst]{65,400}", "[а-я]{40,200}", "[ก-๎]{30,150}",
            "[一-鿿]{30,150}", "[A-Za-z]{65,400}", "[-=_*#/.]{65,400}", "[ \t]{65,400}", "[ぁ-んァ-ン]{30,150}"],
        window in 8_usize..100,
    ) {
        same(&word);
        prop_assert_eq!(long(word.as_bytes(), window), o200k_base().bpe.count(word.as_bytes()) as u64);
    }

    #[test]
    fn prose_and_code(parts in proptest::collection::vec(
        prop_oneof!["[A-Z]?[a-z]{1,9}", "[0-9]{1,5}", "[ \n\t\r]{1,4}", "[-+*/=<>(){};:,.!?'\"]{1,4}",
            "'(s|t|re|ve|m|ll|d|S|LL|Re)", "[a-z]{1,5}[A-Z][a-z]{1,5}", "[а-яА-Я]{1,9}", "[一-鿿]{1,4}", "[ก-๎]{1,8}",
            "[\u{1F300}-\u{1FAFF}]\u{fe0f}?", "[\u{2000}-\u{200f}]"], 0..40)) {
        same(&parts.concat());
    }
}
