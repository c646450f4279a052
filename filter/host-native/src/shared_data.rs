//! Values that all worker threads share, changed by compare-and-swap.
//!
//! They live as long as the process: the module is loaded with `do_not_close: true`, so that counters survive
//! a listener update. A key belongs to one of [`SHARDS`] maps. Each has a lock, which is held while one value
//! is copied, so workers wait for each other only if their keys are in the same map.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::sync::{LazyLock, Mutex, PoisonError};
use tollgate_core::machine::Version;
use tollgate_driver::SharedValue;

/// The number of locks.
const SHARDS: usize = 64;

/// The values of the process.
static SHARED: LazyLock<SharedData> = LazyLock::new(SharedData::new);

/// Reads a value.
pub(crate) fn load(key: &str) -> SharedValue {
    SHARED.load(key)
}

/// Writes a value unless its version has changed. Returns whether it was written.
pub(crate) fn swap(key: &str, value: &[u8], version: Version) -> bool {
    SHARED.swap(key, value, version)
}

/// A value and its version, which counts its writes from 1.
struct Stored {
    value: Vec<u8>,
    version: u32,
}

type Shard = Mutex<HashMap<Box<str>, Stored>>;

struct SharedData {
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

impl SharedData {
    fn new() -> Self {
        SharedData { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    fn load(&self, key: &str) -> SharedValue {
        let absent = SharedValue { value: None, version: Version::ABSENT };
        let Some(shard) = self.shard(key) else { return absent };
        let values = shard.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(key).map_or(absent, |stored| SharedValue {
            value: Some(stored.value.clone()).filter(|value| !value.is_empty()),
            version: Version(stored.version),
        })
    }

    fn swap(&self, key: &str, value: &[u8], version: Version) -> bool {
        let Some(shard) = self.shard(key) else { return false };
        let mut values = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = values.get_mut(key) {
            let unchanged = Version(stored.version) == version;
            if unchanged {
                stored.value.clear();
                stored.value.extend_from_slice(value);
                stored.version = stored.version.checked_add(1).unwrap_or(1);
            }
            return unchanged;
        }
        match values.entry(key.into()) {
            Entry::Vacant(vacant) if version == Version::ABSENT => {
                vacant.insert(Stored { value: value.to_vec(), version: 1 });
                true
            }
            Entry::Vacant(_) | Entry::Occupied(_) => false,
        }
    }

    fn shard(&self, key: &str) -> Option<&Shard> {
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
        self.shards.get(hash % SHARDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_two_workers_with_the_same_version_succeeds() {
        let data = SharedData::new();
        assert!(data.swap("k", b"first", Version::ABSENT));
        let seen = data.load("k");
        assert_eq!(seen.value.as_deref(), Some(&b"first"[..]));
        assert!(data.swap("k", b"second", seen.version));
        assert!(!data.swap("k", b"third", seen.version), "the version has changed");
        assert_eq!(data.load("k").value.as_deref(), Some(&b"second"[..]));
    }

    #[test]
    fn one_of_two_workers_without_a_value_succeeds() {
        let data = SharedData::new();
        assert_eq!(data.load("k"), SharedValue { value: None, version: Version::ABSENT });
        assert!(!data.swap("k", b"late", Version(7)), "a version of a value that is not there");
        assert!(data.swap("k", b"first", Version::ABSENT));
        assert!(!data.swap("k", b"second", Version::ABSENT), "there is a value by now");
        assert_eq!(data.load("k").value.as_deref(), Some(&b"first"[..]));
    }

    #[test]
    fn an_empty_value_reads_as_none_but_keeps_its_version() {
        let data = SharedData::new();
        assert!(data.swap("k", b"", Version::ABSENT));
        let emptied = data.load("k");
        assert_eq!(emptied.value, None);
        assert!(data.swap("k", b"again", emptied.version));
    }

    #[test]
    fn threads_neither_lose_nor_double_a_count() {
        const THREADS: usize = 4;
        const COUNTS: usize = 5_000;
        let data = SharedData::new();
        let count = |key: &str| loop {
            let seen = data.load(key);
            let value = seen.value.and_then(|value| value.try_into().ok()).map_or(0, u64::from_le_bytes);
            if data.swap(key, &value.wrapping_add(1).to_le_bytes(), seen.version) {
                return;
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let count = &count;
                scope.spawn(move || {
                    let own = format!("own {thread}");
                    for _ in 0..COUNTS {
                        count("all");
                        count(&own);
                    }
                });
            }
        });
        let value =
            |key: &str| data.load(key).value.and_then(|value| value.try_into().ok()).map(u64::from_le_bytes);
        assert_eq!(value("all"), u64::try_from(THREADS * COUNTS).ok());
        assert_eq!(value("own 0"), u64::try_from(COUNTS).ok());
    }
}
