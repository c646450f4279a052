//! What a million subjects weigh, and what the table can weigh at most.

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
        let place = table.place(&subject.to_le_bytes(), "asks");
        let bucket = shared.get(&place.key).map(Vec::as_slice);
        let spending = spend(bucket, place.fingerprint, &plan, 1, at(0));
        evicted += spending.evicted;
        shared.insert(place.key, spending.new_bytes.unwrap());
    }
    let bytes: usize = shared.values().map(|value| value.len() + KEY_BYTES).sum();
    // As `bucket` documents it: what is not documented any more is a failure, also where it would still fit.
    assert_eq!((bytes / 1_000_000, evicted), (68, 46));
}

#[test]
fn a_flood_of_addresses_costs_no_signed_in_caller_a_counter() {
    let seed = Seed::new([3; Seed::BYTES]);
    let signed_in = BucketTable::new("shop", Callers::SignedIn, &seed, SIGNED_IN_MB);
    let anonymous = BucketTable::new("shop", Callers::Anonymous, &seed, SIGNED_IN_MB);
    let mut shared: HashMap<String, Vec<u8>> = HashMap::new();
    let mut request = |place: CounterKey| {
        let bucket = shared.get(&place.key).map(Vec::as_slice);
        let spending = spend(bucket, place.fingerprint, FREE, 1, at(0));
        spending.new_bytes.map(|bytes| shared.insert(place.key, bytes));
        (spending.states[0].used, spending.evicted)
    };
    // Callers enough that nearly every bucket of their table holds some.
    let users: Vec<CounterKey> = (0..50_000_u32).map(|n| signed_in.place(&n.to_le_bytes(), "asks")).collect();
    for user in users.clone() {
        assert_eq!(request(user), (1, 0));
    }
    // Addresses that all fall into one bucket: ten more than it holds.
    let place = |n: u32| anonymous.place(Ipv4Addr::from_bits(n).to_string().as_bytes(), "asks");
    let key = place(0).key;
    let flood = (0..).map(place).filter(|place| place.key == key).take(RECORDS_MAX + 10);
    assert_eq!(flood.map(|place| request(place).1).sum::<u32>(), 10, "they evict each other");
    for user in users {
        assert_eq!(request(user), (2, 0));
    }
}
