//! What counting costs: requests and answers of a chat, event streams, headers.
//!
//! `cargo bench --bench metering`

use criterion::{Criterion, criterion_group, criterion_main};

mod operations;

fn metering(criterion: &mut Criterion) {
    for (name, make) in operations::of("metering") {
        let mut run = make();
        criterion.bench_function(name, |bencher| bencher.iter(&mut run));
    }
}

criterion_group!(benches, metering);
criterion_main!(benches);
