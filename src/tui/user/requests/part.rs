//! The screen's keys, answers and news.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::{Value, json};

use super::pages::{Page, Placed};
use super::rows::{OperationRow, RequestRow};
use super::runner::{Answer, Ask};
use super::{List, Record, Requests, Subject, export, view};
use crate::broker::user::{Event, RequestSort};
use crate::domain::Address;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::facts::furthest;
use crate::tui::kit::filter::{filter_hints, filter_kept, filter_key, filter_paste};
use crate::tui::kit::form::Did;
use crate::tui::kit::table::Click;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::{Cx, Intent, News, Order, Part, is_money};
use crate::tui::user::shared::Shared;

const SORTS: [(&str, RequestSort); 4] = [
    ("newest", RequestSort::Newest),
    ("oldest", RequestSort::Oldest),
    ("dearest", RequestSort::Dearest),
    ("cheapest", RequestSort::Cheapest),
];

/// The order in a word.
pub fn sort_in_words(sort: RequestSort) -> &'static str {
    SORTS.iter().find(|(_, one)| *one == sort).map_or("", |(name, _)| name)
}

/// From this width on there is room for every hint. Cells.
const WIDE: u16 = 100;

impl Part for Requests {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Requests, Place::Lists]
    }

    fn typing(&self) -> bool {
        self.typing || self.export.is_some() || self.accept.is_some()
    }

    fn takes(&self, action: Action, _shared: &Shared) -> bool {
        action != Action::Mark && (!is_money(action) || self.provider().is_some())
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        // It was read by whoever goes on.
        self.exported = None;
        match action {
            Action::Up => self.step(-1, cx),
            Action::Down => self.step(1, cx),
            Action::PageUp => self.step(-self.page(), cx),
            Action::PageDown => self.step(self.page(), cx),
            Action::First => self.select(0, cx),
            Action::Last => self.select(usize::MAX, cx),
            Action::Open => {
                let open = !self.pane.is_open();
                self.show(open);
            }
            Action::Zoom => self.pane.zoom(self.subject().is_some()),
            Action::Focus | Action::FocusBack if self.pane.is_open() && !self.covers(cx.shared) => {
                self.pane.focus(!self.pane.is_focused());
            }
            Action::Focus | Action::FocusBack | Action::OtherList => self.other_list(cx),
            Action::Filter => self.typing = true,
            Action::Sort => self.sort(false, cx),
            Action::TurnSort => self.sort(true, cx),
            Action::Refresh => {
                self.record = None;
                self.read_list(false, cx);
            }
            Action::Verify => self.verify(cx),
            Action::Accept => self.begin_accept(cx),
            Action::Reconcile => self.reconcile(cx),
            Action::Copy => self.copy(false, cx),
            Action::CopyAll => self.copy(true, cx),
            Action::CopyUrl => self.copy_link(cx),
            Action::Export => self.begin_export(cx),
            Action::ToService => self.service(cx),
            action if is_money(action) => self.money(action, cx),
            Action::Alias => {
                if let Some(provider) = self.provider() {
                    cx.order(Order::Alias(provider));
                }
            }
            _ => {}
        }
        self.follow(cx);
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
        if self.accept.is_some() {
            return self.answer_accept(key, cx);
        }
        if let Some(form) = &mut self.export {
            match form.key(key) {
                Did::Edited => export::keep_ending(form),
                Did::Leave => self.export = None,
                Did::Submit => self.write(cx),
            }
            return;
        }
        if matches!(key.code, KeyCode::Enter | KeyCode::Down | KeyCode::Up) {
            return self.typing = false;
        }
        let mut text = self.typed().to_owned();
        if filter_key(&mut text, key) {
            self.moved();
            self.set_typed(text, cx);
        }
    }

    fn back(&mut self, cx: &mut Cx<'_, Ask>) -> bool {
        if self.accept.take().is_some() || self.export.take().is_some() {
            return true;
        }
        if std::mem::take(&mut self.typing) {
            if !self.typed().is_empty() {
                self.set_typed(String::new(), cx);
            }
            return true;
        }
        if self.pane.is_zoomed() {
            return self.pane.back();
        }
        if self.pane.is_open() {
            self.show(false);
            return true;
        }
        if !self.typed().is_empty() {
            self.set_typed(String::new(), cx);
            return true;
        }
        false
    }

    fn stop(&mut self, cx: &mut Cx<'_, Ask>) -> bool {
        match &self.exporting {
            Some(running) => {
                running.progress.stop();
                true
            }
            None => self.back(cx),
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        if self.accept.is_some() {
            // Nobody consents by pasting.
            return;
        }
        if let Some(form) = &mut self.export {
            return form.paste(text);
        }
        self.typing = true;
        self.moved();
        let mut typed = self.typed().to_owned();
        filter_paste(&mut typed, text);
        self.set_typed(typed, cx);
    }

    fn click(&mut self, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
        if self.export.is_some() || self.accept.is_some() {
            return;
        }
        let areas = view::areas(self, area);
        if areas.detail.is_some_and(|detail| detail.contains(at)) {
            self.pane.focus(!self.covers(cx.shared));
            return;
        }
        if at.y == areas.caption.y && at.x < areas.caption.x + view::LISTS {
            let other = at.x >= areas.caption.x + view::FIRST_LIST;
            if other == (self.list == List::Requests) {
                self.other_list(cx);
            }
            return self.follow(cx);
        }
        if at.y == areas.table.y {
            self.sort(false, cx);
            return self.follow(cx);
        }
        let (look, now) = (&cx.shared.look, cx.shared.now());
        self.pane.focus(false);
        let clicked = match self.list {
            List::Requests => self.requests.table.click(at.x, at.y, areas.table, look, now),
            List::Operations => self.operations.table.click(at.x, at.y, areas.table, look, now),
        };
        match clicked {
            Click::Opened => self.show(true),
            Click::Selected => self.moved(),
            Click::Beside | Click::Sorted => {}
        }
        self.follow(cx);
    }

    fn wheel(&mut self, rows: i16, cx: &mut Cx<'_, Ask>) {
        self.step(rows.into(), cx);
        self.follow(cx);
    }

    fn open(&mut self, cx: &mut Cx<'_, Ask>) {
        self.read_list(false, cx);
        self.follow(cx);
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Event(Event::RequestSent { .. } | Event::RequestEnded { .. }) => {
                self.outdated |= self.list == List::Requests;
                self.forget_if(news);
            }
            News::Event(Event::OperationChanged { .. }) => {
                self.outdated |= self.list == List::Operations;
                self.forget_if(news);
            }
            // At most once a second, and only while somebody looks.
            News::Beat if std::mem::take(&mut self.in_sight) && !cx.shared.frozen => {
                if self.outdated {
                    self.read_list(false, cx);
                }
                self.follow(cx);
            }
            _ => {}
        }
        self.exporting.is_some()
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        let alias = |provider: Address| cx.shared.aliases.get(&provider).cloned();
        match answer {
            Answer::Requests { generation, page } => {
                let page = page.map(|page| {
                    mapped(page, |view| {
                        let alias = alias(view.provider);
                        RequestRow::new(view, alias)
                    })
                });
                self.requests.take(generation, page);
            }
            Answer::Operations { generation, page } => {
                let page = page.map(|page| {
                    mapped(page, |view| {
                        let alias = view.provider.and_then(alias);
                        OperationRow::new(view, alias)
                    })
                });
                self.operations.take(generation, page);
            }
            Answer::Record(id, record) => {
                self.reading = false;
                self.record = Some(match record {
                    Ok(record) => Record::Request(record),
                    Err(reason) => Record::Trouble(Subject::Request(id), reason),
                });
            }
            Answer::Operation(id, view) => {
                self.reading = false;
                self.record = Some(match view {
                    Ok(view) => Record::Operation(view),
                    Err(reason) => Record::Trouble(Subject::Operation(id), reason),
                });
            }
            Answer::Accepted(id, ended) => self.accepted(id, ended, cx),
            Answer::Verified(id, found) => self.verified = Some((id, found)),
            Answer::Reconciled(provider, found) => {
                self.reconciled = Some((provider, found.map(|found| *found)));
            }
            Answer::Exporting => {}
            Answer::Exported { path, ended } => {
                let what = self.exporting.take().map_or("rows", |running| running.what);
                match ended {
                    Ok((rows, bytes)) => {
                        let what = if rows == 1 { what.trim_end_matches('s') } else { what };
                        let text = texts::requests::written(grouped(rows.into()), what, &path);
                        let more = texts::requests::written_bytes(&text, bytes);
                        cx.order(Order::Notify(Tone::Good, more));
                        self.exported = Some(text);
                    }
                    Err(reason) => {
                        let text = texts::requests::nothing_written(&reason);
                        cx.order(Order::Notify(Tone::Bad, text.clone()));
                    }
                }
            }
        }
        self.follow(cx);
    }

    fn intent(&mut self, intent: Intent, cx: &mut Cx<'_, Ask>) {
        match intent {
            Intent::Request(id) => self.open_request(id),
            Intent::Requests(typed) => {
                self.list = List::Requests;
                self.show(false);
                self.moved();
                self.set_typed(typed, cx);
            }
            _ => {}
        }
        self.follow(cx);
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        self.in_sight = true;
        self.settle_accept(area, shared);
        let areas = view::areas(self, area);
        self.requests.table.set_height(areas.table.height);
        self.operations.table.set_height(areas.table.height);
        if let Some(detail) = areas.detail {
            self.pane.limit(furthest(&self.facts(shared), detail));
        }
    }

    fn counting(&self, _shared: &Shared) -> bool {
        self.exporting.is_some() || (self.list == List::Requests && self.requests.runs())
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        view::draw(self, buffer, area, shared)
    }

    fn hints(&self, shared: &Shared) -> Vec<(Action, &'static str)> {
        let other = if self.list == List::Requests { "operations" } else { "requests" };
        if self.pane.is_open() {
            let mut hints = vec![(Action::Back, texts::hints::BACK), (Action::Copy, texts::shared::COPY_ID)];
            if self.list == List::Requests {
                hints.extend([
                    (Action::Verify, texts::hints::VERIFY),
                    (Action::Reconcile, texts::hints::RECONCILE),
                ]);
                if self.is_disputed() {
                    hints.push((Action::Accept, texts::hints::ACCEPT));
                }
                if shared.size.0 >= WIDE {
                    hints.push((Action::ToService, texts::hints::SERVICE));
                }
            } else if shared.chain.is_some() {
                hints.push((Action::CopyUrl, texts::requests::COPY_LINK));
            }
            return hints;
        }
        vec![
            (Action::Open, texts::hints::DETAILS),
            (Action::Filter, texts::hints::FILTER),
            (Action::Sort, texts::hints::SORT),
            (Action::OtherList, other),
            (Action::Export, texts::hints::EXPORT),
        ]
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        if self.accept.is_some() {
            return Some(vec![
                ("y", texts::requests::ACCEPT_IT),
                ("esc", texts::hints::LEAVE),
                ("↑↓", texts::hints::SCROLL),
            ]);
        }
        if self.export.is_some() {
            return Some(vec![
                ("enter", texts::requests::NEXT_THEN_WRITE),
                ("← →", texts::hints::FORMAT),
                ("esc", texts::hints::LEAVE),
            ]);
        }
        self.typing.then(|| filter_hints(false))
    }

    fn running(&self) -> Option<String> {
        self.exporting.as_ref().map(|running| texts::requests::leaving_stops_export(running.what))
    }

    fn remember(&self) -> Value {
        let [requests, operations] = &self.typed;
        json!({
            "list": if self.list == List::Requests { "requests" } else { "operations" },
            "sort": sort_in_words(self.sort),
            "filter": requests,
            "operations": operations,
            "detail": self.pane.is_open(),
        })
    }

    fn recall(&mut self, kept: &Value) {
        let text = |name: &str| filter_kept(kept[name].as_str().unwrap_or_default());
        self.list = if text("list") == "operations" { List::Operations } else { List::Requests };
        self.sort = SORTS.iter().find(|(name, _)| *name == text("sort")).map_or(self.sort, |(_, sort)| *sort);
        self.typed = [text("filter"), text("operations")];
        if kept["detail"].as_bool() == Some(true) {
            self.pane.open();
        }
    }
}

impl Requests {
    /// Forgets what was read of the subject if the news is about it.
    fn forget_if(&mut self, news: &News) {
        let about = match news {
            News::Event(Event::RequestSent { request, .. } | Event::RequestEnded { request, .. }) => {
                Some(Subject::Request(*request))
            }
            News::Event(Event::OperationChanged { id, .. }) => Some(Subject::Operation(*id)),
            _ => None,
        };
        if about.is_some() && self.record.as_ref().map(Record::subject) == about {
            self.record = None;
        }
    }
}

fn mapped<T, R: Placed>(page: Page<T>, row: impl Fn(T) -> R) -> Page<R> {
    Page {
        items: page.items.into_iter().map(&row).collect(),
        live: page.live.into_iter().map(&row).collect(),
        next: page.next,
        total: page.total,
        fee: page.fee,
    }
}
