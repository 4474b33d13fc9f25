//! `health`: asks a broker whether it is alive, or ready, for whatever only understands exit codes: 0 is yes, 1 is no.

use std::time::Duration;

use anyhow::Result;
use reqwest::{Method, Url};
use serde_json::Value;

use crate::cli::{Exit, Output};
use crate::client::{Call, Client, ClientError};
use crate::domain::clean::clean;

/// A broker answers this from memory; one that takes longer would be slow at everything.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest sentence that is shown.
const LONGEST: usize = 1000;

/// Says in one sentence what the broker at an address answers. No settings are read, and no token is needed.
pub async fn run(at: Url, ready: bool) -> Result<Exit> {
    let answer = ask(at, if ready { "/ready" } else { "/health" }).await;
    let (exit, sentence) = judge(answer);
    Output.line(&sentence);
    Ok(exit)
}

async fn ask(at: Url, path: &str) -> Result<Value, ClientError> {
    let call = Call { within: PATIENCE, ..Call::new(Method::GET, path) };
    Client::new(at, None)?.read(call).await
}

fn judge(answer: Result<Value, ClientError>) -> (Exit, String) {
    match answer {
        Ok(answer) => match answer["Status"].as_str() {
            Some(status) => (Exit::Ok, standing(status, &answer)),
            None => (Exit::Failed, "what answers there is no broker".to_owned()),
        },
        Err(error) => (Exit::Failed, error.sentence()),
    }
}

/// The status, and what does not work all the same.
pub(super) fn standing(status: &str, answer: &Value) -> String {
    let degraded = answer["Degraded"].as_array().map(Vec::as_slice).unwrap_or_default();
    // What the user broker's health says of the chain; the provider's says only whether it can be read.
    let chain = match &answer["Chain"] {
        Value::String(why) => Some(format!("the chain cannot be read: {why}")),
        Value::Bool(false) => Some("the chain cannot be read".to_owned()),
        _ => None,
    };
    let rest = [("Store", "the books cannot be written"), ("Tasks", "a part of the broker has died")];
    let rest = rest.into_iter().filter(|(key, _)| answer[*key] == false).map(|(_, says)| says.to_owned());
    let said = degraded.iter().filter_map(|one| Some(one["Message"].as_str()?.to_owned()));
    let all: Vec<String> = said.chain(chain).chain(rest).collect();
    let sentence = match all.as_slice() {
        [] => status.to_owned(),
        all => format!("{status}, but {}", all.join("; ")),
    };
    clean(&sentence, LONGEST).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use reqwest::StatusCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn yes_is_0_and_everything_else_1_with_its_reason() {
        // Degraded is alive: starting it anew would not bring the chain back.
        for status in ["ok", "degraded", "ready"] {
            assert_eq!(judge(Ok(json!({"Status": status}))), (Exit::Ok, status.to_owned()));
        }
        let away = json!({"Status": "ready", "Degraded": [{"Code": "chain_unreachable", "Message": "the chain is away"}]});
        assert_eq!(judge(Ok(away)), (Exit::Ok, "ready, but the chain is away".to_owned()));
        let away = json!({"Status": "degraded", "Chain": "no answer"});
        assert_eq!(judge(Ok(away)).1, "degraded, but the chain cannot be read: no answer");
        let full = json!({"Status": "degraded", "Chain": true, "Store": false, "Tasks": true});
        assert_eq!(judge(Ok(full)).1, "degraded, but the books cannot be written");
        assert_eq!(judge(Ok(json!({"status": "UP"}))).0, Exit::Failed);
        let no = json!({"error": {"code": "not_ready", "message": "the chain cannot be read"}});
        let no = ClientError::refusal(StatusCode::SERVICE_UNAVAILABLE, no.to_string().as_bytes());
        assert_eq!(judge(Err(no)), (Exit::Failed, "the chain cannot be read".to_owned()));
    }

    #[tokio::test]
    async fn where_nobody_answers_it_is_told() {
        let (exit, sentence) = judge(ask("http://127.0.0.1:1/".parse().unwrap(), "/health").await);
        assert!(
            exit == Exit::Failed && sentence.contains("no broker answers at http://127.0.0.1:1"),
            "{sentence}"
        );
    }
}
