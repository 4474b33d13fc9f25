//! Counting o200k tokens of a text that arrives in pieces: exact at any time, cheap in between.
//!
//! # How the running count relates to the exact one
//!
//! The tokenizer first cuts a text into words by a pattern and then encodes each word alone. So wherever the pattern
//! must cut whatever comes before and after (a *seam*, see [`is_seam`]), the count of the whole is the sum of the
//! counts of both sides. [`TokenCounter`] counts a text up to its last seam once and for all and keeps only the
//! *tail* behind it, usually less than a word.
//!
//! - [`TokenCounter::exact`] is the count of the whole text as one string, always.
//! - [`TokenCounter::estimate`] equals it while the tail is at most [`SHORT_TAIL`] bytes. On a longer tail (no space, digit
//!   or punctuation for 256 bytes) it is the tail's count when it was last counted, plus one for each byte since;
//!   the tail is counted again whenever it has grown by a quarter. No byte makes more than one token, so the
//!   estimate is not below the exact count, except by what one word may gain when it is cut differently.
//!
//! Work is linear in the text, whatever the text is and however it is split, as long as the pieces are not tiny and
//! the tail not long at once; then it is bounded by counting 256 bytes for each piece.

use std::cell::RefCell;

use super::vocabulary;

/// Tails up to this length are counted at every push.
pub const SHORT_TAIL: usize = 256;

/// Tokens of a whole text.
pub fn count(text: &str) -> u64 {
    WORDS.with_borrow_mut(|words| {
        vocabulary::words(text).map(|word| words.count(word, vocabulary::tokens_of_word)).sum()
    })
}

thread_local! {
    /// Each thread has its own, so that nobody waits for anybody.
    static WORDS: RefCell<Words> = RefCell::default();
}

/// The counts of the words seen last: texts consist of the same words over and over.
struct Words(Box<[Word; Words::PLACES]>);

/// A word of up to 15 bytes, with its length before them, and its tokens. The empty word stands for none.
#[derive(Clone, Copy, Default)]
struct Word {
    text: u128,
    tokens: u8,
}

impl Default for Words {
    fn default() -> Self {
        Words(Box::new([Word::default(); Self::PLACES]))
    }
}

impl Words {
    /// 64 KiB a thread.
    const PLACES: usize = 2048;

    fn count(&mut self, word: &str, count: impl Fn(&[u8]) -> u64) -> u64 {
        let bytes = word.as_bytes();
        let Some(text) = Self::key(bytes) else { return count(bytes) };
        // Fibonacci's hashing: the upper bits of a product depend on all of the word.
        let mixed = (text as u64 ^ (text >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = &mut self.0[(mixed >> 53) as usize];
        if place.text != text {
            // No byte makes more than one token, so 15 bytes are at most 15.
            *place = Word { text, tokens: u8::try_from(count(bytes)).unwrap_or(u8::MAX) };
        }
        place.tokens.into()
    }

    fn key(bytes: &[u8]) -> Option<u128> {
        let mut key = [0; 16];
        key[15] = u8::try_from(bytes.len()).ok().filter(|length| (1..16).contains(length))?;
        key[..bytes.len()].copy_from_slice(bytes);
        Some(u128::from_le_bytes(key))
    }
}

/// Counts one text.
#[derive(Debug, Default)]
pub struct TokenCounter {
    /// Tokens up to the last seam.
    settled: u64,
    /// The text behind it.
    tail: String,
    /// Tokens of the first `counted_bytes` of the tail.
    counted: u64,
    counted_bytes: usize,
    /// Bytes of the whole text.
    bytes: u64,
}

impl TokenCounter {
    /// Takes more of the text.
    pub fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len() as u64;
        if let Some(seam) = self.last_seam(text) {
            // The seam lies in the new text, or just before it: then the tail ends there as it is, most often counted.
            if seam == 0 && self.counted_bytes == self.tail.len() {
                self.settled += self.counted;
            } else if self.tail.is_empty() {
                self.settled += count(&text[..seam]);
            } else {
                self.tail.push_str(&text[..seam]);
                self.settled += count(&self.tail);
            }
            self.tail.clear();
            self.tail.push_str(&text[seam..]);
            (self.counted, self.counted_bytes) = (0, 0);
        } else {
            self.tail.push_str(text);
        }
        let since = self.tail.len() - self.counted_bytes;
        if self.tail.len() <= SHORT_TAIL || since >= self.counted_bytes / 4 {
            self.recount();
        }
    }

    /// The running count; see the head of this file. It can fall when a word grows into a single token.
    pub fn estimate(&self) -> u64 {
        self.settled + self.counted + (self.tail.len() - self.counted_bytes) as u64
    }

    /// The count of the whole text so far.
    pub fn exact(&self) -> u64 {
        if self.counted_bytes == self.tail.len() {
            return self.settled + self.counted;
        }
        self.settled + count(&self.tail)
    }

    /// Makes the estimate exact, unless the tail has grown by less than a sixteenth since it last was.
    pub fn refresh(&mut self) {
        if self.tail.len() - self.counted_bytes > self.counted_bytes / 16 {
            self.recount();
        }
    }

    /// Bytes of the text so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn recount(&mut self) {
        self.counted = count(&self.tail);
        self.counted_bytes = self.tail.len();
    }

    /// The last seam of tail and `text` that is not before `text`, as a place in `text`.
    fn last_seam(&self, text: &str) -> Option<usize> {
        let mut right = None;
        for (at, left) in text.char_indices().rev() {
            if right.is_some_and(|(_, right)| is_seam(left, right)) {
                return right.map(|(at, _)| at);
            }
            right = Some((at, left));
        }
        let (last, (_, first)) = (self.tail.chars().next_back()?, right?);
        is_seam(last, first).then_some(0)
    }
}

/// Whether the o200k pattern cuts between these two characters in every text.
///
/// Derived from the pattern's six alternatives. Only characters whose class is the same in every version of Unicode
/// are named, so that the regex tables of some later release cannot turn a seam into none:
/// - space or tab after anything that is not white space: no alternative has a blank behind another character;
/// - line end after a letter or digit: only punctuation is joined with line ends;
/// - punctuation other than `'` after a letter: a word ends there (`'` may begin `'s`);
/// - digit after a letter or punctuation, and letter or punctuation after a digit: digits stand alone.
fn is_seam(left: char, right: char) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    match right {
        ' ' | '\t' => !left.is_whitespace(),
        '\n' | '\r' => is_letter(left) || digit(left),
        _ if digit(right) => is_letter(left) || is_punctuation(left),
        _ if digit(left) => is_letter(right) || is_punctuation(right),
        '\'' => false,
        _ => is_letter(left) && is_punctuation(right),
    }
}

/// Letters by every version of Unicode: the common alphabets, kana, Han and Hangul.
fn is_letter(c: char) -> bool {
    matches!(c,
        'a'..='z' | 'A'..='Z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{24F}' // Latin
        | '\u{391}'..='\u{3A1}' | '\u{3A3}'..='\u{3C9}' // Greek
        | '\u{410}'..='\u{44F}' // Cyrillic
        | '\u{5D0}'..='\u{5EA}' // Hebrew
        | '\u{621}'..='\u{63A}' | '\u{641}'..='\u{64A}' // Arabic
        | '\u{905}'..='\u{939}' // Devanagari
        | '\u{E01}'..='\u{E2E}' // Thai
        | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' // kana
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' // Han
        | '\u{AC00}'..='\u{D7A3}') // Hangul
}

/// Neither white space, letter, number nor mark, by every version of Unicode.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{2013}' | '\u{2014}' | '\u{2018}'..='\u{201F}' | '\u{2026}'
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}'
            | '\u{FF01}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}' | '\u{FF3B}'..='\u{FF3D}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pushes by character counts, in turn; checks the estimate's promise on the way.
    fn counted(text: &str, sizes: &[usize]) -> u64 {
        let mut counter = TokenCounter::default();
        let mut rest = text;
        let mut turn = 0;
        while !rest.is_empty() {
            let size = sizes[turn % sizes.len()];
            let end = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
            counter.push(&rest[..end]);
            rest = &rest[end..];
            turn += 1;
            if counter.tail.len() <= SHORT_TAIL {
                assert_eq!(counter.estimate(), counter.exact(), "{text:?}");
            } else {
                assert!(counter.estimate() >= counter.exact(), "{text:?}");
            }
        }
        assert_eq!(counter.bytes(), text.len() as u64);
        counter.exact()
    }

    #[test]
    fn remembered_words_count_as_the_tokenizer_counts() {
        proptest!(|(texts in proptest::collection::vec("\\PC{0,40}|[a-zA-Z ',.0-9]{0,60}", 1..20))| {
            for text in texts.iter().chain(&texts) {
                prop_assert_eq!(count(text), bpe_openai::o200k_base().count(text.as_str()) as u64);
            }
        });
    }

    #[test]
    fn known_counts() {
        for (text, tokens) in
            [("", 0), ("Say this is a test!", 6), ("hello world", 2), ("0123456789", 4), ("我喜欢编程。", 5)]
        {
            assert_eq!(count(text), tokens, "{text}");
        }
    }

    const SAMPLES: [&str; 12] = [
        "The quick brown fox, it's said, 'jumps' over 12345 lazy dogs!\n\n  And then\r\n\tsome.  \n",
        "fn main() {\n    println!(\"{}\", 1_000 + x.y[3]);\n}\n\n\n// done //\n/*** x ***/\n",
        "我今天去了商店，买了三个苹果。「你好！」她说……然后——走了。12个，34元\n\n第二段",
        "これはテストです。カタカナ、ひらがな、漢字123！\u{3000}全角",
        "안녕하세요, 세계! 오늘은 2024년 8월 22일입니다.",
        "Привет, мир! Это'с тест №5.  Ещё   раз\n",
        "नमस्ते दुनिया, यह एक परीक्षण है। สวัสดีชาวโลก ทดสอบ ๑๒๓ مرحبا بالعالم، ١٢٣",
        "e\u{301}\u{301}a\u{300} x\u{20dd}! \u{200d}👩‍👩‍👧‍👦🏳️‍🌈 a\u{a0}b\u{2003}c\u{85}d \u{feff}",
        "aGVsbG8gd29ybGQ+/w==AAAAAAAAAAAAAAAA//////++++1234567890abcdefABCDEF_-.:;",
        "camelCaseHTTPServer_snake_case-kebab 'RE 'S x'Ll y'VE z'd 1's 2'2 '''",
        "   leading\n \n  \n   mixed \t\t tabs\r\r\n\n   trailing   ",
        "ʰAAAʰAAA ǅungla ªº ⅷ ½ x²y³ ①②③ A\u{345}B",
    ];

    #[test]
    fn any_split_gives_the_whole_count() {
        for text in SAMPLES {
            let whole = count(text);
            for sizes in [&[1][..], &[2], &[3, 1], &[7, 2, 5], &[1000]] {
                assert_eq!(counted(text, sizes), whole, "{text:?} by {sizes:?}");
            }
            // Every seam adds up, wherever it is.
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
            for at in places {
                let (left, right) = text.split_at(at);
                if is_seam(left.chars().next_back().unwrap_or(' '), right.chars().next().unwrap_or(' ')) {
                    assert_eq!(count(left) + count(right), whole, "{left:?} | {right:?}");
                }
            }
        }
    }

    /// Texts that a naive counter takes quadratic time for: with such a one this test would not end within the hour.
    #[test]
    fn hostile_texts_are_counted_and_end() {
        let size = 1 << 20;
        for unit in [
            "a",
            "A",
            " ",
            "\n",
            "!",
            "1",
            "中",
            "\u{301}",
            "ʰA",
            "aA",
            " \n",
            "'",
            "\u{e01}\u{e31}",
            "aB3 ",
            "😀",
        ] {
            let text = unit.repeat(size / unit.len());
            let whole = count(&text);
            let mut counter = TokenCounter::default();
            let pieces: Vec<char> = text.chars().collect();
            for piece in pieces.chunks(64) {
                counter.push(&piece.iter().collect::<String>());
            }
            assert_eq!(counter.exact(), whole, "{unit:?}");
            assert!(counter.estimate() >= whole, "{unit:?}");
        }
    }

    /// A word of thousands of letters, as no language has it: the estimate still holds from above.
    #[test]
    fn long_tails_are_estimated_from_above() {
        for (seed, alphabet) in
            ["etaoinshrdlu", "aAbBcC", "的一是不了人我在有他", "ʰAz\u{301}é"].iter().enumerate()
        {
            let letters: Vec<char> = alphabet.chars().collect();
            let mut state = seed as u64 + 1;
            let mut next = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % below
            };
            let text: String = (0..3000).map(|_| letters[next(letters.len())]).collect();
            counted(&text, &[1]);
            counted(&text, &[3, 17, 5]);
        }
    }

    proptest! {
        #[test]
        fn counting_is_split_proof(
            picks in proptest::collection::vec((0usize..12, 0usize..40, 1usize..12), 1..12),
            noise in "[ -~\n\r\t中文。ʰ\u{301}é'1]{0,24}",
            sizes in proptest::collection::vec(1usize..9, 1..6),
        ) {
            let mut text = noise;
            for (which, from, many) in picks {
                text.extend(SAMPLES[which].chars().skip(from).take(many));
            }
            prop_assert_eq!(counted(&text, &sizes), count(&text));
        }
    }
}
