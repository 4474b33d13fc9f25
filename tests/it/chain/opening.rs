//! Wrong chains, wrong contracts, and nodes that are down, slow, busy or no nodes at all.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use zgserve_tui::chain::{
    Call, Chain, ChainError, ChainSettings, Endpoint, Outcome, Revert, SendError, Sender, TxSigner,
};
use zgserve_tui::domain::{Address, Neuron, OperationId};

use super::faults::Fault;
use super::net::{Book, Net, deposit, key, quick};
use super::on_both;

on_both!(
    the_wrong_chain_is_named,
    the_wrong_contract_is_named,
    reads_survive_passing_faults,
    lasting_faults_are_told_apart
);

fn settings(net: &Net, contract: Address) -> ChainSettings {
    let transport = alloy::transports::BoxTransport::new(net.faults.clone());
    let mut settings = ChainSettings::new(Endpoint::InProcess(transport), contract);
    settings.timeout = Duration::from_secs(30);
    settings
}

/// The chain once more, for whom silence is soon too long.
async fn hasty(net: &Net) -> Chain {
    let timeout = Duration::from_millis(500);
    Chain::open(ChainSettings { timeout, ..settings(net, net.chain.contract()) }).await.unwrap()
}

async fn the_wrong_chain_is_named(net: Net) {
    let mut wanted = settings(&net, net.chain.contract());
    wanted.chain_id = Some(16601);
    let error = Chain::open(wanted.clone()).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongChain { expected: 16601, found: 31337, .. }), "{error}");
    wanted.chain_id = Some(31337);
    let chain = Chain::open(wanted).await.unwrap();
    assert_eq!((chain.id(), chain.lock_time()), (31337, super::net::LOCK_TIME));
}

async fn the_wrong_contract_is_named(net: Net) {
    let nobody = Address::repeat_byte(0x42);
    let error = Chain::open(settings(&net, nobody)).await.unwrap_err();
    assert_eq!(error, ChainError::NoContract { address: nobody });
    // Some other contract.
    net.faults.next("eth_getCode", 1, Fault::Answer(json!("0x6001")));
    let error = Chain::open(settings(&net, nobody)).await.unwrap_err();
    assert!(matches!(error, ChainError::NotServing { .. }), "{error}");
    // Ours, but for vouchers of another chain.
    net.faults.next("eth_call", 1, Fault::Answer(json!(format!("0x{}", "11".repeat(32)))));
    let error = Chain::open(settings(&net, net.chain.contract())).await.unwrap_err();
    assert!(matches!(error, ChainError::NotServing { .. }), "{error}");
}

async fn reads_survive_passing_faults(net: Net) {
    let hasty = hasty(&net).await;
    net.faults.next("eth_getBlockByNumber", 2, Fault::Hang);
    assert!(hasty.head().await.is_ok(), "silence");
    for fault in [
        Fault::Unreachable,
        Fault::LoseAnswer,
        Fault::Status(429),
        Fault::Status(503),
        Fault::Error(-32000, "header not found"),
        Fault::Error(-32005, "rate limit exceeded"),
    ] {
        net.faults.next("eth_getBlockByNumber", 2, fault.clone());
        assert!(net.chain.head().await.is_ok(), "{fault:?}");
    }
}

async fn lasting_faults_are_told_apart(net: Net) {
    let always = |fault: Fault| net.faults.next("eth_getBlockByNumber", usize::MAX, fault);
    always(Fault::Unreachable);
    assert!(matches!(net.chain.head().await, Err(ChainError::Unreachable { .. })));
    always(Fault::Status(502));
    assert!(matches!(net.chain.head().await, Err(ChainError::Unreachable { .. })));
    net.faults.heal();
    let hasty = hasty(&net).await;
    always(Fault::Hang);
    assert!(matches!(hasty.head().await, Err(ChainError::Timeout { .. })));
    always(Fault::Status(429));
    assert!(matches!(net.chain.head().await, Err(ChainError::Busy { .. })));
    // Answers that make no sense are not asked for twice: the next one would make sense.
    for nonsense in [
        Fault::Garbage("<html><body>502</body></html>"),
        Fault::Garbage("\u{1b}[2Jboom"),
        Fault::Answer(json!(null)),
        Fault::Answer(json!({"number": "0x1"})),
        Fault::Answer(json!("0x1")),
        Fault::Answer(json!({
            "number": "0x1", "hash": format!("0x{}", "11".repeat(32)),
            "parentHash": format!("0x{}", "11".repeat(32)), "timestamp": "0xffffffffffff",
        })),
    ] {
        net.faults.next("eth_getBlockByNumber", 1, nonsense.clone());
        let error = net.chain.head().await.unwrap_err();
        assert!(matches!(error, ChainError::BadAnswer { .. }), "{nonsense:?}: {error}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
}

/// Ids under which nobody develops: what their nodes say is a stranger's word.
const PUBLIC: u64 = 16_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_public_chain_only_our_own_code_is_paid_into() {
    // It answers every question as ours does, but may keep what is paid into it.
    let other = json!("0x60016002");
    for (id, refused) in [(PUBLIC, true), (1, true), (31_337, false), (1_337, false)] {
        let net = Net::devnet_of(id).await;
        let contract = net.chain.contract();
        assert!(Chain::open(settings(&net, contract)).await.is_ok(), "{id}: ours");
        net.faults.next("eth_getCode", usize::MAX, Fault::Answer(other.clone()));
        let opened = Chain::open(settings(&net, contract)).await.map(|chain| chain.contract());
        let expected = if refused { Err(ChainError::OtherCode { address: contract }) } else { Ok(contract) };
        assert_eq!(opened, expected, "{id}");
        // Nor can it be taken later.
        assert_eq!(net.chain.at_contract(contract).await.is_err(), refused, "{id}");
        let trusting = ChainSettings { trust_other_contract_code: true, ..settings(&net, contract) };
        assert!(Chain::open(trusting).await.is_ok(), "{id}: whoever says so gets it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_public_chain_blocks_from_the_future_are_not_believed() {
    for (id, most) in [(PUBLIC, 3_600), (31_337, 10 * 365 * 86_400)] {
        let net = Net::devnet_of(id).await;
        let header = net.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
        let now = zgserve_tui::domain::Timestamp::now().as_seconds();
        for (ahead, fine) in [(0, true), (most - 120, true), (most + 120, false), (u64::MAX - now, false)] {
            let mut header = header.clone();
            header["timestamp"] = json!(format!("{:#x}", now + ahead));
            let number = u64::from_str_radix(&header["number"].as_str().unwrap()[2..], 16).unwrap();
            net.faults.next("eth_getBlockByNumber", usize::MAX, Fault::Answer(header));
            let answers = [
                net.chain.head().await.map(drop),
                net.chain.confirmed_head().await.map(drop),
                net.chain.block(number).await.map(drop),
                net.chain.gas_price().await.map(drop),
            ];
            for answer in answers {
                match answer {
                    Ok(()) => assert!(fine, "{id}: {ahead} s ahead"),
                    Err(ChainError::BadAnswer { reason, .. }) => {
                        assert!(!fine && reason.contains("clock"), "{id}: {ahead} s ahead: {reason}");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_counts_is_as_deep_as_the_settings_want() {
    let net = Net::devnet().await;
    let deep = ChainSettings { confirmations: 4, ..settings(&net, net.chain.contract()) };
    let deep = Chain::open(deep).await.unwrap();
    assert_eq!(deep.confirmed_head().await.unwrap().number, 0, "younger chains have only their beginning");
    net.mine(10).await;
    let head = net.chain.head().await.unwrap();
    assert_eq!(net.chain.confirmed_head().await.unwrap(), head);
    let counts = deep.confirmed_head().await.unwrap();
    assert_eq!(Some(counts), net.chain.block(head.number - 3).await.unwrap());
    // A reorg that is not deeper leaves it as it is.
    net.reorg(3).await;
    assert_eq!(net.chain.block(counts.number).await.unwrap(), Some(counts));
    assert_ne!(net.chain.block(head.number).await.unwrap(), Some(head));
}

/// Lists and answers that are longer than anything honest end, whatever their length says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_without_end_are_not_read() {
    use alloy::primitives::{U256, hex};
    use alloy::sol_types::SolValue;
    let net = Net::devnet().await;
    // No entries, and a total that never comes nearer; then one beyond all numbers.
    for total in [U256::from(1), U256::from(199_999_u64), U256::from(200_001_u64), U256::MAX] {
        let empty: (Vec<U256>, U256) = (Vec::new(), total);
        let page = json!(hex::encode_prefixed(empty.abi_encode_params()));
        net.faults.next("eth_call", usize::MAX, Fault::Answer(page));
        let before = net.faults.count("eth_call");
        let listed = net.chain.services(None).await;
        assert_eq!(net.faults.count("eth_call") - before, 1);
        assert!(matches!(listed, Err(ChainError::BadAnswer { .. })), "{listed:?}");
    }
    // Events of a node that sends more than anybody has.
    let log = json!({
        "address": net.chain.contract(), "topics": [format!("0x{}", "11".repeat(32))], "data": "0x",
        "blockNumber": "0x1", "blockHash": format!("0x{}", "22".repeat(32)), "logIndex": "0x0",
        "transactionHash": format!("0x{}", "33".repeat(32)), "transactionIndex": "0x0", "removed": false,
    });
    net.faults.next("eth_getLogs", usize::MAX, Fault::Answer(json!(vec![log; 50_001])));
    let filter = zgserve_tui::chain::EventFilter::default();
    assert!(matches!(net.chain.events(1, 1, filter).await, Err(ChainError::BadAnswer { .. })));
    net.faults.heal();
    assert!(net.chain.services(None).await.is_ok());
}

/// What a node says of itself or of its refusals reaches people and logs as one clean line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_a_node_are_cleaned() {
    let net = Net::devnet().await;
    let provider = key(1).address();
    let call = deposit(provider, 5);
    for attack in crate::attacks::short_attacks() {
        let text: &'static str = Box::leak(attack.text.into_boxed_str());
        for code in [3, -32000] {
            net.faults.next("eth_getBalance", usize::MAX, Fault::Error(code, text));
            let error = net.chain.native_balance(provider).await.unwrap_err();
            let told = format!("{error}");
            let why = crate::attacks::found(&told).or(told.contains('\n').then(String::new));
            assert_eq!(why, None, "{}: {told:?}", attack.name);
            net.faults.next("eth_estimateGas", usize::MAX, Fault::Error(code, text));
            if let Err(error) = net.chain.estimate_gas(key(0).address(), &call).await {
                assert_eq!(crate::attacks::found(&error.to_string()), None, "{}", attack.name);
            }
        }
        net.faults.next(
            "eth_getBlockByNumber",
            usize::MAX,
            Fault::Answer(json!({ "number": text, "hash": text })),
        );
        let told = net.chain.head().await.unwrap_err().to_string();
        assert_eq!(crate::attacks::found(&told), None, "{}: {told:?}", attack.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_http_client_talks_to_a_node() {
    let Some(net) = Net::anvil().await else {
        println!("skipped: ZGSERVE_TEST_ANVIL does not name an anvil binary");
        return;
    };
    let endpoint = Endpoint::parse(net.url.as_deref().unwrap()).unwrap();
    let mut settings = ChainSettings::new(endpoint, net.chain.contract());
    settings.poll = Some(Duration::from_millis(10));
    let chain = Chain::open(settings).await.unwrap();
    let book: Arc<dyn zgserve_tui::chain::Journal> = Arc::new(Book::default());
    let sender = Sender::start(chain.clone(), key(0), book, &net.tasks, quick());
    let call = Call::AddAccount { provider: key(1).address(), delegate: None, value: Neuron::new(5) };
    let outcome = sender.submit(OperationId::random(), call).await.unwrap().wait().await;
    assert!(matches!(outcome, Outcome::Mined { .. }), "{outcome:?}");
    let missing = Call::CancelRefund { provider: key(1).address() };
    let error = sender.submit(OperationId::random(), missing).await.unwrap_err();
    assert!(matches!(error, SendError::Reverted(Revert::RefundNotFound { .. })), "{error}");
    assert!(chain.estimate_gas(key(0).address(), &deposit(key(1).address(), 1)).await.unwrap() > 21_000);
}

/// A web server that says one thing to everybody.
async fn saying(status: &'static str, body: Vec<u8>) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://me:secret@{}/v3/key", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = body.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&body).await;
            });
        }
    });
    Endpoint::parse(&url).unwrap()
}

async fn open(endpoint: Endpoint) -> ChainError {
    let mut settings = ChainSettings::new(endpoint, Address::repeat_byte(1));
    settings.timeout = Duration::from_secs(60);
    let error = Chain::open(settings).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret") && !text.contains("/v3"), "{text}");
    error
}

#[tokio::test]
async fn http_servers_that_are_no_nodes() {
    let page = saying("200 OK", b"<!doctype html><title>Welcome</title>".to_vec()).await;
    assert!(matches!(open(page).await, ChainError::BadAnswer { reason, .. } if reason.contains("web page")));
    assert!(matches!(open(saying("404 Not Found", vec![]).await).await, ChainError::Unreachable { .. }));
    assert!(matches!(open(saying("429 Too Many Requests", vec![]).await).await, ChainError::Busy { .. }));
    // Redirects are not followed: they could lead the key's owner anywhere.
    assert!(matches!(
        open(saying("302 Found", vec![]).await).await,
        ChainError::Unreachable { reason, .. } if reason.contains("302")
    ));
    let huge =
        br#"{"jsonrpc":"2.0","id":0,"result":""#.iter().copied().chain(std::iter::repeat_n(b'a', 40 << 20));
    assert!(matches!(
        open(saying("200 OK", huge.collect()).await).await,
        ChainError::BadAnswer { reason, .. } if reason.contains("32 MiB")
    ));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":0,"result":{}"#, "[".repeat(100_000));
    assert!(matches!(open(saying("200 OK", deep.into_bytes()).await).await, ChainError::BadAnswer { .. }));
    let other = br#"{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"no such method"}}"#.to_vec();
    assert!(matches!(
        open(saying("403 Forbidden", other).await).await,
        ChainError::Refused { code: -32601, .. }
    ));
    let gone = Endpoint::parse("http://me:secret@127.0.0.1:1/v3/key").unwrap();
    assert!(matches!(open(gone).await, ChainError::Unreachable { .. }));
}
