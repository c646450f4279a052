//! Tests of the memory of a million subjects, and of the tables' separation.

use super::{FREE, at, window};
use crate::plan_table::Period;
use crate::quota::bucket::RECORDS_MAX;
use crate::quota::spend::spend;
use crate::quota::table::{BucketTable, Callers, CounterKey, KEY_BYTES, SIGNED_IN_MB, Seed};
use std::collections::HashMap;
use std::net::Ipv4Addr;

#[test]
fn a_million_subjects_with_two_counters_each_fit() {
    let table = BucketTable::new("shop", Callers::SignedIn, &Seed::new([3; Seed::BYTES]), SIGNED_IN_MB);
    let plan = [window(100, Period::Month), window(10, Period::Minute)];
    let mut shared: HashMap<String, Vec<u8>> = HashMap::new();
    let mut evicted = 0;
    for subject in 0..1_000_000_u32 {
        let counter = table.key(&subject.to_le_bytes(), "asks");
        let bucket = shared.get(&counter.shared_key).map(Vec::as_slice);
        let spending = spend(bucket, counter.fingerprint, &plan, 1, at(0));
        evicted += spending.evicted;
        shared.insert(counter.shared_key, spending.new_bytes.unwrap());
    }
    let bytes: usize = shared.values().map(|value| value.len() + KEY_BYTES).sum();
    // The documented numbers of `bucket`: any other numbers fail the test, even smaller ones.
    assert_eq!((bytes / 1_000_000, evicted), (68, 46));
}

#[test]
fn many_addresses_evict_no_counter_of_signed_in_callers() {
    let seed = Seed::new([3; Seed::BYTES]);
    let signed_in = BucketTable::new("shop", Callers::SignedIn, &seed, SIGNED_IN_MB);
    let anonymous = BucketTable::new("shop", Callers::Anonymous, &seed, SIGNED_IN_MB);
    let mut shared: HashMap<String, Vec<u8>> = HashMap::new();
    let mut request = |counter: CounterKey| {
        let bucket = shared.get(&counter.shared_key).map(Vec::as_slice);
        let spending = spend(bucket, counter.fingerprint, FREE, 1, at(0));
        spending.new_bytes.map(|bytes| shared.insert(counter.shared_key, bytes));
        (spending.states[0].used, spending.evicted)
    };
    // Enough callers that nearly every bucket of their table has a counter.
    let users: Vec<CounterKey> = (0..50_000_u32).map(|n| signed_in.key(&n.to_le_bytes(), "asks")).collect();
    for user in users.clone() {
        assert_eq!(request(user), (1, 0));
    }
    // Addresses whose counters are all in one bucket: ten more than it has room for.
    let counter = |n: u32| anonymous.key(Ipv4Addr::from_bits(n).to_string().as_bytes(), "asks");
    let key = counter(0).shared_key;
    let flood = (0..).map(counter).filter(|counter| counter.shared_key == key).take(RECORDS_MAX + 10);
    assert_eq!(flood.map(|counter| request(counter).1).sum::<u32>(), 10, "they evict each other");
    for user in users {
        assert_eq!(request(user), (2, 0));
    }
}
