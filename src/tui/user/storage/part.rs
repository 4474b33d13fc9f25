//! The screen's keys, answers and news.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use super::question::{self, Missing, Question};
use super::runner::{Answer, Ask, Ended, Trouble};
use super::transfer::{Outcome, Transfer, Way};
use super::{REMEMBERED, Storage, file_name, storages, view};
use crate::broker::user::Event;
use crate::domain::{Neuron, UserRequestState};
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::dialog::Said;
use crate::tui::kit::form::Did;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::{Cx, Intent, News, Order, Part, is_money, is_of_lists};
use crate::tui::user::places;
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::Shared;

impl Part for Storage {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Storage, Place::Lists]
    }

    fn typing(&self) -> bool {
        self.question.is_some()
    }

    fn takes(&self, action: Action, shared: &Shared) -> bool {
        let none = action == Action::Zoom || is_of_lists(action);
        !none && (!is_money(action) || self.service(shared).is_some())
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        match action {
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-5),
            Action::PageDown => self.step(5),
            Action::First => self.step(isize::MIN),
            Action::Last => self.step(isize::MAX),
            Action::Focus | Action::FocusBack => self.next_service(cx.shared),
            Action::Upload => self.ask_upload(cx),
            Action::Download => self.ask_download(cx),
            Action::Open => match self.selected().map(|one| (one.request, one.order.service.clone())) {
                Some((Some(request), _)) => {
                    cx.order(Order::Tell(Screen::Requests, Intent::Request(request)));
                }
                _ => {
                    if let Some(service) = self.service(cx.shared) {
                        let typed = format!("provider:{:#x} service:{}", service.provider, service.name);
                        cx.order(Order::Tell(Screen::Requests, Intent::Requests(typed)));
                    }
                }
            },
            Action::Copy => match self.selected().and_then(Transfer::id) {
                Some(id) => cx.copy(id, texts::storage::THE_ID),
                None => cx.toast(Tone::Plain, texts::storage::NO_ID_YET),
            },
            Action::CopyAll => {
                if let Some(one) = self.selected() {
                    cx.copy(view::as_text(one, cx.shared), texts::storage::THE_TRANSFER);
                }
            }
            action if is_money(action) => {
                if let Some(service) = self.service(cx.shared) {
                    cx.money(action, service.provider);
                }
            }
            _ => {}
        }
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
        let service = self.service(cx.shared).cloned();
        match &mut self.question {
            Some(Question::Sure(sure)) => match sure.money.key(key, cx.shared.pressed) {
                Said::Nothing => {}
                Said::No => self.question = None,
                Said::Yes => {
                    let order = sure.order.clone();
                    self.question = None;
                    self.go(order, cx);
                }
            },
            Some(Question::File { way, form, names, looking }) => {
                let file = form.fields.get(form.focus).is_some_and(|field| field.key == "file");
                if key.code == KeyCode::Tab && file && *way == Way::Up {
                    let go_on = places::common(names);
                    let typed = form.value("file").to_owned();
                    if go_on.len() > typed.len() {
                        set(form, "file", go_on);
                    }
                    cx.ask(Ask::Complete(form.value("file").to_owned()));
                    return;
                }
                let before = form.value("file").to_owned();
                let id = form.value("id").to_owned();
                match form.key(key) {
                    Did::Leave => self.question = None,
                    Did::Edited => {
                        // A name follows the id until somebody gives another one.
                        if *way == Way::Down
                            && form.value("id") != id
                            && (before.is_empty() || before == file_name(&id))
                        {
                            let name = file_name(form.value("id"));
                            set(form, "file", name);
                        }
                        if *way == Way::Up && form.value("file") != before {
                            cx.ask(Ask::Complete(form.value("file").to_owned()));
                        }
                    }
                    Did::Submit => {
                        let Some(service) = service else { return };
                        match question::read(*way, form, &service, 0) {
                            Err((field, complaint)) => form.complain(Some(field), complaint),
                            Ok(order) => {
                                *looking = true;
                                cx.ask(match way {
                                    Way::Up => Ask::Size(order.file),
                                    Way::Down => Ask::Place(order.file),
                                });
                            }
                        }
                    }
                }
            }
            None => {}
        }
    }

    fn back(&mut self, _cx: &mut Cx<'_, Ask>) -> bool {
        self.question.take().is_some()
    }

    fn stop(&mut self, cx: &mut Cx<'_, Ask>) -> bool {
        if self.back(cx) {
            return true;
        }
        // The selected one, or the newest that moves.
        let selected = self.selected().filter(|one| one.moves());
        match selected.or_else(|| self.transfers.iter().find(|one| one.moves())) {
            Some(one) => {
                one.progress.stop.cancel();
                cx.toast(Tone::Plain, texts::storage::STOPPED);
                true
            }
            None => false,
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        if let Some(Question::File { way, form, .. }) = &mut self.question {
            form.paste(text);
            if *way == Way::Up {
                cx.ask(Ask::Complete(form.value("file").to_owned()));
            }
        }
    }

    fn click(&mut self, at: Position, area: Rect, _cx: &mut Cx<'_, Ask>) {
        let list = view::areas(area).list;
        if self.question.is_none() && list.contains(at) {
            let row = self.top + usize::from((at.y - list.y) / view::ROWS);
            if row < self.transfers.len() {
                self.at = row;
            }
        }
    }

    fn wheel(&mut self, rows: i16, _cx: &mut Cx<'_, Ask>) {
        if self.question.is_none() {
            self.step(rows.into());
        }
    }

    fn news(&mut self, news: &News, _cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Event(Event::RequestEnded { request, state, fee, .. })
                if *state != UserRequestState::Unconfirmed =>
            {
                let waits = |one: &&mut Transfer| one.request == Some(*request) && !one.moves();
                let Some(one) = self.transfers.iter_mut().find(waits) else { return false };
                // What was cut is known in the end, when the receipt is there or given up.
                one.fee = Some(*fee);
                true
            }
            _ => matches!(news, News::Services | News::Snapshot),
        }
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        match answer {
            Answer::Names { typed, names: found } => {
                if let Some(Question::File { form, names, .. }) = &mut self.question
                    && form.value("file") == typed.trim()
                {
                    *names = found;
                }
            }
            Answer::Size { typed, size } => self.looked(&typed, size, cx),
            Answer::Place { typed, free } => self.looked(&typed, free.map(|()| 0), cx),
            Answer::Moving => {}
            Answer::Moved { number, ended } => self.ended(number, ended, cx),
        }
    }

    fn intent(&mut self, intent: Intent, cx: &mut Cx<'_, Ask>) {
        match intent {
            Intent::Files { provider, service } => self.chosen = Some((provider, service)),
            Intent::Funded { token, refused } => {
                let Some(order) = self.waiting.remove(&token) else { return };
                match refused {
                    None => self.start(order, cx),
                    Some(reason) => {
                        cx.toast(Tone::Warn, texts::storage::not_moved(&order.file, &reason));
                    }
                }
            }
            _ => {}
        }
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        if let Some(Question::Sure(sure)) = &mut self.question {
            sure.settle(Rect { x: 0, width: shared.size.0, ..area }, shared);
        }
        self.shown = usize::from(view::areas(area).list.height / view::ROWS);
        self.scroll();
    }

    fn counting(&self, _shared: &Shared) -> bool {
        self.transfers.iter().any(Transfer::moves)
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared)
    }

    fn hints(&self, shared: &Shared) -> Vec<(Action, &'static str)> {
        let mut hints =
            vec![(Action::Upload, texts::hints::UPLOAD), (Action::Download, texts::hints::DOWNLOAD)];
        if self.counting(shared) {
            hints.push((Action::Stop, texts::hints::STOP));
        }
        if !self.transfers.is_empty() {
            hints.extend([
                (Action::Copy, texts::shared::COPY_ID),
                (Action::Open, texts::storage::ITS_REQUEST),
            ]);
        }
        if storages(shared).nth(1).is_some() {
            hints.push((Action::Focus, texts::storage::OTHER_SERVICE));
        }
        hints
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        match self.question.as_ref()? {
            Question::Sure(_) => Some(vec![
                ("y", texts::shared::DO_IT),
                ("esc", texts::hints::LEAVE),
                ("↑↓", texts::hints::SCROLL),
            ]),
            Question::File { way: Way::Up, .. } => Some(vec![
                ("tab", texts::hints::COMPLETE),
                ("enter", texts::storage::SEE_COST),
                ("esc", texts::hints::LEAVE),
            ]),
            Question::File { .. } => {
                Some(vec![("enter", texts::storage::NEXT_THEN_COST), ("esc", texts::hints::LEAVE)])
            }
        }
    }

    fn running(&self) -> Option<String> {
        match self.transfers.iter().filter(|one| one.moves()).count() {
            0 => None,
            1 => Some(texts::storage::LEAVING_ONE.to_owned()),
            many => Some(texts::storage::leaving_many(many)),
        }
    }

    fn remember(&self) -> Value {
        let uploads: Vec<Value> =
            self.transfers.iter().filter_map(Transfer::remembered).take(REMEMBERED).collect();
        let chosen =
            self.chosen.as_ref().map(|(provider, name)| json!([provider.to_string(), name.as_str()]));
        if uploads.is_empty() && chosen.is_none() {
            return Value::Null;
        }
        json!({ "service": chosen, "uploads": uploads })
    }

    fn recall(&mut self, kept: &Value) {
        let text = |at: usize| kept["service"][at].as_str();
        if let (Some(Ok(provider)), Some(Ok(name))) = (text(0).map(str::parse), text(1).map(str::parse)) {
            self.chosen = Some((provider, name));
        }
        for one in kept["uploads"].as_array().into_iter().flatten().take(REMEMBERED) {
            self.numbers += 1;
            self.transfers.extend(Transfer::recalled(self.numbers, one));
        }
    }
}

impl Storage {
    /// What the disk says of the path that was typed.
    fn looked(&mut self, typed: &str, found: Result<u64, String>, cx: &mut Cx<'_, Ask>) {
        let service = self.service(cx.shared).cloned();
        let Some(Question::File { way, form, looking, .. }) = &mut self.question else { return };
        if !*looking || form.value("file") != typed.trim() {
            return;
        }
        *looking = false;
        let Some(service) = service else { return };
        let read = match found {
            Err(reason) => Err(("file", reason)),
            Ok(0) if *way == Way::Up => Err(("file", texts::shared::IT_IS_EMPTY.to_owned())),
            Ok(size) => question::read(*way, form, &service, size),
        };
        match read {
            Err((field, complaint)) => form.complain(Some(field), complaint),
            Ok(order) => self.make_sure(order, cx.shared),
        }
    }

    fn ended(&mut self, number: u64, ended: Ended, cx: &mut Cx<'_, Ask>) {
        let now = cx.shared.now();
        let look = &cx.shared.look;
        let Some(one) = self.transfers.iter_mut().find(|one| one.number == number) else { return };
        let Ended { result, request, fee } = ended;
        (one.ended, one.request, one.fee) = (Some(now), request, fee);
        let cost = fee.map_or(texts::storage::COST_NOT_KNOWN.to_owned(), |fee| {
            texts::storage::it_cost(look.amount(fee))
        });
        match result {
            Ok((result, bytes)) => {
                one.bytes = bytes;
                let text = match one.order.way {
                    Way::Up => texts::storage::is_stored_as(&one.order.file, &result, &cost),
                    Way::Down => texts::storage::was_written(&result, question::size(bytes), &cost),
                };
                one.outcome = Outcome::Done(result);
                cx.order(Order::Notify(Tone::Good, text));
            }
            Err(Trouble::Stopped) => {
                one.bytes = one.progress.bytes();
                one.outcome = Outcome::Stopped;
                cx.order(Order::Note(Tone::Plain, texts::storage::was_stopped(&one.order.file, &cost)));
            }
            Err(Trouble::Short(shortfall)) => {
                // The least that lets it begin, and what the rest of it may cost.
                let rest = one.order.at_most().above(one.order.input_fee());
                let amount = shortfall.amount.saturating_add(rest);
                if cx.shared.open != Screen::Storage {
                    // A dialog about money never opens under the hands of somebody who writes elsewhere.
                    let reason = texts::storage::MONEY_IS_MISSING.to_owned();
                    let text = texts::storage::not_moved(&one.order.file, &reason);
                    one.outcome = Outcome::Failed(reason);
                    return cx.order(Order::Notify(Tone::Warn, text));
                }
                let order = one.order.clone();
                self.transfers.retain(|one| one.number != number);
                self.step(0);
                let up = order.way == Way::Up;
                let amount = if up { amount } else { shortfall.amount.max(order.at_most()) };
                let missing = Missing { amount: amount.min(Neuron::MAX), opens: shortfall.opens };
                self.fund(order, missing, cx);
            }
            Err(Trouble::Other(reason)) => {
                one.bytes = one.progress.bytes();
                cx.order(Order::Notify(Tone::Bad, texts::storage::not_moved(&one.order.file, &reason)));
                one.outcome = Outcome::Failed(reason);
            }
        }
    }
}

fn set(form: &mut crate::tui::kit::form::Form, key: &str, value: String) {
    for field in form.fields.iter_mut().filter(|field| field.key == key) {
        *field = field.clone().with(value.clone());
    }
}
