//! What Clerk's own record says of a subject's plan, taken into the memory of a worker thread.

use super::memory::Answer;
use crate::clerk::api;
use crate::clerk::metadata::Record;
use crate::config::ClaimSource;
use crate::gate::caller::PlanFault;
use crate::gate::metrics::Event;
use crate::gate::worker::Worker;
use crate::http::Outcome;
use crate::ids::Subject;
use crate::report::{Level, Report};
use crate::time::Micros;
use serde::Serialize;

impl Worker {
    /// Whether Clerk's record can say something of that subject's plan. It holds what the metadata say: where Clerk
    /// Billing may give a plan too, that nothing stands there is no reason to take one away.
    pub(in crate::gate) fn can_confirm(&self, subject: &Subject) -> bool {
        self.gate.confirm.is_some() && !self.gate.plan_claims.of(subject).contains(&ClaimSource::ClerkBilling)
    }

    /// Takes Clerk's answer to a question about a subject. If it is none, nothing is remembered.
    pub(in crate::gate) fn record_read(
        &mut self,
        now: Micros,
        subject: Subject,
        asked_at: Micros,
        outcome: &Outcome<'_>,
    ) -> Vec<Report> {
        #[derive(Serialize)]
        struct Line<'a> {
            alarm: &'static str,
            cause: &'a str,
        }
        self.confirmed.ended(&subject);
        match api::record(outcome, &subject, &self.gate.plan_key) {
            Ok(record) => self.learn(now, subject, asked_at, record),
            Err(error) => {
                let line = Line { alarm: "confirm_failed", cause: &error.to_string() };
                vec![self.metrics.happened(Event::ConfirmFailed), Report::json(Level::Warn, &line)]
            }
        }
    }

    fn learn(&mut self, now: Micros, subject: Subject, asked_at: Micros, record: Record) -> Vec<Report> {
        let rank = record.plan.as_ref().map(|name| self.plans.rank_of(name).ok_or(name));
        let (plan, reports) = match rank {
            Some(Ok(plan)) => (plan, Vec::new()),
            Some(Err(unknown)) => {
                let fault = PlanFault::Unknown(unknown.clone());
                (self.plans.default_rank(), fault.reports(&self.metrics, Some(&subject)))
            }
            None => (self.plans.default_rank(), Vec::new()),
        };
        let grace_until = record.subscription.grace_until;
        self.confirmed.learn(subject, Answer { asked_at, plan, grace_until }, now);
        reports
    }
}
