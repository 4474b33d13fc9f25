//! Pictures of every screen and dialog, at three sizes, dark with its styles and light.
//!
//! `INSTA_UPDATE=always cargo test --lib tui` draws them anew; look at the difference before it is committed.

use crossterm::event::KeyCode;

use super::super::message::{Message, Source};
use super::super::model::{Link, Model};
use super::scene::{
    beat, control, fresh, full, letter, moment, now, painted, press, report, resize, settled, typed,
};
use crate::client::ClientError;
use crate::tui::input::Input;
use crate::tui::shell::Program;
use crate::tui::theme::Shade;

/// Draws what `prepare` brings about, in every size and shade.
fn snap(name: &str, build: impl Fn(Shade) -> Model, prepare: impl Fn(&mut Model)) {
    crate::tui::pictures::snap("console/tests/snapshots", name, |shade, (width, height)| {
        let mut model = build(shade);
        resize(&mut model, width, height);
        prepare(&mut model);
        painted(&model)
    });
}

fn keys(keys: &'static str) -> impl Fn(&mut Model) {
    move |model| {
        for c in keys.chars() {
            if c == '\n' {
                press(model, KeyCode::Enter);
            } else {
                letter(model, c);
            }
        }
    }
}

#[test]
fn every_screen() {
    for (name, digit) in [
        ("overview", "1"),
        ("users", "2"),
        ("requests", "3"),
        ("services", "4"),
        ("settlements", "5"),
        ("log", "6"),
        ("settings", "0"),
    ] {
        snap(name, full, keys(digit));
    }
}

#[test]
fn every_detail() {
    snap("user_detail", full, keys("2j\n"));
    snap("request_detail", full, keys("3jj\n"));
    snap("service_detail", full, keys("4j\n"));
    snap("settlement_detail", full, keys("5j\n"));
}

#[test]
fn every_dialog() {
    let preview = |model: &mut Model| {
        letter(model, 'T');
        model.update(Message::Previewed(Ok(report()), "k".to_owned(), moment()));
    };
    snap("settle_asking", full, keys("T"));
    snap("settle_preview", full, preview);
    snap("settle_sending", full, |model| {
        preview(model);
        letter(model, 'y');
        beat(model, 3);
    });
    snap("settle_failed", full, |model| {
        preview(model);
        letter(model, 'y');
        let error = ClientError::BrokenOff("connection reset".to_owned());
        model.update(Message::Settled(Err(error)));
        model.toasts.clear();
    });
    let old = |model: &mut Model| {
        preview(model);
        let (key, at) = (KeyCode::Char('y').into(), moment().plus_seconds(60));
        model.update(Message::Input(Input::Key(key), at));
    };
    snap("settle_asking_anew", full, old);
    snap("settle_anew", full, |model| {
        old(model);
        model.update(Message::Previewed(Ok(report()), "k".to_owned(), moment()));
    });
    snap("settle_done", full, |model| {
        preview(model);
        letter(model, 'y');
        model.update(Message::Settled(Ok(Some(settled()))));
    });
    snap("register", full, keys("4n"));
    snap("register_refused", full, |model| {
        keys("4n")(model);
        typed(model, "bad name");
        control(model, 's');
    });
    snap("change", full, keys("4e"));
    snap("pause", full, keys("4p"));
    snap("delete", full, keys("4D"));
    snap("repair", full, keys("4r"));
    snap("help", full, keys("?"));
    snap("palette", full, keys(":set"));
    snap("filter", full, keys("2/refund"));
}

#[test]
fn every_emptiness() {
    snap("overview_fresh", fresh, keys("1"));
    snap("users_fresh", fresh, keys("2"));
    let empty = |model: &mut Model| {
        use super::super::message::Payload;
        model.update(Message::Got(Source::Users, Ok(Payload::Users(Vec::new()))));
    };
    snap("users_empty", fresh, |model| {
        letter(model, '2');
        empty(model);
    });
    snap("overview_absent", full, |model| {
        let body = br#"{"error":{"code":"no_such_route","message":"there is no GET /v1/overview here"}}"#;
        let error = ClientError::refusal(reqwest::StatusCode::NOT_FOUND, body);
        model.overview = None;
        model.update(Message::Got(Source::Overview, Err(error)));
    });
    snap("silent", full, |model| {
        letter(model, '2');
        let error = ClientError::Unreachable { base: String::new(), reason: "connection refused".to_owned() };
        model.update(Message::Got(Source::Users, Err(error)));
        assert!(matches!(model.link, Link::Down { since, .. } if since == now()));
    });
    snap("private", full, keys("2x\n"));
}
