//! The provider's console: a screen over the admin API of a running broker, here or elsewhere.
//!
//! The model holds what the broker said last and what the person did to the view; it never adds or subtracts money.
//! Events of the broker only mark listings as old; a listing that is in sight is then read again, at most once a
//! second. Without events it is read once a second, with them every five seconds at the least. When the broker does not
//! answer, what was read stays in sight with its time, and it is asked again with longer and longer pauses.
//!
//! | file | holds |
//! |---|---|
//! | `model` | everything that is drawn |
//! | `message` | what can happen, what can be asked for |
//! | `update`, `keys`, `arrivals` | the one place that changes a model: beats, keys, answers |
//! | `runner` | effects performed on the client |
//! | `layout`, `view` | the frame around the screens |
//! | `overview`, `users`, `requests`, `services`, `settlements`, `log`, `settings` | the screens |
//! | `bindings`, `hints` | its keys, and those that the last line names |
//! | `settle`, `service_form`, `confirm` | what opens over them |
//! | `detail` | one row in full |

mod arrivals;
mod bindings;
mod confirm;
mod detail;
mod hints;
mod keys;
mod layout;
mod log;
mod message;
mod model;
mod overview;
mod requests;
mod runner;
mod service_form;
mod services;
mod settings;
mod settle;
mod settlements;
mod update;
mod users;
mod view;

#[cfg(test)]
mod tests;

pub use self::bindings::TABLES;
pub use self::message::{Effect, Message};
pub use self::model::{Model, Start};
pub use self::runner::{listen, perform};
pub use self::view::paint;

use std::time::Duration;

use tokio::sync::mpsc;

use super::shell::{self, Ended, Program, QUEUE, Step, TuiError};
use super::terminal::{self, Screen};
use crate::client::{Admin, Client};
use crate::domain::Timestamp;
use crate::tasks::Tasks;
use crate::tui::input::Input;

/// What runs when the screen closes may go on for so long: an order that was just sent.
const GRACE: Duration = Duration::from_millis(500);

/// Shows the console until somebody quits it.
pub async fn run(client: Client, start: Start, tasks: &Tasks) -> Result<Ended, TuiError> {
    terminal::usable()?;
    start.settings.check()?;
    let (mouse, theme) = (start.settings.mouse, start.settings.theme(terminal::theme()));
    let mut model = Model::new(start, theme, Timestamp::now());
    let own = tasks.child();
    let (sender, answers) = mpsc::channel(QUEUE);
    runner::listen(client.clone(), &own, sender.clone());
    let mut screen = Screen::enter(mouse)?;
    let admin = Admin::new(client);
    let ended =
        shell::run(&mut model, &mut screen, answers, |effect| runner::perform(effect, &admin, &own, &sender))
            .await;
    drop(screen);
    own.stop(GRACE).await;
    ended
}

impl Program for Model {
    type Message = Message;
    type Effect = message::Effect;

    fn input(input: Input, at: Timestamp) -> Message {
        Message::Input(input, at)
    }

    fn beat(now: Timestamp) -> Message {
        Message::Beat(now)
    }

    fn followed(what: shell::Followed) -> Message {
        Message::Followed(what)
    }

    fn update(&mut self, message: Message) -> Step<message::Effect> {
        update::update(self, message)
    }

    fn draw(&self, frame: &mut ratatui::Frame<'_>) {
        view::draw(self, frame);
    }
}
