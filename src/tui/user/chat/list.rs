//! The conversations that are kept, the newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Opened;
use crate::broker::user::library::{Conversation, Conversations};
use crate::domain::ConversationId;
use crate::tui::kit::draw;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Rows of each.
const ROWS: u16 = 2;

#[derive(Debug, Default)]
pub struct List {
    /// Whether they have been asked for.
    pub asked: bool,
    items: Vec<Conversation>,
    total: u64,
    at: usize,
    top: usize,
    height: u16,
}

impl List {
    pub fn set(&mut self, listed: Conversations, opened: Opened) {
        let chosen = self.selected().map(|one| one.id);
        (self.items, self.total) = (listed.items, listed.total);
        let open = match opened {
            Opened::Kept(id) => Some(id),
            Opened::New | Opened::Coming(_) => None,
        };
        if let Some(id) = chosen.or(open) {
            self.select(id);
        }
        self.at = self.at.min(self.items.len().saturating_sub(1));
    }

    pub fn selected(&self) -> Option<&Conversation> {
        self.items.get(self.at)
    }

    pub fn find(&self, id: ConversationId) -> Option<&Conversation> {
        self.items.iter().find(|one| one.id == id)
    }

    pub fn select(&mut self, id: ConversationId) {
        if let Some(at) = self.items.iter().position(|one| one.id == id) {
            self.at = at;
        }
    }

    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.items.len().saturating_sub(1));
    }

    pub fn last(&mut self) {
        self.at = self.items.len().saturating_sub(1);
    }

    /// Rows that one page has.
    pub fn page(&self) -> isize {
        isize::try_from(self.height / ROWS).unwrap_or(1).max(1)
    }

    pub fn settle(&mut self, height: u16) {
        self.height = height.saturating_sub(1);
        let shown = usize::from((self.height / ROWS).max(1));
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(shown));
    }

    /// The one at a row that was clicked, which is selected then.
    pub fn click(&mut self, y: u16) -> Option<ConversationId> {
        let at = self.top + usize::from(y.checked_sub(1)? / ROWS);
        let id = self.items.get(at)?.id;
        self.at = at;
        Some(id)
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, focused: bool, opened: Opened, shared: &Shared) {
        let look = &shared.look;
        draw::heading(buffer, area, 0, &texts::chat::conversations_in_all(self.total), look);
        if self.items.is_empty() {
            let text = texts::chat::NO_CONVERSATIONS;
            let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
            draw::wrapped(buffer, below, 0, text, look.style(Tone::Dim));
            return;
        }
        let mut y = 1;
        for (index, one) in self.items.iter().enumerate().skip(self.top) {
            if y + ROWS > area.height {
                return;
            }
            let (selected, open) = (focused && index == self.at, opened == Opened::Kept(one.id));
            let place = Rect { y: area.y + y, height: ROWS, ..area };
            if selected {
                buffer.set_style(place, look.theme.selected());
            }
            let sign = match (selected, open) {
                (true, _) => "▌",
                (false, true) => "●",
                _ => " ",
            };
            draw::put(buffer, place, 0, 0, sign, look.style(Tone::Accent));
            // One whose first prompt did not go yet is known by it.
            let draft = one.draft.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let title = match (one.title.as_str(), draft) {
                ("", "") => texts::chat::NO_WORDS_YET.to_owned(),
                ("", draft) => format!("✎ {}", draft.chars().take(200).collect::<String>()),
                (title, _) => title.to_owned(),
            };
            let branch = if one.forked_from.is_some() { "⑂ " } else { "" };
            let tone = if open { Tone::Title } else { Tone::Plain };
            draw::put(buffer, place, 2, 0, &format!("{branch}{title}"), look.style(tone));
            let cost = look.amount(one.fee);
            let when = look.time(one.updated_at);
            draw::put(buffer, place, 2, 1, &format!("{when} · {cost}"), look.style(Tone::Dim));
            y += ROWS;
        }
    }
}
