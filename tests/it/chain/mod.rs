//! The chain edge against real nodes: every test runs on the embedded devnet and, when `ZGSERVE_TEST_ANVIL` names
//! the binary, on Foundry's anvil over HTTP. Without it the anvil half says that it is skipped.

mod bids;
mod crashes;
mod failover;
mod faults;
mod following;
mod life;
pub mod net;
mod nonces;
mod opening;
mod reorgs;

pub use faults::{Fault, Faulty};
pub use net::{Anvil, anvil};

/// Makes one test for each kind of node out of `async fn name(net: Net)`.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_devnet {
            use super::super::net::Net;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(Net::devnet().await).await;
                }
            )*
        }
        mod on_anvil {
            use super::super::net::Net;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    match Net::anvil().await {
                        Some(net) => super::$name(net).await,
                        None => println!("skipped: ZGSERVE_TEST_ANVIL does not name an anvil binary"),
                    }
                }
            )*
        }
    };
}
use on_both;
