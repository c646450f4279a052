//! Brings the changes of one step of a sync into the audit: noted before they are written, told once they are
//! made.

use super::action::{AuditEntry, audit_entry};
use super::dedup::{Noting, Place};
use super::lines;
use crate::clerk::metadata::Record;
use crate::ids::Subject;
use crate::plan_table::PlanTable;
use crate::report::Report;
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
    tries: u32,
    /// What is told once the swap under way has succeeded.
    tell: Option<AuditEntry>,
}

#[derive(Debug)]
struct ChangeRecord {
    subject: Subject,
    shown: Record,
    kind: ChangeStage,
    place: Option<Place>,
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
            self.records.push_back(ChangeRecord { subject, shown: change.to, kind, place: None });
        }
    }

    /// Returns the key of shared data that must be loaded next; `None` at the end.
    pub(crate) fn next(&mut self, namespace: &str) -> Option<String> {
        let record = self.records.front_mut()?;
        let place = record.place.get_or_insert_with(|| Place::of(&record.subject, &record.shown, namespace));
        Some(place.key.clone())
    }

    /// Takes what was loaded; returns what to store in its place. Without that the note is done.
    pub(crate) fn loaded(
        &mut self,
        bucket: &[u8],
        plans: &PlanTable,
        now: Micros,
    ) -> Option<(String, Vec<u8>)> {
        let record = self.records.front()?;
        let place = record.place.as_ref()?;
        let Noting { value, tell, told_since } = match &record.kind {
            ChangeStage::Intended(before, asked_at) => place.intend(bucket, before, *asked_at, now),
            ChangeStage::Confirmed(before, asked_at) => place.confirm(bucket, before, *asked_at, now),
            ChangeStage::Seen => place.see(bucket, now),
        };
        self.tell = match (tell, told_since) {
            (Some(before), Some(old_plan)) => Some(before.rebased(old_plan, &record.shown, plans)),
            (tell, _) => tell,
        };
        let stored = value.map(|value| (place.key.clone(), value));
        if stored.is_none() {
            self.done();
        }
        stored
    }

    /// Takes whether it was stored; returns the line of the audit.
    pub(crate) fn swapped(&mut self, stored: bool, sync: &PlanSync) -> Option<Report> {
        self.tries = self.tries.saturating_add(1);
        if !stored && self.tries < NOTE_TRIES_MAX {
            return None;
        }
        let before = self.tell.take();
        let record = self.done()?;
        Some(lines::change(sync, &record.subject, &before?, &record.shown))
    }

    fn done(&mut self) -> Option<ChangeRecord> {
        self.tries = 0;
        self.records.pop_front()
    }
}

/// Returns what Clerk shows at the end: somebody may have written it who never heard that it was done.
fn seen(sync: &PlanSync) -> impl Iterator<Item = ChangeRecord> {
    let in_line = sync.subjects.iter().filter(|subject| subject.end() == Some(SubjectStatus::InSync));
    in_line.filter_map(|subject| {
        let shown = subject.record()?.clone();
        Some(ChangeRecord { subject: subject.subject.clone(), shown, kind: ChangeStage::Seen, place: None })
    })
}
