//! The subjects that were changed recently, in shared data, so that no worker of the process responds with a
//! view that it read before the change.

use crate::ids::Subject;
use crate::shared::SharedTable;
use crate::time::Micros;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::time::Duration;

/// A record: the hash of the subject, and the time in microseconds.
const RECORD_BYTES: usize = 16;

const TABLE: SharedTable<RECORD_BYTES> = SharedTable { name: "changed", format: 1, records_max: 64 };

/// The number of buckets.
const BUCKETS: u64 = 256;

/// The duration for which a change is kept. No view is older.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// The location of a subject's last change in the shared data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangedSubject {
    /// The key of its bucket.
    pub(crate) key: String,
    hash: u64,
}

impl ChangedSubject {
    /// The maximum number of attempts to record a change. Giving up is harmless, because a view is used only
    /// for half a minute.
    pub(crate) const SWAP_TRIES_MAX: u32 = 8;

    /// Finds the bucket of a subject.
    pub(crate) fn new(subject: &Subject, namespace: &str) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(subject.as_str().as_bytes());
        let hash = hasher.finish128();
        let bucket = hash.h1.checked_rem(BUCKETS).unwrap_or_default();
        ChangedSubject { key: TABLE.key(namespace, bucket), hash: hash.h2 }
    }

    /// Returns whether the bucket shows that the subject was changed at `since` or later. An unreadable
    /// bucket counts as a change.
    pub(crate) fn has_changed_since(&self, bucket: Option<&[u8]>, since: Micros) -> bool {
        match TABLE.records(bucket) {
            Ok(records) => records.iter().map(read).any(|(hash, at)| hash == self.hash && at >= since),
            Err(_) => true,
        }
    }

    /// Returns the bucket with a change of the subject at `now`. If the bucket is full, the oldest changes
    /// are removed.
    pub(crate) fn bucket_with(&self, bucket: Option<&[u8]>, now: Micros) -> Vec<u8> {
        let known = TABLE.records(bucket).unwrap_or_default().iter().map(read);
        let mut kept: Vec<_> =
            known.filter(|(hash, at)| *hash != self.hash && at.is_within(KEPT_FOR, now)).collect();
        kept.sort_by_key(|(_, at)| *at);
        kept.push((self.hash, now));
        let surplus = kept.len().saturating_sub(TABLE.records_max);
        let mut bytes = TABLE.bucket(kept.len());
        for (hash, at) in kept.into_iter().skip(surplus) {
            bytes.extend_from_slice(&hash.to_le_bytes());
            bytes.extend_from_slice(&at.as_micros().to_le_bytes());
        }
        bytes
    }
}

fn read(record: &[u8; RECORD_BYTES]) -> (u64, Micros) {
    let [a, b, c, d, e, f, g, h, at @ ..] = *record;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), Micros::from_micros(u64::from_le_bytes(at)))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn subject(number: usize) -> ChangedSubject {
        ChangedSubject::new(&Subject::parse(&format!("user_{number}")).unwrap(), "shop")
    }

    fn at(seconds: u64) -> Micros {
        Micros::from_secs(1_000 + seconds)
    }

    #[test]
    fn a_view_that_was_read_before_a_change_is_out_of_date() {
        let (ada, bob) = (subject(1), subject(2));
        let bucket = ada.bucket_with(None, at(5));
        assert!(ada.has_changed_since(Some(&bucket), at(5)) && ada.has_changed_since(Some(&bucket), at(1)));
        assert!(!ada.has_changed_since(Some(&bucket), at(6)) && !ada.has_changed_since(None, at(0)));
        assert!(!bob.has_changed_since(Some(&bucket), at(0)));
        assert!(ada.has_changed_since(Some(b"odd"), at(9)), "an unreadable bucket counts as a change");
        let bucket = bob.bucket_with(Some(&bucket), at(70));
        assert!(!ada.has_changed_since(Some(&bucket), at(0)), "no view is that old");
    }

    #[test]
    fn a_full_bucket_keeps_the_newest_changes() {
        let mut bucket = Vec::new();
        for number in 0..=TABLE.records_max {
            bucket = subject(number).bucket_with(Some(&bucket), at(number as u64 / 10));
        }
        assert_eq!(bucket.len(), TABLE.bucket_bytes_max());
        assert!(!subject(0).has_changed_since(Some(&bucket), at(0)));
        assert!(subject(TABLE.records_max).has_changed_since(Some(&bucket), at(0)));
    }
}
