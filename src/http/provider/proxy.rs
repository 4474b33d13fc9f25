//! The metered proxy: what strangers call. Everything in a request is checked by the broker, signatures first.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use serde_json::json;

use super::Face;
use crate::broker::provider::{ProxyCall, ProxyRefusal, ReceiptState};
use crate::http::asker::asker;
use crate::http::field::{AMOUNT, COUNT, Field, Kind, Refusal, TEXT, optional, required};
use crate::http::input::{BodyStreamError, Fields, JsonBody, body_stream, path_value};
use crate::http::pass::{respond, suffix_after};
use crate::http::{Peer, Problem};
use crate::wire::receipt::{RECEIPT_HEADER, encode_receipt};
use crate::wire::terms::{Terms, VoucherAccepted};

pub(super) const VOUCHER: &[Field] = &[required("voucher", Kind::Voucher, "The signed voucher.")];
/// What a paid request brings along.
pub(super) const HEADERS: &[Field] = &[
    optional("zg-voucher", TEXT, "The voucher in base64url; free endpoints need none."),
    optional("zg-request", TEXT, "The authorisation of this request in base64url."),
];
/// What the answer brings back.
pub(super) const ANSWER: &[Field] = &[
    optional("zg-receipt", Kind::Text(1), "The receipt in base64url; of a stream it is the last event."),
    optional("zg-fee", AMOUNT, "What it cost."),
    optional("zg-input-units", COUNT, "Units in."),
    optional("zg-output-units", COUNT, "Units out."),
];
/// What is wrong with a voucher or an authorisation.
pub(super) const BAD_VOUCHER: &[Refusal] = &[
    (400, "wrong_provider"),
    (401, "wrong_signer"),
    (401, "wrong_epoch"),
    (403, "unknown_account"),
    (429, "too_often"),
    (503, "storage_failed"),
    (503, "chain_unavailable"),
];
/// What a proxied request may be refused with before or instead of the service's answer.
pub(super) const REFUSALS: &[Refusal] = &[
    (400, "bad_path"),
    (400, "bad_header"),
    (400, "body_mismatch"),
    (400, "body_broken"),
    (400, "bad_body"),
    (400, "max_fee_too_low"),
    (400, "answer_above_max_fee"),
    (400, "answer_too_large"),
    (401, "payment_missing"),
    (401, "authorisation_expired"),
    (401, "authorisation_too_long"),
    (402, "voucher_needed"),
    (402, "insufficient_balance"),
    (404, "unknown_service"),
    (409, "duplicate_request"),
    (409, "price_changed"),
    (413, "body_too_large"),
    (429, "too_many_in_flight"),
    (429, "service_busy_now"),
    (502, "upstream_unreachable"),
    (502, "upstream_timeout"),
    (502, "upstream_broken"),
    (503, "service_paused"),
    (503, "delegate_changes"),
];

/// `/v1/proxy/{service}` with whatever follows, exactly as sent: that is what was signed.
pub(super) async fn call(State(face): State<Face>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let (head, suffix) = suffix_after(target, 3);
    let peer = from(&face, parts.extensions.get::<Peer>(), &parts.headers);
    let method = parts.method;
    let call = ProxyCall {
        service: head.rsplit('/').next().unwrap_or_default().to_owned(),
        suffix_and_query: suffix.to_owned(),
        method: method.clone(),
        headers: parts.headers,
        body: Box::pin(Alone(Mutex::new(body_stream(body)))),
        peer,
    };
    // Large: the whole way of a request through the broker is in it.
    let answer = Box::pin(face.broker.proxy(call)).await?;
    Ok(respond(answer, &method, &parts.extensions))
}

/// A body stream that may be shared, since it is only ever reached through one `&mut`.
struct Alone(Mutex<BoxStream<'static, Result<Bytes, BodyStreamError>>>);

impl Stream for Alone {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = self.0.get_mut();
        stream.poll_next_unpin(context).map(|piece| piece.map(|piece| piece.map_err(std::io::Error::other)))
    }
}

/// Requests that come without a connection (from inside the process) count as local.
fn from(face: &Face, peer: Option<&Peer>, headers: &HeaderMap) -> SocketAddr {
    let peer = peer.map_or(SocketAddr::from(([127, 0, 0, 1], 0)), |peer| peer.0);
    asker(peer, headers, face.broker.settings().behind_proxy)
}

pub(super) async fn voucher(
    State(face): State<Face>,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Json<VoucherAccepted>, Problem> {
    let input = Fields::of_body(body, VOUCHER, &[])?;
    let from = from(&face, peer.as_deref(), &headers).ip();
    match face.broker.voucher(input.need_text("voucher")?, from).await {
        Err(ProxyRefusal::BadHeader { reason, .. }) => {
            Err(Problem::field("voucher", format_args!("it cannot be read: {reason}")))
        }
        answer => Ok(Json(answer?)),
    }
}

pub(super) async fn receipt(State(face): State<Face>, Path(id): Path<String>) -> Result<Response, Problem> {
    match face.broker.receipt(path_value("id", &id)?).await? {
        ReceiptState::Ready(receipt) => {
            let text = encode_receipt(&(*receipt).into());
            let mut response = Json(json!({"Receipt": text})).into_response();
            if let Ok(value) = HeaderValue::try_from(text) {
                response.headers_mut().insert(RECEIPT_HEADER, value);
            }
            Ok(response)
        }
        ReceiptState::Pending => {
            Ok((StatusCode::ACCEPTED, Json(json!({"Status": "pending"}))).into_response())
        }
        ReceiptState::Lost => {
            let message = "the request was never metered; it costs nothing";
            Err(Problem::new(StatusCode::GONE, "request_lost", message))
        }
        ReceiptState::Unknown => Err(Problem::not_found("no such request was admitted here")),
    }
}

pub(super) async fn terms(State(face): State<Face>) -> Json<Terms> {
    Json(face.broker.terms())
}
