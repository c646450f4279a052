//! What a run has come to so far: everyone who differs, and whatever somebody should know of.

use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::backfill::{BackfillError, Change, Conclusion, NotedOwner, SubjectStatus};
use tollgate_core::clerk::metadata::Record;
use tollgate_core::ids::{CustomerId, Subject, SubscriptionId};
use tollgate_core::plan_table::PlanTable;
use tollgate_core::report::{Level, Report};

/// How many differences, failures and notes of a kind are kept to be listed; the rest is only counted.
pub(super) const LISTED_MAX: usize = 10_000;

/// What a run has come to.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Everyone who was looked at.
    pub(super) checked: BTreeSet<Subject>,
    /// Everyone who differs, or did.
    pub(super) differing: BTreeMap<Subject, Difference>,
    /// What Stripe was told to remember, or would be.
    pub(super) names: Vec<NotedOwner>,
    /// Whom Clerk does not have.
    pub(super) gone: BTreeSet<Subject>,
    /// Whose plan was kept though nothing says where it came from.
    pub(super) kept: BTreeMap<Subject, String>,
    /// Who was asked for, and why that failed.
    pub(super) failures: BTreeMap<String, BackfillError>,
    /// What an operator should see to, each once, in the order in which it came up.
    pub(super) alarms: Vec<String>,
    known_alarms: BTreeSet<String>,
    /// The audit, oldest first.
    pub(super) audit: Vec<String>,
    /// Live subscriptions that name nobody.
    pub(super) unowned: Vec<(SubscriptionId, CustomerId)>,
}

/// Who differs, and how.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) change: Change,
    pub(super) customer: Option<CustomerId>,
}

impl Ledger {
    /// Enters a conclusion; the names of those who differ by it.
    pub(super) fn enter(&mut self, asked: &str, conclusion: Conclusion, plans: &PlanTable) -> Vec<Subject> {
        let mut new = Vec::new();
        for outcome in conclusion.outcomes {
            let subject = outcome.subject;
            self.checked.insert(subject.clone());
            if outcome.end == Some(SubjectStatus::Gone) {
                self.gone.insert(subject.clone());
            }
            if let Some(plan) =
                kept(outcome.record.as_ref(), plans).filter(|_| outcome.end == Some(SubjectStatus::InSync))
            {
                self.kept.insert(subject.clone(), plan);
            }
            if let Some(change) = outcome.change {
                self.differs(&subject, Difference { change, customer: outcome.customer });
                new.push(subject);
            }
        }
        for name in conclusion.names {
            if !self.names.contains(&name) && self.names.len() < LISTED_MAX {
                self.names.push(name);
            }
        }
        for report in conclusion.reports {
            match report {
                Report::Line(Level::Info, line) => self.audit.push(line),
                // Of one that failed the failure says it.
                Report::Line(_, line) if conclusion.failure.is_none() => self.alarm(line),
                Report::Line(..) | Report::Count(_) | Report::Record(..) => {}
            }
        }
        if let Some(failure) = conclusion.failure {
            self.failures.insert(asked.to_owned(), failure);
        }
        new
    }

    /// Enters what an operator should see to.
    pub(super) fn alarm(&mut self, line: String) {
        if self.alarms.len() < LISTED_MAX && self.known_alarms.insert(line.clone()) {
            self.alarms.push(line);
        }
    }

    /// Several attempts count as one change, from the first to the last.
    fn differs(&mut self, subject: &Subject, difference: Difference) {
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

/// A plan above the default of which the record does not say what granted it.
fn kept(record: Option<&Record>, plans: &PlanTable) -> Option<String> {
    let record = record.filter(|record| record.granted_by.is_none())?;
    let plan = record.plan.as_ref()?;
    plans.recorded(Some(plan)).is_above_default().then(|| plan.clone())
}
