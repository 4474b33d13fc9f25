//! Everything that the provider's console draws, and nothing else.

use std::time::Duration;

use super::confirm::Confirm;
use super::log::Line;
use super::message::Source;
use super::service_form::ServiceForm;
use super::settle::Settle;
use crate::domain::{Neuron, Timestamp};
use crate::tui::Settings;
use crate::tui::help::Help;
use crate::tui::keymap::Keymap;
use crate::tui::kit::amount::Unit;
use crate::tui::kit::look::Look;
use crate::tui::kit::pane::Pane;
use crate::tui::kit::table::{Change, Table};
use crate::tui::kit::toast::Toast;
use crate::tui::palette::Palette;
use crate::tui::texts;
use crate::tui::theme::{Theme, Tone};
use crate::wire::admin::{
    DecisionItem, ForecastItem, OperationItem, Overview, RequestItem, ServiceItem, SettlementItem, UserItem,
};

/// Lines that the log keeps.
const LOG: usize = 1000;
const TOASTS: usize = 4;
/// Between two looks while the broker is silent.
const LONGEST_PAUSE: u64 = 30;

/// How the console was started.
#[derive(Clone, Debug)]
pub struct Start {
    /// Where the broker is.
    pub url: String,
    /// How that was found out.
    pub found: String,
    /// Whether a token is sent.
    pub token: bool,
    pub read_only: bool,
    pub version: &'static str,
    /// How the screens shall be; checked.
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    Overview,
    Users,
    Requests,
    Services,
    Settlements,
    Log,
    Settings,
}

impl Screen {
    pub const ALL: [Screen; 7] = [
        Screen::Overview,
        Screen::Users,
        Screen::Requests,
        Screen::Services,
        Screen::Settlements,
        Screen::Log,
        Screen::Settings,
    ];

    pub const fn digit(self) -> char {
        match self {
            Screen::Overview => '1',
            Screen::Users => '2',
            Screen::Requests => '3',
            Screen::Services => '4',
            Screen::Settlements => '5',
            Screen::Log => '6',
            Screen::Settings => '0',
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Screen::Overview => texts::labels::OVERVIEW,
            Screen::Users => texts::labels::USERS,
            Screen::Requests => texts::labels::REQUESTS,
            Screen::Services => texts::labels::SERVICES,
            Screen::Settlements => texts::labels::SETTLEMENTS,
            Screen::Log => texts::labels::LOG,
            Screen::Settings => texts::labels::SETTINGS,
        }
    }

    pub const fn is_list(self) -> bool {
        !matches!(self, Screen::Overview | Screen::Settings)
    }

    /// The listings that it shows. The status line needs the overview, the log the operations.
    pub const fn sources(self) -> &'static [Source] {
        use Source::{Operations, Requests, Services, Settlements, Users};
        match self {
            Screen::Overview => &[Source::Overview, Users, Services, Operations],
            Screen::Users => &[Source::Overview, Users, Operations],
            Screen::Requests => &[Source::Overview, Requests, Operations],
            Screen::Services => &[Source::Overview, Services, Operations],
            Screen::Settlements => &[Source::Overview, Settlements, Operations],
            Screen::Log | Screen::Settings => &[Source::Overview, Operations],
        }
    }
}

/// How the broker is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing was heard yet.
    Connecting,
    Up,
    /// It does not answer.
    Down {
        since: Timestamp,
        reason: String,
        tries: u32,
        again: Timestamp,
    },
}

/// One listing: when it was asked for and when it came.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    pub busy: bool,
    pub asked: Option<Timestamp>,
    pub got: Option<Timestamp>,
    /// Something changed since it was asked for.
    pub old: bool,
    /// Why the broker does not give it, although it answers.
    pub trouble: Option<String>,
    /// Whether this broker has no such route.
    pub absent: bool,
}

/// What is open over the screen.
#[derive(Debug)]
pub enum Over {
    Nothing,
    Help(Help),
    Palette(Palette),
    Settle(Settle),
    Form(Box<ServiceForm>),
    Confirm(Box<Confirm>),
}

#[derive(Debug)]
pub struct Model {
    pub start: Start,
    /// It stands among the user's screens: to quit leads back to those.
    pub inside: bool,
    pub look: Look,
    pub keymap: Keymap,
    pub size: (u16, u16),
    pub screen: Screen,
    pub link: Link,
    /// Whether the broker tells events.
    pub events: Option<bool>,
    pub slots: [Slot; Source::ALL.len()],
    pub overview: Option<Box<Overview>>,
    pub users: Table<UserItem>,
    pub requests: Table<RequestItem>,
    pub requests_total: u64,
    pub requests_fee: Option<Neuron>,
    pub services: Table<ServiceItem>,
    pub settlements: Table<SettlementItem>,
    pub forecast: Option<ForecastItem>,
    pub decisions: Vec<DecisionItem>,
    pub operations: Vec<OperationItem>,
    pub log: Table<Line>,
    pub toasts: Vec<Toast>,
    pub over: Over,
    /// A settlement that runs while its dialog is closed.
    pub settling: Option<Settle>,
    /// A registration that was begun; coming back to it finds what was typed.
    pub draft: Option<Box<ServiceForm>>,
    /// When the last key was pressed; told with it, since a beat is too coarse for two clicks or a slipped finger.
    pub typed: Timestamp,
    /// Whether users, or services, hold something that somebody should look at; found when they come.
    pub alarms: (bool, bool),
    /// Requests in flight among those listed.
    pub requests_live: usize,
    /// A filter is being typed.
    pub typing: bool,
    /// The details of the selected row. What the settings screen shows is scrolled with it as well.
    pub pane: Pane,
    pub frozen: bool,
    pub mouse: bool,
    /// Orders that run, by their numbers, in words.
    pub running: Vec<(u64, String)>,
    /// The number of the last order.
    pub orders: u64,
}

impl Model {
    /// Whether nothing stands over its screens.
    pub fn is_open(&self) -> bool {
        matches!(self.over, Over::Nothing)
    }

    pub fn new(start: Start, theme: Theme, now: Timestamp) -> Model {
        let tables = super::bindings::TABLES;
        let keymap = start.settings.keymap(tables).unwrap_or_else(|_| Keymap::delivered(tables));
        let mouse = start.settings.mouse;
        Model {
            start,
            inside: false,
            keymap,
            look: Look { theme, unit: Unit::Auto, million: false, clock: false, masked: false, now },
            size: (80, 24),
            screen: Screen::Overview,
            link: Link::Connecting,
            events: None,
            slots: Default::default(),
            overview: None,
            users: Table::new(super::users::UNSETTLED),
            requests: Table::new(super::requests::TIME),
            requests_total: 0,
            requests_fee: None,
            services: Table::new(super::services::NAME),
            settlements: Table::new(super::settlements::TIME),
            forecast: None,
            decisions: Vec::new(),
            operations: Vec::new(),
            log: Table::new(super::log::TIME),
            toasts: Vec::new(),
            over: Over::Nothing,
            settling: None,
            draft: None,
            typed: now,
            alarms: (false, false),
            requests_live: 0,
            typing: false,
            pane: Pane::default(),
            frozen: false,
            mouse,
            running: Vec::new(),
            orders: 0,
        }
    }

    pub fn slot(&mut self, source: Source) -> &mut Slot {
        &mut self.slots[source as usize]
    }

    pub fn peek(&self, source: Source) -> &Slot {
        &self.slots[source as usize]
    }

    /// Says something in the corner and in the log.
    pub fn toast(&mut self, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        let at = self.look.now;
        // The same news again only stays longer.
        self.toasts.retain(|toast| toast.text != text);
        self.toasts.push(Toast { at, tone, text: text.clone() });
        if self.toasts.len() > TOASTS {
            self.toasts.remove(0);
        }
        self.note(at, tone, text);
    }

    /// Says something in the log.
    pub fn note(&mut self, at: Timestamp, tone: Tone, text: String) {
        let lines = self.log.rows();
        let number = lines.last().map_or(0, |line| line.number + 1);
        let oldest = lines.first().filter(|_| lines.len() >= LOG).map(|line| Change::Gone(line.number));
        self.log.apply(oldest.into_iter().chain([Change::Put(Line { number, at, tone, text })]));
    }

    /// The moment of the next look at a silent broker.
    pub fn pause(tries: u32) -> Duration {
        Duration::from_secs(1u64.checked_shl(tries).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE))
    }

    /// Whether something on the screen is counted in seconds.
    pub fn is_counting(&self) -> bool {
        if !self.toasts.is_empty() || matches!(self.link, Link::Down { .. }) || !self.running.is_empty() {
            return true;
        }
        if matches!(&self.over, Over::Settle(settle) if settle.is_counting()) {
            return true;
        }
        let now = self.look.now;
        let waits = |user: &UserItem| super::users::counts(user, now);
        match self.screen {
            Screen::Users => self.users.rows().iter().any(waits),
            Screen::Overview => {
                let deadline = self.overview.as_ref().and_then(|o| o.forecast.as_ref()?.next_deadline);
                deadline.is_some_and(|at| at > now) || self.users.rows().iter().any(waits)
            }
            Screen::Requests => self.requests.rows().iter().any(super::requests::is_live),
            Screen::Settlements => {
                self.forecast.as_ref().and_then(|f| f.next_deadline).is_some_and(|at| at > now)
            }
            _ => false,
        }
    }
}
