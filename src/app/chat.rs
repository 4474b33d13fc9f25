//! A conversation with a chatbot service, word by word as it comes, with what each answer cost.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::ask::with;
use super::failure::failure_of;
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
        say(api, &model, &messages, args.max_tokens).await.whole()?;
        return Ok(Exit::Ok);
    }
    Output.note(&format!("talking to {model}; an empty line or Ctrl-D ends it"));
    // Who types sees what went wrong; a script learns it from the exit code.
    let typed = io::stdin().is_terminal();
    let mut last = Exit::Ok;
    loop {
        let line = tokio::task::spawn_blocking(|| Output.question("> ")).await??;
        if line.is_none() {
            // Ctrl-D leaves the cursor behind the prompt.
            Output.note("");
        }
        let Some(line) = line.filter(|line| !line.trim().is_empty()) else {
            return Ok(if typed { Exit::Ok } else { last });
        };
        messages.push(json!({"role": "user", "content": line}));
        let Answer { words, trouble } = say(api, &model, &messages, args.max_tokens).await;
        if let Some(error) = &trouble {
            let failure = failure_of(error);
            Output.note(&failure.message);
            last = failure.exit;
        }
        // The conversation can go on: after a deposit for example, and with the words that came and were paid.
        if trouble.is_some() && words.is_empty() {
            messages.pop();
        } else {
            messages.push(json!({"role": "assistant", "content": words}));
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

/// The words of an answer, and why they are not all of it.
struct Answer {
    words: String,
    trouble: Option<anyhow::Error>,
}

impl Answer {
    /// Fails where it is not whole.
    fn whole(self) -> Result<()> {
        self.trouble.map_or(Ok(()), Err)
    }
}

/// Asks, shows the answer as it comes, and what it cost.
async fn say(api: &Api, model: &str, messages: &[Value], max_tokens: Option<u64>) -> Answer {
    let mut body = json!({"model": model, "messages": messages, "stream": true});
    if let Some(most) = max_tokens {
        body["max_tokens"] = json!(most);
    }
    let response = {
        let _waiting = Progress::start("waiting for the answer");
        api.send(Method::POST, "/v1/chat/completions", Some(&body)).await
    };
    let response = match response {
        Ok(response) => response,
        Err(error) => return Answer { words: String::new(), trouble: Some(error) },
    };
    let request = response.headers().get("zg-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let mut bytes = response.bytes_stream();
    let mut heard = Heard::default();
    let mut said = Pieces::default();
    let mut trouble = None;
    while let Some(piece) = bytes.next().await {
        let (words, wrong) = match piece {
            Ok(piece) => heard.take(&piece),
            Err(error) => {
                let message = format!("the answer broke off: {}", error.without_url());
                (String::new(), Some(Failure::new(Exit::Unreachable, message).into()))
            }
        };
        if !words.is_empty() && !Output.said(&words, &mut said) {
            return Answer { words: heard.answer, trouble: None };
        }
        if wrong.is_some() {
            trouble = wrong;
            break;
        }
    }
    let (last, wrong) = heard.end();
    if !last.is_empty() {
        Output.said(&last, &mut said);
    }
    trouble = trouble.or(wrong);
    Output.line("");
    if heard.cut {
        Output.note("(cut: the answer reached its token limit, or the most that it may cost)");
    }
    if let Some(request) = request {
        cost(api, &request).await;
    }
    if trouble.is_none() && !heard.ended {
        let message = "the answer ended early: the service sent neither a reason nor an end; ask again";
        trouble = Some(Failure::new(Exit::Unreachable, message).into());
    }
    Answer { words: heard.answer, trouble }
}

/// What has come of an answer.
#[derive(Default)]
struct Heard {
    line: Vec<u8>,
    answer: String,
    /// It was longer than allowed.
    cut: bool,
    /// The service says that it is whole, or why it is not.
    ended: bool,
}

impl Heard {
    /// Takes a piece of the stream; gives the words in it, and what went wrong behind them.
    fn take(&mut self, piece: &[u8]) -> (String, Option<anyhow::Error>) {
        let mut words = String::new();
        for byte in piece {
            if *byte == b'\n' {
                match self.end_line() {
                    Ok(more) => words.push_str(&more),
                    Err(error) => return (words, Some(error)),
                }
                continue;
            }
            self.line.push(*byte);
            if self.line.len() > LONGEST_LINE {
                return (words, Some(anyhow::anyhow!("the answer is no chat")));
            }
        }
        (words, None)
    }

    /// Takes the end of the stream, which ends the last line too.
    fn end(&mut self) -> (String, Option<anyhow::Error>) {
        match self.end_line() {
            Ok(words) => (words, None),
            Err(error) => (String::new(), Some(error)),
        }
    }

    fn end_line(&mut self) -> Result<String> {
        let line = std::mem::take(&mut self.line);
        let words = match event(&line) {
            Said::Error(message) => anyhow::bail!("the service says: {message}"),
            Said::End => {
                self.ended = true;
                return Ok(String::new());
            }
            Said::Nothing => return Ok(String::new()),
            Said::Chunk { words, reason } => {
                self.ended |= reason.is_some();
                self.cut |= reason.is_some_and(|reason| reason == "length");
                words
            }
        };
        self.answer.push_str(&words);
        Ok(words)
    }
}

/// What one line of the stream says.
enum Said {
    /// The last words may come together with the reason that they are the last.
    Chunk {
        words: String,
        reason: Option<String>,
    },
    Error(String),
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
    let words = choice["delta"]["content"].as_str().or(choice["message"]["content"].as_str());
    let reason = choice["finish_reason"].as_str().map(str::to_owned);
    Said::Chunk { words: words.unwrap_or_default().to_owned(), reason }
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

    /// The words of a stream, whether it was cut, and whether it came to an end.
    fn heard(stream: &str) -> Result<(String, bool, bool), String> {
        let mut heard = Heard::default();
        let mut words = String::new();
        // In pieces that know nothing of lines.
        for piece in stream.as_bytes().chunks(7) {
            let (more, wrong) = heard.take(piece);
            words.push_str(&more);
            wrong.map_or(Ok(()), |error| Err(error.to_string()))?;
        }
        let (last, wrong) = heard.end();
        words.push_str(&last);
        wrong.map_or(Ok(()), |error| Err(error.to_string()))?;
        assert_eq!(words, heard.answer);
        Ok((words, heard.cut, heard.ended))
    }

    #[test]
    fn words_errors_and_the_end_are_told_apart() {
        let hi = r#"data: {"choices":[{"delta":{"content":"Hi "}}]}"#;
        let last = |reason| {
            format!(r#"data: {{"choices":[{{"delta":{{"content":"all"}},"finish_reason":"{reason}"}}]}}"#)
        };
        let told = |words: &str, cut, ended| Ok((words.to_owned(), cut, ended));
        assert_eq!(heard(&format!("{hi}\n\ndata: [DONE]\n\n")), told("Hi ", false, true));
        assert_eq!(heard(r#"data:{"choices":[{"delta":{"content":"x"}}]}"#), told("x", false, false));
        // The last words come with the reason, and nothing may follow it: no end, not even that of the line.
        assert_eq!(heard(&format!("{hi}\n{}", last("stop"))), told("Hi all", false, true));
        assert_eq!(heard(&format!("{hi}\r\n{}\r\n", last("length"))), told("Hi all", true, true));
        assert_eq!(heard(&format!("{hi}\n")), told("Hi ", false, false));
        assert_eq!(heard("data: {\"error\":{\"message\":\"no\"}}\n"), Err("the service says: no".to_owned()));
        for nothing in ["", ": ping", "event: x", "data: {", r#"data: {"choices":[],"usage":{}}"#] {
            assert_eq!(heard(nothing), told("", false, false), "{nothing}");
        }
    }

    #[test]
    fn words_before_an_error_are_not_lost() {
        let mut heard = Heard::default();
        let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"paid\"}}]}\n\n\
                     data: {\"error\":{\"message\":\"no\"}}\n\n";
        let (words, wrong) = heard.take(piece.as_bytes());
        assert_eq!((words.as_str(), heard.answer.as_str()), ("paid", "paid"));
        assert_eq!(wrong.map(|error| error.to_string()), Some("the service says: no".to_owned()));
        let long = vec![b'x'; LONGEST_LINE + 1];
        let (words, wrong) = Heard::default().take(&long);
        assert!(words.is_empty() && wrong.is_some());
    }
}
