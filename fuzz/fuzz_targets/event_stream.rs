#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zgserve_fuzz::targets::event_stream::run(bytes));
