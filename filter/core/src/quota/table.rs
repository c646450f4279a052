//! The table of buckets: a fixed number of shared keys, of which a randomly keyed hash selects one for each
//! counter.

use super::bucket::{ANONYMOUS, BUCKET_BYTES_MAX, SIGNED_IN};
use super::fingerprint::Fingerprint;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::fmt::Write;
use std::hash::Hasher;
use std::num::NonZeroU32;

/// The default memory for the counters of signed-in callers, in megabytes: 16,384 buckets.
///
/// A million subjects with two counters each make 122 counters in a bucket. That is 4 KB, up to which a read
/// and a write of shared data cost about the same. See `quota::bucket` for the capacity and the memory of the
/// whole table.
pub const SIGNED_IN_MB: u64 = 97;

/// Envoy's memory for each key: an entry of a hash map, the key's text, and the version, rounded up
/// generously.
pub(super) const KEY_BYTES: usize = 256;

/// The memory of a full bucket.
const FULL_BUCKET_BYTES: u64 = (BUCKET_BYTES_MAX + KEY_BYTES) as u64;

/// Large numbers of buckets are a multiple of this, so that small changes of the configured memory keep the
/// table.
const BUCKETS_STEP: u64 = 1_024;

/// Returns how many full buckets fit in that memory.
fn buckets_within(memory_mb: u64) -> NonZeroU32 {
    let buckets = memory_mb.saturating_mul(1_000_000) / FULL_BUCKET_BYTES;
    let buckets = if buckets < BUCKETS_STEP { buckets } else { buckets & !(BUCKETS_STEP - 1) };
    NonZeroU32::new(u32::try_from(buckets).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN)
}

/// The random key of a process's table, without which attackers cannot choose a bucket. All workers must have
/// the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; Seed::BYTES]);

impl Seed {
    /// The number of random bytes of a seed.
    pub(crate) const BYTES: usize = 16;

    /// Creates a seed of these random bytes.
    pub const fn new(random: [u8; Seed::BYTES]) -> Self {
        Seed(random)
    }

    /// Reads the seed that another worker shared; returns `None` if these bytes are not a seed.
    pub(crate) fn from_shared(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Seed)
    }

    /// Returns the bytes to share with the other workers.
    pub(crate) const fn as_bytes(&self) -> &[u8; Seed::BYTES] {
        &self.0
    }

    /// Returns the key of shared data with the seed of a namespace.
    pub(crate) fn shared_key(namespace: &str) -> String {
        ["tollgate/1/", namespace, "/seed"].concat()
    }
}

impl std::fmt::Debug for Seed {
    /// Hides the seed: with it, an attacker could choose addresses that share a bucket.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The location of the counters of one subject and limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterKey {
    /// The key of shared data with the bucket.
    pub(crate) shared_key: String,
    /// The fingerprint of the counters in the bucket.
    pub fingerprint: Fingerprint,
}

/// The kind of callers whose counters a [`BucketTable`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Users and organizations, by id.
    SignedIn,
    /// Anonymous callers, by network. They have their own table, so that requests from many addresses evict
    /// no counter of a signed-in caller. It has a quarter of the buckets.
    Anonymous,
}

/// A table of buckets. Its number of shared keys is fixed, because a key of Envoy's shared data can never be
/// deleted.
#[derive(Clone, Debug)]
pub struct BucketTable {
    prefix: String,
    buckets: NonZeroU32,
    hasher: SipHasher13,
}

impl BucketTable {
    /// Creates the table of a namespace. `memory_mb` is the most memory for the counters of signed-in
    /// callers.
    ///
    /// Tables of different sizes have different keys, so that a bucket is never read as one of another table.
    pub fn new(namespace: &str, callers: Callers, seed: &Seed, memory_mb: u64) -> Self {
        let all = buckets_within(memory_mb);
        let (table, buckets) = match callers {
            Callers::SignedIn => (SIGNED_IN, all),
            Callers::Anonymous => (ANONYMOUS, NonZeroU32::new(all.get() / 4).unwrap_or(NonZeroU32::MIN)),
        };
        let size = if memory_mb == SIGNED_IN_MB { String::new() } else { all.to_string() };
        let prefix = table.key_prefix(namespace, &size);
        // SipHash-1-3 as published, not the standard library's hasher: counters outlive the module, and a
        // module of another compiler version must find them.
        BucketTable { prefix, buckets, hasher: SipHasher13::new_with_key(seed.as_bytes()) }
    }

    /// Returns the location of the counters of a subject, given as bytes, and a limit.
    pub fn key(&self, subject: &[u8], limit: &str) -> CounterKey {
        let mut hasher = self.hasher;
        // The length in front distinguishes ("ab", "c") from ("a", "bc").
        hasher.write(&u64::try_from(subject.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(subject);
        hasher.write(limit.as_bytes());
        let hash = hasher.finish128();
        // The remainder's bias is below one in 2^50.
        let bucket = hash.h1.checked_rem(u64::from(self.buckets.get())).unwrap_or(0);
        let mut shared_key = String::with_capacity(self.prefix.len().saturating_add(10));
        shared_key.push_str(&self.prefix);
        // Writing to a String never fails.
        let _ = write!(shared_key, "{bucket}");
        CounterKey { shared_key, fingerprint: Fingerprint(hash.as_bytes()) }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    const SEED: Seed = Seed::new([7; Seed::BYTES]);

    fn table(callers: Callers) -> BucketTable {
        BucketTable::new("shop", callers, &SEED, SIGNED_IN_MB)
    }

    #[test]
    fn a_key_is_the_same_for_one_seed_and_differs_for_another() {
        let own = table(Callers::SignedIn).key(b"user_1", "asks");
        assert_eq!(own, table(Callers::SignedIn).key(b"user_1", "asks"));
        let other = BucketTable::new("shop", Callers::SignedIn, &Seed::new([8; Seed::BYTES]), SIGNED_IN_MB);
        assert_ne!(own.fingerprint, other.key(b"user_1", "asks").fingerprint);
        assert!(own.shared_key.starts_with("tollgate/1/shop/c/"), "{}", own.shared_key);
        let anonymous = table(Callers::Anonymous).key(b"user_1", "asks").shared_key;
        assert!(anonymous.starts_with("tollgate/1/shop/a/"), "{anonymous}");
    }

    #[test]
    fn another_subject_limit_or_split_of_the_two_is_another_counter() {
        let table = table(Callers::SignedIn);
        let counters = [("user_1", "asks"), ("user_2", "asks"), ("user_1", "exports"), ("user_1a", "sks")];
        let prints = counters.map(|(subject, limit)| table.key(subject.as_bytes(), limit).fingerprint);
        assert_eq!(HashSet::from(prints).len(), counters.len());
    }

    /// Checks that no release changes the keys, because then all counters would start again. The values are
    /// those of another implementation of SipHash-1-3 with 128 bits.
    #[test]
    fn keys_stay_the_same_from_release_to_release() {
        let key = table(Callers::SignedIn).key(b"user_1", "asks");
        assert_eq!(key.shared_key, "tollgate/1/shop/c/4070");
        assert_eq!(hex::encode(key.fingerprint.0), "e64fe360d513149e3c55c02fc0c297d7");
    }

    #[test]
    fn keys_are_a_fixed_number_and_evenly_used() {
        let table = table(Callers::Anonymous);
        let mut uses: HashMap<String, u32> = HashMap::new();
        for caller in 0..64 * 4_096_u32 {
            *uses.entry(table.key(&caller.to_le_bytes(), "asks").shared_key).or_default() += 1;
        }
        assert_eq!(uses.len(), 4_096);
        // 64 on average with a deviation of 8; seven deviations to either side.
        assert!(uses.values().all(|n| (8..=120).contains(n)), "{:?}", uses.values().max());
    }

    #[test]
    fn by_default_neither_table_exceeds_its_memory() {
        let memory = |callers| u64::from(table(callers).buckets.get()) * FULL_BUCKET_BYTES;
        assert!(memory(Callers::SignedIn) <= 100_000_000, "{}", memory(Callers::SignedIn));
        assert!(memory(Callers::Anonymous) <= 25_000_000, "{}", memory(Callers::Anonymous));
    }

    #[test]
    fn the_memory_sets_the_buckets_and_each_size_has_its_own_keys() {
        for (memory_mb, buckets) in [(1, 169), (10, 1_024), (97, 16_384), (400, 67_584), (1_000, 168_960)] {
            assert_eq!(buckets_within(memory_mb).get(), buckets, "{memory_mb}");
            assert!(u64::from(buckets) * FULL_BUCKET_BYTES <= memory_mb * 1_000_000, "{memory_mb}");
        }
        let key = |memory_mb| {
            let table = BucketTable::new("shop", Callers::SignedIn, &SEED, memory_mb);
            table.key(b"user_1", "asks").shared_key
        };
        assert!(key(97).starts_with("tollgate/1/shop/c/"), "{}", key(97));
        assert!(key(1).starts_with("tollgate/1/shop/c169/"), "{}", key(1));
    }

    #[test]
    fn a_seed_is_shared_as_its_bytes_and_never_shown() {
        assert_eq!(Seed::from_shared(SEED.as_bytes()), Some(SEED));
        assert_eq!(Seed::from_shared(b""), None);
        assert_eq!(Seed::from_shared(&[7; 17]), None);
        assert_eq!(format!("{SEED:?}"), "***");
        assert_eq!(Seed::shared_key("shop"), "tollgate/1/shop/seed");
    }
}
