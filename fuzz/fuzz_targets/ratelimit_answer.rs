//! `tollgate_properties::ratelimit_answer` for whatever libFuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tollgate_properties::ratelimit_answer(bytes);
});
