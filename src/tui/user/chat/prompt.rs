//! What is being written: several lines, with large pastes and files folded into a word each and restored on sending.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::Widget;
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

use super::ask::Attachment;
use super::folds::{self, Fold};
use crate::domain::clean::clean_lines;
use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Pastes with more lines, or more bytes, are folded.
const LINES: usize = 20;
const BYTES: usize = 4000;
/// The most that one prompt takes.
pub const LONGEST: usize = 8 << 20;
/// Rows of it in sight.
const HIGHEST: u16 = 8;

#[derive(Debug)]
pub struct Prompt {
    area: TextArea<'static>,
    folds: Vec<Fold>,
    /// Those whose words were cut: they are folds again where the words are pasted back. The newest one is the last.
    cut: Vec<Fold>,
}

impl Default for Prompt {
    fn default() -> Prompt {
        Prompt { area: empty(Vec::new()), folds: Vec::new(), cut: Vec::new() }
    }
}

fn empty(lines: Vec<String>) -> TextArea<'static> {
    let mut area = TextArea::new(lines);
    // The terminal's own cursor stands there: it is what input methods follow.
    area.set_cursor_style(Style::new());
    area.set_cursor_line_style(Style::new());
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area
}

impl Prompt {
    pub fn is_empty(&self) -> bool {
        self.area.lines().iter().all(|line| line.trim().is_empty())
    }

    /// With everything that is folded.
    pub fn text(&self) -> String {
        folds::unfolded(&self.folds, &self.shown())
    }

    /// As it is written, each fold as its word.
    fn shown(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Makes this the text; a long one is folded.
    pub fn set(&mut self, text: &str) {
        *self = Prompt::default();
        self.insert(text);
    }

    pub fn clear(&mut self) {
        *self = Prompt::default();
    }

    /// Puts in what was pasted. `false` if it is too much.
    pub fn insert(&mut self, text: &str) -> bool {
        if text.len() + self.length() > LONGEST {
            return false;
        }
        let text = clean_lines(&text.replace("\r\n", "\n").replace('\r', "\n"), LONGEST);
        let lines = text.lines().count();
        if lines > LINES || text.len() > BYTES {
            let size = if lines > 1 {
                texts::numbers::lines(lines)
            } else {
                texts::numbers::characters(text.chars().count())
            };
            self.fold(&texts::chat::pasted(&size), text);
        } else {
            self.area.insert_str(text);
        }
        true
    }

    /// Puts a file in, as a block under its name.
    pub fn attach(&mut self, attachment: &Attachment) -> bool {
        if attachment.text.len() + self.length() > LONGEST {
            return false;
        }
        let text = clean_lines(&attachment.text, LONGEST);
        // No run of backticks in the file may end the block.
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let lines = text.lines().count();
        let block = format!("{}:\n{fence}\n{}\n{fence}\n", attachment.name, text.trim_end_matches('\n'));
        self.fold(&texts::chat::attached_file(&attachment.name, lines), block);
        true
    }

    fn length(&self) -> usize {
        let shown: usize = self.area.lines().iter().map(|line| line.len() + 1).sum();
        shown + self.folds.iter().map(|fold| fold.text.len()).sum::<usize>()
    }

    fn fold(&mut self, what: &str, text: String) {
        let mut word = format!("[{what}]");
        let mut number = 2;
        while self.folds.iter().chain(&self.cut).any(|fold| fold.word == word) {
            word = format!("[{what}, #{number}]");
            number += 1;
        }
        self.area.insert_str(&word);
        self.folds.push(Fold { word, text });
    }

    pub fn new_line(&mut self) {
        self.area.insert_newline();
    }

    pub fn key(&mut self, key: KeyEvent) {
        if key.code == KeyCode::Char('u') && key.modifiers == KeyModifiers::CONTROL {
            // As in every other field; the text area would take its last change back.
            return self.clear();
        }
        // A tabulator is for what is around; the others are the text's own.
        if matches!(key.code, KeyCode::Tab | KeyCode::BackTab | KeyCode::Enter)
            || (self.length() >= LONGEST && matches!(key.code, KeyCode::Char(_)))
        {
            return;
        }
        if self.folds.is_empty() && self.cut.is_empty() {
            self.area.input(key);
            return;
        }
        let (was, cursor) = (self.shown(), self.area.cursor());
        let spans = folds::spans(&self.folds, &was);
        self.area.input(key);
        let is = self.shown();
        if is == was {
            let back = (self.area.cursor().0, self.area.cursor().1) < (cursor.0, cursor.1);
            return self.step_out(|_, _, _| back);
        }
        if let Some(left) = folds::remains(&was, &is, &spans) {
            self.area.cancel_selection();
            self.go(left.at);
            self.area.delete_str(left.after);
            self.go(left.at - left.put_in - left.before);
            self.area.delete_str(left.before);
            self.go(left.at - left.before);
        }
        self.sort_folds(&was);
        self.step_out(|_, _, _| false);
    }

    /// After a change: folds whose words are gone are put aside, those whose words came back are folds again.
    fn sort_folds(&mut self, was: &str) {
        let is = self.shown();
        let back = |fold: &mut Fold| is.contains(&fold.word) && !was.contains(&fold.word);
        for fold in self.cut.extract_if(.., back).collect::<Vec<_>>() {
            // Else the word is a word: the prompt takes no more.
            if self.length() + fold.text.len() <= LONGEST {
                self.folds.push(fold);
            }
        }
        self.cut.extend(self.folds.extract_if(.., |fold| !is.contains(&fold.word)));
        let mut held: usize = self.cut.iter().map(|fold| fold.text.len()).sum();
        while held > LONGEST {
            held -= self.cut.remove(0).text.len();
        }
    }

    /// Moves the cursor to the character of that number.
    fn go(&mut self, to: usize) {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let above: usize = self.area.lines().iter().take(row).map(|line| line.chars().count() + 1).sum();
        let at = above + column;
        let step = if to < at { CursorMove::Back } else { CursorMove::Forward };
        for _ in 0..at.abs_diff(to) {
            self.area.move_cursor(step);
        }
    }

    /// Nothing is written into a fold: the cursor goes to one end of it. `back` says whether to its beginning, given
    /// that, the cursor and its end.
    fn step_out(&mut self, back: impl Fn(usize, usize, usize) -> bool) {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let Some(line) = self.area.lines().get(row) else { return };
        let spans = folds::spans(&self.folds, line);
        let inside = spans.into_iter().find(|(from, to)| *from < column && column < *to);
        let Some((from, to)) = inside else { return };
        let (step, many) = match back(from, column, to) {
            true => (CursorMove::Back, column - from),
            false => (CursorMove::Forward, to - column),
        };
        for _ in 0..many {
            self.area.move_cursor(step);
        }
    }

    /// Rows that it takes at this width.
    pub fn height(&self, width: u16) -> u16 {
        let room = width.max(1);
        let mut rows = 0u16;
        for line in self.area.lines() {
            rows = rows.saturating_add(draw::width(line) / room + 1);
            if rows >= HIGHEST {
                return HIGHEST;
            }
        }
        rows
    }

    /// Draws it. Gives where the cursor is.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, empty: &str, look: &Look) -> Option<Position> {
        if area.is_empty() {
            return None;
        }
        if self.area.is_empty() {
            draw::put(buffer, area, 0, 0, empty, look.style(Tone::Dim));
            return Some(area.as_position());
        }
        // Everything in it was cleaned on its way in.
        (&self.area).render(area, buffer);
        let cursor = self.area.screen_cursor();
        let (top, left) = self.area.scroll_offset();
        let row = u16::try_from(cursor.row).unwrap_or(u16::MAX).saturating_sub(top);
        let column = u16::try_from(cursor.col).unwrap_or(u16::MAX).saturating_sub(left);
        Some(Position::new(
            area.x + column.min(area.width.saturating_sub(1)),
            area.y + row.min(area.height.saturating_sub(1)),
        ))
    }

    /// A click at a cell of its area.
    pub fn click(&mut self, x: u16, y: u16) {
        let (top, left) = self.area.scroll_offset();
        let to = self.area.screen_to_data(usize::from(y + top), usize::from(x + left));
        let at = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(at(to.0), at(to.1)));
        self.step_out(|from, column, to| column - from < to - column);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_pastes_are_folded_and_come_back_whole() {
        let mut prompt = Prompt::default();
        let long = "line\n".repeat(2000);
        prompt.insert("see ");
        assert!(prompt.insert(&long));
        prompt.insert(" and");
        assert_eq!(prompt.area.lines().join("\n"), "see [pasted 2,000 lines] and");
        assert_eq!(prompt.text(), format!("see {long} and"));
        prompt.insert(&long);
        assert!(prompt.area.lines().join("").ends_with("[pasted 2,000 lines, #2]"));
        assert!(prompt.text().ends_with(&long));
    }

    #[test]
    fn a_fold_goes_as_one() {
        let mut prompt = Prompt::default();
        prompt.insert(&"line\n".repeat(30));
        prompt.key(KeyEvent::from(KeyCode::Backspace));
        assert!(prompt.is_empty());
        assert_eq!(prompt.text(), "");
    }

    fn held(prompt: &mut Prompt, letter: char) {
        prompt.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
    }

    #[test]
    fn nothing_is_written_into_a_fold() {
        let long = "line\n".repeat(30);
        let mut prompt = Prompt::default();
        prompt.insert(&long);
        prompt.key(KeyEvent::from(KeyCode::Left));
        prompt.key(KeyEvent::from(KeyCode::Char('x')));
        assert_eq!(prompt.text(), format!("x{long}"));
        prompt.key(KeyEvent::from(KeyCode::Right));
        prompt.key(KeyEvent::from(KeyCode::Char('y')));
        assert_eq!(prompt.text(), format!("x{long}y"));
        prompt.click(5, 0);
        prompt.key(KeyEvent::from(KeyCode::Char('z')));
        assert_eq!(prompt.text(), format!("xz{long}y"));
    }

    #[test]
    fn a_fold_that_is_cut_into_goes_whole() {
        let long = "line\n".repeat(30);
        let mut prompt = Prompt::default();
        prompt.insert("see ");
        prompt.insert(&long);
        prompt.key(KeyEvent::from(KeyCode::Char(' ')));
        held(&mut prompt, 'w');
        assert_eq!((prompt.text().as_str(), prompt.folds.len()), ("see ", 0));
        prompt.insert(&long);
        prompt.key(KeyEvent::from(KeyCode::Left));
        prompt.key(KeyEvent::from(KeyCode::Delete));
        assert_eq!(prompt.text(), "see ");
        prompt.insert(&long);
        prompt.insert("\nand");
        prompt.key(KeyEvent::from(KeyCode::Backspace));
        assert_eq!(prompt.text(), format!("see {long}\nan"));
    }

    #[test]
    fn a_fold_that_was_cut_is_one_again_where_it_is_put_back() {
        let (long, other) = ("line\n".repeat(30), "other\n".repeat(30));
        let mut prompt = Prompt::default();
        prompt.insert("see ");
        prompt.insert(&long);
        prompt.key(KeyEvent::from(KeyCode::Home));
        held(&mut prompt, 'k');
        assert_eq!((prompt.text().as_str(), prompt.folds.len()), ("", 0));
        // One of the same length gets another word meanwhile.
        prompt.insert(&other);
        held(&mut prompt, 'y');
        assert_eq!(prompt.shown(), "[pasted 30 lines, #2]see [pasted 30 lines]");
        assert_eq!(prompt.text(), format!("{other}see {long}"));
        prompt.key(KeyEvent::from(KeyCode::Backspace));
        assert_eq!(prompt.text(), format!("{other}see "));
        // Emptied means that nothing is left of it.
        held(&mut prompt, 'u');
        prompt.insert("[pasted 30 lines");
        prompt.key(KeyEvent::from(KeyCode::Char(']')));
        assert_eq!(prompt.text(), "[pasted 30 lines]");
    }

    #[test]
    fn control_u_empties_it() {
        let mut prompt = Prompt::default();
        prompt.insert(&"line\n".repeat(30));
        prompt.key(KeyEvent::from(KeyCode::Backspace));
        held(&mut prompt, 'u');
        assert_eq!(prompt.text(), "");
        prompt.insert("two\nlines");
        held(&mut prompt, 'u');
        assert!(prompt.is_empty());
    }

    proptest! {
        /// Whatever is pressed, a fold is there as a word or not at all.
        #[test]
        fn no_key_breaks_a_fold(keys in proptest::collection::vec(0usize..16, 0..40)) {
            let mut prompt = Prompt::default();
            prompt.insert("one two\n");
            prompt.insert(&"line\n".repeat(30));
            prompt.insert(" three\n");
            prompt.insert(&"line\n".repeat(30));
            for key in keys {
                let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
                let shifted = |code| KeyEvent::new(code, KeyModifiers::SHIFT);
                let key = match key {
                    0 => control('w'),
                    1 => control('k'),
                    2 => control('j'),
                    3 => control('d'),
                    4 => KeyEvent::new(KeyCode::Char('d'), KeyModifiers::ALT),
                    5 => KeyEvent::from(KeyCode::Backspace),
                    6 => KeyEvent::from(KeyCode::Delete),
                    7 => shifted(KeyCode::Left),
                    8 => shifted(KeyCode::Up),
                    9 => KeyEvent::from(KeyCode::Char(' ')),
                    10 => KeyEvent::from(KeyCode::Char('x')),
                    11 => KeyEvent::new(KeyCode::Left, KeyModifiers::CONTROL),
                    12 => KeyEvent::from(KeyCode::Up),
                    13 => KeyEvent::from(KeyCode::Down),
                    14 => KeyEvent::from(KeyCode::Right),
                    _ => KeyEvent::from(KeyCode::Left),
                };
                prompt.key(key);
                let shown = prompt.shown();
                let words: usize = prompt.folds.iter().map(|fold| shown.matches(&fold.word).count()).sum();
                prop_assert_eq!(shown.matches(['[', ']']).count(), 2 * words, "{}", shown);
                prop_assert_eq!(shown.matches("pasted").count(), words, "{}", shown);
            }
        }
    }

    #[test]
    fn a_word_inside_a_paste_is_no_fold() {
        let mut prompt = Prompt::default();
        let first = format!("{}[pasted 31 lines]", "x\n".repeat(30));
        let second = "y\n".repeat(31);
        prompt.insert(&first);
        prompt.insert(&second);
        assert_eq!(prompt.text(), format!("{first}{second}"));
    }

    #[test]
    fn a_file_cannot_end_its_block() {
        let mut prompt = Prompt::default();
        let text = "a\n```\nb\n````\n".to_owned();
        assert!(prompt.attach(&Attachment { name: "notes.md".to_owned(), text }));
        assert_eq!(prompt.text(), "notes.md:\n`````\na\n```\nb\n````\n`````\n");
    }

    #[test]
    fn nothing_that_steers_comes_in() {
        let mut prompt = Prompt::default();
        prompt.insert("a\u{1b}]52;c;x\u{7}\r\nb");
        assert!(!prompt.text().contains(['\u{1b}', '\u{7}', '\r']));
    }

    #[test]
    fn too_much_is_refused() {
        let mut prompt = Prompt::default();
        assert!(!prompt.insert(&"x".repeat(LONGEST + 1)));
        assert!(prompt.is_empty());
    }
}
