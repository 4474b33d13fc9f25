//! The screens, each answering one question.

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
            Screen::Home => "Home",
            Screen::Services => "Services",
            Screen::Chat => "Chat",
            Screen::Accounts => "Accounts",
            Screen::Requests => "Requests",
            Screen::Refunds => "Refunds",
            Screen::Spend => "Spend",
            Screen::Provider => "Provider",
            Screen::Log => "Log",
            Screen::Settings => "Settings",
            Screen::Storage => "Storage",
        }
    }

    pub fn by_digit(digit: char) -> Option<Screen> {
        Screen::ALL.into_iter().find(|screen| screen.digit() == digit)
    }
}
