//! The billing filter's state in one worker thread: how it is created from the configuration, and what its
//! inquiries change.

use super::caller::BillingCaller;
use super::context::BillingShared;
use super::metrics;
use super::prices::PriceBook;
use super::views::ViewCache;
use crate::auth::keys::KeyError;
use crate::auth::{AuthState, KeyFetchResult};
use crate::config::{BillingSettings, Configuration};
use crate::held::HeldRequests;
use crate::http::Outcome;
use crate::inquiries::Inquiries;
use crate::log_limit::TextLogLimit;
use crate::machine::InquiryId;
use crate::report::{MetricDefinition, Metrics, Report};
use crate::sync::SyncState;
use crate::time::Micros;
use std::rc::Rc;

/// The maximum number of requests with a body that a worker thread holds at once.
const REQUESTS_MAX: usize = 1_024;

/// The maximum number of bytes of bodies and header fields that a worker thread holds at once.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// State that the billing requests of one worker thread share.
#[derive(Debug)]
pub struct BillingWorker {
    pub(super) shared: Rc<BillingShared>,
    pub(super) auth: AuthState<BillingCaller>,
    pub(super) sync: SyncState,
    pub(super) prices: PriceBook,
    pub(super) inquiries: Inquiries<BillingInquiryPurpose>,
    /// Limits the log lines about failed requests: one a minute for each subject and code.
    pub(super) failures_logged: TextLogLimit,
    /// The limits on requests whose bodies are held until they are complete.
    pub(super) held: HeldRequests,
}

/// The purpose of an inquiry: what the callout reads whose result all requests of the worker use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BillingInquiryPurpose {
    /// The keys that sign session tokens.
    Keys,
    /// A price.
    Price,
}

/// An error in the configuration that is detected only when the filter starts.
#[derive(Debug, thiserror::Error)]
pub enum BillingWorkerError {
    /// `plan_gate.keys.pem` has no usable key.
    #[error("plan_gate.keys.pem: {0}")]
    Key(#[from] KeyError),
}

impl BillingWorker {
    /// Creates a worker from a configuration.
    ///
    /// # Errors
    /// [`BillingWorkerError`] if the keys cannot be used.
    pub fn new(configuration: Configuration<BillingSettings>) -> Result<Self, BillingWorkerError> {
        let settings = configuration.section.clone();
        let (namespace, plans) = (configuration.namespace.clone(), configuration.plans.clone());
        let sync = SyncState::new(configuration.map_section(|section| section.sync));
        let tokens = &settings.tokens;
        let auth = AuthState::new(&tokens.keys, tokens.rules.clone(), tokens.cookie)?;
        let prices = PriceBook::new(&plans, &settings.purchases, settings.sync.stripe.clone());
        let views = ViewCache::default();
        Ok(BillingWorker {
            shared: Rc::new(BillingShared { settings, plans, namespace, views }),
            auth,
            sync,
            prices,
            inquiries: Inquiries::default(),
            failures_logged: TextLogLimit::default(),
            held: HeldRequests::at_most(REQUESTS_MAX, REQUEST_BYTES_MAX),
        })
    }

    /// Handles the outcome of an inquiry.
    pub(super) fn end_inquiry(
        &mut self,
        now: Micros,
        inquiry: InquiryId,
        outcome: &Outcome<'_>,
    ) -> Vec<Report> {
        match self.inquiries.end(inquiry) {
            Some(BillingInquiryPurpose::Keys) => match self.auth.handle_fetched_keys(outcome, now) {
                KeyFetchResult::Fetched => Vec::new(),
                KeyFetchResult::Failed(alarm) => alarm.into_iter().collect(),
            },
            Some(BillingInquiryPurpose::Price) => self.prices.handle_outcome(inquiry, outcome, now),
            None => Vec::new(),
        }
    }
}

impl Metrics for BillingWorker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        metrics::definitions()
    }
}
