//! Which events were brought to their end lately, so that a duplicate costs no callout.
//!
//! Kept in Envoy's shared data, in a fixed number of buckets. Forgetting is harmless: the event is synced again, and
//! changes nothing.

use crate::ids::EventId;
use crate::shared::SharedTable;
use crate::time::Micros;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long an event is remembered.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Deliveries may be signed by a clock that runs this far ahead of ours.
const CLOCK_ALLOWANCE: Duration = Duration::from_secs(60);

/// How many buckets there are: keys of shared data cannot be deleted, so their number is fixed.
const BUCKETS: u16 = 256;

/// How many events a bucket holds; one more forgets the oldest. 256 × 64 events in 400 KB.
const ENTRIES_MAX: usize = 64;

const FINGERPRINT_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const ENTRY_BYTES: usize = FINGERPRINT_BYTES + TIME_BYTES;

/// Format 1 had no byte for it in the value.
const TABLE: SharedTable<ENTRY_BYTES> = SharedTable { name: "e", format: 2, records_max: ENTRIES_MAX };

/// An event's place in the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RememberedEvent {
    /// The key in shared data.
    pub(super) key: String,
    fingerprint: [u8; FINGERPRINT_BYTES],
}

impl RememberedEvent {
    /// Where the event is remembered.
    pub(super) fn of(event: &EventId, namespace: &str) -> Self {
        let digest = Sha256::digest(event.as_str().as_bytes());
        let fingerprint = digest.first_chunk().copied().unwrap_or_default();
        let bucket = digest.last_chunk().map_or(0, |tail| u16::from_be_bytes(*tail)) % BUCKETS;
        RememberedEvent { key: TABLE.key(namespace, bucket), fingerprint }
    }

    /// Whether the event had ended, by what the bucket holds, when this delivery of it was signed.
    ///
    /// One signed later is a retry or somebody's Resend: Stripe, or a person, believes that the work is not done.
    pub(super) fn ended_before(&self, bucket: Option<&[u8]>, signed_at: Micros, now: Micros) -> bool {
        entries(bucket).filter(|(fingerprint, _)| *fingerprint == self.fingerprint).any(|(_, ended)| {
            ended.is_within(REMEMBERED_FOR, now) && signed_at <= ended.plus(CLOCK_ALLOWANCE)
        })
    }

    /// The bucket's new content, once the event has ended.
    pub(super) fn remember(&self, bucket: Option<&[u8]>, ended: Micros) -> Vec<u8> {
        let mut kept: Vec<_> = entries(bucket)
            .filter(|(fingerprint, at)| {
                *fingerprint != self.fingerprint && at.is_within(REMEMBERED_FOR, ended)
            })
            .collect();
        // What was written here before is in the order of the times.
        let place = kept.partition_point(|(_, at)| *at <= ended);
        kept.insert(place, (self.fingerprint, ended));
        let surplus = kept.len().saturating_sub(ENTRIES_MAX);
        let mut bucket = TABLE.bucket(kept.len());
        for (fingerprint, at) in kept.iter().skip(surplus) {
            bucket.extend_from_slice(fingerprint);
            bucket.extend_from_slice(&at.as_micros().to_be_bytes());
        }
        bucket
    }
}

/// What is no bucket of this table is an empty one.
fn entries(bucket: Option<&[u8]>) -> impl Iterator<Item = ([u8; FINGERPRINT_BYTES], Micros)> {
    TABLE.records(bucket).unwrap_or_default().iter().filter_map(|entry| {
        let fingerprint = entry.first_chunk::<FINGERPRINT_BYTES>()?;
        let time = entry.last_chunk::<TIME_BYTES>()?;
        Some((*fingerprint, Micros::from_micros(u64::from_be_bytes(*time))))
    })
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const NOW: Micros = Micros::from_secs(1_800_000_000);

    fn place(id: &str) -> RememberedEvent {
        RememberedEvent::of(&EventId::parse(id).unwrap(), "n")
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn only_what_was_signed_before_the_end_is_a_duplicate() {
        let event = place("evt_1");
        let bucket = event.remember(None, NOW);
        for (why, signed_at, duplicate) in [
            ("signed before", NOW.minus(secs(5)), true),
            ("by a clock a minute ahead", NOW.plus(secs(60)), true),
            ("signed after: a retry or a Resend", NOW.plus(secs(61)), false),
        ] {
            assert_eq!(event.ended_before(Some(&bucket), signed_at, NOW.plus(secs(100))), duplicate, "{why}");
        }
        assert!(!place("evt_2").ended_before(Some(&bucket), NOW, NOW), "another event");
    }

    #[test]
    fn an_event_is_forgotten_after_a_day() {
        let event = place("evt_1");
        let bucket = event.remember(None, NOW);
        assert!(event.ended_before(Some(&bucket), NOW, NOW.plus(REMEMBERED_FOR - secs(1))));
        assert!(!event.ended_before(Some(&bucket), NOW, NOW.plus(REMEMBERED_FOR)));
        let later = place("evt_2").remember(Some(&bucket), NOW.plus(REMEMBERED_FOR));
        assert_eq!(later.len(), 1 + ENTRY_BYTES);
    }

    #[test]
    fn what_ended_before_the_clock_stepped_back_is_not_remembered() {
        let event = place("evt_1");
        let bucket = event.remember(None, NOW.plus(secs(3_600)));
        assert!(!event.ended_before(Some(&bucket), NOW, NOW));
        assert_eq!(place("evt_2").remember(Some(&bucket), NOW).len(), 1 + ENTRY_BYTES);
    }

    #[test]
    fn a_full_bucket_forgets_the_oldest() {
        let mut bucket = TABLE.bucket(0);
        for n in 0..=u64::try_from(ENTRIES_MAX).unwrap() {
            bucket = place(&format!("evt_{n}")).remember(Some(&bucket), NOW.plus(secs(n)));
        }
        assert_eq!(bucket.len(), 1 + ENTRIES_MAX * ENTRY_BYTES);
        let later = NOW.plus(secs(3_600));
        assert!(!place("evt_0").ended_before(Some(&bucket), NOW, later));
        assert!(place("evt_1").ended_before(Some(&bucket), NOW, later));
    }

    /// As it was before a value began with the format of its records.
    #[test]
    fn a_bucket_of_the_first_format_has_another_key_and_is_not_read() {
        let event = place("evt_1");
        assert!(event.key.starts_with("tollgate/2/n/e/"), "{}", event.key);
        let first = event.remember(None, NOW).split_off(1);
        assert!(!event.ended_before(Some(&first), NOW, NOW));
    }

    #[test]
    fn whatever_a_bucket_holds_is_read() {
        for garbage in [&[][..], &[1; 5], &[0xff; 100]] {
            assert!(!place("evt_1").ended_before(Some(garbage), NOW, NOW));
            assert!(!place("evt_1").remember(Some(garbage), NOW).is_empty());
        }
    }
}
