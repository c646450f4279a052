//! Syncs a subject or a customer from Stripe to Clerk without an event, for the `tollgate` command.
//!
//! It runs the [`PlanSync`] of a delivery with another trigger: the same reads, rounds, decisions, alarms,
//! and audit lines. A dry run stops each subject before its first write and returns that write.

use super::error::BackfillError;
use crate::clerk::metadata::Record;
use crate::http::{Callout, Outcome};
use crate::ids::{CustomerId, Subject};
use crate::machine::CallId;
use crate::report::Report;
use crate::sorted::{SortedMap, SortedSet};
use crate::sync::audit::TriggerIds;
use crate::sync::{
    Deadline, NamedSubject, NoteOwner, PlanSync, RecordChange, SubjectStatus, SyncError, SyncProgress,
    SyncState, Trigger, TriggerObject, UnownedSubscription, Via, audit,
};
use crate::time::Micros;
use std::time::Duration;

/// The maximum duration of one reconciliation. Its calls may be delayed because of the APIs' rate limits, and
/// repeated.
const SYNC_TIME: Duration = Duration::from_secs(15 * 60);

/// The reason in the audit.
const REASON: &str = "sync";

/// The target of a reconciliation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All subjects that a customer's subscriptions name, as for an event about that customer.
    Customer(CustomerId),
    /// One user or organization.
    Subject {
        /// The user or organization.
        subject: Subject,
        /// The customers to read in addition to those in Clerk's record.
        customers: SortedSet<CustomerId>,
        /// Whether Stripe's metadata names the subject, or the caller requests it. Otherwise a plan of
        /// unknown origin is kept, because an operator may have granted it manually.
        trusted: bool,
    },
}

/// The mode of a reconciliation: whether it may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Read, and return the writes without performing them.
    DryRun,
    /// Write the differences, and check the result.
    Apply,
}

/// The result of handling an input.
#[must_use]
#[derive(Debug)]
pub enum ReconciliationStep {
    /// Callouts to start, in parallel. If there are none, others are in progress.
    Call(Vec<(CallId, Callout)>),
    /// The reconciliation has ended.
    Done(Box<Conclusion>),
}

/// The result of a reconciliation.
#[derive(Debug, Default)]
pub struct Conclusion {
    /// The outcome of each subject.
    pub outcomes: Vec<SubjectOutcome>,
    /// The notes that were or would be written at Stripe.
    pub noted_owners: Vec<NotedOwner>,
    /// The error, if the reconciliation failed.
    pub failure: Option<BackfillError>,
    /// The subjects with several live subscriptions that charge for a plan, if the settings look for them.
    pub double_subscriptions: Vec<Subject>,
    /// The live subscriptions that name no owner.
    pub unowned: Vec<UnownedSubscription>,
    /// Log lines of the audit, and alarms.
    pub reports: Vec<Report>,
}

/// The outcome of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectOutcome {
    /// The user or organization.
    pub subject: Subject,
    /// The record in Clerk's latest response; `None` if Clerk does not have the subject, or did not respond.
    pub record: Option<Record>,
    /// The combined change that was or would be written.
    pub change: Option<RecordChange>,
    /// The customer that pays, or one that paid before.
    pub customer: Option<CustomerId>,
    /// The status; `None` if the sync stopped before a write, or failed.
    pub status: Option<SubjectStatus>,
}

/// The owner that a Checkout Session names, as noted on its subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedOwner {
    /// The id of the subscription.
    pub object: String,
    /// The owner.
    pub subject: Subject,
}

/// A reconciliation in progress.
#[derive(Debug)]
pub struct Reconciliation {
    sync: PlanSync,
    intent: Intent,
    /// The callouts that the host has started.
    started: SortedSet<CallId>,
    /// The number of those that have ended.
    ended: usize,
    noted_owners: Vec<NotedOwner>,
    changes: SortedMap<Subject, RecordChange>,
    reports: Vec<Report>,
}

impl Reconciliation {
    /// Creates a reconciliation. Also returns its first step.
    ///
    /// # Errors
    /// [`BackfillError`] if it cannot start.
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
            started: SortedSet::default(),
            ended: 0,
            noted_owners: Vec::new(),
            changes: SortedMap::default(),
            reports: Vec::new(),
        };
        let next = reconciliation.progressed(state, Ok(SyncProgress::Call(calls)));
        Ok((reconciliation, next))
    }

    /// Handles the outcome of a callout.
    pub fn handle_outcome(
        &mut self,
        state: &mut SyncState,
        now: Micros,
        call: CallId,
        outcome: &Outcome<'_>,
    ) -> ReconciliationStep {
        if !self.started.contains(&call) {
            return ReconciliationStep::Call(Vec::new());
        }
        self.ended = self.ended.saturating_add(1);
        let progress = self.sync.handle_outcome(state, now, call, outcome);
        for (subject, change) in self.sync.take_changes() {
            let before = audit::audit_entry(&change, &state.plans);
            self.reports
                .extend(before.map(|before| audit::change(&self.sync, &subject, &before, &change.to)));
            let first = self.changes.remove(&subject).map_or(change.from, |earlier| earlier.from);
            self.changes.insert(subject, RecordChange { from: first, ..change });
        }
        self.progressed(state, progress)
    }

    fn progressed(
        &mut self,
        state: &SyncState,
        progress: Result<SyncProgress, SyncError>,
    ) -> ReconciliationStep {
        let calls = match progress {
            Ok(SyncProgress::Call(calls)) => calls,
            Ok(SyncProgress::Done) => return self.conclude(state, None),
            Err(error) => return self.conclude(state, Some(&error)),
        };
        let mut started_calls = Vec::with_capacity(calls.len());
        for (id, callout) in calls {
            self.noted_owners.extend(self.sync.note(id).and_then(noted_owner));
            if self.intent == Intent::Apply || !self.sync.is_write(id) {
                self.started.insert(id);
                started_calls.push((id, callout));
            }
        }
        // A dry run does not start writes. If all started callouts have ended, the sync waits only for
        // writes.
        if self.ended >= self.started.len() {
            let error = self.sync.error();
            return self.conclude(state, error.as_ref());
        }
        ReconciliationStep::Call(started_calls)
    }

    fn conclude(&mut self, state: &SyncState, error: Option<&SyncError>) -> ReconciliationStep {
        let mut reports = std::mem::take(&mut self.reports);
        match error {
            Some(error) => {
                let first = self.sync.subjects.first().map(|subject| &subject.subject);
                let trigger = TriggerIds::new(&self.sync.trigger, first);
                reports.extend(audit::alarms(&self.sync.findings, &trigger));
                reports.push(audit::sync_failed(error, &state.settings, &trigger));
            }
            None => reports.extend(audit::ending_alarms(&self.sync)),
        }
        let mut outcomes = Vec::with_capacity(self.sync.subjects.len());
        for subject in &self.sync.subjects {
            let written = self.changes.remove(&subject.subject);
            // A dry run sends no write, so the change that it would write is certain. After a transient
            // error the caller repeats it.
            let is_dry_run_result =
                self.intent == Intent::DryRun && error.is_some_and(SyncError::needs_operator);
            let is_certain = error.is_none() || is_dry_run_result;
            let change = written.or_else(|| subject.writing.clone().filter(|_| is_certain));
            let record =
                change.as_ref().map(|change| change.to.clone()).or_else(|| subject.record().cloned());
            outcomes.push(SubjectOutcome {
                subject: subject.subject.clone(),
                record: subject.record().cloned(),
                customer: record.and_then(|record| subject.payer(&record)),
                change,
                status: subject.status(),
            });
        }
        ReconciliationStep::Done(Box::new(Conclusion {
            outcomes,
            noted_owners: if error.is_none() { std::mem::take(&mut self.noted_owners) } else { Vec::new() },
            failure: error.map(BackfillError::from),
            double_subscriptions: self.sync.findings.double_subscriptions.keys().cloned().collect(),
            unowned: std::mem::take(&mut self.sync.findings.unowned),
            reports,
        }))
    }
}

fn trigger(target: Target) -> Trigger {
    let (object, customer, named) = match target {
        Target::Customer(customer) => (TriggerObject::Customer(customer.clone()), Some(customer), Vec::new()),
        Target::Subject { subject, customers, trusted } => {
            // If only a `client_reference_id` names the subject, which a payer can choose, the sync can grant
            // a plan, but does not remove a plan of another origin.
            let via = if trusted { Via::Metadata } else { Via::Reference };
            (TriggerObject::Subjects(customers), None, vec![NamedSubject { subject, via }])
        }
    };
    Trigger { customer, named, ..Trigger::new(REASON, object) }
}

fn noted_owner(request: &NoteOwner) -> Option<NotedOwner> {
    let NoteOwner { subscription, change } = request;
    let subject = change.note.as_ref()?.subject.clone();
    Some(NotedOwner { object: subscription.as_str().to_owned(), subject })
}
