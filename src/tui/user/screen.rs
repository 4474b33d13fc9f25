//! The screens, each answering one question.

use crate::tui::texts;

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Screen {
    Home,
    Services,
    Chat,
    Accounts,
    Requests,
    Refunds,
    Spend,
    Provider,
    Log,
    Settings,
    /// Opened from a storage service.
    Storage,
}

impl Screen {
    pub const ALL: [Screen; 11] = [
        Screen::Home,
        Screen::Services,
        Screen::Chat,
        Screen::Accounts,
        Screen::Requests,
        Screen::Refunds,
        Screen::Spend,
        Screen::Provider,
        Screen::Log,
        Screen::Settings,
        Screen::Storage,
    ];

    /// The key of its tab.
    pub const fn digit(self) -> char {
        match self {
            Screen::Home => '1',
            Screen::Services => '2',
            Screen::Chat => '3',
            Screen::Accounts => '4',
            Screen::Requests => '5',
            Screen::Refunds => '6',
            Screen::Spend => '7',
            Screen::Provider => '8',
            Screen::Log => '9',
            Screen::Settings => '0',
            Screen::Storage => 's',
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Screen::Home => texts::labels::HOME,
            Screen::Services => texts::labels::SERVICES,
            Screen::Chat => texts::labels::CHAT,
            Screen::Accounts => texts::labels::ACCOUNTS,
            Screen::Requests => texts::labels::REQUESTS,
            Screen::Refunds => texts::labels::REFUNDS,
            Screen::Spend => texts::labels::SPEND,
            Screen::Provider => texts::labels::PROVIDER,
            Screen::Log => texts::labels::LOG,
            Screen::Settings => texts::labels::SETTINGS,
            Screen::Storage => texts::labels::STORAGE,
        }
    }

    pub fn by_digit(digit: char) -> Option<Screen> {
        Screen::ALL.into_iter().find(|screen| screen.digit() == digit)
    }
}
