//! What is done with each reconciliation that has come to its end: entered, told, saved.

use super::courier::Places;
use super::ledger::Ledger;
use super::progress::Progress;
use super::work::{Bookkeeper, Job};
use super::{output, resume};
use crate::clock::now;
use std::path::Path;
use std::time::Duration;
use tollgate_core::backfill::{Conclusion, Intent};
use tollgate_core::plan_table::PlanTable;
use tollgate_core::time::Micros;

/// How often the file of `--resume` is written.
const SAVED_EVERY: Duration = Duration::from_secs(5);

/// Enters what comes in, and shows how far it is.
pub(super) struct Books<'a> {
    pub(super) ledger: &'a mut Ledger,
    pub(super) plans: &'a PlanTable,
    pub(super) plan_key: &'a str,
    pub(super) json: bool,
    pub(super) intent: Intent,
    pub(super) progress: &'a mut Progress,
    pub(super) total: usize,
    pub(super) resume: Option<&'a Path>,
    pub(super) places: &'a Places,
    pub(super) saved_at: Micros,
    pub(super) failed: Vec<Job>,
}

impl Bookkeeper for Books<'_> {
    fn conclude(&mut self, job: &Job, conclusion: Conclusion) {
        if conclusion.failure.is_some() {
            self.failed.push(job.clone());
        }
        let (audit, alarms) = (self.ledger.audit.len(), self.ledger.alarms.len());
        let new = self.ledger.enter(job.id(), conclusion, self.plans);
        if !self.json {
            return;
        }
        self.ledger.audit.iter().skip(audit).for_each(|line| println!("{line}"));
        self.ledger.alarms.iter().skip(alarms).for_each(|line| println!("{line}"));
        let lines = output::json_differences(self.ledger, &new, self.intent, self.plan_key);
        lines.iter().for_each(|line| println!("{line}"));
    }

    fn progress<'j>(&mut self, left: impl Iterator<Item = &'j Job>, left_count: usize) {
        let now = now();
        if let Some(file) = self.resume.filter(|_| now.since(self.saved_at) >= SAVED_EVERY) {
            self.saved_at = now;
            let run = resume::Run { intent: self.intent, places: self.places };
            if let Err(wrong) = resume::save(file, run, left.map(|job| -> &Job { job }).chain(&self.failed)) {
                eprintln!("note: {wrong}");
            }
        }
        let done = self.total.saturating_sub(left_count);
        let (differing, failed) = (self.ledger.differing.len(), self.ledger.failures.len());
        let rest = self.progress.rest(now, done, left_count);
        let total = self.total;
        self.progress.show(now, || format!("{done} of {total}: {differing} differ, {failed} failed, {rest}"));
    }
}
