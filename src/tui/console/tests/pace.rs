//! Ten thousand rows cost what thirty do.

use std::time::{Duration, Instant};

use serde_json::json;

use super::super::message::{Message, Payload, Source};
use super::scene::{full, letter, painted, resize, user};
use crate::tui::shell::Program;
use crate::tui::theme::Shade;

#[test]
fn a_frame_with_ten_thousand_users_is_quick() {
    let users: Vec<_> = (0..10_000).map(|n| user(n, u128::from(n) * 1000, "none")).collect();
    let users = serde_json::from_value(json!(users)).unwrap();
    let mut model = full(Shade::Dark);
    resize(&mut model, 200, 50);
    letter(&mut model, '2');
    model.update(Message::Got(Source::Users, Ok(Payload::Users(users))));
    letter(&mut model, 'G');
    assert_eq!(model.users.shown(), 10_000);
    let best = (0..20).map(|_| time(|| drop(painted(&model)))).min().unwrap_or_default();
    println!("a frame of 200×50 over 10,000 users: {best:?}");
    let key = (0..20).map(|_| time(|| drop(letter(&mut model, 'k')))).min().unwrap_or_default();
    println!("a key among 10,000 users: {key:?}");
    let sort = time(|| drop(letter(&mut model, 's')));
    println!("sorting 10,000 users: {sort:?}");
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
