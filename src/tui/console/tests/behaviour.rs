//! What keys, answers and beats lead to.

use crossterm::event::KeyCode;

use super::super::message::{Effect, Message, Order, Payload, Source};
use super::super::model::{Link, Model, Over, Screen};
use super::super::settle::Settle;
use super::scene::{
    beat, control, fresh, full, letter, moment, now, painted, payload, picture, press, report, resize,
    settled, start, typed,
};
use crate::client::events::News;
use crate::client::{ClientError, Outcome};
use crate::tui::input::Input;
use crate::tui::shell::{Program, ScreenOrder, Step};
use crate::tui::theme::{Shade, Theme};

fn fetched(step: &Step<Effect>) -> Vec<Source> {
    let source = |effect: &Effect| match effect {
        Effect::Fetch(source) => Some(*source),
        _ => None,
    };
    step.effects.iter().filter_map(source).collect()
}

fn silence() -> ClientError {
    ClientError::Unreachable { base: String::new(), reason: "connection refused".to_owned() }
}

#[test]
fn an_idle_screen_draws_nothing() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '4');
    for source in Source::ALL {
        model.update(Message::Got(source, Ok(payload(source))));
    }
    let mut drawn = 0;
    for _ in 0..600 {
        let step = beat(&mut model, 1);
        drawn += u32::from(step.changed);
        for source in fetched(&step) {
            drawn += u32::from(model.update(Message::Got(source, Ok(payload(source)))).changed);
        }
    }
    assert_eq!(drawn, 10, "ages change once a minute, and nothing else does");
}

#[test]
fn a_countdown_ticks_only_where_it_is_seen() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '2');
    assert!(beat(&mut model, 1).changed);
    letter(&mut model, '4');
    assert!(!beat(&mut model, 1).changed);
    letter(&mut model, '2');
    beat(&mut model, 100);
    assert!(!beat(&mut model, 1).changed, "the refund is unlocked; nothing is counted any more");
    assert!(picture(&painted(&model)).contains("▲ refund unlocked"));
}

#[test]
fn listings_are_read_when_in_sight_and_due() {
    let mut model = fresh(Shade::Dark);
    let step = beat(&mut model, 1);
    assert_eq!(fetched(&step), Screen::Overview.sources(), "what is watched is in sight here");
    assert!(fetched(&beat(&mut model, 1)).is_empty(), "all are under way");
    for source in Source::ALL {
        model.update(Message::Got(source, Ok(payload(source))));
    }
    assert!(fetched(&beat(&mut model, 1)).contains(&Source::Overview), "without events every second");
    for source in Source::ALL {
        model.update(Message::Got(source, Ok(payload(source))));
    }
    model.update(Message::News(News::Up));
    assert!(fetched(&beat(&mut model, 1)).contains(&Source::Users), "what was old when it connected");
    for source in Source::ALL {
        model.update(Message::Got(source, Ok(payload(source))));
    }
    assert!(fetched(&beat(&mut model, 1)).is_empty(), "with events they are left alone");
    let step = model.update(Message::News(News::Changed("AccountChanged".to_owned())));
    assert!(fetched(&step).contains(&Source::Users));
    assert!(!fetched(&step).contains(&Source::Requests), "nobody looks at them");
    let step = model.update(Message::News(News::Changed("AccountChanged".to_owned())));
    assert!(fetched(&step).is_empty(), "a storm of events asks once a second");
}

#[test]
fn silence_keeps_what_was_read_and_waits_longer_and_longer() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '2');
    let mut waits = Vec::new();
    let mut last = model.look.now;
    model.update(Message::Got(Source::Users, Err(silence())));
    model.update(Message::Got(Source::Overview, Err(silence())));
    for _ in 0..120 {
        for source in fetched(&beat(&mut model, 1)) {
            assert_eq!(source, Source::Overview);
            waits.push(model.look.now.seconds_since(last));
            last = model.look.now;
            model.update(Message::Got(source, Err(silence())));
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    let text = picture(&painted(&model));
    assert!(text.contains("silent since 12:00:00") && text.contains("9,900,000"), "{text}");
    assert!(text.contains("as of 12:00:00 UTC"), "{text}");
    let step = model.update(Message::Got(Source::Overview, Ok(payload(Source::Overview))));
    assert_eq!(model.link, Link::Up);
    assert!(fetched(&step).contains(&Source::Users), "all is read again at once");
    assert!(model.toasts.iter().any(|toast| toast.text == "the broker answers again"));
}

#[test]
fn settling_needs_a_preview_and_a_y() {
    let mut model = full(Shade::Dark);
    let step = letter(&mut model, 'T');
    assert!(matches!(step.effects[..], [Effect::Preview]));
    assert!(letter(&mut model, 'y').effects.is_empty(), "there is nothing to confirm yet");
    model.update(Message::Previewed(Ok(report()), "key-1".to_owned(), moment()));
    assert!(press(&mut model, KeyCode::Enter).effects.is_empty(), "Cancel has the focus");
    assert!(matches!(model.over, Over::Nothing));
    letter(&mut model, 'T');
    model.update(Message::Previewed(Ok(report()), "key-2".to_owned(), moment()));
    let sent = letter(&mut model, 'y').effects;
    assert!(matches!(&sent[..], [Effect::Settle { key }] if key == "key-2"));
    assert!(letter(&mut model, 'y').effects.is_empty(), "once is enough");
    // The answer is lost: trying again carries the same key.
    model.update(Message::Settled(Err(silence())));
    let sent = letter(&mut model, 'y').effects;
    assert!(matches!(&sent[..], [Effect::Settle { key }] if key == "key-2"));
    model.update(Message::Settled(Ok(Some(settled()))));
    assert!(matches!(model.over, Over::Settle(Settle::Done { .. })));
    assert!(model.toasts.iter().any(|toast| toast.text == "settled: 23,400,000 neuron from 3 users"));
    press(&mut model, KeyCode::Esc);
    assert!(matches!(model.over, Over::Nothing));
}

/// A preview that is shown, the dialog being asked for it.
fn previewed(model: &mut Model, key: &str) {
    model.update(Message::Previewed(Ok(report()), key.to_owned(), moment()));
}

#[test]
fn hints_name_the_keys_that_the_settings_gave() {
    let mut start = start();
    let keys = [("settle", "Z"), ("help", "H"), ("mouse", "U")];
    start.settings.keys = keys.map(|(name, key)| (name.to_owned(), vec![key.to_owned()])).into();
    let mut model = Model::new(start, Theme::new(Shade::Dark, true), now());
    resize(&mut model, 120, 40);
    let shown = picture(&painted(&model));
    let last = shown.lines().last().unwrap_or_default();
    assert!(last.contains("Z settle") && last.ends_with("H help") && !last.contains("T settle"), "{last}");
    letter(&mut model, 'U');
    assert!(model.toasts.iter().any(|toast| toast.text.contains("; U ")), "{:?}", model.toasts);
}

#[test]
fn a_settlement_is_scrolled_no_further_than_to_its_end() {
    let mut model = full(Shade::Dark);
    resize(&mut model, 60, 16);
    letter(&mut model, 'T');
    model.update(Message::Previewed(Ok(report()), "k".to_owned(), moment()));
    for _ in 0..40 {
        press(&mut model, KeyCode::Down);
    }
    let end = picture(&painted(&model));
    press(&mut model, KeyCode::Up);
    assert_ne!(picture(&painted(&model)), end);
}

#[test]
fn the_form_says_all_of_what_it_does() {
    for (width, height) in [(60, 16), (80, 24), (120, 40)] {
        let mut model = full(Shade::Dark);
        resize(&mut model, width, height);
        typed(&mut model, "4e");
        let shown = picture(&painted(&model));
        assert!(shown.contains("mined."), "{shown}");
    }
}

#[test]
fn an_old_preview_is_shown_anew_before_it_is_settled() {
    let mut model = full(Shade::Dark);
    let later = |model: &mut Model, seconds: u64, code: KeyCode| {
        let at = moment().plus_seconds(seconds);
        model.update(Message::Input(Input::Key(code.into()), at))
    };
    letter(&mut model, 'T');
    previewed(&mut model, "key-1");
    let step = later(&mut model, 60, KeyCode::Char('y'));
    assert!(matches!(step.effects[..], [Effect::Preview]), "{:?}", step.effects);
    assert!(letter(&mut model, 'y').effects.is_empty(), "it is asked for once");
    let text = picture(&painted(&model));
    assert!(text.contains("Asking the broker") && !text.contains("[ Settle"), "{text}");
    // Silence leaves what was there, and nothing is settled.
    model.update(Message::Previewed(Err(silence()), "key-2".to_owned(), moment()));
    assert!(picture(&painted(&model)).contains("not settled: no broker answers"));
    assert!(matches!(later(&mut model, 60, KeyCode::Char('y')).effects[..], [Effect::Preview]));
    let mut other = report();
    other.rows.truncate(1);
    model.update(Message::Previewed(Ok(other), "key-3".to_owned(), moment().plus_seconds(60)));
    let text = picture(&painted(&model));
    assert!(text.contains("had grown old") && text.contains("1 user"), "{text}");
    let sent = later(&mut model, 62, KeyCode::Char('y')).effects;
    assert!(matches!(&sent[..], [Effect::Settle { key }] if key == "key-1"), "{sent:?}");
}

#[test]
fn after_a_revert_the_order_has_another_key() {
    let mut model = full(Shade::Dark);
    letter(&mut model, 'T');
    previewed(&mut model, "key-1");
    letter(&mut model, 'y');
    let body = br#"{"error":{"code":"reverted","message":"the settlement was not done: out of gas"}}"#;
    let reverted = ClientError::refusal(reqwest::StatusCode::CONFLICT, body);
    model.update(Message::Settled(Err(reverted)));
    let text = picture(&painted(&model));
    assert!(text.contains("out of gas") && text.contains("the next y does it"), "{text}");
    assert!(matches!(letter(&mut model, 'y').effects[..], [Effect::Preview]));
    previewed(&mut model, "key-2");
    let sent = letter(&mut model, 'y').effects;
    assert!(matches!(&sent[..], [Effect::Settle { key }] if key == "key-2"), "{sent:?}");
}

#[test]
fn privacy_hides_nothing_that_is_confirmed() {
    let mut model = full(Shade::Dark);
    model.look.masked = true;
    letter(&mut model, 'T');
    previewed(&mut model, "key-1");
    let text = picture(&painted(&model));
    for shown in ["23,400,000 neuron", "134,000,000,000,000 neuron", "9,900,000", "700,000"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(text.contains(&report().rows[0].user.to_string()), "{text}");
    letter(&mut model, 'y');
    assert!(!picture(&painted(&model)).contains("23,400,000"), "it asks no more");
}

#[test]
fn read_only_refuses_whatever_changes_something() {
    let mut read_only = start();
    read_only.read_only = true;
    let mut model = Model::new(read_only, Theme::new(Shade::Dark, true), now());
    for source in Source::ALL {
        model.update(Message::Got(source, Ok(payload(source))));
    }
    letter(&mut model, '4');
    for key in ['T', 'n', 'e', 'p', 'D', 'r'] {
        let step = letter(&mut model, key);
        assert!(step.effects.iter().all(|effect| matches!(effect, Effect::Fetch(_))), "{key}");
        assert!(matches!(model.over, Over::Nothing), "{key}");
    }
    assert!(picture(&painted(&model)).contains("READ-ONLY"));
    letter(&mut model, ':');
    typed(&mut model, "settle now");
    let step = press(&mut model, KeyCode::Enter);
    assert!(step.effects.is_empty() && !matches!(model.over, Over::Settle(_)), "nor by its name");
}

#[test]
fn a_refused_form_keeps_what_was_typed() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '4');
    letter(&mut model, 'n');
    for text in
        ["llama", "", "http://127.0.0.1:9/v1", "", "100000", "200000", "", "authorization: Bearer k", ""]
    {
        typed(&mut model, text);
        press(&mut model, KeyCode::Tab);
    }
    let effects = control(&mut model, 's').effects;
    let Some(Effect::Do(number, order @ Order::Register { .. })) = effects.into_iter().next() else {
        panic!("it is sent")
    };
    let body =
        br#"{"error":{"code":"bad_input","message":"URL: nobody answers there","details":{"field":"URL"}}}"#;
    let error = ClientError::refusal(reqwest::StatusCode::BAD_REQUEST, body);
    model.update(Message::Ordered(number, order.clone(), Err(error)));
    let Over::Form(form) = &model.over else { panic!("it stays open") };
    assert_eq!(form.form.value("Name"), "llama");
    assert_eq!(form.form.fields[form.form.focus].key, "URL");
    assert!(form.form.fields[form.form.focus].complaint.as_deref().unwrap().contains("nobody answers there"));
    assert!(!picture(&painted(&model)).contains("Bearer"), "headers are masked");
    // Left and opened again, it is as it was.
    press(&mut model, KeyCode::Esc);
    letter(&mut model, 'n');
    let Over::Form(form) = &model.over else { panic!("it opens") };
    assert_eq!(form.form.value("inputPrice"), "100000");
    let effects = control(&mut model, 's').effects;
    let [Effect::Do(number, _)] = effects[..] else { panic!("it is sent again") };
    model.update(Message::Ordered(number, order, Ok(Outcome::Done)));
    assert!(matches!(model.over, Over::Nothing));
    assert!(model.draft.is_none());
}

#[test]
fn what_is_not_known_is_no_green_toast() {
    let mut model = full(Shade::Dark);
    model.update(Message::Ordered(1, Order::Repair, Ok(Outcome::Unknown)));
    let seen = picture(&painted(&model));
    assert!(seen.contains("not known yet whether all"), "{seen}");
    let mut report = settled();
    report.transactions[0].state = "sent".to_owned();
    model.update(Message::Settled(Ok(Some(report))));
    let seen = picture(&painted(&model));
    assert!(seen.contains("the settlement is sent, not in a block yet"), "{seen}");
    assert!(!seen.contains("settled: "), "{seen}");
}

#[test]
fn a_change_sends_only_what_changed() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '4');
    letter(&mut model, 'e');
    control(&mut model, 's');
    let Over::Form(form) = &model.over else { panic!("nothing was changed, so nothing was sent") };
    assert_eq!(form.form.complaint.as_deref(), Some("nothing is changed yet"));
    typed(&mut model, "0");
    let effects = control(&mut model, 's').effects;
    let Some(Effect::Do(_, Order::Change { name, change })) = effects.into_iter().next() else {
        panic!("sent")
    };
    assert_eq!((name.as_str(), change.input_price.unwrap().get()), ("eliza", 1_000_000));
    assert!(change.url.is_none() && change.output_price.is_none() && change.headers.is_none());
    assert!(change.max_in_flight.is_none());
}

#[test]
fn a_second_change_is_never_taken_for_the_first() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '4');
    letter(&mut model, 'e');
    typed(&mut model, "0");
    let effects = control(&mut model, 's').effects;
    let Some(Effect::Do(first, order)) = effects.into_iter().next() else { panic!("sent") };
    press(&mut model, KeyCode::Esc);
    letter(&mut model, 'e');
    typed(&mut model, "7");
    assert!(control(&mut model, 's').effects.is_empty(), "the first one is under way");
    let unsent = |model: &Model, why: &str| {
        let Over::Form(form) = &model.over else { panic!("{why}") };
        assert_eq!((form.sending, form.form.value("inputPrice")), (None, "1000007"), "{why}");
    };
    unsent(&model, "it was not sent");
    model.update(Message::Ordered(first, order, Ok(Outcome::Done)));
    unsent(&model, "nor did the first one send it");
    let effects = control(&mut model, 's').effects;
    let Some(Effect::Do(second, order @ Order::Change { .. })) = effects.into_iter().next() else {
        panic!("now it goes")
    };
    assert_ne!(second, first);
    model.update(Message::Ordered(second, order, Ok(Outcome::Done)));
    assert!(matches!(model.over, Over::Nothing));
}

#[test]
fn services_are_deleted_and_paused_only_after_a_question() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '4');
    letter(&mut model, 'D');
    assert!(press(&mut model, KeyCode::Enter).effects.is_empty());
    letter(&mut model, 'D');
    assert!(letter(&mut model, 'D').effects.is_empty(), "the key that asked does not confirm");
    let effects = letter(&mut model, 'y').effects;
    assert!(matches!(&effects[..], [Effect::Do(_, Order::Remove { name })] if name.as_str() == "eliza"));
    press(&mut model, KeyCode::Char('G'));
    letter(&mut model, 'p');
    let effects = letter(&mut model, 'y').effects;
    assert!(
        matches!(&effects[..], [Effect::Do(_, Order::Pause { name, pause: false })] if name.as_str() == "storage"),
        "a paused one is resumed"
    );
}

#[test]
fn escape_goes_back_one_step_and_q_quits_from_the_top() {
    let mut model = full(Shade::Dark);
    resize(&mut model, 80, 24);
    letter(&mut model, '2');
    letter(&mut model, '/');
    typed(&mut model, "refund");
    press(&mut model, KeyCode::Enter);
    press(&mut model, KeyCode::Enter);
    assert!(model.pane.is_open());
    assert!(letter(&mut model, 'q').screen.is_empty(), "q goes back from what covers the list");
    assert!(!model.pane.is_open());
    assert_eq!(model.users.shown(), 1);
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.users.shown(), 5);
    assert!(press(&mut model, KeyCode::Esc).screen.is_empty(), "escape never quits");
    assert_eq!(letter(&mut model, 'q').screen, [ScreenOrder::Quit]);
}

#[test]
fn what_is_copied_is_said() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '3');
    let id = model.requests.selected().unwrap().request_id.to_string();
    let screen = letter(&mut model, 'y').screen;
    let [ScreenOrder::Copy { text, what }] = &screen[..] else { panic!("it is copied") };
    assert_eq!(*text, id);
    let (what, way) = (what.clone(), crate::tui::clipboard::Way::Tmux);
    model.update(Message::Followed(crate::tui::shell::Followed::Copied { what, way }));
    let toast = &model.toasts[0].text;
    assert!(toast.starts_with("copied the request's id") && toast.ends_with("into tmux's buffer"), "{toast}");
    let screen = letter(&mut model, 'Y').screen;
    assert!(
        matches!(&screen[..], [ScreenOrder::Copy { text, .. }] if text.contains("At most: 6,600,000 neuron"))
    );
}

#[test]
fn resize_loses_nothing_and_too_small_says_so() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '4');
    letter(&mut model, 'n');
    typed(&mut model, "half-typ");
    for (width, height) in [(20, 5), (1, 1), (59, 16), (200, 60), (60, 16), (80, 24)] {
        resize(&mut model, width, height);
        let text = picture(&painted(&model));
        assert_eq!(text.contains("half-typ"), width >= 60, "{width}×{height}\n{text}");
    }
    resize(&mut model, 40, 10);
    assert!(picture(&painted(&model)).starts_with("This window is 40×10; the console needs\n60×16."));
}

#[test]
fn frozen_shows_the_same_until_it_is_let_go() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '2');
    letter(&mut model, 'f');
    assert!(fetched(&beat(&mut model, 60)).is_empty());
    model.update(Message::Got(Source::Users, Ok(Payload::Users(Vec::new()))));
    assert_eq!(model.users.rows().len(), 5);
    assert!(fetched(&letter(&mut model, 'f')).contains(&Source::Users));
}

#[test]
fn transactions_are_told_once_and_again_when_they_change() {
    let mut model = full(Shade::Dark);
    let lines = |model: &Model| model.log.rows().iter().map(|line| line.text.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&model).len(), 2);
    model.update(Message::Got(Source::Operations, Ok(payload(Source::Operations))));
    assert_eq!(lines(&model).len(), 2);
    let Payload::Operations(mut operations) = payload(Source::Operations) else { panic!("it is that") };
    operations[1].state = "mined".to_owned();
    operations[1].block = Some(7);
    model.update(Message::Got(Source::Operations, Ok(Payload::Operations(operations))));
    assert!(lines(&model)[2].starts_with("registration of a service is mined in block 7, transaction 0x"));
    assert_eq!(model.toasts.len(), 0, "the order that led to it has its own");
    let Payload::Operations(mut operations) = payload(Source::Operations) else { panic!("it is that") };
    operations[1].state = "reverted".to_owned();
    model.update(Message::Got(Source::Operations, Ok(Payload::Operations(operations))));
    assert_eq!(model.toasts.len(), 1, "what went wrong is told aloud");
}

#[test]
fn a_token_that_others_can_read_is_warned_of() {
    for (url, readable) in [
        ("http://127.0.0.1:3080", false),
        ("http://[::1]:3080", false),
        ("https://provider.example", false),
        ("http://provider.example", true),
    ] {
        let start = super::super::model::Start { url: url.to_owned(), token: true, ..start() };
        let mut model = Model::new(start, Theme::new(Shade::Dark, true), now());
        letter(&mut model, '0');
        assert_eq!(picture(&painted(&model)).contains("! sent readable"), readable, "{url}");
    }
}
