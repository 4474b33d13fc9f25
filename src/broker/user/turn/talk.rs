//! An answer as it comes: words, and what they cost so far by our own count.
//!
//! A [`Talk`] reads the very bytes that the broker passes on and books, with the same meter. It holds nothing back but
//! half a mark or half an event; whoever does not ask for the next event slows the provider down, and whoever drops the
//! talk stops the answer.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, header};
use tokio::task::JoinHandle;

use super::reading::{FinishReason, Reader, Said};
use super::thinking::Voice;
use super::{Turn, body, check_kind, units};
use crate::body::{Answer, AnswerBody};
use crate::broker::user::answer::REQUEST_ID_HEADER;
use crate::broker::user::call::PaidCall;
use crate::broker::user::error::CallRefusal;
use crate::broker::user::handle::UserBroker;
use crate::broker::user::upstream::UpstreamError;
use crate::domain::clean::clean;
use crate::domain::{Neuron, Prices, RequestId, ServiceKind, Units};
use crate::meter::{Limits, OutputMeter};
use crate::wire::fault::FaultBody;
use crate::wire::headers::joined;

/// The figures are told at most this often while the answer comes, and once more at its end.
const PACE: Duration = Duration::from_millis(100);
/// How much of an answer that is an error is read, and for how long.
const ERROR: usize = 64 << 10;
const ERROR_TIME: Duration = Duration::from_secs(10);

/// Something that happened to an answer. Texts are as the model wrote them, of one to all chunks that came together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TalkEvent {
    Content(String),
    /// What the model thinks before it answers. It is paid for like content.
    Reasoning(String),
    /// Output units so far, and the fee of input and output so far.
    Metered {
        output: Units,
        fee: Neuron,
    },
    /// The last event of a whole answer.
    Finished {
        reason: FinishReason,
    },
    /// The last event of an answer that broke, and why. What came before it is paid for.
    Broken(String),
}

/// An answer under way. Dropping it stops the answer; the broker then books what had been delivered.
pub struct Talk {
    /// To be asked for with [`UserBroker::cost`].
    pub request: Option<RequestId>,
    /// The prices that it is paid by.
    pub prices: Prices,
    pub input: Units,
    /// What it costs at most.
    pub max_fee: Neuron,
    body: AnswerBody,
    reader: Reader,
    meter: Option<OutputMeter>,
    ready: VecDeque<TalkEvent>,
    told: Option<(Instant, Units)>,
    /// A large whole answer being read on a blocking thread.
    finishing: Option<JoinHandle<Last>>,
    over: bool,
}

/// The end of an answer, what was read of it, and its exact count.
type Last = (Result<FinishReason, String>, Vec<Said>, Option<Units>);

impl fmt::Debug for Talk {
    /// Without what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talk")
            .field("request", &self.request)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

impl UserBroker {
    /// Sends a turn as a paid call and gives its answer as soon as its head is there.
    ///
    /// # Errors
    /// Everything that [`UserBroker::call`] refuses, and [`CallRefusal::Answered`] where the answer is an error, which
    /// costs nothing.
    pub async fn converse(&self, turn: Turn) -> Result<Talk, CallRefusal> {
        let inner = &self.inner;
        let service = inner.service(turn.provider, &turn.service).await?;
        check_kind(&service)?;
        let input = units(inner, &turn).await?;
        let bytes = body::write(&turn, &service);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let Turn { provider, service: name, caps, prices_seen, .. } = turn;
        let call = PaidCall {
            caps,
            prices_seen,
            ..PaidCall::post(provider, name, "/chat/completions", headers, bytes)
        };
        // Large: the whole life of a request is in it.
        let answer = Box::pin(self.call(call)).await?;
        let request = answer.headers.get(&REQUEST_ID_HEADER).and_then(|id| id.to_str().ok()?.parse().ok());
        if !answer.status.is_success() {
            return Err(refused(answer, request).await);
        }
        // Prices may have been read again on the way; what the request is booked by stands in its row.
        let row = match request {
            Some(id) => inner.store.request(id).await.ok().flatten(),
            None => None,
        };
        let prices = row.as_ref().map_or(service.prices, |row| row.prices);
        let max_fee = row.map_or(Neuron::MAX, |row| row.max_fee);
        let text = |name| joined(&answer.headers, name);
        let (kind, encoding) = (text(&header::CONTENT_TYPE), text(&header::CONTENT_ENCODING));
        let (kind, encoding) = (kind.as_deref(), encoding.as_deref());
        // The broker cannot count such an answer either; what it costs is for the receipt to say.
        let host = provider.to_string();
        let reader = Reader::new(kind, encoding).map_err(|reason| UpstreamError::Broken { host, reason })?;
        let meter = OutputMeter::new(ServiceKind::Chatbot, kind, encoding, Limits::default()).ok();
        Ok(Talk {
            request,
            prices,
            input,
            max_fee,
            body: answer.body,
            reader,
            meter,
            ready: VecDeque::new(),
            told: None,
            finishing: None,
            over: false,
        })
    }
}

impl Talk {
    /// The next event; `None` after the last. May be dropped while it waits: nothing is lost then.
    pub async fn next(&mut self) -> Option<TalkEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if let Some(finishing) = &mut self.finishing {
                let last = finishing.await;
                self.finishing = None;
                match last {
                    Ok((end, said, output)) => {
                        self.say(said);
                        output.into_iter().for_each(|output| self.metered(output));
                        self.end(end);
                    }
                    Err(_) => self.end(Err("the answer could not be read".to_owned())),
                }
                continue;
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.take(&chunk),
                Some(Err(error)) => self.end(Err(clean(&error.to_string(), 300).into_owned())),
                None => self.last(),
            }
        }
    }

    /// What input and so many units of output cost.
    fn fee(&self, output: Units) -> Neuron {
        self.prices.fee(self.input, output).map_or(self.max_fee, |fee| fee.capped(self.max_fee).total())
    }

    fn take(&mut self, chunk: &[u8]) {
        if let Some(meter) = &mut self.meter
            && meter.push(chunk).is_err()
        {
            // The broker meets the same bytes and breaks the answer off.
            self.meter = None;
        }
        let read = self.reader.push(chunk);
        let said = self.reader.said();
        self.say(said);
        if let Err(reason) = read {
            self.end(Err(reason));
            return;
        }
        let Some(output) = self.meter.as_ref().map(OutputMeter::units) else { return };
        let due = self.told.is_none_or(|(at, before)| before != output && at.elapsed() >= PACE);
        if due && output > Units(0) {
            self.metered(output);
        }
    }

    fn metered(&mut self, output: Units) {
        self.told = Some((Instant::now(), output));
        let fee = self.fee(output);
        self.ready.push_back(TalkEvent::Metered { output, fee });
    }

    fn say(&mut self, said: Vec<Said>) {
        self.ready.extend(said.into_iter().map(|said| match said.voice {
            Voice::Content => TalkEvent::Content(said.text),
            Voice::Reasoning => TalkEvent::Reasoning(said.text),
        }));
    }

    /// The bytes are over.
    fn last(&mut self) {
        if !self.reader.is_large() {
            let end = self.reader.finish();
            self.end(end);
            return;
        }
        // Reading and counting a large whole answer takes longer than others should wait.
        let (mut reader, meter) = (std::mem::take(&mut self.reader), self.meter.take());
        self.finishing = Some(tokio::task::spawn_blocking(move || {
            let end = reader.finish();
            (end, reader.said(), meter.map(|meter| meter.finish().units))
        }));
    }

    fn end(&mut self, end: Result<FinishReason, String>) {
        let said = self.reader.said();
        self.say(said);
        if let Some(meter) = self.meter.take() {
            let output = meter.finish().units;
            if self.told.is_none_or(|(_, before)| before != output) {
                self.metered(output);
            }
        }
        self.ready.push_back(match end {
            Ok(reason) => TalkEvent::Finished { reason },
            Err(reason) => TalkEvent::Broken(reason),
        });
        self.over = true;
        // What is still under way is not wanted any more.
        self.body = AnswerBody::Full(bytes::Bytes::new());
    }
}

/// What an answer that is an error says. It costs nothing.
async fn refused(mut answer: Answer, request: Option<RequestId>) -> CallRefusal {
    let mut body = Vec::new();
    let reading = async {
        while let Some(Ok(chunk)) = answer.body.next().await {
            body.extend_from_slice(&chunk);
            if body.len() > ERROR {
                break;
            }
        }
    };
    // What came in time is enough.
    let _ = tokio::time::timeout(ERROR_TIME, reading).await;
    body.truncate(ERROR);
    let message = serde_json::from_slice::<FaultBody>(&body).map(|body| body.error.message).ok();
    let message = message.or_else(|| {
        let json: serde_json::Value = serde_json::from_slice(&body).ok()?;
        let error = json.get("error")?;
        error.get("message").unwrap_or(error).as_str().map(str::to_owned)
    });
    let message = message.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
    let message = clean(&message, 300).into_owned();
    CallRefusal::Answered { request, status: answer.status.as_u16(), message }
}
