//! The frame: tabs, help, palette, names, quitting.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::scene::{fresh, full, now, painted, provider, snap, snapshot};
use crate::broker::user::{Event, Snapshot};
use crate::domain::Neuron;
use crate::tui::console;
use crate::tui::input::Input;
use crate::tui::pictures::{control, letter, moment, picture, press, resize, typed};
use crate::tui::shell::{Program, ScreenOrder};
use crate::tui::texts;
use crate::tui::theme::{Shade, Tone};
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::{Model, Over};
use crate::tui::user::screen::Screen;
use crate::tui::user::update;

#[test]
fn digits_and_arrows_open_screens() {
    let mut model = full(Shade::Dark);
    for screen in Screen::ALL.into_iter().filter(|one| !matches!(one, Screen::Provider | Screen::Storage)) {
        letter(&mut model, '9');
        letter(&mut model, screen.digit());
        assert_eq!(model.screen, screen);
        // In the chat one writes at once.
        press(&mut model, KeyCode::Esc);
    }
    press(&mut model, KeyCode::Right);
    assert_eq!(model.screen, Screen::Home, "after the last comes the first");
    letter(&mut model, '8');
    assert_eq!(model.screen, Screen::Home, "there is no provider here");
    assert!(model.toasts.last().is_some_and(|toast| toast.text.contains("no provider broker here")));
}

#[test]
fn what_came_while_figures_stood_still_is_shown_when_they_go_on() {
    let mut model = full(Shade::Dark);
    letter(&mut model, 'f');
    let came = |spent: u128| {
        let spent_today = Neuron::new(spent);
        Message::Snapshot(Arc::new(Snapshot { spent_today, ..Snapshot::clone(&snapshot()) }))
    };
    assert!(!model.update(came(1_000_000_000_000)).changed);
    model.update(came(2_000_000_000_000));
    assert!(picture(&painted(&model)).contains("today 0.000000001172 of"), "it stands still");
    letter(&mut model, 'f');
    assert!(picture(&painted(&model)).contains("today 0.000002 of"), "{}", picture(&painted(&model)));
}

#[test]
fn news_is_drawn_when_it_comes() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '4');
    letter(&mut model, 'f');
    let lost = Event::ChainLost { reason: "no answer".to_owned() };
    assert!(model.update(Message::Event(lost)).changed, "also while figures stand still");
    assert!(model.toasts.last().is_some_and(|toast| toast.text.contains("no answer")));
}

#[test]
fn a_new_conversation_is_written_at_once_and_arrows_pass_it() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '3');
    typed(&mut model, "5 or 7?");
    assert_eq!(model.screen, Screen::Chat);
    assert!(picture(&painted(&model)).contains("5 or 7?"));
    press(&mut model, KeyCode::Esc);
    letter(&mut model, '2');
    press(&mut model, KeyCode::Right);
    press(&mut model, KeyCode::Right);
    assert_eq!(model.screen, Screen::Accounts);
}

#[test]
fn quitting_is_one_key_from_the_top() {
    let mut model = full(Shade::Dark);
    assert!(press(&mut model, KeyCode::Esc).screen.is_empty(), "escape never quits");
    assert_eq!(letter(&mut model, 'q').screen, [ScreenOrder::Quit]);
    assert_eq!(control(&mut model, 'c').screen, [ScreenOrder::Quit]);
    letter(&mut model, '?');
    assert!(control(&mut model, 'c').screen.is_empty(), "first what is open is left");
    assert!(matches!(model.over, Over::Nothing));
}

#[test]
fn the_palette_finds_what_belongs_to_another_screen() {
    let mut model = full(Shade::Dark);
    letter(&mut model, ':');
    typed(&mut model, "settings");
    press(&mut model, KeyCode::Enter);
    assert_eq!(model.screen, Screen::Settings);
    assert!(matches!(model.over, Over::Nothing));
}

#[test]
fn the_providers_console_is_left_by_esc_and_by_our_own_digits() {
    let mut model = full(Shade::Dark);
    let start = console::Start {
        url: "http://127.0.0.1:3080".to_owned(),
        found: String::new(),
        token: false,
        read_only: false,
        version: "0.1.0",
        settings: Default::default(),
    };
    let mut inside = console::Model::new(start, model.shared.look.theme, now());
    inside.inside = true;
    model.console = Some(Box::new(inside));
    let alt = |model: &mut Model, digit| {
        let key = KeyEvent::new(KeyCode::Char(digit), KeyModifiers::ALT);
        model.update(Message::Input(Input::Key(key), moment()));
    };
    letter(&mut model, '4');
    letter(&mut model, '8');
    letter(&mut model, '2');
    letter(&mut model, '/');
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.screen, Screen::Provider, "the digit is the console's, and the filter is left first");
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.screen, Screen::Accounts);
    letter(&mut model, '8');
    letter(&mut model, '?');
    alt(&mut model, '5');
    assert_eq!(model.screen, Screen::Provider, "what is open stays until it is left");
    press(&mut model, KeyCode::Esc);
    alt(&mut model, '5');
    assert_eq!(model.screen, Screen::Requests);
}

#[test]
fn a_key_that_a_screen_has_nothing_for_says_so() {
    let mut model = full(Shade::Dark);
    for screen in ['1', '7', '9', '0'] {
        letter(&mut model, screen);
        letter(&mut model, 'D');
        let told = model.toasts.pop().map(|toast| toast.text);
        assert_eq!(told.as_deref(), Some("not on this screen; 4 Accounts moves money"), "{screen}");
        letter(&mut model, ':');
        typed(&mut model, "deposit");
        assert!(!picture(&painted(&model)).contains(texts::keys::DEPOSIT), "{screen}");
        press(&mut model, KeyCode::Esc);
    }
    letter(&mut model, '1');
    letter(&mut model, '/');
    assert!(model.toasts.iter().any(|toast| toast.text == "not on this screen"));
}

#[test]
fn the_status_line_keeps_what_matters() {
    let mut model = full(Shade::Dark);
    resize(&mut model, 60, 16);
    let status = |model: &Model| picture(&painted(model)).lines().rev().nth(1).unwrap_or_default().to_owned();
    let shown = status(&model);
    assert!(shown.contains("spendable") && shown.contains("1 pending"), "{shown}");
    letter(&mut model, 'x');
    let shown = status(&model);
    assert!(shown.starts_with(" private │ spendable ••••• │ today"), "{shown}");
}

#[test]
fn a_filter_is_kept_by_enter_and_cleared_by_esc_wherever_it_is_typed() {
    let mut model = full(Shade::Dark);
    for screen in ['2', '4', '5', '9'] {
        letter(&mut model, screen);
        letter(&mut model, '/');
        typed(&mut model, "e");
        assert!(picture(&painted(&model)).contains("enter keep"), "{screen}");
        assert!(picture(&painted(&model)).contains("esc clear"), "{screen}");
        press(&mut model, KeyCode::Enter);
        assert!(picture(&painted(&model)).contains("/e"), "{screen}");
        letter(&mut model, '/');
        press(&mut model, KeyCode::Esc);
        assert!(!picture(&painted(&model)).contains("/e"), "{screen}");
    }
}

#[test]
fn help_is_named_on_every_screen_of_any_width() {
    let mut model = full(Shade::Dark);
    for screen in Screen::ALL.into_iter().filter(|one| *one != Screen::Provider) {
        update::go(&mut model, screen, &mut Default::default());
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            resize(&mut model, width, height);
            let shown = picture(&painted(&model));
            let last = shown.lines().last().unwrap_or_default();
            let key = if screen == Screen::Chat { "F1 help" } else { "? help" };
            assert!(last.ends_with(key), "{}: {last}", screen.title());
        }
    }
}

#[test]
fn a_name_is_kept_and_forgotten() {
    use crate::tui::user::orders::follow;
    use crate::tui::user::part::Order;
    let mut model = full(Shade::Dark);
    let mut step = Default::default();
    follow(&mut model, vec![Order::Alias(provider(2))], &mut step);
    typed(&mut model, "mine");
    let done = press(&mut model, KeyCode::Enter);
    assert!(matches!(&done.effects[..], [Effect::Name { alias: Some(name), .. }] if name == "mine"));
    assert_eq!(model.shared.provider(provider(2)), "@mine");
    follow(&mut model, vec![Order::Alias(provider(2))], &mut step);
    control(&mut model, 'u');
    let done = press(&mut model, KeyCode::Enter);
    assert!(matches!(&done.effects[..], [Effect::Name { alias: None, .. }]));
}

#[test]
fn what_was_said_before_the_mask_is_hidden_by_it() {
    use crate::tui::user::orders::toast;
    let mut model = full(Shade::Dark);
    let (short, whole) = (model.shared.look.short(provider(2)), provider(2).to_string());
    toast(&mut model, Tone::Good, &format!("deposit of 1,234,567 neuron with {short} is on the chain"));
    toast(&mut model, Tone::Plain, &format!("settled provider={whole} owed=9000015400"));
    letter(&mut model, '9');
    let shows = |model: &Model, text: &str| picture(&painted(model)).contains(text);
    assert!(shows(&model, &short) && shows(&model, "9000015400"));
    letter(&mut model, 'x');
    for secret in [&short[..], &whole[..10], "1,234,567", "9000015400"] {
        assert!(!shows(&model, secret), "{secret}");
    }
    press(&mut model, KeyCode::Enter);
    assert!(!shows(&model, &whole[..10]), "nor in the whole line");
    letter(&mut model, 'x');
    assert!(shows(&model, "9000015400"), "and it comes back");
}

#[test]
fn pictures() {
    snap("frame_fresh", fresh, |_| {});
    snap("frame_help", full, |model| {
        letter(model, '?');
    });
    snap("frame_palette", full, |model| {
        letter(model, ':');
        typed(model, "screen");
    });
    snap("frame_too_small", full, |model| model.shared.size = (59, 15));
}
