//! Any record is printed by any template or rejected.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::template(bytes));
