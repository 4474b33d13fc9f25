//! JSON-RPC 2.0 around the methods: single requests, batches, notifications, and requests that are none.

use serde_json::{Value, json};

use super::{
    super::node::Node,
    error::{INVALID_REQUEST, PARSE, RpcError},
    methods,
};

/// Requests one batch holds at most, as in geth's default order of magnitude.
pub(crate) const MAX_BATCH: usize = 1_000;

/// Answers a request or a batch; nothing if it consisted of notifications only.
pub(crate) fn answer(node: &mut Node, request: Value) -> Option<Value> {
    match request {
        Value::Array(batch) if batch.is_empty() => Some(failure(Value::Null, invalid("empty batch"))),
        Value::Array(batch) if batch.len() > MAX_BATCH => {
            Some(failure(Value::Null, invalid(&format!("batch of more than {MAX_BATCH} requests"))))
        }
        Value::Array(batch) => {
            let answers: Vec<Value> = batch.into_iter().filter_map(|request| single(node, request)).collect();
            (!answers.is_empty()).then_some(Value::Array(answers))
        }
        request => single(node, request),
    }
}

/// The answer to text that is not JSON.
pub(crate) fn unreadable(why: &str) -> Value {
    failure(Value::Null, RpcError::new(PARSE, format!("parse error: {why}")))
}

fn single(node: &mut Node, request: Value) -> Option<Value> {
    let Value::Object(mut fields) = request else {
        return Some(failure(Value::Null, invalid("a request is an object")));
    };
    let id = fields.remove("id");
    let named = id.clone().unwrap_or(Value::Null);
    if !matches!(named, Value::Null | Value::String(_) | Value::Number(_)) {
        return Some(failure(Value::Null, invalid("id must be a number or text")));
    }
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Some(failure(named, invalid("jsonrpc must be \"2.0\"")));
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return Some(failure(named, invalid("method is missing")));
    };
    let outcome = methods::call(node, &method, fields.remove("params"));
    // Without an id it is a notification: done, but not answered.
    let id = id?;
    Some(match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => failure(id, error),
    })
}

fn invalid(why: &str) -> RpcError {
    RpcError::new(INVALID_REQUEST, format!("invalid request: {why}"))
}

fn failure(id: Value, error: RpcError) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": error.into_value()})
}
