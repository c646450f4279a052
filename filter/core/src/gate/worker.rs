//! What the guarded requests of one worker thread share.

use super::caller::Caller;
use super::confirm;
use super::metrics::{GateEvent, GateMetrics};
use super::store::Store;
use super::store::ratelimit::WindowsInquiry;
use crate::auth::keys::KeyError;
use crate::auth::token::TokenRules;
use crate::auth::{AuthState, KeyFetchResult};
use crate::config::{Configuration, PlanGateSettings};
use crate::http::Outcome;
use crate::ids::Subject;
use crate::inquiries::Inquiries;
use crate::log_limit::TextLogLimit;
use crate::machine::InquiryId;
use crate::plan_table::PlanTable;
use crate::quota::Seed;
use crate::report::{MetricDefinition, Metrics, Report};
use crate::time::Micros;

/// What the guarded requests of one worker thread share: configuration, verified tokens, and where requests are counted.
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
    /// What was reported a moment ago.
    pub(super) reported: TextLogLimit,
}

/// Why the gate cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// `plan_gate.keys.pem` holds no usable key.
    #[error("plan_gate.keys.pem: {0}")]
    Key(#[from] KeyError),
}

impl GateWorker {
    /// A worker of this configuration. `seed` is drawn at random; only the first worker's is used.
    ///
    /// # Errors
    /// [`GateError`] if the keys cannot be used.
    pub fn new(
        configuration: Configuration<PlanGateSettings>,
        seed: [u8; Seed::BYTES],
    ) -> Result<Self, GateError> {
        let Configuration { namespace, plans, section: gate, .. } = configuration;
        let store = Store::new(&gate.store, &namespace, Seed::new(seed));
        let rules = TokenRules {
            issuer: gate.issuer.clone(),
            authorized_parties: gate.authorized_parties.clone(),
            require_azp: gate.require_azp,
            audience: gate.audience.clone(),
            clock_skew: gate.clock_skew,
        };
        let auth = AuthState::new(&gate.keys, rules, gate.cookie)?;
        let metrics = GateMetrics::new(gate.rules.iter().map(|rule| rule.name.clone()));
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
        })
    }
}

/// What an inquiry is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The keys.
    Keys,
    /// Clerk's own record of a subject.
    Record {
        /// Of whom.
        subject: Subject,
        /// Since when.
        asked_at: Micros,
    },
    /// How windows stand in envoyproxy/ratelimit.
    Windows(WindowsInquiry),
}

impl GateWorker {
    /// Takes the outcome of an inquiry.
    pub(super) fn settle(&mut self, now: Micros, inquiry: InquiryId, outcome: &Outcome<'_>) -> Vec<Report> {
        match self.inquiries.end(inquiry) {
            Some(Purpose::Keys) => match self.auth.fetch_ended(outcome, now) {
                KeyFetchResult::Fetched => vec![self.metrics.happened(GateEvent::KeysFetched)],
                KeyFetchResult::Failed(line) => vec![self.metrics.happened(GateEvent::KeysFailed), line],
            },
            Some(Purpose::Record { subject, asked_at }) => self.record_read(now, subject, asked_at, outcome),
            Some(Purpose::Windows(windows)) => windows.ended(now, outcome),
            None => Vec::new(),
        }
    }
}

impl Metrics for GateWorker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        self.metrics.definitions()
    }
}
