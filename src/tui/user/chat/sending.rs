//! Prompts on their way: what is sent, to whom, into which conversation; what it would cost; what a refusal leads to.

use tokio::sync::watch;

use super::ask::{Ask, Change, Place, Remedy, Sending};
use super::entry::Entry;
use super::live::{Live, Phase};
use super::{Chat, Focus, Head, Opened, Rewriting};
use crate::broker::user::library::{Message, MessageRole, NewConversation, NewMessage, ServiceOf};
use crate::broker::user::{Parameters, Role, Turn};
use crate::domain::{ConversationId, Neuron, ServiceKind, Units};
use crate::tui::keymap::{Action, Place as Keys};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::money::{Kind, Wish};
use crate::tui::user::part::{Cx, Order};
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::Shared;

impl Live {
    /// Whether it asks for something in a conversation that is there already.
    pub fn is_asking_in(&self, id: ConversationId) -> bool {
        self.begun().is_none() && self.sending.place == Place::In(id)
    }
}

/// A message as it is kept once it was sent.
fn shown(conversation: ConversationId, new: &NewMessage) -> Message {
    let answer = new.answer.clone();
    Message {
        id: new.id,
        conversation,
        role: new.role,
        text: answer.text,
        reasoning: answer.reasoning,
        at: new.at,
        service: answer.service,
        model: answer.model,
        request: answer.request,
        state: answer.state,
        input: Units(0),
        output: Units(0),
        fee: Neuron::ZERO,
        disputed: Neuron::ZERO,
        inherited: false,
        first_word_ms: None,
        duration_ms: None,
    }
}

impl Chat {
    /// Begins a conversation; the service stays.
    pub fn begin(&mut self, cx: &mut Cx<'_, Ask>) {
        self.leave(cx);
        let service = self.head.service.take();
        self.head = Head { service, ..Head::default() };
        self.opened = Opened::New;
        self.opening = None;
        self.reviving = false;
        self.focus = Focus::Prompt;
        self.prompt.set(&std::mem::take(&mut self.set_aside));
        self.choose_service(cx.shared);
        self.estimate(cx);
    }

    /// Puts away what is in sight: the draft is kept, answers under way go on.
    pub fn leave(&mut self, cx: &mut Cx<'_, Ask>) {
        self.save_draft(cx);
        if self.live().is_some_and(|live| live.begun().is_none()) || self.rewriting.is_some() {
            // The draft on disk is what is on its way, or what was written before the edit.
            self.keep_for_search();
        } else if self.opened == Opened::New && !self.prompt.is_empty() {
            self.set_aside = self.prompt.text();
        }
        for entry in std::mem::take(&mut self.transcript).entries {
            let id = entry.message.id;
            let live = self.lives.iter_mut().find(|live| live.answer() == id || live.sending.prompt.id == id);
            if let Some(live) = live {
                live.parked.push(entry);
            }
        }
        self.prompt.clear();
        self.draft.clear();
        self.blocked = None;
        self.rewriting = None;
        self.estimating.last = None;
    }

    /// What is written is about to be replaced and is kept nowhere else: the search in prompts finds it.
    pub fn keep_for_search(&mut self) {
        let typed = self.prompt.text();
        let of = self.rewriting.and_then(|rewriting| self.transcript.entries.get(rewriting.kept));
        if !self.prompt.is_empty() && of.is_none_or(|entry| entry.message.text != typed) {
            self.unsent.retain(|text| *text != typed);
            self.unsent.push(typed);
        }
    }

    /// Takes the service with which there is an account, if there is just one and none was chosen.
    pub fn choose_service(&mut self, shared: &Shared) {
        if self.opened != Opened::New || self.head.service.is_some() || shared.services.is_empty() {
            return;
        }
        let mut with_account = shared.services.iter().filter(|service| {
            service.kind == ServiceKind::Chatbot
                && shared.snapshot.accounts.iter().any(|account| account.provider == service.provider)
        });
        if let (Some(only), None) = (with_account.next(), with_account.next()) {
            self.head.service = Some((only.provider, only.name.clone()));
        }
    }

    /// Whom the next prompt goes to.
    pub fn use_service(&mut self, service: ServiceOf, cx: &mut Cx<'_, Ask>) {
        self.head.service = Some(service.clone());
        self.reviving = false;
        self.blocked = None;
        self.estimating.last = None;
        if let Opened::Kept(id) = self.opened {
            cx.ask(Ask::Keep { id, change: Change::Service(Some(service)) });
        }
        self.estimate(cx);
    }

    /// The history in front of the prompt, and the prompt.
    fn turn(&mut self, text: String, service: ServiceOf) -> Turn {
        use crate::broker::user::Message as Said;
        let kept = self.rewriting.map_or(usize::MAX, |rewriting| rewriting.kept);
        let system = self.head.system.as_deref().filter(|system| !system.trim().is_empty());
        let mut messages: Vec<Said> = system.map(|text| Said::new(Role::System, text)).into_iter().collect();
        let history = self.transcript.entries.iter_mut().take(kept);
        messages.extend(history.filter(|entry| !entry.message.text.is_empty()).map(Entry::said));
        messages.push(Said::new(Role::User, text));
        let (provider, name) = service;
        let own = &self.head.parameters;
        let parameters = Parameters {
            max_tokens: own.max_tokens,
            temperature: own.temperature.as_deref().and_then(|number| number.parse().ok()),
            top_p: own.top_p.as_deref().and_then(|number| number.parse().ok()),
            seed: own.seed,
            stop: own.stop.clone(),
        };
        Turn { parameters, caps: self.caps, ..Turn::new(provider, name, messages) }
    }

    /// Asks what sending would cost now. While one such question is open the next one waits for its answer.
    pub fn estimate(&mut self, cx: &mut Cx<'_, Ask>) {
        if self.prompt.is_empty() || cx.shared.link != crate::tui::user::shared::Link::Ready {
            self.estimating.last = None;
            return;
        }
        let Some(service) = self.head.service.clone() else { return };
        if self.estimating.asked {
            self.estimating.again = true;
            return;
        }
        let number = self.number();
        self.estimating.number = number;
        self.estimating.asked = true;
        self.estimating.again = false;
        let text = self.prompt.text();
        let turn = Box::new(self.turn(text, service));
        cx.ask(Ask::Estimate { number, turn });
    }

    /// Sends what is written. `accepted`: prices that were told and are accepted.
    pub fn send(&mut self, accepted: Option<crate::domain::Prices>, cx: &mut Cx<'_, Ask>) {
        if self.prompt.is_empty() {
            return;
        }
        let text = self.prompt.text();
        if let Some(reason) = cx.shared.hindrance() {
            return cx.toast(Tone::Warn, texts::chat::not_sent(&reason));
        }
        if self.live().is_some() {
            return cx.toast(Tone::Plain, texts::chat::STILL_COMING_OR_WAIT);
        }
        let Some(service) = self.head.service.clone() else {
            cx.toast(Tone::Plain, texts::chat::CHOOSE_WHOM);
            return self.pick(None, cx);
        };
        let Some(listed) = cx.shared.service(service.0, &service.1) else {
            let name = cx.shared.service_of(service.0, &service.1);
            return cx.toast(Tone::Warn, texts::chat::not_offered_any_more(&name));
        };
        let (model, shown_prices) = (listed.model.clone(), listed.prices);
        let place = match (self.rewriting, self.opened) {
            (Some(Rewriting { of, through, .. }), _) => Place::Branch { of, through },
            (None, Opened::Kept(id)) => Place::In(id),
            (None, Opened::New | Opened::Coming(_)) => {
                let new = NewConversation {
                    title: None,
                    system: self.head.system.clone(),
                    parameters: self.head.parameters.clone(),
                    service: Some(service.clone()),
                };
                Place::New(std::mem::take(&mut self.fresh).0, new)
            }
        };
        // The runner keeps it as the draft; one that was saved as it was typed comes too late.
        std::mem::take(&mut self.draft_wanted).0.store(false, std::sync::atomic::Ordering::SeqCst);
        let mut turn = self.turn(text.clone(), service.clone());
        turn.prices_seen = accepted;
        let token = self.number();
        let now = cx.shared.now();
        let (stop, stopped) = watch::channel(false);
        let sending = Sending {
            token,
            turn,
            place,
            prompt: NewMessage::prompt(text, now),
            answer: NewMessage::answer(service, model, now),
            shown: Some(shown_prices),
            stop: stopped,
        };
        let conversation = match self.opened {
            Opened::Kept(id) => id,
            Opened::New | Opened::Coming(_) => ConversationId::new([0; 16]),
        };
        let mut answer = Entry::new(shown(conversation, &sending.answer));
        answer.growing = true;
        let mut cut = Vec::new();
        if let Some(rewriting) = self.rewriting.take() {
            cut = self.transcript.entries.split_off(rewriting.kept.min(self.transcript.entries.len()));
        }
        self.reviving = false;
        if !matches!(sending.place, Place::In(_)) {
            self.opened = Opened::Coming(token);
        }
        self.transcript.entries.push(Entry::new(shown(conversation, &sending.prompt)));
        self.transcript.entries.push(answer);
        self.transcript.show_end();
        self.prompt.clear();
        self.blocked = None;
        self.estimating.last = None;
        cx.ask(Ask::Send(Box::new(sending.clone())));
        self.lives.push(Live {
            sending,
            phase: Phase::Asking,
            stop,
            output: Units(0),
            fee: Neuron::ZERO,
            parked: Vec::new(),
            cut,
        });
    }

    /// Stops the answer that is coming here. `false` if there is none.
    pub fn stop_answer(&mut self) -> bool {
        let Some(live) = self.live().filter(|live| live.is_coming() && !live.is_stopped()) else {
            return false;
        };
        live.stop.send_replace(true);
        true
    }

    /// Does what would let the refused prompt go; without one, adds what the prompt lacks.
    pub fn go_on(&mut self, cx: &mut Cx<'_, Ask>) {
        if let Some(blocked) = self.blocked.clone() {
            return match blocked.remedy {
                Remedy::Fund(missing) => self.fund(missing, blocked.token, cx),
                Remedy::Accept { now, .. } => self.send(Some(now), cx),
                Remedy::Again | Remedy::Owed(_) | Remedy::Unknown => self.send(None, cx),
            };
        }
        let missing = self.estimating.last.as_ref().and_then(|last| {
            let estimate = last.as_ref().ok()?;
            estimate.missing_for_all.or(estimate.missing)
        });
        match missing {
            Some(missing) => {
                let token = self.number();
                self.fund(missing, token, cx);
            }
            None => cx.toast(Tone::Plain, texts::chat::NOTHING_IS_MISSING),
        }
    }

    /// Says what has to be decided before the message goes, where it would cost what nobody agreed to: a price that
    /// rose, or the same once more. `false` if there is nothing of the kind.
    pub fn tell_what_to_decide(&self, cx: &mut Cx<'_, Ask>) -> bool {
        let text = match self.blocked.as_ref().map(|blocked| &blocked.remedy) {
            Some(Remedy::Accept { .. }) => texts::chat::price_rose,
            Some(Remedy::Owed(_) | Remedy::Unknown) => texts::chat::may_be_paid,
            Some(Remedy::Fund(_) | Remedy::Again) | None => return false,
        };
        cx.toast(Tone::Warn, text(&self.go_on_keys(cx.shared)));
        true
    }

    /// What is pressed to go on: a key of the prompt, which means something else among the answers.
    pub fn go_on_keys(&self, shared: &Shared) -> String {
        let go_on = shared.keymap.first_key(Action::GoOn, &[Keys::Prompt]);
        if self.focus == Focus::Prompt {
            return go_on;
        }
        texts::chat::one_key_then(shared.keymap.first_key(Action::Write, &[Keys::Chat]), &go_on)
    }

    fn fund(&mut self, missing: crate::broker::user::Shortfall, token: u64, cx: &mut Cx<'_, Ask>) {
        let kind = if missing.opens { Kind::OpenAccount } else { Kind::Deposit };
        cx.order(Order::Money(Wish {
            kind,
            provider: missing.provider,
            amount: Some(missing.amount),
            then: Some((Screen::Chat, token)),
        }));
    }

    /// The money that was asked for is there, or will not come.
    pub fn funded(&mut self, token: u64, refused: Option<String>, cx: &mut Cx<'_, Ask>) {
        if let Some(reason) = refused {
            return cx.toast(Tone::Warn, texts::chat::message_waits(&reason));
        }
        let waits = self.blocked.as_ref().filter(|blocked| blocked.token == token);
        match waits.map(|blocked| blocked.text == self.prompt.text()) {
            Some(true) => self.send(None, cx),
            Some(false) => {
                self.blocked = None;
                cx.toast(Tone::Good, texts::chat::MONEY_IS_THERE);
            }
            None => {}
        }
        self.estimate(cx);
    }

    /// Puts a prompt into the field again, to be sent into a branch that ends before it.
    pub fn rewrite(&mut self, cx: &mut Cx<'_, Ask>) -> bool {
        if self.live().is_some() {
            cx.toast(Tone::Plain, texts::chat::STILL_COMING);
            return false;
        }
        let Opened::Kept(of) = self.opened else { return false };
        // That of the selected answer, or the last one.
        let upto = self.transcript.selected.map_or(usize::MAX, |at| at + 1);
        let entries = &self.transcript.entries;
        let found = entries.iter().take(upto).rposition(|entry| entry.message.role == MessageRole::User);
        let Some(at) = found else { return false };
        let through = at.checked_sub(1).and_then(|before| entries.get(before)).map(|entry| entry.message.id);
        let text = entries.get(at).map(|entry| entry.message.text.clone()).unwrap_or_default();
        self.save_draft(cx);
        if self.rewriting.is_some() {
            self.keep_for_search();
        }
        self.prompt.set(&text);
        self.rewriting = Some(Rewriting { of, through, kept: at });
        self.blocked = None;
        self.focus = Focus::Prompt;
        self.estimate(cx);
        true
    }

    /// Asks the same once more, in a branch; perhaps somebody else.
    pub fn again(&mut self, service: Option<ServiceOf>, cx: &mut Cx<'_, Ask>) {
        if self.blocked.is_some() && service.is_none() {
            return self.go_on(cx);
        }
        if !self.rewrite(cx) {
            if self.live().is_none() {
                cx.toast(Tone::Plain, texts::chat::NOTHING_TO_ASK_AGAIN);
            }
            return;
        }
        if let Some(service) = service {
            // The branch keeps it; the conversation that it leaves does not.
            self.head.service = Some(service);
        }
        self.send(None, cx);
    }
}
