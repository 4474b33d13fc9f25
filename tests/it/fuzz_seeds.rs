//! The seeds of the fuzz targets (`fuzz/`), replayed: every hand-made input and every input that once found a fault stays
//! a test. The functions are the very ones that the fuzzer calls.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/targets/mod.rs"]
#[allow(dead_code, reason = "each target needs some of what they share")]
mod targets;

/// Runs a target over its folder of seeds, and over what no seed should be needed for.
fn replay(name: &str) {
    let (_, run) = targets::ALL.iter().find(|(target, _)| *target == name).expect("a target of that name");
    run(b"");
    run(&[0; 64]);
    run(&[0xff; 64]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut seeds: Vec<_> =
        fs::read_dir(&folder).expect("a folder of seeds").map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(seeds.len() > 2, "{} has no seeds", folder.display());
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        let ran = std::panic::catch_unwind(|| run(&bytes));
        assert!(ran.is_ok(), "the seed {} finds a fault again", seed.display());
    }
}

macro_rules! seeds {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            assert_eq!(replayed.to_vec(), targets::ALL.map(|(name, _)| name).to_vec());
        }
    };
}

seeds!(
    amounts,
    chat_body,
    config,
    encoded_body,
    event_stream,
    keystore,
    markdown,
    path,
    request_head,
    rpc_answers,
    screen_text,
    settle_rows,
    signed_headers,
    whole_answer,
);
