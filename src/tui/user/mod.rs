//! The user's screens. A stand-in: their entry, a line about how far the broker has come, and `q`.

use std::path::PathBuf;

use crossterm::event::KeyCode;
use ratatui::Frame;
use tokio::sync::{mpsc, watch};

use super::input::Input;
use super::kit::amount::Unit;
use super::kit::draw;
use super::kit::look::Look;
use super::shell::{self, Ended, Program, QUEUE, ScreenOrder, Step, TuiError};
use super::terminal::{self, Screen};
use super::theme::Tone;
use crate::broker::user::{Library, UserBroker};
use crate::client::Client;
use crate::domain::Timestamp;
use crate::log_lines::LogLines;
use crate::tasks::Tasks;

/// How far the broker behind the screens has come.
#[derive(Clone, Debug)]
pub enum Standing {
    Starting { what: String },
    Ready(UserBroker),
    Waiting { why: String, again: Timestamp },
    Failed { why: String },
}

/// How people want the screens.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    _later: (),
}

/// What the screens are opened with.
#[derive(Clone, Debug)]
pub struct Start {
    pub version: &'static str,
    pub read_only: bool,
    pub demo: bool,
    /// `demo`, or host and port of the chain's node.
    pub network: String,
    /// The API's URL while it is open.
    pub serving: Option<String>,
    /// A provider broker in this process, or one that was named.
    pub console: Option<Client>,
    pub settings: Settings,
    /// Where exports go.
    pub directory: PathBuf,
    /// The process's own lines, for the log screen.
    pub log: LogLines,
}

/// Shows the screens until somebody quits them.
pub async fn run(
    standing: watch::Receiver<Standing>,
    _library: Library,
    start: Start,
    tasks: &Tasks,
) -> Result<Ended, TuiError> {
    if !terminal::present() {
        return Err(TuiError::NoTerminal);
    }
    let look = Look {
        theme: terminal::theme(),
        unit: Unit::default(),
        clock: false,
        masked: false,
        now: Timestamp::now(),
    };
    let own = tasks.child();
    let (sender, answers) = mpsc::channel(QUEUE);
    let mut model = Model { standing: standing.borrow().clone(), start, look };
    own.spawn_until_stopped("screens: standing", follow(standing, sender));
    let mut screen = Screen::enter(false)?;
    let ended = shell::run(&mut model, &mut screen, answers, |()| {}).await;
    drop(screen);
    own.stop(std::time::Duration::from_millis(500)).await;
    ended
}

async fn follow(mut standing: watch::Receiver<Standing>, answers: mpsc::Sender<Message>) {
    while standing.changed().await.is_ok() {
        let now = standing.borrow_and_update().clone();
        if answers.send(Message::Standing(Box::new(now))).await.is_err() {
            return;
        }
    }
}

struct Model {
    standing: Standing,
    start: Start,
    look: Look,
}

enum Message {
    Input(Input),
    Beat,
    Standing(Box<Standing>),
}

impl Program for Model {
    type Message = Message;
    type Effect = ();

    fn input(input: Input) -> Message {
        Message::Input(input)
    }

    fn beat(_: Timestamp) -> Message {
        Message::Beat
    }

    fn update(&mut self, message: Message) -> Step<()> {
        let mut step = Step { changed: true, ..Step::default() };
        match message {
            Message::Beat => step.changed = false,
            Message::Standing(standing) => self.standing = *standing,
            Message::Input(Input::Key(key)) if matches!(key.code, KeyCode::Char('q' | 'c')) => {
                step.screen.push(ScreenOrder::Quit);
            }
            Message::Input(_) => {}
        }
        step
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let text = match &self.standing {
            Standing::Starting { what } => format!("… {what}"),
            Standing::Ready(broker) => format!("Services: {}", broker.snapshot().services),
            Standing::Waiting { why, .. } => format!("! waiting: {why}"),
            Standing::Failed { why } => format!("✗ {why}"),
        };
        let serving = self.start.serving.as_deref().unwrap_or("not open");
        let only = if self.start.read_only { " | RO" } else { "" };
        let head =
            format!("zgserve-tui {} | {} | API {serving}{only}", self.start.version, self.start.network);
        draw::put(frame.buffer_mut(), area, 0, 0, &head, self.look.style(Tone::Title));
        draw::wrapped(frame.buffer_mut(), area, 2, &text, self.look.style(Tone::Plain));
    }
}
