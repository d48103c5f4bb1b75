//! Any bytes are converted by a schema or rejected.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::schema_converters(bytes));
