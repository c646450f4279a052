//! Reads a subject's plan from Clerk's response, into the cache of a worker thread.

use super::confirmations::{Confirmation, ConfirmedPlan};
use super::shared_records::plan_hash;
use crate::alarm::{Alarm, AlarmCode};
use crate::clerk::api;
use crate::clerk::metadata::Record;
use crate::config::ClaimSource;
use crate::gate::caller::PlanFault;
use crate::gate::metrics::GateEvent;
use crate::gate::worker::GateWorker;
use crate::http::Outcome;
use crate::ids::Subject;
use crate::plan_table::RecordedPlan;
use crate::report::Report;
use crate::time::Micros;

impl GateWorker {
    /// Returns whether Clerk's record can confirm the subject's plan. The record has only the plan in the
    /// metadata: if Clerk Billing can grant a plan too, a record without one must not take a plan away.
    pub(in crate::gate) fn can_confirm(&self, subject: &Subject) -> bool {
        self.gate.confirm.is_some()
            && !self.gate.plan_claims.sources(subject).contains(&ClaimSource::ClerkBilling)
    }

    /// Takes the outcome of a request for a subject's record. If it failed, nothing is cached.
    pub(in crate::gate) fn record_read(
        &mut self,
        now: Micros,
        subject: Subject,
        requested_at: Micros,
        outcome: &Outcome<'_>,
    ) -> Vec<Report> {
        self.confirmed.end_inquiry(&subject);
        match api::record(outcome, &subject, &self.gate.plan_key) {
            Ok(record) => self.cache_record(now, subject, requested_at, record),
            Err(error) => {
                let cause = error.to_string();
                let alarm = Alarm::warning(AlarmCode::ConfirmFailed, cause.as_str()).with("cause", cause);
                vec![self.metrics.happened(GateEvent::ConfirmFailed), alarm.into()]
            }
        }
    }

    fn cache_record(
        &mut self,
        now: Micros,
        subject: Subject,
        requested_at: Micros,
        record: Record,
    ) -> Vec<Report> {
        let (plan, reports) = match self.plans.recorded(record.plan.as_deref()) {
            RecordedPlan::None => (ConfirmedPlan::Plan(self.plans.default_rank()), Vec::new()),
            RecordedPlan::Known(plan) => (ConfirmedPlan::Plan(plan), Vec::new()),
            RecordedPlan::Unknown(name) => {
                let fault = PlanFault::Unknown(name.to_owned());
                let reports = fault.reports(&self.metrics, &mut self.reported, Some(&subject), now);
                (ConfirmedPlan::Unknown { name_hash: plan_hash(name) }, reports)
            }
        };
        let grace_until = record.subscription.grace_until;
        self.confirmed.insert(subject, Confirmation { requested_at, plan, grace_until }, now);
        reports
    }
}
