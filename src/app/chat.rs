//! A conversation with a chatbot service, word by word as it comes, with what each answer cost.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::ask::with;
use crate::cli::{ChatArgs, Exit, Failure, Global, Output, Progress};
use crate::domain::Neuron;
use crate::domain::amount::{counted, grouped};
use crate::domain::clean::Pieces;

/// How long the figures of an answer are waited for after its last word.
const FIGURES: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);
/// Lines of an event stream longer than this are not words of a model.
const LONGEST_LINE: usize = 1 << 20;

pub async fn run(args: ChatArgs, global: &Global) -> Result<Exit> {
    let api = Api::user(global).await?;
    with(api, async |api: &Api| Box::pin(talk(args, api)).await).await
}

async fn talk(args: ChatArgs, api: &Api) -> Result<Exit> {
    let model = match args.model {
        Some(model) => model,
        None => only_model(api).await?,
    };
    let mut messages: Vec<Value> = Vec::new();
    messages.extend(args.system.map(|text| json!({"role": "system", "content": text})));
    if let Some(text) = args.message {
        messages.push(json!({"role": "user", "content": text}));
        say(api, &model, &messages, args.max_tokens).await?;
        return Ok(Exit::Ok);
    }
    Output.note(&format!("talking to {model}; an empty line or Ctrl-D ends it"));
    loop {
        let line = tokio::task::spawn_blocking(|| Output.question("> ")).await??;
        if line.is_none() {
            // Ctrl-D leaves the cursor behind the prompt.
            Output.note("");
        }
        let Some(line) = line.filter(|line| !line.trim().is_empty()) else { return Ok(Exit::Ok) };
        messages.push(json!({"role": "user", "content": line}));
        match say(api, &model, &messages, args.max_tokens).await {
            Ok(answer) => messages.push(json!({"role": "assistant", "content": answer})),
            Err(error) => {
                // The conversation can go on, after a deposit for example.
                messages.pop();
                Output.note(&format!("{error:#}"));
            }
        }
    }
}

/// The service to talk to when none is named: one with an account, or the only one there is.
async fn only_model(api: &Api) -> Result<String> {
    let models = api.get("/v1/models", &[]).await?;
    let ids: Vec<String> = models["data"]
        .as_array()
        .map(|models| models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    let accounts = api.get("/v1/provider", &[]).await?;
    let funded = |id: &&String| {
        let accounts = accounts["Items"].as_array().into_iter().flatten();
        accounts.filter_map(|account| account["Provider"].as_str()).any(|provider| id.starts_with(provider))
    };
    let with_account: Vec<&String> = ids.iter().filter(funded).collect();
    match (with_account.as_slice(), ids.as_slice()) {
        ([one], _) => Ok((*one).clone()),
        ([], [one]) => Ok(one.clone()),
        ([], []) => Err(Failure::new(Exit::BadInput, "the chain lists no chatbot service").into()),
        _ => {
            let message = format!("there are several services; choose with --model: {}", ids.join(", "));
            Err(Failure::new(Exit::BadInput, message).into())
        }
    }
}

/// Asks, shows the answer as it comes, and what it cost. Gives the answer.
async fn say(api: &Api, model: &str, messages: &[Value], max_tokens: Option<u64>) -> Result<String> {
    let mut body = json!({"model": model, "messages": messages, "stream": true});
    if let Some(most) = max_tokens {
        body["max_tokens"] = json!(most);
    }
    let response = {
        let _waiting = Progress::start("waiting for the answer");
        api.send(Method::POST, "/v1/chat/completions", Some(&body)).await?
    };
    let request = response.headers().get("zg-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let mut bytes = response.bytes_stream();
    let (mut line, mut answer) = (Vec::new(), String::new());
    let (mut ended, mut cut) = (false, false);
    let mut said = Pieces::default();
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(reqwest::Error::without_url).context("the answer broke off")?;
        for byte in piece {
            if byte != b'\n' {
                line.push(byte);
                anyhow::ensure!(line.len() <= LONGEST_LINE, "the answer is no chat");
                continue;
            }
            match event(&line) {
                Said::Cut => cut = true,
                Said::Words(words) => {
                    answer.push_str(&words);
                    if !Output.said(&words, &mut said) {
                        return Ok(answer);
                    }
                }
                Said::Error(message) => anyhow::bail!("the service says: {message}"),
                Said::End => ended = true,
                Said::Nothing => {}
            }
            line.clear();
        }
    }
    Output.line("");
    if cut {
        Output.note("(cut: the answer reached its token limit, or the most that it may cost)");
    } else if !ended {
        Output.note("(the answer ended early)");
    }
    if let Some(request) = request {
        cost(api, &request).await;
    }
    Ok(answer)
}

/// What one line of the stream says.
enum Said {
    Words(String),
    Error(String),
    /// It was longer than allowed.
    Cut,
    End,
    Nothing,
}

fn event(line: &[u8]) -> Said {
    let Some(data) = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("data:")) else {
        return Said::Nothing;
    };
    let data = data.trim();
    if data == "[DONE]" {
        return Said::End;
    }
    let Ok(chunk) = serde_json::from_str::<Value>(data) else { return Said::Nothing };
    if let Some(message) = chunk["error"]["message"].as_str() {
        return Said::Error(crate::domain::clean::clean(message, 500).into_owned());
    }
    let choice = &chunk["choices"][0];
    if choice["finish_reason"] == "length" {
        return Said::Cut;
    }
    let words = choice["delta"]["content"].as_str().or(choice["message"]["content"].as_str());
    words.map_or(Said::Nothing, |words| Said::Words(words.to_owned()))
}

/// Shows what a request cost, once it is booked.
async fn cost(api: &Api, request: &str) {
    let until = tokio::time::Instant::now() + FIGURES;
    loop {
        let Ok(figures) = api.get(&format!("/v1/request/{request}"), &[]).await else { return };
        let status = figures["Status"].as_str().unwrap_or_default().to_owned();
        if !matches!(status.as_str(), "reserved" | "sent") || tokio::time::Instant::now() >= until {
            let fee = figures["Fee"].as_str().and_then(|fee| fee.parse().ok()).unwrap_or(Neuron::ZERO);
            let units = |key: &str| figures[key].as_u64().unwrap_or(0);
            Output.note(&format!(
                "[{} in, {} out: {}; {status}]",
                counted(units("InputUnits"), "token"),
                grouped(units("OutputUnits").into()),
                fee.in_neuron()
            ));
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_errors_and_the_end_are_told_apart() {
        let words = |line: &str| match event(line.as_bytes()) {
            Said::Words(words) => words,
            Said::Error(message) => format!("error: {message}"),
            Said::Cut => "cut".to_owned(),
            Said::End => "end".to_owned(),
            Said::Nothing => "nothing".to_owned(),
        };
        assert_eq!(words(r#"data: {"choices":[{"delta":{"content":"Hi "}}]}"#), "Hi ");
        assert_eq!(words(r#"data:{"choices":[{"delta":{"content":"x"}}]}"#), "x");
        assert_eq!(words("data: [DONE]"), "end");
        assert_eq!(words(r#"data: {"choices":[{"delta":{},"finish_reason":"length"}]}"#), "cut");
        assert_eq!(words(r#"data: {"error":{"message":"no"}}"#), "error: no");
        for nothing in ["", ": ping", "event: x", "data: {", r#"data: {"choices":[],"usage":{}}"#] {
            assert_eq!(words(nothing), "nothing", "{nothing}");
        }
    }
}
