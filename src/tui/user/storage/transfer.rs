//! A file on its way, and what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::domain::{Address, Neuron, Prices, RequestId, ServiceName, Timestamp, Units};

/// Bytes of an upload's answer that are paid for at most: a root is a few dozen.
pub const ANSWER: u64 = 64 << 10;

/// Where a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// What is to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub way: Way,
    pub provider: Address,
    pub service: ServiceName,
    pub prices: Prices,
    /// As it was typed.
    pub file: String,
    /// The service's name for the content; empty for an upload.
    pub id: String,
    /// Of the file, or the most that is taken.
    pub bytes: u64,
}

impl Order {
    /// The fee of what is sent.
    pub fn input_fee(&self) -> Neuron {
        let bytes = if self.way == Way::Up { self.bytes } else { 0 };
        self.prices.fee(Units(bytes), Units(0)).map_or(Neuron::MAX, |fee| fee.total())
    }

    /// The most that it can cost.
    pub fn at_most(&self) -> Neuron {
        let (sent, got) = match self.way {
            Way::Up => (self.bytes, ANSWER),
            Way::Down => (0, self.bytes),
        };
        self.prices.fee(Units(sent), Units(got)).map_or(Neuron::MAX, |fee| fee.total())
    }

    /// What follows the service's name in the call. A path is taken as it is, as services differ in them.
    pub fn suffix(&self) -> String {
        match self.way {
            Way::Up => String::new(),
            Way::Down => format!("/{}", self.id.trim_start_matches('/')),
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The file is read, and its hash made, before anything leaves.
    Reading,
    /// On its way, or waiting for the answer.
    Sending,
    Receiving,
}

/// What the screen and the task share.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    /// Of the answer, where it says so.
    whole: AtomicU64,
    stage: AtomicU8,
    pub stop: CancellationToken,
}

impl Progress {
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn whole(&self) -> Option<u64> {
        Some(self.whole.load(Ordering::Relaxed)).filter(|whole| *whole > 0)
    }

    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Reading,
            1 => Stage::Sending,
            _ => Stage::Receiving,
        }
    }

    pub fn add(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    pub fn enter(&self, stage: Stage, whole: Option<u64>) {
        if stage != Stage::Sending {
            self.bytes.store(0, Ordering::Relaxed);
        }
        self.whole.store(whole.unwrap_or(0), Ordering::Relaxed);
        let number = match stage {
            Stage::Reading => 0,
            Stage::Sending => 1,
            Stage::Receiving => 2,
        };
        self.stage.store(number, Ordering::Relaxed);
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Moving,
    /// With the id that the service gave, or the file that was written.
    Done(String),
    Stopped,
    Failed(String),
}

/// A transfer of this session, or an upload of an earlier one.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub number: u64,
    pub order: Order,
    pub progress: Arc<Progress>,
    pub began: Timestamp,
    pub ended: Option<Timestamp>,
    pub outcome: Outcome,
    /// Moved in the end.
    pub bytes: u64,
    pub request: Option<RequestId>,
    /// What it cost; none while that is not known.
    pub fee: Option<Neuron>,
}

impl Transfer {
    pub fn moves(&self) -> bool {
        self.outcome == Outcome::Moving
    }

    /// The service's name for the content.
    pub fn id(&self) -> Option<&str> {
        match (self.order.way, &self.outcome) {
            (Way::Up, Outcome::Done(id)) => Some(id),
            (Way::Up, _) => None,
            (Way::Down, _) => Some(&self.order.id),
        }
    }

    /// What it has cost so far, by what has moved.
    pub fn so_far(&self) -> Neuron {
        let got = if self.order.way == Way::Down { self.progress.bytes() } else { 0 };
        let output = self.order.prices.fee(Units(0), Units(got)).map_or(Neuron::MAX, |fee| fee.total());
        let sent = self.progress.stage() != Stage::Reading;
        let input = if sent { self.order.input_fee() } else { Neuron::ZERO };
        input.saturating_add(output)
    }

    /// What is kept of an upload, so that its content is found again.
    pub fn remembered(&self) -> Option<Value> {
        let (Way::Up, Outcome::Done(id)) = (self.order.way, &self.outcome) else { return None };
        Some(json!({
            "id": id,
            "file": self.order.file,
            "bytes": self.bytes,
            "provider": self.order.provider.to_string(),
            "service": self.order.service.as_str(),
            "at": self.began.to_string(),
            "request": self.request.map(|request| request.to_string()),
            "fee": self.fee.map(|fee| fee.to_string()),
        }))
    }

    pub fn recalled(number: u64, kept: &Value) -> Option<Transfer> {
        let text = |name: &str| kept[name].as_str();
        let bytes = kept["bytes"].as_u64()?;
        let began = text("at")?.parse().ok()?;
        Some(Transfer {
            number,
            order: Order {
                way: Way::Up,
                provider: text("provider")?.parse().ok()?,
                service: text("service")?.parse().ok()?,
                prices: Prices { input: Neuron::ZERO, output: Neuron::ZERO },
                file: text("file")?.to_owned(),
                id: String::new(),
                bytes,
            },
            progress: Arc::default(),
            began,
            ended: Some(began),
            outcome: Outcome::Done(text("id")?.to_owned()),
            bytes,
            request: text("request").and_then(|request| request.parse().ok()),
            fee: text("fee").and_then(|fee| fee.parse().ok()),
        })
    }
}

/// The id in what a service answered to an upload: services differ in what they call it.
pub fn id_in(answer: &[u8]) -> Option<String> {
    const NAMES: [&str; 8] = ["root", "rootHash", "root_hash", "fileRoot", "hash", "id", "cid", "key"];
    fn found(value: &Value, deep: u8) -> Option<String> {
        if let Some(text) = value.as_str().filter(|_| deep > 0) {
            return Some(text.to_owned());
        }
        let named = NAMES.iter().find_map(|name| value.get(name)?.as_str().map(str::to_owned));
        named.or_else(|| (deep < 2).then(|| found(value.get("data")?, deep + 1))?)
    }
    let text = std::str::from_utf8(answer).ok()?;
    let id = match serde_json::from_str::<Value>(text) {
        Ok(value) => found(&value, 0).or_else(|| value.as_str().map(str::to_owned)),
        // Plain text, if it could be a name at all.
        Err(_) => Some(text.trim().to_owned()),
    }?;
    let plain = !id.is_empty() && id.len() <= 200 && id.chars().all(|letter| letter.is_ascii_graphic());
    plain.then_some(id)
}

/// A name for a file that is called `id` where it comes from: nothing in it can lead elsewhere.
pub fn file_name(id: &str) -> String {
    let tail = id.rsplit(['/', '=']).next().unwrap_or(id);
    let digits = tail.strip_prefix("0x").unwrap_or(tail);
    let name: String = digits.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    if name.is_empty() { "download.bin".to_owned() } else { format!("{name}.bin") }
}
