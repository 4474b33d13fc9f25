//! Conversations on disk: sums, index of words and rows in step, whatever is done to them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{AccountId, Address, B256, Fee, Prices, Units, UserRequestState},
    store::{
        Network, Role, UserStore,
        earlier::as_it_was,
        user::{Finish, NewUserRequest},
    },
};

fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + second)
}

fn n(amount: u128) -> Neuron {
    Neuron::new(amount)
}

fn library() -> LibraryStore {
    LibraryStore::new(Db::temporary(Role::User).unwrap())
}

async fn begin(store: &LibraryStore, second: u64) -> ConversationId {
    let id = ConversationId::random();
    store.create(id, NewConversation::default(), at(second)).await.unwrap();
    id
}

async fn say(store: &LibraryStore, id: ConversationId, text: &str, second: u64) -> Message {
    match store.append(id, NewMessage::prompt(text, at(second)), None).await.unwrap() {
        Appended::Message(message) => *message,
        other => panic!("{other:?}"),
    }
}

fn answer(request: u8, text: &str) -> Answer {
    let request = Some(RequestId::new([request; 32]));
    Answer { text: text.to_owned(), request, state: MessageState::Complete, ..Answer::default() }
}

async fn reply(store: &LibraryStore, id: ConversationId, answer: Answer, second: u64) -> MessageId {
    let new = NewMessage { id: MessageId::random(), role: MessageRole::Assistant, at: at(second), answer };
    assert!(matches!(store.append(id, new.clone(), None).await.unwrap(), Appended::Message(_)));
    new.id
}

fn cost(fee: u128) -> MessageCost {
    MessageCost { input: Units(1), output: Units(2), fee: n(fee), disputed: n(fee / 2) }
}

/// Has the index compare itself with the rows, word by word.
async fn check_index(store: &LibraryStore) {
    store
        .db
        .write(|connection| {
            connection.execute_batch(
                "INSERT INTO message_words (message_words, rank) VALUES ('integrity-check', 1);
                 INSERT INTO title_words (title_words, rank) VALUES ('integrity-check', 1);",
            )?;
            Ok(())
        })
        .await
        .unwrap();
}

async fn wrong(store: &LibraryStore) -> Vec<String> {
    store
        .db
        .read(|connection| {
            let mut wrong = Vec::new();
            audit(connection, &mut wrong)?;
            Ok(wrong)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn the_database_of_the_version_before_opens_with_its_books() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.db");
    let network = Network { chain_id: 31337, contract: Address::repeat_byte(0xcc) };
    let books = UserStore::new(Db::open(&path, Role::User).unwrap(), network).await.unwrap();
    let id = RequestId::new([1; 32]);
    books.reserve(paid(id), n(500)).await.unwrap();
    books.finish(ended(id, 90)).await.unwrap();
    books.db().close().await.unwrap();
    as_it_was(&path, Role::User, 1);

    let db = Db::open(&path, Role::User).unwrap();
    let store = LibraryStore::new(db.clone());
    let conversation = begin(&store, 1).await;
    reply(&store, conversation, answer(1, "hello"), 2).await;
    assert_eq!(store.take_costs_from_books().await.unwrap(), 1);
    let writes = db.stats().jobs;
    assert_eq!(store.take_costs_from_books().await.unwrap(), 0);
    assert_eq!(db.stats().jobs, writes, "what is as it should be holds up no write");
    let books = UserStore::new(db, network).await.unwrap();
    assert_eq!(books.audit().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.conversation(conversation).await.unwrap().unwrap().fee, n(90));

    // Deleting what was said changes nothing in what is owed.
    assert!(store.delete(conversation).await.unwrap());
    assert!(!store.delete(conversation).await.unwrap());
    assert_eq!(books.request(id).await.unwrap().unwrap().fee.total(), n(90));
    assert_eq!(books.audit().await.unwrap(), Vec::<String>::new());
}

fn paid(id: RequestId) -> NewUserRequest {
    NewUserRequest {
        id,
        account: AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(2) },
        service: "llama7b".parse().unwrap(),
        created_at: at(0),
        state: UserRequestState::Sent,
        max_fee: n(1000),
        price_version: 7,
        prices: Prices { input: n(1), output: n(2) },
        body_hash: B256::repeat_byte(1),
        idempotency_key: None,
    }
}

fn ended(id: RequestId, fee: u128) -> Finish {
    Finish {
        id,
        state: UserRequestState::Done,
        input: Units(10),
        output: Units(20),
        fee: Fee { input: n(fee / 3), output: n(fee - fee / 3) },
        disputed: Neuron::ZERO,
        response_hash: None,
        receipt: None,
        error: None,
        authorize: None,
        at: at(100),
    }
}

#[tokio::test]
async fn a_branch_copies_and_its_costs_count_once() {
    let store = library();
    let first = begin(&store, 0).await;
    let prompt = say(&store, first, "hello there", 10).await;
    let told = reply(&store, first, answer(1, "general answer"), 11).await;
    store.set_cost(RequestId::new([1; 32]), cost(70)).await.unwrap();
    say(&store, first, "and more", 12).await;

    let new = ConversationId::random();
    let branch = store.fork(first, Some(told), new, at(20)).await.unwrap().unwrap();
    assert_eq!((branch.messages, branch.fee, branch.forked_from), (2, n(0), Some(first)));
    let copies = store.messages(new).await.unwrap().unwrap();
    assert_eq!(
        copies.iter().map(|copy| copy.text.as_str()).collect::<Vec<_>>(),
        ["hello there", "general answer"]
    );
    assert!(copies.iter().all(|copy| copy.inherited && copy.id != prompt.id && copy.id != told));
    assert_eq!((copies[1].fee, copies[1].request), (n(70), Some(RequestId::new([1; 32]))));
    assert_eq!(store.spent(at(0), at(100)).await.unwrap(), n(70));
    // A copy is history, but shows what became of its request.
    assert!(!store.update(copies[1].id, answer(1, "changed"), at(30)).await.unwrap());
    store.set_cost(RequestId::new([1; 32]), cost(50)).await.unwrap();
    assert_eq!(store.messages(new).await.unwrap().unwrap()[1].fee, n(50));
    assert_eq!(store.conversation(first).await.unwrap().unwrap().fee, n(50));
    assert_eq!(store.conversation(new).await.unwrap().unwrap().fee, n(0));

    let empty = store.fork(first, None, ConversationId::random(), at(21)).await.unwrap().unwrap();
    assert_eq!((empty.messages, empty.title.as_str()), (0, ""));
    // A message of another conversation is no place to branch at.
    assert!(store.fork(first, Some(copies[0].id), ConversationId::random(), at(1)).await.unwrap().is_none());
    assert!(
        store.fork(ConversationId::random(), None, ConversationId::random(), at(1)).await.unwrap().is_none()
    );
    check_index(&store).await;
    assert_eq!(wrong(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_request_belongs_to_one_message() {
    let store = library();
    let id = begin(&store, 0).await;
    let first = reply(&store, id, answer(1, "a"), 1).await;
    assert!(store.update(first, Answer { request: None, ..answer(1, "b") }, at(2)).await.unwrap());
    let kept = store.messages(id).await.unwrap().unwrap();
    assert_eq!((kept[0].text.as_str(), kept[0].request), ("b", Some(RequestId::new([1; 32]))));
    assert!(matches!(store.update(first, answer(2, "c"), at(3)).await, Err(StoreError::Invalid(_))));
    let again = NewMessage { answer: answer(1, "d"), ..NewMessage::prompt("", at(4)) };
    assert!(matches!(store.append(id, again, None).await, Err(StoreError::Conflict(_))));
    assert!(!store.set_cost(RequestId::new([9; 32]), cost(1)).await.unwrap());
}

#[tokio::test]
async fn a_search_names_each_conversation_once_and_the_newest_first() {
    let store = library();
    let (old, new) = (begin(&store, 0).await, begin(&store, 1).await);
    say(&store, new, "Größenordnung der Gebühren", 10).await;
    say(&store, old, "nothing of the kind", 11).await;
    let second = say(&store, new, "the GROSSE\nordnung, \u{1b}[31m grosses red größe", 12).await;
    let title = ConversationChange::Title { title: "Größe of things".into(), named: true };
    store.change(old, title).await.unwrap();

    let found = store.search("größe".into(), 10).await.unwrap();
    assert_eq!(found.total, 2);
    let hits: Vec<_> =
        found.hits.iter().map(|hit| (hit.conversation.id, hit.message, hit.messages)).collect();
    assert_eq!(hits, [(new, Some(second.id), 2), (old, None, 0)]);
    let marked: Vec<_> =
        found.hits[0].snippet.iter().filter(|part| part.found).map(|part| part.text.as_str()).collect();
    assert_eq!(marked, ["größe"]);
    assert!(found.hits[0].snippet.iter().all(|part| !part.text.contains(['\n', '\u{1b}'])));
    assert_eq!(found.hits[1].snippet[0], SnippetPart { text: "Größe".into(), found: true });
    assert_eq!(store.search("größe".into(), 1).await.unwrap().hits.len(), 1);
    // Accents do not count, beginnings do, all words have to be there.
    assert_eq!(store.search("gebuhr".into(), 10).await.unwrap().total, 1);
    assert_eq!(store.search("nothing größe".into(), 10).await.unwrap().total, 0);
    assert_eq!(store.matches(new, "größe".into()).await.unwrap().len(), 2);
    assert_eq!(store.matches(old, "größe".into()).await.unwrap(), []);
}

#[tokio::test]
async fn prompts_are_recalled_once_and_the_newest_first() {
    let store = library();
    let id = begin(&store, 0).await;
    for (second, text) in ["one", "two", "one", "  ", "three", "two"].into_iter().enumerate() {
        say(&store, id, text, second as u64).await;
    }
    say(&store, id, &"long ".repeat(10_000), 50).await;
    reply(&store, id, answer(1, "answer"), 60).await;
    assert_eq!(store.prompts(10).await.unwrap(), ["two", "three", "one"]);
    assert_eq!(store.prompts(1).await.unwrap(), ["two"]);
    assert_eq!(store.prompts(0).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_conversation_has_an_end() {
    let store = library();
    let id = begin(&store, 0).await;
    store
        .db
        .write(move |connection| {
            for _ in 0..MOST_MESSAGES {
                rows::append(connection, id, &NewMessage::prompt("", at(1)), None)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let more = store.append(id, NewMessage::prompt("x", at(2)), None).await.unwrap();
    assert_eq!(more, Appended::Full);
    let gone = store.append(ConversationId::random(), NewMessage::prompt("x", at(2)), None).await.unwrap();
    assert_eq!(gone, Appended::NoConversation);
    let last = store.messages(id).await.unwrap().unwrap().last().unwrap().id;
    let branch = store.fork(id, Some(last), ConversationId::random(), at(3)).await.unwrap().unwrap();
    assert_eq!(branch.messages, MOST_MESSAGES);
}

/// What is done to the library; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Begin,
    Prompt { of: usize, words: Vec<usize> },
    Answer { of: usize, words: Vec<usize> },
    Grow { of: usize, words: Vec<usize> },
    Cost { request: u8, fee: u64 },
    Fork { of: usize, through: Option<usize> },
    Rename { of: usize, word: usize },
    Delete { of: usize },
    Search { words: Vec<usize> },
}

const WORDS: [&str; 8] = ["hello", "hell", "Größe", "grosse", "0G", "a\"b", "NEAR", "大模型"];

fn step() -> impl Strategy<Value = Step> {
    let words = || proptest::collection::vec(0..WORDS.len(), 0..4);
    prop_oneof![
        2 => Just(Step::Begin),
        4 => (any::<usize>(), words()).prop_map(|(of, words)| Step::Prompt { of, words }),
        4 => (any::<usize>(), words()).prop_map(|(of, words)| Step::Answer { of, words }),
        3 => (any::<usize>(), words()).prop_map(|(of, words)| Step::Grow { of, words }),
        3 => (0u8..20, any::<u64>()).prop_map(|(request, fee)| Step::Cost { request, fee }),
        2 => (any::<usize>(), any::<Option<usize>>()).prop_map(|(of, through)| Step::Fork { of, through }),
        1 => (any::<usize>(), 0..WORDS.len()).prop_map(|(of, word)| Step::Rename { of, word }),
        1 => any::<usize>().prop_map(|of| Step::Delete { of }),
        4 => words().prop_map(|words| Step::Search { words }),
    ]
}

/// A conversation as it should be.
#[derive(Debug)]
struct Expected {
    id: ConversationId,
    title: String,
    messages: Vec<ExpectedMessage>,
}

#[derive(Debug, Clone)]
struct ExpectedMessage {
    id: MessageId,
    text: String,
    request: Option<u8>,
    fee: u64,
    inherited: bool,
}

impl Expected {
    fn fee(&self) -> Neuron {
        n(self.messages.iter().filter(|m| !m.inherited).map(|m| u128::from(m.fee)).sum())
    }
}

fn text(words: &[usize]) -> String {
    words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ")
}

/// The words of a text as the index sees them: without case and accents, `a"b` being two.
fn folded(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('ö', "o");
    text.split([' ', '"']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn holds(text: &str, wanted: &[usize]) -> bool {
    let words = folded(text);
    wanted.iter().all(|wanted| {
        let wanted = folded(WORDS[*wanted]);
        words.windows(wanted.len()).any(|part| {
            let (last, before) = wanted.split_last().unwrap();
            let (end, beginning) = part.split_last().unwrap();
            beginning == before && end.starts_with(last)
        })
    })
}

async fn compare(store: &LibraryStore, expected: &[Expected]) {
    let kept = store.conversations(MOST_LISTED).await.unwrap();
    assert_eq!((kept.items.len(), kept.total), (expected.len(), expected.len() as u64));
    for expected in expected {
        let kept = store.conversation(expected.id).await.unwrap().unwrap();
        assert_eq!((&kept.title, kept.fee), (&expected.title, expected.fee()));
        let messages = store.messages(expected.id).await.unwrap().unwrap();
        assert_eq!(kept.messages, messages.len() as u64);
        let texts: Vec<_> = messages.iter().map(|m| (m.text.clone(), m.fee, m.inherited)).collect();
        let wanted: Vec<_> =
            expected.messages.iter().map(|m| (m.text.clone(), n(m.fee.into()), m.inherited)).collect();
        assert_eq!(texts, wanted);
    }
    let all = expected.iter().fold(Neuron::ZERO, |sum, one| sum.checked_add(one.fee()).unwrap());
    assert_eq!(store.spent(at(0), at(1_000_000)).await.unwrap(), all);
    check_index(store).await;
    assert_eq!(wrong(store).await, Vec::<String>::new());
}

async fn look(store: &LibraryStore, expected: &[Expected], words: &[usize]) {
    let found = store.search(text(words), MOST_FOUND).await.unwrap();
    let hits: BTreeSet<_> =
        found.hits.iter().map(|hit| (hit.conversation.id, hit.messages, hit.message)).collect();
    let wanted: BTreeSet<_> = expected
        .iter()
        .filter(|_| !words.is_empty())
        .filter_map(|one| {
            let matching: Vec<_> = one.messages.iter().filter(|m| holds(&m.text, words)).collect();
            let last = matching.last().map(|m| m.id);
            (last.is_some() || holds(&one.title, words)).then_some((one.id, matching.len() as u64, last))
        })
        .collect();
    assert_eq!(hits, wanted, "{words:?}");
    assert_eq!(found.total, wanted.len() as u64);
    for hit in found.hits {
        let matches = store.matches(hit.conversation.id, text(words)).await.unwrap();
        assert_eq!((matches.len() as u64, matches.last().copied()), (hit.messages, hit.message));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn rows_sums_and_index_stay_in_step(steps in proptest::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = library();
            let mut expected: Vec<Expected> = Vec::new();
            let mut used = 0u8;
            for (second, step) in (0u64..).zip(steps) {
                let count = expected.len().max(1);
                match step {
                    Step::Begin => {
                        let id = begin(&store, second).await;
                        expected.push(Expected { id, title: String::new(), messages: Vec::new() });
                    }
                    Step::Prompt { of, words } => if let Some(one) = expected.get_mut(of % count) {
                        let new = NewMessage::prompt(text(&words), at(second));
                        store.append(one.id, new.clone(), Some(text(&words))).await.unwrap();
                        if one.title.is_empty() {
                            one.title = text(&words);
                        }
                        one.messages.push(ExpectedMessage {
                            id: new.id, text: text(&words), request: None, fee: 0, inherited: false,
                        });
                    }
                    Step::Answer { of, words } => if let Some(one) = expected.get_mut(of % count) {
                        let id = reply(&store, one.id, answer(used, &text(&words)), second).await;
                        one.messages.push(ExpectedMessage {
                            id, text: text(&words), request: Some(used), fee: 0, inherited: false,
                        });
                        used += 1;
                    }
                    Step::Grow { of, words } => if let Some(one) = expected.get_mut(of % count)
                        && let Some(last) = one.messages.last_mut()
                    {
                        let grown = Answer { request: None, ..answer(0, &text(&words)) };
                        let changed = store.update(last.id, grown, at(second)).await.unwrap();
                        assert_eq!(changed, !last.inherited);
                        if changed {
                            last.text = text(&words);
                        }
                    }
                    Step::Cost { request, fee } => {
                        let known = store.set_cost(RequestId::new([request; 32]), cost(fee.into())).await.unwrap();
                        let mut seen = false;
                        for message in expected.iter_mut().flat_map(|one| &mut one.messages) {
                            if message.request == Some(request) {
                                message.fee = fee;
                                seen = true;
                            }
                        }
                        assert_eq!(known, seen);
                    }
                    Step::Fork { of, through } => if let Some(one) = expected.get(of % count) {
                        let through = through
                            .filter(|_| !one.messages.is_empty())
                            .map(|place| place % one.messages.len());
                        let at_message = through.map(|place| one.messages[place].id);
                        let id = ConversationId::random();
                        let branch = store.fork(one.id, at_message, id, at(second)).await.unwrap().unwrap();
                        let copies = store.messages(id).await.unwrap().unwrap();
                        let kept = through.map_or(0, |place| place + 1);
                        let messages = one.messages[..kept].iter().zip(&copies).map(|(message, copy)| {
                            ExpectedMessage { id: copy.id, inherited: true, ..message.clone() }
                        });
                        let messages = messages.collect();
                        expected.push(Expected { id, title: branch.title, messages });
                    }
                    Step::Rename { of, word } => if let Some(one) = expected.get_mut(of % count) {
                        one.title = WORDS[word].to_owned();
                        let change = ConversationChange::Title { title: one.title.clone(), named: true };
                        assert!(store.change(one.id, change).await.unwrap());
                    }
                    Step::Delete { of } => if !expected.is_empty() {
                        let gone = expected.remove(of % count);
                        assert!(store.delete(gone.id).await.unwrap());
                    }
                    Step::Search { words } => look(&store, &expected, &words).await,
                }
            }
            compare(&store, &expected).await;
        });
    }

    #[test]
    fn no_text_is_too_strange_to_look_for(typed in any::<String>(), operators in "[a\"*():^{}+\\-.,ORANDTE \u{0}]{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = library();
            let id = begin(&store, 0).await;
            say(&store, id, &typed, 1).await;
            say(&store, id, &operators, 2).await;
            for text in [typed, operators] {
                store.search(text.clone(), 10).await.unwrap();
                store.matches(id, text).await.unwrap();
            }
        });
    }
}

/// Whether a text is anywhere in the files of a database: the main file, its log.
fn on_disk(directory: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
    })
}

#[tokio::test]
async fn what_is_deleted_is_in_no_file_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let store = LibraryStore::new(Db::open(&dir.path().join("user.db"), Role::User).unwrap());
    let (kept, gone) = (begin(&store, 1).await, begin(&store, 2).await);
    let named = |title: &str| ConversationChange::Title { title: title.to_owned(), named: true };
    store.change(gone, named("canarytitle")).await.unwrap();
    store.change(gone, ConversationChange::Draft("canarydraft".to_owned())).await.unwrap();
    // Short ones in the middle of a page, a long one with pages of its own; the words also stand in the index.
    let long = format!("canarylong {}", "x".repeat(100_000));
    for second in 3..40 {
        say(&store, kept, &format!("something else that stays {second}"), second).await;
        say(&store, gone, &format!("canaryshort {second}"), second).await;
    }
    say(&store, gone, &long, 50).await;
    reply(&store, gone, answer(1, "canaryanswer"), 51).await;
    let all = ["canarytitle", "canarydraft", "canaryshort", "canarylong", "canaryanswer"];
    assert!(all.iter().all(|text| on_disk(dir.path(), text)), "they are found where they are");

    assert!(store.delete(gone).await.unwrap());
    for text in all {
        assert!(!on_disk(dir.path(), text), "{text} while the broker runs");
    }
    assert!(on_disk(dir.path(), "something else that stays"));
    check_index(&store).await;
    store.db.close().await.unwrap();
    for text in all {
        assert!(!on_disk(dir.path(), text), "{text} afterwards");
    }
}

#[tokio::test]
async fn a_deletion_that_is_cut_off_leaves_a_shorter_conversation_with_its_right_sums() {
    let store = library();
    let id = begin(&store, 1).await;
    let mut fees = Vec::new();
    for number in 0..20u8 {
        reply(&store, id, answer(number, &format!("number {number}")), 2).await;
        let fee = u128::from(number) + 1;
        assert!(store.set_cost(RequestId::new([number; 32]), cost(fee)).await.unwrap());
        fees.push(fee);
    }
    for left in [12, 4] {
        let deleted = store.db.write(move |connection| rows::delete(connection, id, 8)).await.unwrap();
        assert_eq!(deleted, Deleted::Part);
        let conversation = store.conversation(id).await.unwrap().unwrap();
        assert_eq!(conversation.messages, left);
        assert_eq!(conversation.fee, n(fees[..left as usize].iter().sum()));
        assert_eq!(wrong(&store).await, Vec::<String>::new());
        check_index(&store).await;
    }
    assert!(store.delete(id).await.unwrap() && !store.delete(id).await.unwrap());
    assert_eq!(wrong(&store).await, Vec::<String>::new());
}
