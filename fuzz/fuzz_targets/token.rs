//! `tollgate_properties::token` for whatever libFuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tollgate_properties::token(bytes);
});
