//! State that the syncs of one worker thread share.

use super::cache::{ProductCache, SessionsWithoutSubject};
use crate::clerk::billing::ClerkPlanRules;
use crate::config::{Configuration, NotPlans, SyncSettings};
use crate::log_limit::TextLogLimit;
use crate::plan_table::PlanTable;
use crate::stripe::plan::{Catalog, PlanRules};

/// State that the syncs of one worker thread share: settings, plans, and caches. It is owned by a filter's
/// worker or by the command.
#[derive(Debug)]
pub struct SyncState {
    pub(crate) settings: SyncSettings,
    pub(crate) plans: PlanTable,
    not_plans: NotPlans,
    /// The namespace of keys in shared data, which separates this configuration's records from those of
    /// others.
    pub(crate) namespace: String,
    pub(crate) products: ProductCache,
    pub(crate) sessions_without_subject: SessionsWithoutSubject,
    /// The causes of alarms about billing subscriptions that were logged in the last minute.
    pub(crate) clerk_alarms: TextLogLimit,
}

impl SyncState {
    /// Creates the state from the configuration, with empty caches.
    pub fn new(configuration: Configuration<SyncSettings>) -> Self {
        let Configuration { namespace, plans, not_plans, section: settings } = configuration;
        SyncState {
            settings,
            plans,
            not_plans,
            namespace,
            products: ProductCache::default(),
            sessions_without_subject: SessionsWithoutSubject::default(),
            clerk_alarms: TextLogLimit::default(),
        }
    }

    /// Returns the rules that map subscriptions to a plan.
    pub(crate) fn plan_rules(&self) -> PlanRules<'_> {
        let catalog = Catalog {
            plans: &self.plans,
            not_plan_prices: &self.not_plans.prices,
            not_plan_products: &self.not_plans.products,
        };
        PlanRules { catalog, past_due: self.settings.past_due }
    }

    /// Returns the rules that map billing subscriptions at Clerk to a plan; `None` if they grant none.
    pub(crate) fn clerk_plan_rules(&self) -> Option<ClerkPlanRules<'_>> {
        let past_due = self.settings.clerk_billing?;
        Some(ClerkPlanRules { plans: &self.plans, past_due })
    }
}
