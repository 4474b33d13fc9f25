//! News from a broker: `GET /v1/events`, read for as long as somebody listens.
//!
//! An event only says that something changed; what is true now is read from the listings. So a lost event costs a
//! moment and no fact, and a connection that breaks is simply made again, with longer and longer pauses.

use std::time::Duration;

use reqwest::{Method, Response};
use tokio::sync::mpsc::Sender;

use super::{Call, Client, ClientError};
use crate::domain::clean::clean;
use crate::wire::sse::{Limits, Splitter};

/// A stream lives until it breaks; a broker sends a comment every 15 s.
const STREAM: Duration = Duration::from_secs(24 * 3600);
const SILENCE: Duration = Duration::from_secs(45);
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);
const LIMITS: Limits = Limits { line: 64 << 10, event: 64 << 10 };

/// What a stream of events tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Connected: from now on changes are told.
    Up,
    /// Something changed, with the event's name.
    Changed(String),
    /// Broken off; it is tried again.
    Down,
    /// This broker tells no events; it must be asked.
    Absent,
}

/// Tells news until nobody listens any more, or until it turns out that there are none.
pub async fn follow(client: Client, news: Sender<News>) {
    let mut pause = SHORTEST;
    loop {
        match connect(&client).await {
            Ok(response) => {
                if news.send(News::Up).await.is_err() {
                    return;
                }
                let began = tokio::time::Instant::now();
                if listen(response, &news).await.is_none() || news.send(News::Down).await.is_err() {
                    return;
                }
                // A stream that lived a while is worth a quick new try.
                if began.elapsed() > LONGEST {
                    pause = SHORTEST;
                }
            }
            Err(error) if error.is_absent() => {
                let _ = news.send(News::Absent).await;
                return;
            }
            Err(_) if news.is_closed() => return,
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

async fn connect(client: &Client) -> Result<Response, ClientError> {
    let call = Call { within: STREAM, ..Call::new(Method::GET, "/v1/events") };
    let response = client.send(call).await?;
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        Ok(response)
    } else {
        Err(ClientError::NotUnderstood("it is no event stream".to_owned()))
    }
}

/// Tells events until the stream ends; `None` once nobody listens.
async fn listen(mut response: Response, news: &Sender<News>) -> Option<()> {
    let mut splitter = Splitter::new(LIMITS);
    loop {
        match tokio::time::timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(chunk))) => splitter.push(&chunk),
            _ => return Some(()),
        }
        loop {
            match splitter.next_event() {
                // Comments keep the connection open and say nothing.
                Ok(Some(event)) if event.data.is_none() && event.name.is_none() => {}
                Ok(Some(event)) => {
                    let name = event.name.unwrap_or_default();
                    news.send(News::Changed(clean(&name, 40).into_owned())).await.ok()?;
                }
                Ok(None) => break,
                Err(_) => return Some(()),
            }
        }
    }
}
