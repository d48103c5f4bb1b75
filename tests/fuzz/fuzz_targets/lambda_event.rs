//! Any Lambda event gives its records or is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::lambda_event(bytes));
