//! Chat: conversations with services, and what each answer costs, before, while and after it comes.
//!
//! ```text
//! keys ─▶ keys ─▶ sending ─▶ Ask::Send ─▶ runner ─▶ UserBroker::converse ─▶ relay ─▶ Answer ─▶ answers ─▶ transcript
//!           └▶ over, dialogs                 └▶ Library: every second, and at the end with what it cost
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `ask` | what is asked of the runner and answered |
//! | `transcript`, `entry`, `footer` | the messages, laid out where one looks |
//! | `prompt`, `folds` | what is being written, what is folded in it |
//! | `live` | an answer under way, whichever conversation is open |
//! | `sending`, `answers`, `keys` | what changes the state |
//! | `list`, `picker`, `finder`, `parameters`, `over`, `dialogs` | the list of conversations; the dialogs and their keys |
//! | `runner`, `relay` | the asks performed |
//! | `view`, `cost` | the picture |

mod answers;
mod ask;
mod cost;
mod dialogs;
mod entry;
mod finder;
mod folds;
mod footer;
mod keys;
mod list;
mod live;
mod over;
mod parameters;
mod picker;
mod prompt;
mod relay;
mod runner;
mod sending;
#[cfg(test)]
mod tests;
mod transcript;
mod view;

pub use self::ask::{Answer, Ask};
pub use self::runner::perform;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use self::ask::{Place as Kept, Remedy};
use self::list::List;
use self::live::Live;
use self::over::Over;
use self::prompt::Prompt;
use self::transcript::Transcript;
use super::part::{Cx, Intent, News, Part};
use super::shared::Shared;
use crate::broker::user::library::{ChatParameters, ServiceOf};
use crate::broker::user::{Cap, Caps, Estimate, Event, Library};
use crate::domain::{ConversationId, MessageId, Neuron};
use crate::tui::keymap::{Action, Place};
use crate::tui::texts;

/// A draft of a conversation that was never sent to is remembered up to so many bytes.
const REMEMBERED: usize = 16 << 10;
/// Rows that news has at least.
const NEWS: u16 = 6;
/// Seconds between two savings of a draft.
const SAVED: u64 = 3;

/// Which part keys reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    Prompt,
    #[default]
    Transcript,
    List,
}

/// Which conversation is in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opened {
    /// One that begins with the next prompt.
    #[default]
    New,
    Kept(ConversationId),
    /// One that begins as soon as this answer does.
    Coming(u64),
}

/// What the open conversation says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub title: String,
    pub service: Option<ServiceOf>,
    pub system: Option<String>,
    pub parameters: ChatParameters,
    pub fee: Neuron,
    pub branch: bool,
}

/// A message that is written anew: it goes into a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewriting {
    pub of: ConversationId,
    /// The last message that the branch takes over.
    pub through: Option<MessageId>,
    /// How many messages of the transcript that are.
    pub kept: usize,
}

/// Why the last prompt did not go, and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub token: u64,
    pub text: String,
    pub why: String,
    pub remedy: Remedy,
}

/// What sending would cost, as far as it has been worked out.
#[derive(Debug, Default)]
pub struct Estimating {
    number: u64,
    asked: bool,
    /// Something changed since it was asked for.
    again: bool,
    pub last: Option<Result<Box<Estimate>, String>>,
}

/// The id of a conversation that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh(pub ConversationId);

impl Default for Fresh {
    fn default() -> Fresh {
        Fresh(ConversationId::random())
    }
}

/// Whether drafts that are on their way to the disk are still what is written.
#[derive(Clone, Debug)]
pub struct Wanted(pub Arc<AtomicBool>);

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted(Arc::new(AtomicBool::new(true)))
    }
}

#[derive(Debug, Default)]
pub struct Chat {
    opened: Opened,
    head: Head,
    transcript: Transcript,
    prompt: Prompt,
    focus: Focus,
    over: Over,
    list: List,
    lives: Vec<Live>,
    blocked: Option<Blocked>,
    rewriting: Option<Rewriting>,
    estimating: Estimating,
    /// Caps for single answers, beside those of the settings.
    caps: Caps,
    /// The answers over the whole screen.
    zoomed: bool,
    /// What the chats of today cost, and the day.
    spent: Option<(u64, Neuron)>,
    next: u64,
    /// The conversation that is being read.
    opening: Option<ConversationId>,
    /// To be opened as soon as something can be asked for.
    reopen: Option<ConversationId>,
    /// What the conversation in sight has for a draft on disk, or will have.
    draft: String,
    draft_at: u64,
    draft_wanted: Wanted,
    /// The id of the conversation that begins next; remembered, so that it is found again whenever the program ends.
    fresh: Fresh,
    /// The one that was to begin when the program ended.
    revive: Option<ConversationId>,
    /// That one, or the one that was open, is being read, and nothing else was wanted since.
    reviving: bool,
    /// What was written for the conversation that begins next, while another one is in sight.
    set_aside: String,
    /// Texts that stand nowhere else: refused while another conversation was open, or replaced before they were sent.
    unsent: Vec<String>,
    /// How far each cap was used when it was told last, in percent.
    warned: Vec<(Cap, Neuron, u128)>,
    /// What the external editor has: the system prompt, or the prompt, which was this.
    editing_system: bool,
    edited_from: String,
    /// Where it was drawn last.
    area: Rect,
}

impl Chat {
    /// A number that was not given before.
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The answer under way in the conversation that is in sight.
    fn live(&self) -> Option<&Live> {
        self.lives.iter().find(|live| self.is_open(live))
    }

    fn is_open(&self, live: &Live) -> bool {
        match self.opened {
            Opened::New => false,
            Opened::Kept(id) => live.conversation() == Some(id) || live.is_asking_in(id),
            Opened::Coming(token) => live.token() == token,
        }
    }

    /// Whether a list of conversations stands beside the transcript.
    fn has_pane(&self) -> bool {
        self.area.width >= view::PANE_FROM && !self.zoomed
    }
}

impl Part for Chat {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        match (&self.over, self.focus) {
            (Over::Nothing, Focus::Prompt) => &[Place::Prompt, Place::Chat],
            (Over::Nothing, Focus::Transcript | Focus::List) => &[Place::Chat, Place::Lists],
            _ => &[],
        }
    }

    fn typing(&self) -> bool {
        self.focus == Focus::Prompt || !matches!(self.over, Over::Nothing)
    }

    fn takes(&self, action: Action, _shared: &Shared) -> bool {
        !(matches!(action, Action::Refund | Action::Sort | Action::TurnSort | Action::Mark | Action::Alias))
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        keys::act(self, action, cx);
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
        keys::key(self, key, cx);
    }

    fn back(&mut self, cx: &mut Cx<'_, Ask>) -> bool {
        keys::back(self, true, cx)
    }

    fn retreat(&mut self, cx: &mut Cx<'_, Ask>) -> bool {
        keys::back(self, false, cx)
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        keys::paste(self, text, cx);
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        keys::click(self, at, area, cx);
    }

    fn wheel(&mut self, rows: i16, cx: &mut Cx<'_, Ask>) {
        keys::wheel(self, rows, cx);
    }

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        self.choose_service(cx.shared);
        self.catch_up(cx);
        if self.transcript.is_empty() && !self.zoomed && matches!(self.over, Over::Nothing) {
            // There is nothing yet but something to write, and letters would open other screens.
            self.focus = Focus::Prompt;
        }
    }

    fn passed(&mut self) {
        if self.focus == Focus::Prompt {
            self.focus = Focus::Transcript;
        }
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Ready => {
                cx.ask(Ask::CatchUp);
                self.ask_fates(cx);
                self.choose_service(cx.shared);
                self.estimate(cx);
            }
            News::Snapshot => {
                self.choose_service(cx.shared);
                self.estimate(cx);
            }
            News::Services => {
                self.choose_service(cx.shared);
                self.refill(cx);
                self.estimate(cx);
            }
            News::Event(Event::RequestEnded { request, .. }) => {
                let known = self.transcript.of_request(*request).is_some_and(|entry| !entry.growing);
                if known {
                    cx.ask(Ask::Fates(vec![*request]));
                    cx.ask(Ask::CatchUp);
                }
                return known;
            }
            News::Event(_) => return false,
            News::Beat => {
                self.beat(cx);
                return false;
            }
        }
        true
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        answers::answer(self, answer, cx);
    }

    fn intent(&mut self, intent: Intent, cx: &mut Cx<'_, Ask>) {
        match intent {
            Intent::Talk { provider, service } => {
                if self.opened != Opened::New {
                    self.begin(cx);
                }
                self.use_service((provider, service), cx);
                self.focus = Focus::Prompt;
            }
            Intent::Funded { token, refused } => self.funded(token, refused, cx),
            _ => {}
        }
    }

    fn edited(&mut self, text: Result<String, String>, cx: &mut Cx<'_, Ask>) {
        keys::edited(self, text, cx);
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        self.area = area;
        if self.focus == Focus::Prompt && self.zoomed {
            self.focus = Focus::Transcript;
        }
        let places = view::places(self, area, shared);
        self.transcript.settle(places.transcript.width, places.transcript.height, shared);
        self.list.settle(places.list.map_or(1, |list| list.height));
        self.over.settle(area);
    }

    fn counting(&self, _shared: &Shared) -> bool {
        self.live().is_some()
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared)
    }

    fn beside_news(&self, area: Rect, shared: &Shared) -> Rect {
        let transcript = view::places(self, area, shared).transcript;
        // Where next to nothing is left of the answers it is what stands at the top that waits.
        let height = transcript.bottom().saturating_sub(area.y).max(NEWS);
        Rect { height: height.min(area.height), ..area }
    }

    fn hints(&self, shared: &Shared) -> Vec<(Action, &'static str)> {
        view::hints(self, shared)
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        self.over.hints()
    }

    fn alarm(&self, _shared: &Shared) -> bool {
        self.blocked.is_some()
    }

    fn running(&self) -> Option<String> {
        let coming = self.lives.iter().filter(|live| live.is_coming());
        match coming.count() {
            0 => None,
            1 => Some(texts::chat::LEAVING_STOPS_ONE.to_owned()),
            many => Some(texts::chat::leaving_stops_many(many)),
        }
    }

    fn remember(&self) -> Value {
        let open = match self.opened {
            Opened::Kept(id) => Some(id.to_string()),
            Opened::New | Opened::Coming(_) => None,
        };
        let draft = if self.opened == Opened::New { self.prompt.text() } else { self.set_aside.clone() };
        let new = match (self.opened, self.live().map(|live| &live.sending.place)) {
            (Opened::Coming(_), Some(Kept::New(id, _))) => *id,
            _ => self.fresh.0,
        };
        json!({
            "open": open,
            "new": new.to_string(),
            "service": self.head.service.as_ref().map(|(provider, name)| (provider.to_string(), name.to_string())),
            "zoomed": self.zoomed,
            "caps": self.caps,
            "draft": if draft.len() <= REMEMBERED { draft } else { String::new() },
        })
    }

    fn recall(&mut self, kept: &Value) {
        self.reopen = kept["open"].as_str().and_then(|id| id.parse().ok());
        if let Some(new) = kept["new"].as_str().and_then(|id| id.parse().ok()) {
            self.fresh = Fresh(new);
        }
        self.revive = Some(self.fresh.0);
        self.zoomed = kept["zoomed"].as_bool().unwrap_or(false);
        self.caps = serde_json::from_value(kept["caps"].clone()).unwrap_or_default();
        let of = &kept["service"];
        let provider = of[0].as_str().and_then(|provider| provider.parse().ok());
        let service = of[1].as_str().and_then(|service| service.parse().ok());
        if self.opened == Opened::New && self.head.service.is_none() {
            self.head.service = provider.zip(service);
            if let Some(draft) = kept["draft"].as_str().filter(|_| self.prompt.is_empty()) {
                self.prompt.set(draft);
            }
        }
    }
}

impl Chat {
    /// What is asked for once, as soon as somebody may look.
    fn catch_up(&mut self, cx: &mut Cx<'_, Ask>) {
        if !self.list.asked {
            self.list.asked = true;
            cx.ask(Ask::List);
        }
        let (new, open) = (self.revive.take(), self.reopen.take());
        if let (Some(new), Opened::New) = (new, self.opened) {
            self.reviving = true;
            cx.ask(Ask::Revive { new, open });
        }
    }

    fn beat(&mut self, cx: &mut Cx<'_, Ask>) {
        let now = cx.shared.now();
        if self.revive.is_some() {
            self.catch_up(cx);
        }
        if now.as_seconds() >= self.draft_at + SAVED {
            self.draft_at = now.as_seconds();
            self.save_draft(cx);
        }
        if self.spent.is_some_and(|(day, _)| day != now.day()) {
            self.spent = None;
            cx.ask(Ask::Spent(now.day()));
        }
    }

    /// Keeps what is written and not sent.
    fn save_draft(&mut self, cx: &mut Cx<'_, Ask>) {
        if let Some((id, text)) = self.unsaved() {
            self.draft.clone_from(&text);
            cx.ask(Ask::Draft { id, text, wanted: Arc::clone(&self.draft_wanted.0) });
        }
    }

    /// What is written in the conversation in sight and neither sent nor on its way to the disk.
    fn unsaved(&self) -> Option<(ConversationId, String)> {
        let Opened::Kept(id) = self.opened else { return None };
        if self.rewriting.is_some() || self.live().is_some_and(|live| live.begun().is_none()) {
            return None;
        }
        Some((id, self.prompt.text())).filter(|(_, text)| *text != self.draft)
    }

    /// Writes that down where no beat will come any more.
    pub async fn keep_unsaved(&self, library: &Library) {
        let Some((id, text)) = self.unsaved() else { return };
        // What was saved a moment ago must not come after it.
        self.draft_wanted.0.store(false, Ordering::SeqCst);
        if let Err(error) = library.set_draft(id, text).await {
            tracing::warn!(%error, "what was written and not sent could not be kept");
        }
    }
}
