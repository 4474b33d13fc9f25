//! The development chain over HTTP: JSON-RPC by POST to `/`, for wallets and tools outside this process.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Json, Response},
    routing::post,
};

use crate::chain::devnet::Devnet;

/// Bytes of a request at most. The largest transaction takes 256 KiB of hex.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// The chain's one route. Who may connect is decided by the layers around it.
pub fn router(devnet: Devnet) -> Router {
    Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(devnet)
}

async fn answer(State(devnet): State<Devnet>, headers: HeaderMap, body: Bytes) -> Response {
    // A browser may send text to any address without asking, but JSON only where it is allowed to.
    if !is_json(&headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON-RPC with content-type: application/json\n")
            .into_response();
    }
    match devnet.serve(&body).await {
        Ok(Some(answer)) => Json(answer).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use serde_json::{Value, json};
    use tower::Service;

    use super::*;
    use crate::chain::devnet::DevnetConfig;

    async fn post(body: impl Into<Body>, kind: &str) -> (StatusCode, Vec<u8>) {
        let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
        let request = Request::post("/").header(header::CONTENT_TYPE, kind).body(body.into()).unwrap();
        let response = router(devnet).call(request).await.unwrap();
        (response.status(), to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn answers_json_rpc_and_nothing_else() {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": "eth_chainId", "params": []}).to_string();
        let (status, body) = post(request.clone(), "application/json; charset=utf-8").await;
        assert_eq!(status, StatusCode::OK);
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 7, "result": "0x7a69"}));

        assert_eq!(post(request.clone(), "text/plain").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(post(vec![b' '; MAX_BODY + 1], "application/json").await.0, StatusCode::PAYLOAD_TOO_LARGE);

        let (status, body) = post("{\"jsonrpc\":", "application/json").await;
        assert_eq!(status, StatusCode::OK);
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["error"]["code"], json!(-32700));

        let notification = json!({"jsonrpc": "2.0", "method": "evm_mine"}).to_string();
        assert_eq!(post(notification, "application/json").await, (StatusCode::NO_CONTENT, Vec::new()));
    }
}
