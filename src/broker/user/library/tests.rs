//! The library over a real database, with nothing else at work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;
use crate::domain::{Address, Units};
use crate::store::Role;

fn library() -> Library {
    Library::open(Db::temporary(Role::User).unwrap())
}

fn provider(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn service() -> ServiceOf {
    (provider(7), "llama7b".parse().unwrap())
}

async fn begin(library: &Library) -> ConversationId {
    library.create(NewConversation { service: Some(service()), ..Default::default() }).await.unwrap().id
}

async fn say(library: &Library, id: ConversationId, text: &str) -> Message {
    library.append(id, NewMessage::prompt(text, Timestamp::now())).await.unwrap()
}

#[tokio::test]
async fn a_title_comes_from_the_first_prompt_until_somebody_gives_one() {
    let library = library();
    let id = begin(&library).await;
    let title = async || library.conversation(id).await.unwrap().title;
    assert_eq!(title().await, "");
    say(&library, id, "\n What is 0G?\nAnd why?").await;
    assert_eq!(title().await, "What is 0G?");
    say(&library, id, "Another question").await;
    assert_eq!(title().await, "What is 0G?");
    library.rename(id, " My\nnotes\u{1b} ").await.unwrap();
    assert_eq!(title().await, "My notes\u{fffd}");
    assert!(library.conversation(id).await.unwrap().named);
    library.rename(id, "  ").await.unwrap();
    assert_eq!(title().await, "What is 0G?");

    // A branch before the first prompt is about something else, unless it was named.
    let branch = library.fork(id, None).await.unwrap();
    say(&library, branch.id, "What is 1G?").await;
    assert_eq!(library.conversation(branch.id).await.unwrap().title, "What is 1G?");
    library.rename(id, "named").await.unwrap();
    let branch = library.fork(id, None).await.unwrap();
    say(&library, branch.id, "What is 2G?").await;
    assert_eq!(library.conversation(branch.id).await.unwrap().title, "named");
}

#[tokio::test]
async fn settings_and_draft_are_kept_and_a_prompt_empties_the_draft() {
    let library = library();
    let id = begin(&library).await;
    let parameters = ChatParameters {
        max_tokens: Some(300),
        temperature: Some("0.70".into()),
        top_p: None,
        seed: Some(-5),
        stop: vec!["\n\n".into()],
    };
    library.set_parameters(id, parameters.clone()).await.unwrap();
    library.set_system(id, Some("Be brief.".into())).await.unwrap();
    library.set_service(id, None).await.unwrap();
    library.set_draft(id, "half a tho".into()).await.unwrap();
    let kept = library.conversation(id).await.unwrap();
    assert_eq!((kept.parameters, kept.system.as_deref()), (parameters, Some("Be brief.")));
    assert_eq!((kept.service, kept.draft.as_str()), (None, "half a tho"));
    library.append(id, NewMessage::answer(service(), "m", Timestamp::now())).await.unwrap();
    assert_eq!(library.conversation(id).await.unwrap().draft, "half a tho");
    say(&library, id, "half a thought").await;
    assert_eq!(library.conversation(id).await.unwrap().draft, "");
}

#[tokio::test]
async fn a_prompt_is_known_to_be_on_its_way_until_its_answer_begins_or_it_is_a_draft_again() {
    let library = library();
    let id = begin(&library).await;
    assert!(!library.conversation(id).await.unwrap().asked);
    library.set_asked(id, "a prompt".into()).await.unwrap();
    let kept = library.conversation(id).await.unwrap();
    assert_eq!((kept.draft.as_str(), kept.asked), ("a prompt", true));
    library.set_draft(id, "a prompt".into()).await.unwrap();
    assert!(!library.conversation(id).await.unwrap().asked, "it was refused");
    library.set_asked(id, "a prompt".into()).await.unwrap();
    say(&library, id, "a prompt").await;
    let kept = library.conversation(id).await.unwrap();
    assert_eq!((kept.draft.as_str(), kept.asked), ("", false));
    // Those that begin with a prompt, too; a branch of one is none.
    let (new, fork) = (ConversationId::random(), library.fork(id, None).await.unwrap());
    library.create_with_draft(new, NewConversation::default(), "first".into()).await.unwrap();
    assert!(library.conversation(new).await.unwrap().asked && !fork.asked);
    let branch = library.fork_with_draft(new, None, None, "second".into()).await.unwrap();
    assert!(branch.asked && library.conversation(branch.id).await.unwrap().asked);
}

#[tokio::test]
async fn what_is_too_large_or_gone_is_refused_in_words() {
    let library = library();
    let id = begin(&library).await;
    let huge = "x".repeat((16 << 20) + 1);
    let prompt = NewMessage::prompt(huge.clone(), Timestamp::now());
    let error = library.append(id, prompt).await.unwrap_err();
    assert_eq!(error.to_string(), "the text is too long to be kept; the limit is 16777216 bytes, shorten it");
    assert!(matches!(library.set_draft(id, huge.clone()).await, Err(LibraryError::TooLong { .. })));
    assert!(matches!(library.set_system(id, Some(huge)).await, Err(LibraryError::TooLong { .. })));
    let stops = ChatParameters { stop: vec!["x".repeat(70_000)], ..Default::default() };
    assert!(matches!(library.set_parameters(id, stops).await, Err(LibraryError::TooLong { .. })));

    library.delete(id).await.unwrap();
    assert!(matches!(library.delete(id).await, Err(LibraryError::NoConversation(_))));
    assert!(matches!(library.conversation(id).await, Err(LibraryError::NoConversation(_))));
    assert!(matches!(library.messages(id).await, Err(LibraryError::NoConversation(_))));
    assert!(matches!(library.fork(id, None).await, Err(LibraryError::NoConversation(_))));
    assert!(matches!(library.rename(id, "x").await, Err(LibraryError::NoConversation(_))));
    assert!(matches!(library.export_json(id).await, Err(LibraryError::NoConversation(_))));
    let late = NewMessage::prompt("x", Timestamp::now());
    assert!(matches!(library.append(id, late).await, Err(LibraryError::NoConversation(_))));
    let nobody = library.update(MessageId::random(), Answer::default()).await;
    assert!(matches!(nobody, Err(LibraryError::NoMessage(_))));
    let other = begin(&library).await;
    let elsewhere = library.fork(other, Some(MessageId::random())).await;
    assert!(matches!(elsewhere, Err(LibraryError::NoMessage(_))));
}

#[tokio::test]
async fn a_crash_leaves_what_was_written_of_an_answer_with_its_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let request = RequestId::random();
    let id = {
        let library = Library::open(Db::open(&path, Role::User).unwrap());
        let id = begin(&library).await;
        say(&library, id, "tell me").await;
        let answer = NewMessage::answer(service(), "model", Timestamp::now());
        let growing = Answer { text: "Once upon".into(), request: Some(request), ..answer.answer.clone() };
        library.append(id, answer.clone()).await.unwrap();
        library.update(answer.id, growing).await.unwrap();
        // Nothing is closed.
        id
    };
    let library = Library::open(Db::open(&path, Role::User).unwrap());
    let messages = library.messages(id).await.unwrap();
    let answer = &messages[1];
    assert_eq!((answer.text.as_str(), answer.request), ("Once upon", Some(request)));
    assert_eq!((&answer.state, &answer.service), (&MessageState::Unfinished, &Some(service())));
    // A branch of it does not wait for an end.
    let branch = library.fork(id, Some(answer.id)).await.unwrap();
    assert_eq!(library.messages(branch.id).await.unwrap()[1].state, MessageState::Stopped);
}

#[tokio::test]
async fn costs_count_for_the_conversation_and_the_day() {
    let library = library();
    let id = begin(&library).await;
    let mut answer = NewMessage::answer(service(), "model", Timestamp::from_seconds(5 * DAY + 10));
    let request = RequestId::random();
    answer.answer.request = Some(request);
    library.append(id, answer).await.unwrap();
    let cost =
        MessageCost { input: Units(3), output: Units(4), fee: Neuron::new(90), disputed: Neuron::new(1) };
    assert!(library.set_cost(request, cost).await.unwrap());
    assert_eq!(library.conversation(id).await.unwrap().fee, Neuron::new(90));
    assert_eq!(library.spent_on(5).await.unwrap(), Neuron::new(90));
    assert_eq!(library.spent_on(4).await.unwrap(), Neuron::ZERO);
    assert_eq!(library.spent_on(u64::MAX).await.unwrap(), Neuron::ZERO);
}

#[tokio::test]
async fn an_export_says_what_was_paid_and_steers_no_terminal() {
    let library = library();
    let id = begin(&library).await;
    library.preferences().set_alias(provider(7), Some("ghost")).await.unwrap();
    say(&library, id, "red?\r\n\u{1b}[31m").await;
    let mut answer = NewMessage::answer(service(), "mo\u{7}del", Timestamp::from_seconds(1_700_000_000));
    let request = RequestId::new([0xab; 32]);
    answer.answer = Answer {
        text: "\u{1b}]52;c;aGk=\u{7}yes\nreally".into(),
        reasoning: "let\nme".into(),
        request: Some(request),
        state: MessageState::Failed("broke \u{202e}off".into()),
        ..answer.answer
    };
    library.append(id, answer).await.unwrap();
    let cost = MessageCost {
        input: Units(412),
        output: Units(380),
        fee: Neuron::new(117_200_000),
        ..Default::default()
    };
    library.set_cost(request, cost).await.unwrap();

    let markdown = library.export_markdown(id).await.unwrap();
    let steering = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!markdown.contains(steering), "{markdown:?}");
    for part in [
        "# red?\n",
        "- service: llama7b\n",
        &format!("- provider: {} (ghost)\n", provider(7)),
        "- cost: 117,200,000 neuron = 0.0000000001172 A0GI\n",
        "> let\n> me\n",
        "52;c;aGk=\u{fffd}yes\nreally\n",
        &format!("412 in, 380 out · 117,200,000 neuron = 0.0000000001172 A0GI · request {request}*"),
    ] {
        assert!(markdown.contains(part), "{part:?} in {markdown}");
    }

    let json = library.export_json(id).await.unwrap();
    assert!(!json.contains(|c: char| c.is_control() && c != '\n'));
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["fee"], "117200000");
    assert_eq!(document["service"]["name"], "llama7b");
    assert_eq!(document["messages"][0]["text"], "red?\r\n\u{1b}[31m");
    assert_eq!(document["messages"][1]["text"], "\u{1b}]52;c;aGk=\u{7}yes\nreally");
    assert_eq!(document["messages"][1]["request"], request.to_string());
    assert_eq!(document["messages"][1]["fee"], "117200000");
    assert_eq!(document["messages"][1]["model"], "mo\u{fffd}del");

    let branch = library.fork(id, library.messages(id).await.unwrap().last().map(|m| m.id)).await.unwrap();
    let markdown = library.export_markdown(branch.id).await.unwrap();
    assert!(markdown.contains("- cost: 0 neuron") && markdown.contains("counted in the original"));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Columns {
    shown: Vec<String>,
}

#[tokio::test]
async fn preferences_survive_and_foreign_ones_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let columns = Columns { shown: vec!["price".into()] };
    let library = Library::open(Db::open(&path, Role::User).unwrap());
    let preferences = library.preferences();
    assert_eq!(preferences.get::<Columns>("columns").await.unwrap(), None);
    preferences.set("columns", &Columns { shown: vec![] }).await.unwrap();
    preferences.set("columns", &columns).await.unwrap();
    preferences.set("other", "text").await.unwrap();
    library.store.set_preference("torn".into(), Some("{\"shown\":[".into())).await.unwrap();
    let huge = preferences.set("huge", &"x".repeat(70_000)).await;
    assert!(matches!(huge, Err(LibraryError::TooLong { .. })));
    drop((preferences, library));

    let preferences = Library::open(Db::open(&path, Role::User).unwrap()).preferences();
    assert_eq!(preferences.get("columns").await.unwrap(), Some(columns));
    assert_eq!(preferences.get::<Columns>("other").await.unwrap(), None);
    assert_eq!(preferences.get::<Columns>("torn").await.unwrap(), None);
    preferences.forget("columns").await.unwrap();
    assert_eq!(preferences.get::<Columns>("columns").await.unwrap(), None);
}

#[tokio::test]
async fn no_two_providers_have_the_same_alias() {
    let preferences = library().preferences();
    preferences.set_alias(provider(1), Some(" Ghost\u{1b} ")).await.unwrap();
    assert_eq!(preferences.alias(provider(1)).await.unwrap().as_deref(), Some("Ghost\u{fffd}"));
    preferences.set_alias(provider(1), Some("Ghost")).await.unwrap();
    preferences.set_alias(provider(1), Some("GHOST")).await.unwrap();
    let taken = preferences.set_alias(provider(2), Some("ghost")).await;
    assert!(matches!(taken, Err(LibraryError::AliasTaken(other)) if other == provider(1)));
    for bad in ["", "  ", &"x".repeat(41)] {
        assert!(matches!(
            preferences.set_alias(provider(2), Some(bad)).await,
            Err(LibraryError::BadAlias(_))
        ));
    }
    preferences.set_alias(provider(1), None).await.unwrap();
    preferences.set_alias(provider(2), Some("ghost")).await.unwrap();
    let all: Vec<_> = preferences.aliases().await.unwrap().into_iter().collect();
    assert_eq!(all, [(provider(2), "ghost".to_owned())]);
}
