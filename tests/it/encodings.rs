//! Answers that arrive encoded, although they were asked for plain: passed on, and metered by their text.

use serde_json::{Value, json};

use super::world::{Arrived, Ends, Reply, World, chat_fee, encode};

const ANSWER: &str =
    "An encoded answer costs what its text costs, whatever its bytes look like. An encoded answer!";

fn decode(coding: &str, bytes: &[u8]) -> String {
    use std::io::Read;
    let mut text = String::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap(),
        "deflate" => flate2::read::ZlibDecoder::new(bytes).read_to_string(&mut text).unwrap(),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_string(&mut text).unwrap(),
        "zstd" => {
            text = String::from_utf8(zstd::decode_all(bytes).unwrap()).unwrap();
            text.len()
        }
        _ => {
            text = String::from_utf8(bytes.to_vec()).unwrap();
            text.len()
        }
    };
    text
}

fn answer(arrived: &Arrived, coding: &'static str) -> Reply {
    let body: Value = serde_json::from_slice(&arrived.body).unwrap();
    let words: Vec<&str> = ANSWER.split_inclusive(' ').collect();
    let plain = if body["stream"] == true { Reply::events(&words) } else { Reply::chat(ANSWER) };
    plain.encoded(coding, 7)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_coding_is_metered_plain_and_streamed() {
    let world = World::new().await;
    let mut expected = 0;
    for coding in ["gzip", "deflate", "br", "zstd"] {
        world.upstream.decide(move |arrived| answer(arrived, coding));
        for stream in [false, true] {
            let text = format!("{coding} {stream}");
            let body = json!({"messages": [{"role": "user", "content": text}], "stream": stream}).to_string();
            let path = world.paid("llama7b", "/chat/completions");
            let request = world.api().request(http::Method::POST, &path);
            let request = request.header("content-type", "application/json");
            let got =
                super::world::finish(request.header("accept-encoding", coding).body(body)).await.is(200);
            assert!(got.whole);
            let plain = decode(got.header("content-encoding").unwrap_or_default(), &got.body);
            if stream {
                let mut said = String::new();
                for line in plain.lines().filter(|line| !line.is_empty()) {
                    let data = line.strip_prefix("data: ").unwrap_or_else(|| panic!("{coding}: {line}"));
                    let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
                    said += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
                }
                assert_eq!(said, ANSWER, "{coding}");
            } else {
                let json: Value = serde_json::from_str(&plain).unwrap();
                assert_eq!(json["choices"][0]["message"]["content"], ANSWER, "{coding}");
            }
            expected += chat_fee(&text, ANSWER);
            let books = world.check_books().await;
            assert_eq!(books.owed.get(), expected, "{text}");
        }
    }
    let arrived = world.upstream.arrived();
    assert!(arrived.iter().all(|arrived| arrived.headers["accept-encoding"] == "identity"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoded_answer_that_breaks_costs_what_was_delivered_on_both_sides() {
    let world = World::new().await;
    let words: Vec<&str> = ANSWER.split_inclusive(' ').collect();
    for coding in ["gzip", "br"] {
        let whole = Reply::events(&words).encoded(coding, 20);
        let pieces = whole.pieces.len();
        world.upstream.say(whole.first(pieces / 2).ends(Ends::Breaks));
        let got = world.ask(super::world::chat_stream("break off")).await;
        assert!(!got.whole || got.status >= 500, "{got:?}");
        world.check_books().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coding_that_lies_costs_nothing_it_did_not_deliver() {
    let world = World::new().await;
    // Said to be gzip, but it is not; and one nobody knows.
    let mut lie = Reply::chat(ANSWER);
    lie.headers.push(("content-encoding", "gzip".to_owned()));
    world.upstream.say(lie);
    world.ask(super::world::SAY_THIS).await;
    world.check_books().await;
    let mut unknown = Reply::chat(ANSWER);
    unknown.headers.push(("content-encoding", "rot13".to_owned()));
    world.upstream.say(unknown);
    let got = world.ask(super::world::SAY_THIS).await;
    assert!(got.status >= 500, "{got:?}");
    let books = world.check_books().await;
    assert_eq!(books.charged(), 0, "{books:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoded_request_is_counted_by_its_text_or_refused() {
    let world = World::new().await;
    let path = world.paid("llama7b", "/chat/completions");
    let body = encode("gzip", super::world::SAY_THIS.as_bytes());
    let request = world.api().request(http::Method::POST, &path);
    let request = request.header("content-type", "application/json").header("content-encoding", "gzip");
    let got = super::world::finish(request.body(body)).await;
    // Its limit cannot be set inside, so the provider wants it plain; and says so.
    assert_eq!(got.status, 400, "{got:?}");
    assert!(got.message().contains("Content-Encoding"), "{got:?}");
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), 0);
}
