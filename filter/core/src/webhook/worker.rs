//! What the webhook deliveries of one worker thread share.

use super::metrics;
use super::products::ProductCache;
use crate::config::{Configuration, NotPlans, Webhook};
use crate::plan_table::PlanTable;
use crate::report::{MetricDefinition, Metrics};
use crate::stripe::plan::{Catalogue, PlanRules};
use crate::time::Micros;

/// What the webhook deliveries of one worker thread share: configuration, and products read lately.
#[derive(Debug)]
pub struct Worker {
    pub(super) config: Webhook,
    pub(super) plans: PlanTable,
    not_plans: NotPlans,
    pub(super) namespace: String,
    pub(super) products: ProductCache,
    /// When a refused signature was last logged.
    pub(super) refusal_logged_at: Option<Micros>,
}

impl Worker {
    /// A worker of this configuration.
    pub fn new(configuration: Configuration<Webhook>) -> Self {
        let Configuration { namespace, plans, not_plans, section: config } = configuration;
        Worker {
            config,
            plans,
            not_plans,
            namespace,
            products: ProductCache::default(),
            refusal_logged_at: None,
        }
    }

    /// The rules by which subscriptions become a plan.
    pub(super) fn plan_rules(&self) -> PlanRules<'_> {
        let catalogue = Catalogue {
            plans: &self.plans,
            not_plan_prices: &self.not_plans.prices,
            not_plan_products: &self.not_plans.products,
        };
        PlanRules { catalogue, past_due: self.config.past_due }
    }
}

impl Metrics for Worker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        metrics::definitions()
    }
}
