//! What a person sees of a text, and that it is the same however the text arrived.

use proptest::prelude::*;
use ratatui::style::Modifier;

use super::*;

const DARK: Theme = Theme::new(Shade::Dark, true);

/// Everything at once, and every way in which it can be broken off.
const NASTY: &str = "# Title with **bold** and `code`\n\nA paragraph with *emphasis*, ~~struck~~, a [link](https://example.org/a_b) and <https://0g.ai>.\nSecond line\\\nthird 大模型 e\u{301} 👍🏽 ⚠\u{fe0f}.\n\n1. one\n2. two\n\n   ```rust\n   fn main() {}\n\n   ```\n\n   - [x] done\n   - [ ] open\n3. three\n\n> quote\n> > deeper\n> - list\n\n```python\ndef f(x):\n\n    return \"a\" # b\n```\nright after\n\n| a | b | c |\n|---|:-:|--:|\n| 1 | two words | 3<br>4 |\n| **x** | `y` |\n\n---\n\n    indented code\n\n<div>html</div>\n\n![alt text](http://x/y.png) [named][Ref One] [missing] \\*no\\*\n\n~~~~\n```\n~~~~\n\n[ref one]: https://named.example\n\n- a\n\n- b\n* * *\nlast **open `also\n\n```sh\nnever closed\n";

fn whole(text: &str) -> Markdown {
    let mut markdown = Markdown::default();
    markdown.set(text);
    markdown.finish();
    markdown
}

fn texts(markdown: &mut Markdown, width: u16) -> Vec<String> {
    markdown.lines(width, DARK).iter().map(Line::text).collect()
}

fn shown(text: &str, width: u16) -> String {
    texts(&mut whole(text), width).join("\n")
}

fn snapshot(name: &str, shown: String) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[test]
fn everything_at_three_widths() {
    for width in [80, 30, 12] {
        snapshot(&format!("everything_{width}"), shown(NASTY, width));
    }
}

#[test]
fn tables_fit_wrap_or_become_pairs() {
    let table = "| Provider | Price | Notes |\n|---|--:|---|\n| ghost | 1,000 | quick answers, few models |\n| 大模型 | 20 | slow |\n| none |\n";
    for width in [60, 32, 16] {
        snapshot(&format!("table_{width}"), shown(table, width));
    }
}

#[test]
fn looks_come_from_the_theme() {
    let text = "a **bold** *slanted* `let`\n\n```rust\nlet a = 1; // b\n```\n";
    let mut markdown = whole(text);
    let style = |markdown: &mut Markdown, theme: Theme, word: &str| {
        let lines = markdown.lines(40, theme);
        let mut pieces = lines.iter().flat_map(Line::pieces);
        pieces.find(|piece| piece.text.trim() == word).map(|piece| piece.style).unwrap_or_default()
    };
    assert!(style(&mut markdown, DARK, "bold").add_modifier.contains(Modifier::BOLD));
    assert!(style(&mut markdown, DARK, "slanted").add_modifier.contains(Modifier::ITALIC));
    assert!(style(&mut markdown, DARK, "// b").fg.is_some());
    let bare = Theme::new(Shade::Dark, false);
    assert!(markdown.lines(40, bare).iter().flat_map(Line::pieces).all(|piece| piece.style.fg.is_none()));
    assert!(style(&mut markdown, bare, "let").add_modifier.contains(Modifier::BOLD));
    assert!(style(&mut markdown, bare, "// b").add_modifier.contains(Modifier::DIM));
}

#[test]
fn code_blocks_are_numbered_and_copied_as_written() {
    let text = "```rust\nfn a() {\n\tb\n}\n```\n- x\n  ```sh\n  ls\n  ```\n\ntext\n\n```\nopen\n";
    let mut markdown = Markdown::default();
    markdown.push(text);
    let code =
        |language: &str, text: &str| CodeBlock { language: language.to_owned(), text: text.to_owned() };
    let all = [code("rust", "fn a() {\n\tb\n}\n"), code("sh", "ls\n"), code("", "open\n")];
    assert_eq!(markdown.code_blocks(), all);
    let numbers: Vec<Option<usize>> = markdown.lines(30, DARK).iter().map(|line| line.code).collect();
    for number in 1..=3 {
        assert!(numbers.contains(&Some(number)));
    }
    markdown.finish();
    assert_eq!(markdown.code_blocks(), all);
    let headings: Vec<String> =
        texts(&mut markdown, 30).into_iter().filter(|text| text.trim_start().starts_with('[')).collect();
    assert_eq!(headings.len(), 3, "{headings:?}");
}

#[test]
fn a_text_that_only_grew_costs_the_rest() {
    let mut markdown = Markdown::default();
    markdown.set("one\n\ntwo\n\nthr");
    markdown.lines(40, DARK);
    let before = markdown.work;
    markdown.set("one\n\ntwo\n\nthree");
    assert_eq!(texts(&mut markdown, 40).last().map(String::as_str), Some("three"));
    assert_eq!(
        markdown.work - before,
        "two\n\nthree".len(),
        "a line that may be cut before is not known yet"
    );
    let before = markdown.work;
    markdown.lines(30, DARK);
    assert_eq!(markdown.work, before, "another width reads nothing again");
    markdown.set("other");
    assert_eq!(texts(&mut markdown, 40), ["other"]);
    markdown.finish();
    markdown.set("other");
    assert_eq!(texts(&mut markdown, 40), ["other"]);
    markdown.set("other text");
    assert_eq!(texts(&mut markdown, 40), ["other text"]);
}

#[test]
fn work_grows_with_the_text_and_not_with_its_square() {
    let paragraph = "Some words about **a model** and `its price`, long enough to be a paragraph.\n\n";
    let fence = "```rust\nlet price = 1; // neuron\n```\n\n";
    let kinds = [
        (paragraph.repeat(40) + fence, 1 << 20),
        ("word ".repeat(800), 512 << 10),
        ("- item of a list\n".repeat(250), 512 << 10),
        (format!("```rust\n{}", "let price = 1;\n".repeat(260)), 512 << 10),
        ("\u{5927}".repeat(1400), 512 << 10),
    ];
    for (kind, most) in kinds {
        let work = |bytes: usize| {
            let text = kind.repeat(bytes / kind.len() + 1);
            let mut markdown = Markdown::default();
            for (index, c) in text.chars().enumerate() {
                markdown.push(c.encode_utf8(&mut [0; 4]));
                // A frame for some hundred bytes.
                if index % 509 == 0 {
                    markdown.read_tail();
                }
            }
            markdown.finish();
            markdown.work
        };
        let (some, more) = (work(most / 4), work(most));
        assert!(more <= some * 5, "four times the text, {some} and {more} bytes of work: {}", &kind[..12]);
    }
}

/// Code is coloured while it comes, a line at a time, so that nothing is left to do when the fence is closed.
#[test]
fn no_push_paints_more_than_the_line_that_it_ends() {
    let painted = || highlight::tests::PAINTED.with(std::cell::Cell::get);
    let line = "auto price = std::max<int>(1, 2); // neuron\n";
    for before in ["```cpp\n", "1. first\n   ```cpp\n"] {
        let indent = if before.starts_with('1') { "   " } else { "" };
        let code = format!("{indent}{line}").repeat(100);
        let text = format!("{before}{code}{indent}```\nafter\n\nmore\n");
        let began = painted();
        let mut markdown = Markdown::default();
        for c in text.chars() {
            let from = painted();
            markdown.push(c.encode_utf8(&mut [0; 4]));
            markdown.lines(60, DARK);
            assert!(painted() - from <= line.len(), "{} bytes at once", painted() - from);
        }
        markdown.finish();
        assert_eq!(painted() - began, 100 * line.len(), "each line once");
        assert_eq!(markdown.lines(60, DARK), whole(&text).lines(60, DARK));
        let coloured = markdown.lines(60, DARK).iter().flat_map(Line::pieces);
        assert!(
            coloured.filter(|piece| piece.text == "// neuron" && piece.style.fg.is_some()).count() == 100
        );
    }
}

/// However many blocks there are, and whatever is in them; the rest is plain.
#[test]
fn a_text_has_only_so_much_in_colour() {
    let painted = || highlight::tests::PAINTED.with(std::cell::Cell::get);
    let code = "{\"key\": \"value\", \"list\": [1, 2]}\n".repeat(40);
    for block in [
        format!("```json\n{code}```\n\ntext\n\n"),
        format!("- item\n  ```json\n  {}  ```\n\ntext\n\n", code.replace('\n', "\n  ")),
        "```json\n1\n```\n".to_owned(),
    ] {
        let began = painted();
        let mut markdown = whole(&block.repeat((1 << 19) / block.len()));
        assert!(markdown.height(60) > 1000);
        let bytes = painted() - began;
        assert!(bytes <= highlight::MOST_OF_TEXT, "{bytes} bytes");
        assert!(block.len() < 100 || bytes > highlight::MOST_OF_TEXT / 2, "{bytes} bytes");
    }
}

/// Where the colours end is the same however the text arrived, and after addresses that came late.
#[test]
fn what_is_left_for_colours_is_the_same_however_it_arrived() {
    let code = "let a = 1; // one\n".repeat(6);
    let inner = code.replace('\n', "\n  ");
    let text = format!(
        "```rust\n{code}```\n- [late]\n  ```rust\n  {inner}\n  ```\n  ```rust\n  {inner}\n  ```\n\ntext\n```rust\n{code}```\n\n[late]: https://x\n"
    );
    for left in (0..800).step_by(23) {
        let some = || Markdown { left, ..Markdown::default() };
        let (mut whole, mut growing) = (some(), some());
        whole.push(&text);
        for c in text.chars() {
            growing.push(c.encode_utf8(&mut [0; 4]));
            growing.lines(60, DARK);
        }
        whole.finish();
        growing.finish();
        assert_eq!(growing.lines(60, DARK), whole.lines(60, DARK), "{left}");
        let coloured = whole.lines(60, DARK).iter().flat_map(Line::pieces);
        let bytes: usize = coloured.filter(|piece| piece.text == "// one").map(|_| code.len() / 6).sum();
        assert!(bytes <= left, "{bytes} of {left}");
    }
}

#[test]
fn every_beginning_is_shown_and_the_end_is_the_same() {
    let expected = whole(NASTY).lines(44, DARK).to_vec();
    let mut growing = Markdown::default();
    for (index, c) in NASTY.char_indices() {
        let (mut first, prefix) = (Markdown::default(), &NASTY[..index]);
        first.push(prefix);
        let shown = first.lines(44, DARK).to_vec();
        assert_eq!(growing.lines(44, DARK), shown, "after {index} bytes");
        assert_eq!(growing.code_blocks(), first.code_blocks(), "after {index} bytes");
        growing.push(c.encode_utf8(&mut [0; 4]));
    }
    growing.finish();
    assert_eq!(growing.lines(44, DARK), expected);
}

#[test]
fn pieces_look_like_the_whole() {
    // What has no links to later definitions is the same when it is read without any cuts.
    let text = tidy(&NASTY.replace("[ref one]:", "ref one:"), &mut false);
    let read = block::read(&text, &Definitions::new(), 0, true, highlight::MOST_OF_TEXT, &mut Vec::new());
    let uncut = layout::blocks(&read.blocks, 60, DARK);
    assert_eq!(whole(&text).lines(60, DARK), uncut);
}

#[test]
fn hostile_text_leaves_no_control_character() {
    let corpus = [
        "\u{1b}[2Jx",
        "\u{1b}]0;title\u{7}x",
        "[a](\u{1b}]8;;http://evil\u{1b}\\)",
        "\u{1b}]52;c;aGk=\u{7}",
        "\u{1b}P1$q\u{1b}\\ \u{90}x\u{9c}",
        "\u{9b}31m\u{85}x",
        "&#27;[31m &#x9b;1m &#8238;x &#8203; &#0;",
        "[x](http://a/&#27;&#8238;b) ![&#27;](&#7;)",
        "good\rbad\r\nnext\r",
        "\u{202e}gpj.exe \u{2066}x\u{2069} \u{200e}",
        "a\u{200b}b\u{feff}c\u{2060}d\u{e0041}",
        "```\u{1b}[1m\u{202e}\n\u{1b}[2J\r\u{9b}\t\u{0}\n```",
        "```&#27;x\n&#27;\n",
        "| \u{1b}[1m | &#27; |\n|---|---|\n| \u{7} | \u{b} |\n",
        "<b\u{1b}[2J>&#27;\u{c}</b>\n<!-- \u{202e} -->",
        "- \u{8}\n  > \u{7f} &#x202e;",
    ];
    let is_hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
    };
    let everything = corpus.join("\n\n");
    for text in corpus.iter().copied().chain([everything.as_str()]) {
        for width in [1, 7, 40] {
            for line in whole(text).lines(width, DARK) {
                assert!(!line.text().chars().any(is_hostile), "{text:?} gave {:?}", line.text());
            }
        }
        for code in whole(text).code_blocks() {
            let clean = |c| c == '\n' || c == '\t' || !is_hostile(c);
            assert!(code.language.chars().chain(code.text.chars()).all(clean), "{text:?} gave {code:?}");
        }
    }
    assert_eq!(shown("a\r\nb", 9), "a\nb");
    assert!(shown("good\rbad", 9).contains('\u{fffd}'));
    assert_eq!(shown("⚠\u{fe0f} 👨\u{200d}👩 می\u{200c}خواهم", 20), "⚠ 👨👩 میخواهم");
}

#[test]
fn deep_and_wide_texts_are_drawn() {
    for text in [
        ">".repeat(20_000),
        "- ".repeat(20_000),
        "[".repeat(20_000),
        "*a **b ".repeat(5000),
        format!("|{}\n|{}\n{}", "a|".repeat(2000), "-|".repeat(2000), "|\n".repeat(200)),
        "<".repeat(20_000),
        "99999999999. x\n18446744073709551615. y\n".to_owned(),
        "999999999. x\n\n1. y\n".to_owned(),
    ] {
        let mut markdown = whole(&text);
        assert!(markdown.lines(40, DARK).iter().all(|line| line.width() <= 40), "{}", &text[..2]);
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let marks = [
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "  ",
        "    ",
        "```",
        "```rust\n",
        "~~~",
        "`",
        "*",
        "**",
        "~~",
        "- ",
        "1. ",
        "> ",
        "| a | b |\n",
        "|---|--:|\n",
        "# ",
        "---\n",
        "[x](y)",
        "[r]",
        "[r]: z\n",
        "<br>",
        "<!--",
        "-->",
        "![",
        "](",
        "\t",
        "word",
        "大",
        "e\u{301}",
        "👍🏽",
        "\u{1b}[",
        "&#27;",
        "\u{200d}",
        "\\",
        "===\n",
        "[x] ",
    ];
    prop_oneof![8 => prop::sample::select(marks.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn how_it_arrives_makes_no_difference(
        fragments in prop::collection::vec(fragment(), 0..60),
        looks in prop::collection::vec(any::<bool>(), 60),
        width in 1u16..50,
    ) {
        let text: String = fragments.concat();
        let mut growing = Markdown::default();
        for (fragment, look) in fragments.iter().zip(looks) {
            for c in fragment.chars() {
                growing.push(c.encode_utf8(&mut [0; 4]));
            }
            if look {
                let most = growing.lines(width, DARK).iter().map(Line::width).max().unwrap_or(0);
                prop_assert!(most <= usize::from(width));
            }
        }
        growing.finish();
        let mut at_once = whole(&text);
        prop_assert_eq!(growing.code_blocks(), at_once.code_blocks());
        prop_assert_eq!(growing.lines(width, DARK), at_once.lines(width, DARK));
        prop_assert_eq!(at_once.height(width), at_once.laid_out().len());
    }
}
