//! Keys: which one does what, where.
//!
//! Tables of [`Binding`]s name every action with its keys as delivered; a [`Keymap`] is made of tables and of what the
//! settings say otherwise. Help, palette and hints are drawn from the keymap, so they cannot differ from what keys do.
//!
//! | file | holds |
//! |---|---|
//! | `key` | one key as it is pressed, read and written by name |
//! | `shared` | the bindings that every program here has |
//! | `resolved` | tables and settings brought together; conflicts refused |

use crate::tui::texts;
mod key;
mod resolved;
mod shared;

pub use self::key::{Key, control, key, letter, named, with_alt};
pub use self::resolved::{Bound, Keymap, KeymapError, KeymapFault};
pub use self::shared::SHARED;

/// What can be asked for by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Screen(char),
    NextScreen,
    LastScreen,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Focus,
    FocusBack,
    Open,
    Back,
    Filter,
    Sort,
    TurnSort,
    Mark,
    Zoom,
    Copy,
    CopyAll,
    Unit,
    Time,
    Freeze,
    Mask,
    Mouse,
    Refresh,
    Help,
    Palette,
    Suspend,
    Quit,
    Stop,
    // the provider's console
    Settle,
    Register,
    Change,
    Pause,
    Delete,
    Repair,
    // the user's screens: money
    OpenAccount,
    Deposit,
    Refund,
    TakeRefund,
    CancelRefund,
    TakeOver,
    Sync,
    Caps,
    // services
    Talk,
    Compare,
    Probe,
    Million,
    Alias,
    CopyCurl,
    CopyUrl,
    // chat
    Write,
    Send,
    GoOn,
    NewLine,
    Editor,
    History,
    Attach,
    NewChat,
    Rename,
    Fork,
    Edit,
    Again,
    Elsewhere,
    Switch,
    Parameters,
    Fold,
    CopyCode,
    Export,
    Search,
    // requests
    Verify,
    Accept,
    Reconcile,
    OtherList,
    ToService,
    // spend
    Longer,
    Shorter,
    Group,
    // storage
    Upload,
    Download,
}

/// Where a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    /// Wherever rows are chosen.
    Lists,
    Services,
    Chat,
    /// The text that is being written in the chat.
    Prompt,
    Accounts,
    Refunds,
    Requests,
    Spend,
    Storage,
}

impl Place {
    pub const fn name(self) -> &'static str {
        match self {
            Place::Everywhere => texts::labels::EVERYWHERE,
            Place::Lists => texts::labels::LISTS,
            Place::Services => texts::labels::SERVICES,
            Place::Chat => texts::labels::CHAT,
            Place::Prompt => texts::shell::CHAT_WHILE_WRITING,
            Place::Accounts => texts::labels::ACCOUNTS,
            Place::Refunds => texts::labels::REFUNDS,
            Place::Requests => texts::labels::REQUESTS,
            Place::Spend => texts::labels::SPEND,
            Place::Storage => texts::labels::STORAGE,
        }
    }

    /// Whether a key can be asked for in both places at the same moment.
    pub fn meets(self, other: Place) -> bool {
        use Place::{Everywhere, Lists, Prompt};
        match (self, other) {
            (one, two) if one == two => true,
            (Prompt, Lists) | (Lists, Prompt) => false,
            (Everywhere | Lists, _) | (_, Everywhere | Lists) => true,
            _ => false,
        }
    }
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub place: Place,
    /// What the settings call it.
    pub name: &'static str,
    pub keys: &'static [Key],
    pub action: Action,
    pub what: &'static str,
    /// It changes something, so that `--read-only` takes it away.
    pub writes: bool,
}

pub const fn bind(
    place: Place,
    name: &'static str,
    keys: &'static [Key],
    action: Action,
    what: &'static str,
) -> Binding {
    Binding { place, name, keys, action, what, writes: false }
}

pub const fn order(
    place: Place,
    name: &'static str,
    keys: &'static [Key],
    action: Action,
    what: &'static str,
) -> Binding {
    Binding { place, name, keys, action, what, writes: true }
}
