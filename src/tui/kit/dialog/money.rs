//! A question about money: who gets how much, every digit and every letter of it, and for large sums the amount typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Guard, Said};
use crate::domain::{Address, Neuron, Timestamp};
use crate::tui::kit::look::Look;
use crate::tui::kit::{amount, draw};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// No amount is longer.
const LONGEST: usize = 64;

/// A row of what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// In both units; `None` is unknown.
    Amount(&'static str, Option<Neuron>),
    /// In full, with a name for it where there is one.
    Address(&'static str, Address, Option<String>),
    Text(&'static str, String),
    Note(String, Tone),
    Gap,
}

/// What has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Cancel,
    Amount,
    Yes,
}

/// The question. Privacy hides nothing in it: nobody confirms what they do not see.
#[derive(Clone, Debug)]
pub struct Money {
    pub title: String,
    pub facts: Vec<Fact>,
    /// What the button says.
    pub yes: &'static str,
    focus: Focus,
    guard: Guard,
    /// What has to be typed before it can be confirmed, and what was.
    wanted: Option<Neuron>,
    typed: String,
    complaint: Option<&'static str>,
    /// It runs already, or was confirmed here.
    under_way: bool,
    top: u16,
    /// The last row that can stand at the top, and how many rows are in sight, where it is drawn.
    most: u16,
    page: u16,
    /// All of it was in sight once.
    read: bool,
}

impl Money {
    pub fn new(title: impl Into<String>, facts: Vec<Fact>, yes: &'static str, opened: Timestamp) -> Money {
        Money {
            title: title.into(),
            facts,
            yes,
            focus: Focus::Cancel,
            guard: Guard::new(opened),
            wanted: None,
            typed: String::new(),
            complaint: None,
            under_way: false,
            top: 0,
            most: 0,
            page: 0,
            read: true,
        }
    }

    /// A large sum: it is typed before anything confirms.
    #[must_use]
    pub fn large(mut self, amount: Neuron) -> Money {
        self.wanted = Some(amount);
        self
    }

    /// The same runs already, so that there is nothing to confirm.
    #[must_use]
    pub fn under_way(mut self, under_way: bool) -> Money {
        self.under_way = under_way;
        self
    }

    /// What has to be typed before it can be confirmed.
    pub fn wanted(&self) -> Option<Neuron> {
        self.wanted
    }

    pub fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// It failed and may be confirmed again.
    pub fn again(&mut self, opened: Timestamp) {
        self.under_way = false;
        self.focus = Focus::Cancel;
        self.typed.clear();
        self.guard = Guard::new(opened);
    }

    pub fn key(&mut self, key: KeyEvent, at: Timestamp) -> Said {
        let taken = self.guard.takes(key, at);
        if key.code == KeyCode::Esc {
            // Leaving is never too soon.
            return Said::No;
        }
        let Some(may) = taken else { return Said::Nothing };
        let typing = self.focus == Focus::Amount;
        if key.modifiers.intersects(KeyModifiers::CONTROL.union(KeyModifiers::ALT)) {
            // As in every field; other letters with these keys are no text and no answer.
            if key.code == KeyCode::Char('u') {
                self.typed.clear();
                self.complaint = None;
            }
            return Said::Nothing;
        }
        match key.code {
            KeyCode::Char('n' | 'q') if !typing => return Said::No,
            KeyCode::Enter if self.focus == Focus::Cancel => return Said::No,
            KeyCode::Char('y') => return self.confirm(may),
            KeyCode::Enter if self.focus == Focus::Yes => return self.confirm(may),
            KeyCode::Tab | KeyCode::Right => self.go(1),
            KeyCode::BackTab | KeyCode::Left => self.go(2),
            KeyCode::Down => self.top = self.top.saturating_add(1),
            KeyCode::Up => self.top = self.top.saturating_sub(1),
            KeyCode::PageDown => self.top = self.top.saturating_add(self.page),
            KeyCode::PageUp => self.top = self.top.saturating_sub(self.page),
            KeyCode::End => self.top = u16::MAX,
            KeyCode::Backspace if typing => {
                self.typed.pop();
                self.complaint = None;
            }
            // A digit is meant for the field, wherever the focus is.
            KeyCode::Char(letter)
                if self.wanted.is_some()
                    && (typing || letter.is_ascii_digit())
                    && letter.is_ascii_graphic()
                    || (typing && key.code == KeyCode::Char(' ')) =>
            {
                self.focus = Focus::Amount;
                self.complaint = None;
                if self.typed.len() < LONGEST
                    && let KeyCode::Char(letter) = key.code
                {
                    self.typed.push(letter);
                }
            }
            _ => {}
        }
        Said::Nothing
    }

    /// Told the room that it is drawn in. Nobody confirms what they have not seen: while something of it is below, what
    /// would confirm shows more of it.
    pub fn settle(&mut self, area: Rect) {
        let rows = self.rows(area.width.min(78).saturating_sub(4));
        let rows = u16::try_from(rows.len()).unwrap_or(u16::MAX);
        let first = self.page == 0;
        // The frame takes two rows, what stands under the facts as many as `draw` says.
        let high = rows.saturating_add(self.under()).min(area.height).saturating_sub(2);
        self.page = high.saturating_sub(self.under() - 2).max(1);
        self.most = rows.saturating_sub(self.page);
        self.top = self.top.min(self.most);
        self.read = (self.read && !first) || self.top == self.most;
    }

    /// Rows of the frame, and of what stands under the facts.
    fn under(&self) -> u16 {
        if self.wanted.is_some() { 5 } else { 4 }
    }

    fn go(&mut self, by: usize) {
        let all: &[Focus] = match self.wanted {
            Some(_) => &[Focus::Cancel, Focus::Amount, Focus::Yes],
            None => &[Focus::Cancel, Focus::Yes],
        };
        let at = all.iter().position(|one| *one == self.focus).unwrap_or(0);
        let by = if by == 1 { 1 } else { all.len() - 1 };
        self.focus = all.get((at + by) % all.len()).copied().unwrap_or(Focus::Cancel);
    }

    fn confirm(&mut self, may: bool) -> Said {
        if !may || self.under_way {
            return Said::Nothing;
        }
        if !self.read {
            self.top = self.top.saturating_add(self.page).min(self.most);
            return Said::Nothing;
        }
        let typed = self.typed.replace([',', '_'], "");
        // Without a unit it is as where the amount was chosen: A0GI, or neuron.
        let is = |wanted| {
            [Neuron::parse_with_unit(&typed), Neuron::parse_with_unit(&format!("{typed} A0GI"))]
                .contains(&Ok(wanted))
        };
        if self.wanted.is_some_and(|wanted| !is(wanted)) {
            self.focus = Focus::Amount;
            // Beside what is typed there is room for a few words.
            self.complaint = Some(if self.typed.is_empty() {
                texts::kit::AMOUNT_HINT
            } else {
                texts::kit::NOT_THE_AMOUNT
            });
            return Said::Nothing;
        }
        self.under_way = true;
        Said::Yes
    }

    /// Rows: label, text, tone. Nothing is shortened; what is too long goes on in the next row.
    fn rows(&self, room: u16) -> Vec<(&'static str, String, Tone)> {
        let label = |fact: &Fact| match fact {
            Fact::Amount(label, _) | Fact::Address(label, ..) | Fact::Text(label, _) => draw::width(label),
            Fact::Note(..) | Fact::Gap => 0,
        };
        let column = self.facts.iter().map(label).max().unwrap_or(0) + 2;
        let room = room.saturating_sub(column).max(1);
        let mut rows = Vec::new();
        let mut say = |label: &'static str, text: &str, room: u16, tone: Tone| {
            let mut label = label;
            let mut parts = draw::wrap(text, room);
            if parts.is_empty() {
                parts.push(String::new());
            }
            rows.extend(parts.into_iter().map(|part| (std::mem::take(&mut label), part, tone)));
        };
        for fact in &self.facts {
            match fact {
                Fact::Amount(label, None) => say(label, "-", room, Tone::Dim),
                Fact::Amount(label, Some(neuron)) => say(label, &amount::in_full(*neuron), room, Tone::Title),
                Fact::Address(label, address, name) => {
                    say(label, &address.to_string(), room, Tone::Title);
                    if let Some(name) = name {
                        say("", name, room, Tone::Dim);
                    }
                }
                Fact::Text(label, text) => say(label, text, room, Tone::Plain),
                Fact::Note(text, tone) => say("", text, room, *tone),
                Fact::Gap => say("", "", room, Tone::Plain),
            }
        }
        rows
    }

    /// Draws it in the middle. Gives where the cursor stands while the amount is typed.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> Option<Position> {
        let width = area.width.min(78);
        let rows = self.rows(width.saturating_sub(4));
        let under = self.under();
        let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(under);
        let inside = draw::boxed(buffer, draw::middle(area, width, height), &self.title, Tone::Accent, look);
        let column = rows.iter().map(|(label, ..)| draw::width(label)).max().unwrap_or(0) + 2;
        let room = inside.height.saturating_sub(under - 2);
        let most = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_sub(room);
        let top = self.top.min(most);
        for (y, (label, text, tone)) in (0..room).zip(rows.iter().skip(usize::from(top))) {
            draw::put(buffer, inside, 0, y, label, look.style(Tone::Dim));
            draw::put(buffer, inside, column, y, text, look.style(*tone));
        }
        let last = inside.height.saturating_sub(1);
        if top < most {
            let text = if self.read { " ▼ more " } else { texts::kit::Y_SHOWS_MORE };
            draw::put_right(buffer, inside, room.saturating_sub(1), text, look.style(Tone::Dim));
        }
        let mut cursor = None;
        if self.wanted.is_some() && !self.under_way {
            let place = Rect { y: inside.y + last.saturating_sub(1), height: 1.min(inside.height), ..inside };
            let focused = self.focus == Focus::Amount;
            let sign = if focused { "▸" } else { " " };
            let x =
                draw::put(buffer, place, 0, 0, &texts::kit::type_the_amount(sign), look.style(Tone::Warn));
            let x = draw::put(buffer, place, x, 0, &self.typed, look.style(Tone::Plain));
            cursor =
                focused.then(|| Position::new((place.x + x).min(place.right().saturating_sub(1)), place.y));
            if let Some(complaint) = self.complaint {
                draw::put(buffer, place, x + 2, 0, &format!("✗ {complaint}"), look.style(Tone::Bad));
            }
        }
        let style = |focused: bool| if focused { look.theme.focused() } else { look.style(Tone::Plain) };
        if self.under_way {
            let text = texts::kit::UNDER_WAY;
            draw::put(buffer, inside, 0, last, text, look.style(Tone::Pending));
            return None;
        }
        let sign = |focused: bool| if focused { "▸" } else { " " };
        let on = |focus: Focus| self.focus == focus;
        let cancel = texts::kit::cancel(sign(on(Focus::Cancel)));
        let x = draw::put(buffer, inside, 0, last, &cancel, style(on(Focus::Cancel))) + 2;
        let yes = format!("{}[ {}  y ]", sign(on(Focus::Yes)), self.yes);
        draw::put(buffer, inside, x, last, &yes, style(on(Focus::Yes)));
        cursor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::kit::amount::Unit;
    use crate::tui::theme::{Shade, Theme};
    use proptest::prelude::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000 + milliseconds * 1000)
    }

    const SUM: Neuron = Neuron::new(123_456_789_012_345_678_901_234);

    fn deposit() -> Money {
        let facts = vec![
            Fact::Address("To", Address::repeat_byte(0xab), Some("ghost-provider (its own name)".to_owned())),
            Fact::Amount("Amount", Some(SUM)),
            Fact::Amount("Fee, at most", None),
            Fact::Note("It cannot be undone.".to_owned(), Tone::Warn),
        ];
        Money::new("Deposit", facts, "Deposit", at(0))
    }

    fn press(money: &mut Money, keys: &str, from: i64) -> Vec<Said> {
        let key = |letter| match letter {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            letter => KeyCode::Char(letter),
        };
        let moments = (0..).map(|n| at(from + n * 100));
        keys.chars().zip(moments).map(|(letter, at)| money.key(KeyEvent::from(key(letter)), at)).collect()
    }

    #[test]
    fn a_large_sum_is_typed_first() {
        let mut money = deposit().large(Neuron::new(1_500_000_000_000_000_000));
        assert_eq!(press(&mut money, "y", 400), [Said::Nothing]);
        assert_eq!(press(&mut money, "\n", 600), [Said::Nothing], "the field has the focus now");
        assert_eq!(press(&mut money, "\t\n", 800), [Said::Nothing; 2], "nor does the button");
        let said = press(&mut money, "1.5 A0GIy", 2000);
        assert_eq!(said.last(), Some(&Said::Yes));
        assert_eq!(press(&mut money, "yy\n", 4000), [Said::Nothing; 3], "it is not started twice");
        money.again(at(6000));
        assert_eq!(press(&mut money, "y", 6100), [Said::Nothing]);
        assert_eq!(press(&mut money, "1500000000000000001y", 7000).last(), Some(&Said::Nothing));
    }

    #[test]
    fn a_unit_may_be_left_out() {
        let wanted = Neuron::new(1_500_000_000_000_000_000);
        let mut cleared = deposit().large(wanted);
        press(&mut cleared, "7", 400);
        let control = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(cleared.key(control, at(600)), Said::Nothing);
        let yes = KeyEvent::new(KeyCode::Char('y'), KeyModifiers::CONTROL);
        assert_eq!(cleared.key(yes, at(700)), Said::Nothing);
        assert_eq!(press(&mut cleared, "1.5y", 1000).last(), Some(&Said::Yes));
        for (typed, said) in [
            ("1.5y", Said::Yes),
            ("1500000000000000000y", Said::Yes),
            ("1.50001y", Said::Nothing),
            ("2y", Said::Nothing),
        ] {
            let mut money = deposit().large(wanted);
            press(&mut money, "y", 400);
            assert_eq!(press(&mut money, typed, 1000).last(), Some(&said), "{typed}");
        }
    }

    #[test]
    fn what_runs_is_not_confirmed() {
        let mut money = deposit().under_way(true);
        assert_eq!(press(&mut money, "y\ty", 400), [Said::Nothing; 3]);
        assert_eq!(deposit().key(KeyEvent::from(KeyCode::Enter), at(400)), Said::No);
        assert_eq!(press(&mut deposit(), "y", 400), [Said::Yes]);
    }

    #[test]
    fn what_is_not_in_sight_is_shown_before_it_is_confirmed() {
        let small = Rect::new(0, 0, 60, 8);
        let mut money = deposit();
        money.settle(small);
        assert_eq!(press(&mut money, "y", 400), [Said::Nothing], "there is more below");
        let mut pressed = 0;
        while money.top < money.most {
            money.settle(small);
            assert_eq!(press(&mut money, "y", 600 + pressed), [Said::Nothing]);
            pressed += 100;
            assert!(pressed < 2000);
        }
        money.settle(small);
        money.key(KeyEvent::from(KeyCode::Up), at(8000));
        money.settle(small);
        assert_eq!(press(&mut money, "y", 9000), [Said::Yes], "all of it was seen");
        let mut money = deposit();
        money.settle(Rect::new(0, 0, 120, 40));
        assert_eq!(press(&mut money, "y", 400), [Said::Yes]);
        assert_eq!(deposit().key(KeyEvent::from(KeyCode::Esc), at(1)), Said::No, "leaving is never too soon");
    }

    #[test]
    fn nothing_is_shortened() {
        let now = at(0);
        let look = Look {
            theme: Theme::new(Shade::Dark, true),
            unit: Unit::Auto,
            million: false,
            clock: false,
            masked: true,
            now,
        };
        for width in [60, 80, 120] {
            let area = Rect::new(0, 0, width, 16);
            let mut buffer = Buffer::empty(area);
            deposit().large(Neuron::MAX).draw(&mut buffer, area, &look);
            let text: String = buffer.content().iter().map(|cell| cell.symbol()).collect();
            for part in
                [&Address::repeat_byte(0xab).to_string(), &amount::grouped(SUM.get()), &amount::a0gi(SUM)]
            {
                assert!(text.contains(part.as_str()), "{width}: {part}");
            }
            assert!(text.contains("▸[ Cancel"), "{text}");
        }
    }

    proptest! {
        /// Without the amount nothing that is typed confirms a large sum.
        #[test]
        fn no_key_skips_it(keys in "[yYnh0-9.\\n\\t qx]{0,40}") {
            let mut money = deposit().large(Neuron::MAX);
            for (n, said) in press(&mut money, &keys, 400).into_iter().enumerate() {
                prop_assert_ne!(said, Said::Yes, "{}", n);
            }
        }
    }
}
