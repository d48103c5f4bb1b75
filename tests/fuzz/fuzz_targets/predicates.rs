//! Every predicate answers for any record.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::predicates(bytes));
