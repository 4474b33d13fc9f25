//! What Markdown costs: a long answer at once, the same again at another width, and a shorter one token by token with
//! a frame after each.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use zgserve_tui::tui::kit::markdown::{Markdown, warm};
use zgserve_tui::tui::theme::{Shade, Theme};

const THEME: Theme = Theme::new(Shade::Dark, true);
const WIDTH: u16 = 100;

/// Some 1.5 kB of everything that models write.
const MIXED: &str = "## What a voucher promises\n\nA voucher promises **everything that is owed so far**, so that one `settle` pays for \
many requests. See [the design](https://example.org/design) for *why*; 大模型 are counted in cells.\n\n\
1. Look at the price per unit.\n2. Open an account:\n   - deposit some A0GI\n   - wait for the block\n\
3. Ask.\n\n> Nothing is signed that was not metered here.\n\n\
```rust\n/// What is owed after one more request.\npub fn owed(before: Neuron, units: u64, price: Neuron) -> Option<Neuron> {\n    \
let fee = price.checked_mul(units.into())?; // checked: money never wraps\n    before.checked_add(fee)\n}\n\
\n#[test]\nfn it_adds() {\n    assert_eq!(owed(Neuron::new(1), 2, Neuron::new(3)), Some(Neuron::new(7)));\n}\n```\n\n\
| Provider | Price | Latency | Notes |\n|---|--:|--:|:--|\n| ghost | 1,000 | 1.2 s | quick, few models |\n\
| 大模型 | 20 | 4 s | slow and cheap |\n\n\
```python\ndef owed(before: int, units: int, price: int) -> int:\n    \"\"\"What is owed after one more request.\"\"\"\n    \
return before + units * price\n```\n\nThe rest is a longer paragraph without anything special in it, as most answers are: \
words after words, until the point has been made and perhaps a little longer than that.\n\n";

fn mixed(bytes: usize) -> String {
    let mut text = MIXED.repeat(bytes / MIXED.len() + 1);
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// About as long as tokens are.
fn tokens(text: &str) -> Vec<String> {
    text.chars().collect::<Vec<_>>().chunks(4).map(|token| token.iter().collect()).collect()
}

fn markdown(criterion: &mut Criterion) {
    warm();
    let long = mixed(64 << 10);
    criterion.bench_function("markdown/64 kB at once", |bencher| {
        bencher.iter(|| {
            let mut markdown = Markdown::default();
            markdown.set(&long);
            markdown.finish();
            black_box(markdown.lines(WIDTH, THEME).len())
        });
    });
    let without = long.replace("```rust", "```").replace("```python", "```");
    criterion.bench_function("markdown/64 kB at once, no language", |bencher| {
        bencher.iter(|| {
            let mut markdown = Markdown::default();
            markdown.set(&without);
            markdown.finish();
            black_box(markdown.lines(WIDTH, THEME).len())
        });
    });
    criterion.bench_function("markdown/64 kB at another width", |bencher| {
        let mut markdown = Markdown::default();
        markdown.set(&long);
        markdown.finish();
        let mut width = WIDTH;
        bencher.iter(|| {
            width = if width == WIDTH { 60 } else { WIDTH };
            black_box(markdown.lines(width, THEME).len())
        });
    });
    let streamed = tokens(&mixed(16 << 10));
    criterion.bench_function("markdown/16 kB token by token, a frame each", |bencher| {
        bencher.iter_batched(
            Markdown::default,
            |mut markdown| {
                for token in &streamed {
                    markdown.push(token);
                    black_box(markdown.lines(WIDTH, THEME).len());
                }
                markdown.finish();
                black_box(markdown.lines(WIDTH, THEME).len())
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, markdown);
criterion_main!(benches);
