//! Which characters may not reach a terminal, by Unicode's own tables and not by those of `domain::clean`.

/// Whether a character steers a terminal, reorders what is around it, or is there and not seen: categories Cc, Cf, Zl,
/// Zp and Co, the non-characters, and what is ignored where it is not known (`Default_Ignorable_Code_Point`). Of Cf the
/// signs that stand before numbers in Arabic, Syriac and Kaithi (`Prepended_Concatenation_Mark`) are seen, and allowed.
pub fn is_hostile(c: char) -> bool {
    let code = c as u32;
    let format = matches!(code,
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x2064 | 0x2066..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB
        | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0001 | 0xE0020..=0xE007F);
    let ignored = matches!(code,
        0x34F | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x2065 | 0x3164 | 0xFE00..=0xFE0F | 0xFFA0
        | 0xFFF0..=0xFFF8 | 0xE0000..=0xE0FFF);
    let separator = matches!(code, 0x2028 | 0x2029);
    let private = matches!(code, 0xE000..=0xF8FF | 0xF_0000..=0x10_FFFF);
    let none = matches!(code, 0xFDD0..=0xFDEF) || code & 0xFFFE == 0xFFFE;
    code < 0x20 || matches!(code, 0x7F..=0x9F) || format || ignored || separator || private || none
}

/// Panics if a text that is ours to show holds such a character.
pub fn must_be_clean(text: &str) {
    if let Some(c) = text.chars().find(|c| is_hostile(*c)) {
        panic!("U+{:04X} in {text:?}", c as u32);
    }
}
