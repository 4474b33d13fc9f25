//! Looking for words: in all conversations, or in what was written before.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::broker::user::library::{Found, Hit};
use crate::tui::kit::draw;
use crate::tui::kit::filter::Filter;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// What is looked through.
#[derive(Debug)]
pub enum Among {
    Conversations {
        hits: Vec<Hit>,
        total: u64,
        number: u64,
    },
    /// The newest first; `None` until they are there.
    Prompts(Option<Vec<String>>),
}

#[derive(Debug)]
pub struct Finder {
    pub field: Form,
    pub among: Among,
    at: usize,
}

impl Finder {
    pub fn conversations() -> Finder {
        Finder::new(texts::chat::SEARCH_TITLE, Among::Conversations { hits: Vec::new(), total: 0, number: 0 })
    }

    pub fn prompts() -> Finder {
        Finder::new(texts::chat::PROMPTS_TITLE, Among::Prompts(None))
    }

    fn new(title: &str, among: Among) -> Finder {
        let field = Field::new("words", "", Kind::Text, "");
        Finder { field: Form::new(title, vec![field]), among, at: 0 }
    }

    pub fn words(&self) -> &str {
        self.field.value("words")
    }

    pub fn first(&mut self) {
        self.at = 0;
    }

    pub fn step(&mut self, by: isize) {
        let last = self.count().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    fn count(&self) -> usize {
        match &self.among {
            Among::Conversations { hits, .. } => hits.len(),
            Among::Prompts(_) => self.found_prompts().len(),
        }
    }

    fn found_prompts(&self) -> Vec<&str> {
        let Among::Prompts(Some(prompts)) = &self.among else { return Vec::new() };
        let filter = Filter::parse(self.words());
        prompts.iter().map(String::as_str).filter(|prompt| filter.lets(prompt)).collect()
    }

    /// The prompt that is chosen.
    pub fn prompt(&self) -> Option<String> {
        self.found_prompts().get(self.at).map(|prompt| (*prompt).to_owned())
    }

    /// The hit that is chosen.
    pub fn hit(&self) -> Option<&Hit> {
        match &self.among {
            Among::Conversations { hits, .. } => hits.get(self.at),
            Among::Prompts(_) => None,
        }
    }

    pub fn found(&mut self, of: u64, found: Found) {
        if let Among::Conversations { hits, total, number } = &mut self.among
            && *number == of
        {
            (*hits, *total) = (found.hits, found.total);
            self.at = 0;
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, inside: Rect, shared: &Shared) -> Option<Position> {
        let look = &shared.look;
        let cursor = self.field.draw(buffer, Rect { height: 2.min(inside.height), ..inside }, look);
        let rows = Rect { y: inside.y + 2, height: inside.height.saturating_sub(2), ..inside };
        match &self.among {
            Among::Conversations { hits, total, .. } => {
                let high = rows.height.saturating_sub(1) / 2;
                let first = (self.at + 1).saturating_sub(usize::from(high.max(1)));
                for (y, (index, hit)) in (0..high).zip(hits.iter().enumerate().skip(first)) {
                    let place = Rect { y: rows.y + y * 2, height: 2, ..rows };
                    choose(buffer, place, index == self.at, shared);
                    let title =
                        format!("{} · {}", hit.conversation.title, look.time(hit.conversation.updated_at));
                    draw::put(buffer, place, 2, 0, &title, look.style(Tone::Plain));
                    let mut x = 2;
                    for part in &hit.snippet {
                        let tone = if part.found { Tone::Title } else { Tone::Dim };
                        x = draw::put(buffer, place, x, 1, &part.text, look.style(tone));
                    }
                }
                let text = match (self.words().is_empty(), *total) {
                    (true, _) => texts::chat::SEARCH_HINT.to_owned(),
                    (false, 0) => texts::chat::SEARCH_EMPTY.to_owned(),
                    (false, total) => texts::numbers::conversations(total),
                };
                let last = Rect { y: rows.bottom().saturating_sub(1), height: 1.min(rows.height), ..rows };
                draw::put(buffer, last, 0, 0, &text, look.style(Tone::Dim));
            }
            Among::Prompts(None) => {
                draw::put(buffer, rows, 2, 0, "… reading", look.style(Tone::Pending));
            }
            Among::Prompts(Some(_)) => {
                let found = self.found_prompts();
                let first = (self.at + 1).saturating_sub(usize::from(rows.height.max(1)));
                for (y, (index, prompt)) in (0..rows.height).zip(found.iter().enumerate().skip(first)) {
                    let place = Rect { y: rows.y + y, height: 1, ..rows };
                    choose(buffer, place, index == self.at, shared);
                    let line: String =
                        prompt.chars().take(300).map(|c| if c == '\n' { '⏎' } else { c }).collect();
                    draw::put(buffer, place, 2, 0, &line, look.style(Tone::Plain));
                }
                if found.is_empty() {
                    let text = if self.words().is_empty() {
                        texts::chat::PROMPTS_NONE
                    } else {
                        texts::chat::PROMPTS_EMPTY
                    };
                    draw::put(buffer, rows, 2, 0, text, look.style(Tone::Dim));
                }
            }
        }
        cursor
    }
}

fn choose(buffer: &mut Buffer, place: Rect, chosen: bool, shared: &Shared) {
    if chosen {
        buffer.set_style(place.intersection(*buffer.area()), shared.look.theme.selected());
        draw::put(buffer, place, 0, 0, "▌", shared.look.style(Tone::Accent));
    }
}
