//! What the tests of the chat begin with: conversations, answers of the broker, and a model that has them.

use crossterm::event::KeyCode;

use super::super::ask::{Begun, Piece, Remedy, Sending};
use super::super::{Answer, Ask};
use crate::broker::user::library::{
    ChatParameters, Conversation, Conversations, Message, MessageRole, MessageState,
};
use crate::broker::user::{Cost, Estimate, Outlook, Proof};
use crate::domain::{
    Address, ConversationId, Fee, MessageId, Neuron, Prices, RequestId, ServiceName, Units, UserRequestState,
};
use crate::tui::pictures::{press, typed};
use crate::tui::shell::{Program, Step};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message as Told};
use crate::tui::user::model::Model;
use crate::tui::user::part::Intent;
use crate::tui::user::screen::Screen;
use crate::tui::user::tests::scene::{full, now, painted, provider};

pub const ANSWER: &str = "A chain for **AI**:\n\n- storage\n- serving\n\n```rust\nfn main() {\n    println!(\"0G\");\n}\n```\n\nand\n\n```sh\ncargo run\n```\n";

pub fn llama() -> (Address, ServiceName) {
    (provider(1), "llama7b".parse().unwrap())
}

pub fn id(n: u8) -> ConversationId {
    ConversationId::new([n; 16])
}

pub fn prices() -> Prices {
    Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) }
}

pub fn conversation(n: u8, title: &str) -> Conversation {
    Conversation {
        id: id(n),
        title: title.to_owned(),
        named: false,
        system: None,
        parameters: ChatParameters::default(),
        service: Some(llama()),
        created_at: now(),
        updated_at: now(),
        forked_from: None,
        messages: 2,
        fee: Neuron::new(117_200_000),
        draft: String::new(),
        asked: false,
    }
}

pub fn message(n: u8, role: MessageRole, text: &str) -> Message {
    let answer = role == MessageRole::Assistant;
    Message {
        id: MessageId::new([n; 16]),
        conversation: id(1),
        role,
        text: text.to_owned(),
        reasoning: String::new(),
        at: now(),
        service: answer.then(llama),
        model: String::new(),
        request: answer.then(|| RequestId::new([n; 32])),
        state: MessageState::Complete,
        input: Units(412),
        output: Units(380),
        fee: Neuron::new(117_200_000),
        disputed: Neuron::ZERO,
        inherited: false,
        first_word_ms: answer.then_some(1_900),
        duration_ms: answer.then_some(11_168),
    }
}

pub fn cost(n: u8, state: UserRequestState, receipt: Proof) -> Cost {
    Cost {
        request: RequestId::new([n; 32]),
        state,
        input: Units(412),
        output: Units(380),
        prices: prices(),
        fee: Fee { input: Neuron::new(41_200_000), output: Neuron::new(76_000_000) },
        max_fee: Neuron::new(300_000_000),
        disputed: Neuron::ZERO,
        note: None,
        receipt,
        created_at: now(),
        finished_at: Some(now()),
    }
}

pub fn estimate() -> Estimate {
    Estimate {
        prices: prices(),
        input: Units(12),
        input_fee: Neuron::new(1_200_000),
        output_limit: Units(1024),
        assumed: true,
        highest: Neuron::new(206_000_000),
        least: Neuron::new(1_400_000),
        granted: Neuron::new(206_000_000),
        available: Some(Neuron::new(125_000_000_000)),
        outlook: Outlook::Goes,
        missing: None,
        missing_for_all: None,
    }
}

pub fn tell(model: &mut Model, answer: Answer) -> Step<Effect> {
    model.update(Told::Chat(answer))
}

pub fn asks(step: Step<Effect>) -> Vec<Ask> {
    step.effects
        .into_iter()
        .filter_map(|effect| if let Effect::Chat(ask) = effect { Some(ask) } else { None })
        .collect()
}

pub fn sent(step: Step<Effect>) -> Sending {
    asks(step)
        .into_iter()
        .find_map(|ask| if let Ask::Send(sending) = ask { Some(*sending) } else { None })
        .unwrap()
}

/// A new conversation with a service that has an account, the prompt being written.
pub fn ready(shade: Shade) -> Model {
    let mut model = full(shade);
    let mut step = Step::default();
    let talk = Intent::Talk { provider: provider(1), service: "llama7b".parse().unwrap() };
    let order = crate::tui::user::part::Order::Tell(Screen::Chat, talk);
    crate::tui::user::orders::follow(&mut model, vec![order], &mut step);
    model.update(Told::Beat(now()));
    model
}

/// A conversation with an answer, open.
pub fn opened(shade: Shade) -> Model {
    let mut model = ready(shade);
    tell(
        &mut model,
        Answer::Listed(Conversations {
            items: vec![conversation(1, "What is 0G?"), conversation(2, "An older one")],
            total: 2,
        }),
    );
    open(
        &mut model,
        vec![message(1, MessageRole::User, "What is 0G?"), message(2, MessageRole::Assistant, ANSWER)],
    );
    let cost = cost(2, UserRequestState::Done, Proof::Verified);
    tell(&mut model, Answer::Fates(vec![cost]));
    model
}

pub fn open(model: &mut Model, messages: Vec<Message>) {
    model.chat.opening = Some(id(1));
    let conversation = Box::new(conversation(1, "What is 0G?"));
    tell(model, Answer::Opened { conversation, messages, at: None });
}

pub fn begun(sending: &Sending) -> Answer {
    let begun = Begun {
        conversation: conversation(3, "hello"),
        request: Some(RequestId::new([9; 32])),
        prices: prices(),
        input: Units(12),
        max_fee: Neuron::new(206_000_000),
    };
    Answer::Begun { token: sending.token, begun: Box::new(begun) }
}

pub fn grew(token: u64, content: &str, output: u64) -> Answer {
    let fee = Neuron::new(1_200_000 + 200_000 * u128::from(output));
    let piece =
        Piece { content: content.to_owned(), metered: Some((Units(output), fee)), ..Piece::default() };
    Answer::Grew { token, piece }
}

/// The list of services, as the runner makes it.
pub fn listed(model: &mut Model, step: Step<Effect>) {
    let made = asks(step).into_iter().find_map(|ask| match ask {
        Ask::Choices { number, from } => Some(Answer::Choices { number, table: Box::new(from.table()) }),
        _ => None,
    });
    tell(model, made.unwrap());
}

pub fn placed(sending: &Sending, n: u8) -> Answer {
    let draft = sending.prompt.answer.text.clone();
    let kept = Conversation { draft, messages: 0, ..conversation(n, "") };
    Answer::Placed { token: sending.token, conversation: Box::new(kept) }
}

pub fn refused(token: u64, why: &str) -> Answer {
    Answer::Refused { token, why: why.to_owned(), remedy: Remedy::Again }
}

/// Writes and sends.
pub fn say(model: &mut Model, text: &str) -> Sending {
    typed(model, text);
    sent(press(model, KeyCode::Enter))
}

pub fn shown(model: &Model) -> String {
    crate::tui::pictures::picture(&painted(model))
}
