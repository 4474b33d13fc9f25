//! What keys do to the lists and the details.

use std::sync::Arc;

use super::export::{self, Export};
use super::pages::{Placed, Wanted};
use super::runner::{Ask, Covered};
use super::{List, Record, Requests, Running, Subject, facts, filter};
use crate::broker::user::RequestSort;
use crate::domain::{Address, RequestId};
use crate::tui::keymap::Action;
use crate::tui::kit::facts::{Fact, text};
use crate::tui::kit::pane::Pane;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::{Cx, Intent, Order};
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::{Link, Shared};

impl Requests {
    pub(super) fn typed(&self) -> &str {
        match (self.list, &self.typed) {
            (List::Requests, [typed, _]) | (List::Operations, [_, typed]) => typed,
        }
    }

    pub(super) fn set_typed(&mut self, typed: String, cx: &mut Cx<'_, Ask>) {
        match (self.list, &mut self.typed) {
            (List::Requests, [own, _]) | (List::Operations, [_, own]) => *own = typed,
        }
        self.read_list(true, cx);
    }

    /// Asks for the list that is shown from its start: because another one is wanted, or something changed.
    pub(super) fn read_list(&mut self, other: bool, cx: &mut Cx<'_, Ask>) {
        self.outdated = false;
        if cx.shared.link != Link::Ready {
            return;
        }
        let wanted = match self.list {
            List::Requests => self.requests.anew(other),
            List::Operations => self.operations.anew(other),
        };
        self.ask_for(self.list, wanted, cx);
    }

    fn ask_for(&mut self, list: List, wanted: Option<Wanted>, cx: &mut Cx<'_, Ask>) {
        match list {
            List::Requests => {
                let read = filter::requests(&self.typed[0], cx.shared);
                self.complaint = read.complaint;
                if let Some(wanted) = wanted {
                    cx.ask(Ask::Requests { wanted, filter: read.filter, sort: self.sort });
                }
            }
            List::Operations => {
                let read = filter::operations(&self.typed[1], cx.shared);
                self.complaint = read.complaint;
                if let Some(wanted) = wanted {
                    cx.ask(Ask::Operations { wanted, query: read.filter });
                }
            }
        }
    }

    /// What a change of selection, list or answer leads to: the next page, the record of what the details are about.
    pub(super) fn follow(&mut self, cx: &mut Cx<'_, Ask>) {
        let wanted = self.requests.wanted();
        if wanted.is_some() {
            self.ask_for(List::Requests, wanted, cx);
        }
        let wanted = self.operations.wanted();
        if wanted.is_some() {
            self.ask_for(List::Operations, wanted, cx);
        }
        let subject = self.subject().filter(|_| self.pane.is_open());
        let known = self.record.as_ref().map(Record::subject);
        if let Some(subject) = subject.filter(|subject| known != Some(*subject)) {
            self.read_record(subject, cx);
        }
    }

    pub(super) fn read_record(&mut self, subject: Subject, cx: &mut Cx<'_, Ask>) {
        if self.reading || cx.shared.link != Link::Ready {
            return;
        }
        self.reading = true;
        match subject {
            Subject::Request(id) => cx.ask(Ask::Record(id)),
            Subject::Operation(id) => cx.ask(Ask::Operation(id)),
        }
    }

    /// What the details are about.
    pub(super) fn subject(&self) -> Option<Subject> {
        match (self.list, self.named) {
            (List::Requests, Some(id)) => Some(Subject::Request(id)),
            (List::Requests, None) => {
                self.requests.table.selected().map(|row| Subject::Request(row.view.request))
            }
            (List::Operations, _) => {
                self.operations.table.selected().map(|row| Subject::Operation(row.view.id))
            }
        }
    }

    /// What the details say.
    pub(super) fn facts(&self, shared: &Shared) -> Vec<Fact> {
        let Some(subject) = self.subject() else { return Vec::new() };
        let record = self.record.as_ref().filter(|record| record.subject() == subject);
        let trouble = |reason: &String| vec![Fact::Note(format!("✗ {reason}"), Tone::Bad)];
        let mut all = Vec::new();
        if let (Subject::Request(id), Some((of, found))) = (subject, &self.verified)
            && *of == id
        {
            all.extend(facts::verification(found));
        }
        if let Some((of, found)) = &self.reconciled
            && self.provider() == Some(*of)
        {
            all.extend(facts::reconciliation(found, shared));
        }
        match (subject, record) {
            (_, Some(Record::Trouble(_, reason))) => all.extend(trouble(reason)),
            (Subject::Request(_), Some(Record::Request(record))) => {
                all.extend(facts::request(&record.view, Some(record), shared));
            }
            (Subject::Operation(_), Some(Record::Operation(view))) => {
                all.extend(facts::operation(view, shared));
            }
            (Subject::Request(id), _) => {
                match self.requests.table.selected().filter(|row| row.view.request == id) {
                    Some(row) => all.extend(facts::request(&row.view, None, shared)),
                    None => all.push(Fact::Note(texts::shared::BEING_READ.to_owned(), Tone::Pending)),
                }
            }
            (Subject::Operation(_), _) => {
                if let Some(row) = self.operations.table.selected() {
                    all.extend(facts::operation(&row.view, shared));
                }
            }
        }
        all
    }

    /// The provider of what is selected.
    pub(super) fn provider(&self) -> Option<Address> {
        let row = self.requests.table.selected();
        match (self.subject()?, &self.record) {
            (Subject::Request(id), Some(Record::Request(record))) if record.view.request == id => {
                Some(record.view.provider)
            }
            (Subject::Request(id), _) => {
                row.filter(|row| row.view.request == id).map(|row| row.view.provider)
            }
            (Subject::Operation(_), _) => self.operations.table.selected()?.view.provider,
        }
    }

    pub(super) fn step(&mut self, by: isize, cx: &mut Cx<'_, Ask>) {
        if self.pane.is_open() && (self.pane.is_focused() || self.covers(cx.shared)) {
            self.pane.scroll(by);
            return;
        }
        self.moved();
        match self.list {
            List::Requests => self.requests.table.step(by),
            List::Operations => self.operations.table.step(by),
        }
    }

    pub(super) fn select(&mut self, at: usize, cx: &mut Cx<'_, Ask>) {
        if self.pane.is_open() && (self.pane.is_focused() || self.covers(cx.shared)) {
            if at == 0 {
                self.pane.to_start();
            } else {
                self.pane.to_end();
            }
            return;
        }
        self.moved();
        match self.list {
            List::Requests => self.requests.table.select(at),
            List::Operations => self.operations.table.select(at),
        }
        // The first row of all is not among those that are held.
        if at == 0 && self.is_below_the_start() {
            self.read_list(true, cx);
        }
    }

    fn is_below_the_start(&self) -> bool {
        match self.list {
            List::Requests => self.requests.table.selected().is_some_and(|row| row.place() > 0),
            List::Operations => self.operations.table.selected().is_some_and(|row| row.place() > 0),
        }
    }

    /// The selection goes elsewhere: details begin anew.
    pub(super) fn moved(&mut self) {
        self.pane.to_start();
        self.named = None;
    }

    pub(super) fn page(&self) -> isize {
        match self.list {
            List::Requests => self.requests.table.page(),
            List::Operations => self.operations.table.page(),
        }
    }

    pub(super) fn other_list(&mut self, cx: &mut Cx<'_, Ask>) {
        self.list = match self.list {
            List::Requests => List::Operations,
            List::Operations => List::Requests,
        };
        self.typing = false;
        self.moved();
        self.read_list(false, cx);
    }

    pub(super) fn show(&mut self, open: bool) {
        self.pane.close();
        if open && self.subject().is_some() {
            self.pane.open();
        } else {
            self.named = None;
            // The next details are about another row.
            self.reconciled = None;
        }
    }

    /// Sorts by time or by fee, the largest first; the same again turns it around.
    pub(super) fn sort(&mut self, turn: bool, cx: &mut Cx<'_, Ask>) {
        if self.list == List::Operations {
            return cx.toast(Tone::Plain, texts::requests::OPERATIONS_BY_TIME);
        }
        self.sort = match (self.sort, turn) {
            (RequestSort::Newest | RequestSort::Oldest, false) | (RequestSort::Cheapest, true) => {
                RequestSort::Dearest
            }
            (RequestSort::Dearest | RequestSort::Cheapest, false) | (RequestSort::Oldest, true) => {
                RequestSort::Newest
            }
            (RequestSort::Newest, true) => RequestSort::Oldest,
            (RequestSort::Dearest, true) => RequestSort::Cheapest,
        };
        self.moved();
        self.read_list(true, cx);
    }

    pub(super) fn verify(&mut self, cx: &mut Cx<'_, Ask>) {
        match self.subject() {
            Some(Subject::Request(id)) => {
                self.pane.open();
                self.pane.to_start();
                cx.ask(Ask::Verify(id));
            }
            _ => cx.toast(Tone::Plain, texts::requests::O_SHOWS_REQUESTS),
        }
    }

    pub(super) fn reconcile(&mut self, cx: &mut Cx<'_, Ask>) {
        match self.provider() {
            Some(provider) => {
                self.pane.open();
                self.pane.to_start();
                cx.ask(Ask::Reconcile(provider));
            }
            None => cx.toast(Tone::Plain, texts::requests::SELECT_A_ROW),
        }
    }

    pub(super) fn copy(&self, all: bool, cx: &mut Cx<'_, Ask>) {
        let Some(subject) = self.subject() else { return };
        if all {
            return cx.copy(text(&self.facts(cx.shared)), texts::requests::THE_DETAILS);
        }
        match subject {
            Subject::Request(id) => cx.copy(id.to_string(), texts::shared::REQUESTS_ID),
            Subject::Operation(id) => {
                let row = self.operations.table.selected();
                match row.and_then(|row| row.view.hash) {
                    Some(hash) => cx.copy(hash.to_string(), texts::shared::TRANSACTIONS_HASH),
                    None => cx.copy(id.to_string(), texts::shared::OPERATIONS_ID),
                }
            }
        }
    }

    pub(super) fn copy_link(&self, cx: &mut Cx<'_, Ask>) {
        let row = self.operations.table.selected().filter(|_| self.list == List::Operations);
        match row.and_then(|row| facts::explorer(&row.view, cx.shared)) {
            Some(link) => cx.copy(link, texts::requests::EXPLORERS_LINK),
            None => cx.toast(Tone::Plain, texts::requests::NO_EXPLORER),
        }
    }

    /// Opens the account of the selected row's provider.
    pub(super) fn money(&self, action: Action, cx: &mut Cx<'_, Ask>) {
        if let Some(provider) = self.provider() {
            cx.money(action, provider);
        }
    }

    /// Opens the service that the selected request was sent to.
    pub(super) fn service(&self, cx: &mut Cx<'_, Ask>) {
        let row = self.requests.table.selected();
        let view = match (self.subject(), &self.record) {
            (Some(Subject::Request(id)), Some(Record::Request(record))) if record.view.request == id => {
                Some(record.view.clone())
            }
            (Some(Subject::Request(id)), _) => {
                row.map(|row| (*row.view).clone()).filter(|view| view.request == id)
            }
            _ => None,
        };
        if let Some(view) = view {
            let (provider, service) = (view.provider, view.service);
            cx.order(Order::Tell(Screen::Services, Intent::Service { provider, service }));
        }
    }

    pub(super) fn begin_export(&mut self, cx: &mut Cx<'_, Ask>) {
        if self.exporting.is_some() {
            return cx.toast(Tone::Plain, texts::requests::EXPORT_UNDER_WAY);
        }
        self.typing = false;
        self.export = Some(export::form(self.what(), cx.shared.now()));
    }

    fn what(&self) -> &'static str {
        match self.list {
            List::Requests => "requests",
            List::Operations => "operations",
        }
    }

    /// Writes what the filter covers.
    pub(super) fn write(&mut self, cx: &mut Cx<'_, Ask>) {
        let what = self.what();
        let covered = match self.list {
            List::Requests => Covered::Requests(filter::requests(&self.typed[0], cx.shared).filter),
            List::Operations => Covered::Operations(filter::operations(&self.typed[1], cx.shared).filter),
        };
        let Some(form) = &mut self.export else { return };
        let file = form.value("file").to_owned();
        if file.is_empty() || file.ends_with('/') {
            return form.complain(Some("file"), texts::shared::NAME_A_FILE.to_owned());
        }
        let progress = Arc::default();
        let format = export::format(form);
        self.exporting = Some(Running { what, progress: Arc::clone(&progress) });
        self.export = None;
        cx.ask(Ask::Export(Export { covered, format, file, progress }));
    }

    pub(super) fn open_request(&mut self, id: RequestId) {
        self.list = List::Requests;
        self.named = Some(id);
        self.pane = Pane::default();
        self.pane.open();
    }
}
