//! Which shared key holds a counter, and the fingerprint it is found by: a fixed table of buckets, keyed at random.

use super::bucket::{ANONYMOUS, BUCKET_BYTES_MAX, SIGNED_IN};
use super::fingerprint::Fingerprint;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::num::NonZeroU32;

/// What the counters of signed-in callers may weigh if nothing else is said, in megabytes: 16,384 buckets.
///
/// A million subjects with two counters each make 122 counters a bucket: 4 KB, up to which a read and a write of
/// shared data cost about the same. See `quota::bucket` for what the whole table holds and weighs.
pub const SIGNED_IN_MB: u64 = 97;

/// What Envoy keeps with each key: an entry of a hash map, the key's text, the version, rounded up generously.
pub(super) const KEY_BYTES: usize = 256;

/// What a full bucket weighs.
const FULL_BUCKET_BYTES: u64 = (BUCKET_BYTES_MAX + KEY_BYTES) as u64;

/// Large numbers of buckets are a multiple of this, so that what is said in megabytes need not be exact.
const BUCKETS_STEP: u64 = 1_024;

/// How many buckets weigh so much at most when they are full.
fn buckets_within(memory_mb: u64) -> NonZeroU32 {
    let buckets = memory_mb.saturating_mul(1_000_000) / FULL_BUCKET_BYTES;
    let buckets = if buckets < BUCKETS_STEP { buckets } else { buckets & !(BUCKETS_STEP - 1) };
    NonZeroU32::new(u32::try_from(buckets).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN)
}

/// The random key of a process, without which nobody can aim at a bucket. All its workers must have the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; Seed::BYTES]);

impl Seed {
    /// How many random bytes make a seed.
    pub(crate) const BYTES: usize = 16;

    /// A seed of these random bytes.
    pub const fn new(random: [u8; Seed::BYTES]) -> Self {
        Seed(random)
    }

    /// The seed that another worker shared; none if these bytes are not one.
    pub(crate) fn from_shared(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Seed)
    }

    /// What to share with the other workers.
    pub(crate) const fn as_bytes(&self) -> &[u8; Seed::BYTES] {
        &self.0
    }

    /// The key of shared data under which the workers of a namespace share their seed.
    pub(crate) fn shared_key(namespace: &str) -> String {
        ["tollgate/1/", namespace, "/seed"].concat()
    }
}

impl std::fmt::Debug for Seed {
    /// Hidden: with it, one could choose ids that share a bucket.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Where the counters of one subject and limit are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterKey {
    /// The key of shared data that holds the bucket.
    pub(crate) key: String,
    /// What the counters are found by inside of the bucket.
    pub fingerprint: Fingerprint,
}

/// Whose counters a [`BucketTable`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Users and organizations, by id.
    SignedIn,
    /// Everyone else, by address: a table of its own, so that a flood of addresses evicts no signed-in caller. It has
    /// a quarter of the others' buckets, since addresses cost nothing.
    Anonymous,
}

/// A fixed number of shared keys, since a key of Envoy's shared data can never be deleted.
#[derive(Clone, Debug)]
pub struct BucketTable {
    prefix: String,
    buckets: NonZeroU32,
    hasher: SipHasher13,
}

impl BucketTable {
    /// The table of a namespace. The counters of signed-in callers weigh `memory_mb` megabytes at most.
    ///
    /// Tables of another size have other keys: a bucket is never read for one of another table.
    pub fn new(namespace: &str, callers: Callers, seed: &Seed, memory_mb: u64) -> Self {
        let all = buckets_within(memory_mb);
        let (table, buckets) = match callers {
            Callers::SignedIn => (SIGNED_IN, all),
            Callers::Anonymous => (ANONYMOUS, NonZeroU32::new(all.get() / 4).unwrap_or(NonZeroU32::MIN)),
        };
        let size = if memory_mb == SIGNED_IN_MB { String::new() } else { all.to_string() };
        let prefix = table.key_prefix(namespace, &size);
        // SipHash as published, not the standard library's hasher: counters outlive a module that is replaced by one
        // of another compiler, and only a specified function still finds them then.
        BucketTable { prefix, buckets, hasher: SipHasher13::new_with_key(seed.as_bytes()) }
    }

    /// Where the counters are of a subject, in whatever bytes name it, and of a limit.
    pub fn place(&self, subject: &[u8], limit: &str) -> CounterKey {
        let mut hasher = self.hasher;
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        hasher.write(&u64::try_from(subject.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(subject);
        hasher.write(limit.as_bytes());
        let hash = hasher.finish128();
        // The remainder's bias is below one in 2^50.
        let bucket = hash.h1.checked_rem(u64::from(self.buckets.get())).unwrap_or(0);
        let mut key = String::with_capacity(self.prefix.len().saturating_add(10));
        key.push_str(&self.prefix);
        key.push_str(&bucket.to_string());
        CounterKey { key, fingerprint: Fingerprint(hash.as_bytes()) }
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
    fn workers_of_one_seed_agree_and_strangers_cannot_tell() {
        let ours = table(Callers::SignedIn).place(b"user_1", "asks");
        assert_eq!(ours, table(Callers::SignedIn).place(b"user_1", "asks"));
        let theirs = BucketTable::new("shop", Callers::SignedIn, &Seed::new([8; Seed::BYTES]), SIGNED_IN_MB);
        assert_ne!(ours.fingerprint, theirs.place(b"user_1", "asks").fingerprint);
        assert!(ours.key.starts_with("tollgate/1/shop/c/"), "{}", ours.key);
        let anonymous = table(Callers::Anonymous).place(b"user_1", "asks");
        assert!(anonymous.key.starts_with("tollgate/1/shop/a/"), "{}", anonymous.key);
    }

    #[test]
    fn another_subject_limit_or_split_of_the_two_is_another_counter() {
        let table = table(Callers::SignedIn);
        let places = [("user_1", "asks"), ("user_2", "asks"), ("user_1", "exports"), ("user_1a", "sks")];
        let prints = places.map(|(subject, limit)| table.place(subject.as_bytes(), limit).fingerprint);
        assert_eq!(HashSet::from(prints).len(), places.len());
    }

    /// A counter that is not where the module before put it would start anew with each release. The values are
    /// those of another implementation of SipHash-1-3 with 128 bits.
    #[test]
    fn places_stay_where_they_are_from_release_to_release() {
        let place = table(Callers::SignedIn).place(b"user_1", "asks");
        assert_eq!(place.key, "tollgate/1/shop/c/4070");
        assert_eq!(hex::encode(place.fingerprint.0), "e64fe360d513149e3c55c02fc0c297d7");
    }

    #[test]
    fn keys_are_a_fixed_number_and_evenly_used() {
        let table = table(Callers::Anonymous);
        let mut uses: HashMap<String, u32> = HashMap::new();
        for caller in 0..64 * 4_096_u32 {
            *uses.entry(table.place(&caller.to_le_bytes(), "asks").key).or_default() += 1;
        }
        assert_eq!(uses.len(), 4_096);
        // 64 on average with a deviation of 8; seven deviations to either side.
        assert!(uses.values().all(|n| (8..=120).contains(n)), "{:?}", uses.values().max());
    }

    #[test]
    fn neither_table_can_outgrow_its_memory_if_nothing_else_is_said() {
        let weight = |callers| u64::from(table(callers).buckets.get()) * FULL_BUCKET_BYTES;
        assert!(weight(Callers::SignedIn) <= 100_000_000, "{}", weight(Callers::SignedIn));
        assert!(weight(Callers::Anonymous) <= 25_000_000, "{}", weight(Callers::Anonymous));
    }

    #[test]
    fn the_memory_sets_the_number_of_buckets_and_each_size_has_own_keys() {
        for (memory_mb, buckets) in [(1, 169), (10, 1_024), (97, 16_384), (400, 67_584), (1_000, 168_960)] {
            assert_eq!(buckets_within(memory_mb).get(), buckets, "{memory_mb}");
            assert!(u64::from(buckets) * FULL_BUCKET_BYTES <= memory_mb * 1_000_000, "{memory_mb}");
        }
        let place = |memory_mb| {
            BucketTable::new("shop", Callers::SignedIn, &SEED, memory_mb).place(b"user_1", "asks").key
        };
        assert!(place(97).starts_with("tollgate/1/shop/c/"), "{}", place(97));
        assert!(place(1).starts_with("tollgate/1/shop/c169/"), "{}", place(1));
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
