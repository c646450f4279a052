//! The records of requests to Clerk and of its last responses, in shared data for all workers of the process.
//!
//! A fixed number of keys, each with a bounded list of 48-byte records: the subject (16), the time until
//! which its requests are used up (8), the time of the last successful request (8), the plan (8), and the end
//! of its grace period (8), little-endian. The subject and the plan are hashes without a secret key:
//! attackers cannot choose a Clerk id or the name of a plan.

use super::confirmations::{Confirmation, ConfirmedPlan, is_valid};
use crate::ids::Subject;
use crate::plan_table::PlanTable;
use crate::shared::SharedTable;
use crate::time::Micros;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::time::Duration;

/// The maximum number of records of one key. All 256 keys have room for 16,384 subjects in 0.8 MB, but the
/// process sends at most 1,300 requests a minute, so records in use need not be evicted.
const RECORDS_MAX: usize = 64;

const RECORD_BYTES: usize = 48;

const TABLE: SharedTable<RECORD_BYTES> = SharedTable { name: "confirm", format: 1, records_max: RECORDS_MAX };
/// The encoding of an absent time.
const NO_TIME: u64 = u64::MAX;

/// A limit of requests: `burst` at once, and one more after each `every`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLimit {
    burst: u32,
    every: Duration,
}

impl RequestLimit {
    /// Returns the limit of requests that each send this number of calls.
    pub(super) fn of_calls(self, calls: usize) -> Self {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        RequestLimit { burst: self.burst.div_ceil(calls), every: self.every.saturating_mul(calls) }
    }
}

/// The limit of one subject.
pub(super) const SUBJECT_LIMIT: RequestLimit = RequestLimit { burst: 2, every: Duration::from_secs(10) };

/// The limit of the whole process: a fifth of Clerk's rate limit of a production instance, which the webhook
/// shares.
pub(super) const PROCESS_LIMIT: RequestLimit = RequestLimit { burst: 100, every: Duration::from_millis(50) };

/// The id of a record within its key: a hash of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordId([u8; 16]);

/// Returns the key of shared data with a subject's record, and the record's id.
pub(super) fn location(namespace: &str, subject: &Subject) -> (String, RecordId) {
    let id = hash(subject.as_str());
    let [bucket, ..] = id;
    (TABLE.key(namespace, bucket), RecordId(id))
}

/// Returns the key of shared data with the record of the whole process, and the record's id.
pub(super) fn process_location(namespace: &str) -> (String, RecordId) {
    (TABLE.key(namespace, "all"), RecordId([0; 16]))
}

/// The record of a subject or of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ConfirmRecord {
    id: RecordId,
    /// The time when the whole limit is available again.
    used_until: Micros,
    /// The time of the last successful request; the epoch if there is none.
    requested_at: Micros,
    plan: u64,
    grace_until: Option<Micros>,
}

impl ConfirmRecord {
    const fn new(id: RecordId) -> Self {
        let epoch = Micros::from_micros(0);
        ConfirmRecord { id, used_until: epoch, requested_at: epoch, plan: 0, grace_until: None }
    }

    fn read(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let (id, numbers) = bytes.split_first_chunk()?;
        let mut numbers = numbers.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        Some(ConfirmRecord {
            id: RecordId(*id),
            used_until: Micros::from_micros(numbers.next()?),
            requested_at: Micros::from_micros(numbers.next()?),
            plan: numbers.next()?,
            grace_until: numbers.next().filter(|time| *time != NO_TIME).map(Micros::from_micros),
        })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let grace_until = self.grace_until.map_or(NO_TIME, Micros::as_micros);
        bytes.extend_from_slice(&self.id.0);
        for number in [self.used_until.as_micros(), self.requested_at.as_micros(), self.plan, grace_until] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// The records of one key.
#[derive(Debug)]
pub(super) struct ConfirmRecords(Vec<ConfirmRecord>);

impl ConfirmRecords {
    /// Reads a loaded value. A value of another format reads as no records.
    pub(super) fn read(value: Option<&[u8]>) -> Self {
        let records = TABLE.records(value).unwrap_or_default();
        ConfirmRecords(records.iter().filter_map(ConfirmRecord::read).collect())
    }

    /// Returns the last confirmation by any worker, if it is still valid.
    pub(super) fn confirmation(&self, id: RecordId, plans: &PlanTable, now: Micros) -> Option<Confirmation> {
        let record = self.find(id).filter(|record| is_valid(record.requested_at, now))?;
        let confirmed = plans.iter().find_map(|(rank, plan)| match record.plan {
            hash if hash == plan_hash(&plan.name) => Some(ConfirmedPlan::Plan(rank)),
            hash if hash == least_plan_hash(&plan.name) => Some(ConfirmedPlan::AtLeast(rank)),
            _ => None,
        });
        let plan = confirmed.unwrap_or(ConfirmedPlan::Unknown { name_hash: record.plan });
        let ConfirmRecord { requested_at, grace_until, .. } = record;
        Some(Confirmation { requested_at, plan, grace_until })
    }

    /// Returns the bytes with one more request counted; `None` if the limit is reached, or there is no room
    /// for another subject.
    pub(super) fn with_request(mut self, id: RecordId, limit: RequestLimit, now: Micros) -> Option<Vec<u8>> {
        let mut record = self.find(id).unwrap_or(ConfirmRecord::new(id));
        let RequestLimit { burst, every } = limit;
        // If the time is later than any number of requests could make it, the clock stepped back, and the
        // record starts again. It may be slightly later if another worker has read its clock after this one.
        let all = every.saturating_mul(burst);
        let latest = now.plus(all).plus(all);
        let used_until = if record.used_until > latest { now } else { record.used_until };
        if used_until > now.plus(every.saturating_mul(burst.saturating_sub(1))) {
            return None;
        }
        record.used_until = used_until.max(now).plus(every);
        self.put(record, now)
    }

    /// Returns the bytes with a new confirmation; `None` if there is a later one, or no room.
    pub(super) fn with_confirmation(
        mut self,
        id: RecordId,
        confirmation: &Confirmation,
        plans: &PlanTable,
        now: Micros,
    ) -> Option<Vec<u8>> {
        let record = self.find(id).unwrap_or(ConfirmRecord::new(id));
        if record.requested_at >= confirmation.requested_at && record.requested_at <= now {
            return None;
        }
        let (requested_at, grace_until) = (confirmation.requested_at, confirmation.grace_until);
        let plan = match confirmation.plan {
            ConfirmedPlan::Plan(plan) => plan_hash(&plans.get(plan).name),
            ConfirmedPlan::AtLeast(plan) => least_plan_hash(&plans.get(plan).name),
            ConfirmedPlan::Unknown { name_hash } => name_hash,
        };
        self.put(ConfirmRecord { requested_at, plan, grace_until, ..record }, now)
    }

    fn find(&self, id: RecordId) -> Option<ConfirmRecord> {
        self.0.iter().find(|record| record.id == id).copied()
    }

    /// Inserts or replaces a record, and removes those that are out of date.
    fn put(&mut self, record: ConfirmRecord, now: Micros) -> Option<Vec<u8>> {
        let in_use = |kept: &ConfirmRecord| kept.used_until > now || is_valid(kept.requested_at, now);
        self.0.retain(|kept| kept.id != record.id && in_use(kept));
        if self.0.len() >= RECORDS_MAX {
            return None;
        }
        self.0.push(record);
        let mut bytes = TABLE.bucket(self.0.len());
        self.0.iter().for_each(|record| record.write(&mut bytes));
        Some(bytes)
    }
}

/// Returns the hash of a plan's name, which identifies the plan in a record.
pub(super) fn plan_hash(name: &str) -> u64 {
    hash(name).first_chunk().map_or(0, |start| u64::from_le_bytes(*start))
}

/// Returns the value that identifies the least plan of a subject in a record. A release that does not know it
/// takes it for a plan that is not in the document, which lowers no plan either.
fn least_plan_hash(name: &str) -> u64 {
    !plan_hash(name)
}

/// Returns the hash of a text: SipHash-1-3 without a secret key, which is the same in every release.
fn hash(text: &str) -> [u8; 16] {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish128().as_bytes()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::plan_table::Plan;
    use proptest::prelude::*;

    const NOW_S: u64 = 1_800_000_000;

    fn id(number: u8) -> RecordId {
        RecordId([number; 16])
    }

    fn at(second: u64) -> Micros {
        Micros::from_secs(NOW_S + second)
    }

    fn plans() -> PlanTable {
        let plan = |name: &str| Plan { name: name.to_owned(), ..Plan::default() };
        PlanTable::new(plan("free"), vec![plan("pro")])
    }

    #[test]
    fn workers_whose_clocks_differ_share_one_limit() {
        let mut value: Option<Vec<u8>> = None;
        let mut requests = 0;
        for turn in 0..1_000 {
            // Every other worker read its clock a moment before the one that swapped last.
            let now = at(0).minus(Duration::from_micros(turn % 2 * 50));
            let records = ConfirmRecords::read(value.as_deref());
            if let Some(bytes) = records.with_request(id(1), PROCESS_LIMIT, now) {
                value = Some(bytes);
                requests += 1;
            }
        }
        assert_eq!(requests, PROCESS_LIMIT.burst);
    }

    #[test]
    fn a_subject_has_two_requests_and_one_more_every_ten_seconds() {
        let mut value: Option<Vec<u8>> = None;
        let mut is_granted = |second| {
            let records = ConfirmRecords::read(value.as_deref());
            match records.with_request(id(1), SUBJECT_LIMIT, at(second)) {
                Some(bytes) => {
                    value = Some(bytes);
                    true
                }
                None => false,
            }
        };
        let granted: Vec<u64> =
            (0..60).flat_map(|second| [second; 3]).filter(|second| is_granted(*second)).collect();
        assert_eq!(granted, [0, 0, 10, 20, 30, 40, 50]);
        assert!(is_granted(200) && is_granted(200) && !is_granted(200), "two again after a pause");
        assert!(is_granted(1) && is_granted(1) && !is_granted(1), "the clock stepped back");
    }

    #[test]
    fn requests_of_two_calls_each_count_twice() {
        let limit = PROCESS_LIMIT.of_calls(2);
        assert_eq!((limit.burst, limit.every), (50, Duration::from_millis(100)));
        let limit = PROCESS_LIMIT.of_calls(1);
        assert_eq!((limit.burst, limit.every), (PROCESS_LIMIT.burst, PROCESS_LIMIT.every));
    }

    #[test]
    fn the_process_has_twenty_requests_a_second() {
        let mut value: Option<Vec<u8>> = None;
        let mut requests = 0;
        for millisecond in 0..10_000 {
            let now = Micros::from_micros(at(0).as_micros() + millisecond * 1_000);
            let id = process_location("shop").1;
            let records = ConfirmRecords::read(value.as_deref());
            if let Some(bytes) = records.with_request(id, PROCESS_LIMIT, now) {
                value = Some(bytes);
                requests += 1;
            }
        }
        assert_eq!(requests, 100 + 199);
    }

    #[test]
    fn a_valid_confirmation_is_found_even_if_its_plan_is_unknown() {
        let plans = plans();
        let pro = plans.rank_of("pro").unwrap();
        let empty = || ConfirmRecords::read(None);
        for grace_until in [None, Some(Micros::default()), Some(at(5))] {
            let new = Confirmation { requested_at: at(0), plan: ConfirmedPlan::Plan(pro), grace_until };
            let bytes = empty().with_confirmation(id(1), &new, &plans, at(1)).unwrap();
            let records = ConfirmRecords::read(Some(&bytes));
            assert_eq!(records.confirmation(id(1), &plans, at(59)), Some(new));
            assert_eq!(records.confirmation(id(1), &plans, at(60)), None);
            assert_eq!(records.confirmation(id(2), &plans, at(1)), None);
            assert_eq!(records.with_confirmation(id(1), &new, &plans, at(1)), None, "it is known");
        }
        let new = Confirmation { requested_at: at(0), plan: ConfirmedPlan::AtLeast(pro), grace_until: None };
        let bytes = empty().with_confirmation(id(1), &new, &plans, at(1)).unwrap();
        assert_eq!(ConfirmRecords::read(Some(&bytes)).confirmation(id(1), &plans, at(1)), Some(new));
        // Of two workers whose documents differ, only one has the plan.
        let unknown = ConfirmedPlan::Unknown { name_hash: plan_hash("enterprise") };
        let new = Confirmation { requested_at: at(0), plan: unknown, grace_until: None };
        let bytes = empty().with_confirmation(id(1), &new, &plans, at(1)).unwrap();
        assert_eq!(ConfirmRecords::read(Some(&bytes)).confirmation(id(1), &plans, at(1)), Some(new));
        let plan = |name: &str| Plan { name: name.to_owned(), ..Plan::default() };
        let more = PlanTable::new(plan("free"), vec![plan("pro"), plan("enterprise")]);
        let enterprise = ConfirmedPlan::Plan(more.rank_of("enterprise").unwrap());
        let known = ConfirmRecords::read(Some(&bytes)).confirmation(id(1), &more, at(1));
        assert_eq!(known, Some(Confirmation { plan: enterprise, ..new }));
    }

    #[test]
    fn records_are_bounded_and_removed_when_out_of_date() {
        let with_request = |bytes: Option<&[u8]>, number, second| {
            ConfirmRecords::read(bytes).with_request(id(number), SUBJECT_LIMIT, at(second))
        };
        let mut bytes = with_request(None, 0, 0);
        for number in 1..RECORDS_MAX {
            bytes = with_request(bytes.as_deref(), u8::try_from(number).unwrap(), 0);
        }
        let full = bytes.unwrap();
        assert_eq!(full.len(), 1 + RECORDS_MAX * RECORD_BYTES);
        assert_eq!(with_request(Some(&full), 200, 0), None);
        assert!(with_request(Some(&full), 5, 0).is_some(), "a known subject still has room");
        let later = with_request(Some(&full), 200, 10).unwrap();
        assert_eq!(later.len(), 1 + RECORD_BYTES);
    }

    #[test]
    fn subjects_are_spread_over_a_fixed_number_of_keys() {
        let location = |id: &str| location("shop", &Subject::parse(id).unwrap());
        let keys: std::collections::BTreeSet<String> =
            (0..5_000).map(|number| location(&format!("user_{number}")).0).collect();
        assert_eq!(keys.len(), 256);
        assert!(keys.iter().all(|key| key.starts_with("tollgate/1/shop/confirm/")));
        assert_ne!(location("user_1").1, location("user_2").1);
        assert_ne!(location("user_1").1, location("org_1").1);
    }

    proptest! {
        #[test]
        fn any_shared_value_is_read_within_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..8_000)) {
            let records = ConfirmRecords::read(Some(&bytes));
            records.confirmation(id(1), &plans(), at(0));
            if let Some(after) = records.with_request(id(1), SUBJECT_LIMIT, at(0)) {
                prop_assert!(after.len() <= 1 + RECORDS_MAX * RECORD_BYTES);
            }
        }
    }
}
