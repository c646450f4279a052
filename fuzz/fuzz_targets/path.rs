//! `tollgate_properties::path` on the inputs that libFuzzer generates.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tollgate_properties::path(bytes);
});
