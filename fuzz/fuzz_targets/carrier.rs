//! `tollgate_properties::carrier` for whatever libFuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tollgate_properties::carrier(bytes);
});
