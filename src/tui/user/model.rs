//! Everything that the user's screens draw, and nothing else.

use std::sync::Arc;

use super::bindings::TABLES;
use super::screen::Screen;
use super::shared::{ChainFacts, Link, Shared, Start};
use super::{
    accounts::Accounts, chat::Chat, home::Home, log::Log, money::Desk, refunds::Refunds, requests::Requests,
    services::Services, settings::Settings, spend::Spend, storage::Storage,
};
use crate::broker::user::Snapshot;
use crate::domain::{Address, Timestamp};
use crate::tui::console;
use crate::tui::help::Help;
use crate::tui::keymap::KeymapError;
use crate::tui::kit::amount::Unit;
use crate::tui::kit::dialog::Buttons;
use crate::tui::kit::form::Form;
use crate::tui::kit::look::Look;
use crate::tui::kit::toast::Toast;
use crate::tui::palette::Palette;
use crate::tui::texts;
use crate::tui::theme::Theme;

/// What is open over the screen, beside the dialogs of money and those of the screens themselves.
#[derive(Debug)]
pub enum Over {
    Nothing,
    Help(Help),
    Palette(Palette),
    /// A provider's name is typed.
    Alias {
        provider: Address,
        form: Box<Form>,
    },
    /// Quitting would stop something.
    Quit {
        stops: Vec<String>,
        buttons: Buttons,
    },
}

#[derive(Debug)]
pub struct Model {
    pub shared: Shared,
    pub screen: Screen,
    /// Where `esc` out of the console leads.
    pub before: Screen,
    pub over: Over,
    pub toasts: Vec<Toast>,
    /// What the broker said last while figures stand still; it counts as soon as they go on.
    pub newest: Option<Arc<Snapshot>>,
    /// How deep in orders that led to orders we are.
    pub following: usize,
    pub money: Desk,
    pub home: Home,
    pub services: Services,
    pub chat: Chat,
    pub accounts: Accounts,
    pub requests: Requests,
    pub refunds: Refunds,
    pub spend: Spend,
    pub storage: Storage,
    pub log: Log,
    pub settings: Settings,
    /// The provider's console, where there is a provider.
    pub console: Option<Box<console::Model>>,
    /// Whether what was remembered has been asked for and has come.
    pub recalled: bool,
    /// What was remembered last.
    pub kept: serde_json::Value,
}

impl Model {
    /// # Errors
    /// The settings' keys are no key map.
    pub fn new(start: Start, theme: Theme, now: Timestamp) -> Result<Model, KeymapError> {
        let keymap = start.settings.keymap(TABLES)?;
        let console = start.console.as_ref().map(|client| {
            let start = console::Start {
                url: client.base(),
                found: texts::frame::NAMED_AT_START.to_owned(),
                token: client.has_token(),
                read_only: start.read_only,
                version: start.version,
                settings: start.settings.clone(),
            };
            let mut console = console::Model::new(start, theme, now);
            console.inside = true;
            Box::new(console)
        });
        let mouse = start.settings.mouse;
        let screen = if start.demo { Screen::Services } else { Screen::Home };
        Ok(Model {
            shared: Shared {
                start,
                look: Look { theme, unit: Unit::Auto, million: false, clock: false, masked: false, now },
                keymap,
                size: (80, 24),
                link: Link::Starting { what: "starting".to_owned() },
                chain: None,
                snapshot: Arc::default(),
                services: Arc::from([]),
                services_version: 0,
                aliases: Default::default(),
                block_at: None,
                pressed: now,
                frozen: false,
                open: screen,
                mouse,
                focused: true,
            },
            screen,
            before: screen,
            over: Over::Nothing,
            toasts: Vec::new(),
            newest: None,
            following: 0,
            money: Desk::default(),
            home: Home::default(),
            services: Services::default(),
            chat: Chat::default(),
            accounts: Accounts::default(),
            requests: Requests::default(),
            refunds: Refunds::default(),
            spend: Spend::default(),
            storage: Storage::default(),
            log: Log::default(),
            settings: Settings::default(),
            console,
            recalled: false,
            kept: serde_json::Value::Null,
        })
    }

    /// Takes what the broker says now, where no messages bring it.
    pub fn plain(
        &mut self,
        now: Timestamp,
        snapshot: Arc<Snapshot>,
        (id, contract, lock_time): (u64, Address, u64),
    ) {
        self.shared.look.now = now;
        self.shared.link = Link::Ready;
        self.shared.chain = Some(ChainFacts { id, contract, lock_time });
        self.shared.snapshot = snapshot;
    }

    /// The screens that there are here.
    pub fn screens(&self) -> impl Iterator<Item = Screen> {
        let (provider, storage) = (self.console.is_some(), self.screen == Screen::Storage);
        Screen::ALL.into_iter().filter(move |screen| match screen {
            Screen::Provider => provider,
            Screen::Storage => storage,
            _ => true,
        })
    }
}
