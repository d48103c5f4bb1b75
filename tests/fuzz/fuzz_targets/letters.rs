//! Any headers of a dead letter say where its record was read, or do not.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::letters(bytes));
