//! A sample of subjects, whose sync is rehearsed: what a sync would change, and what it would report.

use super::read_error::ReadError;
use super::reading::Accounts;
use crate::backfill::{BackfillError, Candidate, CensusResult, Conclusion};
use crate::ids::{Subject, SubscriptionId};
use crate::plan_table::PlanTable;
use std::cmp::Reverse;

/// The maximum number of pages of subscriptions, users, and organizations from which the sample is taken.
pub const SAMPLE_PAGES_MAX: usize = 3;

/// The maximum number of subjects that are compared.
const SUBJECTS_MAX: usize = 100;

/// The results of a sample.
#[derive(Debug)]
pub struct SubjectSample {
    /// Whether the subjects could be listed.
    pub(super) listed: Result<(), ReadError>,
    /// How many were compared.
    pub(super) compared: usize,
    /// Those whose record a sync would change.
    pub(super) differing: Vec<Subject>,
    /// Those whose sync fails, and the first error.
    pub(super) failed: Vec<Subject>,
    pub(super) first_failure: Option<ReadError>,
    /// Those with several live subscriptions that charge for a plan.
    pub(super) double_subscriptions: Vec<Subject>,
    /// The live subscriptions that name no owner.
    pub(super) unowned: Vec<SubscriptionId>,
    /// Those whose recorded plan differs from a configured name only in case or spaces, each with both names.
    pub(super) misnamed: Vec<(Subject, String, String)>,
}

impl Default for SubjectSample {
    fn default() -> Self {
        SubjectSample {
            listed: Err(ReadError::NotRead),
            compared: 0,
            differing: Vec::new(),
            failed: Vec::new(),
            first_failure: None,
            double_subscriptions: Vec::new(),
            unowned: Vec::new(),
            misnamed: Vec::new(),
        }
    }
}

impl SubjectSample {
    /// Returns the sample without subjects that there is if an API refuses its key; `None` if both accept
    /// them.
    pub fn impossible(accounts: &Accounts) -> Option<Self> {
        let error = accounts.refused_key()?;
        Some(SubjectSample { listed: Err(error.clone()), ..SubjectSample::default() })
    }

    /// Selects the subjects to compare: first those with several subscriptions.
    pub fn select(&mut self, census: CensusResult) -> Vec<Candidate> {
        self.listed = Ok(());
        self.unowned = census.unowned.into_iter().map(|(subscription, _)| subscription).collect();
        let mut candidates = census.candidates;
        candidates.sort_by_key(|candidate| Reverse(candidate.live_subscriptions));
        candidates.truncate(SUBJECTS_MAX);
        candidates
    }

    /// Stores that the subjects could not be listed.
    pub fn fail(&mut self, error: &BackfillError) {
        self.listed = Err(error.into());
    }

    /// Stores the conclusion of a subject's rehearsal.
    pub fn record(&mut self, subject: &Subject, conclusion: &Conclusion, plans: &PlanTable) {
        if let Some(failure) = &conclusion.failure {
            self.failed.push(subject.clone());
            self.first_failure.get_or_insert_with(|| failure.into());
            return;
        }
        self.compared = self.compared.saturating_add(1);
        self.double_subscriptions.extend(conclusion.double_subscriptions.iter().cloned());
        for outcome in &conclusion.outcomes {
            let recorded = outcome.record.as_ref().and_then(|record| record.plan.as_deref());
            let meant = recorded.and_then(|recorded| plans.nearly(recorded).map(|meant| (recorded, meant)));
            if let Some((recorded, meant)) = meant {
                self.misnamed.push((outcome.subject.clone(), recorded.to_owned(), meant.to_owned()));
            } else if outcome.change.is_some() {
                self.differing.push(outcome.subject.clone());
            }
        }
    }
}
