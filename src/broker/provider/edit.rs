//! What of a chatbot's request is changed on its way to the service: the limit of its answer, so that it ends by itself
//! where the highest fee does, and the question for usage figures. Bytes in, bytes out; `proxy` does the waiting.

use http::{HeaderMap, header};
use url::Url;

use super::ProxyRefusal;
use super::offer::Offer;
use super::proxy::Counted;
use crate::domain::{Neuron, ServiceKind, Units};
use crate::meter::MAX_TEXTS;
use crate::wire::chat::{Ask, Endpoint, ask_for_usage, limit_output, read_ask};
use crate::wire::encoding::is_plain;
use crate::wire::headers;
use crate::wire::json_edit::EditError;
use crate::wire::terms::MeterName;

pub(super) const PLAIN_ONLY: &str = "send it without Content-Encoding";

/// What decides how a body is edited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edit {
    kind: ServiceKind,
    meter: MeterName,
    endpoint: Endpoint,
    encoded: bool,
    /// How much output the highest fee pays for; `None` when output is free.
    room: Option<Units>,
    input: Units,
    input_fee: Neuron,
    max_fee: Neuron,
}

/// What goes to the service.
#[derive(Debug)]
pub(super) struct Edited {
    /// `None`: the body goes out as it came.
    pub body: Option<Vec<u8>>,
    pub ask: Ask,
    /// The body asks for a closing chunk of usage figures that the caller did not ask for.
    pub asks_usage: bool,
}

impl Edited {
    fn not() -> Edited {
        Edited { body: None, ask: Ask { choices: 1, ..Ask::default() }, asks_usage: false }
    }
}

impl Edit {
    pub(super) fn new(
        offer: &Offer,
        headers: &HeaderMap,
        url: &Url,
        counted: &Counted,
        max_fee: Neuron,
    ) -> Edit {
        Edit {
            kind: offer.kind,
            meter: offer.meter,
            endpoint: Endpoint::of(url.path()),
            encoded: !is_plain(headers::joined(headers, &header::CONTENT_ENCODING).as_deref()),
            room: counted.room,
            input: counted.input,
            input_fee: counted.input_fee,
            max_fee,
        }
    }

    /// Limits a chatbot's answer to what the highest fee pays for.
    pub(super) fn apply(&self, text: Option<&[u8]>) -> Result<Edited, ProxyRefusal> {
        let Edit { endpoint, encoded, room, .. } = *self;
        if self.kind != ServiceKind::Chatbot {
            return Ok(Edited::not());
        }
        // Whatever is asked for, with a body or without: an answer would go out for nothing. Embeddings are free.
        if room == Some(Units(0)) && endpoint != Endpoint::Embeddings {
            return Err(ProxyRefusal::MaxFeeTooLow { max_fee: self.max_fee, input_fee: self.input_fee });
        }
        let Some(text) = text.filter(|text| endpoint.writes_text() && !text.is_empty()) else {
            return Ok(Edited::not());
        };
        if encoded && room.is_some() {
            // Its limit could not be set, and an answer that is one JSON text cannot be cut.
            return Err(ProxyRefusal::BadBody(PLAIN_ONLY.to_owned()));
        }
        let Some(ask) = read_ask(text).filter(|_| !encoded) else {
            // Some servers read more than JSON (`NaN`, a second value behind the first). What only they can read has no
            // limit that we could set, and a whole answer is not cut: a long one would go out for the fee of a short one.
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            let object = text.trim_ascii_start().starts_with(b"{");
            if room.is_some() && (endpoint.generates() || object) {
                return Err(ProxyRefusal::BadBody("it is not one JSON object in UTF-8".to_owned()));
            }
            return Ok(Edited::not());
        };
        let bad = |error: EditError| ProxyRefusal::BadBody(error.to_string());
        let mut edited: Option<Vec<u8>> = None;
        // Told before the service works for what could not be counted. Of other shapes all is one text.
        if endpoint.is_read() && ask.choices > MAX_TEXTS as u64 {
            return Err(ProxyRefusal::BadBody(format!(
                "it asks for {} answers, and more than {MAX_TEXTS} at once are not counted; ask for fewer",
                ask.choices
            )));
        }
        if let Some(room) = room {
            if let Some(name) = ask.unclear {
                return Err(ProxyRefusal::BadBody(format!(
                    "its {name} is not a whole number; write it in digits, without quotes"
                )));
            }
            // What is repeated of the prompt is part of the answer, and no limit holds it.
            let repeated = self.input.0.saturating_mul(ask.echoes);
            let most = room.0.saturating_sub(repeated);
            // A prompt that is only scored is repeated, with no new token behind it.
            let scored = endpoint == Endpoint::Completions && ask.echoes > 0 && ask.max_output == Some(0);
            if let Some(name) = ask.none_wanted.filter(|_| !scored) {
                return Err(ProxyRefusal::BadBody(format!(
                    "its {name} is 0, which some services read as no limit; allow at least 1, or leave it out"
                )));
            }
            if scored && repeated > room.0 {
                return Err(ProxyRefusal::BadBody(format!(
                    "it has {repeated} tokens of prompts repeated, and the highest fee pays for {}; ask for fewer, or deposit \
                     more and raise the caps",
                    room.0
                )));
            }
            // Each has at least one token.
            if ask.choices > most && !scored {
                let answers = ask.choices;
                return Err(ProxyRefusal::BadBody(format!(
                    "it asks for {answers} answers, and the highest fee pays for {most} new tokens; ask for fewer, or deposit more and \
                     raise the caps"
                )));
            }
            edited = limit_output(text, endpoint, most / ask.choices.max(1)).map_err(bad)?;
        }
        let mut asks_usage = false;
        // The other protocols state their figures unasked, and strict servers refuse a member that they do not know.
        if self.meter == MeterName::Usage
            && matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions)
        {
            let so_far = edited.as_deref().unwrap_or(text);
            if let Some(asking) = ask_for_usage(so_far).map_err(bad)? {
                edited = Some(asking);
                asks_usage = true;
            }
        }
        Ok(Edited { body: edited, ask, asks_usage })
    }
}
