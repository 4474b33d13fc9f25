//! The dialogs of the chat.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::ask::Ask;
use super::finder::{Among, Finder};
use super::parameters::Parameters;
use super::picker::{Choice, Picker};
use crate::broker::user::library::{Found, ServiceOf};
use crate::domain::ConversationId;
use crate::tui::kit::dialog::Buttons;
use crate::tui::kit::draw;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::kit::table::Table;
use crate::tui::texts;
use crate::tui::theme::Tone;
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
        let hint = texts::chat::RENAME_HINT;
        let field = Field::new("title", texts::labels::TITLE, Kind::Text, hint).with(title);
        Over::Rename { id, form: Box::new(Form::new(texts::chat::RENAME_TITLE, vec![field])) }
    }

    pub fn attach() -> Over {
        let hint = texts::chat::ATTACH_HINT;
        let field = Field::new("path", texts::labels::FILE, Kind::Text, hint);
        Over::Attach(Box::new(Form::new(texts::chat::ATTACH_TITLE, vec![field])))
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
                vec![
                    ("enter", texts::hints::CHOOSE),
                    ("↑↓", texts::hints::MOVE),
                    ("type", texts::hints::FILTER),
                    ("esc", texts::hints::LEAVE),
                ]
            }
            Over::Finder(finder) => match finder.among {
                Among::Conversations { .. } => {
                    vec![
                        ("enter", texts::chat::GO_THERE),
                        ("↑↓", texts::hints::MOVE),
                        ("esc", texts::hints::LEAVE),
                    ]
                }
                Among::Prompts(_) => vec![
                    ("enter", texts::chat::TAKE_IT),
                    ("↑↓", texts::hints::MOVE),
                    ("esc", texts::hints::LEAVE),
                ],
            },
            Over::Parameters(_) => {
                vec![
                    ("ctrl+s", texts::hints::KEEP),
                    ("tab", texts::shared::NEXT_FIELD),
                    ("ctrl+o", texts::hints::EDITOR),
                    ("esc", texts::hints::LEAVE),
                ]
            }
            Over::Rename { .. } => vec![("enter", texts::hints::KEEP), ("esc", texts::hints::LEAVE)],
            Over::Attach(_) => vec![("enter", texts::hints::ATTACH), ("esc", texts::hints::LEAVE)],
            Over::Delete { .. } => vec![("y", texts::hints::DELETE), ("esc", texts::shared::KEEP_IT)],
            Over::Export { .. } => vec![("m", "Markdown"), ("j", "JSON"), ("esc", texts::hints::LEAVE)],
            Over::Code { .. } => vec![("1…9", texts::chat::COPY_THAT_BLOCK), ("esc", texts::hints::LEAVE)],
        })
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        let look = &shared.look;
        let place = self.place(area);
        let boxed = |buffer: &mut Buffer, title: &str, tone| draw::boxed(buffer, place, title, tone, look);
        match self {
            Over::Nothing => None,
            Over::Picker(picker) => {
                let title = if picker.again { texts::chat::ASK_AGAIN_TITLE } else { texts::chat::ASK_TITLE };
                let inside = boxed(buffer, title, Tone::Accent);
                let table = Rect { height: inside.height.saturating_sub(1), ..inside };
                picker.table.draw(buffer, table, look);
                let last = Rect { y: inside.bottom().saturating_sub(1), height: 1, ..inside };
                let text = match (picker.table.complaint(), picker.table.filter.as_str()) {
                    (Some(complaint), _) => format!("✗ {complaint}"),
                    (None, "") if !picker.made => texts::shared::READING_LIST.to_owned(),
                    (None, "") if picker.table.rows().is_empty() => texts::chat::NO_CHATBOTS.to_owned(),
                    (None, "") => texts::chat::FILTER_SERVICES.to_owned(),
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
                let inside = boxed(buffer, texts::chat::DELETE_TITLE, Tone::Warn);
                draw::put(buffer, inside, 0, 0, title, look.style(Tone::Title));
                let text = texts::chat::delete_text(cost);
                draw::wrapped(buffer, inside, 2, &text, look.style(Tone::Plain));
                buttons.draw(buffer, inside, inside.height.saturating_sub(1), texts::labels::DELETE, look);
                None
            }
            Over::Export { title, .. } => {
                let inside = boxed(buffer, texts::labels::EXPORT, Tone::Accent);
                draw::put(buffer, inside, 0, 0, title, look.style(Tone::Title));
                let text = texts::chat::EXPORT_CHOICES;
                draw::put(buffer, inside, 0, 2, text, look.style(Tone::Plain));
                let text = texts::chat::EXPORT_TEXT;
                draw::put(buffer, inside, 0, 3, text, look.style(Tone::Dim));
                None
            }
            Over::Code { blocks, digits, .. } => {
                let inside = boxed(buffer, texts::chat::CODE_TITLE, Tone::Accent);
                let text = texts::chat::code_number(blocks, digits);
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
