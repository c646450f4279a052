//! What a million subjects weigh, and what the table can weigh at most.

use super::{at, window};
use crate::plan_table::Period;
use crate::quota::bucket::BUCKET_BYTES_MAX;
use crate::quota::spend::spend;
use crate::quota::table::{ANONYMOUS_BUCKETS, BucketTable, Callers, SIGNED_IN_BUCKETS, Seed};
use std::collections::HashMap;

/// What Envoy keeps with each key: an entry of a hash map, the key's text, the version, rounded up generously.
const KEY_BYTES: usize = 256;
const BYTES_MAX: usize = 100_000_000;

#[test]
fn neither_table_can_outgrow_its_memory() {
    let weight = |buckets: u32| usize::try_from(buckets).unwrap() * (BUCKET_BYTES_MAX + KEY_BYTES);
    assert!(weight(SIGNED_IN_BUCKETS.get()) <= BYTES_MAX, "{}", weight(SIGNED_IN_BUCKETS.get()));
    assert!(weight(ANONYMOUS_BUCKETS.get()) <= BYTES_MAX / 4, "{}", weight(ANONYMOUS_BUCKETS.get()));
}

#[test]
fn a_million_subjects_with_two_counters_each_fit() {
    let table = BucketTable::new("shop", Callers::SignedIn, &Seed::new([3; Seed::BYTES]));
    let plan = [window(100, Period::Month), window(10, Period::Minute)];
    let mut shared: HashMap<String, Vec<u8>> = HashMap::new();
    let mut evicted = 0;
    for subject in 0..1_000_000_u32 {
        let place = table.place(&subject.to_le_bytes(), "asks");
        let bucket = shared.get(&place.key).map(Vec::as_slice);
        let spending = spend(bucket, place.fingerprint, &plan, 1, at(0));
        evicted += spending.evicted;
        shared.insert(place.key, spending.new_bytes.unwrap());
    }
    let bytes: usize = shared.values().map(|value| value.len() + KEY_BYTES).sum();
    assert!(bytes <= BYTES_MAX, "{bytes}");
    assert!(evicted <= 100, "{evicted} of two million");
    eprintln!("MEASURED {bytes} {evicted} {}", shared.len());
}
