//! The processing of an event that is no duplicate: a sync, or the cancellation of a deleted subject's
//! subscriptions.

use super::metrics;
use super::result::DeliveryResult;
use crate::cancellation::{CancellationEnd, CancellationStep, Deletion, SubjectCancellation};
use crate::ids::{EventId, Subject};
use crate::machine::{Action, Input};
use crate::report::Report;
use crate::sync::audit::TriggerIds;
use crate::sync::{
    Deadline, RecordedSync, SyncEnd, SyncError, SyncState, SyncStep, Trigger, UnownedSubscription, audit,
};
use crate::time::Micros;
use std::time::Duration;

/// The maximum duration of processing an event. Stripe Checkout delays the customer's redirect until the
/// webhook responds, for at most 10 s; Clerk waits for 15 s.
const PROCESSING_TIME_MAX: Duration = Duration::from_secs(8);

/// The cause of processing an event.
#[derive(Debug)]
pub(super) enum EventCause {
    /// The state of subjects may have changed.
    Sync(Box<Trigger>),
    /// A subject was deleted, and its subscriptions are to be canceled.
    Deletion(Box<Deletion>),
}

/// The processing of an event, in progress.
#[derive(Debug)]
pub(super) enum EventProcess {
    /// A sync.
    Sync(Box<RecordedSync>),
    /// A cancellation.
    Cancellation(Box<SubjectCancellation>),
}

/// The result of handling an input.
#[must_use]
#[derive(Debug)]
pub(super) enum ProcessStep {
    /// The host's next action, and what to report before it.
    Continue(Action, Vec<Report>),
    /// The processing has ended.
    Ended(Box<ProcessEnd>),
}

/// The end of processing an event.
#[derive(Debug)]
pub(super) struct ProcessEnd {
    /// The result, or the error.
    pub(super) result: Result<DeliveryResult, SyncError>,
    /// The subject that the receipt names.
    pub(super) subject: Option<Subject>,
    /// The subject's plan in Clerk, after a sync.
    pub(super) plan: Option<String>,
    /// Whether a record was changed, after a sync.
    pub(super) changed: Option<bool>,
    /// The number of canceled subscriptions, after a cancellation.
    pub(super) canceled: Option<usize>,
    /// The first live subscription that names no owner, after a sync.
    pub(super) unowned: Option<UnownedSubscription>,
    /// Whether there was an alarm, so that the event is processed again if the sender repeats it.
    pub(super) has_alarms: bool,
    /// Metrics, log lines of the audit, and alarms.
    pub(super) reports: Vec<Report>,
}

impl EventProcess {
    /// Begins to process an event. Also returns the host's first action.
    ///
    /// # Errors
    /// The error, and what to report about it, if nothing could be started.
    pub(super) fn begin(
        state: &SyncState,
        now: Micros,
        event: &EventId,
        cause: EventCause,
    ) -> Result<(Self, Action), (SyncError, Vec<Report>)> {
        let deadline = Deadline::new(now, PROCESSING_TIME_MAX);
        let failed = match &cause {
            EventCause::Sync(trigger) => TriggerIds::new(trigger, None),
            EventCause::Deletion(deletion) => TriggerIds::of_deletion(event, &deletion.subject),
        };
        let begun = match cause {
            EventCause::Sync(trigger) => RecordedSync::begin(state, now, *trigger, deadline)
                .map(|(sync, action)| (EventProcess::Sync(Box::new(sync)), action)),
            EventCause::Deletion(deletion) => SubjectCancellation::begin(state, now, *deletion, deadline)
                .map(|(cancellation, action)| (EventProcess::Cancellation(Box::new(cancellation)), action)),
        };
        begun.map_err(|error| {
            let mut reports = vec![audit::sync_failed(&error, &state.settings, &failed)];
            reports.extend(metrics::SYNC.callout_failed(&error));
            (error, reports)
        })
    }

    /// Handles the outcome of an action.
    pub(super) fn handle(&mut self, state: &mut SyncState, now: Micros, input: &Input<'_>) -> ProcessStep {
        match self {
            EventProcess::Sync(sync) => match sync.handle(state, now, input) {
                SyncStep::Continue(action, reports) => ProcessStep::Continue(action, reports),
                SyncStep::Ended(end) => ProcessStep::Ended(Box::new(ProcessEnd::of_sync(*end, now))),
            },
            EventProcess::Cancellation(cancellation) => match cancellation.handle(state, now, input) {
                CancellationStep::Continue(action, reports) => ProcessStep::Continue(action, reports),
                CancellationStep::Ended(end) => {
                    ProcessStep::Ended(Box::new(ProcessEnd::of_cancellation(*end)))
                }
            },
        }
    }
}

impl ProcessEnd {
    fn of_sync(end: SyncEnd, now: Micros) -> Self {
        let mut reports: Vec<Report> = metrics::SYNC.ended(&end, now).collect();
        reports.extend(end.reports);
        let result = end.result.map(DeliveryResult::from);
        ProcessEnd {
            changed: (result == Ok(DeliveryResult::Processed)).then_some(end.changed),
            result,
            subject: end.subject,
            plan: end.plan,
            canceled: None,
            unowned: end.unowned,
            has_alarms: end.has_alarms,
            reports,
        }
    }

    fn of_cancellation(end: CancellationEnd) -> Self {
        let failed = end.result.as_ref().err().and_then(|error| metrics::SYNC.callout_failed(error));
        let canceled = std::iter::repeat_n(metrics::canceled_count(), end.canceled);
        ProcessEnd {
            result: end.result.map(DeliveryResult::from),
            subject: Some(end.subject),
            plan: None,
            changed: None,
            canceled: Some(end.canceled),
            unowned: None,
            has_alarms: end.has_alarms,
            reports: failed.into_iter().chain(canceled).chain(end.reports).collect(),
        }
    }
}
