//! What the screens look back at: operations, requests by search, prices over time, spending.

use std::time::Duration;

use super::bed::{Bed, HELLO, PRICES, name, read};
use super::scripted::{Script, chat};
use crate::broker::user::{ExportFormat, OperationQuery, RequestFilter, RequestSort, Settings, Spent};
use crate::domain::{Neuron, OperationKind, OperationState, Prices, ServiceKind, Timestamp};

#[tokio::test]
async fn prices_over_time_are_read_from_the_chain_and_again_only_what_is_new() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.broker(Settings::default()).await;
    let (provider, service) = (bed.provider(), name("llama7b"));
    let first = broker.price_history(provider, &service).await.unwrap();
    assert!(first.is_complete());
    assert_eq!(first.entries.len(), 1);
    assert_eq!(first.entries[0].service.as_ref().unwrap().prices, PRICES);
    assert!(!first.entries[0].prices_changed && first.entries[0].time.is_some());

    let dearer = Prices { input: Neuron::new(101), ..PRICES };
    bed.list("llama7b", ServiceKind::Chatbot, dearer).await;
    bed.list("other", ServiceKind::Chatbot, PRICES).await;
    let second = broker.price_history(provider, &service).await.unwrap();
    assert_eq!(second.entries.len(), 2);
    assert_eq!(second.entries[1], first.entries[0]);
    let newest = &second.entries[0];
    assert!(newest.prices_changed && !newest.url_changed && !newest.model_changed);
    assert!(newest.block > first.entries[0].block && newest.time >= first.entries[0].time);
    bed.devnet.mine(200).unwrap();
    let third = broker.price_history(provider, &service).await.unwrap();
    assert_eq!(third.entries, second.entries);
    assert!(third.to_block >= second.to_block + 200 && third.is_complete());
    assert!(broker.price_history(broker.user(), &service).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn operations_requests_and_spending_can_be_looked_back_at() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 100_000).await;
    let provider = bed.provider();
    let more = broker.deposit(provider, Neuron::new(5), None).await.unwrap();
    let more = broker.wait(more.id, Duration::from_secs(60)).await.unwrap();
    assert_eq!(more.attempts, 1);
    assert!(more.offer.is_some() && more.gas_paid.is_some_and(|gas| !gas.is_zero()));

    let page = broker.operation_page(OperationQuery::default(), None, 1).await.unwrap();
    assert_eq!((page.total, page.items.len(), page.items[0].id), (2, 1, more.id));
    let next = broker.operation_page(OperationQuery::default(), page.next.as_deref(), 1).await.unwrap();
    assert_eq!((next.items[0].kind, next.next), (OperationKind::CreateAccount, None));
    let query = OperationQuery {
        kind: Some(OperationKind::Deposit),
        state: Some(OperationState::Mined),
        provider: Some(provider),
    };
    assert_eq!(broker.operation_page(query.clone(), None, 9).await.unwrap().items.len(), 1);
    let other = OperationQuery { provider: Some(broker.user()), ..query };
    assert_eq!(broker.operation_page(other, None, 9).await.unwrap().total, 0);

    assert!(!broker.price_change(provider, &name("llama7b")).await.unwrap().differs());
    for _ in 0..2 {
        let (_, _, body) = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
        body.unwrap();
    }
    bed.list("llama7b", ServiceKind::Chatbot, Prices { input: Neuron::new(101), ..PRICES }).await;
    broker.sync_all().await.unwrap();
    let change = broker.price_change(provider, &name("llama7b")).await.unwrap();
    assert!(change.rose() && change.seen == Some(PRICES));
    assert_eq!(broker.price_change(provider, &name("files")).await.unwrap().seen, None);

    let find = |text: &str| RequestFilter { search: Some(text.to_owned()), ..RequestFilter::default() };
    let found =
        async |text: &str| broker.requests(find(text), None, 10, RequestSort::Newest).await.unwrap().total;
    assert_eq!(found("AMA7").await, 2);
    assert_eq!(found("nothing").await, 0);
    assert_eq!(found(&provider.to_string()[..12]).await, 2);
    let all = broker.requests(find(" "), None, 10, RequestSort::Newest).await.unwrap();
    assert_eq!(found(&all.items[0].request.to_string()[..20]).await, 1);
    assert_eq!(found("' OR 1=1 --").await, 0);

    let (rows, json) =
        broker.export_requests(RequestFilter::default(), ExportFormat::Json, Vec::new()).await.unwrap();
    let json: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    assert_eq!((rows, json.len()), (2, 2));
    assert_eq!(json[1]["RequestID"], all.items[0].request.to_string());
    assert_eq!(json[1]["Fee"], all.items[0].fee.total().to_string());
    assert!(json[1]["ReceiptSignature"].as_str().is_some_and(|text| text.len() == 132));
    let (rows, csv) =
        broker.export_operations(OperationQuery::default(), ExportFormat::Csv, Vec::new()).await.unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!((rows, csv.lines().count()), (2, 3));
    assert!(csv.contains(&more.hash.unwrap().to_string()) && csv.contains("create_account"));

    let day = Timestamp::now().day();
    let spending = broker.spending(day - 1, day).await.unwrap();
    let sum = Spent::sum(&spending);
    assert_eq!((sum.requests, sum.answered, sum.failed), (2, 2, 0));
    assert_eq!(sum.fee, all.fee);
    let runway = broker.runway(Some(provider)).await.unwrap();
    assert!(runway.answers.is_some_and(|answers| answers > 0) && runway.days.is_some());
    assert_eq!(broker.runway(Some(broker.user())).await.unwrap().answers, None);
    let snapshot = broker.snapshot();
    assert_eq!((snapshot.lock_time, snapshot.contract), (super::bed::LOCK, bed.chain.contract()));
    let (version, services) = broker.services_if_newer(0).unwrap();
    assert_eq!((version, services.len()), (snapshot.services_version, 2));
    assert!(broker.services_if_newer(version).is_none());
}
