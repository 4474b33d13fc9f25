//! Many requests of one user at once: each is charged once, sums are exact, nothing is refused.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use super::world::{Arrived, Ends, Reply, World, chat, chat_fee, chat_stream};

/// Answers with the text that was asked, so that every transcript differs.
fn echo(arrived: &Arrived) -> (String, bool) {
    let body: Value = serde_json::from_slice(&arrived.body).unwrap();
    let text = body["messages"][0]["content"].as_str().unwrap().to_owned();
    (format!("You said: {text}"), body["stream"] == true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_at_once_are_each_charged_once() {
    let world = World::new().await;
    world.upstream.decide(|arrived| Reply::chat(&echo(arrived).0).after(Duration::from_millis(20)));
    let api = world.api();
    let path = world.paid("llama7b", "/chat/completions");
    let asked: Vec<String> = (0..32).map(|number| format!("question number {number}")).collect();
    let calls = asked.iter().map(|text| api.post(&path, chat(text)));
    let answers = join_all(calls).await;
    let mut expected = 0;
    for (text, answer) in asked.iter().zip(answers) {
        let answer = answer.is(200);
        let said = answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        assert_eq!(said, format!("You said: {text}"), "every caller gets its own answer");
        expected += chat_fee(text, &said);
    }
    let books = world.check_books().await;
    assert_eq!((books.charged(), books.done()), (32, 32));
    assert_eq!(books.owed.get(), expected);
    let ids: BTreeSet<_> = books.provider_requests.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), 32);
    assert_eq!(world.upstream.count(), 32, "no second tries were needed");
    assert!(books.user_requests.len() == 32, "no request was refused and tried again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_streamed_and_cut_answers_mix() {
    let world = World::new().await;
    world.upstream.decide(|arrived| {
        let (text, stream) = echo(arrived);
        if !stream {
            return Reply::chat(&text).after(Duration::from_millis(5));
        }
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let reply = Reply::events(&words).every(Duration::from_millis(1));
        if text.contains("hangs") { reply.first(3).ends(Ends::Hangs) } else { reply }
    });
    let api = world.api();
    let path = world.paid("llama7b", "/chat/completions");
    let calls = (0..24).map(|number| {
        let (api, path) = (api.clone(), path.clone());
        async move {
            match number % 3 {
                0 => {
                    let text = format!("plain {number}");
                    let got = api.post(&path, chat(&text)).await.is(200);
                    assert!(got.whole);
                    chat_fee(&text, &format!("You said: {text}"))
                }
                1 => {
                    let text = format!("streamed {number} in pieces");
                    let got = api.post(&path, chat_stream(&text)).await.is(200);
                    assert!(got.whole && got.text().ends_with("data: [DONE]\n\n"));
                    chat_fee(&text, &format!("You said: {text}"))
                }
                _ => {
                    // Leaves after the first pieces, while the service says nothing more.
                    let text = format!("hangs {number}");
                    let request = api.request(http::Method::POST, &path);
                    let request = request.header("content-type", "application/json").body(chat_stream(&text));
                    let mut answer = request.send().await.unwrap();
                    let mut seen = String::new();
                    while seen.matches("data: ").count() < 3 {
                        seen += std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap();
                    }
                    drop(answer);
                    chat_fee(&text, "You said: hangs ")
                }
            }
        }
    });
    let expected: u128 = join_all(calls).await.into_iter().sum();
    let books = world.check_books().await;
    assert_eq!((books.charged(), books.done()), (24, 24));
    assert_eq!(books.owed.get(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_deposit_makes_requests_wait_instead_of_failing() {
    // Enough for the answers, not for all the highest fees at once.
    let world = World::bare(Default::default()).await;
    world.register_chatbot().await;
    world.open_account(40_000_000).await;
    world.upstream.say(Reply::chat("Yes.").after(Duration::from_millis(5)));
    let body = r#"{"messages": [{"role": "user", "content": "Is it?"}], "max_tokens": 100}"#;
    let answers = join_all((0..12).map(|_| world.ask(body))).await;
    for answer in answers {
        answer.is(200);
    }
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), 12 * chat_fee("Is it?", "Yes."));
}
