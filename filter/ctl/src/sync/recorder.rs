//! Records the conclusion of each reconciliation, prints it, and saves the progress.

use super::progress::ProgressLine;
use super::summary::Summary;
use super::work::{Job, JobObserver};
use super::{output, resume};
use crate::api_calls::Endpoints;
use crate::clock::now;
use crate::terminal::{NOTE, print_error_line, print_line, styled};
use std::path::Path;
use std::time::Duration;
use tollgate_core::backfill::{Conclusion, Intent};
use tollgate_core::plan_table::PlanTable;
use tollgate_core::time::Micros;

/// The interval at which the file of `--resume` is written.
const SAVED_EVERY: Duration = Duration::from_secs(5);

/// Records conclusions in a [`Summary`], and shows the progress.
pub(super) struct Recorder<'a> {
    pub(super) summary: &'a mut Summary,
    pub(super) plans: &'a PlanTable,
    pub(super) plan_key: &'a str,
    pub(super) json: bool,
    pub(super) intent: Intent,
    pub(super) progress: &'a mut ProgressLine,
    pub(super) total: usize,
    pub(super) resume: Option<&'a Path>,
    pub(super) endpoints: &'a Endpoints,
    pub(super) saved_at: Micros,
    pub(super) failed: Vec<Job>,
}

impl JobObserver for Recorder<'_> {
    fn conclude(&mut self, job: &Job, conclusion: Conclusion) {
        if conclusion.failure.is_some() {
            self.failed.push(job.clone());
        }
        let (audit, alarms) = (self.summary.audit.len(), self.summary.alarms.len());
        let new = self.summary.record(job.id(), conclusion, self.plans);
        if !self.json {
            return;
        }
        self.summary.audit.iter().skip(audit).for_each(|line| print_line!("{line}"));
        self.summary.alarms.iter().skip(alarms).for_each(|line| print_line!("{line}"));
        let lines = output::json_differences(self.summary, &new, self.intent, self.plan_key);
        lines.iter().for_each(|line| print_line!("{line}"));
    }

    fn progress<'j>(&mut self, left: impl Iterator<Item = &'j Job>, left_count: usize) {
        let now = now();
        if let Some(file) = self.resume.filter(|_| now.since(self.saved_at) >= SAVED_EVERY) {
            self.saved_at = now;
            let run = resume::Run { intent: self.intent, endpoints: self.endpoints };
            if let Err(error) = resume::save(file, run, left.map(|job| -> &Job { job }).chain(&self.failed)) {
                print_error_line!("{}: {error}", styled(NOTE, "note"));
            }
        }
        let done = self.total.saturating_sub(left_count);
        let (differing, failed) = (self.summary.differing.len(), self.summary.failures.len());
        let rest = self.progress.rest(now, done, left_count);
        let total = self.total;
        self.progress.show(now, || format!("{done} of {total}: {differing} differ, {failed} failed, {rest}"));
    }
}
