//! The log screen: what comes in, what stays, what is followed.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use crossterm::event::KeyCode;

use super::*;
use crate::attacks::{found, short_attacks};
use crate::log_lines::LogLevel;
use crate::tui::pictures::{harmless, letter, press, typed};
use crate::tui::shell::{Program, ScreenOrder};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::tests::scene::{full, now, painted, snap};

fn line(number: u64, level: LogLevel, text: &str) -> Arc<LogLine> {
    let lines = LogLines::default();
    let clean = lines.push(level, text).text.clone();
    Arc::new(LogLine { number, at: now().plus_seconds(number), level, text: clean })
}

fn opened(shade: Shade) -> Model {
    let mut model = full(shade);
    let effects = letter(&mut model, '9').effects;
    assert!(matches!(&effects[..], [Effect::Log(Ask::Follow(_))]));
    model
}

fn told(model: &mut Model, lines: Vec<Arc<LogLine>>) {
    assert!(model.update(Message::Log(Answer::Lines(lines))).changed);
}

fn some(model: &mut Model) {
    use LogLevel::{Debug, Error, Info, Warn};
    let long = "error sending request for url (http://127.0.0.1:8545/): client error (Connect): tcp connect error: \
                Connection refused (os error 111); asked again in 3 seconds, and again until the node answers";
    told(
        model,
        vec![
            line(1, Info, "accounts were read block=7 accounts=2"),
            line(2, Debug, "voucher pushed provider=0x0101…0101"),
            line(3, Warn, "waiting for the chain"),
            line(4, Error, long),
            line(5, Info, "evil \u{1b}]0;owned\u{7}\u{202e}[2J"),
        ],
    );
}

fn selected(model: &Model) -> String {
    model.log.table.selected().unwrap().text.clone()
}

#[test]
fn levels_are_filtered_by_name() {
    let mut model = opened(Shade::Dark);
    some(&mut model);
    letter(&mut model, '/');
    typed(&mut model, "level:warn");
    press(&mut model, KeyCode::Enter);
    assert_eq!(model.log.table.shown(), 1);
    assert_eq!(selected(&model), "waiting for the chain");
    press(&mut model, KeyCode::Esc);
    letter(&mut model, '/');
    typed(&mut model, "from:screens");
    assert!(model.log.table.listed().all(|line| line.from == line::From::Screens));
}

#[test]
fn the_newest_is_followed_until_somebody_looks_elsewhere() {
    let mut model = opened(Shade::Dark);
    some(&mut model);
    let next = |model: &mut Model, number| {
        told(model, vec![line(number, LogLevel::Info, &format!("line {number}"))])
    };
    next(&mut model, 10);
    assert_eq!(selected(&model), "line 10");
    letter(&mut model, 'j');
    let there = selected(&model);
    next(&mut model, 11);
    assert_eq!(selected(&model), there, "what somebody reads stays");
    letter(&mut model, 'g');
    next(&mut model, 12);
    assert_eq!(selected(&model), "line 12");
    // The other way round the newest is the last one.
    letter(&mut model, 'S');
    letter(&mut model, 'G');
    next(&mut model, 13);
    assert_eq!(selected(&model), "line 13");
    letter(&mut model, 'k');
    next(&mut model, 14);
    assert_eq!(selected(&model), "line 12");
}

#[test]
fn both_kinds_of_lines_are_bounded_apart() {
    let mut model = opened(Shade::Dark);
    let first = model.log.table.rows().len();
    told(&mut model, (1..=TOLD as u64 + 700).map(|n| line(n, LogLevel::Info, "x")).collect());
    assert_eq!(model.log.table.rows().len(), first + TOLD);
    for number in 0..NOTES + 5 {
        model.log.note(now(), Tone::Plain, format!("{number}"));
    }
    assert_eq!(model.log.table.rows().len(), NOTES + TOLD);
}

#[test]
fn lines_are_copied_as_they_are_listed() {
    let mut model = opened(Shade::Dark);
    some(&mut model);
    letter(&mut model, '/');
    typed(&mut model, "level:warn");
    press(&mut model, KeyCode::Enter);
    let orders = letter(&mut model, 'Y').screen;
    let [ScreenOrder::Copy { text, .. }] = &orders[..] else { panic!("{orders:?}") };
    assert!(text.ends_with("warn  waiting for the chain"), "{text}");
}

#[test]
fn nothing_of_a_line_steers_the_terminal() {
    for attack in short_attacks() {
        let mut model = opened(Shade::Dark);
        told(&mut model, vec![line(1, LogLevel::Info, &attack.text)]);
        model.log.note(now(), Tone::Bad, attack.text.clone());
        harmless(&painted(&model), attack.name);
        press(&mut model, KeyCode::Enter);
        harmless(&painted(&model), attack.name);
        let orders = letter(&mut model, 'Y').screen;
        if let [ScreenOrder::Copy { text, .. }] = &orders[..] {
            assert_eq!(found(&text.replace('\t', " ")), None, "{}", attack.name);
        }
    }
}

#[test]
fn pictures() {
    snap("log", opened, some);
    snap("log_filter", opened, |model| {
        some(model);
        letter(model, '/');
        typed(model, "level:error");
    });
    snap("log_open", opened, |model| {
        some(model);
        letter(model, 'j');
        press(model, KeyCode::Enter);
    });
}
