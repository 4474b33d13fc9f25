//! The dialogs of the chat.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::finder::{Among, Finder};
use super::parameters::Parameters;
use super::ask::Ask;
use super::picker::{Choice, Picker};
use crate::broker::user::library::{Found, ServiceOf};
use crate::domain::ConversationId;
use crate::tui::kit::dialog::Buttons;
use crate::tui::kit::draw;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::theme::Tone;
use crate::tui::kit::table::Table;
use crate::tui::user::part::Cx;
use crate::tui::user::shared::Shared;

/// What is open over the conversation.
#[derive(Debug, Default)]
pub enum Over {
    #[default]
    Nothing,
    Picker(Box<Picker>),
    Parameters(Box<Parameters>),
    Finder(Box<Finder>),
    Rename {
        id: ConversationId,
        form: Box<Form>,
    },
    Delete {
        id: ConversationId,
        title: String,
        cost: String,
        buttons: Buttons,
    },
    /// The path of a file is typed.
    Attach(Box<Form>),
    Export {
        id: ConversationId,
        title: String,
    },
    /// The number of a block of code is typed.
    Code {
        entry: usize,
        blocks: usize,
        digits: String,
    },
}

impl Over {
    pub fn rename(id: ConversationId, title: &str) -> Over {
        let hint = "Up to 200 characters; empty goes back to what the first prompt says.";
        let field = Field::new("title", "Title", Kind::Text, hint).with(title);
        Over::Rename { id, form: Box::new(Form::new("Rename the conversation", vec![field])) }
    }

    pub fn attach() -> Over {
        let hint =
            "A text file in UTF-8, up to 1 MB; ~/ is your home. What it costs is shown before you send.";
        let field = Field::new("path", "File", Kind::Text, hint);
        Over::Attach(Box::new(Form::new("Attach a text file", vec![field])))
    }

    pub fn close(&mut self) {
        *self = Over::Nothing;
    }

    /// A table of choices is there.
    pub fn choices(&mut self, number: u64, table: Table<Choice>, cx: &mut Cx<'_, Ask>) {
        if let Over::Picker(picker) = self {
            picker.filled(number, table, cx);
        }
    }

    pub fn measured(&mut self, waits: &[(ServiceOf, u64)]) {
        if let Over::Picker(picker) = self {
            picker.measured(waits);
        }
    }

    pub fn prompts(&mut self, prompts: Vec<String>) {
        if let Over::Finder(finder) = self
            && let Among::Prompts(own) = &mut finder.among
        {
            *own = Some(prompts);
        }
    }

    pub fn found(&mut self, number: u64, found: Found) {
        if let Over::Finder(finder) = self {
            finder.found(number, found);
        }
    }

    /// Puts a complaint into the form that is open; gives it back if none is.
    pub fn complain(&mut self, reason: String) -> Option<String> {
        match self {
            Over::Attach(form) => {
                form.complain(Some("path"), reason);
                None
            }
            _ => Some(reason),
        }
    }

    pub fn settle(&mut self, area: Rect) {
        let place = self.place(area);
        if let Over::Picker(picker) = self {
            picker.table.set_height(inside(place).height.saturating_sub(1));
        }
    }

    /// Where the dialog is.
    pub fn place(&self, area: Rect) -> Rect {
        let (width, height) = match self {
            Over::Nothing => (0, 0),
            Over::Picker(_) | Over::Finder(_) => (area.width.min(110), area.height.min(28)),
            Over::Parameters(all) => (84, all.form.height() + 3),
            Over::Rename { form, .. } | Over::Attach(form) => (76, form.height() + 3),
            Over::Delete { .. } => (66, 8),
            Over::Export { .. } => (66, 7),
            Over::Code { .. } => (50, 3),
        };
        draw::middle(area, width, height)
    }

    pub fn hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(match self {
            Over::Nothing => return None,
            Over::Picker(_) => {
                vec![("enter", "choose"), ("↑↓", "move"), ("type", "filter"), ("esc", "leave")]
            }
            Over::Finder(finder) => match finder.among {
                Among::Conversations { .. } => vec![("enter", "go there"), ("↑↓", "move"), ("esc", "leave")],
                Among::Prompts(_) => vec![("enter", "take it"), ("↑↓", "move"), ("esc", "leave")],
            },
            Over::Parameters(_) => {
                vec![("ctrl+s", "keep"), ("tab", "next field"), ("ctrl+o", "editor"), ("esc", "leave")]
            }
            Over::Rename { .. } => vec![("enter", "keep"), ("esc", "leave")],
            Over::Attach(_) => vec![("enter", "attach"), ("esc", "leave")],
            Over::Delete { .. } => vec![("y", "delete"), ("esc", "keep it")],
            Over::Export { .. } => vec![("m", "Markdown"), ("j", "JSON"), ("esc", "leave")],
            Over::Code { .. } => vec![("1…9", "copy that block"), ("esc", "leave")],
        })
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        let look = &shared.look;
        let place = self.place(area);
        let boxed = |buffer: &mut Buffer, title: &str, tone| draw::boxed(buffer, place, title, tone, look);
        match self {
            Over::Nothing => None,
            Over::Picker(picker) => {
                let title = if picker.again { "Ask again, and whom?" } else { "Whom to ask" };
                let inside = boxed(buffer, title, Tone::Accent);
                let table = Rect { height: inside.height.saturating_sub(1), ..inside };
                picker.table.draw(buffer, table, look);
                let last = Rect { y: inside.bottom().saturating_sub(1), height: 1, ..inside };
                let text = match (picker.table.complaint(), picker.table.filter.as_str()) {
                    (Some(complaint), _) => format!("✗ {complaint}"),
                    (None, "") if !picker.made => "… reading the list".to_owned(),
                    (None, "") if picker.table.rows().is_empty() => "no chatbot is listed yet".to_owned(),
                    (None, "") => "prices in neuron a token · type to filter: words, price<200000".to_owned(),
                    (None, filter) => format!("/{filter}"),
                };
                let x = draw::put(buffer, last, 0, 0, &text, look.style(Tone::Dim));
                (!picker.table.filter.is_empty()).then(|| Position::new(last.x + x, last.y))
            }
            Over::Parameters(all) => {
                let inside = boxed(buffer, &all.form.title, Tone::Accent);
                all.form.draw(buffer, inside, look)
            }
            Over::Finder(finder) => {
                let inside = boxed(buffer, &finder.field.title, Tone::Accent);
                finder.draw(buffer, inside, shared)
            }
            Over::Rename { form, .. } | Over::Attach(form) => {
                let inside = boxed(buffer, &form.title, Tone::Accent);
                form.draw(buffer, inside, look)
            }
            Over::Delete { title, cost, buttons, .. } => {
                let inside = boxed(buffer, "Delete this conversation?", Tone::Warn);
                draw::put(buffer, inside, 0, 0, title, look.style(Tone::Title));
                let text = format!("Its words are gone for good. What it cost ({cost}) stays in the books.");
                draw::wrapped(buffer, inside, 2, &text, look.style(Tone::Plain));
                buttons.draw(buffer, inside, inside.height.saturating_sub(1), "Delete", look);
                None
            }
            Over::Export { title, .. } => {
                let inside = boxed(buffer, "Export", Tone::Accent);
                draw::put(buffer, inside, 0, 0, title, look.style(Tone::Title));
                let text = "m  Markdown, to read      j  JSON, every text exact";
                draw::put(buffer, inside, 0, 2, text, look.style(Tone::Plain));
                let text = "into a new file that only you can read";
                draw::put(buffer, inside, 0, 3, text, look.style(Tone::Dim));
                None
            }
            Over::Code { blocks, digits, .. } => {
                let inside = boxed(buffer, "Copy a block of code", Tone::Accent);
                let text = format!("number, 1 to {blocks}: {digits}");
                let x = draw::put(buffer, inside, 0, 0, &text, look.style(Tone::Plain));
                Some(Position::new(inside.x + x, inside.y))
            }
        }
    }
}

/// The room inside of a box.
pub fn inside(place: Rect) -> Rect {
    Rect::new(place.x + 2, place.y + 1, place.width.saturating_sub(4), place.height.saturating_sub(2))
}
