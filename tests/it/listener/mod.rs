//! What reaches the listeners from outside, as raw bytes over sockets: hosts, pages of other origins, tokens, floods,
//! requests that two readers would read differently; and where the real program listens.

mod floods;
mod hosts;
mod inputs;
mod pages;
mod process;
mod smuggling;
mod tokens;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zgserve_tui::broker::user::AccountView;
use zgserve_tui::domain::Neuron;

use super::world::{Books, World};

/// Longer than any listener takes over what is sent here; only a test that fails waits for it.
const HANG: Duration = Duration::from_secs(20);

/// Sends bytes as they stand and gives everything that comes back until the listener hangs up.
async fn raw(at: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // A listener may hang up before all is written.
    let _ = stream.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(HANG, stream.read_to_end(&mut answer)).await;
    assert!(
        reading.is_ok(),
        "the listener keeps waiting after {:?}",
        String::from_utf8_lossy(bytes.as_ref())
    );
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of each answer in what came back.
fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.").skip(1);
    heads.map(|head| head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)).collect()
}

fn user_at(world: &World) -> SocketAddr {
    world.user_side.listener.unwrap()
}

fn owner_at(world: &World) -> SocketAddr {
    world.provider_side.listeners.unwrap().0
}

fn proxy_at(world: &World) -> SocketAddr {
    world.provider_side.listeners.unwrap().1
}

/// Everything that a request could have changed: books, accounts, refunds, operations, money in the wallets, and what
/// the service behind was asked.
#[derive(Clone, Debug, PartialEq)]
struct Everything {
    books: Books,
    accounts: Vec<AccountView>,
    operations: usize,
    of_provider: usize,
    wallets: [u128; 2],
    services: String,
    asked: usize,
}

async fn everything(world: &World) -> Everything {
    let services = world.owner().get("/v1/service").await.is(200).text();
    Everything {
        books: world.check_books().await.without_seals(),
        accounts: world.user().accounts(),
        operations: world.user().operations(100).await.unwrap().len(),
        of_provider: world.owner().get("/v1/operation").await.is(200).json()["Items"]
            .as_array()
            .unwrap()
            .len(),
        wallets: [
            world.wallet_of(world.user_address()).await,
            world.wallet_of(world.provider_address()).await,
        ],
        services,
        asked: world.upstream.count(),
    }
}

/// A world in which money has moved, so that a change would show.
async fn lived_in() -> World {
    let world = World::new().await;
    world.ask(super::world::SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    assert!(world.check_books().await.owed > Neuron::ZERO);
    world
}
