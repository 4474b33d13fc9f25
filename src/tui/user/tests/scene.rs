//! A model with something to see in it, always the same.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::message::Message;
use super::super::model::Model;
use super::super::shared::{ChainFacts, Given, Link, Start};
use super::super::view;
use crate::broker::user::{AccountView, Caps, OperationView, Snapshot};
use crate::domain::{
    Address, Neuron, OperationId, OperationKind, OperationState, PendingRefund, Prices, Service, ServiceKind,
    Timestamp,
};
use crate::tui::pictures::{resize, snap as snap_of};
use crate::tui::shell::Program;
use crate::tui::theme::{Shade, Theme};

/// 2024-08-22 14:38:52 UTC.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(1_724_337_532)
}

pub fn start() -> Start {
    Start {
        version: "0.1.0",
        read_only: false,
        demo: false,
        network: "testnet".to_owned(),
        serving: None,
        console: None,
        settings: Default::default(),
        given: Some(Vec::new()),
        directory: "/nowhere".into(),
        log: Default::default(),
    }
}

pub fn provider(n: u8) -> Address {
    Address::repeat_byte(n)
}

pub fn service(provider: Address, name: &str, kind: ServiceKind, prices: (u128, u128)) -> Service {
    Service {
        provider,
        name: name.parse().unwrap(),
        kind,
        url: format!("http://{name}.example:3080"),
        model: if kind == ServiceKind::Chatbot { format!("org/{name}") } else { String::new() },
        prices: Prices { input: Neuron::new(prices.0), output: Neuron::new(prices.1) },
        version: 1,
    }
}

/// Four services of three providers.
pub fn services() -> Arc<[Service]> {
    [
        service(provider(1), "llama7b", ServiceKind::Chatbot, (100_000, 200_000)),
        service(provider(1), "storage", ServiceKind::ZgStorage, (100, 200)),
        service(provider(2), "qwen", ServiceKind::Chatbot, (90_000, 310_000)),
        service(provider(3), "dear", ServiceKind::Chatbot, (5_000_000_000, 20_000_000_000)),
    ]
    .into()
}

pub fn account(n: u8, balance: u128) -> AccountView {
    AccountView {
        provider: provider(n),
        balance: Neuron::new(balance),
        pending_refund: Neuron::ZERO,
        owed: Neuron::new(4_620_000_000),
        reserved: Neuron::new(820_000_000),
        promised: Neuron::new(5_000_000_000),
        available: Neuron::new(balance / 2),
        settled: Neuron::new(1_000_000_000),
        delegate: Some(provider(99)),
        can_sign: true,
        refund: None,
    }
}

/// Two accounts, one with a refund under way, and a deposit that is not mined yet.
pub fn snapshot() -> Arc<Snapshot> {
    let refund = PendingRefund {
        index: 0,
        amount: Neuron::new(30_000_000_000),
        created_at: now(),
        unlock_at: now().plus_seconds(72),
    };
    let second =
        AccountView { refund: Some(refund), pending_refund: refund.amount, ..account(2, 90_000_000_000) };
    Arc::new(Snapshot {
        version: 7,
        user: provider(9),
        accounts: vec![account(1, 250_000_000_000), second],
        services: 4,
        head: None,
        stale: None,
        wallet: Some(Neuron::new(9_998_765_432_100_000_000)),
        caps: Caps { per_day: Some(Neuron::new(5_000_000_000_000)), ..Caps::default() },
        spent_today: Neuron::new(1_172_000_000),
        reserved: Neuron::new(820_000_000),
        operations: vec![OperationView {
            id: OperationId::new([3; 16]),
            kind: OperationKind::Deposit,
            provider: Some(provider(1)),
            amount: Some(Neuron::new(10_000_000)),
            state: OperationState::Sent,
            created_at: now(),
            hash: None,
            block: None,
            reason: None,
            attempts: 1,
            offer: None,
            gas_paid: None,
        }],
        can_send: true,
        chain_id: 16_600,
        contract: provider(0xc0),
        lock_time: 86_400,
        services_version: 1,
    })
}

/// Before the broker said anything.
pub fn fresh(shade: Shade) -> Model {
    let mut model = Model::new(start(), Theme::new(shade, true), now()).unwrap();
    model.update(Message::Beat(now()));
    model
}

/// With services, accounts and a chain.
pub fn full(shade: Shade) -> Model {
    let mut model = fresh(shade);
    model.shared.link = Link::Ready;
    model.shared.chain = Some(ChainFacts { id: 16_600, contract: provider(0xc0), lock_time: 86_400 });
    let given = |key: &str, value: &str, source: &str| Given {
        key: key.to_owned(),
        value: value.to_owned(),
        source: source.to_owned(),
    };
    model.shared.start.given = Some(vec![
        given("chain.rpcUrl", r#""https://node.example/…""#, "user/config.local.yaml"),
        given("caps.perDay", r#""0.5 A0GI""#, "ZGSERVE_CAPS__PER_DAY"),
        given("listen", r#""127.0.0.1:1035""#, "--listen"),
    ]);
    model.update(Message::Snapshot(snapshot()));
    model.update(Message::Services(services()));
    model.update(Message::Kept {
        aliases: vec![(provider(1), "ghost".to_owned())],
        screens: serde_json::Value::Null,
    });
    model.toasts.clear();
    model
}

pub fn painted(model: &Model) -> Buffer {
    let area = Rect::new(0, 0, model.shared.size.0, model.shared.size.1);
    let mut buffer = Buffer::empty(area);
    view::paint(model, &mut buffer, area);
    buffer
}

/// Pictures of what `prepare` brings about, in every size and shade.
pub fn snap(name: &str, build: impl Fn(Shade) -> Model, prepare: impl Fn(&mut Model)) {
    snap_of("user/tests/snapshots", name, |shade, (width, height)| {
        let mut model = build(shade);
        resize(&mut model, width, height);
        prepare(&mut model);
        painted(&model)
    });
}
