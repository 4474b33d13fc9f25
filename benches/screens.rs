//! What a frame and a key cost on Services and Requests with 100 and with 100,000 rows.
//!
//! `cargo bench --bench screens`; a frame over 100,000 rows is to cost at most one and a half of a frame over 100.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use zgserve_tui::tui::user::measure::Screens;

const WIDTH: u16 = 120;
const HEIGHT: u16 = 40;

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("screens");
    group.sample_size(50);
    for rows in [100, 100_000] {
        let Ok(mut screens) = Screens::new(rows, WIDTH, HEIGHT) else { return };
        for (screen, name) in [('2', "services"), ('5', "requests")] {
            screens.key(screen);
            let mut buffer = Buffer::empty(Rect::new(0, 0, WIDTH, HEIGHT));
            group.bench_function(BenchmarkId::new(format!("{name}/frame"), rows), |bencher| {
                bencher.iter(|| screens.draw(black_box(&mut buffer)));
            });
            let mut down = false;
            group.bench_function(BenchmarkId::new(format!("{name}/key"), rows), |bencher| {
                bencher.iter(|| {
                    down = !down;
                    screens.key(if down { 'j' } else { 'k' });
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
