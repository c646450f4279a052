//! `tollgate_properties::clerk_event` on the inputs that libFuzzer generates.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tollgate_properties::clerk_event(bytes);
});
