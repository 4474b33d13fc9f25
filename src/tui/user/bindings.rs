//! The keys of the user's screens beside those that every program here has.

use crossterm::event::KeyCode;

use crate::tui::keymap::Place::{
    Accounts, Chat, Everywhere, Lists, Prompt, Refunds, Requests, Services, Spend, Storage,
};
use crate::tui::keymap::{Action, Binding, SHARED, bind, control, key, letter, order, with_alt};

/// All tables of the user's screens.
pub const TABLES: &[&[Binding]] = &[SCREENS, SHARED, MONEY, SERVICES, CHAT, PROMPT, REST];

const SCREENS: &[Binding] = &[
    bind(
        Everywhere,
        "screen-1",
        &[letter('1'), with_alt(KeyCode::Char('1'))],
        Action::Screen('1'),
        "Home: is anything wrong?",
    ),
    bind(
        Everywhere,
        "screen-2",
        &[letter('2'), with_alt(KeyCode::Char('2'))],
        Action::Screen('2'),
        "Services: what can I buy?",
    ),
    bind(Everywhere, "screen-3", &[letter('3'), with_alt(KeyCode::Char('3'))], Action::Screen('3'), "Chat"),
    bind(
        Everywhere,
        "screen-4",
        &[letter('4'), with_alt(KeyCode::Char('4'))],
        Action::Screen('4'),
        "Accounts: where is my money?",
    ),
    bind(
        Everywhere,
        "screen-5",
        &[letter('5'), with_alt(KeyCode::Char('5'))],
        Action::Screen('5'),
        "Requests: what did I pay for?",
    ),
    bind(
        Everywhere,
        "screen-6",
        &[letter('6'), with_alt(KeyCode::Char('6'))],
        Action::Screen('6'),
        "Refunds: when do I get it back?",
    ),
    bind(
        Everywhere,
        "screen-7",
        &[letter('7'), with_alt(KeyCode::Char('7'))],
        Action::Screen('7'),
        "Spend: how much by day, provider, service?",
    ),
    bind(
        Everywhere,
        "screen-8",
        &[letter('8'), with_alt(KeyCode::Char('8'))],
        Action::Screen('8'),
        "Provider: who owes me?",
    ),
    bind(
        Everywhere,
        "screen-9",
        &[letter('9'), with_alt(KeyCode::Char('9'))],
        Action::Screen('9'),
        "Log: what has happened?",
    ),
    bind(
        Everywhere,
        "screen-0",
        &[letter('0'), with_alt(KeyCode::Char('0'))],
        Action::Screen('0'),
        "Settings: what is in force, and from where?",
    ),
    bind(
        Everywhere,
        "screen-storage",
        &[with_alt(KeyCode::Char('s'))],
        Action::Screen('s'),
        "Storage: files with a storage service",
    ),
];

const MONEY: &[Binding] = &[
    order(Lists, "open-account", &[letter('O')], Action::OpenAccount, "open an account with a first deposit"),
    order(Lists, "deposit", &[letter('D')], Action::Deposit, "deposit: add to an account"),
    order(Lists, "refund", &[letter('W')], Action::Refund, "withdraw: ask for a refund of a deposit"),
    bind(Lists, "alias", &[letter('a')], Action::Alias, "give a provider a name of your own"),
    order(Accounts, "sync", &[letter('r')], Action::Sync, "read the account again from the chain"),
    bind(
        Accounts,
        "reconcile-account",
        &[letter('v')],
        Action::Reconcile,
        "hold the books of the account against what was taken on chain",
    ),
    order(
        Accounts,
        "take-over",
        &[letter('K')],
        Action::TakeOver,
        "take over: name a key of this program for an account that cannot sign here",
    ),
    order(Refunds, "take-refund", &[letter('P')], Action::TakeRefund, "take the refunds that are due"),
    order(Refunds, "cancel-refund", &[letter('C')], Action::CancelRefund, "cancel a pending refund"),
];

const SERVICES: &[Binding] = &[
    order(
        Services,
        "talk",
        &[letter('c')],
        Action::Talk,
        "start a chat, or open the files of a storage service",
    ),
    bind(Services, "compare", &[letter('v')], Action::Compare, "compare the marked services side by side"),
    bind(Services, "probe", &[letter('p')], Action::Probe, "ask whether it works, free of charge"),
    bind(Services, "million", &[letter('M')], Action::Million, "prices of a million units, or of one"),
    bind(Services, "copy-curl", &[letter('L')], Action::CopyCurl, "copy a curl line that calls it"),
    bind(Services, "copy-url", &[letter('b')], Action::CopyUrl, "copy the base URL for OpenAI clients"),
];

const CHAT: &[Binding] = &[
    bind(Chat, "new-chat", &[letter('n'), control('n')], Action::NewChat, "new conversation"),
    bind(Chat, "rename", &[letter('r')], Action::Rename, "rename the conversation"),
    bind(
        Chat,
        "delete-chat",
        &[key(KeyCode::Delete)],
        Action::Delete,
        "delete the conversation; its costs stay in the books",
    ),
    bind(Chat, "fork", &[letter('F')], Action::Fork, "fork: a new conversation up to here"),
    order(Chat, "edit-again", &[letter('e')], Action::Edit, "edit this message and send it again, as a fork"),
    order(Chat, "again", &[letter('A')], Action::Again, "ask again"),
    order(Chat, "elsewhere", &[letter('E')], Action::Elsewhere, "ask again elsewhere: another service"),
    bind(Chat, "fold", &[letter('o')], Action::Fold, "show or fold the reasoning"),
    bind(Chat, "copy-code", &[letter('c')], Action::CopyCode, "copy a code block by its number"),
    bind(Chat, "export", &[letter('X')], Action::Export, "export the conversation: Markdown or JSON"),
    bind(Chat, "search", &[control('g')], Action::Search, "search in all conversations"),
    bind(Chat, "write", &[letter('i')], Action::Write, "write"),
    bind(Chat, "editor", &[control('o')], Action::Editor, "write in your own editor"),
    bind(Chat, "history", &[control('r')], Action::History, "search in what was written before"),
    bind(Chat, "attach", &[control('t')], Action::Attach, "attach a text file"),
    bind(Chat, "switch", &[control('l')], Action::Switch, "switch the service"),
    bind(Chat, "parameters", &[control('y')], Action::Parameters, "system prompt, parameters and caps"),
];

const PROMPT: &[Binding] = &[
    order(Prompt, "send", &[key(KeyCode::Enter)], Action::Send, "send"),
    bind(
        Prompt,
        "new-line",
        &[key(KeyCode::Enter).shifted(), with_alt(KeyCode::Enter), control('j')],
        Action::NewLine,
        "new line",
    ),
    order(
        Prompt,
        "go-on",
        &[control('f')],
        Action::GoOn,
        "add what is missing, accept a price, or send again",
    ),
    bind(Prompt, "leave-prompt", &[key(KeyCode::Tab)], Action::Focus, "to the answers and the conversations"),
    bind(Prompt, "prompt-page-up", &[key(KeyCode::PageUp)], Action::PageUp, "scroll the answers up"),
    bind(Prompt, "prompt-page-down", &[key(KeyCode::PageDown)], Action::PageDown, "scroll the answers down"),
];

const REST: &[Binding] = &[
    bind(Requests, "other-list", &[letter('o')], Action::OtherList, "requests, or operations on the chain"),
    bind(
        Requests,
        "to-service",
        &[letter('p')],
        Action::ToService,
        "the service: its prices, whether it works",
    ),
    order(Spend, "caps", &[letter('C')], Action::Caps, "set caps: the most that may be spent"),
    bind(Requests, "verify", &[letter('v')], Action::Verify, "verify the receipt again"),
    order(
        Requests,
        "accept",
        &[letter('P')],
        Action::Accept,
        "accept the receipt of a disputed request, and pay what it asks for",
    ),
    bind(
        Requests,
        "reconcile",
        &[letter('r')],
        Action::Reconcile,
        "hold the books against what was taken on chain",
    ),
    bind(Requests, "copy-link", &[letter('b')], Action::CopyUrl, "copy the explorer's link of a transaction"),
    bind(Requests, "export-requests", &[letter('X')], Action::Export, "export as CSV or JSON"),
    bind(Spend, "longer", &[letter(']'), letter('+')], Action::Longer, "more days"),
    bind(Spend, "shorter", &[letter('['), letter('-')], Action::Shorter, "fewer days"),
    bind(Spend, "group", &[letter('b')], Action::Group, "by provider, service or nothing"),
    order(Storage, "upload", &[letter('n')], Action::Upload, "upload a file"),
    order(Storage, "download", &[letter('d')], Action::Download, "download a file"),
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
