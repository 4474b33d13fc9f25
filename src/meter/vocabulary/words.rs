//! The words of a text, as the o200k pattern cuts it. Each is encoded alone.
//!
//! The pattern is a choice of seven, the first that fits counts. `U` stands for `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `L`
//! for `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, and letters may be followed by `(?i:'s|'t|'re|'ve|'m|'ll|'d)`:
//!
//! 1. `[^\r\n\p{L}\p{N}]? U* L+`
//! 2. `[^\r\n\p{L}\p{N}]? U+ L*`
//! 3. `\p{N}{1,3}`
//! 4. ` ?[^\s\p{L}\p{N}]+ [\r\n/]*`
//! 5. `\s* [\r\n]+`
//! 6. `\s+(?!\S)`
//! 7. `\s+`
//!
//! Work is linear: no choice looks further than the word that is found, except along capitals, which are the next one.

use super::table;

// The classes of a character, one bit for each set of characters in the pattern.
/// `U`
pub(super) const UPPER: u8 = 1;
/// `L`
pub(super) const LOWER: u8 = 2;
/// `\p{N}`
pub(super) const NUMBER: u8 = 4;
/// `\s`
pub(super) const WHITE: u8 = 8;
/// `[\r\n]`
pub(super) const LINE_END: u8 = 16;
/// `[^\s\p{L}\p{N}]`
pub(super) const SIGN: u8 = 32;
/// `[^\r\n\p{L}\p{N}]`
pub(super) const LEAD: u8 = 64;

/// The words of a text, in order; together they are the text.
pub(in crate::meter) fn words(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (word, rest) = text.split_at_checked(first_word(text)?)?;
        text = rest;
        Some(word)
    })
}

/// Where the first word ends.
fn first_word(text: &str) -> Option<usize> {
    let (classes, length) = character(text, 0)?;
    if let Some(end) = letters(text, classes, length) {
        return Some(with_contraction(text.as_bytes(), end));
    }
    if classes & NUMBER != 0 {
        let second = one(text, length, NUMBER);
        return Some(one(text, second, NUMBER));
    }
    let signs = if text.starts_with(' ') { length } else { 0 };
    let end = run(text, signs, SIGN);
    if end > signs {
        let rest = &text.as_bytes()[end..];
        return Some(end + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b'/')).count());
    }
    Some(white(text))
}

/// The first two choices, without what may follow.
fn letters(text: &str, classes: u8, length: usize) -> Option<usize> {
    let none = Letters { mixed: None, capitals: None };
    let led = if classes & LEAD != 0 { Letters::at(text, length) } else { none };
    // A mark may lead, and may be the first of the letters.
    let bare =
        if classes & (UPPER | LOWER) != 0 && led.mixed.is_none() { Letters::at(text, 0) } else { none };
    led.mixed.or(bare.mixed).or(led.capitals).or(bare.capitals)
}

/// Where the letters from some place on end.
#[derive(Clone, Copy)]
struct Letters {
    /// By `U* L+`.
    mixed: Option<usize>,
    /// By `U+ L*`, where the other does not fit.
    capitals: Option<usize>,
}

impl Letters {
    fn at(text: &str, from: usize) -> Letters {
        let mut end = from;
        // Letters that are of both sets may end `U*` or begin `L+`.
        let mut after_last_of_both = None;
        while let Some((classes, length)) = character(text, end) {
            if classes & UPPER == 0 {
                if classes & LOWER != 0 {
                    return Letters { mixed: Some(run(text, end + length, LOWER)), capitals: None };
                }
                break;
            }
            end += length;
            if classes & LOWER != 0 {
                after_last_of_both = Some(end);
            }
        }
        Letters { mixed: after_last_of_both, capitals: (end > from).then_some(end) }
    }
}

/// The end of `'s` and the like, where one stands at this place; else the place.
fn with_contraction(text: &[u8], at: usize) -> usize {
    let Some([b'\'', rest @ ..]) = text.get(at..) else { return at };
    match rest {
        [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => at + 2,
        [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] => at + 3,
        // The long s (ſ) is an s in capitals.
        [0xC5, 0xBF, ..] => at + 3,
        _ => at,
    }
}

/// The last three choices, for a text that begins with white space.
fn white(text: &str) -> usize {
    let mut end = 0;
    let mut before_last = 0;
    let mut after_line_end = None;
    while let Some((classes, length)) = character(text, end)
        && classes & WHITE != 0
    {
        before_last = end;
        end += length;
        if classes & LINE_END != 0 {
            after_line_end = Some(end);
        }
    }
    match after_line_end {
        Some(end) => end,
        // The last of several is left to the word behind it.
        None if end < text.len() && before_last > 0 => before_last,
        None => end,
    }
}

/// The end of the characters of this class from here on.
fn run(text: &str, from: usize, class: u8) -> usize {
    let mut end = from;
    while let Some((classes, length)) = character(text, end)
        && classes & class != 0
    {
        end += length;
    }
    end
}

/// The end of the one character here if it is of this class.
fn one(text: &str, at: usize, class: u8) -> usize {
    character(text, at).filter(|(classes, _)| classes & class != 0).map_or(at, |(_, length)| at + length)
}

/// Classes and length of the character at this place, if the text has not ended.
#[inline(always)]
fn character(text: &str, at: usize) -> Option<(u8, usize)> {
    let byte = *text.as_bytes().get(at)?;
    if byte.is_ascii() {
        return Some((table::ascii_classes(byte), 1));
    }
    let c = text.get(at..)?.chars().next()?;
    Some((table::classes(c), c.len_utf8()))
}
