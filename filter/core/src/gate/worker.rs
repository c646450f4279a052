//! The state that the guarded requests of one worker thread share.

use super::caller::Caller;
use super::confirm;
use super::metrics::{GateEvent, GateMetrics};
use super::missing_plan_claim::{self, MissingPlanClaim};
use super::store::Store;
use super::store::ratelimit::WindowsInquiry;
use crate::alarm::{Alarm, AlarmCode};
use crate::auth::keys::KeyError;
use crate::auth::{AuthState, KeyFetchResult};
use crate::config::{Configuration, PlanGateSettings};
use crate::http::Outcome;
use crate::ids::Subject;
use crate::inquiries::Inquiries;
use crate::log_limit::{LogLimit, SecondLogLimit, TextLogLimit};
use crate::machine::InquiryId;
use crate::plan_table::PlanTable;
use crate::quota::Seed;
use crate::report::{MetricDefinition, Metrics, Report};
use crate::time::Micros;

/// The state that the guarded requests of one worker thread share: configuration, verified tokens, and the
/// store.
#[derive(Debug)]
pub struct GateWorker {
    pub(super) gate: PlanGateSettings,
    pub(super) plans: PlanTable,
    pub(super) namespace: String,
    pub(super) auth: AuthState<Caller>,
    pub(super) store: Store,
    pub(super) confirmed: confirm::Confirmations,
    pub(super) inquiries: Inquiries<Purpose>,
    pub(super) metrics: GateMetrics,
    /// The texts that were logged within the last minute.
    pub(super) reported: TextLogLimit,
    /// Limits the log lines about plans that could not be read at Clerk.
    pub(super) confirm_failure_logged: LogLimit,
    /// The lines about refusals that shadow mode did not carry out.
    pub(super) shadowed: SecondLogLimit,
    pub(super) missing_plan_claim: MissingPlanClaim,
}

/// An error of the gate's configuration.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// `plan_gate.keys.pem` holds no usable key.
    #[error("plan_gate.keys.pem: {0}")]
    Key(#[from] KeyError),
}

impl GateWorker {
    /// Creates a worker from a configuration. `seed` is random; the process uses only the first worker's
    /// seed.
    ///
    /// # Errors
    /// [`GateError`] if the keys cannot be used.
    pub fn new(
        configuration: Configuration<PlanGateSettings>,
        seed: [u8; Seed::BYTES],
    ) -> Result<Self, GateError> {
        let Configuration { namespace, plans, section: gate, .. } = configuration;
        let store = Store::new(&gate.store, &namespace, Seed::new(seed));
        let tokens = &gate.tokens;
        let auth = AuthState::new(&tokens.keys, tokens.rules.clone(), tokens.cookie)?;
        let metrics = GateMetrics::new(gate.rules.iter().map(|rule| rule.name.clone()), gate.shadow);
        Ok(GateWorker {
            gate,
            plans,
            namespace,
            auth,
            store,
            confirmed: confirm::Confirmations::default(),
            inquiries: Inquiries::default(),
            metrics,
            reported: TextLogLimit::default(),
            confirm_failure_logged: LogLimit::default(),
            shadowed: SecondLogLimit::default(),
            missing_plan_claim: MissingPlanClaim::default(),
        })
    }
}

/// The purpose of an inquiry: what the callout reads whose result all requests of the worker use.
#[derive(Debug)]
pub(super) enum Purpose {
    /// To fetch the keys.
    Keys,
    /// To read a subject's plan from Clerk.
    Plan(confirm::ConfirmRequest),
    /// To read windows in envoyproxy/ratelimit.
    Windows(WindowsInquiry),
}

impl GateWorker {
    /// Handles the outcome of an inquiry.
    pub(super) fn end_inquiry(
        &mut self,
        now: Micros,
        inquiry: InquiryId,
        outcome: &Outcome<'_>,
    ) -> Vec<Report> {
        match self.inquiries.end(inquiry) {
            Some(Purpose::Keys) => match self.auth.handle_fetched_keys(outcome, now) {
                KeyFetchResult::Fetched => vec![self.metrics.count_event(GateEvent::KeysFetched)],
                KeyFetchResult::Failed(alarm) => {
                    let failed = self.metrics.count_event(GateEvent::KeysFailed);
                    std::iter::once(failed).chain(alarm).collect()
                }
            },
            Some(Purpose::Plan(request)) => self.plan_read(now, inquiry, &request, outcome),
            Some(Purpose::Windows(windows)) => windows.handle_outcome(now, outcome),
            None => Vec::new(),
        }
    }
}

impl GateWorker {
    /// Records whether a verified token has a location for the plan. Returns the reports if no token had one
    /// for a while. With only one plan, none is needed.
    pub(super) fn record_plan_claim(
        &mut self,
        is_provided: bool,
        subject: &Subject,
        now: Micros,
    ) -> Vec<Report> {
        let has_several_plans = self.plans.iter().nth(1).is_some();
        if !has_several_plans || !self.missing_plan_claim.record(is_provided, now) {
            return Vec::new();
        }
        let alarm = missing_plan_claim::alarm(&self.gate, subject);
        vec![self.metrics.count_event(GateEvent::PlanClaimMissing), alarm]
    }

    /// Returns the alarm about a route that names a rule which is not configured, once a minute for each name.
    pub(super) fn unknown_rule(&mut self, name: Option<&[u8]>, now: Micros) -> Option<Report> {
        let name = name.unwrap_or_default().escape_ascii();
        let rule = self.reported.due(&format!("the rule \"{name}\""), now)?;
        let cause = format!("a route names {rule}, which is not in the document, so its requests get 500");
        let cure = "correct `rule` in the route's metadata `tollgate`, or add the rule to `plan_gate.rules`";
        Some(Alarm::error(AlarmCode::UnknownRule, cause, cure).into())
    }

    /// Returns the alarm about a request that another filter should have answered, once a minute for each filter.
    pub(super) fn filter_missing(&mut self, filter: &'static str, now: Micros) -> Option<Report> {
        let request = self.reported.due(&format!("a request for a path of `{filter}`"), now)?;
        let cause = format!(
            "the gate got {request}, so that filter is missing, or listed after the gate; such requests get 404"
        );
        let cure =
            format!("list the filter `{filter}` before `plan_gate`, or remove its section from the document");
        Some(Alarm::error(AlarmCode::FilterMissing, cause, cure).into())
    }
}

impl Metrics for GateWorker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        self.metrics.definitions()
    }
}
