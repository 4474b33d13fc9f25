//! What colours mean. Views ask for a meaning ([`Tone`]) and get a style; no view names a colour.
//!
//! The palette can be told apart with every kind of colour blindness (blue, orange, bluish green, vermilion; on light
//! ground brown and crimson), and no
//! meaning is carried by colour alone: a word, a sign or weight always goes with it. With `NO_COLOR` only weight,
//! underline and reversal are left.

use crate::tui::texts;
use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// Labels, units, rules: what is read second.
    Dim,
    Title,
    /// What can be pressed or followed.
    Accent,
    Good,
    /// Wants a look before long.
    Warn,
    /// Wants one now.
    Bad,
    /// Under way.
    Pending,
}

/// What a piece of program text is. Decoration: nothing that matters is told by it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodeTone {
    #[default]
    Plain,
    /// Code inside a sentence.
    Inline,
    Keyword,
    String,
    Comment,
    Number,
    /// Names of functions, types and tags where they are made.
    Function,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shade {
    Dark,
    Light,
}

/// Tones for one terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    shade: Shade,
    colour: bool,
}

impl Theme {
    pub const fn new(shade: Shade, colour: bool) -> Theme {
        Theme { shade, colour }
    }

    pub const fn has_colour(self) -> bool {
        self.colour
    }

    /// What is said of it on the settings screen.
    pub const fn name(self) -> &'static str {
        match (self.colour, self.shade) {
            (false, _) => texts::shell::WITHOUT_COLOUR,
            (true, Shade::Dark) => "dark",
            (true, Shade::Light) => "light",
        }
    }

    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let style = match tone {
            Tone::Plain => plain,
            Tone::Dim if !self.colour => plain.add_modifier(Modifier::DIM),
            Tone::Title | Tone::Warn => plain.add_modifier(Modifier::BOLD),
            Tone::Bad if !self.colour => plain.add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
            Tone::Bad => plain.add_modifier(Modifier::BOLD),
            Tone::Dim | Tone::Accent | Tone::Good | Tone::Pending => plain,
        };
        match self.colour(tone) {
            Some(colour) if self.colour => style.fg(colour),
            _ => style,
        }
    }

    /// Program text; without colour keywords and code inside a sentence are bold and comments dim.
    pub fn code(self, tone: CodeTone) -> Style {
        let plain = Style::new();
        let (dark, light) = match (tone, self.colour) {
            (CodeTone::Plain, _) => return plain,
            (CodeTone::Keyword | CodeTone::Inline, false) => return plain.add_modifier(Modifier::BOLD),
            (CodeTone::Comment, false) => return plain.add_modifier(Modifier::DIM),
            (_, false) => return plain,
            (CodeTone::Inline, true) => (180, 94),
            (CodeTone::Keyword, true) => (75, 25),
            (CodeTone::String, true) => (79, 23),
            (CodeTone::Comment, true) => (244, 243),
            (CodeTone::Number, true) => (214, 94),
            (CodeTone::Function, true) => (222, 94),
        };
        plain.fg(self.pick(dark, light))
    }

    /// Dark signs on light ground in every theme, as cameras want it.
    pub fn paper(self) -> Style {
        match (self.colour, self.shade) {
            (true, _) => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(231)),
            (false, Shade::Dark) => Style::new().add_modifier(Modifier::REVERSED),
            (false, Shade::Light) => Style::new(),
        }
    }

    /// The row or button that keys act on.
    pub fn selected(self) -> Style {
        match (self.colour, self.shade) {
            (false, _) => Style::new().add_modifier(Modifier::REVERSED),
            (true, Shade::Dark) => Style::new().bg(Color::Indexed(237)),
            (true, Shade::Light) => Style::new().bg(Color::Indexed(254)),
        }
    }

    /// The button that has the focus, the tab that is open.
    pub fn focused(self) -> Style {
        match (self.colour, self.shade) {
            (false, _) => Style::new().add_modifier(Modifier::REVERSED.union(Modifier::BOLD)),
            (true, Shade::Dark) => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(75)),
            (true, Shade::Light) => Style::new().fg(Color::Indexed(231)).bg(Color::Indexed(25)),
        }
    }

    /// Indexed colours: the same in every terminal, whatever its own sixteen look like.
    fn colour(self, tone: Tone) -> Option<Color> {
        let (dark, light) = match tone {
            Tone::Plain | Tone::Title => return None,
            Tone::Dim => (244, 243),
            Tone::Accent => (75, 25),
            Tone::Good => (79, 23),
            Tone::Warn => (214, 94),
            Tone::Bad => (203, 125),
            Tone::Pending => (117, 24),
        };
        Some(self.pick(dark, light))
    }

    const fn pick(self, dark: u8, light: u8) -> Color {
        Color::Indexed(match self.shade {
            Shade::Dark => dark,
            Shade::Light => light,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a channel's value sends out as light, of 10,000: by the levels of the cube, and of the greys.
    const CUBE: [i64; 6] = [0, 1144, 2423, 4287, 6795, 10_000];
    const GREYS: [i64; 24] = [
        24, 60, 116, 194, 296, 423, 578, 762, 976, 1221, 1500, 1812, 2159, 2542, 2961, 3419, 3916, 4452,
        5029, 5647, 6308, 7011, 7758, 8550,
    ];
    type Light = [i64; 3];

    /// Grounds that terminals have: black and a dark grey (30, 30, 30); white and a cream (253, 246, 227).
    const DARK: [Light; 2] = [[0, 0, 0], [130, 130, 130]];
    const LIGHT: [Light; 2] = [[10_000, 10_000, 10_000], [9823, 9216, 7682]];

    fn light(index: u8) -> Light {
        match index {
            232.. => [GREYS[usize::from(index - 232)]; 3],
            _ => {
                let at = usize::from(index - 16);
                [CUBE[at / 36], CUBE[at / 6 % 6], CUBE[at % 6]]
            }
        }
    }

    /// The contrast of WCAG 2, times 100.
    fn contrast(one: Light, two: Light) -> i64 {
        let bright = |[r, g, b]: Light| (2126 * r + 7152 * g + 722 * b) / 10_000 + 500;
        let (one, two) = (bright(one), bright(two));
        100 * one.max(two) / one.min(two)
    }

    /// What somebody sees whose eyes lack one kind of cone (Machado, Oliveira, Fernandes 2009), in thousandths.
    const PROTAN: [[i64; 3]; 3] = [[152, 1053, -205], [115, 786, 99], [-4, -48, 1052]];
    const DEUTAN: [[i64; 3]; 3] = [[367, 861, -228], [280, 673, 47], [-12, 43, 969]];

    fn seen(by: [[i64; 3]; 3], light: Light) -> Light {
        by.map(|row| {
            let sum: i64 = row.iter().zip(light).map(|(share, part)| share * part).sum();
            (sum / 1000).clamp(0, 10_000)
        })
    }

    /// How far apart two colours are, in steps near to those that eyes take: 0 to 30,000.
    fn apart(one: Light, two: Light) -> i64 {
        one.into_iter().zip(two).map(|(a, b)| ((a * 10_000).isqrt() - (b * 10_000).isqrt()).abs()).sum()
    }

    fn index(theme: Theme, tone: Tone) -> u8 {
        match theme.style(tone).fg {
            Some(Color::Indexed(index)) => index,
            other => panic!("{tone:?} is {other:?}"),
        }
    }

    const WORDS: [Tone; 5] = [Tone::Accent, Tone::Good, Tone::Warn, Tone::Bad, Tone::Pending];

    #[test]
    fn every_tone_can_be_read_on_its_ground() {
        for (shade, grounds) in [(Shade::Dark, DARK), (Shade::Light, LIGHT)] {
            let theme = Theme::new(shade, true);
            for ground in grounds {
                for tone in WORDS {
                    let found = contrast(light(index(theme, tone)), ground);
                    assert!(found >= 450, "{shade:?} {tone:?}: {found}");
                }
                let found = contrast(light(index(theme, Tone::Dim)), ground);
                assert!(found >= 400, "{shade:?} dim: {found}");
            }
            let Some(Color::Indexed(row)) = theme.selected().bg else { panic!("no ground") };
            for tone in WORDS {
                let found = contrast(light(index(theme, tone)), light(row));
                assert!(found >= 380, "{shade:?} {tone:?} on the selected row: {found}");
            }
            let style = theme.focused();
            let (Some(Color::Indexed(text)), Some(Color::Indexed(ground))) = (style.fg, style.bg) else {
                panic!("no colours")
            };
            assert!(contrast(light(text), light(ground)) >= 450, "{shade:?} focus");
        }
    }

    #[test]
    fn tones_that_say_different_things_stay_apart_for_every_eye() {
        let same = |light: Light| light;
        let (protan, deutan) = (|light| seen(PROTAN, light), |light| seen(DEUTAN, light));
        let eyes: [(&str, &dyn Fn(Light) -> Light); 3] =
            [("all", &same), ("protan", &protan), ("deutan", &deutan)];
        for shade in [Shade::Dark, Shade::Light] {
            let theme = Theme::new(shade, true);
            for (at, one) in [Tone::Good, Tone::Warn, Tone::Bad].into_iter().enumerate() {
                for two in [Tone::Good, Tone::Warn, Tone::Bad].into_iter().skip(at + 1) {
                    for (name, eye) in eyes {
                        let found = apart(eye(light(index(theme, one))), eye(light(index(theme, two))));
                        assert!(found >= 1500, "{shade:?} {one:?} and {two:?} for {name}: {found}");
                    }
                }
            }
        }
    }
}
