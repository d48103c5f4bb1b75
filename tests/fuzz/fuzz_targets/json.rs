//! Any bytes are read as JSON or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::json(bytes));
