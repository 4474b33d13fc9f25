//! What a change costs, counted: bytes to the terminal, and frames while nothing happens.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::scene::{full, now, provider, service, services, snapshot};
use crate::broker::user::{AccountView, Snapshot};
use crate::domain::{Neuron, ServiceKind};
use crate::tui::pictures::{letter, resize};
use crate::tui::shell::Program;
use crate::tui::theme::Shade;
use crate::tui::user::message::Message;
use crate::tui::user::model::Model;
use crate::tui::user::screen::Screen;
use crate::tui::user::update;

/// The user's books while nothing is under way.
fn quiet() -> Snapshot {
    let accounts =
        snapshot().accounts.iter().map(|one| AccountView { refund: None, ..one.clone() }).collect();
    Snapshot { accounts, operations: Vec::new(), reserved: Neuron::ZERO, ..(*snapshot()).clone() }
}

/// Counts what a terminal would be sent. Bytes.
#[derive(Clone, Default)]
struct Line(Rc<Cell<usize>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_row_that_changed_costs_a_twentieth_of_a_repaint() {
    let many = |dearer: u128| -> Message {
        let price = |n: u8| if n == 7 { 100_000 + dearer } else { 100_000 };
        let row =
            |n: u8| service(provider(n), &format!("llama{n}b"), ServiceKind::Chatbot, (price(n), 200_000));
        Message::Services((1..=60).map(row).collect())
    };
    let accounts = |spent: u128| -> Message {
        let mut snapshot = quiet();
        let first = snapshot.accounts[0].clone();
        let row = |n: u8| AccountView { provider: provider(n), ..first.clone() };
        snapshot.accounts = (1..=60).map(row).collect();
        snapshot.accounts[6].owed = Neuron::new(4_620_000_000 + spent);
        Message::Snapshot(Arc::new(snapshot))
    };
    let cases: [(char, &dyn Fn(u128) -> Message); 2] = [('2', &many), ('4', &accounts)];
    for (screen, message) in cases {
        let mut model = full(Shade::Dark);
        resize(&mut model, 120, 40);
        letter(&mut model, screen);
        model.update(message(0));
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 120, 40)) };
        let line = Line::default();
        let mut terminal = Terminal::with_options(CrosstermBackend::new(line.clone()), options).unwrap();
        let mut written = |model: &Model| {
            line.0.set(0);
            terminal.draw(|frame| model.draw(frame)).unwrap();
            line.0.get()
        };
        let whole = written(&model);
        assert!(written(&model) < 40, "the same once more");
        assert!(model.update(message(5_000_000)).changed);
        let row = written(&model);
        println!("screen {screen}: {row} of {whole} bytes");
        assert!(row > 0 && row * 20 <= whole, "screen {screen}: {row} of {whole} bytes");
    }
}

#[test]
fn nobody_draws_while_nothing_happens() {
    for screen in Screen::ALL {
        let mut model = full(Shade::Dark);
        model.update(Message::Snapshot(Arc::new(quiet())));
        model.update(Message::Services(services()));
        update::go(&mut model, screen, &mut Default::default());
        // What opening it brings about is over, and the minute begins.
        let mut at = now();
        loop {
            at = at.plus_seconds(1);
            model.update(Message::Beat(at));
            if at.as_seconds() > now().as_seconds() + 60 && at.as_seconds().is_multiple_of(60) {
                break;
            }
        }
        let frames = (1..60).filter(|_| {
            at = at.plus_seconds(1);
            model.update(Message::Beat(at)).changed
        });
        assert_eq!(frames.count(), 0, "{}", screen.title());
        assert!(model.update(Message::Beat(at.plus_seconds(1))).changed, "ages of a minute move on");
    }
}
