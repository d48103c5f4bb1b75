//! Any bytes are converted or rejected.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::converters(bytes));
