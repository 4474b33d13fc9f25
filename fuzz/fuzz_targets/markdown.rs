#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zgserve_fuzz::targets::markdown::run(bytes));
