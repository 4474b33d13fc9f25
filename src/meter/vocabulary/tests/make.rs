//! Makes `assets/o200k.bin` from the crate `bpe-openai` and the classes of `regex-automata`, or finds that it is so made.

use std::collections::HashMap;

use regex_automata::meta::Regex;

use super::super::{table, words};

#[test]
fn the_file_is_what_the_tokenizer_makes() {
    let made = made();
    if std::env::var_os("UPDATE_VOCABULARY").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/o200k.bin"), &made).unwrap();
    }
    assert_eq!(made.len(), table::SIZE, "the sizes in table.rs");
    assert!(made == table::FILE, "made anew by UPDATE_VOCABULARY=1? then build again");
}

fn made() -> Vec<u8> {
    let tokenizer = bpe_openai::o200k_base();
    assert_eq!(tokenizer.bpe.num_tokens(), table::TOKENS);
    let tokens: Vec<Vec<u8>> =
        (0..table::TOKENS as u32).map(|rank| tokenizer.bpe.token_bytes(rank).to_vec()).collect();
    let (index, blocks) = classes();
    assert_eq!(blocks.len(), table::BLOCKS * 256, "BLOCKS in table.rs");

    let mut file = tokens.concat();
    assert_eq!(file.len(), table::TEXT);
    let mut start = 0_u32;
    for token in &tokens {
        file.extend(start.to_le_bytes());
        start += token.len() as u32;
    }
    file.extend(start.to_le_bytes());
    file.extend(places(&tokens).into_iter().flat_map(u32::to_le_bytes));
    file.extend(index);
    file.extend(blocks);
    file
}

fn places(tokens: &[Vec<u8>]) -> Vec<u32> {
    let mut places = vec![table::EMPTY; table::PLACES];
    for (rank, token) in tokens.iter().enumerate() {
        let hash = table::hash(token);
        let mut place = table::first_place(hash);
        while places[place] != table::EMPTY {
            place = (place + 1) % table::PLACES;
        }
        places[place] = table::entry_of(hash, rank as u32);
    }
    places
}

/// The number of each group's block, and the blocks.
fn classes() -> (Vec<u8>, Vec<u8>) {
    let sets = [
        (words::UPPER, r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"),
        (words::LOWER, r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"),
        (words::NUMBER, r"\p{N}"),
        (words::WHITE, r"\s"),
        (words::LINE_END, r"[\r\n]"),
        (words::SIGN, r"[^\s\p{L}\p{N}]"),
        (words::LEAD, r"[^\r\n\p{L}\p{N}]"),
    ]
    .map(|(bit, set)| (bit, Regex::new(set).unwrap()));
    let class = |c: u32| {
        // Surrogates are no characters.
        let Some(c) = char::from_u32(c) else { return 0 };
        let mut text = [0; 4];
        let text = c.encode_utf8(&mut text);
        sets.iter().filter(|(_, set)| set.is_match(&*text)).map(|(bit, _)| bit).sum::<u8>()
    };
    let (mut index, mut blocks, mut known) = (Vec::new(), Vec::new(), HashMap::new());
    for group in 0..table::GROUPS as u32 {
        let block: Vec<u8> = (group * 256..(group + 1) * 256).map(class).collect();
        let number = known.len();
        let number = *known.entry(block.clone()).or_insert_with(|| {
            blocks.extend(block);
            number
        });
        index.push(u8::try_from(number).expect("at most 256 blocks"));
    }
    (index, blocks)
}
