//! What a request counts before it is sent: its input, and the most output that it allows.

use http::{HeaderMap, Method, header};

use super::error::CallRefusal;
use super::settings::Settings;
use crate::body::Body;
use crate::domain::{ServiceKind, Units};
use crate::meter::{Limits, Request, RequestBody, input_units, max_output};
use crate::wire::headers::joined;
use crate::wire::path::Suffix;

/// Bodies above this size are counted on a blocking thread; below it takes less than a few milliseconds.
const LARGE: usize = 64 << 10;

/// Input units and the output limit of a request, as named in it or as the settings assume.
pub(super) async fn count(
    kind: ServiceKind,
    (method, suffix): (&Method, &Suffix),
    headers: &HeaderMap,
    body: &Body,
    settings: &Settings,
) -> Result<(Units, Units), CallRefusal> {
    let assumed = match kind {
        ServiceKind::Chatbot => Units(settings.default_max_output.tokens),
        ServiceKind::ZgStorage => Units(settings.default_max_output.bytes),
    };
    let encoding = joined(headers, &header::CONTENT_ENCODING);
    if kind == ServiceKind::ZgStorage {
        let body = RequestBody::Length(body.len());
        let request = Request { method, suffix, content_encoding: encoding.as_deref(), body };
        return Ok((input_units(kind, &request, &Limits::default()).map_err(bad)?, assumed));
    }
    let bytes = body.open(settings.max_chat_body).await?;
    let (method, suffix) = (method.clone(), suffix.clone());
    // What is encoded can be far larger than it looks.
    let large = bytes.len() > LARGE || encoding.is_some();
    let work = move || {
        let body = RequestBody::Whole(&bytes);
        let request =
            Request { method: &method, suffix: &suffix, content_encoding: encoding.as_deref(), body };
        let input = input_units(kind, &request, &Limits::default()).map_err(bad)?;
        Ok((input, max_output(kind, &suffix, &bytes).unwrap_or(assumed)))
    };
    if large { tokio::task::spawn_blocking(work).await.unwrap_or(Err(CallRefusal::Stopping)) } else { work() }
}

fn bad(error: crate::meter::MeterError) -> CallRefusal {
    CallRefusal::BadBody(error.to_string())
}
