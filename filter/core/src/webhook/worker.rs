//! What the webhook deliveries of one worker thread share.

use super::cache::{ProductCache, SilentSessions};
use super::metrics;
use crate::config::{Configuration, NotPlans, Webhook};
use crate::held::HeldRequests;
use crate::plan_table::PlanTable;
use crate::report::{MetricDefinition, Metrics};
use crate::stripe::plan::{Catalogue, PlanRules};
use crate::time::Micros;
use std::time::Duration;

/// How often an operator is told of what strangers can cause as often as they like.
const SELDOM: Duration = Duration::from_secs(60);

/// How many deliveries a worker thread holds at once, until their bodies are complete and judged. A sync takes about a
/// second and at least four callouts, and Stripe's API takes 100 requests a second, so that no burst of true deliveries is
/// so large. Stripe retries a delivery that is refused for that reason.
pub(super) const DELIVERIES_MAX: usize = 512;

/// How many bytes of header fields and bodies a worker thread holds at once. Most events have less than 10 KB.
pub(super) const DELIVERY_BYTES_MAX: usize = 16 << 20;

/// What the webhook deliveries of one worker thread share: configuration, and products read lately.
#[derive(Debug)]
pub struct Worker {
    pub(super) config: Webhook,
    pub(super) plans: PlanTable,
    not_plans: NotPlans,
    pub(super) namespace: String,
    pub(super) products: ProductCache,
    pub(super) held: HeldRequests,
    pub(super) silent_sessions: SilentSessions,
    /// When a refused signature was last logged.
    pub(super) refusal_logged: Seldom,
    /// When it was last logged that too much is held.
    pub(super) overload_logged: Seldom,
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
            held: HeldRequests::at_most(DELIVERIES_MAX, DELIVERY_BYTES_MAX),
            refusal_logged: Seldom::default(),
            overload_logged: Seldom::default(),
            silent_sessions: SilentSessions::default(),
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

/// Something that is logged at most once a minute.
#[derive(Debug, Default)]
pub(super) struct Seldom(Option<Micros>);

impl Seldom {
    /// Whether it is to be logged now.
    pub(super) fn is_due(&mut self, now: Micros) -> bool {
        let due = self.0.is_none_or(|logged_at| now.since(logged_at) >= SELDOM);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

impl Metrics for Worker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        metrics::definitions()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_cause_is_logged_once_a_minute() {
        let mut seldom = Seldom::default();
        for (at_s, want) in [(100, true), (100, false), (159, false), (90, false), (160, true), (161, false)]
        {
            assert_eq!(seldom.is_due(Micros::from_secs(at_s)), want, "{at_s}");
        }
    }
}
