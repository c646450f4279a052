//! Cancels all subscriptions that the merchant's metadata give to a deleted subject.
//!
//! ```text
//! record at Clerk ─▶ searches ─▶ subscriptions of each customer ─▶ [sessions] ─▶ [schedule ─▶ release] ─▶ cancel
//!       └─▶ Ended: Clerk still has the subject                                                  [check] ◀──┘
//! ```
//! Customers and subscriptions are processed in parallel. An error of one does not stop the others, but the
//! whole fails in the end. A retry then finds the finished part done.

use super::request::CancellationRequest;
use crate::config::CancellationTime;
use crate::http::Callout;
use crate::ids::{CustomerId, EventId, Subject};
use crate::machine::{Action, CallId, Input};
use crate::report::Report;
use crate::sorted::{SortedMap, SortedSet};
use crate::sync::audit::TriggerIds;
use crate::sync::{Deadline, ReadRecord, SyncError, SyncState, audit};
use crate::time::Micros;

/// The deletion of a subject at Clerk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deletion {
    /// The event that reports it.
    pub(crate) event: EventId,
    /// The event's type.
    pub(crate) event_type: String,
    /// The user or organization.
    pub(crate) subject: Subject,
    /// The time at which its subscriptions end.
    pub(crate) at: CancellationTime,
}

/// A cancellation in progress.
#[derive(Debug)]
pub(crate) struct SubjectCancellation {
    pub(super) deletion: Deletion,
    deadline: Deadline,
    outstanding: SortedMap<CallId, CancellationRequest>,
    calls: u32,
    /// The customers whose subscriptions are read.
    pub(super) customers: SortedSet<CustomerId>,
    /// How many subscriptions' sessions were requested.
    pub(super) sessions_read: usize,
    /// How many cancellations were begun.
    pub(super) begun: usize,
    /// How many subscriptions are canceled.
    pub(super) canceled: usize,
    /// Whether Clerk still has the subject.
    pub(super) subject_exists: bool,
    /// Whether Stripe refused a search.
    pub(super) search_refused: bool,
    /// The error that the whole ends with.
    error: Option<SyncError>,
    has_alarms: bool,
    pub(super) reports: Vec<Report>,
}

/// The result of a cancellation that has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancellationResult {
    /// Each subscription of the subject is canceled.
    Done,
    /// Clerk still has the subject: nothing was canceled.
    SubjectExists,
    /// A subscription may remain, and a retry would not help: an alarm says why.
    NotCanceled,
}

/// The result of handling an input.
#[must_use]
#[derive(Debug)]
pub(crate) enum CancellationStep {
    /// The host's next action: wait, or start callouts.
    Continue(Action, Vec<Report>),
    /// The cancellation has ended.
    Ended(Box<CancellationEnd>),
}

/// The end of a cancellation.
#[derive(Debug)]
pub(crate) struct CancellationEnd {
    /// The user or organization.
    pub(crate) subject: Subject,
    /// The result, or the error.
    pub(crate) result: Result<CancellationResult, SyncError>,
    /// How many subscriptions it canceled.
    pub(crate) canceled: usize,
    /// Whether there was an alarm.
    pub(crate) has_alarms: bool,
    /// Log lines of the audit, and alarms.
    pub(crate) reports: Vec<Report>,
}

impl SubjectCancellation {
    /// Creates a cancellation that must end by the deadline. Also returns the first callout.
    ///
    /// # Errors
    /// [`SyncError::OutOfTime`] if the deadline leaves no time for a callout.
    pub(crate) fn begin(
        state: &SyncState,
        now: Micros,
        deletion: Deletion,
        deadline: Deadline,
    ) -> Result<(Self, Action), SyncError> {
        let record = CancellationRequest::Record(ReadRecord(deletion.subject.clone()));
        let mut cancellation = SubjectCancellation {
            deletion,
            deadline,
            outstanding: SortedMap::default(),
            calls: 0,
            customers: SortedSet::default(),
            sessions_read: 0,
            begun: 0,
            canceled: 0,
            subject_exists: false,
            search_refused: false,
            error: None,
            has_alarms: false,
            reports: Vec::new(),
        };
        let calls = cancellation.start(state, now, vec![record]);
        match cancellation.error.take() {
            Some(error) => Err(error),
            None => Ok((cancellation, Action::Call(calls))),
        }
    }

    /// Handles the outcome of a callout; other inputs are ignored.
    pub(crate) fn handle(&mut self, state: &SyncState, now: Micros, input: &Input<'_>) -> CancellationStep {
        let Input::CalloutEnded { call, outcome } = input else {
            return CancellationStep::Continue(Action::Wait, Vec::new());
        };
        let next = match self.outstanding.remove(call) {
            Some(request) => self.take(state, request, outcome).unwrap_or_else(|error| {
                self.fail(error);
                Vec::new()
            }),
            None => Vec::new(),
        };
        let calls = self.start(state, now, next);
        if self.outstanding.is_empty() {
            return CancellationStep::Ended(Box::new(self.end(state)));
        }
        let action = if calls.is_empty() { Action::Wait } else { Action::Call(calls) };
        CancellationStep::Continue(action, std::mem::take(&mut self.reports))
    }

    fn end(&mut self, state: &SyncState) -> CancellationEnd {
        let result = match self.error.take() {
            Some(error) => {
                let failed = TriggerIds::of_deletion(&self.deletion.event, &self.deletion.subject);
                self.alarm(audit::sync_failed(&error, &state.settings, &failed));
                Err(error)
            }
            None if self.subject_exists => Ok(CancellationResult::SubjectExists),
            None if self.has_alarms => Ok(CancellationResult::NotCanceled),
            None => Ok(CancellationResult::Done),
        };
        CancellationEnd {
            subject: self.deletion.subject.clone(),
            result,
            canceled: self.canceled,
            has_alarms: self.has_alarms,
            reports: std::mem::take(&mut self.reports),
        }
    }

    /// Records an error. Of several, one that an operator must act on is reported.
    pub(super) fn fail(&mut self, error: SyncError) {
        let known = self.error.take().filter(|known| known.needs_operator() || !error.needs_operator());
        self.error = Some(known.unwrap_or(error));
    }

    pub(super) fn alarm(&mut self, alarm: Report) {
        self.has_alarms = true;
        self.reports.push(alarm);
    }

    /// Starts requests. If the time is over, none starts.
    fn start(
        &mut self,
        state: &SyncState,
        now: Micros,
        requests: Vec<CancellationRequest>,
    ) -> Vec<(CallId, Callout)> {
        let mut calls = Vec::with_capacity(requests.len());
        for request in requests {
            let callout = request.callout(&state.settings);
            match self.deadline.allot(now, callout.timeout) {
                Ok(timeout) => {
                    let call = CallId(self.calls);
                    self.calls = self.calls.saturating_add(1);
                    self.outstanding.insert(call, request);
                    calls.push((call, Callout { timeout, ..callout }));
                }
                Err(error) => self.fail(error),
            }
        }
        calls
    }
}
