//! How often Clerk was asked about whom, and what it said last: the shared bytes, for all workers of the process.
//!
//! A fixed number of keys, each a bounded list of 48-byte records: who (16), until when its
//! questions are used up (8), when the last answered question began (8), the plan (8) and its grace (8), little-endian.
//! Who and which plan are told by hashes without a key: nobody can choose a Clerk id or a plan's name.

use super::memory::{Confirmation, ConfirmedPlan, holds};
use crate::ids::Subject;
use crate::plan_table::PlanTable;
use crate::shared::SharedTable;
use crate::time::Micros;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::time::Duration;

/// How many records one key holds. With all 256 keys 16,384 subjects and 0.8 MB, while the process asks no more than
/// 1,300 times a minute: a full one is no reason to forget what is still in use.
const RECORDS_MAX: usize = 64;

const RECORD_BYTES: usize = 48;

const TABLE: SharedTable<RECORD_BYTES> = SharedTable { name: "confirm", format: 1, records_max: RECORDS_MAX };
/// In place of a time that there is not.
const NO_TIME: u64 = u64::MAX;

/// So many questions at once, and one more after each `every`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    at_once: u32,
    every: Duration,
}

/// About one subject.
pub(super) const OF_SUBJECT: Allowance = Allowance { at_once: 2, every: Duration::from_secs(10) };

/// Of the whole process: a fifth of what Clerk grants a production instance, which the webhook shares.
pub(super) const OF_PROCESS: Allowance = Allowance { at_once: 100, every: Duration::from_millis(50) };

/// What the records are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who([u8; 16]);

/// Where a subject's record is: the key of shared data, and what it is found by there.
pub(super) fn place(namespace: &str, subject: &Subject) -> (String, Who) {
    let who = hash(subject.as_str());
    let [bucket, ..] = who;
    (TABLE.key(namespace, bucket), Who(who))
}

/// Where the record of the whole process is.
pub(super) fn process_place(namespace: &str) -> (String, Who) {
    (TABLE.key(namespace, "all"), Who([0; 16]))
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LedgerRecord {
    who: Who,
    /// When all questions are there again.
    used_until: Micros,
    /// When the last answered question began; the epoch for never.
    asked_at: Micros,
    plan: u64,
    grace_until: Option<Micros>,
}

impl LedgerRecord {
    const fn new(who: Who) -> Self {
        let epoch = Micros::from_micros(0);
        LedgerRecord { who, used_until: epoch, asked_at: epoch, plan: 0, grace_until: None }
    }

    fn read(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let (who, numbers) = bytes.split_first_chunk()?;
        let mut numbers = numbers.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        Some(LedgerRecord {
            who: Who(*who),
            used_until: Micros::from_micros(numbers.next()?),
            asked_at: Micros::from_micros(numbers.next()?),
            plan: numbers.next()?,
            grace_until: numbers.next().filter(|time| *time != NO_TIME).map(Micros::from_micros),
        })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let grace_until = self.grace_until.map_or(NO_TIME, Micros::as_micros);
        bytes.extend_from_slice(&self.who.0);
        for number in [self.used_until.as_micros(), self.asked_at.as_micros(), self.plan, grace_until] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// The records of one key.
#[derive(Debug)]
pub(super) struct Ledger(Vec<LedgerRecord>);

impl Ledger {
    /// Reads what was loaded; what is no ledger is an empty one.
    pub(super) fn read(value: Option<&[u8]>) -> Self {
        Ledger(TABLE.records(value).unwrap_or_default().iter().filter_map(LedgerRecord::read).collect())
    }

    /// What Clerk said last, by whichever worker it was asked; if it still holds.
    pub(super) fn answer(&self, who: Who, plans: &PlanTable, now: Micros) -> Option<Confirmation> {
        let record = self.find(who).filter(|record| holds(record.asked_at, now))?;
        let known = plans.iter().find(|(_, plan)| plan_hash(&plan.name) == record.plan);
        let plan = match known {
            Some((plan, _)) => ConfirmedPlan::Plan(plan),
            None => ConfirmedPlan::Unknown { name_hash: record.plan },
        };
        Some(Confirmation { asked_at: record.asked_at, plan, grace_until: record.grace_until })
    }

    /// The bytes after one question more; `None` if there is none left, or no room for another subject.
    pub(super) fn question(mut self, who: Who, allowance: Allowance, now: Micros) -> Option<Vec<u8>> {
        let mut record = self.find(who).unwrap_or(LedgerRecord::new(who));
        let Allowance { at_once, every } = allowance;
        // Much later than all questions could have been used until: the clock stepped back, and nobody waits for it to
        // return. A little later is another worker that has read its clock after this one.
        let all = every.saturating_mul(at_once);
        let latest = now.plus(all).plus(all);
        let used_until = if record.used_until > latest { now } else { record.used_until };
        if used_until > now.plus(every.saturating_mul(at_once.saturating_sub(1))) {
            return None;
        }
        record.used_until = used_until.max(now).plus(every);
        self.put(record, now)
    }

    /// The bytes with a new answer; `None` if a later one is there, or no room.
    pub(super) fn answered(
        mut self,
        who: Who,
        answer: &Confirmation,
        plans: &PlanTable,
        now: Micros,
    ) -> Option<Vec<u8>> {
        let record = self.find(who).unwrap_or(LedgerRecord::new(who));
        if record.asked_at >= answer.asked_at && record.asked_at <= now {
            return None;
        }
        let (asked_at, grace_until) = (answer.asked_at, answer.grace_until);
        let plan = match answer.plan {
            ConfirmedPlan::Plan(plan) => plan_hash(&plans.get(plan).name),
            ConfirmedPlan::Unknown { name_hash } => name_hash,
        };
        self.put(LedgerRecord { asked_at, plan, grace_until, ..record }, now)
    }

    fn find(&self, who: Who) -> Option<LedgerRecord> {
        self.0.iter().find(|record| record.who == who).copied()
    }

    /// Replaces a record. Those that say nothing any more make room.
    fn put(&mut self, record: LedgerRecord, now: Micros) -> Option<Vec<u8>> {
        let in_use = |kept: &LedgerRecord| kept.used_until > now || holds(kept.asked_at, now);
        self.0.retain(|kept| kept.who != record.who && in_use(kept));
        if self.0.len() >= RECORDS_MAX {
            return None;
        }
        self.0.push(record);
        let mut bytes = TABLE.bucket(self.0.len());
        self.0.iter().for_each(|record| record.write(&mut bytes));
        Some(bytes)
    }
}

/// What the ledger knows a plan by.
pub(super) fn plan_hash(name: &str) -> u64 {
    hash(name).first_chunk().map_or(0, |start| u64::from_le_bytes(*start))
}

/// The same in every release, as SipHash is specified. Without a key: see above.
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

    fn who(number: u8) -> Who {
        Who([number; 16])
    }

    fn at(second: u64) -> Micros {
        Micros::from_secs(NOW_S + second)
    }

    fn plans() -> PlanTable {
        let plan = |name: &str| Plan { name: name.to_owned(), ..Plan::default() };
        PlanTable::new(plan("free"), vec![plan("pro")])
    }

    #[test]
    fn workers_whose_clocks_differ_have_one_allowance() {
        let mut value: Option<Vec<u8>> = None;
        let mut asked = 0;
        for turn in 0..1_000 {
            // Every other worker read its clock a moment before the one that swapped last.
            let now = at(0).minus(Duration::from_micros(turn % 2 * 50));
            if let Some(bytes) = Ledger::read(value.as_deref()).question(who(1), OF_PROCESS, now) {
                value = Some(bytes);
                asked += 1;
            }
        }
        assert_eq!(asked, OF_PROCESS.at_once);
    }

    #[test]
    fn two_questions_and_then_one_more_every_ten_seconds() {
        let mut value: Option<Vec<u8>> = None;
        let mut may_ask =
            |second| match Ledger::read(value.as_deref()).question(who(1), OF_SUBJECT, at(second)) {
                Some(bytes) => {
                    value = Some(bytes);
                    true
                }
                None => false,
            };
        let asked: Vec<u64> =
            (0..60).flat_map(|second| [second; 3]).filter(|second| may_ask(*second)).collect();
        assert_eq!(asked, [0, 0, 10, 20, 30, 40, 50]);
        assert!(may_ask(200) && may_ask(200) && !may_ask(200), "two again after a rest");
        assert!(may_ask(1) && may_ask(1) && !may_ask(1), "the clock stepped back, and nobody waits for it");
    }

    #[test]
    fn the_process_asks_twenty_times_a_second() {
        let mut value: Option<Vec<u8>> = None;
        let mut asked = 0;
        for millisecond in 0..10_000 {
            let now = Micros::from_micros(at(0).as_micros() + millisecond * 1_000);
            let who = process_place("shop").1;
            if let Some(bytes) = Ledger::read(value.as_deref()).question(who, OF_PROCESS, now) {
                value = Some(bytes);
                asked += 1;
            }
        }
        assert_eq!(asked, 100 + 199);
    }

    #[test]
    fn an_answer_is_found_while_it_holds_whether_its_plan_is_known_or_not() {
        let plans = plans();
        let pro = plans.rank_of("pro").unwrap();
        for grace_until in [None, Some(Micros::default()), Some(at(5))] {
            let answer = Confirmation { asked_at: at(0), plan: ConfirmedPlan::Plan(pro), grace_until };
            let bytes = Ledger::read(None).answered(who(1), &answer, &plans, at(1)).unwrap();
            let ledger = Ledger::read(Some(&bytes));
            assert_eq!(ledger.answer(who(1), &plans, at(59)), Some(answer));
            assert_eq!(ledger.answer(who(1), &plans, at(60)), None);
            assert_eq!(ledger.answer(who(2), &plans, at(1)), None);
            assert_eq!(ledger.answered(who(1), &answer, &plans, at(1)), None, "it is known");
        }
        // Of two workers whose documents differ, only one has the plan.
        let unknown = ConfirmedPlan::Unknown { name_hash: plan_hash("enterprise") };
        let answer = Confirmation { asked_at: at(0), plan: unknown, grace_until: None };
        let bytes = Ledger::read(None).answered(who(1), &answer, &plans, at(1)).unwrap();
        assert_eq!(Ledger::read(Some(&bytes)).answer(who(1), &plans, at(1)), Some(answer));
        let plan = |name: &str| Plan { name: name.to_owned(), ..Plan::default() };
        let more = PlanTable::new(plan("free"), vec![plan("pro"), plan("enterprise")]);
        let enterprise = ConfirmedPlan::Plan(more.rank_of("enterprise").unwrap());
        let known = Ledger::read(Some(&bytes)).answer(who(1), &more, at(1));
        assert_eq!(known, Some(Confirmation { plan: enterprise, ..answer }));
    }

    #[test]
    fn a_ledger_is_bounded_and_forgets_what_says_nothing_any_more() {
        let mut bytes = Ledger::read(None).question(who(0), OF_SUBJECT, at(0));
        for number in 1..RECORDS_MAX {
            let number = u8::try_from(number).unwrap();
            bytes = Ledger::read(bytes.as_deref()).question(who(number), OF_SUBJECT, at(0));
        }
        let full = bytes.unwrap();
        assert_eq!(full.len(), 1 + RECORDS_MAX * RECORD_BYTES);
        assert_eq!(Ledger::read(Some(&full)).question(who(200), OF_SUBJECT, at(0)), None);
        assert!(
            Ledger::read(Some(&full)).question(who(5), OF_SUBJECT, at(0)).is_some(),
            "who is in it stays"
        );
        let later = Ledger::read(Some(&full)).question(who(200), OF_SUBJECT, at(10)).unwrap();
        assert_eq!(later.len(), 1 + RECORD_BYTES);
    }

    #[test]
    fn subjects_are_spread_over_a_fixed_number_of_keys() {
        let place = |id: &str| place("shop", &Subject::parse(id).unwrap());
        let keys: std::collections::BTreeSet<String> =
            (0..5_000).map(|number| place(&format!("user_{number}")).0).collect();
        assert_eq!(keys.len(), 256);
        assert!(keys.iter().all(|key| key.starts_with("tollgate/1/shop/confirm/")));
        assert_ne!(place("user_1").1, place("user_2").1);
        assert_ne!(place("user_1").1, place("org_1").1);
    }

    proptest! {
        #[test]
        fn no_shared_value_makes_it_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..8_000)) {
            let ledger = Ledger::read(Some(&bytes));
            ledger.answer(who(1), &plans(), at(0));
            if let Some(after) = ledger.question(who(1), OF_SUBJECT, at(0)) {
                prop_assert!(after.len() <= 1 + RECORDS_MAX * RECORD_BYTES);
            }
        }
    }
}
