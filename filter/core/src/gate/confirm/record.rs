//! Reads a subject's plan from Clerk's responses, into the cache of a worker thread.

use super::confirmations::ConfirmedPlan;
use super::plan_read::{ConfirmSource, SourceGrant};
use super::shared_records::plan_hash;
use crate::alarm::{Alarm, AlarmCode};
use crate::clerk::api::{self, ClerkApiError};
use crate::clerk::billing::{BillingRead, ClerkPlanRules, ClerkResolution};
use crate::clerk::metadata::Record;
use crate::gate::caller::CallerPlanError;
use crate::gate::metrics::GateEvent;
use crate::gate::worker::GateWorker;
use crate::http::Outcome;
use crate::ids::Subject;
use crate::machine::InquiryId;
use crate::plan_table::RecordedPlan;
use crate::report::Report;
use crate::time::Micros;

/// A request to Clerk for a subject's plan.
#[derive(Debug)]
pub(in crate::gate) struct ConfirmRequest {
    /// The subject.
    pub(super) subject: Subject,
    /// The requested object.
    pub(super) source: ConfirmSource,
}

impl GateWorker {
    /// Returns whether the plan at Clerk can be read.
    pub(in crate::gate) fn can_confirm(&self) -> bool {
        self.gate.confirm.is_some()
    }

    /// Returns the sources of a subject's plan at Clerk, which are those of the claims that hold its plan.
    pub(super) fn confirm_sources(&self, subject: &Subject) -> &'static [ConfirmSource] {
        ConfirmSource::of_claims(self.gate.plan_claims.sources(subject))
    }

    /// Takes the outcome of a request for a subject's plan. If it failed, nothing is cached.
    pub(in crate::gate) fn plan_read(
        &mut self,
        now: Micros,
        inquiry: InquiryId,
        request: &ConfirmRequest,
        outcome: &Outcome<'_>,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        let granted = match request.source {
            ConfirmSource::Record => api::record(outcome, &request.subject, &self.gate.plan_key)
                .map(|record| self.grant_of_record(now, &request.subject, &record, &mut reports)),
            ConfirmSource::BillingSubscription => BillingRead::from_outcome(outcome)
                .map(|read| self.grant_of_billing(now, &request.subject, &read, &mut reports)),
        };
        let grant =
            granted.map_err(|error| reports.extend(self.confirm_failed(&request.subject, &error, now))).ok();
        if let Some((subject, confirmation)) = self.confirmed.reads.end(inquiry, grant, &self.plans, now) {
            self.confirmed.insert(subject, confirmation, now);
        }
        reports
    }

    /// Returns the reports about a failed read: a count, and an alarm at most once a minute.
    pub(in crate::gate) fn confirm_failed(
        &mut self,
        subject: &Subject,
        error: &ClerkApiError,
        now: Micros,
    ) -> Vec<Report> {
        let mut reports = vec![self.metrics.count_event(GateEvent::ConfirmFailed)];
        if self.confirm_failure_logged.is_due(now) {
            let why = error.to_string();
            let cause = format!(
                "the plan at Clerk could not be read before a refusal, so the token's plan counts: {why}"
            );
            let cure = "check the cluster of `confirm`, and Clerk's secret key";
            let alarm = Alarm::warning(AlarmCode::ConfirmFailed, cause, cure);
            reports.push(alarm.subject(Some(subject.as_str())).with("cause", why).into());
        }
        reports
    }

    fn grant_of_record(
        &mut self,
        now: Micros,
        subject: &Subject,
        record: &Record,
        reports: &mut Vec<Report>,
    ) -> SourceGrant {
        let plan = match self.plans.recorded(record.plan.as_deref()) {
            RecordedPlan::None => ConfirmedPlan::Plan(self.plans.default_rank()),
            RecordedPlan::Known(plan) => ConfirmedPlan::Plan(plan),
            RecordedPlan::Unknown(name) => {
                let error = CallerPlanError::Unknown(name.to_owned());
                reports.extend(error.reports(&self.metrics, &mut self.reported, Some(subject), now));
                ConfirmedPlan::Unknown { name_hash: plan_hash(name) }
            }
        };
        SourceGrant { plan, grace_until: record.subscription.grace_until }
    }

    /// Returns what Clerk Billing grants. If it does not say, or an item's plan is unknown, the token's plan
    /// counts unless the known one is higher.
    fn grant_of_billing(
        &mut self,
        now: Micros,
        subject: &Subject,
        read: &BillingRead,
        reports: &mut Vec<Report>,
    ) -> SourceGrant {
        let default = self.plans.default_rank();
        let (subscription, past_due) = match (read, &self.gate.confirm) {
            (BillingRead::Found(subscription), Some(confirm)) => (subscription, confirm.past_due),
            (BillingRead::Missing, _) => {
                return SourceGrant { plan: ConfirmedPlan::Plan(default), grace_until: None };
            }
            (BillingRead::Off | BillingRead::Found(_), _) => {
                let code = AlarmCode::ClerkBillingOff;
                if self.reported.due(code.as_str(), now).is_some() {
                    let cause = "Clerk refuses to show the billing subscription, because Billing is switched off, or the \
                                 key may not read it; the token's plan counts";
                    let cure = "switch Billing on at Clerk, let the key read it, or remove `clerk_billing` from \
                                `plan_gate.plan_claims`";
                    let alarm = Alarm::warning(code, cause, cure);
                    reports.push(alarm.subject(Some(subject.as_str())).into());
                }
                return SourceGrant { plan: ConfirmedPlan::AtLeast(default), grace_until: None };
            }
        };
        let resolution = ClerkPlanRules { plans: &self.plans, past_due }.resolve(now, subscription);
        self.report_alarms(now, subject, &resolution, reports);
        let plan = match resolution.is_unclear() {
            true => ConfirmedPlan::AtLeast(resolution.plan),
            false => ConfirmedPlan::Plan(resolution.plan),
        };
        SourceGrant { plan, grace_until: resolution.granting.and_then(|item| item.grace_until) }
    }

    /// Reports what an operator should fix, each cause at most once a minute.
    fn report_alarms(
        &mut self,
        now: Micros,
        subject: &Subject,
        resolution: &ClerkResolution,
        reports: &mut Vec<Report>,
    ) {
        for found in &resolution.alarms {
            if self.reported.due(&found.cause(), now).is_some() {
                let alarm = Alarm::warning(found.code(), found.to_string(), found.cure());
                reports.push(alarm.subject(Some(subject.as_str())).object(found.item()).into());
            }
        }
    }
}
