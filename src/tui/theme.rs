//! What colours mean. Views ask for a meaning ([`Tone`]) and get a style; no view names a colour.
//!
//! The palette can be told apart with every kind of colour blindness (blue, orange, bluish green, vermilion), and no
//! meaning is carried by colour alone: a word, a sign or weight always goes with it. With `NO_COLOR` only weight,
//! underline and reversal are left.

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
            (false, _) => "without colour (NO_COLOR)",
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
            (CodeTone::Number, true) => (214, 130),
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
            Tone::Warn => (214, 130),
            Tone::Bad => (203, 160),
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
