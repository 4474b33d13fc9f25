//! A broker's answers as tests need them, and keys typed into a model.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value, json};

use super::super::message::{Effect, Message, Payload, Source};
use super::super::model::{Model, Start};
use super::super::view;
use crate::client::events::News;
use crate::domain::Timestamp;
pub use crate::tui::pictures::{control, letter, moment, picture, press, resize, typed};
use crate::tui::shell::{Program, Step};
use crate::tui::theme::{Shade, Theme};
use crate::wire::admin::{
    OperationItem, Overview, ReportItem, RequestItem, ServiceItem, Settlements, UserItem,
};
use crate::wire::list::List;

/// 2026-11-24 12:00:00 UTC.
pub fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub fn start() -> Start {
    Start {
        settings: Default::default(),
        url: "http://127.0.0.1:3080".to_owned(),
        found: "--url".to_owned(),
        token: false,
        read_only: false,
        version: "0.1.0",
    }
}

pub fn address(n: u64) -> String {
    format!("0x{:040x}", u128::from(n) * 0x1234_5678_9abc_def1_2345 + 0x59c8)
}

pub fn user(n: u64, unsettled: u128, risk: &str) -> Value {
    json!({
        "User": address(n), "Balance": "10000000", "PendingRefund": "0", "Owed": unsettled.to_string(),
        "Reserved": "0", "InFlight": 0, "Voucher": unsettled.to_string(), "Unsettled": unsettled.to_string(),
        "Claimable": unsettled.to_string(), "Settled": "0", "RefundUnlockAt": null, "SettleBy": null,
        "Delegate": address(n + 100), "DebtSince": "2026-11-24T10:55:00Z", "Risk": risk, "Settling": false,
        "Block": 4_183_022,
    })
}

pub fn with(mut value: Value, changes: Value) -> Value {
    for (key, change) in changes.as_object().unwrap() {
        value[key] = change.clone();
    }
    value
}

pub fn users() -> Value {
    json!([
        with(user(1, 5_100_000, "none"), json!({"InFlight": 2, "Reserved": "6600000"})),
        with(
            user(2, 8_400_000, "refund"),
            json!({
                "PendingRefund": "9000000", "RefundUnlockAt": "2026-11-24T12:01:12Z", "SettleBy": "2026-11-24T12:00:42Z",
            })
        ),
        user(3, 0, "none"),
        with(user(4, 9_900_000, "balance"), json!({"Settled": "31000000", "Owed": "40900000"})),
        with(user(5, 700_000, "unpaid"), json!({"Voucher": "0", "Claimable": "0"})),
    ])
}

pub fn services() -> Value {
    let eliza = json!({
        "UpdatedAt": "2026-11-24T09:00:00Z", "CreatedAt": "2026-11-20T09:00:00Z", "Name": "eliza",
        "Type": "chatbot", "URL": "http://10.0.0.5:8000/v1", "PublicURL": "https://provider.example",
        "Model": "eliza-1966", "InputPrice": "100000", "OutputPrice": "200000", "Meter": "o200k",
        "Status": "listed", "Paused": false, "Version": 3, "UpstreamHeaders": ["authorization"],
        "Listed": {
            "Name": "eliza", "Type": "chatbot", "URL": "https://provider.example", "Model": "eliza-1966",
            "InputPrice": "100000", "OutputPrice": "200000", "Version": 3,
        },
        "Differs": [],
        "Health": {"State": "ok", "Since": "2026-11-24T09:00:00Z", "CheckedAt": "2026-11-24T11:59:40Z", "Latency": 12, "Reason": null},
        "Limits": {"MaxInFlight": 8, "RequestsPerMinute": null}, "InFlight": 2,
    });
    let mut llama = with(
        eliza.clone(),
        json!({
            "Name": "llama7b", "Model": "meta-llama/Llama-2-7b-chat-hf", "InputPrice": "150000", "Differs": ["InputPrice"],
            "Health": {"State": "failing", "Since": "2026-11-24T11:48:00Z", "CheckedAt": "2026-11-24T11:59:40Z", "Latency": null, "Reason": "connection refused"},
            "InFlight": 0,
        }),
    );
    llama["Listed"]["Name"] = json!("llama7b");
    llama["Listed"]["Model"] = json!("meta-llama/Llama-2-7b-chat-hf");
    let mut storage = with(
        eliza.clone(),
        json!({
            "Name": "storage", "Type": "zgStorage", "Model": "", "InputPrice": "100", "OutputPrice": "200",
            "Meter": "bytes", "Paused": true, "UpstreamHeaders": [], "InFlight": 0,
            "Health": {"State": "unknown", "Since": null, "CheckedAt": null, "Latency": null, "Reason": null},
            "Limits": {"MaxInFlight": null, "RequestsPerMinute": null},
        }),
    );
    storage["Listed"] = with(
        storage["Listed"].clone(),
        json!({
            "Name": "storage", "Type": "zgStorage", "Model": "", "InputPrice": "100", "OutputPrice": "200",
        }),
    );
    json!([eliza, llama, storage])
}

pub fn request(n: u64, status: &str, fee: u64, seconds_ago: u64) -> Value {
    let at = Timestamp::from_seconds(now().as_seconds() - seconds_ago).to_string();
    json!({
        "RequestID": format!("{:064x}", u128::from(n) * 0x9e37_79b9_7f4a_7c15_f39c), "UserAddress": address(n % 5 + 1),
        "ServiceName": if n.is_multiple_of(3) { "storage" } else { "eliza" }, "CreatedAt": at,
        "FinishedAt": if status == "admitted" { Value::Null } else { json!(at) }, "Status": status,
        "InputUnits": if status == "admitted" { 0 } else { 7 + n }, "OutputUnits": if status == "admitted" { 0 } else { 380 },
        "InputFee": (fee / 3).to_string(), "OutputFee": (fee - fee / 3).to_string(), "Fee": fee.to_string(),
        "MaxFee": "6600000", "InputPrice": "100000", "OutputPrice": "200000", "PriceVersion": 3,
    })
}

pub fn requests() -> Value {
    let items = [
        request(1, "admitted", 0, 2),
        request(2, "admitted", 0, 9),
        request(3, "charged", 1_700_000, 70),
        request(4, "charged", 117_200_000, 400),
        request(5, "failed", 0, 7500),
        request(6, "lost", 0, 90_000),
    ];
    json!({"Metadata": {"total": 6}, "Items": items, "Fee": "118900000"})
}

pub fn operation(n: u64, kind: &str, state: &str) -> Value {
    json!({
        "OperationID": format!("{n:032x}"), "Kind": kind, "State": state, "CreatedAt": "2026-11-24T11:20:00Z",
        "UpdatedAt": "2026-11-24T11:20:12Z", "TransactionHash": format!("0x{:064x}", u128::from(n) * 0xfeed_beef_1234),
        "TransactionURL": format!("https://chainscan.example/tx/0x{:064x}", u128::from(n) * 0xfeed_beef_1234),
        "Block": if state == "mined" { json!(4_182_000) } else { Value::Null }, "GasUsed": 90_000, "GasPrice": "1000000000",
        "Reason": if state == "reverted" { json!("the contract ran out of gas") } else { Value::Null },
    })
}

pub fn operations() -> Value {
    json!([operation(1, "settle", "mined"), operation(2, "put_service", "sent")])
}

pub fn forecast() -> Value {
    json!({
        "At": "2026-11-24T12:00:00Z", "Verdict": "wait",
        "Text": "it waits: what can be claimed is not worth its gas yet, and nothing threatens it before 12:00:42",
        "Reasons": [], "Why": [], "Rows": [
            {"User": address(4), "Claim": "40900000", "Expected": "9900000", "Paid": null},
            {"User": address(2), "Claim": "8400000", "Expected": "8400000", "Paid": null},
            {"User": address(1), "Claim": "5100000", "Expected": "5100000", "Paid": null},
        ],
        "LeftOut": [{"User": address(5), "Reason": "no voucher covers it", "Unsettled": "700000"}],
        "Brings": "23400000", "Costs": "134000000000000", "WorthFrom": "13400000000000000",
        "NextDeadline": "2026-11-24T12:00:42Z",
        "NextReason": {"Reason": "refund_deadline", "User": address(2), "At": "2026-11-24T12:01:12Z", "Text": "a refund unlocks at 12:01:12"},
        "GasPrice": "1000000000",
    })
}

pub fn settlements() -> Value {
    let one = |n: u64, state: &str, paid: u64, why: &str| {
        let mut one = operation(n, "settle", state);
        one = with(
            one,
            json!({
                "GasCost": "90000000000000", "Paid": paid.to_string(), "Reasons": [why],
                "Rows": [
                    {"User": address(4), "Claim": "31000000", "Expected": null, "Paid": if state == "mined" { json!(paid.to_string()) } else { Value::Null }},
                    {"User": address(1), "Claim": "100", "Expected": null, "Paid": if state == "mined" { json!("0") } else { Value::Null }},
                ],
            }),
        );
        one["CreatedAt"] = json!(format!("2026-11-24T11:{:02}:00Z", 50 - n * 10));
        one
    };
    json!({
        "Metadata": {"total": 3},
        "Items": [
            one(3, "sent", 0, "asked"),
            one(1, "mined", 31_000_000, "refund_deadline"),
            one(2, "reverted", 0, "worth_its_gas"),
        ],
        "Forecast": forecast(),
        "Decisions": [
            {"At": "2026-11-24T11:30:00Z", "Until": "2026-11-24T11:31:00Z", "Verdict": "settle", "Text": "", "Reasons": ["refund_deadline"],
             "Why": [{"Reason": "refund_deadline", "User": null, "At": null, "Text": "a refund unlocks at 11:35:00"}],
             "Rows": 2, "Brings": "31000000", "Costs": "90000000000000", "LeftOut": [], "Note": null},
            {"At": "2026-11-24T11:31:00Z", "Until": "2026-11-24T12:00:00Z", "Verdict": "wait", "Text": "not worth its gas yet", "Reasons": [],
             "Why": [], "Rows": 0, "Brings": "0", "Costs": "0", "LeftOut": [], "Note": null},
        ],
    })
}

pub fn overview() -> Value {
    json!({
        "At": "2026-11-24T12:00:00Z", "Version": "0.1.0", "Provider": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "ChainID": 16600, "Contract": address(77), "LockTime": 86_400, "Block": 4_183_022,
        "BlockAt": "2026-11-24T11:59:57Z", "Wallet": "9998000000000000000", "CreditLimit": "5000000",
        "Earned": "55100000", "Settled": "31000000", "Unsettled": "24100000", "Claimable": "23400000",
        "Reserved": "13200000", "InFlight": 2, "Users": 5, "Debtors": 4, "Services": 3, "GasSpent": "180000000000000",
        "Today": {"Requests": 412, "Fee": "24100000"},
        "Health": {"Chain": null, "Store": null, "Stopping": false}, "Automatic": true, "Settling": [],
        "Forecast": forecast(), "LastDecision": null,
    })
}

pub fn report() -> ReportItem {
    let forecast = forecast();
    serde_json::from_value(json!({
        "At": "2026-11-24T12:00:00Z", "DryRun": true, "Reasons": ["asked"], "Rows": forecast["Rows"], "LeftOut": forecast["LeftOut"],
        "Expected": "23400000", "ExpectedCost": "134000000000000", "Paid": "0", "Transactions": [],
    }))
    .unwrap()
}

pub fn settled() -> ReportItem {
    let mut report = serde_json::to_value(report()).unwrap();
    for row in report["Rows"].as_array_mut().unwrap() {
        row["Paid"] = row["Expected"].clone();
    }
    report["Paid"] = json!("23400000");
    report["Transactions"] = json!([{
        "OperationID": format!("{:032x}", 9), "State": "mined", "Rows": 3, "TransactionHash": format!("0x{:064x}", 0xfeed),
        "Block": 4_183_023, "GasUsed": 134_000, "GasCost": "134000000000000", "Reason": null,
    }]);
    serde_json::from_value(report).unwrap()
}

pub fn payload(source: Source) -> Payload {
    fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }
    match source {
        Source::Overview => Payload::Overview(Box::new(of::<Overview>(overview()))),
        Source::Users => Payload::Users(of::<Vec<UserItem>>(users())),
        Source::Requests => Payload::Requests(of::<List<RequestItem>>(requests())),
        Source::Services => Payload::Services(of::<Vec<ServiceItem>>(services())),
        Source::Settlements => Payload::Settlements(Box::new(of::<Settlements>(settlements()))),
        Source::Operations => Payload::Operations(of::<Vec<OperationItem>>(operations())),
    }
}

/// A model that has just started.
pub fn fresh(shade: Shade) -> Model {
    Model::new(start(), Theme::new(shade, true), now())
}

/// A model that has all of it.
pub fn full(shade: Shade) -> Model {
    let mut model = fresh(shade);
    model.update(Message::News(News::Up));
    for source in Source::ALL {
        model.update(Message::Got(source, Ok(payload(source))));
    }
    model.toasts.clear();
    model
}

pub fn beat(model: &mut Model, seconds: u64) -> Step<Effect> {
    let now = model.look.now.plus_seconds(seconds);
    model.update(Message::Beat(now))
}

pub fn painted(model: &Model) -> Buffer {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let mut buffer = Buffer::empty(area);
    view::paint(model, &mut buffer, area);
    buffer
}
