//! `tollgate_properties::clerk_billing` on the inputs that libFuzzer generates.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tollgate_properties::clerk_billing(bytes);
});
