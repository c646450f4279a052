//! Reads and writes the plans that subscriptions granted when they were last paid.
//!
//! The record stores the granting subscription's plan in `paid_plan`, and those of the subject's other
//! past-due subscriptions in `paid_plans`. A past-due subscription may become the granting one after another
//! has ended, and its price may have changed since it was paid. This costs no request, and a write only for a
//! new subscription.

use crate::clerk::metadata::{PlanOf, Record};
use crate::ids::SubscriptionId;
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sorted::SortedMap;

/// The maximum number of subscriptions in `paid_plans`.
const PAID_PLANS_MAX: usize = 20;

/// Returns the last paid plans in the record, as far as the configuration has them.
///
/// For the granting subscription, the record's plan itself counts if the record shows it as paid, or if there
/// is no `paid_plan`, because a release without that member may have written the record.
pub(crate) fn on_record(plans: &PlanTable, current: &Record) -> SortedMap<SubscriptionId, Rank> {
    let known = |name: Option<&str>| match plans.recorded(name) {
        RecordedPlan::Known(rank) => Some(rank),
        RecordedPlan::None | RecordedPlan::Unknown(_) => None,
    };
    let mut paid = SortedMap::default();
    for (id, plan) in current.paid_plans.iter() {
        if let Some(rank) = known(Some(plan)) {
            paid.insert(id.clone(), rank);
        }
    }
    if let Some(id) = &current.granted_by {
        let noted = known(current.paid(id)).filter(|_| !is_paid(current));
        paid.remove(id);
        if let Some(rank) = noted.or_else(|| known(current.plan.as_deref())) {
            paid.insert(id.clone(), rank);
        }
    }
    paid
}

/// Returns whether the record shows the granting subscription as paid.
pub(crate) fn is_paid(current: &Record) -> bool {
    matches!(current.subscription.status.as_deref(), Some("active" | "trialing"))
}

/// Returns the target record with its last paid plans. `past_due` are the subject's past-due subscriptions,
/// those with the strongest claim first. Entries of subscriptions that were not read, according to
/// `is_not_read`, are kept.
pub(crate) fn with_paid_plans<'a>(
    plans: &PlanTable,
    current: &'a Record,
    target: Record,
    paid: &SortedMap<SubscriptionId, Rank>,
    past_due: impl Iterator<Item = &'a SubscriptionId>,
    is_not_read: impl Fn(&SubscriptionId) -> bool,
) -> Record {
    // The name of a plan that is not in the configuration is kept.
    let name = |id: &SubscriptionId| match paid.get(id) {
        Some(rank) => Some(plans.get(*rank).name.clone()),
        None => current.paid(id).map(str::to_owned),
    };
    let mut paid_plans = SortedMap::default();
    let not_read = current.paid_plans.keys().filter(|id| is_not_read(id));
    for id in past_due.chain(not_read).filter(|id| target.granted_by.as_ref() != Some(*id)) {
        if let Some(plan) = name(id).filter(|_| paid_plans.len() < PAID_PLANS_MAX) {
            paid_plans.insert(id.clone(), plan);
        }
    }
    let granting = target.granted_by.clone();
    let paid_plan =
        granting.and_then(|subscription| Some(PlanOf { plan: name(&subscription)?, subscription }));
    Record { paid_plan, paid_plans, ..target }
}
