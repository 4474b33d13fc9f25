//! Whole answers beyond the highest fee: kept back by limits in the request, and where a service does not hold to them,
//! not handed over.

use super::super::gate::LEAVES;
use super::upstream::{Plan, whole};
use super::*;
use crate::domain::ReceiptStatus;

const HI: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
/// What that comes to, with the name of its role.
const HI_UNITS: u128 = 2;

/// The highest fee that pays for `HI` and so many units of output.
fn paying(output: u128) -> Neuron {
    Neuron::new(HI_UNITS * INPUT_PRICE + output * OUTPUT_PRICE)
}

fn words(count: usize) -> String {
    whole(&" word".repeat(count))
}

/// The same answer, which says nothing of its length and comes late, so that it is not booked with its row.
fn later(body: &str) -> Plan {
    let mut plan = Plan { delay: Duration::from_millis(30), ..Plan::json(body) };
    plan.headers.retain(|(name, _)| *name != "content-length");
    plan
}

async fn sent(world: &World) -> serde_json::Value {
    serde_json::from_slice(&world.upstream.seen().last().unwrap().body).unwrap()
}

#[tokio::test]
async fn a_whole_answer_far_above_the_highest_fee_is_not_handed_over_and_costs_nothing() {
    let world = World::new(ServiceKind::Chatbot).await;
    let body = words(200);
    for plan in [Plan::json(&body), later(&body)] {
        world.upstream.plan(plan);
        let ask = Ask { max_fee: paying(20), ..world.ask(HI) };
        let refusal = world.call(&ask).await.unwrap_err();
        assert_eq!(refusal, ProxyRefusal::AnswerAboveMaxFee);
        // Clients ask again after a 5xx, and the service would write it all once more.
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        assert_eq!(sent(&world).await["max_tokens"], 20, "the service was told");
        let user = world.idle().await;
        assert_eq!((user.owed, user.in_flight), (Neuron::ZERO, 0));
        let ReceiptState::Ready(receipt) = world.broker.receipt(ask.id).await.unwrap() else { panic!() };
        assert_eq!(
            (receipt.receipt.status, receipt.receipt.fee.total()),
            (ReceiptStatus::CutAtMaxFee, Neuron::ZERO)
        );
    }
}

#[tokio::test]
async fn a_model_that_counts_otherwise_may_pass_its_limit_a_little() {
    let world = World::new(ServiceKind::Chatbot).await;
    for (room, longest) in [(1, 18), (20, 56)] {
        for (written, fits) in [(longest, true), (longest + 1, false)] {
            world.upstream.plan(Plan::json(&words(written)));
            let ask = Ask { max_fee: paying(room), ..world.ask(HI) };
            let before = world.idle().await.owed;
            match world.call(&ask).await {
                Ok(answer) => {
                    let (receipt, _) = read(answer).await.receipt();
                    assert!(fits, "{written} for {room}");
                    assert_eq!(receipt.receipt.fee.total(), ask.max_fee, "and costs no more than that");
                }
                Err(refusal) => {
                    assert_eq!(
                        (fits, refusal),
                        (false, ProxyRefusal::AnswerAboveMaxFee),
                        "{written} for {room}"
                    );
                    assert_eq!(world.idle().await.owed, before);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_the_meter_cannot_read_ends_at_its_highest_fee() {
    let world = World::new(ServiceKind::Chatbot).await;
    // Images, and servers' own shapes, of which every text and figure counts.
    let image = format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, "AAAA".repeat(4096));
    let own = format!(r#"[{{"text":"x","meta_info":{{"id":"{}"}}}}]"#, "0123456789abcdef".repeat(100));
    for (path, body, says) in [
        ("/images/generations", r#"{"prompt":"x"}"#, image.as_str()),
        ("/generate", r#"{"text":"x","sampling_params":{"max_new_tokens":9}}"#, own.as_str()),
        ("/embed", r#"{"inputs":"x"}"#, "[[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9]]"),
    ] {
        world.upstream.plan(Plan::json(says));
        let mut ask = world.ask(body);
        let output = if path == "/embed" { 0 } else { 10 * OUTPUT_PRICE };
        (ask.path, ask.max_fee) = (path.to_owned(), Neuron::new(INPUT_PRICE + output));
        let before = world.idle().await.owed;
        let (receipt, _) = read(world.call(&ask).await.unwrap()).await.receipt();
        assert_eq!(receipt.receipt.fee.total(), ask.max_fee, "{path}");
        assert_eq!(world.idle().await.owed.get(), before.get() + ask.max_fee.get(), "{path}");
    }
}

#[tokio::test]
async fn what_was_written_in_the_background_is_held_to_the_fee_of_its_fetching() {
    let world = World::new(ServiceKind::Chatbot).await;
    for (written, fits) in [(56, true), (57, false)] {
        world.upstream.plan(Plan::json(&words(written)));
        let mut ask = world.ask("");
        (ask.method, ask.path) = (Method::GET, "/v1/responses/r1".to_owned());
        ask.max_fee = Neuron::new(20 * OUTPUT_PRICE);
        assert_eq!(world.call(&ask).await.is_ok(), fits, "{written}");
        world.idle().await;
    }
}

#[tokio::test]
async fn a_prompt_that_is_only_scored_passes() {
    let world = World::new(ServiceKind::Chatbot).await;
    let mut ask = world.ask(r#"{"prompt":"one two three","echo":true,"max_tokens":0}"#);
    (ask.path, ask.max_fee) = ("/completions".to_owned(), Neuron::new(3 * INPUT_PRICE + 3 * OUTPUT_PRICE));
    read(world.call(&ask).await.unwrap()).await;
    assert_eq!(sent(&world).await["max_tokens"], 0);
    world.idle().await;
}

#[tokio::test]
async fn what_pays_for_no_output_is_refused_whatever_is_asked_for() {
    let world = World::new(ServiceKind::Chatbot).await;
    for (method, path, body, input) in [
        (Method::POST, "/images/generations", r#"{"prompt":"x"}"#, 1),
        (Method::POST, "/audio/transcriptions", r#"{"prompt":"x"}"#, 1),
        (Method::GET, "/v1/responses/r1", "", 0),
        (Method::POST, "/chat/completions", "", 0),
        (Method::POST, "/chat/completions", HI, HI_UNITS),
    ] {
        let mut ask = world.ask(body);
        (ask.method, ask.path, ask.max_fee) = (method, path.to_owned(), Neuron::new(input * INPUT_PRICE));
        let refusal = world.call(&ask).await.unwrap_err();
        assert!(matches!(refusal, ProxyRefusal::MaxFeeTooLow { .. }), "{path}: {refusal}");
    }
    assert_eq!(world.upstream.seen().len(), 0, "the service was not asked");
    // Embeddings are no output that anybody pays for.
    world.upstream.plan(Plan::json(r#"{"data":[{"embedding":[0.1,0.2]}]}"#));
    let mut ask = world.ask(r#"{"input":"x"}"#);
    (ask.path, ask.max_fee) = ("/embeddings".to_owned(), Neuron::new(INPUT_PRICE));
    read(world.call(&ask).await.unwrap()).await;
    assert_eq!(world.idle().await.owed.get(), INPUT_PRICE);
}

#[tokio::test]
async fn the_highest_fee_is_shared_by_all_answers_that_are_asked_for() {
    let world = World::new(ServiceKind::Chatbot).await;
    let ask = |path: &str, body: &str| Ask {
        path: path.to_owned(),
        // 1,000 units of input and 100 of output, at the most.
        max_fee: Neuron::new(100 * OUTPUT_PRICE),
        ..world.ask(body)
    };
    let prompts = format!(r#"{{"prompt":[{}"x"],"max_tokens":9000}}"#, r#""x","#.repeat(9));
    let ten = ask("/completions", &prompts);
    read(world.call(&ten).await.unwrap()).await;
    let most = (100 * OUTPUT_PRICE - 10 * INPUT_PRICE) / OUTPUT_PRICE / 10;
    assert_eq!(u128::from(sent(&world).await["max_tokens"].as_u64().unwrap()), most);
    // A prompt that is to be repeated is part of the answer.
    let echo =
        r#"{"prompt":"one two three four five six seven eight nine ten","echo":true,"max_tokens":9000}"#;
    read(world.call(&ask("/completions", echo)).await.unwrap()).await;
    assert_eq!(sent(&world).await["max_tokens"], 100 - 10 / 2 - 10);
    // More answers than there are tokens for, or nobody knows how many.
    let many = format!(r#"{{"prompt":[{}"x"]}}"#, r#""x","#.repeat(120));
    for (path, body, says) in [
        ("/completions", many.as_str(), "121 answers"),
        ("/chat/completions", r#"{"n":500,"messages":[]}"#, "500 answers"),
        ("/chat/completions", r#"{"n":"64","messages":[]}"#, "n is not a whole number"),
        ("/generate", r#"{"text":"x","sampling_params":{"n":"64"}}"#, "n is not a whole number"),
    ] {
        let refusal = world.call(&ask(path, body)).await.unwrap_err();
        assert!(matches!(&refusal, ProxyRefusal::BadBody(why) if why.contains(says)), "{body}: {refusal}");
    }
    assert_eq!(world.upstream.seen().len(), 2);
    // A server's own endpoint has its limit where that server looks for it.
    let own = r#"{"inputs":"x","parameters":{"max_new_tokens":9000}}"#;
    read(world.call(&ask("/generate", own)).await.unwrap()).await;
    let limit = sent(&world).await["parameters"]["max_new_tokens"].as_u64().unwrap();
    assert!(limit < 100, "{limit}");
    world.idle().await;
}

/// Some servers read a limit of 0 as none at all.
#[tokio::test]
async fn a_limit_of_nothing_is_no_way_around_the_limit() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan::json(&words(2_000)));
    for (path, body, says) in [
        ("/chat/completions", r#"{"n":1000000,"max_tokens":0,"messages":[]}"#, "more than 4096"),
        ("/chat/completions", r#"{"n":4000,"max_tokens":0,"messages":[]}"#, "max_tokens is 0"),
        ("/chat/completions", r#"{"max_completion_tokens":9,"max_tokens":0}"#, "max_tokens is 0"),
        ("/chat/completions", r#"{"echo":true,"max_tokens":0}"#, "max_tokens is 0"),
        ("/api/chat", r#"{"options":{"num_predict":0}}"#, "num_predict is 0"),
        ("/completions", r#"{"prompt":"x","n_predict":0}"#, "n_predict is 0"),
        ("/generate", r#"{"text":"x","sampling_params":{"max_new_tokens":0}}"#, "max_new_tokens is 0"),
        // A prompt that is only scored is paid for as often as it is repeated.
        (
            "/completions",
            r#"{"prompt":"one two","n":4000,"echo":true,"max_tokens":0}"#,
            "8000 tokens of prompts",
        ),
    ] {
        let ask = Ask { path: path.to_owned(), max_fee: paying(9), ..world.ask(body) };
        let refusal = world.call(&ask).await.unwrap_err();
        assert!(matches!(&refusal, ProxyRefusal::BadBody(why) if why.contains(says)), "{body}: {refusal}");
    }
    assert_eq!(world.upstream.seen().len(), 0, "the service was not asked");
    // What is forgiven is forgiven for each answer that came, not for each that might have.
    for (written, fits) in [(200 + 16, true), (200 + 17, false)] {
        world.upstream.plan(Plan::json(&words(written)));
        let ask = r#"{"n":100,"messages":[{"role":"user","content":"hi"}]}"#;
        let ask = Ask { max_fee: paying(100), ..world.ask(ask) };
        assert_eq!(world.call(&ask).await.is_ok(), fits, "{written}");
        world.idle().await;
    }
}

/// Servers decode a path, and some do not look at its case.
#[tokio::test]
async fn a_path_that_only_servers_understand_is_no_way_around_the_limit() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan::json(&words(200)));
    for path in ["/chat/%63ompletions", "/Chat/Completions", "/api/%63hat", "/%72esponses"] {
        let ask = Ask { path: path.to_owned(), max_fee: paying(20), ..world.ask(HI) };
        assert_eq!(world.call(&ask).await.unwrap_err(), ProxyRefusal::AnswerAboveMaxFee, "{path}");
        world.idle().await;
    }
    let sent =
        |at: usize| -> serde_json::Value { serde_json::from_slice(&world.upstream.seen()[at].body).unwrap() };
    assert_eq!(sent(2)["options"]["num_predict"], 20);
    assert_eq!(sent(3)["max_output_tokens"], 20);
}

/// A service that was asked for too much has done all of its work when that is found.
#[tokio::test]
async fn an_answer_too_large_to_be_counted_counts_as_left_early() {
    let world = World::new(ServiceKind::Chatbot).await;
    let prompts = format!(r#"{{"prompt":[{}"x"]}}"#, r#""x","#.repeat(4_999));
    let ask = Ask {
        path: "/completions".to_owned(),
        max_fee: Neuron::new(100_000 * OUTPUT_PRICE),
        ..world.ask(&prompts)
    };
    let refusal = world.call(&ask).await.unwrap_err();
    assert!(matches!(&refusal, ProxyRefusal::BadBody(why) if why.contains("5000 answers")), "{refusal}");
    assert_eq!(world.upstream.seen().len(), 0, "the service was not asked");

    // One of too many bytes, and then those of too many texts.
    world.upstream.plan(Plan::json(&whole(&"x".repeat(17 << 20))));
    let choices = (0..5_000).map(|index| format!(r#"{{"index":{index},"text":"a"}}"#));
    let many = format!(r#"{{"choices":[{}]}}"#, choices.collect::<Vec<_>>().join(","));
    let mut worked = 0;
    let refusal = loop {
        let Err(refusal) = world.call(&world.ask(HI)).await else { panic!("{worked}: it was handed over") };
        if refusal != ProxyRefusal::AnswerTooLarge {
            break refusal;
        }
        // Clients ask again after a 5xx, and the service would write it all once more.
        assert_eq!((refusal.status(), refusal.code()), (StatusCode::BAD_REQUEST, "answer_too_large"));
        assert_eq!(world.idle().await.owed, Neuron::ZERO);
        worked += 1;
        if worked == 1 {
            world.upstream.plan(Plan::json(&many));
        }
        assert!(worked < 20 * LEAVES, "nobody is kept out");
    };
    assert!(matches!(refusal, ProxyRefusal::LeavesTooOften { most: LEAVES, .. }), "{refusal}");
    assert!(worked >= LEAVES, "{worked}");
    assert_eq!(world.upstream.seen().len(), worked as usize);
}

#[tokio::test]
async fn a_large_body_is_edited_as_a_small_one_is() {
    let world = World::new(ServiceKind::Chatbot).await;
    let long = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "word ".repeat(40_000));
    let ask = Ask { max_fee: Neuron::new(50_000 * INPUT_PRICE), ..world.ask(&long) };
    read(world.call(&ask).await.unwrap()).await;
    assert!(sent(&world).await["max_tokens"].as_u64().unwrap() > 1);
    world.idle().await;
}

/// The head decides how an answer is passed on, and the user's broker sees only what goes out of it.
#[tokio::test]
async fn a_head_that_does_not_go_out_decides_nothing() {
    let world = World::new(ServiceKind::Chatbot).await;
    let mut plan = Plan::events(&[upstream::chunk("Hello")]);
    plan.headers.push(("connection", "content-type".to_owned()));
    world.upstream.plan(plan);
    let answer = read(world.call(&world.ask(HI)).await.unwrap()).await;
    assert!(!answer.headers.contains_key("content-type"));
    assert!(answer.headers.contains_key(RECEIPT_HEADER), "it is no event stream to whoever gets it");
    let mut plan = Plan::events(&[upstream::chunk("Hello")]);
    plan.headers.push(("content-encoding", String::new()));
    world.upstream.plan(plan);
    let answer = read(world.call(&world.ask(HI)).await.unwrap()).await;
    assert!(!answer.headers.contains_key(RECEIPT_HEADER));
    assert_eq!(answer.receipt().1, upstream::chunk("Hello").as_bytes());
    world.idle().await;
}
