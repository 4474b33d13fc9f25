//! The keys of the user's screens beside those that every program here has.

use crossterm::event::KeyCode;

use crate::tui::keymap::Place::{
    Accounts, Chat, Everywhere, Lists, Prompt, Refunds, Requests, Services, Spend, Storage,
};
use crate::tui::keymap::{Action, Binding, SHARED, bind, control, key, letter, order, with_alt};
use crate::tui::texts;

/// All tables of the user's screens.
pub const TABLES: &[&[Binding]] = &[SCREENS, SHARED, MONEY, SERVICES, CHAT, PROMPT, REST];

const SCREENS: &[Binding] = &[
    bind(
        Everywhere,
        "screen-1",
        &[letter('1'), with_alt(KeyCode::Char('1'))],
        Action::Screen('1'),
        texts::keys::HOME,
    ),
    bind(
        Everywhere,
        "screen-2",
        &[letter('2'), with_alt(KeyCode::Char('2'))],
        Action::Screen('2'),
        texts::keys::SERVICES,
    ),
    bind(
        Everywhere,
        "screen-3",
        &[letter('3'), with_alt(KeyCode::Char('3'))],
        Action::Screen('3'),
        texts::labels::CHAT,
    ),
    bind(
        Everywhere,
        "screen-4",
        &[letter('4'), with_alt(KeyCode::Char('4'))],
        Action::Screen('4'),
        texts::keys::ACCOUNTS,
    ),
    bind(
        Everywhere,
        "screen-5",
        &[letter('5'), with_alt(KeyCode::Char('5'))],
        Action::Screen('5'),
        texts::keys::REQUESTS,
    ),
    bind(
        Everywhere,
        "screen-6",
        &[letter('6'), with_alt(KeyCode::Char('6'))],
        Action::Screen('6'),
        texts::keys::REFUNDS,
    ),
    bind(
        Everywhere,
        "screen-7",
        &[letter('7'), with_alt(KeyCode::Char('7'))],
        Action::Screen('7'),
        texts::keys::SPEND,
    ),
    bind(
        Everywhere,
        "screen-8",
        &[letter('8'), with_alt(KeyCode::Char('8'))],
        Action::Screen('8'),
        texts::keys::PROVIDER,
    ),
    bind(
        Everywhere,
        "screen-9",
        &[letter('9'), with_alt(KeyCode::Char('9'))],
        Action::Screen('9'),
        texts::keys::LOG,
    ),
    bind(
        Everywhere,
        "screen-0",
        &[letter('0'), with_alt(KeyCode::Char('0'))],
        Action::Screen('0'),
        texts::keys::SETTINGS,
    ),
    bind(
        Everywhere,
        "screen-storage",
        &[with_alt(KeyCode::Char('s'))],
        Action::Screen('s'),
        texts::keys::STORAGE,
    ),
];

const MONEY: &[Binding] = &[
    order(Lists, "open-account", &[letter('O')], Action::OpenAccount, texts::keys::OPEN_ACCOUNT),
    order(Lists, "deposit", &[letter('D')], Action::Deposit, texts::keys::DEPOSIT),
    order(Lists, "refund", &[letter('W')], Action::Refund, texts::keys::WITHDRAW),
    bind(Lists, "alias", &[letter('a')], Action::Alias, texts::keys::NAME_PROVIDER),
    order(Accounts, "sync", &[letter('r')], Action::Sync, texts::keys::SYNC_ACCOUNT),
    bind(Accounts, "reconcile-account", &[letter('v')], Action::Reconcile, texts::keys::RECONCILE_ACCOUNT),
    order(Accounts, "take-over", &[letter('K')], Action::TakeOver, texts::keys::TAKE_OVER),
    order(Refunds, "take-refund", &[letter('P')], Action::TakeRefund, texts::keys::TAKE_REFUNDS),
    order(Refunds, "cancel-refund", &[letter('C')], Action::CancelRefund, texts::keys::CANCEL_REFUND),
];

const SERVICES: &[Binding] = &[
    order(Services, "talk", &[letter('c')], Action::Talk, texts::keys::USE_SERVICE),
    bind(Services, "compare", &[letter('v')], Action::Compare, texts::keys::COMPARE),
    bind(Services, "probe", &[letter('p')], Action::Probe, texts::keys::PROBE),
    bind(Services, "million", &[letter('M')], Action::Million, texts::keys::PRICE_UNITS),
    bind(Services, "copy-curl", &[letter('L')], Action::CopyCurl, texts::keys::COPY_CURL),
    bind(Services, "copy-url", &[letter('b')], Action::CopyUrl, texts::keys::COPY_BASE_URL),
];

const CHAT: &[Binding] = &[
    bind(Chat, "new-chat", &[letter('n'), control('n')], Action::NewChat, texts::keys::NEW_CONVERSATION),
    bind(Chat, "rename", &[letter('r')], Action::Rename, texts::keys::RENAME_CONVERSATION),
    bind(Chat, "delete-chat", &[key(KeyCode::Delete)], Action::Delete, texts::keys::DELETE_CONVERSATION),
    bind(Chat, "fork", &[letter('F')], Action::Fork, texts::keys::FORK),
    order(Chat, "edit-again", &[letter('e')], Action::Edit, texts::keys::EDIT_MESSAGE),
    order(Chat, "again", &[letter('A')], Action::Again, texts::keys::ASK_AGAIN),
    order(Chat, "elsewhere", &[letter('E')], Action::Elsewhere, texts::keys::ASK_ELSEWHERE),
    bind(Chat, "fold", &[letter('o')], Action::Fold, texts::keys::REASONING),
    bind(Chat, "copy-code", &[letter('c')], Action::CopyCode, texts::keys::COPY_CODE),
    bind(Chat, "export", &[letter('X')], Action::Export, texts::keys::EXPORT_CONVERSATION),
    bind(Chat, "search", &[control('g')], Action::Search, texts::keys::SEARCH_CONVERSATIONS),
    bind(Chat, "write", &[letter('i')], Action::Write, texts::hints::WRITE),
    bind(Chat, "editor", &[control('o')], Action::Editor, texts::keys::EDITOR),
    bind(Chat, "history", &[control('r')], Action::History, texts::keys::SEARCH_PROMPTS),
    bind(Chat, "attach", &[control('t')], Action::Attach, texts::keys::ATTACH),
    bind(Chat, "switch", &[control('l')], Action::Switch, texts::keys::SWITCH_SERVICE),
    bind(Chat, "parameters", &[control('y')], Action::Parameters, texts::keys::PARAMETERS),
];

const PROMPT: &[Binding] = &[
    order(Prompt, "send", &[key(KeyCode::Enter)], Action::Send, texts::hints::SEND),
    bind(
        Prompt,
        "new-line",
        &[key(KeyCode::Enter).shifted(), with_alt(KeyCode::Enter), control('j')],
        Action::NewLine,
        texts::keys::NEW_LINE,
    ),
    order(Prompt, "go-on", &[control('f')], Action::GoOn, texts::keys::GO_ON),
    bind(Prompt, "leave-prompt", &[key(KeyCode::Tab)], Action::Focus, texts::keys::TO_THE_ANSWERS),
    bind(Prompt, "prompt-page-up", &[key(KeyCode::PageUp)], Action::PageUp, texts::keys::SCROLL_UP),
    bind(Prompt, "prompt-page-down", &[key(KeyCode::PageDown)], Action::PageDown, texts::keys::SCROLL_DOWN),
];

const REST: &[Binding] = &[
    bind(Requests, "other-list", &[letter('o')], Action::OtherList, texts::keys::REQUESTS_OR_OPERATIONS),
    bind(Requests, "to-service", &[letter('p')], Action::ToService, texts::keys::SERVICE_DETAILS),
    order(Spend, "caps", &[letter('C')], Action::Caps, texts::keys::SET_CAPS),
    bind(Requests, "verify", &[letter('v')], Action::Verify, texts::keys::VERIFY),
    order(Requests, "accept", &[letter('P')], Action::Accept, texts::keys::ACCEPT_RECEIPT),
    bind(Requests, "reconcile", &[letter('r')], Action::Reconcile, texts::keys::RECONCILE),
    bind(Requests, "copy-link", &[letter('b')], Action::CopyUrl, texts::keys::COPY_LINK),
    bind(Requests, "export-requests", &[letter('X')], Action::Export, texts::keys::EXPORT),
    bind(Spend, "longer", &[letter(']'), letter('+')], Action::Longer, texts::keys::MORE_DAYS),
    bind(Spend, "shorter", &[letter('['), letter('-')], Action::Shorter, texts::keys::FEWER_DAYS),
    bind(Spend, "group", &[letter('b')], Action::Group, texts::keys::GROUPS),
    order(Storage, "upload", &[letter('n')], Action::Upload, texts::keys::UPLOAD),
    order(Storage, "download", &[letter('d')], Action::Download, texts::keys::DOWNLOAD),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keymap::{Key, Keymap};

    #[test]
    fn no_key_means_two_things_in_one_place() {
        let told = Keymap::new(TABLES, &Default::default()).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(told, Ok(()));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = TABLES.iter().copied().flatten().map(|binding| binding.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn money_keys_are_capitals() {
        use Action::{Accept, CancelRefund, Deposit, OpenAccount, Refund, TakeOver, TakeRefund};
        let money = [Accept, OpenAccount, Deposit, Refund, TakeRefund, CancelRefund, TakeOver];
        for binding in TABLES.iter().copied().flatten().filter(|b| money.contains(&b.action)) {
            assert!(matches!(binding.keys, [Key { code: KeyCode::Char('A'..='Z'), control: false, .. }]));
            assert!(binding.writes);
        }
    }
}
