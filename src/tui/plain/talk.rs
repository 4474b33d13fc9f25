//! A conversation with a service, kept in the library as those of the screens are.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Desk;
use crate::broker::user::library::{Answer, MessageCost, MessageState, NewConversation, NewMessage};
use crate::broker::user::{FinishReason, Message, Proof, Role, TalkEvent, Turn};
use crate::domain::{ConversationId, RequestId, Service, Timestamp};
use crate::tui::kit::amount::in_full;
use crate::tui::texts;

impl Desk {
    pub async fn talk(&mut self, answering: &watch::Sender<bool>) -> io::Result<()> {
        if let Some(why) = self.model.shared.hindrance() {
            return self.paper.say(&why);
        }
        let Some(service) = self.choose(true).await? else { return Ok(()) };
        self.paper.say(texts::plain::TALK)?;
        // The first message is none that was typed, or pasted, before it was clear that it is paid for.
        self.paper.forget_ahead().await;
        let of = (service.provider, service.name.clone());
        let new =
            NewConversation { title: None, system: None, parameters: Default::default(), service: Some(of) };
        let mut kept: Option<ConversationId> = None;
        let mut messages: Vec<Message> = Vec::new();
        loop {
            let Some(typed) =
                self.paper.ask_text(texts::labels::YOU_ASKED).await?.filter(|typed| !typed.is_empty())
            else {
                return Ok(());
            };
            if kept.is_none() {
                kept = match self.library.create(new.clone()).await {
                    Ok(conversation) => Some(conversation.id),
                    Err(error) => {
                        return self.paper.say(&texts::plain::talk_cannot_be_kept(&error));
                    }
                };
            }
            messages.push(Message::new(Role::User, typed.clone()));
            let said = self.answer(&service, &messages, answering).await?;
            match said {
                Ok(said) => {
                    if let Some(id) = kept {
                        self.keep(id, &service, typed, &said).await?;
                    }
                    messages.push(Message::new(Role::Assistant, said.text));
                }
                // The same can be said again, after a deposit for example.
                Err(why) => {
                    messages.pop();
                    self.paper.say(&why)?;
                }
            }
        }
    }

    /// Sends, and reads out what comes. The inner error is a refusal.
    async fn answer(
        &mut self,
        service: &Service,
        messages: &[Message],
        answering: &watch::Sender<bool>,
    ) -> io::Result<Result<Said, String>> {
        let mut turn = Turn::new(service.provider, service.name.clone(), messages.to_vec());
        turn.prices_seen = Some(service.prices);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let _busy = Busy::new(answering);
        let talk = tokio::select! {
            talk = Box::pin(self.broker.converse(turn)) => talk,
            _ = interrupt.recv() => return Ok(Err(texts::plain::STOPPED_BEFORE.to_owned())),
        };
        let mut talk = match talk {
            Ok(talk) => talk,
            Err(refusal) => return Ok(Err(refusal.for_screen())),
        };
        let mut said = Said { text: String::new(), request: talk.request, state: MessageState::Stopped };
        self.paper.say(&texts::plain::costs_at_most(in_full(talk.max_fee)))?;
        loop {
            let event = tokio::select! {
                event = talk.next() => event,
                _ = interrupt.recv() => None,
            };
            match event {
                Some(TalkEvent::Content(text)) => {
                    self.paper.stream(&text)?;
                    said.text.push_str(&text);
                }
                Some(TalkEvent::Reasoning(_) | TalkEvent::Metered { .. }) => {}
                Some(TalkEvent::Finished { reason: FinishReason::Length }) => said.state = MessageState::Cut,
                Some(TalkEvent::Finished { .. }) => said.state = MessageState::Complete,
                Some(TalkEvent::Broken(why)) => said.state = MessageState::Failed(why),
                None => break,
            }
        }
        drop(talk);
        self.paper.end()?;
        match &said.state {
            MessageState::Stopped => self.paper.say(texts::labels::STOPPED_SAID)?,
            MessageState::Cut => self.paper.say(texts::plain::CUT)?,
            MessageState::Failed(why) => self.paper.say(&texts::plain::broke_off(why))?,
            MessageState::Complete | MessageState::Unfinished => {}
        }
        Ok(Ok(said))
    }

    /// Keeps both messages, and says and keeps what the answer cost.
    async fn keep(
        &mut self,
        id: ConversationId,
        service: &Service,
        typed: String,
        said: &Said,
    ) -> io::Result<()> {
        let now = Timestamp::now();
        let of = (service.provider, service.name.clone());
        let mut message = NewMessage::answer(of, service.model.clone(), now);
        message.answer = Answer {
            text: said.text.clone(),
            request: said.request,
            state: said.state.clone(),
            ..message.answer
        };
        let prompt = self.library.append(id, NewMessage::prompt(typed, now)).await.map(drop);
        let kept = match prompt {
            Ok(()) => self.library.append(id, message).await.map(drop),
            error => error,
        };
        if let Err(error) = kept {
            self.paper.say(&texts::plain::talk_not_kept(&error))?;
        }
        let Some(request) = said.request else { return Ok(()) };
        match self.broker.cost(request).await {
            Ok(cost) => {
                let proof = match cost.receipt {
                    Proof::Verified => texts::plain::RECEIPT_VERIFIED,
                    Proof::Disputed => texts::plain::RECEIPT_DISPUTED,
                    Proof::Missing => texts::plain::NO_RECEIPT,
                };
                let (fee, units) = (cost.fee.total(), (cost.input, cost.output));
                let line = texts::plain::units_and_fee(units.0.0, units.1.0, in_full(fee), proof);
                self.paper.say(&line)?;
                let cost = MessageCost { input: units.0, output: units.1, fee, disputed: cost.disputed };
                let _ = self.library.set_cost(request, cost).await;
                Ok(())
            }
            Err(error) => self.paper.say(&error.for_screen()),
        }
    }
}

/// An answer as far as it came.
struct Said {
    text: String,
    request: Option<RequestId>,
    state: MessageState,
}

/// While it lives, ctrl+c is about the answer.
struct Busy<'a>(&'a watch::Sender<bool>);

impl<'a> Busy<'a> {
    fn new(answering: &'a watch::Sender<bool>) -> Busy<'a> {
        answering.send_replace(true);
        Busy(answering)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}
