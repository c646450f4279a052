//! Records the changes of one step of a sync: stores them as intended before they are written, and logs them
//! once they are made.

use super::action::{AuditEntry, audit_entry};
use super::dedup::{AuditedChange, DedupUpdate};
use super::lines;
use crate::clerk::metadata::Record;
use crate::ids::Subject;
use crate::machine::{Action, Input};
use crate::plan_table::PlanTable;
use crate::report::Report;
use crate::shared::{Change, SharedUpdate, UpdateProgress};
use crate::sync::engine::{PlanSync, SyncProgress};
use crate::sync::error::SyncError;
use crate::sync::subject::{RecordChange, SubjectStatus};
use crate::time::Micros;
use std::collections::VecDeque;

/// The maximum number of attempts to update a bucket while other workers change it. After that, a change is
/// logged without being stored, because a duplicate line is better than none.
const UPDATE_TRIES_MAX: u32 = 16;

/// The changes to record before a sync continues.
#[derive(Debug, Default)]
pub(crate) struct AuditRecorder {
    records: VecDeque<ChangeRecord>,
    /// The update in progress for the first record; its result is the entry to log.
    update: Option<(AuditedChange, SharedUpdate<Option<AuditEntry>>)>,
}

/// The progress of a recorder.
#[must_use]
#[derive(Debug)]
pub(crate) enum RecorderProgress {
    /// The action that the host performs next.
    Continue(Action),
    /// The change is recorded; contains its log line, if any.
    Recorded(Option<Report>),
}

/// A change to record.
#[derive(Debug)]
struct ChangeRecord {
    subject: Subject,
    shown: Record,
    kind: ChangeStage,
}

#[derive(Debug)]
enum ChangeStage {
    /// The change is about to be written; the time is that of the request for the old record.
    Intended(AuditEntry, Micros),
    /// Clerk confirmed the change; the time is that of the request for the old record.
    Confirmed(AuditEntry, Micros),
    /// The record was found to have this content.
    Seen,
}

impl AuditRecorder {
    /// Creates the recorder for the latest step of a sync.
    pub(crate) fn new(
        sync: &mut PlanSync,
        progress: &Result<SyncProgress, SyncError>,
        plans: &PlanTable,
    ) -> Self {
        let mut recorder = AuditRecorder::default();
        for (subject, change) in sync.take_changes() {
            recorder.add(subject, change, plans, ChangeStage::Confirmed);
        }
        match progress {
            Ok(SyncProgress::Call(calls)) => {
                for (subject, change) in sync.pending_changes(calls) {
                    recorder.add(subject, change, plans, ChangeStage::Intended);
                }
            }
            // Even if the sync failed, some of its subjects may be in sync.
            Ok(SyncProgress::Done) | Err(_) => recorder.records.extend(seen(sync)),
        }
        recorder
    }

    fn add(
        &mut self,
        subject: Subject,
        change: RecordChange,
        plans: &PlanTable,
        kind: fn(AuditEntry, Micros) -> ChangeStage,
    ) {
        if let Some(before) = audit_entry(&change, plans) {
            let kind = kind(before, change.requested_at);
            self.records.push_back(ChangeRecord { subject, shown: change.to, kind });
        }
    }

    /// Starts recording the next change. Returns the host's first action; `None` if all changes are recorded.
    pub(crate) fn begin_next(&mut self, namespace: &str) -> Option<Action> {
        let record = self.records.front()?;
        let key = AuditedChange::new(&record.subject, &record.shown, namespace);
        let (update, action) = SharedUpdate::begin(key.key.clone(), UPDATE_TRIES_MAX);
        self.update = Some((key, update));
        Some(action)
    }

    /// Handles the host's input.
    pub(crate) fn handle(
        &mut self,
        input: &Input<'_>,
        plans: &PlanTable,
        now: Micros,
        sync: &PlanSync,
    ) -> RecorderProgress {
        let (Some(record), Some((key, update))) = (self.records.front(), &mut self.update) else {
            return RecorderProgress::Continue(Action::Wait);
        };
        match update.handle(input, |bucket| record.updated_bucket(key, bucket, plans, now)) {
            UpdateProgress::Continue(action) => RecorderProgress::Continue(action),
            // If the bucket could not be updated, the change is logged anyway.
            UpdateProgress::Done(to_log) | UpdateProgress::GaveUp(to_log) => {
                self.update = None;
                let logged = self.records.pop_front().zip(to_log);
                RecorderProgress::Recorded(
                    logged
                        .map(|(record, before)| lines::change(sync, &record.subject, &before, &record.shown)),
                )
            }
        }
    }
}

impl ChangeRecord {
    /// Computes the bucket's new content, and the entry to log once it is stored.
    fn updated_bucket(
        &self,
        key: &AuditedChange,
        bucket: Option<&[u8]>,
        plans: &PlanTable,
        now: Micros,
    ) -> Change<Option<AuditEntry>> {
        let DedupUpdate { value, to_log, logged_since } = match &self.kind {
            ChangeStage::Intended(before, requested_at) => key.intend(bucket, before, *requested_at, now),
            ChangeStage::Confirmed(before, requested_at) => key.confirm(bucket, before, *requested_at, now),
            ChangeStage::Seen => key.see(bucket, now),
        };
        let to_log = match (to_log, logged_since) {
            (Some(before), Some(old_plan)) => Some(before.rebased(old_plan, &self.shown, plans)),
            (to_log, _) => to_log,
        };
        match value {
            Some(value) => Change::Write(value, to_log),
            None => Change::Keep(to_log),
        }
    }
}

/// Returns the records at the end of a sync: another sync may have written them without getting Clerk's
/// response.
fn seen(sync: &PlanSync) -> impl Iterator<Item = ChangeRecord> {
    let in_line = sync.subjects.iter().filter(|subject| subject.status() == Some(SubjectStatus::InSync));
    in_line.filter_map(|subject| {
        let shown = subject.record()?.clone();
        Some(ChangeRecord { subject: subject.subject.clone(), shown, kind: ChangeStage::Seen })
    })
}
