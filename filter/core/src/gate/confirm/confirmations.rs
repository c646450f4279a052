//! A worker thread's cache of the plans at Clerk.

use super::plan_read::PlanReads;
use crate::ids::Subject;
use crate::plan_table::{PlanTable, Rank};
use crate::time::Micros;
use std::time::Duration;

/// The duration for which a confirmation is valid.
const VALID_FOR: Duration = Duration::from_secs(60);

/// The maximum number of confirmations that a worker caches; beyond that, the oldest is removed. The process
/// sends at most 20 requests a second.
const CONFIRMATIONS_MAX: usize = 2_000;

/// The plan of a subject, as Clerk has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) struct Confirmation {
    /// The time at which the plan was requested. The response includes every write before that time. A token
    /// whose claims were read later is newer.
    pub(in crate::gate) requested_at: Micros,
    /// The plan.
    pub(in crate::gate) plan: ConfirmedPlan,
    /// The end of its grace period, after which it counts as the default plan.
    pub(in crate::gate) grace_until: Option<Micros>,
}

/// The plan of a subject at Clerk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum ConfirmedPlan {
    /// A plan of this document, or the default plan if the subject has none.
    Plan(Rank),
    /// A plan of this document, or a higher one that is not known. It never lowers the token's plan.
    AtLeast(Rank),
    /// A plan that this document does not have. It counts as the token's plan, because it may be higher. A
    /// worker with another document may know the hash of its name.
    Unknown {
        /// See [`plan_hash`](super::shared_records::plan_hash).
        name_hash: u64,
    },
}

impl Confirmation {
    /// Returns the plan in force for a token with the plan `token_plan`.
    pub(in crate::gate) fn plan(&self, token_plan: Rank, plans: &PlanTable, now: Micros) -> Rank {
        let is_over = self.grace_until.is_some_and(|end| end <= now);
        match self.plan {
            ConfirmedPlan::Unknown { .. } => token_plan,
            ConfirmedPlan::AtLeast(_) if is_over => token_plan,
            ConfirmedPlan::AtLeast(plan) => plan.max(token_plan),
            ConfirmedPlan::Plan(_) if is_over => plans.default_rank(),
            ConfirmedPlan::Plan(plan) => plan,
        }
    }

    fn is_valid(&self, now: Micros) -> bool {
        is_valid(self.requested_at, now)
    }
}

/// Returns whether a confirmation requested at `requested_at` is still valid. If that is in the future, the
/// clock stepped back and the age is unknown, so the confirmation is not valid.
pub(super) fn is_valid(requested_at: Micros, now: Micros) -> bool {
    requested_at.is_within(VALID_FOR, now)
}

/// A worker thread's cache of the plans at Clerk, and the reads in progress.
#[derive(Debug, Default)]
pub(in crate::gate) struct Confirmations {
    /// The confirmations, sorted by subject. A list, because a map's code would make the module larger.
    confirmed: Vec<(Subject, Confirmation)>,
    pub(super) reads: PlanReads,
}

impl Confirmations {
    /// Returns a subject's confirmation, if it is newer than a token whose claims were read at
    /// `claims_read_at`.
    pub(in crate::gate) fn newer_than(
        &self,
        subject: &Subject,
        claims_read_at: Option<Micros>,
        now: Micros,
    ) -> Option<Confirmation> {
        let is_newer =
            |latest: &&Confirmation| claims_read_at.is_none_or(|read_at| read_at <= latest.requested_at);
        self.latest(subject, now).filter(is_newer).copied()
    }

    /// Returns a subject's confirmation, if it is still valid.
    pub(super) fn latest(&self, subject: &Subject, now: Micros) -> Option<&Confirmation> {
        let index = self.index(subject).ok()?;
        self.confirmed.get(index).map(|(_, latest)| latest).filter(|latest| latest.is_valid(now))
    }

    /// Inserts a confirmation, unless there is a later one.
    pub(in crate::gate) fn insert(&mut self, subject: Subject, confirmation: Confirmation, now: Micros) {
        self.confirmed.retain(|(_, known)| known.is_valid(now));
        match self.index(&subject) {
            Ok(index) => {
                let known = self.confirmed.get_mut(index).map(|(_, known)| known);
                if let Some(known) = known.filter(|known| known.requested_at <= confirmation.requested_at) {
                    *known = confirmation;
                }
            }
            Err(index) => {
                self.confirmed.insert(index, (subject, confirmation));
                self.remove_oldest_beyond_maximum();
            }
        }
    }

    fn remove_oldest_beyond_maximum(&mut self) {
        if self.confirmed.len() > CONFIRMATIONS_MAX {
            let times = self.confirmed.iter().map(|(_, known)| known.requested_at).enumerate();
            if let Some((oldest, _)) = times.min_by_key(|(_, requested_at)| *requested_at) {
                self.confirmed.remove(oldest);
            }
        }
    }

    fn index(&self, subject: &Subject) -> Result<usize, usize> {
        self.confirmed.binary_search_by(|(known, _)| known.cmp(subject))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::plan_table::Plan;

    const REQUESTED_S: u64 = 1_800_000_000;

    fn subject(number: usize) -> Subject {
        Subject::parse(&format!("user_{number}")).unwrap()
    }

    fn confirmation(requested_s: u64) -> Confirmation {
        let plan = ConfirmedPlan::Plan(PlanTable::new(Plan::default(), Vec::new()).default_rank());
        Confirmation { requested_at: Micros::from_secs(requested_s), plan, grace_until: None }
    }

    #[test]
    fn a_confirmation_is_used_for_a_minute_unless_the_token_is_newer() {
        let mut cache = Confirmations::default();
        cache.insert(subject(1), confirmation(REQUESTED_S), Micros::from_secs(REQUESTED_S));
        let cases = [
            ("a stale token", Some(REQUESTED_S - 30), 1, true),
            ("one read at the time of the request", Some(REQUESTED_S), 1, true),
            ("one read a second later", Some(REQUESTED_S + 1), 1, false),
            ("one without a time", None, 1, true),
            ("at the last moment", Some(REQUESTED_S - 30), 59, true),
            ("too late", Some(REQUESTED_S - 30), 60, false),
        ];
        for (why, read_s, after_s, want) in cases {
            let now = Micros::from_secs(REQUESTED_S + after_s);
            let newer = cache.newer_than(&subject(1), read_s.map(Micros::from_secs), now);
            assert_eq!(newer.is_some(), want, "{why}");
        }
        let requested = Micros::from_secs(REQUESTED_S);
        assert_eq!(cache.newer_than(&subject(2), None, requested), None, "another subject");
        let earlier = Micros::from_secs(REQUESTED_S - 1);
        assert_eq!(cache.newer_than(&subject(1), None, earlier), None, "the clock stepped back");
    }

    #[test]
    fn an_older_confirmation_does_not_replace_a_newer_one() {
        let mut cache = Confirmations::default();
        let now = Micros::from_secs(REQUESTED_S + 2);
        cache.insert(subject(1), confirmation(REQUESTED_S + 1), now);
        cache.insert(subject(1), confirmation(REQUESTED_S), now);
        assert_eq!(cache.latest(&subject(1), now), Some(&confirmation(REQUESTED_S + 1)));
    }

    #[test]
    fn the_oldest_confirmation_is_removed_when_the_cache_is_full() {
        let mut cache = Confirmations::default();
        for number in 0..=CONFIRMATIONS_MAX {
            let requested_at = Micros::from_micros(REQUESTED_S * 1_000_000 + u64::try_from(number).unwrap());
            let confirmation = Confirmation { requested_at, ..confirmation(0) };
            cache.insert(subject(number), confirmation, requested_at);
        }
        assert_eq!(cache.confirmed.len(), CONFIRMATIONS_MAX);
        assert!(cache.index(&subject(0)).is_err() && cache.index(&subject(1)).is_ok());
        cache.insert(subject(1), confirmation(REQUESTED_S + 90), Micros::from_secs(REQUESTED_S + 90));
        assert_eq!(cache.confirmed.len(), 1, "invalid ones are removed first");
    }
}
