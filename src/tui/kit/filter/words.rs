//! Words looked for in a text that was prepared for it once.
//!
//! Case and accents are folded away. A word is looked for as it stands; a longer one also letter by letter within one
//! word of the text, at most three letters skipped between two of its own (`stlmt` finds `settlement`). Both only ever
//! lose rows as a word grows, so that the next letter has to look through what the last one left.

use nucleo_matcher::chars::{normalize, to_lower_case};

/// Shorter words are in everything letter by letter.
const SHORTEST: usize = 3;
/// Longer ones are looked for only as they stand; their letters are bits of a `u64`.
const LONGEST: usize = 64;

/// A text without case and accents.
pub fn fold(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        return text;
    }
    let combining = |letter: &char| ('\u{300}'..='\u{36f}').contains(letter);
    text.chars().filter(|letter| !combining(letter)).map(|letter| to_lower_case(normalize(letter))).collect()
}

/// Which letters a folded text has, each as a bit. Rare ones share one.
pub fn letters(text: &str) -> u64 {
    text.bytes().fold(0, |all, byte| {
        let bit = match byte {
            b'a'..=b'z' => byte - b'a',
            b'0'..=b'9' => byte - b'0' + 26,
            // 28 bits are left; blanks are in every text.
            b' ' => return all,
            other => 36 + other % 28,
        };
        all | 1 << bit
    })
}

/// What is looked through: a folded text and its letters.
#[derive(Clone, Debug, Default)]
pub struct Words {
    text: String,
    letters: u64,
}

impl Words {
    pub fn new(text: String) -> Words {
        let text = fold(text);
        Words { letters: letters(&text), text }
    }
}

/// How a word was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    Not,
    /// Letter by letter.
    Nearly,
    AsItStands,
}

/// A word that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    text: String,
    letters: u64,
    /// Where each ASCII letter stands in it, as bits; empty where it is only looked for as it stands.
    places: Vec<u64>,
    last: u64,
}

impl Word {
    pub fn new(text: &str) -> Word {
        let text = fold(text.to_owned());
        // Hexadecimal digits in some order are in every address.
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'x');
        let near = !digits && text.is_ascii() && (SHORTEST..=LONGEST).contains(&text.len());
        let mut places = vec![0; if near { 128 } else { 0 }];
        for (at, byte) in text.bytes().enumerate().take(LONGEST) {
            if let Some(place) = places.get_mut(usize::from(byte)) {
                *place |= 1u64 << at;
            }
        }
        let last = if near { 1 << (text.len() - 1) } else { 0 };
        Word { letters: letters(&text), text, places, last }
    }

    /// Whether whatever has this word has the other one too.
    pub fn narrows(&self, other: &Word) -> bool {
        self.text.starts_with(&other.text) && (!other.places.is_empty() || self.places.is_empty())
    }

    pub fn is_in(&self, words: &Words) -> bool {
        words.letters & self.letters == self.letters && words.text.contains(&self.text)
    }

    pub fn found(&self, words: &Words) -> Found {
        if words.letters & self.letters != self.letters {
            Found::Not
        } else if words.text.contains(&self.text) {
            Found::AsItStands
        } else if self.is_near(&words.text) {
            Found::Nearly
        } else {
            Found::Not
        }
    }

    /// Its letters in order inside one word of the text. Bit `n` of `ends` says that the first `n + 1` of them end at
    /// this letter; those of the three letters before may go on as well.
    fn is_near(&self, text: &str) -> bool {
        if self.last == 0 {
            return false;
        }
        let (mut one, mut two, mut three, mut four) = (0u64, 0, 0, 0);
        for byte in text.bytes() {
            if byte == b' ' {
                (one, two, three, four) = (0, 0, 0, 0);
                continue;
            }
            let places = self.places.get(usize::from(byte)).copied().unwrap_or(0);
            let ends = places & (((one | two | three | four) << 1) | 1);
            if ends & self.last != 0 {
                return true;
            }
            (one, two, three, four) = (ends, one, two, three);
        }
        false
    }
}
