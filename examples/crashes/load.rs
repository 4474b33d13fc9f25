//! What users and the owner do meanwhile: workers that draw deeds from a seed, as applications and people would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::task::JoinSet;
use zgserve_tui::crash_point::Point;

use super::elsewhere;
use super::world::Place;

/// Something that somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Chat,
    Stream,
    LeaveChat,
    LeaveStream,
    Fails,
    Upload,
    Download,
    LeaveDownload,
    Deposit,
    Refund,
    CancelRefund,
    Settle,
    Service,
    OpenElsewhere,
    /// The chain mines nothing for a moment, so that transactions must be replaced.
    Stuck,
}

/// What goes on while nothing particular is wanted.
pub const USUAL: &[Deed] = &[
    Deed::Chat,
    Deed::Chat,
    Deed::Chat,
    Deed::Stream,
    Deed::Stream,
    Deed::LeaveChat,
    Deed::LeaveStream,
    Deed::Fails,
    Deed::Upload,
    Deed::Download,
    Deed::LeaveDownload,
    Deed::Deposit,
    Deed::Refund,
    Deed::CancelRefund,
    Deed::Settle,
];

/// What makes a process pass a point soon.
pub fn focus(point: Point) -> &'static [Deed] {
    match point {
        Point::FileWritten | Point::FileNamed | Point::DelegateMade => &[Deed::OpenElsewhere],
        Point::AttemptRecorded | Point::AttemptBroadcast | Point::MinedSeen | Point::OutcomeRecorded => {
            &[Deed::Deposit, Deed::Settle, Deed::Chat]
        }
        Point::DevnetAppended | Point::DevnetSynced => &[Deed::Deposit, Deed::Settle],
        Point::ReplacementRecorded => &[Deed::Stuck, Deed::Deposit, Deed::Settle, Deed::Chat],
        Point::EventOut => &[Deed::Stream, Deed::LeaveStream],
        Point::BytesOut => &[Deed::Download, Deed::LeaveDownload],
        Point::SettlementIntent
        | Point::SettlementSent
        | Point::SettlementAccounts
        | Point::SettlementResult
        | Point::DecisionWritten => &[Deed::Chat, Deed::Settle],
        Point::AccountsObserved
        | Point::OperationPrepared
        | Point::OperationRead
        | Point::AccountObserved => &[Deed::Deposit],
        Point::RefundSeen | Point::RefundNoted => &[Deed::Refund, Deed::CancelRefund],
        Point::ServiceWritten | Point::ServiceSent | Point::ServiceListed => &[Deed::Service],
        Point::FailureWritten => &[Deed::Fails],
        Point::PassedOn => &[Deed::Stream, Deed::Download],
        Point::UnconfirmedWritten | Point::LostClosed => &[Deed::Stream, Deed::LeaveStream],
        _ => &[Deed::Chat, Deed::Stream, Deed::Chat],
    }
}

/// Workers at work. They end when this is stopped; what is under way then is given up, as somebody does who leaves.
pub struct Load {
    stop: Arc<AtomicBool>,
    pub done: Arc<AtomicU64>,
    workers: JoinSet<()>,
}

impl Load {
    /// `pause`: milliseconds between two deeds of a worker, at most.
    pub fn start(place: &Arc<Place>, seed: u64, workers: usize, pause: u64, focus: &'static [Deed]) -> Load {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut set = JoinSet::new();
        for worker in 0..workers {
            let (place, stop, done) = (Arc::clone(place), Arc::clone(&stop), Arc::clone(&done));
            let mut dice = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(worker as u64));
            #[allow(clippy::disallowed_methods, reason = "the harness has no groups of tasks")]
            set.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let from = if dice.random_bool(0.7) { focus } else { USUAL };
                    let deed = from[dice.random_range(0..from.len())];
                    perform(&place, deed, &mut dice).await;
                    done.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(dice.random_range(0..=pause))).await;
                }
            });
        }
        Load { stop, done, workers: set }
    }

    /// Lets deeds under way end for so long, then gives them up.
    pub async fn stop(mut self, patience: Duration) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let all = async { while self.workers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(patience, all).await;
        self.workers.shutdown().await;
        self.done.load(Ordering::Relaxed)
    }
}

pub async fn perform(place: &Place, deed: Deed, dice: &mut StdRng) {
    let user = dice.random_range(0..place.users.len());
    let base = format!("{}/v1/provider/{}", place.users[user].url, place.owner);
    let words = dice.random_range(1..12);
    let every = dice.random_range(0..12);
    let cut = Duration::from_millis(dice.random_range(1..60));
    let chat = format!("{base}/service/chat/chat/completions");
    let body = |stream: bool, text: String| {
        json!({"messages": [{"role": "user", "content": text}], "stream": stream, "max_tokens": 30})
            .to_string()
    };
    match deed {
        Deed::Chat => whole(place, &chat, body(false, format!("{words} {every}"))).await,
        Deed::Stream => whole(place, &chat, body(true, format!("{words} {every}"))).await,
        Deed::Fails => whole(place, &chat, body(false, "fail".to_owned())).await,
        Deed::LeaveChat => {
            let _ =
                tokio::time::timeout(cut, whole(place, &chat, body(false, format!("{words} {every}")))).await;
        }
        Deed::LeaveStream => {
            let _ = tokio::time::timeout(cut, whole(place, &chat, body(true, format!("30 {every}")))).await;
        }
        Deed::Upload => {
            let bytes = vec![b'u'; dice.random_range(1..20_000)];
            let request = place.http.put(format!("{base}/service/files/up")).body(bytes);
            let _ = read(request).await;
        }
        Deed::Download => download(place, &base, dice.random_range(1..60_000)).await,
        Deed::LeaveDownload => {
            let _ = tokio::time::timeout(cut, download(place, &base, 400_000)).await;
        }
        Deed::Deposit => deposit(place, &base).await,
        Deed::Refund => {
            let amount = dice.random_range(1..1_000_000u32).to_string();
            let body = json!({"amount": amount, "replace": true});
            let _ = place.post(&format!("{base}/refund?wait=false"), &body).await;
        }
        Deed::CancelRefund => {
            let _ = place.post(&format!("{base}/refund/cancel?wait=false"), &json!({})).await;
        }
        Deed::Settle => {
            let _ = place.post(&format!("{}/v1/settle?wait=false", place.provider_url), &json!({})).await;
        }
        Deed::Service => service(place, dice).await,
        Deed::OpenElsewhere => {
            let Some(provider) = elsewhere::list(place, dice.random()).await else { return };
            let body = json!({"provider": provider.to_string(), "balance": "1000"});
            let _ = place.post(&format!("{}/v1/provider?wait=false", place.users[user].url), &body).await;
        }
        Deed::Stuck => {
            let _ = place.rpc("evm_setAutomine", json!([false])).await;
            deposit(place, &base).await;
            let _ = place.post(&format!("{}/v1/settle?wait=false", place.provider_url), &json!({})).await;
            tokio::time::sleep(Duration::from_millis(1_600)).await;
            mine_again(place).await;
        }
    }
}

/// A chain that was told to mine nothing mines again.
pub async fn mine_again(place: &Place) {
    let _ = place.rpc("evm_setAutomine", json!([true])).await;
    let _ = place.rpc("evm_mine", json!([])).await;
}

/// Each deposit has an amount that no other has, so that the chain shows whether one was made twice; and each is
/// ordered twice under one key, as somebody does who heard nothing.
async fn deposit(place: &Place, base: &str) {
    let number = place.deposits.fetch_add(1, Ordering::Relaxed);
    let body = json!({"balance": (1_000_000_000 + number).to_string()}).to_string();
    for _ in 0..2 {
        let request =
            place.http.post(format!("{base}/charge?wait=false")).header("content-type", "application/json");
        let _ = read(request.header("idempotency-key", format!("deposit-{number}")).body(body.clone())).await;
    }
}

async fn service(place: &Place, dice: &mut StdRng) {
    let price = dice.random_range(1..1_000_000u32).to_string();
    let body = json!({
        "name": "side", "type": "chatbot", "URL": format!("http://127.0.0.1:{}", place.proxy_port + 2),
        "inputPrice": price, "outputPrice": price,
    });
    let _ = place.post(&format!("{}/v1/service?wait=false", place.provider_url), &body).await;
    let request = place.http.put(format!("{}/v1/service/side?wait=false", place.provider_url));
    let _ = read(
        request.header("content-type", "application/json").body(json!({"inputPrice": price}).to_string()),
    )
    .await;
    if dice.random_bool(0.3) {
        let _ = read(place.http.delete(format!("{}/v1/service/side?wait=false", place.provider_url))).await;
    }
}

async fn whole(place: &Place, url: &str, body: String) {
    let _ = read(place.http.post(url).header("content-type", "application/json").body(body)).await;
}

async fn download(place: &Place, base: &str, bytes: u32) {
    let _ = read(place.http.get(format!("{base}/service/files/down?{bytes}"))).await;
}

async fn read(request: reqwest::RequestBuilder) -> Option<()> {
    let answer = request.timeout(Duration::from_secs(8)).send().await.ok()?;
    let mut pieces = answer.bytes_stream();
    while let Some(piece) = pieces.next().await {
        piece.ok()?;
    }
    Some(())
}
