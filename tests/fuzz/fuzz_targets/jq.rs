//! Any program of jq is refused or runs within its bounds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::jq(bytes));
