//! Any file of sample records gives records or says in which line it does not.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::samples(bytes));
