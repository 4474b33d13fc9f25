//! What a payment costs on disk: two durable writes a request and role, alone and in groups of 32, with every sync.
//!
//! `cargo bench --bench storage`. The files are in the temporary directory (`TMPDIR` names another); on a file system
//! in memory a sync is free, and the figure says nothing.

#![allow(clippy::expect_used, reason = "a bench without its files must not run")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use zgserve_tui::domain::{
    AccountId, Address, B256, Fee, Neuron, Prices, ProviderRequestState, ReceiptStatus, RequestId,
    ServiceName, Timestamp, Units, UserRequestState,
};
use zgserve_tui::store::provider::{Completion, NewProviderRequest};
use zgserve_tui::store::user::{Finish, NewUserRequest};
use zgserve_tui::store::{Db, Network, ProviderStore, Role, UserStore};

const WRITERS: [u64; 2] = [1, 32];
const NETWORK: Network = Network { chain_id: 31_337, contract: Address::repeat_byte(9) };
const FEE: Fee = Fee { input: Neuron::new(300), output: Neuron::new(400) };
const MAX_FEE: Neuron = Neuron::new(1_000);

/// The requests of a bench, each with an id of its own.
#[derive(Clone)]
struct Requests {
    account: AccountId,
    service: ServiceName,
    now: Timestamp,
}

impl Requests {
    fn new() -> Requests {
        Requests {
            account: AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(2) },
            service: "llama7b".parse().expect("a name"),
            now: Timestamp::now(),
        }
    }

    /// From the hold to the fee, as the user's broker writes it.
    async fn pay(&self, store: &UserStore) {
        let id = RequestId::random();
        let new = NewUserRequest {
            id,
            account: self.account,
            service: self.service.clone(),
            created_at: self.now,
            state: UserRequestState::Sent,
            max_fee: MAX_FEE,
            price_version: 1,
            prices: Prices::default(),
            body_hash: B256::repeat_byte(3),
            idempotency_key: None,
        };
        let reserved = store.reserve(new, MAX_FEE).await;
        assert!(reserved.is_ok(), "{reserved:?}");
        let finish = Finish {
            id,
            state: UserRequestState::Done,
            input: Units(300),
            output: Units(400),
            fee: FEE,
            disputed: Neuron::ZERO,
            response_hash: Some(B256::repeat_byte(4)),
            receipt: None,
            error: None,
            authorize: None,
            at: self.now,
        };
        let finished = store.finish(finish).await;
        assert!(finished.is_ok(), "{finished:?}");
        black_box(finished.ok());
    }

    /// From the row to the booked fee, as the provider's broker writes it.
    async fn serve(&self, store: &ProviderStore) {
        let id = RequestId::random();
        let new = NewProviderRequest {
            id,
            account: self.account,
            service: self.service.clone(),
            created_at: self.now,
            max_fee: MAX_FEE,
            price_version: 1,
            prices: Prices::default(),
            body_hash: B256::repeat_byte(3),
            voucher: None,
        };
        let admitted = store.admit(new).await;
        assert!(admitted.is_ok(), "{admitted:?}");
        let completion = Completion {
            id,
            state: ProviderRequestState::Charged,
            input: Units(300),
            output: Units(400),
            fee: FEE,
            status: ReceiptStatus::Complete,
            response_hash: B256::repeat_byte(4),
            at: self.now,
        };
        let completed = store.complete(completion).await;
        assert!(completed.is_ok(), "{completed:?}");
        black_box(completed.ok());
    }
}

/// So many rounds of `writers` requests at once.
fn rounds<F: Future>(runtime: &Runtime, rounds: u64, writers: u64, one: impl Fn() -> F) -> Duration {
    let began = Instant::now();
    runtime.block_on(async {
        for _ in 0..rounds {
            join_all((0..writers).map(|_| one())).await;
        }
    });
    began.elapsed()
}

fn open(directory: &Path, role: Role) -> Db {
    Db::open(&directory.join(format!("{role}.db")), role).expect("a database")
}

fn storage(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let user =
        runtime.block_on(UserStore::new(open(directory.path(), Role::User), NETWORK)).expect("a store");
    let provider = runtime
        .block_on(ProviderStore::new(open(directory.path(), Role::Provider), NETWORK))
        .expect("a store");
    let requests = Requests::new();
    let mut group = criterion.benchmark_group("storage");
    group.sample_size(20);
    for writers in WRITERS {
        group.throughput(Throughput::Elements(writers));
        group.bench_function(
            BenchmarkId::new("user: reserve and finish, writers at once", writers),
            |bencher| {
                bencher.iter_custom(|times| rounds(&runtime, times, writers, || requests.pay(&user)));
            },
        );
        group.bench_function(
            BenchmarkId::new("provider: admit and complete, writers at once", writers),
            |bencher| {
                bencher.iter_custom(|times| rounds(&runtime, times, writers, || requests.serve(&provider)));
            },
        );
    }
    group.finish();
    runtime.block_on(async {
        assert!(user.db().close().await.is_ok() && provider.db().close().await.is_ok());
    });
}

criterion_group!(benches, storage);
criterion_main!(benches);
