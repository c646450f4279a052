//! The result of a run so far: which subjects differ, and what an operator should know.

use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::backfill::{
    BackfillError, Conclusion, NotedOwner, RecordChange, SubjectStatus, UnownedSubscription,
};
use tollgate_core::clerk::metadata::Record;
use tollgate_core::ids::{CustomerId, Subject, SubscriptionId};
use tollgate_core::plan_table::PlanTable;
use tollgate_core::report::{Level, Report};

/// The maximum number of differences, failures and notes of a kind that are listed; the rest is only counted.
pub(super) const LISTED_MAX: usize = 10_000;

/// The result of a run so far.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// The subjects that were compared.
    pub(super) checked: BTreeSet<Subject>,
    /// The subjects whose record differs from its target, or did before this run.
    pub(super) differing: BTreeMap<Subject, Difference>,
    /// The owners that were noted on subscriptions, or would be without a dry run.
    pub(super) noted_owners: Vec<NotedOwner>,
    /// The subjects that Clerk does not have.
    pub(super) gone: BTreeSet<Subject>,
    /// The subjects whose plan was kept, although their record names no subscription for it.
    pub(super) kept: BTreeMap<Subject, String>,
    /// The ids whose reconciliation failed, and why.
    pub(super) failures: BTreeMap<String, BackfillError>,
    /// Alarm lines, each once, oldest first.
    pub(super) alarms: Vec<String>,
    known_alarms: BTreeSet<String>,
    /// Audit lines, oldest first.
    pub(super) audit: Vec<String>,
    /// Live subscriptions without an owner.
    pub(super) unowned: Vec<(SubscriptionId, CustomerId)>,
}

/// The difference between a subject's record and its target.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) change: RecordChange,
    pub(super) customer: Option<CustomerId>,
}

impl Summary {
    /// Records the conclusion of a job. Returns the subjects whose record differs according to it.
    pub(super) fn record(
        &mut self,
        target_id: &str,
        conclusion: Conclusion,
        plans: &PlanTable,
    ) -> Vec<Subject> {
        let mut new = Vec::new();
        for outcome in conclusion.outcomes {
            let subject = outcome.subject;
            self.checked.insert(subject.clone());
            if outcome.status == Some(SubjectStatus::Gone) {
                self.gone.insert(subject.clone());
            }
            if let Some(plan) = plan_of_unknown_origin(outcome.record.as_ref(), plans)
                .filter(|_| outcome.status == Some(SubjectStatus::InSync))
            {
                self.kept.insert(subject.clone(), plan);
            }
            if let Some(change) = outcome.change {
                self.add_difference(&subject, Difference { change, customer: outcome.customer });
                new.push(subject);
            }
        }
        for noted in conclusion.noted_owners {
            if !self.noted_owners.contains(&noted) && self.noted_owners.len() < LISTED_MAX {
                self.noted_owners.push(noted);
            }
        }
        for UnownedSubscription { subscription, customer, .. } in conclusion.unowned {
            let unowned = (subscription, customer);
            if !self.unowned.contains(&unowned) {
                self.unowned.push(unowned);
            }
        }
        for report in conclusion.reports {
            match report {
                Report::Line(Level::Info, line) => self.audit.push(line),
                // A failure that is reported includes its alarm.
                Report::Line(_, line) if conclusion.failure.is_none() => self.alarm(line),
                Report::Line(..) | Report::Count(_) | Report::Record(..) => {}
            }
        }
        if let Some(failure) = conclusion.failure {
            self.failures.insert(target_id.to_owned(), failure);
        }
        new
    }

    /// Records an alarm line.
    pub(super) fn alarm(&mut self, line: String) {
        if self.alarms.len() < LISTED_MAX && self.known_alarms.insert(line.clone()) {
            self.alarms.push(line);
        }
    }

    /// Records a change. Several attempts count as one, from the first state to the last.
    fn add_difference(&mut self, subject: &Subject, difference: Difference) {
        match self.differing.get_mut(subject) {
            Some(earlier) => {
                earlier.change.to = difference.change.to;
                earlier.customer = difference.customer.or_else(|| earlier.customer.take());
            }
            None => {
                self.differing.insert(subject.clone(), difference);
            }
        }
    }
}

/// Returns a plan above the default for which neither a subscription nor a source is recorded.
fn plan_of_unknown_origin(record: Option<&Record>, plans: &PlanTable) -> Option<String> {
    let record = record.filter(|record| record.granted_by.is_none() && record.plan_source.is_none())?;
    let plan = record.plan.as_ref()?;
    plans.recorded(Some(plan)).is_above_default().then(|| plan.clone())
}
