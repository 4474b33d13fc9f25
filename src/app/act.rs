//! Commands that act on the chain: accounts, refunds.

use anyhow::Result;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::Api;
use super::ask::{ACCOUNTS, REFUNDS, list, show, with};
use crate::cli::{AccountCommand, Exit, Global, Output, Progress, RefundCommand, word};

/// Sends an order, shows that it is waited for, and says how it ended.
pub(super) async fn order(
    api: &Api,
    method: Method,
    path: &str,
    body: Option<Value>,
    done: &str,
) -> Result<Exit> {
    // What these make is a 204 once it is done.
    let makes = method == Method::POST && matches!(path, "/v1/service" | "/v1/provider");
    let (status, answer) = {
        let _waiting = Progress::start("waiting for the transaction");
        api.send_json(method, path, body.as_ref()).await?
    };
    // 202 with an operation: it was sent, and the wait for a block is over before it is in one.
    if let (StatusCode::ACCEPTED, Some(id)) = (status, answer["OperationID"].as_str()) {
        Output.line(id);
        Output.note(&format!("sent, but not in a block yet; see {} before you repeat it", api.advice_of(id)));
        return Ok(Exit::Unknown);
    }
    // The broker is still at it: nothing is sent that it could name.
    if status == StatusCode::ACCEPTED && (answer["State"].is_string() || (makes && answer.is_null())) {
        Output.note(&still_at_it(api, "operation"));
        return Ok(Exit::Unknown);
    }
    Output.note(done);
    Ok(Exit::Ok)
}

/// What to say of an order that the broker took and whose end it could not name in time. `command` shows what comes of it.
pub(super) fn still_at_it(api: &Api, command: &str) -> String {
    format!(
        "the broker is still at it, and it is not known what comes of it; see {} before you repeat it",
        api.advice_as_role(command)
    )
}

pub async fn accounts(command: AccountCommand, global: &Global) -> Result<Exit> {
    let api = Api::user(global).await?;
    with(api, async |api: &Api| match command {
        AccountCommand::List { listing, sort } => {
            list(api, "/v1/provider", &listing, &[("sort", word(sort))], ACCOUNTS).await
        }
        AccountCommand::Show { provider, json } => show(api, &format!("/v1/provider/{provider}"), json).await,
        AccountCommand::Create { provider, balance } => {
            let body = json!({"provider": provider.to_string(), "balance": balance});
            let done = format!("account with {provider} opened with {}", balance.in_full());
            order(api, Method::POST, "/v1/provider", Some(body), &done).await
        }
        AccountCommand::Charge { provider, amount } => {
            let path = format!("/v1/provider/{provider}/charge");
            let done = format!("{} added to the account with {provider}", amount.in_full());
            order(api, Method::POST, &path, Some(json!({"balance": amount})), &done).await
        }
        AccountCommand::Sync { provider } => {
            let path =
                provider.map_or("/v1/sync".to_owned(), |provider| format!("/v1/provider/{provider}/sync"));
            order(api, Method::POST, &path, None, "read from the chain").await
        }
    })
    .await
}

pub async fn refunds(command: RefundCommand, global: &Global) -> Result<Exit> {
    let api = Api::user(global).await?;
    with(api, async |api: &Api| match command {
        RefundCommand::Request { provider, amount, replace } => {
            let path = format!("/v1/provider/{provider}/refund");
            let body = json!({"amount": amount, "replace": replace});
            let done =
                format!("refund of {} asked for; `refund list` shows when it unlocks", amount.in_full());
            order(api, Method::POST, &path, Some(body), &done).await
        }
        RefundCommand::List { listing, processed, provider, sort } => {
            let filters = [
                ("processed", processed.map(|processed| processed.to_string())),
                ("provider", provider.map(|provider| provider.to_string())),
                ("sort", word(sort)),
            ];
            list(api, "/v1/refund", &listing, &filters, REFUNDS).await
        }
        RefundCommand::Process { provider } => {
            let path = format!("/v1/provider/{provider}/refund/process");
            order(api, Method::POST, &path, None, "the refund is in your wallet").await
        }
        RefundCommand::Cancel { provider } => {
            let path = format!("/v1/provider/{provider}/refund/cancel");
            order(api, Method::POST, &path, None, "the deposit stays where it is").await
        }
    })
    .await
}
