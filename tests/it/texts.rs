//! What the screens say stands in `src/tui/texts` and nowhere else: a look at every text in quotes of `src/tui`.

use crate::layers::{is_test, program, sources};

/// What stands elsewhere although it has two words or more: where, how it begins, and why that is no sentence of a screen.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("tui::pictures", "", "pictures of screens, for tests only"),
    ("tui::help", "esc n", "two keys"),
    ("tui::kit::markdown::highlight", "Plain Text", "the name of a grammar"),
    ("tui::shell", "a fault that was asked for", "for the test of what a panic leaves behind"),
    ("tui::start::deeds", "Choice(", "for those who look for faults"),
    ("tui::user::services::act", "curl ", "a line for a shell"),
    ("tui::user::spend::rows", "from:", "a filter as it is typed"),
    ("tui::user::storage::part", "provider:", "a filter as it is typed"),
];

#[test]
fn what_the_screens_say_stands_in_one_place() {
    let mut wrong = Vec::new();
    let mut met = vec![false; ELSEWHERE.len()];
    for (module, file, source) in sources() {
        if !module.starts_with("tui") || module.starts_with("tui::texts") || is_test(&module) {
            continue;
        }
        for text in texts(&program(&source)).into_iter().filter(|text| words(text) >= 2) {
            let known = ELSEWHERE.iter().position(|(at, start, _)| *at == module && text.starts_with(start));
            match known {
                Some(known) => met[known] = true,
                None => wrong.push(format!("{}: {text:?}", file.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "these belong into src/tui/texts:\n{}", wrong.join("\n"));
    let old: Vec<_> = ELSEWHERE.iter().zip(met).filter(|(_, met)| !met).map(|(one, _)| one).collect();
    assert!(old.is_empty(), "no such text any more: {old:?}");
}

#[test]
fn the_look_finds_what_it_shall() {
    let source = r##"
        #[error("an error keeps its sentence")]
        fn one<'a>() { let c = '"'; tracing::warn!(%x, "a line of the log"); tasks.spawn("a task's name", go("in a task")); }
        // "a comment is none"
        fn two() -> String { format!("{count} of {all} {}", r#"a "raw" text"#, 'x', "one \
            and\tanother") }
        fn three() { ("single", "ctrl+s", "{} A0GI", "a\"b c") }
    "##;
    let found: Vec<_> = texts(source).into_iter().filter(|text| words(text) >= 2).collect();
    assert_eq!(found, ["in a task", "a \"raw\" text", "one and another", "a b c"]);
}

#[test]
fn every_text_of_the_screens_stands_there_once() {
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut twice = Vec::new();
    for (module, _, source) in sources().into_iter().filter(|(module, ..)| module.starts_with("tui::texts::"))
    {
        for text in texts(&program(&source)).into_iter().filter(|text| words(text) >= 2) {
            match seen.iter().find(|(other, _)| *other == text) {
                Some((_, at)) => twice.push(format!("{text:?}: {at} and {module}")),
                None => seen.push((text, module.clone())),
            }
        }
    }
    assert!(twice.is_empty(), "\n{}", twice.join("\n"));
}

/// How many words a text has beside the values in it.
fn words(text: &str) -> usize {
    let mut plain = String::new();
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count()
}

/// The texts in quotes of a source, escapes as blanks: without comments, attributes, lines of the log and names of tasks.
fn texts(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    let mut before = String::new();
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("#[") || rest.starts_with("tracing::") && call(rest).is_some() {
            let open = rest.find(['[', '(']).unwrap_or(0);
            rest = &rest[open + closed(&rest[open..])..];
        } else if let Some((text, length)) = quoted(rest) {
            let task = before.trim_end().strip_suffix('(').is_some_and(|call| {
                call.rsplit(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
                    .unwrap_or("")
                    .starts_with("spawn")
            });
            if !task {
                found.push(text);
            }
            before.clear();
            rest = &rest[length..];
        } else {
            let length = character(rest).unwrap_or(c.len_utf8());
            before.push(c);
            rest = &rest[length..];
        }
    }
    found
}

/// Whether a macro is called here.
fn call(rest: &str) -> Option<()> {
    let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))?;
    rest[name..].starts_with("!(").then_some(())
}

/// The length of what a bracket opens, brackets inside quotes left out.
fn closed(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(c) = text[at..].chars().next() {
        let length = quoted(&text[at..]).map(|(_, length)| length).or_else(|| character(&text[at..]));
        match c {
            _ if length.is_some() => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += length.unwrap_or(c.len_utf8());
        if depth == 0 {
            break;
        }
    }
    at
}

/// A text in quotes at the beginning, and its length in the source.
fn quoted(rest: &str) -> Option<(String, usize)> {
    if let Some(raw) = rest.strip_prefix('r') {
        let marks = raw.chars().take_while(|c| *c == '#').count();
        let inside = raw[marks..].strip_prefix('"')?;
        let end = inside.find(&format!("\"{}", "#".repeat(marks)))?;
        return Some((inside[..end].to_owned(), 1 + marks + 1 + end + 1 + marks));
    }
    let inside = rest.strip_prefix('"')?;
    let mut text = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, at + 2)),
            '\\' => match chars.next() {
                // A text over several lines goes on where the next one begins.
                Some((at, '\n')) => {
                    let blank = inside[at + 1..].len() - inside[at + 1..].trim_start().len();
                    for _ in inside[at + 1..][..blank].chars() {
                        chars.next();
                    }
                }
                Some((_, 'u')) => {
                    for (_, c) in chars.by_ref() {
                        if c == '}' {
                            break;
                        }
                    }
                    text.push(' ');
                }
                _ => text.push(' '),
            },
            c => text.push(c),
        }
    }
    None
}

/// The length of a character in quotes at the beginning; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut chars = inside.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        chars.next();
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 2);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 2)
}
