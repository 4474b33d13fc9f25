//! The guided start: what is asked of somebody before the user's screens can open, and nothing more.
//!
//! On a first run: demo, a chain, or looking around; a wallet made, brought in, taken from the key directory or left for
//! later; its address for funding. On later runs only what is missing: which key, or its passphrase. What was typed
//! stays while somebody goes back and forth; secrets are wiped when the guide closes. Nothing is written before
//! it is complete: a key file once it is locked, the settings file in one piece.
//!
//! | file | holds |
//! |---|---|
//! | `model` | everything that is drawn |
//! | `message` | what can happen, what can be asked for |
//! | `update` | the one place that changes a model |
//! | `strength` | how strong a passphrase is |
//! | `deeds` | what the guide has done for it, as a trait: the chain asked, keys made, settings written |
//! | `runner` | effects performed by those deeds |
//! | `view` | the pictures |

mod deeds;
mod message;
mod model;
mod runner;
mod strength;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use self::deeds::{ChainSeen, Choice, Deeds, KeyOrder, KeyTrouble, NodeSeen, OwnKey, SaveTrouble};
pub use self::model::{Opening, Outcome, Setup};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use self::message::{Effect, Message};
use self::model::Model;
use super::input::Input;
use super::shell::{self, Ended, Program, QUEUE, Step, TuiError};
use super::terminal::{self, Screen};
use crate::domain::Timestamp;
use crate::tasks::Tasks;

/// A key that is being locked when somebody leaves is locked to the end.
const GRACE: Duration = Duration::from_secs(5);

/// Guides somebody until all is known, or until they leave.
pub async fn run(setup: Setup, deeds: Arc<dyn Deeds>, tasks: &Tasks) -> Result<(Ended, Outcome), TuiError> {
    terminal::usable()?;
    let theme = setup.settings.theme(terminal::theme());
    let mut model = Model::new(setup, theme, Timestamp::now());
    let own = tasks.child();
    let (sender, answers) = mpsc::channel(QUEUE);
    // The mouse stays with the terminal, so that an address can be selected with it.
    let mut screen = Screen::enter(false)?;
    let ended = shell::run(&mut model, &mut screen, answers, |effect| {
        runner::perform(effect, &deeds, &own, &sender);
    })
    .await;
    drop(screen);
    own.stop(GRACE).await;
    Ok((ended?, model.outcome.take().unwrap_or(Outcome::Leave)))
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

    fn followed(what: shell::Followed) -> Message {
        Message::Followed(what)
    }

    fn update(&mut self, message: Message) -> Step<Effect> {
        update::update(self, message)
    }

    fn draw(&self, frame: &mut ratatui::Frame<'_>) {
        view::draw(self, frame);
    }
}
