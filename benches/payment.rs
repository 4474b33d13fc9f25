//! What paying costs: signatures, headers, both books with 1 and with 10,000 accounts.
//!
//! `cargo bench --bench payment`

use criterion::{Criterion, criterion_group, criterion_main};

mod operations;

fn payment(criterion: &mut Criterion) {
    for (name, make) in operations::of("payment") {
        let mut run = make();
        criterion.bench_function(name, |bencher| bencher.iter(&mut run));
    }
}

criterion_group!(benches, payment);
criterion_main!(benches);
