//! Home: is anything wrong?
//!
//! ```text
//! snapshot, services, link ─▶ what needs somebody, money, what is under way     figures (runway, caps, last answers)
//!                                                                               asked when opened and after requests
//! ```

mod view;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::part::{Cx, Intent, News, Order, Part, is_money, is_of_lists};
use super::runner::{At, Reply};
use super::screen::Screen;
use super::shared::{Link, Shared};
use crate::broker::user::{CapUse, Event, RequestFilter, RequestSort, RequestView, Runway};
use crate::tui::keymap::{Action, Place};
use crate::tui::texts;

/// Answers that are shown.
const LAST: u32 = 5;
/// Seconds between two looks, however many requests end meanwhile.
const EVERY: u64 = 5;

#[derive(Debug)]
pub enum Ask {
    Figures,
}

#[derive(Debug)]
pub enum Answer {
    Figures(Result<Box<Figures>, String>),
}

/// What the broker adds up on request.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub runway: Runway,
    pub caps: Vec<CapUse>,
    pub last: Vec<RequestView>,
}

#[derive(Debug)]
pub struct Home {
    figures: Option<Box<Figures>>,
    /// Something ended since they were asked for.
    outdated: bool,
    asking: bool,
    asked_at: u64,
    shown: bool,
    top: u16,
    rows: u16,
    /// Something is urgent; found with each beat and each snapshot, since every frame of every screen asks.
    urgent: bool,
}

impl Default for Home {
    fn default() -> Self {
        Home {
            figures: None,
            outdated: true,
            asking: false,
            asked_at: 0,
            shown: false,
            top: 0,
            rows: 0,
            urgent: false,
        }
    }
}

impl Home {
    fn look(&mut self, cx: &mut Cx<'_, Ask>) {
        let now = cx.shared.now().as_seconds();
        let due = self.outdated && !self.asking && now.saturating_sub(self.asked_at) >= EVERY;
        if due && self.shown && cx.shared.link == Link::Ready {
            (self.outdated, self.asking, self.asked_at) = (false, true, now);
            cx.ask(Ask::Figures);
        }
    }

    fn find_urgent(&mut self, shared: &Shared) {
        self.urgent = view::troubles(self, shared).iter().any(|trouble| trouble.urgent);
    }

    fn scroll(&mut self, rows: i16) {
        self.top = self.top.saturating_add_signed(rows);
    }
}

impl Part for Home {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Lists]
    }

    fn takes(&self, action: Action, _shared: &Shared) -> bool {
        !(is_money(action) || is_of_lists(action) || matches!(action, Action::Zoom | Action::CopyAll))
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        let page = i16::try_from(self.rows).unwrap_or(10);
        match action {
            Action::Up => self.scroll(-1),
            Action::Down => self.scroll(1),
            Action::PageUp => self.scroll(-page),
            Action::PageDown => self.scroll(page),
            Action::First => self.top = 0,
            Action::Last => self.scroll(i16::MAX),
            Action::Open => {
                let newest = self.figures.as_ref().and_then(|figures| figures.last.first());
                if let Some(request) = newest {
                    cx.order(Order::Tell(Screen::Requests, Intent::Request(request.request)));
                }
            }
            Action::Copy => cx.copy(cx.shared.snapshot.user.to_string(), texts::shared::YOUR_ADDRESS),
            Action::Refresh => (self.outdated, self.asked_at) = (true, 0),
            _ => {}
        }
        self.look(cx);
    }

    fn wheel(&mut self, rows: i16, _cx: &mut Cx<'_, Ask>) {
        self.scroll(rows);
    }

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        self.shown = true;
        self.outdated = true;
        self.look(cx);
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Event(Event::RequestEnded { .. } | Event::OperationChanged { .. }) | News::Ready => {
                self.outdated = true;
            }
            News::Beat | News::Snapshot | News::Services | News::Event(_) => {}
        }
        self.look(cx);
        if !matches!(news, News::Event(_)) {
            self.find_urgent(cx.shared);
        }
        !matches!(news, News::Beat | News::Event(_))
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        let Answer::Figures(figures) = answer;
        self.asking = false;
        // Without an answer the last one stays; why is in the status line and the log.
        if let Ok(figures) = figures {
            self.figures = Some(figures);
            self.find_urgent(cx.shared);
        }
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        self.rows = area.height;
        self.top = self.top.min(view::furthest(self, area, shared));
    }

    fn counting(&self, shared: &Shared) -> bool {
        // Locks and operations under way are told by the second.
        !shared.snapshot.operations.is_empty()
            || shared
                .snapshot
                .accounts
                .iter()
                .any(|one| one.refund.is_some_and(|refund| refund.unlock_at > shared.now()))
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared);
        None
    }

    fn hints(&self, shared: &Shared) -> Vec<(Action, &'static str)> {
        if shared.snapshot.accounts.is_empty() {
            vec![(Action::Screen('2'), texts::hints::SERVICES)]
        } else {
            vec![
                (Action::Screen('3'), texts::hints::CHAT),
                (Action::Screen('4'), texts::hints::ACCOUNTS),
                (Action::Open, texts::home::LAST_REQUEST),
            ]
        }
    }

    fn alarm(&self, shared: &Shared) -> bool {
        self.urgent || matches!(shared.link, Link::Waiting { .. } | Link::Failed { .. })
    }
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let Ask::Figures = ask;
    let broker = at.broker();
    at.tasks.spawn_until_stopped("screens: home", async move {
        let Some(broker) = broker else {
            return reply.send(Answer::Figures(Err(texts::shared::BROKER_NOT_READY.to_owned()))).await;
        };
        let requests = broker.requests(RequestFilter::default(), None, LAST, RequestSort::Newest);
        let (runway, last) = tokio::join!(broker.runway(None), requests);
        let figures = match (runway, last) {
            (Ok(runway), Ok(last)) => {
                Ok(Box::new(Figures { runway, caps: broker.cap_uses(), last: last.items }))
            }
            (Err(error), _) | (_, Err(error)) => Err(error.for_screen()),
        };
        reply.send(Answer::Figures(figures)).await;
    });
}
