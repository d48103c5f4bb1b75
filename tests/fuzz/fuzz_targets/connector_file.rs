//! Any connector file is loaded, or its problems are told.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_tests::any_bytes::connector_file(bytes));
