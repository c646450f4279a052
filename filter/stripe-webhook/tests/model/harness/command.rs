//! Runs of `tollgate sync`: a census, then a reconciliation of each candidate.

use super::model::Model;
use super::world::parts;
use std::collections::VecDeque;
use tollgate_core::backfill::{
    BackfillError, Candidate, Census, CensusResult, Conclusion, Intent, Reconciliation, ReconciliationStep,
    Scope, Target,
};
use tollgate_core::http::Callout;
use tollgate_core::ids::{CustomerId, Subject};
use tollgate_core::machine::CallId;
use tollgate_driver::CalloutResult;

impl Model {
    /// Runs a census.
    pub(crate) fn census(&mut self, scope: Scope) -> Result<CensusResult, BackfillError> {
        let (mut census, calls) = Census::begin(&self.command, scope);
        let mut waiting = VecDeque::from(calls);
        loop {
            if let Some(found) = census.result() {
                return Ok(found);
            }
            let (call, result) = self.next(&mut waiting);
            waiting.extend(census.handle_outcome(&self.command, call, &result.outcome())?);
        }
    }

    /// Runs one reconciliation.
    pub(crate) fn reconcile(&mut self, target: Target, intent: Intent) -> Conclusion {
        let started = Reconciliation::begin(&self.command, self.world.now, target, intent);
        let (mut reconciliation, mut next) = started.unwrap();
        let mut waiting = VecDeque::new();
        loop {
            match next {
                ReconciliationStep::Done(conclusion) => return *conclusion,
                ReconciliationStep::Call(calls) => waiting.extend(calls),
            }
            let (call, result) = self.next(&mut waiting);
            let now = self.world.now;
            next = reconciliation.handle_outcome(&mut self.command, now, call, &result.outcome());
        }
    }

    /// Runs `tollgate sync --all`.
    pub(crate) fn sync_all(&mut self, intent: Intent) -> Result<Vec<Conclusion>, BackfillError> {
        let found = self.census(Scope::All)?;
        Ok(found.candidates.into_iter().map(|candidate| self.reconcile(target(candidate), intent)).collect())
    }

    /// Runs `tollgate sync --subject …`.
    pub(crate) fn sync_subject(&mut self, subject: &str, intent: Intent) -> Conclusion {
        let subject = Subject::parse(subject).unwrap();
        let found = self.census(Scope::Subject(subject)).unwrap();
        let [candidate] = <[Candidate; 1]>::try_from(found.candidates).unwrap();
        self.reconcile(target(candidate), intent)
    }

    /// Runs `tollgate sync --customer …`.
    pub(crate) fn sync_customer(&mut self, customer: &str, intent: Intent) -> Conclusion {
        self.reconcile(Target::Customer(CustomerId::parse(customer).unwrap()), intent)
    }

    fn next(&mut self, waiting: &mut VecDeque<(CallId, Callout)>) -> (CallId, CalloutResult) {
        let (call, callout) = waiting.pop_front().expect("it waits for nothing");
        self.world.now = self.world.now.plus(self.callout_takes);
        self.callouts.push(callout.clone());
        let result = (self.fails)(&callout);
        (call, result.unwrap_or_else(|| self.world.respond(&callout).into()))
    }

    /// Returns the callouts so far that change something, as `PATCH /v1/users/user_1/metadata {…}`.
    pub(crate) fn written(&self) -> Vec<String> {
        let line = |callout: &Callout| {
            let (method, path, _, body) = parts(callout);
            (method != "GET").then(|| format!("{method} {path} {}", str::from_utf8(body).unwrap()))
        };
        self.callouts.iter().filter_map(line).collect()
    }
}

/// Returns the target of a candidate, as the command has it by default.
fn target(candidate: Candidate) -> Target {
    let Candidate { subject, customers, trusted, .. } = candidate;
    Target::Subject { subject, customers, trusted }
}
