//! Closes JSON that was cut off, so that the text delivered until the cut can still be read and counted.

/// The longest reading of a cut-off JSON text as whole JSON, or `None` when nothing in it can be kept.
///
/// A string or number that was cut keeps what arrived of it; a cut word or member name is dropped.
pub fn close(cut: &str) -> Option<String> {
    let mut open = Vec::new();
    // Where the text can be cut so that only whole values remain, and what is open there.
    let (mut safe, mut open_there) = (0, Vec::new());
    let mut string = None;
    let mut escaped = false;
    for (at, byte) in cut.bytes().enumerate() {
        if string.is_some() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => string = None,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = Some(at),
            b'{' | b'[' => {
                open.push(if byte == b'{' { '}' } else { ']' });
                safe = at + 1;
                open_there.clone_from(&open);
            }
            b'}' | b']' => {
                open.pop();
                safe = at + 1;
                open_there.clone_from(&open);
            }
            b',' => {
                safe = at;
                open_there.clone_from(&open);
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return None;
        }
    }
    let ended = |text: &str, open: &[char]| {
        let mut closed = text.to_owned();
        closed.extend(open.iter().rev());
        let whole = serde_json::from_str::<serde::de::IgnoredAny>(&closed).is_ok();
        whole.then_some(closed)
    };
    let in_string = string.and_then(|start| {
        let kept = &cut[..start + whole_escapes(&cut[start..])];
        ended(&format!("{kept}\""), &open)
    });
    in_string.or_else(|| ended(cut, &open)).or_else(|| ended(&cut[..safe], &open_there))
}

/// Deeper texts are not repaired: `close` remembers what is open at every comma.
const MAX_DEPTH: usize = 64;

/// How many bytes of a cut string are whole characters and escapes.
fn whole_escapes(string: &str) -> usize {
    // An escape that was cut (a backslash, `u` and four digits) begins within the last six bytes, half a surrogate pair
    // within the last 12.
    let bytes = string.as_bytes();
    let mut at = 1;
    let mut whole = 1;
    while at < bytes.len() {
        let long = match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'u')) => 6,
            (b'\\', _) => 2,
            _ => 1,
        };
        let high = long == 6
            && matches!(
                bytes.get(at + 2..at + 4),
                Some([b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B'])
            );
        let step = if high { 12 } else { long };
        if at + step > bytes.len() {
            break;
        }
        at += step;
        whole = at;
    }
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn what_arrived_is_kept() {
        for (cut, closed) in [
            (r#"{"a":"hel"#, Some(r#"{"a":"hel"}"#)),
            (r#"{"a":"hel\"#, Some(r#"{"a":"hel"}"#)),
            (r#"{"a":"hel\u00"#, Some(r#"{"a":"hel"}"#)),
            (r#"{"a":"hel\ud83d\ud"#, Some(r#"{"a":"hel"}"#)),
            (r#"{"a":"x\"y"#, Some(r#"{"a":"x\"y"}"#)),
            (r#"{"a":[{"b":"x"},{"c"#, Some(r#"{"a":[{"b":"x"},{}]}"#)),
            (r#"{"a":"x","b":12"#, Some(r#"{"a":"x","b":12}"#)),
            (r#"{"a":"x","b":tr"#, Some(r#"{"a":"x"}"#)),
            (r#"{"a":"x","b":"#, Some(r#"{"a":"x"}"#)),
            (r#"{"a":"x","b"#, Some(r#"{"a":"x"}"#)),
            (r#"{"a":"x","#, Some(r#"{"a":"x"}"#)),
            (r#"{"a":"x"}"#, Some(r#"{"a":"x"}"#)),
            (r#"{"a":["x"]"#, Some(r#"{"a":["x"]}"#)),
            ("{", Some("{}")),
            ("", None),
            ("hello", None),
            ("}", None),
        ] {
            assert_eq!(close(cut).as_deref(), closed, "{cut}");
        }
        assert_eq!(close(&"[".repeat(1 << 20)), None);
    }

    #[test]
    fn every_cut_of_an_answer_can_be_read() {
        let whole = r#"{"id":"x","choices":[{"index":0,"message":{"content":"a\"\u00e4\ud83d\ude00 大 b\\"},"n":[1,2.5]}]}"#;
        for (end, _) in whole.char_indices().skip(1) {
            let closed = close(&whole[..end]).unwrap_or_else(|| whole[..end].to_owned());
            assert!(serde_json::from_str::<serde_json::Value>(&closed).is_ok(), "{closed}");
        }
    }
}
