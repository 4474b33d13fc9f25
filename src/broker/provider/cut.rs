//! The end that we write ourselves when an event stream reaches the highest fee: in the service's own protocol, so
//! that clients see an answer that ran into its length limit.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::wire::chat::Endpoint;
use crate::wire::sse::{Limits, Splitter};

/// The closing events for this endpoint; empty where the protocol has none that fits.
///
/// `first` is the beginning of the stream, from which id, model and time are taken; `choices` as the request asked.
pub(super) fn at_max_fee(endpoint: Endpoint, first: &[u8], choices: u64) -> Bytes {
    let text = match endpoint {
        Endpoint::ChatCompletions => openai(first, choices, |choice| {
            json!({"index": choice, "delta": {}, "logprobs": null, "finish_reason": "length"})
        }),
        Endpoint::Completions | Endpoint::Generate => openai(first, choices, |choice| {
            json!({"index": choice, "text": "", "logprobs": null, "finish_reason": "length"})
        }),
        Endpoint::Messages => concat!(
            "event: message_delta\n",
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null}}\n\n",
            "event: message_stop\n",
            "data: {\"type\":\"message_stop\"}\n\n",
        )
        .to_owned(),
        _ => String::new(),
    };
    text.into()
}

/// More choices than anybody asks for are not all ended one by one.
const MOST_CHOICES: u64 = 128;

fn openai(first: &[u8], choices: u64, choice: impl Fn(u64) -> Value) -> String {
    let mut chunk = Map::new();
    if let Some(Value::Object(model)) = first_object(first) {
        for name in ["id", "object", "created", "model", "system_fingerprint"] {
            if let Some(value) = model.get(name) {
                chunk.insert(name.to_owned(), value.clone());
            }
        }
    }
    let ended: Vec<Value> = (0..choices.clamp(1, MOST_CHOICES)).map(choice).collect();
    chunk.insert("choices".to_owned(), ended.into());
    format!("data: {}\n\ndata: [DONE]\n\n", Value::Object(chunk))
}

fn first_object(first: &[u8]) -> Option<Value> {
    let mut splitter = Splitter::new(Limits::default());
    splitter.push(first);
    while let Ok(Some(event)) = splitter.next_event() {
        if let Some(value) = event.data.and_then(|data| serde_json::from_str::<Value>(&data).ok())
            && value.is_object()
        {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_chunk_looks_like_the_others() {
        let first = b": ping\n\ndata: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[]}\n\n";
        let end = at_max_fee(Endpoint::ChatCompletions, first, 2);
        let text = String::from_utf8_lossy(&end).into_owned();
        assert!(text.starts_with(
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,"
        ));
        assert!(text.contains("\"index\":1") && text.ends_with("data: [DONE]\n\n"));
        assert_eq!(text.matches("\"finish_reason\":\"length\"").count(), 2);
        assert!(at_max_fee(Endpoint::Other, first, 1).is_empty());
        assert!(!at_max_fee(Endpoint::Completions, b"", u64::MAX).is_empty());
    }
}
