//! The user's screens: what can be bought, the chat, the money, over a user broker in this process.
//!
//! ```text
//! key, paste, click ─┐                                  ┌─▶ orders: toast, go to a screen, money dialog, copy …
//! snapshot, event ───┼─▶ Message ─▶ update ─▶ a Part ───┤
//! answer ────────────┘      (pure)                      └─▶ asks ─▶ Effect ─▶ runner ─▶ UserBroker, Library ─▶ Message
//! ```
//!
//! Each screen is a [`part::Part`] in a folder of its own: its state, what it asks the broker for and what it is
//! answered, how it is drawn. Parts see what all of them need ([`shared::Shared`]) and never each other; what one wants of
//! another, or of the frame, it orders ([`part::Order`]).
//!
//! | file | holds |
//! |---|---|
//! | `message`, `model`, `update`, `keys`, `orders` | the one place that changes the model |
//! | `part`, `screen`, `shared` | what a screen is and sees |
//! | `runner` | effects performed on the broker, news of the broker as messages |
//! | `view`, `bindings` | the frame around the screens, its keys |
//! | `beside` | a list with details beside it |
//! | `money` | the dialogs of everything that moves money |
//! | `measure` | screens with many rows, for benches |
//! | `home`, `services`, `chat`, `accounts`, `requests`, `refunds`, `spend`, `storage`, `log`, `settings` | the screens |

mod accounts;
mod beside;
mod bindings;
mod chat;
mod home;
mod keys;
mod log;
#[doc(hidden)]
pub mod measure;
mod message;
mod model;
mod money;
mod orders;
mod part;
mod places;
mod refunds;
mod requests;
mod runner;
mod screen;
mod services;
mod settings;
mod shared;
mod spend;
mod storage;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use self::bindings::TABLES;
// What the plain mode says and does as the screens do.
pub(super) use self::model::Model as PlainModel;
pub(super) use self::money::{
    Kind as MoneyKind, Trial as MoneyTrial, act as money_act, ask as money_question,
    sentence as money_sentence,
};
pub use self::shared::{Given, Standing, Start};

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use self::message::{Effect, Message};
use self::model::Model;
use super::input::Input;
use super::shell::{self, Ended, Followed, Program, QUEUE, Step, TuiError};
use super::terminal::{self, Screen as Terminal};
use crate::broker::user::Library;
use crate::domain::Timestamp;
use crate::tasks::Tasks;

/// What runs when the screen closes may go on for so long: a transaction that was just ordered, a cut that is booked.
const GRACE: Duration = Duration::from_secs(2);

/// Shows the user's screens until somebody quits them.
pub async fn run(
    standing: watch::Receiver<Standing>,
    library: Library,
    start: Start,
    tasks: &Tasks,
) -> Result<Ended, TuiError> {
    terminal::usable()?;
    let own = tasks.child();
    let (sender, answers) = mpsc::channel(QUEUE);
    let mut runner = runner::Runner::new(&start, library.clone(), own.clone(), sender);
    let (mouse, theme) = (start.settings.mouse, start.settings.theme(terminal::theme()));
    let mut model = Model::new(start, theme, Timestamp::now())?;
    runner.listen(standing);
    let mut screen = Terminal::enter(mouse)?;
    let ended = shell::run(&mut model, &mut screen, answers, |effect| runner.perform(effect)).await;
    drop(screen);
    if model.recalled {
        runner::remember(&library, &update::memory(&model)).await;
    }
    model.chat.keep_unsaved(&library).await;
    own.stop(GRACE).await;
    ended
}

impl Program for Model {
    type Message = Message;
    type Effect = Effect;

    fn input(input: Input, at: Timestamp) -> Message {
        Message::Input(input, at)
    }

    fn beat(now: Timestamp) -> Message {
        Message::Beat(now)
    }

    fn followed(what: Followed) -> Message {
        Message::Followed(what)
    }

    fn update(&mut self, message: Message) -> Step<Effect> {
        update::update(self, message)
    }

    fn draw(&self, frame: &mut ratatui::Frame<'_>) {
        view::draw(self, frame);
    }
}
