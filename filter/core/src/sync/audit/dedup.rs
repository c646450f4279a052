//! Which changes the audit has told, so that each is told once by all workers of a process, whoever sees it first.
//!
//! Before a change is written it is noted as intended, and when it was told, when. Two deliveries that write the same
//! change note the same; and a change that Clerk has made though its answer got lost is told by whoever finds it made.
//! Kept in Envoy's shared data, in a fixed number of buckets. What is forgotten is told rather than not.

use super::action::{AuditEntry, PlanAction};
use crate::clerk::metadata::Record;
use crate::ids::Subject;
use crate::shared::SharedTable;
use crate::time::Micros;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long an intended change is remembered: longer than Stripe retries.
const INTENDED_FOR: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// How long a told change is remembered: longer than anybody can be under way who read the record before it.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// How many buckets there are: keys of shared data cannot be deleted, so their number is fixed.
const BUCKETS: u16 = 256;

/// How many changes a bucket holds; one more forgets the oldest. 256 × 24 changes in 1 MB.
const ENTRIES_MAX: usize = 24;

/// The longest name of a plan that is remembered; the configuration allows no longer one.
const PLAN_BYTES_MAX: usize = 64;

const SUBJECT_HASH_BYTES: usize = 8;
const MARK_BYTES: usize = SUBJECT_HASH_BYTES + 16;
const TIME_BYTES: usize = 8;
/// The stage, the action and the lengths of the plans' names.
const FLAG_BYTES: usize = 4;
const ENTRY_BYTES: usize = MARK_BYTES + TIME_BYTES + FLAG_BYTES + 2 * PLAN_BYTES_MAX;

/// Format 1 had no byte for it in the value.
const TABLE: SharedTable<ENTRY_BYTES> = SharedTable { name: "t", format: 2, records_max: ENTRIES_MAX };

/// A change as it is remembered: whose record is to show what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditedChange {
    /// The key in shared data.
    pub(crate) key: String,
    /// Whose record, and after that what it shows.
    mark: [u8; MARK_BYTES],
    new_plan: Option<String>,
}

/// What to do with a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noting {
    /// Its new content; `None` if it stays as it is.
    pub(crate) value: Option<Vec<u8>>,
    /// What is to be told, once that is stored.
    pub(crate) tell: Option<AuditEntry>,
    /// The plan that was told of the subject since the record was read that the change goes from.
    pub(crate) told_since: Option<Option<String>>,
}

impl Noting {
    const NOTHING: Noting = Noting { value: None, tell: None, told_since: None };
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct DedupEntry {
    mark: [u8; MARK_BYTES],
    /// When it was told; of what is intended, when the record was asked for that it goes from.
    at: Micros,
    /// Not told yet.
    intended: bool,
    before: AuditEntry,
    new_plan: Option<String>,
}

impl AuditedChange {
    /// Where it is remembered that the subject's record is to show this.
    pub(crate) fn of(subject: &Subject, shown: &Record, namespace: &str) -> Self {
        let subject = subject.as_str();
        let subject_hash = Sha256::digest(subject.as_bytes());
        let bucket = subject_hash.last_chunk().map_or(0, |tail| u16::from_be_bytes(*tail)) % BUCKETS;
        // The parts that the audit goes by, in a form that is the same in each worker.
        let what = Sha256::digest(format!("{:?} {:?}", shown.plan, shown.subscription).as_bytes());
        let mut mark = [0; MARK_BYTES];
        let bytes = subject_hash.iter().take(SUBJECT_HASH_BYTES).chain(what.iter());
        mark.iter_mut().zip(bytes).for_each(|(mark, byte)| *mark = *byte);
        AuditedChange { key: TABLE.key(namespace, bucket), mark, new_plan: shown.plan.clone() }
    }

    /// The change is about to be written, by somebody who has asked for the record then.
    pub(crate) fn intend(
        &self,
        bucket: Option<&[u8]>,
        before: &AuditEntry,
        asked_at: Micros,
        now: Micros,
    ) -> Noting {
        match self.find(bucket, now) {
            // Others are about to write the same, or have, after the record was read here.
            Some(entry) if entry.intended => Noting::NOTHING,
            Some(_) if self.is_told_since(bucket, asked_at, now) => Noting::NOTHING,
            _ => Noting { value: Some(self.put(bucket, true, before, asked_at, now)), ..Noting::NOTHING },
        }
    }

    /// The change was written and confirmed, by somebody who had asked for the record then.
    pub(crate) fn confirm(
        &self,
        bucket: Option<&[u8]>,
        before: &AuditEntry,
        asked_at: Micros,
        now: Micros,
    ) -> Noting {
        match self.find(bucket, now) {
            Some(entry) if entry.intended => self.told(bucket, entry.before, entry.at, now),
            Some(_) if self.is_told_since(bucket, asked_at, now) => Noting::NOTHING,
            _ => self.told(bucket, before.clone(), asked_at, now),
        }
    }

    /// The record was found to show it.
    pub(crate) fn see(&self, bucket: Option<&[u8]>, now: Micros) -> Noting {
        match self.find(bucket, now).filter(|entry| entry.intended) {
            Some(entry) => self.told(bucket, entry.before, entry.at, now),
            None => Noting::NOTHING,
        }
    }

    fn told(&self, bucket: Option<&[u8]>, before: AuditEntry, asked_at: Micros, now: Micros) -> Noting {
        let since = self.told_last(bucket, now).filter(|entry| asked_at <= entry.at);
        Noting {
            value: Some(self.put(bucket, false, &before, now, now)),
            tell: Some(before),
            told_since: since.map(|entry| entry.new_plan),
        }
    }

    /// What was told of the subject last, if it is this, and not before then.
    fn is_told_since(&self, bucket: Option<&[u8]>, asked_at: Micros, now: Micros) -> bool {
        self.told_last(bucket, now).is_some_and(|last| last.mark == self.mark && asked_at <= last.at)
    }

    /// What was told of the subject last. What was written last stands last.
    fn told_last(&self, bucket: Option<&[u8]>, now: Micros) -> Option<DedupEntry> {
        let of_subject =
            |entry: &DedupEntry| entry.mark.get(..SUBJECT_HASH_BYTES) == self.mark.get(..SUBJECT_HASH_BYTES);
        entries(bucket).filter(|entry| of_subject(entry) && !entry.intended && entry.holds(now)).last()
    }

    fn find(&self, bucket: Option<&[u8]>, now: Micros) -> Option<DedupEntry> {
        entries(bucket).find(|entry| entry.mark == self.mark && entry.holds(now))
    }

    /// The bucket's new content: what no longer holds goes first, then the oldest.
    fn put(
        &self,
        bucket: Option<&[u8]>,
        intended: bool,
        before: &AuditEntry,
        at: Micros,
        now: Micros,
    ) -> Vec<u8> {
        let mut kept: Vec<_> =
            entries(bucket).filter(|entry| entry.mark != self.mark && entry.holds(now)).collect();
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
    fn holds(&self, now: Micros) -> bool {
        self.at.is_within(if self.intended { INTENDED_FOR } else { TOLD_FOR }, now)
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
            before: AuditEntry { action: PlanAction::of_number(*action)?, old_plan: plan(old_plan, *old)? },
            new_plan: plan(new_plan, *new)?,
        })
    }
}

/// What is no bucket of this table is an empty one.
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

    fn place(user: &str, plan: &str) -> AuditedChange {
        let shown = Record { plan: Some(plan.to_owned()), ..Record::default() };
        AuditedChange::of(&Subject::parse(user).unwrap(), &shown, "n")
    }

    fn before(action: PlanAction, plan: Option<&str>) -> AuditEntry {
        AuditEntry { action, old_plan: plan.map(str::to_owned) }
    }

    fn created() -> AuditEntry {
        before(PlanAction::Created, None)
    }

    #[test]
    fn of_two_who_write_the_same_change_the_first_tells_it() {
        let pro = place("user_1", "pro");
        let bucket = pro.intend(None, &created(), NOW, later(1)).value.unwrap();
        assert_eq!(pro.intend(Some(&bucket), &created(), NOW, later(1)), Noting::NOTHING, "intended already");
        let first = pro.confirm(Some(&bucket), &created(), NOW, later(2));
        assert_eq!(first.tell, Some(created()));
        let bucket = first.value.unwrap();
        assert_eq!(pro.confirm(Some(&bucket), &created(), NOW, later(3)), Noting::NOTHING);
        // Somebody who read the record before it was told and comes to write only now.
        assert_eq!(pro.intend(Some(&bucket), &created(), later(1), later(3)), Noting::NOTHING);
        assert_eq!(pro.confirm(Some(&bucket), &created(), later(1), later(4)), Noting::NOTHING);
    }

    #[test]
    fn a_change_whose_answer_got_lost_is_told_by_whoever_finds_it_made() {
        let (pro, free) = (place("user_1", "pro"), place("user_1", "free"));
        let bucket = pro.intend(None, &before(PlanAction::Upgraded, Some("basic")), NOW, NOW).value.unwrap();
        assert_eq!(free.see(Some(&bucket), later(5)), Noting::NOTHING, "it is not made yet");
        let seen = pro.see(Some(&bucket), later(3_600));
        assert_eq!(seen.tell, Some(before(PlanAction::Upgraded, Some("basic"))));
        assert_eq!(pro.see(seen.value.as_deref(), later(3_601)), Noting::NOTHING);
        assert_eq!(
            pro.see(Some(&bucket), NOW.plus(INTENDED_FOR)),
            Noting::NOTHING,
            "nobody comes for it any more"
        );
    }

    #[test]
    fn who_writes_over_what_was_told_since_is_told_what_that_was() {
        let (basic, pro) = (place("user_1", "basic"), place("user_1", "pro"));
        let bucket = basic.confirm(None, &created(), NOW, later(1)).value.unwrap();
        let over = pro.confirm(Some(&bucket), &created(), later(1), later(2));
        assert_eq!((over.tell, over.told_since), (Some(created()), Some(Some("basic".to_owned()))));
        let after = pro.confirm(Some(&bucket), &created(), later(2), later(3));
        assert_eq!(after.told_since, None, "it was read after that");
        let another = place("user_2", "pro").confirm(Some(&bucket), &created(), NOW, later(2));
        assert_eq!(another.told_since, None);
    }

    #[test]
    fn the_same_change_at_another_time_is_another_change() {
        let pro = place("user_1", "pro");
        let told = pro.confirm(None, &created(), NOW, later(1));
        assert_eq!(told.tell, Some(created()), "nothing was intended: it was forgotten, and is told");
        // Somebody took it away by hand; the record was read after it was told.
        let bucket = told.value.unwrap();
        let bucket = pro.intend(Some(&bucket), &created(), later(2), later(3)).value.unwrap();
        assert_eq!(pro.confirm(Some(&bucket), &created(), later(2), later(4)).tell, Some(created()));
    }

    #[test]
    fn whose_it_is_and_all_that_is_shown_tell_changes_apart() {
        let pro = place("user_1", "pro");
        assert_ne!(pro, place("user_2", "pro"));
        assert_ne!(pro, place("user_1", "free"));
        assert_eq!(pro.key, place("user_1", "free").key, "one bucket for all changes of a subject");
        let note = SubscriptionNote { status: Some("active".to_owned()), ..SubscriptionNote::default() };
        let shown = Record { plan: Some("pro".to_owned()), subscription: note, ..Record::default() };
        assert_ne!(pro, AuditedChange::of(&Subject::parse("user_1").unwrap(), &shown, "n"));
    }

    #[test]
    fn a_full_bucket_forgets_the_oldest_and_garbage_reads_as_nothing() {
        let mut bucket = vec![0xff; 3 * ENTRY_BYTES + 5];
        for number in 0..=ENTRIES_MAX {
            let place = place("user_1", &format!("plan{number}"));
            let number = u64::try_from(number).unwrap();
            bucket = place.intend(Some(&bucket), &created(), NOW, later(number)).value.unwrap();
        }
        assert_eq!(bucket.len(), 1 + ENTRIES_MAX * ENTRY_BYTES);
        assert_eq!(place("user_1", "plan0").see(Some(&bucket), later(99)), Noting::NOTHING);
        assert!(place("user_1", "plan1").see(Some(&bucket), later(99)).tell.is_some());
    }

    /// As it was before a value began with the format of its records.
    #[test]
    fn a_bucket_of_the_first_format_has_another_key_and_is_not_read() {
        let pro = place("user_1", "pro");
        assert!(pro.key.starts_with("tollgate/2/n/t/"), "{}", pro.key);
        let first = pro.intend(None, &created(), NOW, NOW).value.unwrap().split_off(1);
        assert_eq!(pro.see(Some(&first), NOW), Noting::NOTHING);
    }

    #[test]
    fn a_plan_with_too_long_a_name_is_told_without_it() {
        let long = before(PlanAction::Downgraded, Some(&"x".repeat(PLAN_BYTES_MAX + 1)));
        let pro = place("user_1", "pro");
        let bucket = pro.intend(None, &long, NOW, NOW).value.unwrap();
        assert_eq!(pro.see(Some(&bucket), NOW).tell, Some(before(PlanAction::Downgraded, None)));
    }
}
