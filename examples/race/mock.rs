//! The upstream: one process, one thread, answers by the first part of the path.
//!
//! | path | answer |
//! |---|---|
//! | `/json-D/…` | a chat completion of 1 KiB after D ms |
//! | `/sse-NxM/…` | N chunks, M ms between them, each with the nanosecond at which it was sent; the usage if asked for; `[DONE]` |
//! | `/idle/…` | one chunk, then silence until `GET /release`, then the end |
//! | `/models` at its end, by `GET` | a list of models of 1 KiB |
//! | anything else by `GET` | an empty list |

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::wire::Reader;

/// Bytes of a whole answer.
const ANSWER: usize = 1024;
/// Stands before the time stamp of a chunk, in a field that gateways pass on.
pub const STAMP: &[u8] = b"\"system_fingerprint\":\"t";
/// Where a prompt is said to have come to so many tokens. Nobody bills by it here.
const PROMPT_TOKENS: u64 = 20;

/// Nanoseconds by the host's clock, the same in every process.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What is said again and again, with its head.
struct Answers {
    completion: Vec<u8>,
    models: Vec<u8>,
}

pub async fn serve(address: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let release = Rc::new(watch::Sender::new(0_u64));
    let answers = Rc::new(Answers { completion: completion(), models: models() });
    println!("serving");
    loop {
        let (stream, _) = listener.accept().await?;
        let (release, answers) = (Rc::clone(&release), Rc::clone(&answers));
        tokio::task::spawn_local(async move {
            // Whoever hangs up is told nothing.
            let _ = connection(stream, &release, &answers).await;
        });
    }
}

async fn connection(
    mut stream: TcpStream,
    release: &watch::Sender<u64>,
    answers: &Answers,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.split();
    let mut reader = Reader::new(read);
    let mut body = Vec::new();
    while let Some(head) = reader.head().await? {
        body.clear();
        while reader.piece(&mut body).await? {}
        let mut words = head.first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mode = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let usage = body.windows(15).any(|part| part == b"\"include_usage\"");
        if method != "POST" {
            if path == "/release" {
                release.send_modify(|turn| *turn += 1);
            }
            if path.ends_with("/models") {
                write.write_all(&answers.models).await?;
            } else {
                write.write_all(&whole(br#"{"object":"list","data":[]}"#)).await?;
            }
        } else if let Some(delay) = mode.strip_prefix("json-").and_then(|delay| delay.parse().ok()) {
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            write.write_all(&answers.completion).await?;
        } else if let Some((chunks, pause)) = mode.strip_prefix("sse-").and_then(|text| text.split_once('x'))
        {
            let pause = Duration::from_millis(pause.parse().unwrap_or(0));
            let mut timer = tokio::time::interval(pause.max(Duration::from_millis(1)));
            write.write_all(STREAM_HEAD).await?;
            let chunks = chunks.parse().unwrap_or(1);
            for number in 0..chunks {
                timer.tick().await;
                write.write_all(&delta(number)).await?;
            }
            write.write_all(&end(chunks, usage)).await?;
        } else if mode == "idle" {
            let mut turn = release.subscribe();
            write.write_all(STREAM_HEAD).await?;
            write.write_all(&delta(0)).await?;
            if turn.changed().await.is_err() {
                return Ok(());
            }
            write.write_all(&end(1, usage)).await?;
        } else {
            write.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await?;
        }
        if head.close {
            break;
        }
    }
    Ok(())
}

const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

fn whole(body: &[u8]) -> Vec<u8> {
    let mut all = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    all.extend_from_slice(body);
    all
}

fn usage_of(chunks: u64) -> serde_json::Value {
    json!({"prompt_tokens": PROMPT_TOKENS, "completion_tokens": chunks, "total_tokens": PROMPT_TOKENS + chunks})
}

/// `ANSWER` bytes of JSON, of which `body` makes everything but a text; with their head.
fn filled(body: impl Fn(&str) -> String) -> Vec<u8> {
    let words = "the answer of a model that is as long as it has to be and says nothing else ".repeat(20);
    let rest = ANSWER.saturating_sub(body("").len());
    whole(body(&words[..rest]).as_bytes())
}

fn completion() -> Vec<u8> {
    filled(|content| {
        json!({
            "id": "chatcmpl-race", "object": "chat.completion", "created": 1_700_000_000, "model": "race",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": usage_of(160),
        })
        .to_string()
    })
}

fn models() -> Vec<u8> {
    filled(|words| {
        let model = json!({"id": "race", "object": "model", "created": 1_700_000_000, "owned_by": words});
        json!({"object": "list", "data": [model]}).to_string()
    })
}

fn chunk(payload: &str) -> Vec<u8> {
    format!("{:x}\r\n{payload}\r\n", payload.len()).into_bytes()
}

fn delta(number: u64) -> Vec<u8> {
    let word = if number == 0 { "One" } else { " word" };
    chunk(&format!(
        "data: {{\"id\":\"chatcmpl-race\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"race\",\
         \"system_fingerprint\":\"t{}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n",
        now()
    ))
}

fn end(chunks: u64, usage: bool) -> Vec<u8> {
    let mut text = "data: {\"id\":\"chatcmpl-race\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
                    \"model\":\"race\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        .to_owned();
    if usage {
        let last = json!({
            "id": "chatcmpl-race", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "race",
            "choices": [], "usage": usage_of(chunks),
        });
        text.push_str(&format!("data: {last}\n\n"));
    }
    text.push_str("data: [DONE]\n\n");
    let mut all = chunk(&text);
    all.extend_from_slice(b"0\r\n\r\n");
    all
}
