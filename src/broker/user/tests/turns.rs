//! Turns of a conversation: words as they come, what they cost, and what an estimate said before.

use std::time::Duration;

use bytes::Bytes;

use super::bed::{Bed, PRICES, name};
use super::scripted::{Says, Script, chat, events};
use crate::broker::user::{
    CallRefusal, Cap, Caps, Estimate, FinishReason, Limit, Message, Outlook, Proof, Role, Settings,
    Shortfall, Talk, TalkEvent, Turn, UserBroker,
};
use crate::domain::{Neuron, Prices, ServiceKind, Units, UserRequestState};
use crate::meter::count;

fn turn(bed: &Bed, text: &str) -> Turn {
    let messages = vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, text)];
    Turn::new(bed.provider(), name("llama7b"), messages)
}

fn limited(bed: &Bed, most: u64) -> Turn {
    let mut turn = turn(bed, "Say this is a test!");
    turn.parameters.max_tokens = Some(most);
    turn
}

/// Everything that was said, and how it ended.
#[derive(Debug, Default)]
struct Heard {
    content: String,
    reasoning: String,
    metered: Vec<(Units, Neuron)>,
    end: Option<TalkEvent>,
}

async fn hear(mut talk: Talk) -> Heard {
    let mut heard = Heard::default();
    while let Some(event) = talk.next().await {
        assert!(heard.end.is_none(), "something after the end");
        match event {
            TalkEvent::Content(text) => heard.content += &text,
            TalkEvent::Reasoning(text) => heard.reasoning += &text,
            TalkEvent::Metered { output, fee } => heard.metered.push((output, fee)),
            end => heard.end = Some(end),
        }
    }
    heard
}

fn delta(delta: &str, reason: &str) -> Bytes {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n").into()
}

#[tokio::test]
async fn a_streamed_turn_tells_its_words_and_its_cost() {
    let pieces = vec![
        delta(r#"{"reasoning_content":"a test"}"#, "null"),
        delta(r#"{"content":"This is "}"#, "null"),
        delta(r#"{"content":"a test!"}"#, "null"),
        delta("{}", "\"stop\""),
        Bytes::from_static(b"data: [DONE]\n\n"),
    ];
    let bed = Bed::new(Script::honest(Says::Events(pieces, Duration::from_millis(3)))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let talk = broker.converse(limited(&bed, 50)).await.unwrap();
    let (request, input) = (talk.request.unwrap(), talk.input);
    assert_eq!(talk.prices, PRICES);
    assert_eq!(talk.max_fee, PRICES.fee(input, Units(50)).unwrap().total());
    let heard = hear(talk).await;
    assert_eq!((heard.content.as_str(), heard.reasoning.as_str()), ("This is a test!", "a test"));
    assert_eq!(heard.end, Some(TalkEvent::Finished { reason: FinishReason::Stop }));

    let cost = broker.cost(request).await.unwrap();
    assert_eq!((cost.state, cost.receipt), (UserRequestState::Done, Proof::Verified), "{cost:?}");
    assert_eq!((cost.input, cost.output), (input, Units(count("This is a test!") + count("a test"))));
    // The last running figure is the fee.
    assert_eq!(heard.metered.last(), Some(&(cost.output, cost.fee.total())));
    assert!(heard.metered.is_sorted());
    let sent = bed.script.books.lock().bodies[0].clone();
    let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(
        (&sent["model"], &sent["stream"], &sent["max_tokens"]),
        (&"test/model".into(), &true.into(), &50.into())
    );
    assert_eq!(sent["messages"][1]["content"], "Say this is a test!");
}

#[tokio::test]
async fn a_service_that_does_not_stream_is_talked_to_as_well() {
    let bed = Bed::new(Script::honest(chat("<think>hm</think>This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let talk = broker.converse(limited(&bed, 50)).await.unwrap();
    let request = talk.request.unwrap();
    let heard = hear(talk).await;
    assert_eq!((heard.content.as_str(), heard.reasoning.as_str()), ("This is a test!", "hm"));
    assert_eq!(heard.end, Some(TalkEvent::Finished { reason: FinishReason::Stop }));
    let cost = broker.cost(request).await.unwrap();
    assert_eq!(heard.metered, [(cost.output, cost.fee.total())]);

    // So large that it is read on another thread.
    let text = "word ".repeat(40_000);
    bed.script.say(chat(&text));
    let heard = hear(broker.converse(limited(&bed, 50)).await.unwrap()).await;
    assert_eq!(heard.content, text);
    assert_eq!(heard.metered.last().map(|(output, _)| *output), Some(Units(count(&text))));
}

#[tokio::test]
async fn a_talk_that_is_dropped_costs_what_was_delivered() {
    let bed = Bed::new(Script::honest(Says::Endless)).await;
    let broker = bed.funded(Settings::default(), 1_000_000_000).await;
    let mut talk = broker.converse(turn(&bed, "go on")).await.unwrap();
    let request = talk.request.unwrap();
    let mut words = 0;
    while words < 20 {
        if let Some(TalkEvent::Content(text)) = talk.next().await {
            words += text.matches("again").count();
        }
    }
    drop(talk);
    let cost = broker.cost(request).await.unwrap();
    assert_eq!((cost.state, cost.receipt), (UserRequestState::Done, Proof::Verified), "{cost:?}");
    assert!(cost.output >= Units(20), "{cost:?}");
    assert_eq!(cost.fee.total(), bed.script.books.lock().owed);
    bed.nothing_held(&broker).await;
}

#[tokio::test]
async fn errors_and_broken_answers_are_told_apart() {
    let bed =
        Bed::new(Script::honest(Says::Status(503, r#"{"error":{"message":"too\u001b[2J busy"}}"#))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let refusal = broker.converse(limited(&bed, 50)).await.unwrap_err();
    let CallRefusal::Answered { request: Some(request), status: 503, message } = &refusal else {
        panic!("{refusal}")
    };
    assert_eq!(message, "too\u{fffd}[2J busy");
    let cost = broker.cost(*request).await.unwrap();
    assert_eq!((cost.state, cost.fee.total()), (UserRequestState::Failed, Neuron::ZERO));
    assert_eq!(refusal.missing(), None);

    bed.script.say(Says::Breaks(events("one two ").remove(0)));
    let heard = hear(broker.converse(limited(&bed, 50)).await.unwrap()).await;
    assert_eq!(heard.content, "one ");
    assert!(matches!(heard.end, Some(TalkEvent::Broken(_))), "{heard:?}");
    // No mark of its end: whole by its bytes, but not by its words.
    bed.script.say(Says::Events(vec![delta(r#"{"content":"x"}"#, "null")], Duration::ZERO));
    let heard = hear(broker.converse(limited(&bed, 50)).await.unwrap()).await;
    assert_eq!(heard.end, Some(TalkEvent::Broken("the answer ended early".to_owned())));

    let mut files = turn(&bed, "hello");
    files.service = name("files");
    assert!(matches!(broker.converse(files.clone()).await, Err(CallRefusal::BadBody(_))));
    assert!(matches!(broker.estimate(&files).await, Err(CallRefusal::BadBody(_))));
}

/// What an estimate says beside what a call then does.
async fn agree(bed: &Bed, broker: &UserBroker, turn: Turn) -> Estimate {
    let before = (bed.books().await, broker.snapshot().reserved);
    let estimate = broker.estimate(&turn).await.unwrap();
    assert_eq!((bed.books().await, broker.snapshot().reserved), before, "an estimate changes nothing");
    match broker.converse(turn).await {
        Ok(talk) => {
            assert_eq!(talk.input, estimate.input);
            assert_eq!(talk.max_fee, estimate.granted, "{estimate:?}");
            let request = talk.request.unwrap();
            assert_eq!(hear(talk).await.end, Some(TalkEvent::Finished { reason: FinishReason::Stop }));
            let cost = broker.cost(request).await.unwrap();
            assert_eq!(cost.input, estimate.input);
            assert_eq!(cost.fee.input, estimate.input_fee);
            assert!(matches!(estimate.outlook, Outlook::Goes | Outlook::Clamped { .. }), "{estimate:?}");
            assert_eq!(estimate.missing, None);
            // Until the receipt's voucher is brought, the next estimate would see another book.
            assert_eq!(bed.script.promised(bed.books().await.owed).await, bed.books().await.owed);
        }
        Err(refusal) => {
            let (by, needed, available) = match &refusal {
                CallRefusal::NoAccount { needed, .. } => (Limit::NoAccount, *needed, Neuron::ZERO),
                CallRefusal::InsufficientBalance { needed, available, .. } => {
                    (Limit::Balance, *needed, *available)
                }
                CallRefusal::ExposureReached { needed, available } => (Limit::Exposure, *needed, *available),
                CallRefusal::CapReached { cap, limit, needed, available } => {
                    (Limit::Cap(*cap, *limit), *needed, *available)
                }
                other => panic!("{other}"),
            };
            assert_eq!(estimate.outlook, Outlook::Refused { by, needed, available });
            assert_eq!(estimate.missing, refusal.missing());
        }
    }
    estimate
}

#[tokio::test]
async fn an_estimate_says_what_the_call_then_does() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.broker(Settings::default()).await;
    let turn = limited(&bed, 50);
    // Nobody has an account yet.
    let estimate = agree(bed_without_books(&bed).await, &broker, turn.clone()).await;
    let Some(Shortfall { amount, opens: true, .. }) = estimate.missing else { panic!("{estimate:?}") };
    assert_eq!((amount, estimate.available), (estimate.least, None));
    assert_eq!(estimate.missing_for_all.unwrap().amount, estimate.highest);

    // One that is opened with one neuron less than is missing is refused, and one more is missing.
    let opened = broker.create_account(bed.provider(), Neuron::new(amount.get() - 1), None).await.unwrap();
    broker.wait(opened.id, Duration::from_secs(60)).await.unwrap();
    let estimate = agree(&bed, &broker, turn.clone()).await;
    assert_eq!(
        estimate.missing.unwrap(),
        Shortfall { provider: bed.provider(), amount: Neuron::new(1), opens: false }
    );
    deposit(&bed, &broker, 1).await;
    let estimate = agree(&bed, &broker, turn.clone()).await;
    assert_eq!(estimate.outlook, Outlook::Clamped { by: Limit::Balance, output: Units(1) });
    // The answer was longer than what could be paid for, so all is spent.
    let estimate = broker.estimate(&turn).await.unwrap();
    assert_eq!(estimate.available, Some(Neuron::ZERO));

    // What is missing for the whole answer is enough for it.
    let Shortfall { amount, .. } = estimate.missing_for_all.unwrap();
    assert_eq!(amount, estimate.highest);
    deposit(&bed, &broker, amount.get()).await;
    let estimate = agree(&bed, &broker, turn.clone()).await;
    assert_eq!((estimate.outlook, estimate.missing_for_all), (Outlook::Goes, None));
    assert!(!estimate.assumed);

    deposit(&bed, &broker, 1_000_000_000).await;
    for (caps, cap) in [
        (Caps { per_request: Some(Neuron::new(3_000)), ..Caps::default() }, Cap::Request),
        (Caps { per_day: Some(Neuron::new(10_000)), ..Caps::default() }, Cap::Day),
        (Caps { per_provider: Some(Neuron::new(1)), ..Caps::default() }, Cap::Provider),
        (Caps { total: Some(Neuron::new(10_000)), ..Caps::default() }, Cap::Total),
    ] {
        let estimate = agree(&bed, &broker, Turn { caps, ..turn.clone() }).await;
        let (Outlook::Clamped { by, .. } | Outlook::Refused { by, .. }) = estimate.outlook else {
            panic!("{cap}: {estimate:?}")
        };
        assert!(matches!(by, Limit::Cap(which, _) if which == cap), "{estimate:?}");
        // Money does not help against a cap.
        assert_eq!((estimate.missing, estimate.missing_for_all), (None, None));
    }
    let mut long = turn.clone();
    long.parameters.max_tokens = None;
    long.messages.insert(0, Message::new(Role::Assistant, "a long history, with words. ".repeat(30_000)));
    let estimate = agree(&bed, &broker, long).await;
    assert!(estimate.assumed && estimate.output_limit == Units(4_096));
    assert!(estimate.input > Units(100_000));

    let dearer = Prices { input: Neuron::new(100), output: Neuron::new(201) };
    bed.list("llama7b", ServiceKind::Chatbot, dearer).await;
    let seen = Turn { prices_seen: Some(PRICES), ..turn };
    for _ in 0..6_000 {
        if broker.service(bed.provider(), &name("llama7b")).await.unwrap().prices == dearer {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(broker.estimate(&seen).await, Err(CallRefusal::PriceChanged { .. })));
}

/// The bed, once its store has a row for the account to compare.
async fn bed_without_books(bed: &Bed) -> &Bed {
    bed.store.authorize(bed.id(), Neuron::ZERO).await.unwrap();
    bed
}

async fn deposit(bed: &Bed, broker: &UserBroker, amount: u128) {
    let sent = broker.deposit(bed.provider(), Neuron::new(amount), None).await.unwrap();
    broker.wait(sent.id, Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn what_is_missing_counts_what_is_owed_and_what_is_asked_back() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 1_000_000).await;
    let turn = limited(&bed, 50);
    agree(&bed, &broker, turn.clone()).await;
    let free = broker.account(bed.provider()).unwrap().free();
    let refund =
        broker.request_refund(bed.provider(), free, crate::broker::user::Replace::No, None).await.unwrap();
    broker.wait(refund.id, Duration::from_secs(60)).await.unwrap();
    let estimate = agree(&bed, &broker, turn.clone()).await;
    let Shortfall { amount, opens: false, .. } = estimate.missing.unwrap() else { panic!("{estimate:?}") };
    deposit(&bed, &broker, amount.get() - 1).await;
    assert!(agree(&bed, &broker, turn.clone()).await.missing.is_some());
    deposit(&bed, &broker, 1).await;
    assert_eq!(agree(&bed, &broker, turn).await.missing, None);
}
