//! What is on disk of a prompt, whatever happens to it; what the rows above it say of caps and money; the list of
//! services.

use super::*;
use crate::broker::user::Library;
use crate::broker::user::library::NewConversation;
use crate::store::{Db, Role};

#[test]
fn a_refused_prompt_is_the_draft_of_the_conversation_that_began_with_it() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    let memory = model.chat.remember();
    let Place::New(fresh, _) = &sending.place else { panic!("{:?}", sending.place) };
    assert_eq!(memory["new"], fresh.to_string(), "it is found again from before it was on disk");
    tell(&mut model, placed(&sending, 3));
    assert_eq!(model.chat.opened, Opened::Kept(id(3)));
    tell(&mut model, refused(sending.token, "no"));
    assert_eq!(model.chat.opened, Opened::Kept(id(3)));
    assert_eq!(model.chat.prompt.text(), "hello");
    assert!(model.chat.transcript.is_empty());
    // The next time it goes into the same conversation.
    assert_eq!(sent(control(&mut model, 'f')).place, Place::In(id(3)));
}

#[test]
fn what_is_written_for_a_new_conversation_waits_for_it() {
    let mut model = ready(Shade::Dark);
    typed(&mut model, "a thought");
    control(&mut model, 'n');
    assert_eq!(model.chat.prompt.text(), "a thought", "it is in a new one already");
    open(&mut model, vec![message(1, MessageRole::User, "other")]);
    assert_eq!(model.chat.prompt.text(), "");
    let mut later = Chat::default();
    later.recall(&model.chat.remember());
    assert_eq!(later.prompt.text(), "a thought", "and is found after a restart");
    control(&mut model, 'n');
    assert_eq!((model.chat.opened, model.chat.prompt.text()), (Opened::New, "a thought".to_owned()));
    let sending = sent(press(&mut model, KeyCode::Enter));
    assert_eq!(sending.prompt.answer.text, "a thought");
    open(&mut model, vec![message(1, MessageRole::User, "other")]);
    control(&mut model, 'n');
    assert_eq!(model.chat.prompt.text(), "", "it went");
}

/// Ids begin with their moment: those of one minute begin alike.
#[test]
fn a_receipt_is_named_as_in_the_list_of_requests() {
    let mut model = opened(Shade::Dark);
    let mut answer = message(2, MessageRole::Assistant, "An answer.");
    let mut id = [7; 32];
    id[28..].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    answer.request = Some(RequestId::new(id));
    open(&mut model, vec![message(1, MessageRole::User, "What is 0G?"), answer]);
    assert!(shown(&model).contains("…deadbeef"), "{}", shown(&model));
}

#[test]
fn a_prompt_that_is_refused_beside_the_editor_is_not_lost_to_it() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    control(&mut model, 'o');
    tell(&mut model, refused(sending.token, "no"));
    crate::tui::user::update::go(&mut model, Screen::Accounts, &mut Step::default());
    model.update(Told::Followed(crate::tui::shell::Followed::Edited(Ok("from the editor".to_owned()))));
    assert_eq!(model.chat.prompt.text(), "from the editor");
    assert_eq!(model.chat.unsent, ["hello"]);
}

#[test]
fn what_is_written_in_a_deleted_conversation_begins_no_other() {
    let mut model = opened(Shade::Dark);
    typed(&mut model, "for that one only");
    tell(&mut model, Answer::Deleted(id(1)));
    assert_eq!((model.chat.opened, model.chat.prompt.text()), (Opened::New, String::new()));
}

#[test]
fn an_edit_that_is_left_is_found_again() {
    let mut model = opened(Shade::Dark);
    press(&mut model, KeyCode::Up);
    press(&mut model, KeyCode::Esc);
    assert!(model.chat.unsent.is_empty(), "nothing was changed in it");
    press(&mut model, KeyCode::Up);
    typed(&mut model, " And why?");
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.chat.unsent, ["What is 0G? And why?"]);
}

#[test]
fn a_refused_edit_waits_in_its_branch() {
    let mut model = opened(Shade::Dark);
    press(&mut model, KeyCode::Up);
    let sending = sent(press(&mut model, KeyCode::Enter));
    let asked = asks(tell(&mut model, placed(&sending, 3)));
    assert!(asked.iter().any(|ask| matches!(ask, Ask::Open { id: one, .. } if *one == id(3))), "{asked:?}");
    tell(&mut model, refused(sending.token, "no"));
    assert_eq!((model.chat.opened, model.chat.rewriting), (Opened::Kept(id(3)), None));
    assert_eq!(model.chat.prompt.text(), "What is 0G?");
}

#[test]
fn a_prompt_on_its_way_is_shown_once() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, placed(&sending, 3));
    typed(&mut model, "later");
    open(&mut model, vec![message(1, MessageRole::User, "other")]);
    assert!(model.chat.unsent.contains(&"later".to_owned()));
    model.chat.opening = Some(id(3));
    let kept = Conversation { draft: "hello".to_owned(), ..conversation(3, "") };
    tell(&mut model, Answer::Opened { conversation: Box::new(kept), messages: Vec::new(), at: None });
    assert_eq!(model.chat.prompt.text(), "", "it is no draft beside itself");
    assert_eq!(model.chat.transcript.entries.len(), 2);
    tell(&mut model, refused(sending.token, "no"));
    assert_eq!(model.chat.prompt.text(), "hello");
}

#[test]
fn a_prompt_that_is_refused_out_of_sight_is_its_conversations_draft() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, placed(&sending, 3));
    open(&mut model, vec![message(1, MessageRole::User, "other")]);
    let step = tell(&mut model, refused(sending.token, "no"));
    assert!(asks(step).iter().all(|ask| !matches!(ask, Ask::Draft { .. })), "the runner wrote it before");
    assert_eq!(model.chat.prompt.text(), "");
    assert!(model.toasts.iter().any(|toast| toast.text.contains("as a draft")), "{:?}", model.toasts);
}

#[test]
fn what_was_to_begin_when_the_program_ended_is_found_again() {
    let mut model = ready(Shade::Dark);
    typed(&mut model, "hel");
    let memory = model.chat.remember();
    let sending = say(&mut model, "lo");
    let Place::New(fresh, _) = sending.place else { panic!() };
    // The program is killed after the prompt was on disk, and before the screens were remembered again.
    let mut model = full(Shade::Dark);
    model.chat.recall(&memory);
    assert_eq!(model.chat.prompt.text(), "hel");
    let asked = asks(model.update(Told::Beat(now())));
    assert!(
        asked.iter().any(|ask| matches!(ask, Ask::Revive { new, open: None } if *new == fresh)),
        "{asked:?}"
    );
    let kept = Conversation { id: fresh, draft: "hello".to_owned(), ..conversation(3, "") };
    tell(&mut model, Answer::Revived { conversation: Box::new(kept), messages: Vec::new() });
    assert_eq!((model.chat.opened, model.chat.prompt.text()), (Opened::Kept(fresh), "hello".to_owned()));
    assert_ne!(model.chat.fresh.0, fresh);
}

#[test]
fn a_draft_that_was_on_its_way_says_so_and_where_its_fate_stands() {
    let mut model = ready(Shade::Dark);
    model.chat.opening = Some(id(3));
    let kept = Conversation { draft: "hello".to_owned(), asked: true, ..conversation(3, "") };
    tell(&mut model, Answer::Opened { conversation: Box::new(kept.clone()), messages: Vec::new(), at: None });
    assert_eq!(model.chat.prompt.text(), "hello");
    let text = shown(&model);
    assert!(text.contains("on its way when the program ended") && text.contains("5 Requests"), "{text}");
    // Sent again on purpose, it goes into the same conversation.
    assert_eq!(sent(control(&mut model, 'f')).place, Place::In(id(3)));

    let mut model = ready(Shade::Dark);
    model.chat.opening = Some(id(3));
    let typed = Conversation { asked: false, ..kept };
    tell(&mut model, Answer::Opened { conversation: Box::new(typed), messages: Vec::new(), at: None });
    assert!(!shown(&model).contains("on its way"), "what was only typed is a plain draft");
}

#[test]
fn what_was_typed_and_saved_does_not_come_back_over_what_was_sent() {
    let mut model = opened(Shade::Dark);
    typed(&mut model, "hel");
    let asked = asks(model.update(Told::Beat(now().plus_seconds(600))));
    let wanted = asked.iter().find_map(|ask| match ask {
        Ask::Draft { wanted, .. } => Some(std::sync::Arc::clone(wanted)),
        _ => None,
    });
    let wanted = wanted.unwrap();
    assert!(wanted.load(std::sync::atomic::Ordering::SeqCst));
    say(&mut model, "lo");
    assert!(!wanted.load(std::sync::atomic::Ordering::SeqCst));
}

#[test]
fn what_was_paid_and_could_not_be_kept_is_told() {
    let mut model = ready(Shade::Dark);
    let sending = say(&mut model, "hello");
    tell(&mut model, placed(&sending, 3));
    tell(&mut model, begun(&sending));
    tell(&mut model, grew(sending.token, "words that came", 2));
    let why = Some("the disk is full".to_owned());
    tell(&mut model, Answer::Unkept { token: sending.token, why });
    let text = shown(&model);
    assert!(text.contains("words that came") && text.contains("5 Requests"), "{text}");
    tell(&mut model, Answer::Ended { token: sending.token, state: MessageState::Complete, duration_ms: 9 });
    tell(&mut model, Answer::Booked { token: sending.token, cost: Err("the disk is full".to_owned()) });
    assert!(shown(&model).contains("words that came"), "it stays in sight");
    assert!(shown(&model).contains("not kept on disk: the disk is full"));
    tell(&mut model, Answer::Unkept { token: 0, why: None });
    let again = say(&mut model, "more");
    tell(&mut model, placed(&again, 3));
    let remedy = Remedy::Owed(Some(RequestId::new([9; 32])));
    tell(&mut model, Answer::Refused { token: again.token, why: "the disk is full".to_owned(), remedy });
    model.toasts.clear();
    let text = shown(&model);
    assert!(text.contains("may be owed") && !text.contains("not sent"), "{text}");
}

/// Each cap near its end, in a way of its own.
pub fn near_caps(model: &mut Model) {
    let mut snapshot = (*model.shared.snapshot).clone();
    let own = &snapshot.accounts[0];
    let spent = own.promised.max(own.owed.saturating_add(own.reserved));
    let all = snapshot.accounts.iter().fold(Neuron::ZERO, |sum, one| {
        sum.saturating_add(one.promised.max(one.owed.saturating_add(one.reserved)))
    });
    let over = |amount: Neuron, percent: u128| Neuron::new(amount.get().max(1_000) * 100 / percent);
    snapshot.caps.per_request = Some(Neuron::new(220_000_000));
    snapshot.caps.per_day = Some(over(snapshot.spent_today.saturating_add(snapshot.reserved), 96));
    snapshot.caps.per_provider = Some(over(spent, 85));
    snapshot.caps.total = Some(over(all, 50));
    model.update(Told::Snapshot(snapshot.into()));
}

#[test]
fn every_cap_that_comes_near_is_told() {
    let mut model = ready(Shade::Dark);
    model.shared.size = (200, 50);
    near_caps(&mut model);
    typed(&mut model, "What is 0G?");
    let number = model.chat.estimating.number;
    tell(&mut model, Answer::Estimated { number, estimate: Ok(Box::new(estimate())) });
    let rows = |pieces: &super::super::cost::Pieces| {
        pieces.iter().map(|(text, _)| text.as_str()).collect::<String>()
    };
    let totals = rows(&super::super::cost::totals(&model.chat, &model.shared));
    assert!(totals.contains("% of the day's") && totals.starts_with("✗ 9"), "{totals}");
    assert!(totals.contains("! 8") && totals.contains("% of this provider's"), "{totals}");
    assert!(!totals.contains("the whole"), "what is far off is not spoken of: {totals}");
    let row = super::super::cost::rows(&model.chat, &model.shared);
    assert!(rows(&row[0]).contains("! 93 % of an answer's"), "{row:?}");
}

#[test]
fn no_figure_is_cut_above_the_prompt() {
    for width in [60, 80, 90, 100, 110, 120, 200] {
        let mut model = ready(Shade::Dark);
        let sending = say(&mut model, "hello");
        let missing = Shortfall { provider: provider(1), amount: Neuron::new(819_500_000), opens: true };
        let why = "it was refused for a reason in very many words, ".repeat(9);
        let remedy = Remedy::Fund(missing);
        tell(&mut model, Answer::Refused { token: sending.token, why, remedy });
        model.update(Told::Input(Input::Size { width, height: 24 }, moment()));
        let text = shown(&model);
        let whole = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(whole.contains("0.0000000008195"), "{width}: {text}");
        assert!(whole.contains("819,500,000"), "{width}: {text}");
        assert!(whole.contains("❯ hello"), "{width}: {text}");
    }
}

#[test]
fn the_list_of_services_is_made_beside_the_screen() {
    let mut model = ready(Shade::Dark);
    let step = control(&mut model, 'l');
    assert!(shown(&model).contains("reading the list"));
    typed(&mut model, "qwen");
    listed(&mut model, step);
    let Over::Picker(picker) = &model.chat.over else { panic!("no list") };
    assert_eq!(picker.table.filter, "qwen", "what was typed meanwhile holds");
    assert_eq!(picker.chosen().map(|(provider, _)| provider), Some(provider(2)));
    let waits = vec![((provider(2), picker.chosen().unwrap().1), 1_234)];
    tell(&mut model, Answer::Measured(waits));
    assert!(shown(&model).contains("1.2 s"));
}

#[test]
fn no_key_pays_what_nobody_agreed_to() {
    let risen = Prices { input: Neuron::new(150_000), output: Neuron::new(200_000) };
    for (remedy, told) in [
        (Remedy::Accept { seen: prices(), now: risen }, "the price rose"),
        (Remedy::Owed(None), "may be paid for already"),
        (Remedy::Unknown, "may be paid for already"),
    ] {
        let mut model = ready(Shade::Dark);
        let sending = say(&mut model, "hello");
        let accepted = if let Remedy::Accept { now, .. } = &remedy { Some(*now) } else { None };
        tell(&mut model, Answer::Refused { token: sending.token, why: "no".to_owned(), remedy });
        let sends = |step| asks(step).iter().any(|ask| matches!(ask, Ask::Send(_)));
        let says = |model: &mut Model, text: &str| {
            let said = model.toasts.iter().any(|toast| toast.text.contains(text));
            model.toasts.clear();
            said
        };
        assert!(!sends(press(&mut model, KeyCode::Enter)), "{told}");
        assert!(says(&mut model, told) && model.chat.blocked.is_some(), "{told}");
        press(&mut model, KeyCode::Tab);
        assert_eq!(model.chat.focus, Focus::Transcript);
        assert!(!sends(press(&mut model, KeyCode::Enter)), "{told}");
        assert!(says(&mut model, told), "{told}");
        assert!(!sends(letter(&mut model, 'A')), "{told}");
        assert!(says(&mut model, "i, then ctrl+f"), "the key is one of the prompt");
        assert!(!sends(letter(&mut model, 'O')), "{told}");
        press(&mut model, KeyCode::Esc);
        assert!(!sends(letter(&mut model, 'D')) && model.money.typing(), "{told}: it asks how much");
        press(&mut model, KeyCode::Esc);
        letter(&mut model, 'i');
        let again = sent(control(&mut model, 'f'));
        assert_eq!((again.prompt.answer.text.as_str(), again.turn.prices_seen), ("hello", accepted));
    }
}

#[tokio::test]
async fn what_was_typed_last_is_kept_when_the_program_is_left() {
    let library = Library::open(Db::temporary(Role::User).unwrap());
    let kept = library.create(NewConversation::default()).await.unwrap().id;
    let mut model = opened(Shade::Dark);
    model.chat.opened = Opened::Kept(kept);
    typed(&mut model, "abc");
    assert_eq!(control(&mut model, 'c').screen, [], "that leaves the field");
    assert_eq!(control(&mut model, 'c').screen, [ScreenOrder::Quit]);
    assert_eq!(model.chat.unsaved(), Some((kept, "abc".to_owned())));
    model.chat.keep_unsaved(&library).await;
    assert_eq!(library.conversation(kept).await.unwrap().draft, "abc");
}
