//! Brings Clerk in line with Stripe for somebody who is asked for, without an event: what the `tollgate`
//! command does.
//!
//! It is the [`PlanSync`] of a delivery with another trigger: the same reads, rounds, alarms and audit lines,
//! and the same judgement. A rehearsal stops each subject before its first write and says what that would be.

use super::error::BackfillError;
use crate::clerk::metadata::Record;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, Subject};
use crate::machine::CallId;
use crate::report::Report;
use crate::sorted::{SortedMap, SortedSet};
use crate::sync::{
    About, Deadline, NamedSubject, NoteOwner, PlanSync, RecordChange, SubjectStatus, SyncError, SyncProgress,
    SyncState, Trigger, Via, audit,
};
use crate::time::Micros;
use std::time::Duration;

/// The time for one reconciliation: each of its calls may be held back for the APIs' rates, and repeated.
const SYNC_TIME: Duration = Duration::from_secs(15 * 60);

/// Why, in the audit.
const REASON: &str = "sync";

/// Who is to be brought in line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everyone whom a customer's subscriptions name, as for an event about that customer.
    Customer(CustomerId),
    /// One user or organization.
    Subject {
        /// Whom.
        subject: Subject,
        /// The customers that are to be read besides those that Clerk lists.
        customers: SortedSet<CustomerId>,
        /// Whether Stripe's metadata name it, or whoever asks wants it so. Otherwise a plan is kept of which
        /// neither Clerk's record nor Stripe knows where it came from: somebody may have given it by hand.
        trusted: bool,
    },
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Read, and say what would be written.
    Rehearse,
    /// Write what differs, and check.
    Apply,
}

/// What comes next.
#[must_use]
#[derive(Debug)]
pub enum ReconciliationStep {
    /// Start these callouts, side by side. There are others under way if there are none.
    Call(Vec<(CallId, Callout)>),
    /// It has come to its end.
    Done(Box<Conclusion>),
}

/// What a reconciliation came to.
#[derive(Debug)]
pub struct Conclusion {
    /// Everyone whom it concerned.
    pub outcomes: Vec<SubjectOutcome>,
    /// What Stripe was told to remember, or would be.
    pub names: Vec<NotedOwner>,
    /// Why it did not come to its end.
    pub failure: Option<BackfillError>,
    /// The audit, and what an operator should see to.
    pub reports: Vec<Report>,
}

/// How one subject stands at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectOutcome {
    /// Whose it is.
    pub subject: Subject,
    /// Clerk's latest answer; `None` if it does not have the subject, or did not say.
    pub record: Option<Record>,
    /// What was written, from the first to the last, or what would be.
    pub change: Option<RecordChange>,
    /// The customer that pays, or one that did.
    pub customer: Option<CustomerId>,
    /// How it ended; `None` if it stopped before a write, or failed.
    pub end: Option<SubjectStatus>,
}

/// Whom a Checkout Session names, as it is noted on its subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedOwner {
    /// The id of the subscription.
    pub object: String,
    /// Whom.
    pub subject: Subject,
}

/// One reconciliation on its way.
#[derive(Debug)]
pub struct Reconciliation {
    sync: PlanSync,
    intent: Intent,
    /// The callouts that its host has to answer.
    under_way: SortedSet<CallId>,
    answered: usize,
    names: Vec<NotedOwner>,
    changes: SortedMap<Subject, RecordChange>,
    reports: Vec<Report>,
}

impl Reconciliation {
    /// Begins one. What is asked of Stripe and Clerk is in the same step.
    ///
    /// # Errors
    /// [`BackfillError`] if nothing can be begun.
    pub fn begin(
        state: &SyncState,
        now: Micros,
        target: Target,
        intent: Intent,
    ) -> Result<(Self, ReconciliationStep), BackfillError> {
        let deadline = Deadline::new(now, SYNC_TIME);
        let (sync, calls) = PlanSync::begin(state, now, trigger(target), deadline)
            .map_err(|error| BackfillError::from(&error))?;
        let mut reconciliation = Reconciliation {
            sync,
            intent,
            under_way: SortedSet::default(),
            answered: 0,
            names: Vec::new(),
            changes: SortedMap::default(),
            reports: Vec::new(),
        };
        let next = reconciliation.progressed(now, Ok(SyncProgress::Call(calls)));
        Ok((reconciliation, next))
    }

    /// Goes on with the outcome of a callout.
    pub fn answered(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        call: CallId,
        outcome: &Outcome<'_>,
    ) -> ReconciliationStep {
        if !self.under_way.contains(&call) {
            return ReconciliationStep::Call(Vec::new());
        }
        self.answered = self.answered.saturating_add(1);
        let progress = self.sync.answered(state, now, call, outcome);
        for (subject, change) in self.sync.take_changes() {
            let before = audit::audit_entry(&change, &state.plans);
            self.reports
                .extend(before.map(|before| audit::change(&self.sync, &subject, &before, &change.to)));
            let first = self.changes.remove(&subject).map_or(change.from, |earlier| earlier.from);
            self.changes.insert(subject, RecordChange { from: first, ..change });
        }
        self.progressed(now, progress)
    }

    fn progressed(&mut self, now: Micros, progress: Result<SyncProgress, SyncError>) -> ReconciliationStep {
        let calls = match progress {
            Ok(SyncProgress::Call(calls)) => calls,
            Ok(SyncProgress::Done) => return self.conclude(now, None),
            Err(error) => return self.conclude(now, Some(&error)),
        };
        let mut calls_out = Vec::with_capacity(calls.len());
        for (id, callout) in calls {
            self.names.extend(self.sync.note(id).and_then(noted_owner));
            if self.intent == Intent::Apply || !self.sync.changes_something(id) {
                self.under_way.insert(id);
                calls_out.push((id, callout));
            }
        }
        // Whatever else the sync waits for was kept from it: a rehearsal has nothing left to learn.
        if self.answered >= self.under_way.len() {
            let error = self.sync.error();
            return self.conclude(now, error.as_ref());
        }
        ReconciliationStep::Call(calls_out)
    }

    fn conclude(&mut self, now: Micros, error: Option<&SyncError>) -> ReconciliationStep {
        let mut reports = std::mem::take(&mut self.reports);
        match error {
            Some(error) => {
                reports.extend(audit::alarms(&self.sync.findings, None));
                reports.push(audit::sync_failed(error, None));
            }
            None => reports.extend(audit::ending_alarms(&self.sync, now)),
        }
        let mut outcomes = Vec::with_capacity(self.sync.subjects.len());
        for subject in &self.sync.subjects {
            let written = self.changes.remove(&subject.subject);
            // In a rehearsal nothing was sent, so of what would be written there is no doubt. One whose
            // failure may pass is repeated.
            let is_rehearsed = self.intent == Intent::Rehearse && error.is_some_and(SyncError::is_alarm);
            let is_certain = error.is_none() || is_rehearsed;
            let change = written.or_else(|| subject.writing.clone().filter(|_| is_certain));
            let record =
                change.as_ref().map(|change| change.to.clone()).or_else(|| subject.record().cloned());
            outcomes.push(SubjectOutcome {
                subject: subject.subject.clone(),
                record: subject.record().cloned(),
                customer: record.and_then(|record| subject.payer(&record)),
                change,
                end: subject.end(),
            });
        }
        ReconciliationStep::Done(Box::new(Conclusion {
            outcomes,
            names: if error.is_none() { std::mem::take(&mut self.names) } else { Vec::new() },
            failure: error.map(BackfillError::from),
            reports,
        }))
    }
}

fn trigger(target: Target) -> Trigger {
    let (about, customer, named) = match target {
        Target::Customer(customer) => (About::Customer(customer.clone()), Some(customer), Vec::new()),
        Target::Subject { subject, customers, trusted } => {
            // Whom nobody but a payer's own choice names may gain by it, but not lose what came from
            // elsewhere.
            let via = if trusted { Via::Metadata } else { Via::Reference };
            (About::Subjects(customers), None, vec![NamedSubject { subject, via }])
        }
    };
    Trigger { customer, named, ..Trigger::new(REASON, about) }
}

fn noted_owner(request: &NoteOwner) -> Option<NotedOwner> {
    let NoteOwner { subscription, change } = request;
    let subject = change.note.as_ref()?.subject.clone();
    Some(NotedOwner { object: subscription.as_str().to_owned(), subject })
}
