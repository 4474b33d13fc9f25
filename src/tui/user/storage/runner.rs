//! Files moved through the broker: bodies and answers as streams, never whole in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, Method, header};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::transfer::{ANSWER, Order, Progress, Stage, Way, id_in};
use crate::broker::user::{CallRefusal, Caps, HeldAs, PaidCall, Shortfall, UserBroker};
use crate::domain::clean::{clean, clean_reason};
use crate::domain::{Neuron, RequestId};
use crate::tui::texts;
use crate::tui::user::places;
use crate::tui::user::runner::{At, Reply};

/// How often it is told how far it is.
const TOLD: Duration = Duration::from_millis(250);
/// Bytes read from a file at once.
const CHUNK: usize = 256 << 10;
/// Names that a path is completed with, at most.
const NAMES: usize = 200;
/// The mode of what is downloaded, before the user's own mask.
const MODE: u32 = 0o666;

#[derive(Debug)]
pub enum Ask {
    /// Names that a typed path could go on with.
    Complete(String),
    /// Whether there is such a file, and its size.
    Size(String),
    /// Whether a file could be written there.
    Place(String),
    Move {
        number: u64,
        order: Order,
        progress: Arc<Progress>,
    },
}

#[derive(Debug)]
pub enum Answer {
    Names {
        typed: String,
        names: Vec<String>,
    },
    Size {
        typed: String,
        size: Result<u64, String>,
    },
    Place {
        typed: String,
        free: Result<(), String>,
    },
    /// One of them goes on.
    Moving,
    Moved {
        number: u64,
        ended: Ended,
    },
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The id that the service gave or the file that was written, and the bytes.
    pub result: Result<(String, u64), Trouble>,
    pub request: Option<RequestId>,
    /// What it cost by our own books; none while that is not known.
    pub fee: Option<Neuron>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Stopped,
    /// Exactly this is missing.
    Short(Shortfall),
    Other(String),
}

impl From<CallRefusal> for Trouble {
    fn from(refusal: CallRefusal) -> Trouble {
        match refusal.missing() {
            Some(shortfall) => Trouble::Short(shortfall),
            None => Trouble::Other(refusal.for_screen()),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Other(clean_reason(&error.to_string(), 300))
    }
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let directory = at.directory.clone();
    let broker = at.broker();
    at.tasks.spawn_until_stopped("screens: files", async move {
        let answer = match ask {
            Ask::Complete(typed) => {
                let begun = typed.clone();
                let names = off(move || Ok(places::completions(&directory, &begun, NAMES))).await;
                Answer::Names { typed, names: names.unwrap_or_default() }
            }
            Ask::Size(typed) => {
                let path = places::resolve(&directory, &typed);
                let size = off(move || {
                    let found = std::fs::metadata(path)?;
                    if !found.is_file() {
                        return Err(io::Error::other(texts::shared::NO_FILE));
                    }
                    Ok(found.len())
                });
                Answer::Size {
                    typed,
                    size: size.await.map_err(|error| clean_reason(&error.to_string(), 200)),
                }
            }
            Ask::Place(typed) => {
                let path = places::resolve(&directory, &typed);
                let free = off(move || places::unfinished(&path, MODE).map(drop)).await;
                Answer::Place { typed, free: free.map_err(|error| clean_reason(&error.to_string(), 200)) }
            }
            Ask::Move { number, order, progress } => {
                let ended = match broker {
                    Some(broker) => run(&broker, &order, &progress, &directory, &reply).await,
                    None => Ended {
                        result: Err(Trouble::Other(texts::shared::BROKER_NOT_READY.to_owned())),
                        request: None,
                        fee: None,
                    },
                };
                Answer::Moved { number, ended }
            }
        };
        reply.send(answer).await;
    });
}

async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Moves the file and tells how far it is; what was under way when it stops is booked by the broker.
async fn run(
    broker: &UserBroker,
    order: &Order,
    progress: &Arc<Progress>,
    directory: &std::path::Path,
    reply: &Reply<Answer>,
) -> Ended {
    let path = places::resolve(directory, &order.file);
    let held = HeldAs::default();
    let result = {
        let moving = async {
            match order.way {
                Way::Up => upload(broker, order, progress, &path, &held).await,
                Way::Down => download(broker, order, progress, &path, &held).await,
            }
        };
        let mut moving = std::pin::pin!(moving);
        loop {
            tokio::select! {
                result = &mut moving => break result,
                () = progress.stop.cancelled() => break Err(Trouble::Stopped),
                () = tokio::time::sleep(TOLD) => reply.send(Answer::Moving).await,
            }
        }
    };
    let (request, fee) = cost(broker, &held).await;
    Ended { result, request, fee }
}

/// What the books say of it in the end. What was never held costs nothing.
async fn cost(broker: &UserBroker, held: &HeldAs) -> (Option<RequestId>, Option<Neuron>) {
    for _ in 0..20 {
        let Some(id) = held.request() else { return (None, Some(Neuron::ZERO)) };
        match broker.request(id).await {
            Ok(view) if view.state.has_ended() => return (Some(id), Some(view.fee.total())),
            _ => tokio::time::sleep(Duration::from_millis(150)).await,
        }
    }
    (held.request(), None)
}

fn call(order: &Order, method: Method, held: &HeldAs) -> PaidCall {
    PaidCall {
        provider: order.provider,
        service: order.service.clone(),
        suffix: order.suffix(),
        method,
        headers: HeaderMap::new(),
        body: Box::pin(futures_util::stream::empty()),
        idempotency_key: None,
        // No more than what was shown and agreed to.
        caps: Caps { per_request: Some(order.at_most()), ..Caps::default() },
        prices_seen: Some(order.prices),
        held: held.clone(),
    }
}

async fn upload(
    broker: &UserBroker,
    order: &Order,
    progress: &Arc<Progress>,
    path: &std::path::Path,
    held: &HeldAs,
) -> Result<(String, u64), Trouble> {
    progress.enter(Stage::Reading, Some(order.bytes));
    let file = tokio::fs::File::open(path).await?;
    let length = file.metadata().await?.len();
    if length != order.bytes {
        return Err(Trouble::Other(texts::storage::SIZE_CHANGED.to_owned()));
    }
    let (counted, whole) = (Arc::clone(progress), order.bytes);
    let body = ReaderStream::with_capacity(file, CHUNK).inspect_ok(move |chunk| {
        counted.add(chunk.len());
        if counted.bytes() >= whole {
            counted.enter(Stage::Sending, None);
        }
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(order.bytes));
    let call =
        PaidCall { headers, body: Box::pin(body.map_err(Into::into)), ..call(order, Method::POST, held) };
    let mut answer = broker.call(call).await?;
    let mut said = Vec::new();
    while let Some(chunk) = answer.body.next().await {
        said.extend_from_slice(&chunk?);
        if u64::try_from(said.len()).unwrap_or(u64::MAX) > ANSWER {
            break;
        }
    }
    if !answer.status.is_success() {
        return Err(refused(answer.status.as_u16(), &said));
    }
    let id = id_in(&said).unwrap_or_else(|| {
        let said = clean(&String::from_utf8_lossy(&said), 200).into_owned();
        texts::storage::named_none(&said)
    });
    Ok((id, order.bytes))
}

async fn download(
    broker: &UserBroker,
    order: &Order,
    progress: &Arc<Progress>,
    path: &std::path::Path,
    held: &HeldAs,
) -> Result<(String, u64), Trouble> {
    progress.enter(Stage::Sending, None);
    let target = path.to_owned();
    let (file, unfinished) = off(move || places::unfinished(&target, MODE)).await?;
    let mut file = tokio::fs::File::from_std(file);
    let mut answer = broker.call(call(order, Method::GET, held)).await?;
    if !answer.status.is_success() {
        let mut said = Vec::new();
        while let Some(Ok(chunk)) = answer.body.next().await {
            said.extend_from_slice(&chunk);
            if said.len() > 2_000 {
                break;
            }
        }
        return Err(refused(answer.status.as_u16(), &said));
    }
    let length = answer.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    progress.enter(Stage::Receiving, length);
    while let Some(chunk) = answer.body.next().await {
        let chunk = chunk.map_err(|error| {
            let reason = clean_reason(&error.to_string(), 200);
            let got = progress.bytes();
            Trouble::Other(texts::storage::broke_off(got, &reason))
        })?;
        file.write_all(&chunk).await.map_err(|error| {
            let reason = clean_reason(&error.to_string(), 200);
            Trouble::Other(texts::storage::no_room(&reason))
        })?;
        progress.add(chunk.len());
    }
    file.flush().await?;
    let got = progress.bytes();
    if length.is_some_and(|length| length != got) {
        return Err(Trouble::Other(texts::storage::ended_early(got)));
    }
    let target = path.to_owned();
    off(move || places::keep(unfinished, &target)).await?;
    Ok((path.display().to_string(), got))
}

/// What a service said when it refused; that costs nothing.
fn refused(status: u16, said: &[u8]) -> Trouble {
    let text = String::from_utf8_lossy(said);
    let message = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|value| Some(value.get("error")?.as_str()?.to_owned()))
        .unwrap_or_else(|| text.into_owned());
    let message = clean(message.trim(), 200).into_owned();
    Trouble::Other(texts::storage::service_refused(status, &message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a task of a test ends with the test's runtime")]
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::broker::user::tests::bed::{Bed, PRICES, name};
    use crate::broker::user::tests::scripted::{Says, Script};
    use crate::broker::user::{RequestFilter, RequestSort, Settings};
    use crate::tui::user::message::Message;

    /// More than the system's buffers take on a loopback connection that nobody reads from.
    const LARGE: u64 = 32 << 20;

    #[tokio::test]
    async fn what_was_stopped_says_its_own_request_and_cost() {
        let bed = Bed::new(Script::honest(Says::Deaf)).await;
        let broker = bed.funded(Settings::default(), 1_000_000_000_000).await;
        std::fs::File::create(bed.dir.path().join("blob")).unwrap().set_len(LARGE).unwrap();
        let order = Order {
            way: Way::Up,
            provider: bed.provider(),
            service: name("files"),
            prices: PRICES,
            file: "blob".to_owned(),
            id: String::new(),
            bytes: LARGE,
        };
        let rows = async |least: usize| loop {
            let list = broker.requests(RequestFilter::default(), None, 9, RequestSort::Newest).await.unwrap();
            if list.items.len() >= least {
                break list.items.iter().map(|row| row.request).collect::<Vec<_>>();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let began = |progress: &Arc<Progress>| {
            let (broker, order, progress) = (broker.clone(), order.clone(), Arc::clone(progress));
            let directory = bed.dir.path().to_owned();
            let (sender, mut told) = tokio::sync::mpsc::channel(9);
            tokio::spawn(async move { while told.recv().await.is_some() {} });
            let reply = Reply::new(sender, Message::Storage);
            tokio::spawn(async move { run(&broker, &order, &progress, &directory, &reply).await })
        };
        let (first, second) = (Arc::<Progress>::default(), Arc::<Progress>::default());
        let one = began(&first);
        let before = rows(1).await;
        let two = began(&second);
        rows(2).await;
        first.stop.cancel();
        let ended = one.await.unwrap();
        assert_eq!((ended.result, ended.fee), (Err(Trouble::Stopped), Some(Neuron::ZERO)));
        assert_eq!(vec![ended.request.unwrap()], before);
        second.stop.cancel();
        let other = two.await.unwrap().request;
        assert!(other.is_some() && other != ended.request);
    }
}
