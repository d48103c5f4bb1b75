//! Any record is changed or rejected by every transform.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::transforms(bytes));
