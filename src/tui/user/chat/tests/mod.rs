//! The chat without a terminal: what keys and answers do, and pictures of its states.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod kept;
mod scene;

use crossterm::event::KeyCode;

use self::scene::*;
use super::ask::{Attachment, Piece, Place, Remedy};
use super::over::Over;
use super::{Answer, Ask, Chat, Focus, Opened};
use crate::attacks::short_attacks;
use crate::broker::user::library::{
    Conversation, Conversations, Found, Hit, Message, MessageRole, MessageState, SnippetPart,
};
use crate::broker::user::{Cost, Estimate, Limit, Outlook, Proof, Shortfall};
use crate::domain::{Fee, MessageId, Neuron, Prices, RequestId, Units, UserRequestState};
use crate::tui::input::Input;
use crate::tui::pictures::{control, harmless, letter, moment, press, typed};
use crate::tui::shell::{Program, ScreenOrder, Step};
use crate::tui::theme::{Shade, Tone};
use crate::tui::user::message::Message as Told;
use crate::tui::user::model::Model;
use crate::tui::user::part::{Intent, Part};
use crate::tui::user::screen::Screen;
use crate::tui::user::tests::scene::{full, now, painted, provider, snap};

#[test]
fn an_answer_comes_and_is_booked() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    assert!(matches!(&sending.place, Place::New(_, new) if new.service == Some(llama())));
    assert_eq!(model.chat.prompt.text(), "");
    assert_eq!(model.chat.opened, Opened::Coming(sending.token));
    tell(&mut model, begun(&sending));
    assert_eq!(model.chat.opened, Opened::Kept(id(3)));
    tell(&mut model, grew(sending.token, "Hi **there**", 3));
    assert!(shown(&model).contains("Hi there"));
    assert!(shown(&model).contains("1,800,000 neuron"), "the meter runs");
    assert!(model.chat.running().is_some());
    tell(&mut model, Answer::Ended { token: sending.token, state: MessageState::Complete, duration_ms: 900 });
    assert_eq!(model.chat.running(), None);
    let cost = Box::new(cost(9, UserRequestState::Done, Proof::Verified));
    tell(&mut model, Answer::Booked { token: sending.token, cost: Ok(cost) });
    assert!(model.chat.lives.is_empty());
    assert!(shown(&model).contains("✓ verified"));
}

#[test]
fn the_history_goes_along_and_the_prices_on_the_screen() {
    let mut model = opened(Shade::Dark);
    let sending = say(&mut model, "more");
    let texts: Vec<&str> = sending.turn.messages.iter().map(|message| &*message.text).collect();
    assert_eq!(texts, ["What is 0G?", ANSWER, "more"]);
    assert_eq!(sending.place, Place::In(id(1)));
    assert_eq!(sending.shown, Some(prices()));
    assert_eq!(sending.turn.prices_seen, None);
    assert!(asks(press(&mut model, KeyCode::Enter)).is_empty(), "an empty prompt is not sent");
}

#[test]
fn escape_stops_the_answer_and_nothing_else() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, begun(&sending));
    press(&mut model, KeyCode::Esc);
    assert!(*sending.stop.borrow());
    assert_eq!(model.chat.focus, Focus::Prompt);
    tell(&mut model, Answer::Ended { token: sending.token, state: MessageState::Stopped, duration_ms: 9 });
    let cost = Box::new(cost(9, UserRequestState::Done, Proof::Verified));
    tell(&mut model, Answer::Booked { token: sending.token, cost: Ok(cost) });
    assert!(shown(&model).contains("stopped by you"));
    assert!(
        shown(&model).contains("117,200,000 neuron = 0.0000000001172 A0GI"),
        "it says what the part cost"
    );
}

#[test]
fn leaving_the_list_that_covers_a_conversation_stops_nothing() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, begun(&sending));
    press(&mut model, KeyCode::Tab);
    press(&mut model, KeyCode::Tab);
    assert!(shown(&model).contains("Conversations"));
    press(&mut model, KeyCode::Esc);
    assert!(!*sending.stop.borrow());
    assert!(!shown(&model).contains("Conversations"), "{}", shown(&model));
    press(&mut model, KeyCode::Esc);
    assert!(*sending.stop.borrow());
}

#[test]
fn q_asks_before_it_stops_an_answer() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, begun(&sending));
    press(&mut model, KeyCode::Tab);
    // What is zoomed is a step to go back from.
    letter(&mut model, 'z');
    assert!(model.chat.zoomed);
    letter(&mut model, 'q');
    assert!(!model.chat.zoomed && !shown(&model).contains("Quit now?"), "{}", shown(&model));
    assert!(letter(&mut model, 'q').screen.is_empty());
    assert!(!*sending.stop.borrow());
    assert!(shown(&model).contains("Quit now?"), "{}", shown(&model));
}

#[test]
fn news_covers_neither_prompt_nor_cost() {
    for (width, height) in crate::tui::pictures::SIZES {
        let mut model = opened(Shade::Dark);
        crate::tui::pictures::resize(&mut model, width, height);
        typed(&mut model, "What is it?");
        let before = shown(&model);
        for news in ["one thing happened", "another thing happened"] {
            crate::tui::user::orders::toast(&mut model, Tone::Bad, news);
        }
        let after = shown(&model);
        assert!(after.contains("another thing happened"), "{after}");
        // The rule, what it costs, the prompt, the sums, the status and the hints.
        let last = |text: &str| text.lines().rev().take(6).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(last(&after), last(&before));
        press(&mut model, KeyCode::Esc);
        press(&mut model, KeyCode::Esc);
        assert!(model.toasts.is_empty());
    }
}

#[test]
fn what_has_to_be_decided_is_told_also_where_there_is_no_room_for_answers() {
    let mut model = ready(Shade::Dark);
    crate::tui::pictures::resize(&mut model, 60, 16);
    let sending = say(&mut model, "hello");
    let why = "a reason of very many words ".repeat(20);
    tell(&mut model, Answer::Refused { token: sending.token, why, remedy: Remedy::Unknown });
    press(&mut model, KeyCode::Enter);
    assert!(shown(&model).contains("may be paid"), "{}", shown(&model));
    assert!(shown(&model).contains("❯ hello"), "{}", shown(&model));
}

#[test]
fn one_thing_is_said_of_an_edit_while_an_answer_comes() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, begun(&sending));
    press(&mut model, KeyCode::Tab);
    for key in ['e', 'A', 'F'] {
        model.toasts.clear();
        letter(&mut model, key);
        let told: Vec<&str> = model.toasts.iter().map(|toast| &*toast.text).collect();
        assert_eq!(told, [crate::tui::texts::chat::STILL_COMING], "{key}");
    }
}

#[test]
fn control_c_stops_the_answer_before_it_quits() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    assert!(control(&mut model, 'c').screen.is_empty());
    assert!(*sending.stop.borrow());
}

#[test]
fn short_of_funds_one_key_adds_it_and_the_message_goes_on() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    let missing = Shortfall { provider: provider(1), amount: Neuron::new(42), opens: false };
    let why = "the account has too little".to_owned();
    tell(&mut model, Answer::Refused { token: sending.token, why, remedy: Remedy::Fund(missing) });
    assert_eq!(model.chat.prompt.text(), "hello");
    assert_eq!(model.chat.opened, Opened::New);
    assert!(shown(&model).contains("adds exactly 42 neuron"));
    control(&mut model, 'f');
    let money = shown(&model);
    assert!(money.contains("42 neuron"), "the dialog is filled: {money}");
    let mut step = Step::default();
    let funded = Intent::Funded { token: sending.token, refused: None };
    let order = crate::tui::user::part::Order::Tell(Screen::Chat, funded);
    crate::tui::user::orders::follow(&mut model, vec![order], &mut step);
    let again = sent(step);
    assert_eq!(again.prompt.answer.text, "hello");
    assert_ne!(again.token, sending.token);
    assert_eq!(model.chat.prompt.text(), "");
}

#[test]
fn money_for_a_message_that_was_changed_sends_nothing() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    let missing = Shortfall { provider: provider(1), amount: Neuron::new(42), opens: true };
    tell(
        &mut model,
        Answer::Refused { token: sending.token, why: String::new(), remedy: Remedy::Fund(missing) },
    );
    typed(&mut model, " and");
    let mut step = Step::default();
    let funded = Intent::Funded { token: sending.token, refused: None };
    let order = crate::tui::user::part::Order::Tell(Screen::Chat, funded);
    crate::tui::user::orders::follow(&mut model, vec![order], &mut step);
    assert!(!asks(step).iter().any(|ask| matches!(ask, Ask::Send(_))));
    assert_eq!(model.chat.prompt.text(), "hello and");
}

#[test]
fn a_price_that_rose_is_accepted_by_one_key() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    let risen = Prices { input: Neuron::new(150_000), output: Neuron::new(200_000) };
    let remedy = Remedy::Accept { seen: prices(), now: risen };
    tell(&mut model, Answer::Refused { token: sending.token, why: String::new(), remedy });
    assert!(shown(&model).contains("100,000 in, 200,000 out before, 150,000 in, 200,000 out now"));
    // `enter` once too often accepts nothing.
    let step = press(&mut model, KeyCode::Enter);
    assert!(!asks(step).iter().any(|ask| matches!(ask, Ask::Send(_))));
    let again = sent(control(&mut model, 'f'));
    assert_eq!(again.turn.prices_seen, Some(risen));
}

#[test]
fn up_in_an_empty_prompt_edits_the_last_message_into_a_branch() {
    let mut model = opened(Shade::Dark);
    press(&mut model, KeyCode::Up);
    assert_eq!(model.chat.prompt.text(), "What is 0G?");
    typed(&mut model, "!");
    let sending = sent(press(&mut model, KeyCode::Enter));
    assert_eq!(sending.place, Place::Branch { of: id(1), through: None });
    assert_eq!(sending.turn.messages.len(), 1, "what came after it does not go along");
    // Refused: the conversation is whole again, and the message still goes into a branch.
    tell(&mut model, Answer::Refused { token: sending.token, why: "no".to_owned(), remedy: Remedy::Again });
    assert_eq!(model.chat.opened, Opened::Kept(id(1)));
    assert_eq!(model.chat.transcript.entries.len(), 2);
    assert!(matches!(sent(control(&mut model, 'f')).place, Place::Branch { .. }));
}

#[test]
fn again_elsewhere_asks_another_service_in_a_branch() {
    let mut model = opened(Shade::Dark);
    press(&mut model, KeyCode::Tab);
    let step = letter(&mut model, 'E');
    listed(&mut model, step);
    typed(&mut model, "qwen");
    let sending = sent(press(&mut model, KeyCode::Enter));
    assert_eq!(sending.turn.provider, provider(2));
    assert_eq!(sending.prompt.answer.text, "What is 0G?");
    assert!(matches!(sending.place, Place::Branch { .. }));
}

#[test]
fn an_answer_goes_on_while_another_conversation_is_open() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, begun(&sending));
    open(&mut model, vec![message(1, MessageRole::User, "other")]);
    tell(&mut model, grew(sending.token, "words", 2));
    assert!(!shown(&model).contains("words"));
    model.chat.opening = Some(id(3));
    let kept = vec![
        Message { id: sending.prompt.id, ..message(5, MessageRole::User, "hello") },
        Message { id: sending.answer.id, ..message(6, MessageRole::Assistant, "wor") },
    ];
    let conversation = Box::new(conversation(3, "hello"));
    tell(&mut model, Answer::Opened { conversation, messages: kept, at: None });
    let text = shown(&model);
    assert!(text.contains("words") && text.matches("you ·").count() == 1, "{text}");
    press(&mut model, KeyCode::Esc);
    assert!(*sending.stop.borrow(), "it can be stopped again");
}

#[test]
fn who_looks_elsewhere_is_told_of_the_answer() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, begun(&sending));
    model.update(Told::Input(Input::Focus(false), moment()));
    let cost = Box::new(cost(9, UserRequestState::Done, Proof::Verified));
    let step = tell(&mut model, Answer::Booked { token: sending.token, cost: Ok(cost) });
    assert!(matches!(&step.screen[..], [ScreenOrder::Notify(text)] if text.contains("llama7b")));
}

#[test]
fn typing_asks_for_one_estimate_at_a_time() {
    let mut model = ready(Shade::Dark);
    let first = asks(letter(&mut model, 'a'));
    let [Ask::Estimate { number, .. }] = &first[..] else { panic!("{first:?}") };
    assert!(asks(letter(&mut model, 'b')).is_empty());
    let next =
        asks(tell(&mut model, Answer::Estimated { number: *number, estimate: Ok(Box::new(estimate())) }));
    let [Ask::Estimate { turn, .. }] = &next[..] else { panic!("{next:?}") };
    assert_eq!(&*turn.messages[0].text, "ab", "the newest text");
    assert!(shown(&model).contains("at most 206,000,000 neuron"));
}

#[test]
fn five_hundred_tokens_a_second_lay_out_the_tail_only() {
    let mut model = opened(Shade::Dark);
    let before: Vec<Message> = (0..200)
        .map(|n| {
            let text = "a line\n\n".repeat(50);
            let role = if n % 2 == 0 { MessageRole::User } else { MessageRole::Assistant };
            Message { id: MessageId::random(), ..message(7, role, &text) }
        })
        .collect();
    open(&mut model, before);
    let sending = say(&mut model, "go");
    tell(&mut model, begun(&sending));
    let work = |chat: &Chat| chat.transcript.entries.iter().map(|entry| entry.work).sum::<usize>();
    let start = work(&model.chat);
    // Ten seconds of it, as the runner gathers them, with a key in between each.
    for piece in 0..200u64 {
        tell(&mut model, grew(sending.token, &"word ".repeat(25), piece * 25));
        letter(&mut model, 'x');
    }
    let done = work(&model.chat) - start;
    assert!(done <= 210, "{done} layouts for 200 pieces: finished messages are not laid out again");
    assert_eq!(model.chat.prompt.text().len(), 200, "no key is lost");
    let laid = model.chat.transcript.entries.iter().filter(|entry| entry.work > 0).count();
    assert!(laid < 10, "{laid} messages were laid out; what is out of sight costs nothing");
}

#[test]
fn blocks_of_code_are_copied_by_number() {
    let mut model = opened(Shade::Dark);
    press(&mut model, KeyCode::Tab);
    letter(&mut model, 'c');
    let step = letter(&mut model, '2');
    assert!(
        matches!(&step.screen[..], [ScreenOrder::Copy { text, .. }] if text == "cargo run\n"),
        "{:?}",
        step.screen
    );
    let step = letter(&mut model, 'y');
    assert!(matches!(&step.screen[..], [ScreenOrder::Copy { text, .. }] if text == ANSWER));
}

#[test]
fn deleting_asks_and_enter_keeps_it() {
    let mut model = opened(Shade::Dark);
    press(&mut model, KeyCode::Tab);
    press(&mut model, KeyCode::Delete);
    assert!(asks(press(&mut model, KeyCode::Enter)).is_empty());
    press(&mut model, KeyCode::Delete);
    let asked = asks(letter(&mut model, 'y'));
    assert!(matches!(&asked[..], [Ask::Delete(one)] if *one == id(1)));
    tell(&mut model, Answer::Deleted(id(1)));
    assert_eq!(model.chat.opened, Opened::New);
}

#[test]
fn delete_in_the_prompt_deletes_a_letter() {
    let mut model = opened(Shade::Dark);
    typed(&mut model, "ab");
    press(&mut model, KeyCode::Home);
    press(&mut model, KeyCode::Delete);
    assert_eq!(model.chat.prompt.text(), "b");
    assert!(matches!(model.chat.over, Over::Nothing));
}

#[test]
fn a_large_paste_is_folded_and_sent_whole() {
    let mut model = ready(Shade::Dark);
    let text = "line\n".repeat(2000);
    model.update(Told::Input(Input::Paste(text.clone()), moment()));
    assert!(shown(&model).contains("[pasted 2,000 lines]"));
    let sending = sent(press(&mut model, KeyCode::Enter));
    assert_eq!(sending.prompt.answer.text, text);
}

#[test]
fn drafts_are_kept_and_come_back() {
    let mut model = opened(Shade::Dark);
    typed(&mut model, "half a tho");
    let asked = asks(model.update(Told::Beat(now().plus_seconds(600))));
    let kept = asked.iter().any(|ask| matches!(ask, Ask::Draft { text, .. } if text == "half a tho"));
    assert!(kept, "{asked:?}");
    let memory = model.chat.remember();
    let mut later = Chat::default();
    later.recall(&memory);
    assert_eq!(later.reopen, Some(id(1)));
}

#[test]
fn a_file_goes_along_as_a_block() {
    let mut model = ready(Shade::Dark);
    control(&mut model, 't');
    typed(&mut model, "notes.md");
    assert!(
        matches!(&asks(press(&mut model, KeyCode::Enter))[..], [Ask::Attach(path)] if path == "notes.md")
    );
    let file = Attachment { name: "notes.md".to_owned(), text: "one\ntwo\n".to_owned() };
    tell(&mut model, Answer::Attached(Ok(file)));
    assert!(shown(&model).contains("[file notes.md, 2 lines]"));
    assert_eq!(model.chat.prompt.text(), "notes.md:\n```\none\ntwo\n```\n");
}

#[test]
fn only_the_one_service_with_an_account_is_taken_by_itself() {
    let mut model = full(Shade::Dark);
    assert_eq!(model.chat.head.service, None, "there are two");
    let mut snapshot = (*model.shared.snapshot).clone();
    snapshot.accounts.truncate(1);
    model.update(Told::Snapshot(snapshot.into()));
    assert_eq!(model.chat.head.service, Some(llama()));
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    for attack in short_attacks() {
        let (name, evil) = (attack.name, attack.text.as_str());
        let mut model = opened(Shade::Dark);
        let mut answer = message(2, MessageRole::Assistant, evil);
        answer.reasoning = evil.to_owned();
        answer.model = evil.to_owned();
        answer.state = MessageState::Failed(evil.to_owned());
        let mut fate = cost(2, UserRequestState::Disputed, Proof::Disputed);
        fate.note = Some(evil.to_owned());
        open(&mut model, vec![message(1, MessageRole::User, evil), answer]);
        tell(&mut model, Answer::Fates(vec![fate]));
        tell(&mut model, Answer::Listed(Conversations { items: vec![conversation(1, evil)], total: 1 }));
        model.update(Told::Input(Input::Paste(evil.to_owned()), moment()));
        tell(&mut model, Answer::Attached(Err(evil.to_owned())));
        harmless(&painted(&model), name);
        let why = evil.to_owned();
        model.chat.blocked =
            Some(super::Blocked { token: 0, text: String::new(), why, remedy: Remedy::Again });
        model.chat.head.title = evil.to_owned();
        harmless(&painted(&model), name);
        press(&mut model, KeyCode::Tab);
        letter(&mut model, 'z');
        harmless(&painted(&model), name);
    }
}

/// A service chooses in which pieces its answer comes.
#[test]
fn nothing_hostile_is_put_together_from_harmless_pieces() {
    for attack in short_attacks() {
        for size in [1, 2, 3] {
            let mut model = ready(Shade::Dark);
            let sending = say(&mut model, "hello");
            tell(&mut model, begun(&sending));
            let letters: Vec<char> = attack.text.chars().collect();
            for piece in letters.chunks(size) {
                let text: String = piece.iter().collect();
                let piece = Piece { content: text.clone(), reasoning: text, ..Piece::default() };
                tell(&mut model, Answer::Grew { token: sending.token, piece });
            }
            harmless(&painted(&model), attack.name);
        }
    }
}

#[test]
fn pictures() {
    snap("chat_fresh", ready, |model| model.chat.focus = Focus::Transcript);
    snap("chat_nobody", full, |model| {
        letter(model, '3');
    });
    snap("chat_estimate", ready, |model| {
        let asked = asks({
            typed(model, "What is 0");
            let number = model.chat.estimating.number;
            tell(model, Answer::Estimated { number, estimate: Ok(Box::new(estimate())) })
        });
        assert!(!asked.is_empty());
    });
    snap("chat_clamped", ready, |model| {
        typed(model, "What is 0G?");
        let missing = Shortfall { provider: provider(1), amount: Neuron::new(81_000_000), opens: false };
        let clamped = Estimate {
            granted: Neuron::new(125_000_000),
            available: Some(Neuron::new(125_000_000)),
            outlook: Outlook::Clamped { by: Limit::Balance, output: Units(619) },
            missing_for_all: Some(missing),
            ..estimate()
        };
        let number = model.chat.estimating.number;
        tell(model, Answer::Estimated { number, estimate: Ok(Box::new(clamped)) });
    });
    snap("chat_streaming", ready, |model| {
        let sending = say(model, "Write a program");
        tell(model, begun(&sending));
        let reasoning = "The person wants a program.\nIt should be short.".to_owned();
        let piece = Piece { reasoning, ..Piece::default() };
        tell(model, Answer::Grew { token: sending.token, piece });
        tell(model, grew(sending.token, "Here it is:\n\n```rust\nfn main() {\n    println!(", 40));
    });
    snap("chat_answered", opened, |_| {});
    snap("chat_reading", opened, |model| {
        press(model, KeyCode::Tab);
        letter(model, 'k');
    });
    snap("chat_states", ready, |model| {
        let answer = |n, state| Message { state, ..message(n, MessageRole::Assistant, "As far as it came.") };
        let mut long = message(1, MessageRole::User, &"a line of a paste\n".repeat(60));
        long.inherited = true;
        let messages = vec![
            long,
            answer(2, MessageState::Stopped),
            answer(3, MessageState::Cut),
            answer(4, MessageState::Failed("the provider closed the connection".to_owned())),
            answer(5, MessageState::Unfinished),
        ];
        open(model, messages);
        let disputed = Cost {
            disputed: Neuron::new(5_000_000),
            note: Some("25 tokens more than ours".to_owned()),
            ..cost(3, UserRequestState::Disputed, Proof::Disputed)
        };
        tell(
            model,
            Answer::Fates(vec![
                cost(2, UserRequestState::Done, Proof::Verified),
                disputed,
                Cost { fee: Fee::NONE, ..cost(4, UserRequestState::Unconfirmed, Proof::Missing) },
                Cost { fee: Fee::NONE, ..cost(5, UserRequestState::Failed, Proof::Missing) },
            ]),
        );
    });
    snap("chat_refused", ready, |model| {
        let sending = say(model, "hello");
        let missing = Shortfall { provider: provider(1), amount: Neuron::new(206_000_000), opens: false };
        let why = "the account has 3 neuron spendable, but this request needs at least 1400000".to_owned();
        tell(model, Answer::Refused { token: sending.token, why, remedy: Remedy::Fund(missing) });
    });
    snap("chat_picker", opened, |model| {
        let step = control(model, 'l');
        listed(model, step);
    });
    snap("chat_unkept", ready, |model| {
        let sending = say(model, "Write a program");
        tell(model, placed(&sending, 3));
        tell(model, begun(&sending));
        tell(model, grew(sending.token, "Here it is, as far as it", 40));
        let why = Some("the disk is full; make room".to_owned());
        tell(model, Answer::Unkept { token: sending.token, why });
        model.toasts.clear();
    });
    snap("chat_owed", ready, |model| {
        let sending = say(model, "Write a program");
        tell(model, placed(&sending, 3));
        let (why, remedy) =
            ("the disk is full; make room".to_owned(), Remedy::Owed(Some(RequestId::new([9; 32]))));
        tell(model, Answer::Refused { token: sending.token, why, remedy });
    });
    snap("chat_caps", ready, |model| {
        kept::near_caps(model);
        typed(model, "What is 0G?");
        let number = model.chat.estimating.number;
        tell(model, Answer::Estimated { number, estimate: Ok(Box::new(estimate())) });
    });
    snap("chat_refused_long", ready, |model| {
        let sending = say(model, "hello");
        let missing = Shortfall { provider: provider(1), amount: Neuron::new(819_500_000), opens: true };
        let why = "the provider refused it for a reason that it told in very many words, 123,456 of them, "
            .repeat(6);
        tell(model, Answer::Refused { token: sending.token, why, remedy: Remedy::Fund(missing) });
    });
    snap("chat_parameters", opened, |model| {
        control(model, 'y');
        press(model, KeyCode::Down);
        typed(model, "0");
        control(model, 's');
    });
    snap("chat_search", opened, |model| {
        control(model, 'g');
        typed(model, "chain");
        let Over::Finder(finder) = &model.chat.over else { panic!("no search") };
        let super::finder::Among::Conversations { number, .. } = finder.among else { panic!("no search") };
        let part = |text: &str, found| SnippetPart { text: text.to_owned(), found };
        let hit = Hit {
            conversation: conversation(1, "What is 0G?"),
            message: Some(MessageId::new([2; 16])),
            messages: 1,
            snippet: vec![part("A ", false), part("chain", true), part(" for AI", false)],
        };
        tell(model, Answer::Found { number, found: Found { hits: vec![hit], total: 1 } });
    });
    snap("chat_history", opened, |model| {
        control(model, 'r');
        tell(model, Answer::Prompts(vec!["What is 0G?".to_owned(), "Two\nlines".to_owned()]));
    });
    snap("chat_delete", opened, |model| {
        press(model, KeyCode::Tab);
        press(model, KeyCode::Delete);
    });
    snap("chat_list", opened, |model| {
        press(model, KeyCode::Tab);
        press(model, KeyCode::Tab);
    });
    snap("chat_rename", opened, |model| {
        press(model, KeyCode::Tab);
        letter(model, 'r');
    });
    snap("chat_export", opened, |model| {
        press(model, KeyCode::Tab);
        letter(model, 'X');
    });
    snap("chat_attach", opened, |model| {
        control(model, 't');
        typed(model, "nowhere");
        tell(model, Answer::Attached(Err("no such file".to_owned())));
    });
}
