//! The loop of every terminal program here: events and answers in, frames out.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use ratatui::Frame;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::clipboard::{self, Way};
use super::frame::Frames;
use super::input::{Input, input};
use super::keymap::KeymapError;
use super::terminal::{self, Screen};
use crate::domain::Timestamp;

/// Answers that wait to be taken in; whoever brings more waits.
pub const QUEUE: usize = 64;
/// Taken in before a frame is drawn, so that a flood of input cannot starve the screen.
const AT_ONCE: usize = 64;

/// What one message led to.
#[derive(Debug)]
pub struct Step<E> {
    pub changed: bool,
    pub effects: Vec<E>,
    pub screen: Vec<ScreenOrder>,
}

impl<E> Default for Step<E> {
    fn default() -> Self {
        Step { changed: false, effects: Vec::new(), screen: Vec::new() }
    }
}

/// What only the one who has the terminal can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenOrder {
    Copy {
        text: String,
        /// What it is, for the toast: "the address".
        what: String,
    },
    Mouse(bool),
    /// Tell somebody who looks at another window.
    Notify(String),
    /// Open a text in the person's own editor.
    Edit(String),
    Suspend,
    Quit,
}

/// What became of an order that only the terminal could follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    Copied {
        what: String,
        way: Way,
    },
    /// The text as the editor left it, or why there is none.
    Edited(Result<String, String>),
}

/// A model with its update and its picture.
pub trait Program {
    type Message: Send + 'static;
    type Effect;

    fn input(input: Input, at: Timestamp) -> Self::Message;
    fn beat(now: Timestamp) -> Self::Message;
    fn followed(what: Followed) -> Self::Message;
    fn update(&mut self, message: Self::Message) -> Step<Self::Effect>;
    fn draw(&self, frame: &mut Frame<'_>);
}

/// How a screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody quit.
    Quit,
    /// A signal, or the terminal went away.
    Signal,
}

#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error("the screen needs a terminal to draw on and to type at")]
    NoTerminal,
    #[error("the screen cannot be drawn on a terminal that only prints lines (TERM=dumb)")]
    Dumb,
    #[error(transparent)]
    Keys(#[from] KeymapError),
    #[error("the terminal does not work: {0}")]
    Terminal(#[from] io::Error),
}

/// What the system tells the process.
struct Signals {
    term: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// ctrl+z is a key here; this one is sent by others.
    pause: Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            pause: signal(terminal::PAUSE)?,
        })
    }

    /// Waits, beside an editor that has the terminal, until the process has to end.
    async fn end_beside_an_editor(&mut self) {
        loop {
            tokio::select! {
                _ = self.term.recv() => return,
                _ = self.hangup.recv() => return,
                // An editor that pauses takes us along, so that the shell has the terminal.
                _ = self.pause.recv() => { terminal::pause(); }
            }
        }
    }
}

/// What a program goes on with: what is answered, each second, and who performs what it asks for.
struct Inside<'a, P: Program, F> {
    program: &'a mut P,
    answers: mpsc::Receiver<P::Message>,
    perform: F,
}

impl<P: Program, F: FnMut(P::Effect)> Inside<'_, P, F> {
    /// Takes a message in. Gives whether the picture changed.
    fn take(&mut self, message: P::Message, orders: &mut Vec<ScreenOrder>) -> bool {
        let step = self.program.update(message);
        step.effects.into_iter().for_each(&mut self.perform);
        orders.extend(step.screen);
        step.changed
    }

    /// Takes in what is answered while somebody else has the terminal, so that whoever answers does not wait for them.
    /// What is ordered of the terminal meanwhile comes after.
    async fn beside<T>(&mut self, other: impl Future<Output = T>, orders: &mut Vec<ScreenOrder>) -> T {
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                biased;
                done = &mut other => return done,
                Some(answer) = self.answers.recv() => {
                    self.take(answer, orders);
                }
            }
        }
    }
}

/// What runs around a program.
struct Around<'a, P: Program> {
    screen: &'a mut Screen,
    signals: Signals,
    /// None while somebody else reads the keys. It is never replaced in one step: a new one waits for the old one's next key.
    events: Option<EventStream>,
    frames: Frames,
    /// What the program is told next.
    waiting: Vec<P::Message>,
    /// What it ordered of the terminal.
    orders: Vec<ScreenOrder>,
}

impl<P: Program> Around<'_, P> {
    /// Carries out what the program ordered of the terminal. Gives how it ended, if that ends it.
    async fn carry_out(
        &mut self,
        order: ScreenOrder,
        inside: &mut Inside<'_, P, impl FnMut(P::Effect)>,
    ) -> Result<Option<Ended>, TuiError> {
        match order {
            ScreenOrder::Quit => {
                tracing::info!(frames = self.frames.drawn(), "the screen closes");
                return Ok(Some(Ended::Quit));
            }
            ScreenOrder::Copy { text, what } => {
                let way = clipboard::copy(&text).await?;
                self.waiting.push(P::followed(Followed::Copied { what, way }));
            }
            ScreenOrder::Mouse(on) => self.screen.set_mouse(on)?,
            ScreenOrder::Notify(text) => self.screen.notify(&text)?,
            ScreenOrder::Edit(text) => return self.edit(&text, inside).await,
            // A key that is pressed meanwhile would be lost for nothing.
            ScreenOrder::Suspend if !terminal::can_pause() => {}
            ScreenOrder::Suspend => {
                // Nobody may read the shell's keys meanwhile.
                drop(self.events.take());
                self.screen.suspend().await?;
                self.come_back();
            }
        }
        Ok(None)
    }

    async fn edit(
        &mut self,
        text: &str,
        inside: &mut Inside<'_, P, impl FnMut(P::Effect)>,
    ) -> Result<Option<Ended>, TuiError> {
        drop(self.events.take());
        let mut stopped = false;
        let signals = &mut self.signals;
        let stop = async {
            signals.end_beside_an_editor().await;
            stopped = true;
        };
        let edited = inside.beside(self.screen.edit(text, stop), &mut self.orders).await;
        let edited = edited.map_err(|error| error.to_string());
        if stopped {
            return Ok(Some(Ended::Signal));
        }
        self.come_back();
        // ctrl+c in the editor was meant for the editor.
        self.signals.interrupt = signal(SignalKind::interrupt())?;
        self.waiting.push(P::followed(Followed::Edited(edited)));
        Ok(None)
    }

    /// The terminal is ours again.
    fn come_back(&mut self) {
        self.events = Some(EventStream::new());
        // What came in meanwhile is of now, not of when somebody else took it.
        self.waiting.push(P::beat(Timestamp::now()));
        self.frames.want();
    }
}

/// Runs a program until it quits. `perform` starts what an effect asks for and does not wait for it.
pub async fn run<P: Program>(
    program: &mut P,
    screen: &mut Screen,
    answers: mpsc::Receiver<P::Message>,
    perform: impl FnMut(P::Effect),
) -> Result<Ended, TuiError> {
    let signals = Signals::listen()?;
    let mut paused = false;
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let size = screen.terminal.size()?;
    let first = P::input(Input::Size { width: size.width, height: size.height }, Timestamp::now());
    let events = Some(EventStream::new());
    let (frames, waiting, orders) = (Frames::default(), vec![first], Vec::new());
    let mut around = Around::<P> { screen, signals, events, frames, waiting, orders };
    let mut inside = Inside { program, answers, perform };
    loop {
        let mut orders = std::mem::take(&mut around.orders);
        if std::mem::take(&mut paused) {
            orders.push(ScreenOrder::Suspend);
        }
        for message in around.waiting.drain(..) {
            if inside.take(message, &mut orders) {
                around.frames.want();
            }
        }
        for order in orders {
            if let Some(ended) = around.carry_out(order, &mut inside).await? {
                return Ok(ended);
            }
        }
        let Around { screen, signals, events, frames, waiting, orders } = &mut around;
        if !waiting.is_empty() || !orders.is_empty() || paused {
            continue;
        }
        let due = frames.due(Instant::now());
        tokio::select! {
            biased;
            _ = signals.term.recv() => return Ok(Ended::Signal),
            _ = signals.interrupt.recv() => return Ok(Ended::Signal),
            _ = signals.hangup.recv() => return Ok(Ended::Signal),
            _ = signals.pause.recv() => paused = true,
            () = async { tokio::time::sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                screen.draw(|frame| inside.program.draw(frame))?;
                frames.drew(Instant::now());
            }
            event = next(events) => match event {
                Some(Ok(event)) => waiting.extend(input(event).map(|one| P::input(one, Timestamp::now()))),
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(Ended::Signal),
            },
            Some(answer) = inside.answers.recv() => {
                waiting.push(answer);
                while waiting.len() < AT_ONCE && let Ok(answer) = inside.answers.try_recv() {
                    waiting.push(answer);
                }
            }
            _ = beat.tick() => {
                #[cfg(debug_assertions)]
                fault_for_tests(frames.drawn());
                waiting.push(P::beat(Timestamp::now()));
            }
        }
    }
}

/// The next thing that the terminal says; never, while nobody listens.
async fn next(events: &mut Option<EventStream>) -> Option<io::Result<Event>> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// A fault of the program, so that a test can see what it leaves of the terminal. Not in a release.
#[cfg(debug_assertions)]
#[allow(clippy::panic, reason = "it is what is tested")]
fn fault_for_tests(drawn: u64) {
    if drawn > 0
        && let Some(text) = std::env::var_os("ZGSERVE_TEST_FAULT")
    {
        panic!("a fault that was asked for: `{}`", text.to_string_lossy());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it is told, and wants somebody to be told of each.
    struct Counting(usize);

    impl Program for Counting {
        type Message = ();
        type Effect = usize;

        fn input(_: Input, _: Timestamp) {}

        fn beat(_: Timestamp) {}

        fn followed(_: Followed) {}

        fn update(&mut self, (): ()) -> Step<usize> {
            self.0 += 1;
            let screen = vec![ScreenOrder::Notify(self.0.to_string())];
            Step { changed: true, effects: vec![self.0], screen }
        }

        fn draw(&self, _: &mut Frame<'_>) {}
    }

    #[tokio::test]
    async fn whoever_answers_does_not_wait_for_an_editor() {
        let (sender, answers) = mpsc::channel(QUEUE);
        let (mut program, mut performed, mut orders) = (Counting(0), Vec::new(), Vec::new());
        let perform = |effect| performed.push(effect);
        let mut inside = Inside { program: &mut program, answers, perform };
        // It is closed once so much was answered as no queue holds.
        let editor = async {
            for _ in 0..3 * QUEUE {
                sender.send(()).await.map_err(|error| error.to_string())?;
            }
            while sender.capacity() < QUEUE {
                tokio::task::yield_now().await;
            }
            Ok::<_, String>("edited")
        };
        assert_eq!(inside.beside(editor, &mut orders).await, Ok("edited"));
        assert_eq!((program.0, performed.len(), orders.len()), (3 * QUEUE, 3 * QUEUE, 3 * QUEUE));
    }
}
