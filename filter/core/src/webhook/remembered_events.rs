//! Remembers recently processed events, so that a duplicate delivery costs no callout.
//!
//! The table is kept in Envoy's shared data, in a fixed number of buckets. Losing an entry is harmless: the
//! duplicate is synced again and changes nothing.

use crate::ids::EventId;
use crate::shared::SharedTable;
use crate::time::Micros;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The time for which a processed event is remembered.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum by which the sender's clock may run ahead of this one.
const CLOCK_ALLOWANCE: Duration = Duration::from_secs(60);

/// The number of buckets. Keys of shared data cannot be deleted, so their number is fixed.
const BUCKETS: u16 = 256;

/// The maximum number of events in a bucket; an additional one replaces the oldest. 256 × 64 events take 400
/// KB.
const ENTRIES_MAX: usize = 64;

const FINGERPRINT_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const ENTRY_BYTES: usize = FINGERPRINT_BYTES + TIME_BYTES;

/// Format 1 had no format byte in the value.
const TABLE: SharedTable<ENTRY_BYTES> = SharedTable { name: "e", format: 2, records_max: ENTRIES_MAX };

/// The key of an event in the table of processed events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RememberedEvent {
    /// The bucket's key in shared data.
    pub(super) key: String,
    fingerprint: [u8; FINGERPRINT_BYTES],
}

impl RememberedEvent {
    /// Computes the key of an event.
    pub(super) fn new(event: &EventId, namespace: &str) -> Self {
        let digest = Sha256::digest(event.as_str().as_bytes());
        let fingerprint = digest.first_chunk().copied().unwrap_or_default();
        let bucket = digest.last_chunk().map_or(0, |tail| u16::from_be_bytes(*tail)) % BUCKETS;
        RememberedEvent { key: TABLE.key(namespace, bucket), fingerprint }
    }

    /// Returns whether the bucket shows that the event was processed before this delivery was signed.
    ///
    /// A delivery that was signed later is a retry or a manual resend: Stripe or a person assumes that the
    /// work is not done, so it is not treated as a duplicate.
    pub(super) fn processed_before(&self, bucket: Option<&[u8]>, signed_at: Micros, now: Micros) -> bool {
        entries(bucket).filter(|(fingerprint, _)| *fingerprint == self.fingerprint).any(|(_, ended)| {
            ended.is_within(REMEMBERED_FOR, now) && signed_at <= ended.plus(CLOCK_ALLOWANCE)
        })
    }

    /// Returns the bucket's new content, with the event processed at `ended`.
    pub(super) fn bucket_with(&self, bucket: Option<&[u8]>, ended: Micros) -> Vec<u8> {
        let mut kept: Vec<_> = entries(bucket)
            .filter(|(fingerprint, at)| {
                *fingerprint != self.fingerprint && at.is_within(REMEMBERED_FOR, ended)
            })
            .collect();
        // The entries are sorted by time.
        let index = kept.partition_point(|(_, at)| *at <= ended);
        kept.insert(index, (self.fingerprint, ended));
        let surplus = kept.len().saturating_sub(ENTRIES_MAX);
        let mut bucket = TABLE.bucket(kept.len());
        for (fingerprint, at) in kept.iter().skip(surplus) {
            bucket.extend_from_slice(fingerprint);
            bucket.extend_from_slice(&at.as_micros().to_be_bytes());
        }
        bucket
    }
}

/// Iterates over the entries of a bucket; a value that is not in this table's format has none.
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

    fn key(id: &str) -> RememberedEvent {
        RememberedEvent::new(&EventId::parse(id).unwrap(), "n")
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn only_a_delivery_signed_before_processing_is_a_duplicate() {
        let event = key("evt_1");
        let bucket = event.bucket_with(None, NOW);
        for (why, signed_at, duplicate) in [
            ("signed before processing", NOW.minus(secs(5)), true),
            ("signed by a clock a minute ahead", NOW.plus(secs(60)), true),
            ("signed after processing: a retry or a manual resend", NOW.plus(secs(61)), false),
        ] {
            assert_eq!(
                event.processed_before(Some(&bucket), signed_at, NOW.plus(secs(100))),
                duplicate,
                "{why}"
            );
        }
        assert!(!key("evt_2").processed_before(Some(&bucket), NOW, NOW), "another event");
    }

    #[test]
    fn an_event_is_forgotten_after_a_day() {
        let event = key("evt_1");
        let bucket = event.bucket_with(None, NOW);
        assert!(event.processed_before(Some(&bucket), NOW, NOW.plus(REMEMBERED_FOR - secs(1))));
        assert!(!event.processed_before(Some(&bucket), NOW, NOW.plus(REMEMBERED_FOR)));
        let later = key("evt_2").bucket_with(Some(&bucket), NOW.plus(REMEMBERED_FOR));
        assert_eq!(later.len(), 1 + ENTRY_BYTES);
    }

    #[test]
    fn an_entry_in_the_future_is_ignored() {
        let event = key("evt_1");
        let bucket = event.bucket_with(None, NOW.plus(secs(3_600)));
        assert!(!event.processed_before(Some(&bucket), NOW, NOW));
        assert_eq!(key("evt_2").bucket_with(Some(&bucket), NOW).len(), 1 + ENTRY_BYTES);
    }

    #[test]
    fn a_full_bucket_drops_the_oldest_entry() {
        let mut bucket = TABLE.bucket(0);
        for n in 0..=u64::try_from(ENTRIES_MAX).unwrap() {
            bucket = key(&format!("evt_{n}")).bucket_with(Some(&bucket), NOW.plus(secs(n)));
        }
        assert_eq!(bucket.len(), 1 + ENTRIES_MAX * ENTRY_BYTES);
        let later = NOW.plus(secs(3_600));
        assert!(!key("evt_0").processed_before(Some(&bucket), NOW, later));
        assert!(key("evt_1").processed_before(Some(&bucket), NOW, later));
    }

    /// Checks a bucket of format 1, which had no leading format byte.
    #[test]
    fn a_bucket_of_the_first_format_has_another_key_and_is_not_read() {
        let event = key("evt_1");
        assert!(event.key.starts_with("tollgate/2/n/e/"), "{}", event.key);
        let first = event.bucket_with(None, NOW).split_off(1);
        assert!(!event.processed_before(Some(&first), NOW, NOW));
    }

    #[test]
    fn garbage_in_a_bucket_is_treated_as_empty() {
        for garbage in [&[][..], &[1; 5], &[0xff; 100]] {
            assert!(!key("evt_1").processed_before(Some(garbage), NOW, NOW));
            assert!(!key("evt_1").bucket_with(Some(garbage), NOW).is_empty());
        }
    }
}
