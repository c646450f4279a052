//! The bytes of one bucket: a bounded list of counters. Finds and replaces counters; does not know limits.
//!
//! A bucket has records of 32 bytes, in any order: the fingerprint (16), the end of the window in seconds
//! since the epoch times 8 plus the number of its period (8), and the use (8), little-endian.
//!
//! The memory of the table for signed-in callers: 16,384 buckets of at most 176 records take at most 92 MB,
//! or 97 MB with 256 bytes for each key. A million subjects with two counters each take 68 MB (measured),
//! with 122 counters in a bucket; by then a few buckets are full, and 46 of the two million counters were
//! evicted. An idle subject soon keeps only its longest window, because every write to a bucket removes
//! counters whose windows are over.

use super::fingerprint::Fingerprint;
use crate::plan_table::Period;
use crate::shared::{BucketError, SharedTable};
use crate::time::Micros;

/// The maximum number of counters of one bucket.
pub(crate) const RECORDS_MAX: usize = 176;
/// The maximum number of bytes of one bucket.
pub const BUCKET_BYTES_MAX: usize = SIGNED_IN.bucket_bytes_max();
/// The longest step back of a clock that loses no count, in seconds: an hour, as on a machine whose clock is
/// in local time. For seconds and minutes, it is the length of the period.
pub(crate) const CLOCK_STEP_S_MAX: u64 = 3_600;

const RECORD_BYTES: usize = 32;

/// The counters of signed-in callers.
pub(super) const SIGNED_IN: SharedTable<RECORD_BYTES> =
    SharedTable { name: "c", format: 1, records_max: RECORDS_MAX };
/// The counters of anonymous callers. Only the name of the table differs.
pub(super) const ANONYMOUS: SharedTable<RECORD_BYTES> = SharedTable { name: "a", ..SIGNED_IN };

/// The number of bits below the window's end that hold its period.
const KIND_BITS: u32 = 3;

/// Returns how far ahead of the clock a window may start and still be used, and how long after its end a
/// counter is kept, in seconds: the length of the window, at most [`CLOCK_STEP_S_MAX`].
pub(super) const fn clock_slack_s(period: Period) -> u64 {
    match period {
        Period::Second => 1,
        Period::Minute => 60,
        Period::Hour | Period::Day | Period::Week | Period::Month => CLOCK_STEP_S_MAX,
    }
}

/// The use of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CounterRecord {
    pub(super) period: Period,
    /// The end of the window, in seconds since the epoch.
    pub(super) end_s: u64,
    pub(super) used: u64,
}

/// The counters of one subject and limit: at most one of each period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters([Option<CounterRecord>; Period::ALL.len()]);

impl Counters {
    pub(super) fn get(&self, period: Period) -> Option<CounterRecord> {
        self.0.get(period.number()).copied().flatten()
    }

    pub(super) fn set(&mut self, counter: CounterRecord) {
        if let Some(slot) = self.0.get_mut(counter.period.number()) {
            *slot = Some(counter);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &CounterRecord> {
        self.0.iter().flatten()
    }
}

/// A loaded bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket<'a> {
    records: &'a [[u8; RECORD_BYTES]],
    /// Whether the value is not a bucket; then it counts as empty.
    pub(super) unreadable: bool,
}

impl<'a> Bucket<'a> {
    /// Reads a loaded value. No value, or an empty one, is an empty bucket.
    pub(super) fn read(value: Option<&'a [u8]>) -> Self {
        match SIGNED_IN.records(value) {
            Ok(records) => Bucket { records, unreadable: false },
            Err(BucketError) => Bucket { records: &[], unreadable: true },
        }
    }

    /// Returns the counters of that fingerprint, even if their windows are over.
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Counters {
        let mut found = Counters::default();
        for counter in self.records.iter().filter(|record| is_of(record, fingerprint)).filter_map(decode) {
            found.set(counter);
        }
        found
    }

    /// Returns the bytes of this bucket with these counters instead of those with the same fingerprint and
    /// period, and without outdated counters. If the bucket is full, counters are evicted. Also returns how
    /// many were evicted whose windows were not over.
    pub(super) fn replace(&self, fingerprint: Fingerprint, own: &Counters, now: Micros) -> (Vec<u8>, u32) {
        let mut bytes = SIGNED_IN.bucket(self.records.len().saturating_add(2));
        let mut kept = 0_usize;
        for record in self.records {
            let Some(counter) = decode(record) else { continue };
            let replaced = is_of(record, fingerprint) && own.get(counter.period).is_some();
            let over = counter.end_s.saturating_add(clock_slack_s(counter.period)) <= now.as_secs();
            if !replaced && !over {
                bytes.extend_from_slice(record);
                kept = kept.saturating_add(1);
            }
        }
        let room = RECORDS_MAX.saturating_sub(own.iter().count());
        let mut evicted = 0_u32;
        for _ in room..kept {
            evicted = evicted.saturating_add(u32::from(evict_first_to_end(&mut bytes) > now.as_secs()));
        }
        for counter in own.iter() {
            encode(fingerprint, counter, &mut bytes);
        }
        (bytes, evicted)
    }
}

/// Removes the record whose window ends first, and returns that end.
fn evict_first_to_end(bytes: &mut Vec<u8>) -> u64 {
    let ends = written_records(bytes).iter().map(end_of);
    let Some((index, end_s)) = ends.enumerate().min_by_key(|(_, end_s)| *end_s) else { return 0 };
    let start = index.saturating_mul(RECORD_BYTES).saturating_add(1);
    bytes.drain(start..start.saturating_add(RECORD_BYTES).min(bytes.len()));
    end_s
}

/// Returns the records of a bucket that is being written, which may still have more than the maximum.
fn written_records(bytes: &[u8]) -> &[[u8; RECORD_BYTES]] {
    bytes.get(1..).unwrap_or_default().as_chunks().0
}

/// Returns whether a record has that fingerprint. Compares arrays, which are two words, and not slices: this
/// runs for every record of the bucket.
fn is_of(record: &[u8; RECORD_BYTES], fingerprint: Fingerprint) -> bool {
    record.first_chunk() == Some(&fingerprint.0)
}

fn encode(fingerprint: Fingerprint, counter: &CounterRecord, bytes: &mut Vec<u8>) {
    let kind = u64::try_from(counter.period.number()).unwrap_or(0);
    // A u64 of microseconds has no second beyond 2^45, so no bit is lost.
    let end_and_kind = counter.end_s << KIND_BITS | kind;
    bytes.extend_from_slice(&fingerprint.0);
    bytes.extend_from_slice(&end_and_kind.to_le_bytes());
    bytes.extend_from_slice(&counter.used.to_le_bytes());
}

/// Decodes a record, or returns `None` if its period is one that no version writes: then it is dropped.
fn decode(record: &[u8; RECORD_BYTES]) -> Option<CounterRecord> {
    let (_, numbers) = record.split_at_checked(Fingerprint::BYTES)?;
    let (end_and_kind, used) = numbers.split_first_chunk()?;
    let end_and_kind = u64::from_le_bytes(*end_and_kind);
    let kind = usize::try_from(end_and_kind & ((1 << KIND_BITS) - 1)).ok()?;
    Some(CounterRecord {
        period: *Period::ALL.get(kind)?,
        end_s: end_and_kind >> KIND_BITS,
        used: u64::from_le_bytes(used.try_into().ok()?),
    })
}

fn end_of(record: &[u8; RECORD_BYTES]) -> u64 {
    decode(record).map_or(0, |counter| counter.end_s)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Micros = Micros::from_secs(1_795_219_200);

    fn print(n: u32) -> Fingerprint {
        let mut bytes = [0; Fingerprint::BYTES];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Fingerprint(bytes)
    }

    fn counter(period: Period, ends_in_s: i64) -> CounterRecord {
        CounterRecord { period, end_s: NOW.as_secs().checked_add_signed(ends_in_s).unwrap(), used: 7 }
    }

    fn own(counter: CounterRecord) -> Counters {
        let mut own = Counters::default();
        own.set(counter);
        own
    }

    /// Returns a bucket of these counters, each with its index as the fingerprint.
    fn bucket_of(counters: &[CounterRecord]) -> Vec<u8> {
        let mut bytes = vec![SIGNED_IN.format];
        for (n, counter) in (0..).zip(counters) {
            encode(print(n), counter, &mut bytes);
        }
        bytes
    }

    fn replace(bytes: &[u8], fingerprint: Fingerprint, own: CounterRecord) -> (Vec<u8>, u32) {
        Bucket::read(Some(bytes)).replace(fingerprint, &self::own(own), NOW)
    }

    fn find(bytes: &[u8], n: u32) -> Counters {
        Bucket::read(Some(bytes)).find(print(n))
    }

    #[test]
    fn a_counter_is_found_only_by_its_own_fingerprint() {
        let (month, minute) = (counter(Period::Month, 900), counter(Period::Minute, 30));
        let (bytes, _) = Bucket::read(None).replace(print(1), &own(month), NOW);
        let (bytes, _) = replace(&bytes, print(1), minute);
        let (bytes, _) = replace(&bytes, print(2), counter(Period::Month, 60));
        assert_eq!(find(&bytes, 1).get(Period::Month), Some(month));
        assert_eq!(find(&bytes, 1).get(Period::Minute), Some(minute));
        assert_eq!(find(&bytes, 1).get(Period::Day), None);
        assert_eq!(find(&bytes, 3), Counters::default());
        let more = CounterRecord { used: 8, ..month };
        let (bytes, evicted) = replace(&bytes, print(1), more);
        assert_eq!(find(&bytes, 1).get(Period::Month), Some(more));
        assert_eq!((bytes.len(), evicted), (1 + 3 * RECORD_BYTES, 0), "a counter is replaced, not doubled");
    }

    #[test]
    fn a_counter_is_kept_for_the_clock_slack_after_its_window() {
        let cases = [
            ("a second, in its slack", Period::Second, 0, true),
            ("a second, after", Period::Second, -1, false),
            ("a minute, in its slack", Period::Minute, -59, true),
            ("a minute, after", Period::Minute, -60, false),
            ("a month, in its slack", Period::Month, -3_599, true),
            ("a month, after", Period::Month, -3_600, false),
        ];
        for (why, period, ends_in_s, kept) in cases {
            let bytes = bucket_of(&[counter(period, ends_in_s)]);
            let (bytes, evicted) = replace(&bytes, print(9), counter(Period::Day, 60));
            assert_eq!((find(&bytes, 0).get(period).is_some(), evicted), (kept, 0), "{why}");
        }
    }

    #[test]
    fn a_full_bucket_evicts_the_other_counter_that_ends_first() {
        let mut counters = vec![counter(Period::Month, 5_000); RECORDS_MAX - 1];
        counters.push(counter(Period::Minute, 20));
        let full = bucket_of(&counters);
        assert_eq!(full.len(), BUCKET_BYTES_MAX);
        let last = u32::try_from(RECORDS_MAX - 1).unwrap();
        let (bytes, evicted) = replace(&full, print(900), counter(Period::Second, 1));
        assert_eq!((bytes.len(), evicted), (BUCKET_BYTES_MAX, 1));
        assert_eq!(find(&bytes, last), Counters::default(), "it ended first");
        assert!(find(&bytes, 900).get(Period::Second).is_some(), "the own counter ends sooner, but stays");
        let (bytes, evicted) = replace(&full, print(0), counter(Period::Month, 5_000));
        assert_eq!((bytes.len(), evicted), (BUCKET_BYTES_MAX, 0), "an existing counter needs no room");

        counters[0] = counter(Period::Hour, -1);
        let (bytes, evicted) = replace(&bucket_of(&counters), print(900), counter(Period::Day, 1));
        assert_eq!((bytes.len(), evicted), (BUCKET_BYTES_MAX, 0), "a counter that is over is not evicted");
    }

    #[test]
    fn a_value_that_is_not_a_bucket_is_unreadable() {
        let good = bucket_of(&[counter(Period::Day, 60)]);
        let cases = [
            ("nothing there", None, false),
            ("an empty value", Some(vec![]), false),
            ("no counters", Some(vec![SIGNED_IN.format]), false),
            ("one counter", Some(good.clone()), false),
            ("another version", Some([&[2], &good[1..]].concat()), true),
            ("cut short", Some(good[..good.len() - 1].to_vec()), true),
            ("a byte too many", Some([&good[..], &[0]].concat()), true),
            ("a record too many", Some(bucket_of(&[counter(Period::Day, 60); RECORDS_MAX + 1])), true),
        ];
        for (why, bytes, unreadable) in cases {
            assert_eq!(Bucket::read(bytes.as_deref()).unreadable, unreadable, "{why}");
        }
    }

    #[test]
    fn a_record_of_an_unknown_period_is_dropped() {
        let mut bytes = bucket_of(&[counter(Period::Second, 60), counter(Period::Day, 60)]);
        bytes[1 + Fingerprint::BYTES] |= 7;
        assert_eq!(find(&bytes, 0), Counters::default());
        let (bytes, evicted) = replace(&bytes, print(9), counter(Period::Day, 60));
        assert_eq!((bytes.len(), evicted), (1 + 2 * RECORD_BYTES, 0));
        assert!(find(&bytes, 1).get(Period::Day).is_some());
    }

    /// Generates any bytes, often with the version and length of a bucket.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let records = prop::collection::vec(any::<[u8; RECORD_BYTES]>(), 0..RECORDS_MAX + 2);
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..100),
            records.prop_map(|records| [&[SIGNED_IN.format], records.concat().as_slice()].concat()),
            prop::collection::vec((0_u64..1 << 50, 0_u64..6, any::<u64>()), 0..=RECORDS_MAX).prop_map(
                |counters| {
                    let mut bytes = vec![SIGNED_IN.format];
                    for (n, (end_s, kind, used)) in (0..).zip(counters) {
                        let period = Period::ALL[usize::try_from(kind).unwrap()];
                        encode(print(n), &CounterRecord { period, end_s, used }, &mut bytes);
                    }
                    bytes
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read_and_are_replaced_by_a_bucket(bytes in any_bytes(), now in any::<u64>()) {
            let bucket = Bucket::read(Some(&bytes));
            let mine = counter(Period::Day, 60);
            let (after, _) = bucket.replace(print(3), &own(mine), Micros::from_micros(now));
            prop_assert!(after.len() <= BUCKET_BYTES_MAX);
            prop_assert!(!Bucket::read(Some(&after)).unreadable);
            prop_assert_eq!(find(&after, 3).get(Period::Day), Some(mine));
        }
    }
}
