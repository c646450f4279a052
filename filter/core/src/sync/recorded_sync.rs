//! A sync that records each of its changes in the audit before it continues.
//!
//! ```text
//! Calling ──outcome of a callout──▶ Recording ⇄ load and swap in shared data
//!    ▲                                  │
//!    └────────── more callouts ─────────┴──▶ Marking ⇄ load and swap ──▶ Ended
//! ```
//!
//! Subjects are marked only if billing endpoints are configured: their caches drop subjects that are marked
//! as changed.

use super::audit::{self, AuditRecorder, RecorderProgress, TriggerIds};
use super::changed_subjects::ChangedSubject;
use super::deadline::Deadline;
use super::engine::{PlanSync, SyncProgress, SyncResult};
use super::error::SyncError;
use super::findings::UnownedSubscription;
use super::state::SyncState;
use super::trigger::Trigger;
use crate::ids::Subject;
use crate::machine::{Action, Input};
use crate::report::Report;
use crate::shared::{Change, SharedUpdate, UpdateProgress};
use crate::time::Micros;

/// A sync in progress, with the audit of its changes.
#[derive(Debug)]
pub(crate) struct RecordedSync {
    started_at: Micros,
    sync: PlanSync,
    stage: RecordingStage,
    reports: Vec<Report>,
}

#[derive(Debug)]
enum RecordingStage {
    /// Callouts to Stripe and Clerk are in progress.
    Calling,
    /// The changes of the sync's latest step are being recorded.
    Recording(AuditRecorder, Result<SyncProgress, SyncError>),
    /// The sync has ended, and its subjects are being marked as changed: this one, then the others.
    Marking {
        changed: ChangedSubject,
        update: SharedUpdate<()>,
        others: Vec<ChangedSubject>,
        end: Box<SyncEnd>,
    },
}

/// The result of handling an input.
#[must_use]
#[derive(Debug)]
pub(crate) enum SyncStep {
    /// The host's next action: wait, start callouts, or load or swap a shared value.
    Continue(Action, Vec<Report>),
    /// The sync has ended.
    Ended(Box<SyncEnd>),
}

/// The end of a sync.
#[derive(Debug)]
pub(crate) struct SyncEnd {
    /// The start time.
    pub(crate) started_at: Micros,
    /// The result, or the error that ended the sync.
    pub(crate) result: Result<SyncResult, SyncError>,
    /// The first subject that has a plan, otherwise the first subject.
    pub(crate) subject: Option<Subject>,
    /// The subject's plan in Clerk.
    pub(crate) plan: Option<String>,
    /// Whether the record of any subject was changed.
    pub(crate) changed: bool,
    /// Whether the reports contain an alarm.
    pub(crate) has_alarms: bool,
    /// The first live subscription that names no owner.
    pub(crate) unowned: Option<UnownedSubscription>,
    /// Whether a subject has several live subscriptions that charge for a plan.
    pub(crate) found_double_subscription: bool,
    /// Log lines of the audit, and alarms.
    pub(crate) reports: Vec<Report>,
}

impl RecordedSync {
    /// Creates a sync that must end by the deadline. Also returns the host's first action.
    ///
    /// # Errors
    /// The same errors as [`PlanSync::begin`].
    pub(crate) fn begin(
        state: &SyncState,
        now: Micros,
        trigger: Trigger,
        deadline: Deadline,
    ) -> Result<(Self, Action), SyncError> {
        let (sync, calls) = PlanSync::begin(state, now, trigger, deadline)?;
        let recorded =
            RecordedSync { started_at: now, sync, stage: RecordingStage::Calling, reports: Vec::new() };
        Ok((recorded, if calls.is_empty() { Action::Wait } else { Action::Call(calls) }))
    }

    /// Handles the outcome of an action.
    pub(crate) fn handle(&mut self, state: &mut SyncState, now: Micros, input: &Input<'_>) -> SyncStep {
        let stage = std::mem::replace(&mut self.stage, RecordingStage::Calling);
        match (stage, input) {
            (RecordingStage::Calling, Input::CalloutEnded { call, outcome }) => {
                let progress = self.sync.handle_outcome(state, now, *call, outcome);
                let recorder = AuditRecorder::new(&mut self.sync, &progress, &state.plans);
                self.record(state, recorder, progress)
            }
            (RecordingStage::Recording(mut recorder, progress), input) => {
                match recorder.handle(input, &state.plans, now, &self.sync) {
                    RecorderProgress::Continue(action) => {
                        self.stage = RecordingStage::Recording(recorder, progress);
                        SyncStep::Continue(action, Vec::new())
                    }
                    RecorderProgress::Recorded(line) => {
                        self.reports.extend(line);
                        self.record(state, recorder, progress)
                    }
                }
            }
            (RecordingStage::Marking { changed, mut update, others, end }, input) => {
                match update.handle(input, |bucket| Change::Write(changed.bucket_with(bucket, now), ())) {
                    UpdateProgress::Continue(action) => {
                        self.stage = RecordingStage::Marking { changed, update, others, end };
                        SyncStep::Continue(action, Vec::new())
                    }
                    // If the mark could not be written, workers use their cached view of the subject for up
                    // to 30 s.
                    UpdateProgress::Done(()) | UpdateProgress::GaveUp(()) => self.mark(others, end),
                }
            }
            // Other inputs are ignored while callouts are in progress.
            (RecordingStage::Calling, _) => SyncStep::Continue(Action::Wait, Vec::new()),
        }
    }

    /// Records the changes one after another, then continues the sync.
    fn record(
        &mut self,
        state: &SyncState,
        mut recorder: AuditRecorder,
        progress: Result<SyncProgress, SyncError>,
    ) -> SyncStep {
        let action = match (recorder.begin_next(&state.namespace), progress) {
            (Some(action), progress) => {
                self.stage = RecordingStage::Recording(recorder, progress);
                action
            }
            (None, Ok(SyncProgress::Call(calls))) if calls.is_empty() => Action::Wait,
            (None, Ok(SyncProgress::Call(calls))) => Action::Call(calls),
            (None, Ok(SyncProgress::Done)) => {
                let end = self.done();
                return self.mark_changed(state, end);
            }
            (None, Err(error)) => {
                let end = self.failed(state, error);
                return self.mark_changed(state, end);
            }
        };
        SyncStep::Continue(action, std::mem::take(&mut self.reports))
    }

    fn done(&mut self) -> Box<SyncEnd> {
        let alarms = audit::ending_alarms(&self.sync);
        let has_alarms = !alarms.is_empty();
        self.reports.extend(audit::payment_failed(&self.sync));
        self.reports.extend(alarms);
        self.ended(Ok(self.sync.result()), has_alarms)
    }

    fn failed(&mut self, state: &SyncState, error: SyncError) -> Box<SyncEnd> {
        let first = self.sync.subjects.first().map(|subject| &subject.subject);
        let trigger = TriggerIds::new(&self.sync.trigger, first);
        self.reports.extend(audit::alarms(&self.sync.findings, &trigger));
        self.reports.push(audit::sync_failed(&error, &state.settings, &trigger));
        self.ended(Err(error), true)
    }

    fn ended(&mut self, result: Result<SyncResult, SyncError>, has_alarms: bool) -> Box<SyncEnd> {
        let subjects = &self.sync.subjects;
        let subject = subjects.iter().find(|subject| subject.plan().is_some()).or(subjects.first());
        Box::new(SyncEnd {
            started_at: self.started_at,
            result,
            subject: subject.map(|subject| subject.subject.clone()),
            plan: subject.and_then(|subject| subject.plan()).map(str::to_owned),
            changed: subjects.iter().any(|subject| subject.changed),
            has_alarms,
            unowned: self.sync.findings.unowned.first().cloned(),
            found_double_subscription: !self.sync.findings.double_subscriptions.is_empty(),
            reports: std::mem::take(&mut self.reports),
        })
    }

    /// Marks all subjects of the sync, even if Clerk's records are unchanged, because their subscriptions may
    /// have changed.
    fn mark_changed(&mut self, state: &SyncState, end: Box<SyncEnd>) -> SyncStep {
        let changed =
            self.sync.subjects.iter().map(|subject| ChangedSubject::new(&subject.subject, &state.namespace));
        match state.settings.one_subscription {
            true => self.mark(changed.collect(), end),
            false => SyncStep::Ended(end),
        }
    }

    fn mark(&mut self, mut unmarked: Vec<ChangedSubject>, end: Box<SyncEnd>) -> SyncStep {
        let Some(changed) = unmarked.pop() else { return SyncStep::Ended(end) };
        let (update, action) = SharedUpdate::begin(changed.key.clone(), ChangedSubject::SWAP_TRIES_MAX);
        self.stage = RecordingStage::Marking { changed, update, others: unmarked, end };
        SyncStep::Continue(action, Vec::new())
    }
}
