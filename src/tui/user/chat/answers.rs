//! What the runner answered, and what it changes.

use super::ask::{Answer, Ask, Begun, Piece, Place, Remedy};
use super::live::Phase;
use super::transcript::Transcript;
use super::{Blocked, Chat, Focus, Head, Opened};
use crate::broker::user::Cost;
use crate::broker::user::library::{Conversation, Message, MessageState};
use crate::domain::{MessageId, RequestId};
use crate::tui::keymap::Action;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::{Cx, Order};
use crate::tui::user::screen::Screen;

/// Requests whose fate is asked for when a conversation is opened: those of its last answers.
const LOOKED_UP: usize = 100;

pub fn answer(chat: &mut Chat, answer: Answer, cx: &mut Cx<'_, Ask>) {
    match answer {
        Answer::Listed(listed) => {
            let open = listed.items.iter().find(|one| chat.opened == Opened::Kept(one.id));
            if let Some(open) = open {
                chat.head.title.clone_from(&open.title);
                chat.head.fee = open.fee;
            }
            chat.list.set(listed, chat.opened);
        }
        Answer::Opened { conversation, messages, at } => {
            if chat.opening == Some(conversation.id) {
                chat.opening = None;
                show(chat, *conversation, messages, at, cx);
            }
        }
        Answer::Placed { token, conversation } => placed(chat, token, *conversation, cx),
        Answer::Begun { token, begun } => started(chat, token, *begun, cx),
        Answer::Refused { token, why, remedy } => refused(chat, token, why, remedy, cx),
        Answer::Grew { token, piece } => grew(chat, token, &piece),
        Answer::Unkept { token, why } => unkept(chat, token, why, cx),
        Answer::Ended { token, state, duration_ms } => ended(chat, token, state, duration_ms),
        Answer::Booked { token, cost } => booked(chat, token, cost.map(|cost| *cost), cx),
        Answer::Estimated { number, estimate } => {
            if chat.estimating.number != number {
                return;
            }
            chat.estimating.asked = false;
            if !chat.prompt.is_empty() {
                chat.estimating.last = Some(estimate);
            }
            if chat.estimating.again {
                chat.estimate(cx);
            }
        }
        Answer::Fates(costs) => {
            for cost in costs {
                if let Some(entry) = chat.transcript.of_request(cost.request) {
                    entry.cost = Some(cost);
                }
            }
        }
        Answer::Measured(waits) => chat.over.measured(&waits),
        Answer::Forked(id) => chat.opening = Some(id),
        Answer::Prompts(prompts) => {
            let unsent = chat.unsent.iter().rev().cloned();
            chat.over.prompts(unsent.chain(prompts).collect());
        }
        Answer::Found { number, found } => chat.over.found(number, found),
        Answer::Attached(Ok(attachment)) => {
            chat.over.close();
            chat.focus = Focus::Prompt;
            if !chat.prompt.attach(&attachment) {
                cx.toast(Tone::Warn, texts::chat::PROMPT_IS_FULL);
            }
            chat.estimate(cx);
        }
        Answer::Attached(Err(reason)) => {
            if let Some(reason) = chat.over.complain(reason) {
                cx.toast(Tone::Warn, reason);
            }
        }
        Answer::Exported(Ok(path)) => {
            cx.toast(Tone::Good, texts::chat::exported_to(path.display()));
        }
        Answer::Exported(Err(reason)) => cx.toast(Tone::Bad, texts::chat::not_exported(&reason)),
        Answer::Deleted(id) => {
            if chat.opened == Opened::Kept(id) {
                chat.opened = Opened::New;
                chat.transcript = Transcript::default();
                chat.rewriting = None;
                chat.prompt.clear();
                chat.begin(cx);
                chat.focus = Focus::List;
            }
            cx.ask(Ask::List);
        }
        Answer::Revived { conversation, messages } => {
            if chat.opened == Opened::New && std::mem::take(&mut chat.reviving) {
                if chat.fresh.0 == conversation.id {
                    chat.fresh = super::Fresh::default();
                    // What was remembered as written for it has gone into it since.
                    let remembered = chat.prompt.text();
                    if conversation.draft == remembered || messages.iter().any(|one| one.text == remembered) {
                        chat.prompt.clear();
                    }
                }
                show(chat, *conversation, messages, None, cx);
            }
        }
        Answer::Spent { day, amount } => chat.spent = Some((day, amount)),
        Answer::Choices { number, table } => chat.over.choices(number, *table, cx),
        Answer::Failed(reason) => {
            chat.opening = None;
            cx.toast(Tone::Bad, reason);
        }
    }
}

/// Opens a conversation that was read.
fn show(
    chat: &mut Chat,
    conversation: Conversation,
    messages: Vec<Message>,
    at: Option<MessageId>,
    cx: &mut Cx<'_, Ask>,
) {
    let same = chat.opened == Opened::Kept(conversation.id);
    // What is being written in it is newer than what was read of it.
    let written = same.then(|| (std::mem::take(&mut chat.prompt), std::mem::take(&mut chat.draft)));
    chat.leave(cx);
    chat.opened = Opened::Kept(conversation.id);
    chat.list.select(conversation.id);
    let mut live: Vec<_> = Vec::new();
    for one in &mut chat.lives {
        let here = one.conversation() == Some(conversation.id) || one.is_asking_in(conversation.id);
        if here {
            live.append(&mut one.parked);
        }
    }
    let under_way: Vec<MessageId> = live.iter().map(|entry| entry.message.id).collect();
    let kept = messages.into_iter().filter(|message| !under_way.contains(&message.id)).collect();
    chat.transcript = Transcript::of(kept);
    chat.transcript.entries.append(&mut live);
    if let Some(at) = at.and_then(|id| chat.transcript.find(id)) {
        chat.transcript.select(Some(at));
        chat.focus = Focus::Transcript;
    } else if !same && chat.focus != Focus::List {
        chat.focus = Focus::Prompt;
    }
    if let Some((prompt, draft)) = written {
        (chat.prompt, chat.draft) = (prompt, draft);
    } else {
        // A prompt on its way is the draft until its answer begins; it stands in the transcript.
        let under_way = chat.live().is_some_and(|live| live.sending.prompt.answer.text == conversation.draft);
        chat.draft.clone_from(&conversation.draft);
        chat.prompt.set(if under_way { "" } else { &conversation.draft });
        if conversation.asked && !under_way && !conversation.draft.is_empty() {
            let why = texts::chat::ON_ITS_WAY_AT_THE_END.to_owned();
            let (token, text) = (chat.number(), conversation.draft.clone());
            chat.blocked = Some(Blocked { token, text, why, remedy: Remedy::Unknown });
        }
    }
    chat.head = head(conversation);
    chat.ask_fates(cx);
    chat.estimate(cx);
}

fn head(conversation: Conversation) -> Head {
    Head {
        title: conversation.title,
        service: conversation.service,
        system: conversation.system,
        parameters: conversation.parameters,
        fee: conversation.fee,
        branch: conversation.forked_from.is_some(),
    }
}

/// The prompt is on disk; from here on a refusal finds it there.
fn placed(chat: &mut Chat, token: u64, conversation: Conversation, cx: &mut Cx<'_, Ask>) {
    let open = chat.opened == Opened::Coming(token);
    let Some(live) = chat.lives.iter_mut().find(|live| live.token() == token) else { return };
    let id = conversation.id;
    let branch = matches!(live.sending.place, Place::Branch { .. });
    live.sending.place = Place::In(id);
    live.cut.clear();
    if open {
        chat.opened = Opened::Kept(id);
        let service = chat.head.service.take();
        chat.head = head(conversation);
        chat.head.service = service.or(chat.head.service.take());
        if branch {
            // Its messages are copies, with names of their own.
            chat.opening = Some(id);
            cx.ask(Ask::Open { id, at: None });
        }
    }
    if let Some(live) = chat.live().filter(|live| live.token() == token) {
        chat.draft = live.sending.prompt.answer.text.clone();
    }
    cx.ask(Ask::List);
}

fn unkept(chat: &mut Chat, token: u64, why: Option<String>, cx: &mut Cx<'_, Ask>) {
    let Some(live) = chat.lives.iter_mut().find(|live| live.token() == token) else { return };
    let answer = live.answer();
    if why.is_some() {
        let text = texts::chat::ANSWER_NOT_KEPT;
        cx.order(Order::Notify(Tone::Bad, text.to_owned()));
    }
    let parked = live.parked.iter_mut().find(|entry| entry.message.id == answer);
    if let Some(entry) = parked.or_else(|| chat.transcript.get_mut(answer)) {
        entry.unkept = why;
    }
}

fn started(chat: &mut Chat, token: u64, begun: Begun, cx: &mut Cx<'_, Ask>) {
    let open = chat.opened == Opened::Coming(token);
    let Some(live) = chat.lives.iter_mut().find(|live| live.token() == token) else { return };
    let (answer, request) = (live.answer(), begun.request);
    live.cut.clear();
    let kept = begun.conversation.clone();
    let title = kept.title.clone();
    let parked = live.parked.iter_mut().find(|entry| entry.message.id == answer);
    if let Some(entry) = parked.or_else(|| chat.transcript.get_mut(answer)) {
        entry.message.request = request;
    }
    live.phase = Phase::Coming(Box::new(begun));
    if open {
        chat.opened = Opened::Kept(kept.id);
        let service = chat.head.service.take();
        chat.head = head(kept);
        chat.head.service = service.or(chat.head.service.take());
    }
    if chat.live().is_some_and(|live| live.token() == token) {
        chat.head.title = title;
        chat.draft = String::new();
    }
    cx.ask(Ask::List);
}

fn refused(chat: &mut Chat, token: u64, why: String, remedy: Remedy, cx: &mut Cx<'_, Ask>) {
    let Some(at) = chat.lives.iter().position(|live| live.token() == token) else { return };
    let in_sight = chat.lives.get(at).is_some_and(|live| chat.is_open(live));
    let live = chat.lives.remove(at);
    let stopped = live.is_stopped();
    let text = live.sending.prompt.answer.text.clone();
    if !in_sight {
        let service = cx.shared.service_of(live.sending.turn.provider, &live.sending.turn.service);
        let told = match (&live.sending.place, &remedy) {
            (_, Remedy::Owed(_)) => texts::chat::answer_not_kept_of(&service),
            (Place::In(_), _) => texts::chat::not_sent_kept_as_draft(&service, &why),
            // Not even the draft was kept. It is found again by the search in what was written before.
            _ => {
                let key = cx.shared.keymap.first_key(Action::History, &[]);
                texts::chat::not_sent_kept_in_history(&service, &why, key)
            }
        };
        chat.unsent.push(text);
        let text = told;
        return cx.order(Order::Notify(Tone::Warn, text));
    }
    let own = [live.sending.prompt.id, live.answer()];
    chat.transcript.entries.retain(|entry| !own.contains(&entry.message.id));
    if let Place::Branch { of, through } = live.sending.place {
        let kept = chat.transcript.entries.len();
        chat.transcript.entries.extend(live.cut);
        chat.opened = Opened::Kept(of);
        chat.rewriting = Some(super::Rewriting { of, through, kept });
    } else if let Place::New(id, _) = live.sending.place {
        chat.opened = Opened::New;
        chat.fresh = super::Fresh(id);
    }
    // What was typed meanwhile stays, below.
    let typed = chat.prompt.text();
    chat.prompt.set(&text);
    if !typed.trim().is_empty() {
        chat.prompt.insert(&format!("\n{typed}"));
    }
    chat.focus = Focus::Prompt;
    if !stopped || matches!(remedy, Remedy::Owed(_)) {
        let text = chat.prompt.text();
        chat.blocked = Some(Blocked { token, text, why, remedy });
        if cx.shared.open != Screen::Chat || !cx.shared.focused {
            cx.order(Order::Notify(Tone::Warn, texts::chat::A_MESSAGE_WAS_NOT_SENT.to_owned()));
        }
    }
    chat.estimate(cx);
}

fn grew(chat: &mut Chat, token: u64, piece: &Piece) {
    let Some(live) = chat.lives.iter_mut().find(|live| live.token() == token) else { return };
    if let Some((output, fee)) = piece.metered {
        (live.output, live.fee) = (output, fee);
    }
    let answer = live.answer();
    let parked = live.parked.iter_mut().find(|entry| entry.message.id == answer);
    if let Some(entry) = parked.or_else(|| chat.transcript.get_mut(answer)) {
        if piece.first_word_ms.is_some() {
            entry.message.first_word_ms = piece.first_word_ms;
        }
        entry.grow(&piece.content, &piece.reasoning);
    }
}

fn ended(chat: &mut Chat, token: u64, state: MessageState, duration_ms: u64) {
    let Some(live) = chat.lives.iter_mut().find(|live| live.token() == token) else { return };
    if let Phase::Coming(begun) = &live.phase {
        live.phase = Phase::Booking(begun.clone());
    }
    let answer = live.answer();
    let parked = live.parked.iter_mut().find(|entry| entry.message.id == answer);
    if let Some(entry) = parked.or_else(|| chat.transcript.get_mut(answer)) {
        entry.message.state = state;
        entry.message.duration_ms = Some(duration_ms);
    }
}

fn booked(chat: &mut Chat, token: u64, cost: Result<Cost, String>, cx: &mut Cx<'_, Ask>) {
    let Some(at) = chat.lives.iter().position(|live| live.token() == token) else { return };
    let in_sight = chat.lives.get(at).is_some_and(|live| chat.is_open(live));
    let live = chat.lives.remove(at);
    let service = cx.shared.service_of(live.sending.turn.provider, &live.sending.turn.service);
    let paid = match &cost {
        Ok(cost) => cx.shared.look.amount(cost.fee.total()),
        Err(_) => texts::chat::SUM_NOT_KNOWN_YET.to_owned(),
    };
    if let Some(entry) = chat.transcript.get_mut(live.answer()) {
        match cost {
            Ok(cost) => {
                entry.message.input = cost.input;
                entry.message.output = cost.output;
                entry.message.fee = cost.fee.total();
                entry.message.disputed = cost.disputed;
                entry.cost = Some(cost);
            }
            Err(reason) => cx.toast(Tone::Warn, texts::chat::cost_not_known(&reason)),
        }
        entry.finish();
    }
    if !in_sight && chat.opening.is_some() && chat.opening == live.conversation() {
        // What is being read of it may be from before its end.
        if let Some(id) = chat.opening {
            cx.ask(Ask::Open { id, at: None });
        }
    }
    if !in_sight || cx.shared.open != Screen::Chat || !cx.shared.focused {
        cx.order(Order::Notify(Tone::Good, texts::chat::has_answered(&service, &paid)));
    }
    chat.warn_of_caps(cx);
    chat.estimate(cx);
}

impl Chat {
    /// Asks what became of the requests of the answers that are open.
    pub fn ask_fates(&mut self, cx: &mut Cx<'_, Ask>) {
        let last =
            self.transcript.entries.iter().rev().filter(|entry| !entry.growing && entry.cost.is_none());
        let requests: Vec<RequestId> =
            last.filter_map(|entry| entry.message.request).take(LOOKED_UP).collect();
        if !requests.is_empty() && cx.shared.link == crate::tui::user::shared::Link::Ready {
            cx.ask(Ask::Fates(requests));
        }
    }
}
