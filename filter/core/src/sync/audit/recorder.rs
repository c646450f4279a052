//! Brings the changes of one step of a sync into the audit: noted before they are written, told once they are
//! made.

use super::action::{AuditEntry, audit_entry};
use super::dedup::{AuditedChange, Noting};
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

/// How often a note is tried while other workers are faster. Beyond that a change is told rather than not.
const NOTE_TRIES_MAX: u32 = 16;

/// The notes that are to be taken before a sync goes on.
#[derive(Debug, Default)]
pub(crate) struct AuditRecorder {
    records: VecDeque<ChangeRecord>,
    /// The note of the first of them that is being taken, and what is told once it is.
    note: Option<(AuditedChange, SharedUpdate<Option<AuditEntry>>)>,
}

/// How far a note has come.
#[must_use]
#[derive(Debug)]
pub(crate) enum RecorderProgress {
    /// The host does this next.
    Continue(Action),
    /// It is taken. With the line of the audit, if there is one.
    Recorded(Option<Report>),
}

#[derive(Debug)]
struct ChangeRecord {
    subject: Subject,
    shown: Record,
    kind: ChangeStage,
}

#[derive(Debug)]
enum ChangeStage {
    /// It is about to be written.
    Intended(AuditEntry, Micros),
    /// It was written.
    Confirmed(AuditEntry, Micros),
    /// It was found.
    Seen,
}

impl AuditRecorder {
    /// Creates the recorder of the step that a sync has just taken.
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
                for (subject, change) in sync.about_to_write(calls) {
                    recorder.add(subject, change, plans, ChangeStage::Intended);
                }
            }
            // Whatever else failed, what is in line is in line.
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
            let kind = kind(before, change.asked_at);
            self.records.push_back(ChangeRecord { subject, shown: change.to, kind });
        }
    }

    /// Begins the next note. Returns what the host does first; `None` if all notes are taken.
    pub(crate) fn begin_next(&mut self, namespace: &str) -> Option<Action> {
        let record = self.records.front()?;
        let place = AuditedChange::of(&record.subject, &record.shown, namespace);
        let (update, action) = SharedUpdate::begin(place.key.clone(), NOTE_TRIES_MAX);
        self.note = Some((place, update));
        Some(action)
    }

    /// Takes what the host says.
    pub(crate) fn handle(
        &mut self,
        input: &Input<'_>,
        plans: &PlanTable,
        now: Micros,
        sync: &PlanSync,
    ) -> RecorderProgress {
        let (Some(record), Some((place, update))) = (self.records.front(), &mut self.note) else {
            return RecorderProgress::Continue(Action::Wait);
        };
        match update.handle(input, |bucket| record.note(place, bucket, plans, now)) {
            UpdateProgress::Continue(action) => RecorderProgress::Continue(action),
            // What could not be noted is told rather than not.
            UpdateProgress::Done(tell) | UpdateProgress::GaveUp(tell) => {
                self.note = None;
                let told = self.records.pop_front().zip(tell);
                RecorderProgress::Recorded(
                    told.map(|(record, before)| lines::change(sync, &record.subject, &before, &record.shown)),
                )
            }
        }
    }
}

impl ChangeRecord {
    /// Computes what becomes of the bucket, and what is to be told once that is stored.
    fn note(
        &self,
        place: &AuditedChange,
        bucket: Option<&[u8]>,
        plans: &PlanTable,
        now: Micros,
    ) -> Change<Option<AuditEntry>> {
        let Noting { value, tell, told_since } = match &self.kind {
            ChangeStage::Intended(before, asked_at) => place.intend(bucket, before, *asked_at, now),
            ChangeStage::Confirmed(before, asked_at) => place.confirm(bucket, before, *asked_at, now),
            ChangeStage::Seen => place.see(bucket, now),
        };
        let tell = match (tell, told_since) {
            (Some(before), Some(old_plan)) => Some(before.rebased(old_plan, &self.shown, plans)),
            (tell, _) => tell,
        };
        match value {
            Some(value) => Change::Write(value, tell),
            None => Change::Keep(tell),
        }
    }
}

/// Returns what Clerk shows at the end: somebody may have written it who never heard that it was done.
fn seen(sync: &PlanSync) -> impl Iterator<Item = ChangeRecord> {
    let in_line = sync.subjects.iter().filter(|subject| subject.end() == Some(SubjectStatus::InSync));
    in_line.filter_map(|subject| {
        let shown = subject.record()?.clone();
        Some(ChangeRecord { subject: subject.subject.clone(), shown, kind: ChangeStage::Seen })
    })
}
