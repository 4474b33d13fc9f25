//! What the screen's keys do.

use super::row::{Offer, prices_in_words};
use super::rows::{AT_ONCE, named};
use super::runner::Ask;
use super::{Services, facts};
use crate::broker::user::model_id;
use crate::domain::{Address, ServiceKind, ServiceName};
use crate::tui::keymap::Action;
use crate::tui::kit::facts::text;
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::{Cx, Intent, Order};
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::Link;

/// Told where the API would be needed and is not open.
const CLOSED: &str = texts::services::API_CLOSED;

impl Services {
    pub(super) fn selected(&self) -> Option<&Offer> {
        self.table.selected()
    }

    fn subject(&self) -> Option<(Address, ServiceName)> {
        self.selected().map(named)
    }

    /// Starts a chat, or opens the files of a storage service.
    pub(super) fn talk(&self, cx: &mut Cx<'_, Ask>) {
        let Some(offer) = self.selected() else { return };
        let (provider, service) = named(offer);
        cx.order(match offer.service.kind {
            ServiceKind::Chatbot => Order::Tell(Screen::Chat, Intent::Talk { provider, service }),
            ServiceKind::ZgStorage => Order::Tell(Screen::Storage, Intent::Files { provider, service }),
        });
    }

    /// Opens an account, or adds to the one that there is.
    pub(super) fn money(&self, action: Action, cx: &mut Cx<'_, Ask>) {
        if let Some((provider, _)) = self.subject() {
            cx.money(action, provider);
        }
    }

    /// Asks the marked services, or the selected one, now.
    pub(super) fn probe(&mut self, cx: &mut Cx<'_, Ask>) {
        let mut asked: Vec<_> = self.table.marked().map(named).collect();
        if asked.is_empty() {
            asked.extend(self.subject());
        }
        if asked.len() > AT_ONCE {
            let text = texts::services::first_are_asked(AT_ONCE, asked.len());
            cx.toast(Tone::Plain, text);
            asked.truncate(AT_ONCE);
        }
        self.look_at(asked, cx);
    }

    pub(super) fn mark(&mut self) {
        self.table.mark();
    }

    /// Puts the marked services side by side.
    pub(super) fn side_by_side(&mut self, cx: &mut Cx<'_, Ask>) {
        if self.compare.is_some() {
            self.compare = None;
        } else if self.table.marks() < 2 {
            cx.toast(Tone::Plain, texts::services::MARK_TWO);
        } else {
            self.compare = Some(0);
            cx.ask(Ask::Usage);
        }
    }

    pub(super) fn show(&mut self, open: bool) {
        if open {
            self.pane.open();
            self.pane.focus(false);
            self.pane.to_start();
        } else {
            self.pane.close();
        }
    }

    /// Asks for the price history of what the details are about.
    pub(super) fn follow(&mut self, cx: &mut Cx<'_, Ask>) {
        let Some((provider, name)) = self.subject().filter(|_| self.pane.is_open()) else { return };
        let there = |(one, other, _): &(Address, ServiceName, _)| *one == provider && *other == name;
        if !self.history.as_ref().is_some_and(there) && cx.shared.link == Link::Ready {
            self.history = Some((provider, name.clone(), Err(facts::READING.to_owned())));
            self.pane.to_start();
            cx.ask(Ask::History(provider, name));
        }
    }

    pub(super) fn million(cx: &mut Cx<'_, Ask>) {
        cx.order(Order::Million);
        let look = Look { million: !cx.shared.look.million, ..cx.shared.look };
        cx.toast(Tone::Plain, prices_in_words(&look));
    }

    pub(super) fn copy(&self, all: bool, cx: &mut Cx<'_, Ask>) {
        let Some(offer) = self.selected() else { return };
        if all {
            let facts = facts::facts(self, offer, cx.shared);
            cx.copy(text(&facts), texts::services::ALL_DETAILS);
        } else {
            cx.copy(offer.service.provider.to_string(), texts::shared::PROVIDERS_ADDRESS);
        }
    }

    /// The address for programs that speak as OpenAI's clients do.
    pub(super) fn copy_url(&self, cx: &mut Cx<'_, Ask>) {
        let Some(offer) = self.selected() else { return };
        match (&cx.shared.start.serving, offer.service.kind) {
            (None, _) => cx.toast(Tone::Plain, CLOSED),
            (Some(base), ServiceKind::Chatbot) => {
                let text = format!("{}/v1", base.trim_end_matches('/'));
                cx.copy(text, texts::services::base_url_and_model(model_id(&offer.service)));
            }
            (Some(base), ServiceKind::ZgStorage) => cx.copy(route(base, offer), texts::services::BASE_URL),
        }
    }

    pub(super) fn copy_curl(&self, cx: &mut Cx<'_, Ask>) {
        let Some(offer) = self.selected() else { return };
        match &cx.shared.start.serving {
            None => cx.toast(Tone::Plain, CLOSED),
            Some(base) => cx.copy(curl(base, offer), texts::services::CURL_LINE),
        }
    }
}

fn route(base: &str, offer: &Offer) -> String {
    let service = &offer.service;
    format!("{}/v1/provider/{}/service/{}", base.trim_end_matches('/'), service.provider, service.name)
}

/// A line for a shell. Names of services have no letter that a shell could take for its own.
fn curl(base: &str, offer: &Offer) -> String {
    match offer.service.kind {
        ServiceKind::Chatbot => {
            let body = serde_json::json!({
                "model": model_id(&offer.service),
                "messages": [{"role": "user", "content": texts::services::SAY_HELLO}],
                "stream": true,
            });
            let base = base.trim_end_matches('/');
            format!("curl -N {base}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'")
        }
        ServiceKind::ZgStorage => {
            format!("curl -T FILE {}/FILE", route(base, offer))
        }
    }
}
