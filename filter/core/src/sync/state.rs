//! What the syncs of one worker thread share.

use super::cache::{ProductCache, SilentSessions};
use crate::config::{Configuration, NotPlans, SyncSettings};
use crate::plan_table::PlanTable;
use crate::stripe::plan::{Catalogue, PlanRules};

/// What the syncs of one worker thread share: settings, plans, and what was read lately. Whatever starts
/// syncs owns one: a filter's worker, or the command.
#[derive(Debug)]
pub struct SyncState {
    pub(crate) settings: SyncSettings,
    pub(crate) plans: PlanTable,
    not_plans: NotPlans,
    /// Keeps the audit's records in shared data apart from others'.
    pub(crate) namespace: String,
    pub(crate) products: ProductCache,
    pub(crate) silent_sessions: SilentSessions,
}

impl SyncState {
    /// Creates the state of this configuration, with empty caches.
    pub fn new(configuration: Configuration<SyncSettings>) -> Self {
        let Configuration { namespace, plans, not_plans, section: settings } = configuration;
        SyncState {
            settings,
            plans,
            not_plans,
            namespace,
            products: ProductCache::default(),
            silent_sessions: SilentSessions::default(),
        }
    }

    /// Returns the rules by which subscriptions become a plan.
    pub(crate) fn plan_rules(&self) -> PlanRules<'_> {
        let catalogue = Catalogue {
            plans: &self.plans,
            not_plan_prices: &self.not_plans.prices,
            not_plan_products: &self.not_plans.products,
        };
        PlanRules { catalogue, past_due: self.settings.past_due }
    }
}
