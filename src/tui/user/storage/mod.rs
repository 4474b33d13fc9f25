//! Storage: files put to a storage service and taken from it.
//!
//! ```text
//! n, d ─▶ form ─▶ Ask::Size, Ask::Place ─▶ the cost, asked once ─▶ Ask::Move ─▶ runner ─▶ broker, as streams
//!                                   short of money ─▶ Order::Money ─▶ Intent::Funded ─▶ it goes on by itself
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `transfer` | a file on its way, what became of it, what it may cost |
//! | `question` | forms, and the cost before anything is paid |
//! | `part` | the screen's keys, answers and news |
//! | `runner`, `view` | files moved through the broker; the picture |

mod part;
mod question;
mod runner;
mod transfer;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::question::{Missing, Question, Sure};
pub use self::runner::{Answer, Ask, perform};
use self::transfer::{Order, Outcome, Transfer, Way, file_name};
use crate::domain::{Address, Service, ServiceKind, ServiceName};
use crate::tui::texts;
use crate::tui::user::money::{Kind, Wish};
use crate::tui::user::part::{Cx, Order as Wanted};
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::Shared;

/// Transfers that are listed, and uploads that are found again after a restart.
const LISTED: usize = 200;
const REMEMBERED: usize = 50;

#[derive(Debug, Default)]
pub struct Storage {
    /// The service that was chosen.
    chosen: Option<(Address, ServiceName)>,
    question: Option<Question>,
    /// The newest first.
    transfers: Vec<Transfer>,
    at: usize,
    top: usize,
    /// Transfers in sight.
    shown: usize,
    numbers: u64,
    /// What waits for money, by the token of its wish: a second wish may be refused while the first is paid.
    waiting: BTreeMap<u64, Order>,
}

impl Storage {
    /// The service that files go to: the one that was chosen, or the first that there is.
    fn service<'a>(&self, shared: &'a Shared) -> Option<&'a Service> {
        let chosen = self.chosen.as_ref().and_then(|(provider, name)| shared.service(*provider, name));
        chosen.or_else(|| storages(shared).next())
    }

    fn selected(&self) -> Option<&Transfer> {
        self.transfers.get(self.at)
    }

    fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.transfers.len().saturating_sub(1));
        self.scroll();
    }

    fn scroll(&mut self) {
        let shown = self.shown.max(1);
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(shown));
    }

    /// The next storage service.
    fn next_service(&mut self, shared: &Shared) {
        let all: Vec<&Service> = storages(shared).collect();
        let now = self.service(shared).map(|service| (service.provider, service.name.clone()));
        let at = all.iter().position(|one| Some((one.provider, one.name.clone())) == now);
        let next = at.map_or(0, |at| at + 1) % all.len().max(1);
        self.chosen = all.get(next).map(|service| (service.provider, service.name.clone()));
    }

    fn ask_upload(&mut self, cx: &mut Cx<'_, Ask>) {
        if self.ready(cx) {
            let form = question::upload();
            self.question = Some(Question::File { way: Way::Up, form, names: Vec::new(), looking: false });
            cx.ask(Ask::Complete(String::new()));
        }
    }

    fn ask_download(&mut self, cx: &mut Cx<'_, Ask>) {
        if self.ready(cx) {
            let id = self.selected().and_then(Transfer::id).unwrap_or_default();
            let file = if id.is_empty() { String::new() } else { file_name(id) };
            let form = question::download(id, &file);
            self.question = Some(Question::File { way: Way::Down, form, names: Vec::new(), looking: false });
        }
    }

    /// Whether anything can be moved; says why not.
    fn ready(&self, cx: &mut Cx<'_, Ask>) -> bool {
        let reason = match (cx.shared.hindrance(), self.service(cx.shared)) {
            (Some(reason), _) => reason,
            (None, None) => texts::storage::NO_SERVICE.to_owned(),
            (None, Some(_)) => return true,
        };
        cx.toast(crate::tui::theme::Tone::Warn, reason);
        false
    }

    /// Starts it, or first asks for what is missing.
    fn go(&mut self, order: Order, cx: &mut Cx<'_, Ask>) {
        match question::missing(&order, cx.shared) {
            Some(missing) => self.fund(order, missing, cx),
            None => self.start(order, cx),
        }
    }

    fn fund(&mut self, order: Order, missing: Missing, cx: &mut Cx<'_, Ask>) {
        self.numbers += 1;
        let token = self.numbers;
        let kind = if missing.opens { Kind::OpenAccount } else { Kind::Deposit };
        let then = Some((Screen::Storage, token));
        let wish = Wish { kind, provider: order.provider, amount: Some(missing.amount), then };
        self.waiting.insert(token, order);
        cx.order(Wanted::Money(wish));
    }

    fn start(&mut self, order: Order, cx: &mut Cx<'_, Ask>) {
        self.numbers += 1;
        let transfer = Transfer {
            number: self.numbers,
            progress: Default::default(),
            began: cx.shared.now(),
            ended: None,
            outcome: Outcome::Moving,
            bytes: 0,
            request: None,
            fee: None,
            order: order.clone(),
        };
        cx.ask(Ask::Move { number: transfer.number, order, progress: transfer.progress.clone() });
        self.transfers.insert(0, transfer);
        let mut over = 0;
        self.transfers.retain(|one| {
            over += usize::from(!one.moves());
            one.moves() || over <= LISTED
        });
        (self.at, self.top) = (0, 0);
    }

    /// Asks whether it shall be done at its price.
    fn make_sure(&mut self, order: Order, shared: &Shared) {
        self.question = Some(Question::Sure(Box::new(Sure::new(order, shared))));
    }
}

fn storages(shared: &Shared) -> impl Iterator<Item = &Service> {
    shared.services.iter().filter(|service| service.kind == ServiceKind::ZgStorage)
}
