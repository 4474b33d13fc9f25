//! The same screens as lines of text, for screen readers and terminals that only print: a numbered menu, every question
//! answered by typing. Nothing is drawn, coloured or written over.
//!
//! | file | holds |
//! |---|---|
//! | `paper` | lines out, lines in |
//! | `pages` | what can be looked at: home, services, accounts, refunds, requests, the log |
//! | `talk` | a conversation with a service |
//! | `money` | the one question before money moves |

mod money;
mod pages;
mod paper;
mod talk;

pub use self::paper::Paper;

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::shell::{Ended, TuiError};
use super::theme::{Shade, Theme};
use super::user::{MoneyKind, PlainModel, Standing, Start};
use crate::broker::user::{Library, UserBroker};
use crate::domain::Timestamp;
use crate::tui::texts;

const MENU: &str = texts::plain::PLACES;

/// What every page works with.
struct Desk {
    paper: Paper,
    broker: UserBroker,
    library: Library,
    /// What the screens see, for the words that are theirs too.
    model: Box<PlainModel>,
}

/// Asks and answers in lines until somebody quits.
///
/// # Errors
/// The keys of the settings are no key map, or the terminal is gone.
pub async fn run(
    standing: watch::Receiver<Standing>,
    library: Library,
    start: Start,
    paper: Paper,
) -> Result<Ended, TuiError> {
    let (mut term, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut interrupt = signal(SignalKind::interrupt())?;
    // ctrl+c during an answer stops the answer; `talk` listens too and says so through this.
    let (answering, busy) = watch::channel(false);
    let work = Box::pin(walk(standing, library, start, paper, answering));
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = term.recv() => return Ok(Ended::Signal),
            _ = hangup.recv() => return Ok(Ended::Signal),
            _ = interrupt.recv() => if !*busy.borrow() { return Ok(Ended::Signal) },
        }
    }
}

async fn walk(
    mut standing: watch::Receiver<Standing>,
    library: Library,
    start: Start,
    mut paper: Paper,
    answering: watch::Sender<bool>,
) -> Result<Ended, TuiError> {
    let Some(broker) = ready(&mut standing, &mut paper).await? else { return Ok(Ended::Quit) };
    let theme = Theme::new(Shade::Dark, false);
    let model = Box::new(PlainModel::new(start, theme, Timestamp::now())?);
    let mut desk = Desk { paper, broker, library, model };
    desk.refresh().await;
    let shared = &desk.model.shared;
    let title = texts::plain::welcome(&shared.start.network, desk.broker.user());
    desk.paper.say(&title)?;
    loop {
        desk.paper.say(MENU)?;
        let Some(choice) = desk.paper.ask(texts::labels::NUMBER_ASKED).await? else { return Ok(Ended::Quit) };
        desk.refresh().await;
        match choice.as_str() {
            "1" => desk.home().await?,
            "2" => desk.services().await?,
            "3" => desk.talk(&answering).await?,
            "4" => desk.accounts()?,
            "5" => desk.deposit().await?,
            "6" => desk.refund().await?,
            "7" => desk.refunds().await?,
            "8" => desk.requests().await?,
            "9" => desk.log()?,
            "0" | "q" | "quit" => return Ok(Ended::Quit),
            "" => {}
            _ => desk.paper.say(texts::plain::TYPE_A_NUMBER)?,
        }
    }
}

/// Waits for the broker and says how far it is; `None` if it will not start.
async fn ready(
    standing: &mut watch::Receiver<Standing>,
    paper: &mut Paper,
) -> io::Result<Option<UserBroker>> {
    loop {
        let now = standing.borrow_and_update().clone();
        match now {
            Standing::Ready(broker) => return Ok(Some(broker)),
            Standing::Starting { what } => paper.say(&texts::plain::starting(&what))?,
            Standing::Waiting { why, .. } => paper.say(&texts::plain::waiting(&why))?,
            Standing::Failed { why } => {
                paper.say(&texts::plain::does_not_start(&why))?;
                return Ok(None);
            }
        }
        if standing.changed().await.is_err() {
            return Ok(None);
        }
    }
}

impl Desk {
    /// Takes what the broker knows now.
    async fn refresh(&mut self) {
        let broker = self.broker.clone();
        let seen = self.model.shared.services_version;
        let newer = tokio::task::spawn_blocking(move || broker.services_if_newer(seen)).await;
        let aliases = self.library.preferences().aliases().await;
        let chain = self.broker.chain();
        let facts = (chain.id(), chain.contract(), chain.lock_time());
        self.model.plain(Timestamp::now(), self.broker.snapshot(), facts);
        if let Ok(Some((version, services))) = newer {
            self.model.shared.services = services;
            self.model.shared.services_version = version;
        }
        if let Ok(aliases) = aliases {
            self.model.shared.aliases = aliases.into_iter().collect();
        }
    }

    /// A number from 1 to `most` that somebody chose; `None` goes back.
    async fn number(&mut self, question: &str, most: usize) -> io::Result<Option<usize>> {
        loop {
            let Some(typed) = self.paper.ask(question).await?.filter(|typed| !typed.is_empty()) else {
                return Ok(None);
            };
            match typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
                Some(index) if index < most => return Ok(Some(index)),
                _ => self.paper.say(&texts::plain::number_to(most))?,
            }
        }
    }

    async fn deposit(&mut self) -> io::Result<()> {
        let Some(provider) = self.provider().await? else { return Ok(()) };
        let open = self.model.shared.snapshot.accounts.iter().any(|account| account.provider == provider);
        self.move_money(if open { MoneyKind::Deposit } else { MoneyKind::OpenAccount }, provider).await
    }

    async fn refund(&mut self) -> io::Result<()> {
        let Some(account) = self.account().await? else { return Ok(()) };
        self.move_money(MoneyKind::Refund, account).await
    }
}
