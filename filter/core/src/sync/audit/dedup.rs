//! Deduplicates the audit: all workers of a process together log each change once.
//!
//! Before a change is written to Clerk, it is stored as intended; when it is logged, the time is stored. Two
//! deliveries that write the same change store the same entry. If Clerk's response to a write is lost, the
//! next sync that finds the change in the record logs it. The entries are kept in Envoy's shared data, in a
//! fixed number of buckets. If an entry was dropped, the change is logged again rather than not at all.

use super::action::{AuditEntry, PlanAction};
use crate::clerk::metadata::Record;
use crate::ids::Subject;
use crate::shared::SharedTable;
use crate::time::Micros;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The time for which an intended change is stored: longer than Stripe retries.
const INTENDED_FOR: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// The time for which a logged change is stored: longer than any sync takes that read the record before it.
const LOGGED_FOR: Duration = Duration::from_secs(60);

/// The number of buckets. Keys of shared data cannot be deleted, so their number is fixed.
const BUCKETS: u16 = 256;

/// The maximum number of changes in a bucket; an additional one replaces the oldest. 256 × 24 changes take 1
/// MB.
const ENTRIES_MAX: usize = 24;

/// The maximum length of a stored plan name; the configuration allows no longer one.
const PLAN_BYTES_MAX: usize = 64;

const SUBJECT_HASH_BYTES: usize = 8;
const MARK_BYTES: usize = SUBJECT_HASH_BYTES + 16;
const TIME_BYTES: usize = 8;
/// The stage, the action, and the lengths of the two plan names.
const FLAG_BYTES: usize = 4;
const ENTRY_BYTES: usize = MARK_BYTES + TIME_BYTES + FLAG_BYTES + 2 * PLAN_BYTES_MAX;

/// Format 1 had no format byte in the value.
const TABLE: SharedTable<ENTRY_BYTES> = SharedTable { name: "t", format: 2, records_max: ENTRIES_MAX };

/// The key of a change: the subject and the target content of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditedChange {
    /// The bucket's key in shared data.
    pub(crate) key: String,
    /// A hash of the subject, followed by a hash of the record's content.
    mark: [u8; MARK_BYTES],
    new_plan: Option<String>,
}

/// The update of a bucket and the audit line to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DedupUpdate {
    /// The bucket's new content; `None` if it stays unchanged.
    pub(crate) value: Option<Vec<u8>>,
    /// The entry to log once the new content is stored.
    pub(crate) to_log: Option<AuditEntry>,
    /// The plan that was last logged for the subject, if that was after the change's old record was read.
    pub(crate) logged_since: Option<Option<String>>,
}

impl DedupUpdate {
    const NONE: DedupUpdate = DedupUpdate { value: None, to_log: None, logged_since: None };
}

/// A stored change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DedupEntry {
    mark: [u8; MARK_BYTES],
    /// The time at which the change was logged, or, if it is only intended, at which the old record was
    /// requested.
    at: Micros,
    /// Whether the change is not logged yet.
    intended: bool,
    before: AuditEntry,
    new_plan: Option<String>,
}

impl AuditedChange {
    /// Computes the key of a change of the subject's record to `shown`.
    pub(crate) fn new(subject: &Subject, shown: &Record, namespace: &str) -> Self {
        let subject = subject.as_str();
        let subject_hash = Sha256::digest(subject.as_bytes());
        let bucket = subject_hash.last_chunk().map_or(0, |tail| u16::from_be_bytes(*tail)) % BUCKETS;
        // The parts that the audit compares, in a form that is the same in each worker.
        let content = Sha256::digest(format!("{:?} {:?}", shown.plan, shown.subscription).as_bytes());
        let mut mark = [0; MARK_BYTES];
        let bytes = subject_hash.iter().take(SUBJECT_HASH_BYTES).chain(content.iter());
        mark.iter_mut().zip(bytes).for_each(|(mark, byte)| *mark = *byte);
        AuditedChange { key: TABLE.key(namespace, bucket), mark, new_plan: shown.plan.clone() }
    }

    /// Returns the update before the change is written by a sync that requested the record at `requested_at`.
    pub(crate) fn intend(
        &self,
        bucket: Option<&[u8]>,
        before: &AuditEntry,
        requested_at: Micros,
        now: Micros,
    ) -> DedupUpdate {
        match self.find(bucket, now) {
            // Another sync is about to write the same change, or has logged it since this one read the
            // record.
            Some(entry) if entry.intended => DedupUpdate::NONE,
            Some(_) if self.is_logged_since(bucket, requested_at, now) => DedupUpdate::NONE,
            _ => DedupUpdate {
                value: Some(self.put(bucket, true, before, requested_at, now)),
                ..DedupUpdate::NONE
            },
        }
    }

    /// Returns the update after Clerk confirmed the change, written by a sync that requested the record at
    /// `requested_at`.
    pub(crate) fn confirm(
        &self,
        bucket: Option<&[u8]>,
        before: &AuditEntry,
        requested_at: Micros,
        now: Micros,
    ) -> DedupUpdate {
        match self.find(bucket, now) {
            Some(entry) if entry.intended => self.log(bucket, entry.before, entry.at, now),
            Some(_) if self.is_logged_since(bucket, requested_at, now) => DedupUpdate::NONE,
            _ => self.log(bucket, before.clone(), requested_at, now),
        }
    }

    /// Returns the update after a sync found that the record already has the content.
    pub(crate) fn see(&self, bucket: Option<&[u8]>, now: Micros) -> DedupUpdate {
        match self.find(bucket, now).filter(|entry| entry.intended) {
            Some(entry) => self.log(bucket, entry.before, entry.at, now),
            None => DedupUpdate::NONE,
        }
    }

    fn log(
        &self,
        bucket: Option<&[u8]>,
        before: AuditEntry,
        requested_at: Micros,
        now: Micros,
    ) -> DedupUpdate {
        let since = self.last_logged(bucket, now).filter(|entry| requested_at <= entry.at);
        DedupUpdate {
            value: Some(self.put(bucket, false, &before, now, now)),
            to_log: Some(before),
            logged_since: since.map(|entry| entry.new_plan),
        }
    }

    /// Returns whether this change is the last one logged for the subject, at `requested_at` or later.
    fn is_logged_since(&self, bucket: Option<&[u8]>, requested_at: Micros, now: Micros) -> bool {
        self.last_logged(bucket, now).is_some_and(|last| last.mark == self.mark && requested_at <= last.at)
    }

    /// Returns the last logged change of the subject. Entries are in the order of writing.
    fn last_logged(&self, bucket: Option<&[u8]>, now: Micros) -> Option<DedupEntry> {
        let of_subject =
            |entry: &DedupEntry| entry.mark.get(..SUBJECT_HASH_BYTES) == self.mark.get(..SUBJECT_HASH_BYTES);
        entries(bucket).filter(|entry| of_subject(entry) && !entry.intended && entry.is_fresh(now)).last()
    }

    fn find(&self, bucket: Option<&[u8]>, now: Micros) -> Option<DedupEntry> {
        entries(bucket).find(|entry| entry.mark == self.mark && entry.is_fresh(now))
    }

    /// Returns the bucket's content with this change added. Expired entries are dropped, then the oldest.
    fn put(
        &self,
        bucket: Option<&[u8]>,
        intended: bool,
        before: &AuditEntry,
        at: Micros,
        now: Micros,
    ) -> Vec<u8> {
        let mut kept: Vec<_> =
            entries(bucket).filter(|entry| entry.mark != self.mark && entry.is_fresh(now)).collect();
        kept.push(DedupEntry {
            mark: self.mark,
            at,
            intended,
            before: before.clone(),
            new_plan: self.new_plan.clone(),
        });
        let surplus = kept.len().saturating_sub(ENTRIES_MAX);
        let mut bucket = TABLE.bucket(kept.len());
        kept.iter().skip(surplus).for_each(|entry| entry.write(&mut bucket));
        bucket
    }
}

impl DedupEntry {
    fn is_fresh(&self, now: Micros) -> bool {
        self.at.is_within(if self.intended { INTENDED_FOR } else { LOGGED_FOR }, now)
    }

    fn write(&self, bucket: &mut Vec<u8>) {
        let AuditEntry { action, old_plan } = &self.before;
        let short = |plan: &'_ Option<String>| plan.clone().filter(|plan| plan.len() <= PLAN_BYTES_MAX);
        let plans = [old_plan, &self.new_plan].map(|plan| short(plan).unwrap_or_default());
        bucket.extend_from_slice(&self.mark);
        bucket.extend_from_slice(&self.at.as_micros().to_be_bytes());
        bucket.extend([u8::from(self.intended), action.number()]);
        bucket.extend(plans.iter().map(|plan| u8::try_from(plan.len()).unwrap_or(0)));
        for plan in plans {
            bucket.extend_from_slice(plan.as_bytes());
            bucket.extend(std::iter::repeat_n(0, PLAN_BYTES_MAX.saturating_sub(plan.len())));
        }
    }

    fn read(entry: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (mark, rest) = entry.split_first_chunk::<MARK_BYTES>()?;
        let (at, rest) = rest.split_first_chunk::<TIME_BYTES>()?;
        let ([intended, action, old, new], plans) = rest.split_first_chunk::<FLAG_BYTES>()?;
        let (old_plan, new_plan) = plans.split_at_checked(PLAN_BYTES_MAX)?;
        let plan = |bytes: &[u8], length: u8| {
            let plan = std::str::from_utf8(bytes.get(..usize::from(length))?).ok()?;
            Some((!plan.is_empty()).then(|| plan.to_owned()))
        };
        Some(DedupEntry {
            mark: *mark,
            at: Micros::from_micros(u64::from_be_bytes(*at)),
            intended: *intended == 1,
            before: AuditEntry { action: PlanAction::from_number(*action)?, old_plan: plan(old_plan, *old)? },
            new_plan: plan(new_plan, *new)?,
        })
    }
}

/// Iterates over the entries of a bucket; a value that is not in this table's format has none.
fn entries(bucket: Option<&[u8]>) -> impl Iterator<Item = DedupEntry> {
    TABLE.records(bucket).unwrap_or_default().iter().filter_map(DedupEntry::read)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::clerk::metadata::SubscriptionNote;

    const NOW: Micros = Micros::from_secs(1_800_000_000);

    fn later(s: u64) -> Micros {
        NOW.plus(Duration::from_secs(s))
    }

    fn key(user: &str, plan: &str) -> AuditedChange {
        let shown = Record { plan: Some(plan.to_owned()), ..Record::default() };
        AuditedChange::new(&Subject::parse(user).unwrap(), &shown, "n")
    }

    fn before(action: PlanAction, plan: Option<&str>) -> AuditEntry {
        AuditEntry { action, old_plan: plan.map(str::to_owned) }
    }

    fn created() -> AuditEntry {
        before(PlanAction::Created, None)
    }

    #[test]
    fn two_syncs_that_write_the_same_change_log_it_once() {
        let pro = key("user_1", "pro");
        let bucket = pro.intend(None, &created(), NOW, later(1)).value.unwrap();
        assert_eq!(
            pro.intend(Some(&bucket), &created(), NOW, later(1)),
            DedupUpdate::NONE,
            "already intended"
        );
        let first = pro.confirm(Some(&bucket), &created(), NOW, later(2));
        assert_eq!(first.to_log, Some(created()));
        let bucket = first.value.unwrap();
        assert_eq!(pro.confirm(Some(&bucket), &created(), NOW, later(3)), DedupUpdate::NONE);
        // A sync that read the record before the change was logged, and writes only now.
        assert_eq!(pro.intend(Some(&bucket), &created(), later(1), later(3)), DedupUpdate::NONE);
        assert_eq!(pro.confirm(Some(&bucket), &created(), later(1), later(4)), DedupUpdate::NONE);
    }

    #[test]
    fn a_change_whose_response_was_lost_is_logged_when_it_is_found() {
        let (pro, free) = (key("user_1", "pro"), key("user_1", "free"));
        let bucket = pro.intend(None, &before(PlanAction::Upgraded, Some("basic")), NOW, NOW).value.unwrap();
        assert_eq!(free.see(Some(&bucket), later(5)), DedupUpdate::NONE, "the change is not made yet");
        let seen = pro.see(Some(&bucket), later(3_600));
        assert_eq!(seen.to_log, Some(before(PlanAction::Upgraded, Some("basic"))));
        assert_eq!(pro.see(seen.value.as_deref(), later(3_601)), DedupUpdate::NONE);
        assert_eq!(
            pro.see(Some(&bucket), NOW.plus(INTENDED_FOR)),
            DedupUpdate::NONE,
            "Stripe no longer retries"
        );
    }

    #[test]
    fn overwriting_a_newer_logged_plan_reports_that_plan() {
        let (basic, pro) = (key("user_1", "basic"), key("user_1", "pro"));
        let bucket = basic.confirm(None, &created(), NOW, later(1)).value.unwrap();
        let over = pro.confirm(Some(&bucket), &created(), later(1), later(2));
        assert_eq!((over.to_log, over.logged_since), (Some(created()), Some(Some("basic".to_owned()))));
        let after = pro.confirm(Some(&bucket), &created(), later(2), later(3));
        assert_eq!(after.logged_since, None, "the record was read after that");
        let another = key("user_2", "pro").confirm(Some(&bucket), &created(), NOW, later(2));
        assert_eq!(another.logged_since, None);
    }

    #[test]
    fn the_same_change_at_a_later_time_is_logged_again() {
        let pro = key("user_1", "pro");
        let first = pro.confirm(None, &created(), NOW, later(1));
        assert_eq!(first.to_log, Some(created()), "no entry was found, so the change is logged");
        // An operator removed the plan manually; the record was read after the change was logged.
        let bucket = first.value.unwrap();
        let bucket = pro.intend(Some(&bucket), &created(), later(2), later(3)).value.unwrap();
        assert_eq!(pro.confirm(Some(&bucket), &created(), later(2), later(4)).to_log, Some(created()));
    }

    #[test]
    fn the_key_depends_on_the_subject_and_the_content() {
        let pro = key("user_1", "pro");
        assert_ne!(pro, key("user_2", "pro"));
        assert_ne!(pro, key("user_1", "free"));
        assert_eq!(pro.key, key("user_1", "free").key, "one bucket for all changes of a subject");
        let note = SubscriptionNote { status: Some("active".to_owned()), ..SubscriptionNote::default() };
        let shown = Record { plan: Some("pro".to_owned()), subscription: note, ..Record::default() };
        assert_ne!(pro, AuditedChange::new(&Subject::parse("user_1").unwrap(), &shown, "n"));
    }

    #[test]
    fn a_full_bucket_drops_the_oldest_entry_and_garbage_is_ignored() {
        let mut bucket = vec![0xff; 3 * ENTRY_BYTES + 5];
        for number in 0..=ENTRIES_MAX {
            let key = key("user_1", &format!("plan{number}"));
            let number = u64::try_from(number).unwrap();
            bucket = key.intend(Some(&bucket), &created(), NOW, later(number)).value.unwrap();
        }
        assert_eq!(bucket.len(), 1 + ENTRIES_MAX * ENTRY_BYTES);
        assert_eq!(key("user_1", "plan0").see(Some(&bucket), later(99)), DedupUpdate::NONE);
        assert!(key("user_1", "plan1").see(Some(&bucket), later(99)).to_log.is_some());
    }

    /// Checks a bucket of format 1, which had no leading format byte.
    #[test]
    fn a_bucket_of_the_first_format_has_another_key_and_is_not_read() {
        let pro = key("user_1", "pro");
        assert!(pro.key.starts_with("tollgate/2/n/t/"), "{}", pro.key);
        let first = pro.intend(None, &created(), NOW, NOW).value.unwrap().split_off(1);
        assert_eq!(pro.see(Some(&first), NOW), DedupUpdate::NONE);
    }

    #[test]
    fn a_plan_name_that_is_too_long_is_not_logged() {
        let long = before(PlanAction::Downgraded, Some(&"x".repeat(PLAN_BYTES_MAX + 1)));
        let pro = key("user_1", "pro");
        let bucket = pro.intend(None, &long, NOW, NOW).value.unwrap();
        assert_eq!(pro.see(Some(&bucket), NOW).to_log, Some(before(PlanAction::Downgraded, None)));
    }
}
