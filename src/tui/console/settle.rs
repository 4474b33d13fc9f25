//! Settle now: what would be done first, then Cancel or `y`, then what was done.
//!
//! The preview is the broker's own dry run. The order carries one key from the preview on, so that trying again after
//! an answer was lost never settles twice; after a revert, whose answer is kept under its key, another one. `y` to a
//! preview that has grown old asks for a new one: what is settled are the rows and the gas of the moment, and nobody
//! confirms others than they see. Privacy hides nothing while it asks.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::message::Effect;
use super::settlements::why_left_out;
use crate::client::ClientError;
use crate::domain::Timestamp;
use crate::tui::kit::dialog::{Buttons, Said};
use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::ReportItem;

/// A preview that was shown for longer says nothing of what would be done now, in microseconds.
const OLD: i64 = 15_000_000;

#[derive(Debug)]
pub enum Settle {
    /// The dry run is under way.
    Asking,
    /// What would be done; `y` does it.
    Preview {
        report: Box<ReportItem>,
        /// None if the last one is used up; the next preview brings another.
        key: Option<String>,
        /// When the report came.
        came: Timestamp,
        buttons: Buttons,
        top: u16,
        failed: Option<String>,
        anew: Anew,
    },
    Sending {
        report: Box<ReportItem>,
        key: String,
        came: Timestamp,
        since: Timestamp,
        now: Timestamp,
    },
    Done {
        report: Option<Box<ReportItem>>,
        top: u16,
    },
    /// There is nothing to confirm.
    Failed {
        reason: String,
    },
}

/// Whether a preview was asked for once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    No,
    /// The broker is asked; there is nothing to confirm until it answers.
    Asking,
    /// What stands there took the place of an older one.
    Shown,
}

/// What a key led to.
#[derive(Debug)]
pub enum Next {
    Stay,
    Close,
    Do(Effect),
}

impl Settle {
    pub fn is_counting(&self) -> bool {
        matches!(self, Settle::Sending { .. })
    }

    /// Whether there is something to confirm.
    pub fn asks(&self) -> bool {
        self.offers() && !matches!(self, Settle::Preview { anew: Anew::Asking, .. })
    }

    /// Whether it shows what would be done.
    fn offers(&self) -> bool {
        matches!(self, Settle::Preview { report, .. } if !report.rows.is_empty())
    }

    pub fn previewed(&mut self, result: Result<ReportItem, ClientError>, key: String, opened: Timestamp) {
        // A late answer does not replace what is being done.
        *self = match (&mut *self, result) {
            (Settle::Asking, Ok(report)) => Settle::Preview {
                report: Box::new(report),
                key: Some(key),
                came: opened,
                buttons: Buttons::new(opened),
                top: 0,
                failed: None,
                anew: Anew::No,
            },
            (Settle::Asking, Err(error)) => Settle::Failed { reason: error.sentence() },
            // What was tried under the key that is there may have been done.
            (Settle::Preview { key: old, anew: Anew::Asking, .. }, Ok(report)) => Settle::Preview {
                report: Box::new(report),
                key: old.take().or(Some(key)),
                came: opened,
                buttons: Buttons::new(opened),
                top: 0,
                failed: None,
                anew: Anew::Shown,
            },
            (Settle::Preview { buttons, failed, anew, .. }, Err(error)) if *anew == Anew::Asking => {
                (*buttons, *failed, *anew) = (Buttons::new(opened), Some(error.sentence()), Anew::No);
                return;
            }
            _ => return,
        };
    }

    pub fn settled(&mut self, result: Result<Option<ReportItem>, ClientError>, now: Timestamp) {
        let Settle::Sending { report, key, came, .. } = self else { return };
        *self = match result {
            Ok(report) => Settle::Done { report: report.map(Box::new), top: 0 },
            // The same key: if it was done after all, that answer comes. Of a revert it would come for ever.
            Err(error) => Settle::Preview {
                report: report.clone(),
                key: Some(key.clone()).filter(|_| !is_reverted(&error)),
                came: *came,
                buttons: Buttons::new(now),
                top: 0,
                failed: Some(error.sentence()),
                anew: Anew::No,
            },
        };
    }

    /// `now` is what is counted from, `at` when the key was pressed.
    pub fn key(&mut self, key: KeyEvent, now: Timestamp, at: Timestamp) -> Next {
        match self {
            Settle::Preview { top, .. } | Settle::Done { top, .. } => match key.code {
                KeyCode::Down | KeyCode::Char('j') => *top = top.saturating_add(1),
                KeyCode::Up | KeyCode::Char('k') => *top = top.saturating_sub(1),
                KeyCode::PageDown => *top = top.saturating_add(10),
                KeyCode::PageUp => *top = top.saturating_sub(10),
                _ => {}
            },
            Settle::Asking | Settle::Sending { .. } | Settle::Failed { .. } => {}
        }
        match self {
            Settle::Preview { report, key: once, came, buttons, anew, .. } => {
                if report.rows.is_empty() || *anew == Anew::Asking {
                    return leave(key);
                }
                match buttons.key(key, at) {
                    Said::Yes => {
                        let fresh = (0..=OLD).contains(&at.as_micros().saturating_sub(came.as_micros()));
                        let Some(once) = once.clone().filter(|_| fresh) else {
                            *anew = Anew::Asking;
                            return Next::Do(Effect::Preview);
                        };
                        let (report, came) = (report.clone(), *came);
                        *self = Settle::Sending { report, key: once.clone(), came, since: now, now };
                        Next::Do(Effect::Settle { key: once })
                    }
                    Said::No => Next::Close,
                    Said::Nothing => Next::Stay,
                }
            }
            // Closing the dialog does not call the settlement back; it goes on and the log tells its end.
            _ => leave(key),
        }
    }

    pub fn wheel(&mut self, rows: i16) {
        if let Settle::Preview { top, .. } | Settle::Done { top, .. } = self {
            *top = top.saturating_add_signed(rows);
        }
    }

    /// Told the room that it is drawn in: it is scrolled no further than to its end, so that the way back is as long.
    pub fn settle(&mut self, area: Rect, look: &Look) {
        let rows = u16::try_from(self.lines(look).len()).unwrap_or(u16::MAX);
        let high = rows.saturating_add(4).max(8).min(area.height);
        if let Settle::Preview { top, .. } | Settle::Done { top, .. } = self {
            *top = (*top).min(rows.saturating_sub(high.saturating_sub(4)));
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        // Nobody confirms what they do not see.
        let look = &Look { masked: look.masked && !self.offers(), ..*look };
        let lines = self.lines(look);
        let wanted = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(4);
        let place = draw::middle(area, 78, wanted.max(8));
        let inside = draw::boxed(buffer, place, texts::console_money::SETTLE_TITLE, Tone::Accent, look);
        let room = inside.height.saturating_sub(2);
        let top = match self {
            Settle::Preview { top, .. } | Settle::Done { top, .. } => {
                (*top).min(u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(room))
            }
            _ => 0,
        };
        for (y, (left, right, tone)) in (0..room).zip(lines.iter().skip(usize::from(top))) {
            draw::put(buffer, inside, 0, y, left, look.style(*tone));
            if !right.is_empty() {
                draw::put_right(buffer, inside, y, right, look.style(*tone));
            }
        }
        if lines.len() > usize::from(top + room) {
            draw::put(buffer, inside, 0, room, "▼ more", look.style(Tone::Dim));
        }
        let buttons = inside.height.saturating_sub(1);
        match self {
            Settle::Preview { anew: Anew::Asking, .. } => {
                let text = texts::console_money::ASKING_WHAT;
                draw::put(buffer, inside, 0, buttons, text, look.style(Tone::Pending));
            }
            Settle::Preview { report, buttons: state, .. } if !report.rows.is_empty() => {
                state.draw(buffer, inside, buttons, texts::labels::SETTLE, look);
            }
            _ => Buttons::draw_close(buffer, inside, buttons, look),
        }
    }

    /// Rows: left, right, tone.
    fn lines(&self, look: &Look) -> Vec<(String, String, Tone)> {
        let plain = |text: &str| (text.to_owned(), String::new(), Tone::Plain);
        match self {
            Settle::Asking => vec![plain(texts::console_money::ASKING_WHAT)],
            Settle::Failed { reason } => {
                let mut lines =
                    vec![(texts::console_money::DOES_NOT_SAY.to_owned(), String::new(), Tone::Plain)];
                lines.extend(draw::wrap(reason, 70).into_iter().map(|row| (row, String::new(), Tone::Bad)));
                lines
            }
            Settle::Preview { report, failed, key, anew, .. } => {
                let mut lines = Lines::new();
                if let Some(failed) = failed {
                    lines.extend(failure(failed, key.is_some()));
                }
                if *anew == Anew::Shown {
                    lines.push((texts::console_money::SHOWN_ANEW.to_owned(), String::new(), Tone::Warn));
                    lines.push(Default::default());
                }
                lines.extend(preview(report, look));
                lines
            }
            Settle::Sending { report, since, now, .. } => {
                let wait = look.now.max(*now).seconds_since(*since);
                vec![
                    (
                        texts::console_money::settling(
                            look.amount(report.expected),
                            texts::numbers::users(report.rows.len()),
                        ),
                        format!("{wait} s"),
                        Tone::Pending,
                    ),
                    plain(""),
                    plain(texts::console_money::SENT_WAITS),
                    plain(texts::console_money::CLOSING_STOPS_NOTHING),
                ]
            }
            Settle::Done { report: None, .. } => {
                vec![plain(texts::console_money::ORDER_TAKEN), plain(texts::console_money::SCREEN_SHOWS_END)]
            }
            Settle::Done { report: Some(report), .. } => done(report, look),
        }
    }
}

fn leave(key: KeyEvent) -> Next {
    match key.code {
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'n') => Next::Close,
        _ => Next::Stay,
    }
}

type Lines = Vec<(String, String, Tone)>;

/// Whether its transaction failed on the chain; the broker keeps that answer for its key.
fn is_reverted(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { code, .. } if code == "reverted")
}

/// Why it was not done, and what `y` does now.
fn failure(failed: &str, same: bool) -> Lines {
    let rows = draw::wrap(&texts::console_money::not_settled(failed), 70);
    let mut lines: Lines = rows.into_iter().map(|row| (row, String::new(), Tone::Bad)).collect();
    let then = if same { texts::console_money::Y_TRIES_AGAIN } else { texts::console_money::Y_SHOWS_ANEW };
    lines.push((then.to_owned(), String::new(), Tone::Dim));
    lines.push(Default::default());
    lines
}

fn preview(report: &ReportItem, look: &Look) -> Lines {
    let mut lines: Lines = Vec::new();
    if report.rows.is_empty() {
        lines.push((texts::console_money::NOTHING_TO_SETTLE.to_owned(), String::new(), Tone::Title));
    } else {
        lines.push((texts::labels::BRINGS.to_owned(), look.in_full(report.expected), Tone::Title));
        lines.push((
            texts::console_money::GAS_ABOUT.to_owned(),
            look.in_full(report.expected_cost),
            Tone::Plain,
        ));
        if report.expected_cost > report.expected {
            lines.push((texts::console_money::GAS_ABOVE.to_owned(), String::new(), Tone::Warn));
        }
        lines.push(Default::default());
        lines.push((
            texts::numbers::users(report.rows.len()),
            texts::console_money::BRINGS_NEURON.to_owned(),
            Tone::Dim,
        ));
    }
    for row in &report.rows {
        let amount = row.expected.map_or("-".to_owned(), |amount| digits(amount, look));
        lines.push((look.address(row.user), amount, Tone::Plain));
    }
    left_out(report, look, &mut lines);
    if !report.rows.is_empty() {
        lines.push(Default::default());
        lines.push((texts::console_money::ONE_TRANSACTION.to_owned(), String::new(), Tone::Dim));
    }
    lines
}

fn digits(amount: crate::domain::Neuron, look: &Look) -> String {
    if look.masked {
        crate::tui::kit::look::MASK.to_owned()
    } else {
        crate::tui::kit::amount::grouped(amount.get())
    }
}

fn left_out(report: &ReportItem, look: &Look, lines: &mut Lines) {
    if report.left_out.is_empty() {
        return;
    }
    lines.push(Default::default());
    lines.push((
        texts::console_money::LEFT_OUT.to_owned(),
        texts::console_money::UNSETTLED_NEURON.to_owned(),
        Tone::Dim,
    ));
    for one in &report.left_out {
        let text = format!("{}  {}", look.short(one.user), why_left_out(&one.reason));
        lines.push((text, digits(one.unsettled, look), Tone::Warn));
    }
}

fn done(report: &ReportItem, look: &Look) -> Lines {
    let mut lines: Lines = Vec::new();
    if report.rows.is_empty() && report.transactions.is_empty() {
        lines.push((texts::console_money::NOTHING_SETTLED.to_owned(), String::new(), Tone::Warn));
    } else if report.is_open() {
        lines.push((texts::console_money::SENT_WAITS.to_owned(), String::new(), Tone::Pending));
        lines.push((texts::console_money::SCREEN_SHOWS_END.to_owned(), String::new(), Tone::Plain));
        if !report.paid.is_zero() {
            lines.push((
                texts::console_money::CAME_IN_SO_FAR.to_owned(),
                look.in_full(report.paid),
                Tone::Plain,
            ));
        }
    } else {
        lines.push(("✓ Paid".to_owned(), look.in_full(report.paid), Tone::Good));
    }
    for transaction in &report.transactions {
        lines.push(Default::default());
        let block = transaction
            .block
            .map(|block| texts::shared::block(crate::tui::kit::amount::grouped(block.into())))
            .unwrap_or_default();
        lines.push((transaction.state.clone(), block, Tone::Plain));
        if let Some(hash) = transaction.transaction_hash {
            lines.push((hash.to_string(), String::new(), Tone::Dim));
        }
        lines.push((texts::labels::GAS.to_owned(), look.in_full(transaction.gas_cost), Tone::Plain));
        if let Some(reason) = &transaction.reason {
            lines.push((reason.clone(), String::new(), Tone::Bad));
        }
    }
    lines.push(Default::default());
    for row in &report.rows {
        let (text, tone) = match row.paid {
            Some(paid) => (digits(paid, look), Tone::Plain),
            None => (texts::shared::NOT_KNOWN_YET.to_owned(), Tone::Pending),
        };
        lines.push((look.address(row.user), text, tone));
    }
    left_out(report, look, &mut lines);
    lines
}
