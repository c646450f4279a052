//! What each subscription granted when it was last paid: read from a record, and noted in it.
//!
//! The granting subscription's stands in `paid_plan`, that of the subject's other late subscriptions in
//! `paid_plans`: one that is past due may come to grant after another one has ended, and its price may have
//! been changed since. Costs no request, and a write only where such a subscription is new.

use crate::clerk::metadata::{PlanOf, Record};
use crate::ids::SubscriptionId;
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sorted::SortedMap;

/// How many subscriptions are noted beside the granting one.
const PAID_PLANS_MAX: usize = 20;

/// Returns what is on record, as far as this document has the plans.
///
/// Of the granting subscription the plan itself says it where the record shows it as paid, and where nothing
/// else was noted: a release that does not know the note may have written that plan.
pub(crate) fn on_record(plans: &PlanTable, shown: &Record) -> SortedMap<SubscriptionId, Rank> {
    let known = |name: Option<&str>| match plans.recorded(name) {
        RecordedPlan::Known(rank) => Some(rank),
        RecordedPlan::None | RecordedPlan::Unknown(_) => None,
    };
    let mut paid = SortedMap::default();
    for (id, plan) in shown.paid_plans.iter() {
        if let Some(rank) = known(Some(plan)) {
            paid.insert(id.clone(), rank);
        }
    }
    if let Some(id) = &shown.granted_by {
        let noted = known(shown.paid(id)).filter(|_| !is_paid(shown));
        paid.remove(id);
        if let Some(rank) = noted.or_else(|| known(shown.plan.as_deref())) {
            paid.insert(id.clone(), rank);
        }
    }
    paid
}

/// Returns whether the record shows the granting subscription as paid.
pub(crate) fn is_paid(shown: &Record) -> bool {
    matches!(shown.subscription.status.as_deref(), Some("active" | "trialing"))
}

/// Returns the target of a record, with what is to be noted. `late` are the subject's late subscriptions, the
/// surest first; of those that were not read, which `is_unread` tells, nothing is known to have ended.
pub(crate) fn noted<'a>(
    plans: &PlanTable,
    shown: &'a Record,
    target: Record,
    paid: &SortedMap<SubscriptionId, Rank>,
    late: impl Iterator<Item = &'a SubscriptionId>,
    is_unread: impl Fn(&SubscriptionId) -> bool,
) -> Record {
    // A name that this document does not have stays as it is.
    let name = |id: &SubscriptionId| match paid.get(id) {
        Some(rank) => Some(plans.get(*rank).name.clone()),
        None => shown.paid(id).map(str::to_owned),
    };
    let mut paid_plans = SortedMap::default();
    let unread = shown.paid_plans.keys().filter(|id| is_unread(id));
    for id in late.chain(unread).filter(|id| target.granted_by.as_ref() != Some(*id)) {
        if let Some(plan) = name(id).filter(|_| paid_plans.len() < PAID_PLANS_MAX) {
            paid_plans.insert(id.clone(), plan);
        }
    }
    let granting = target.granted_by.clone();
    let paid_plan =
        granting.and_then(|subscription| Some(PlanOf { plan: name(&subscription)?, subscription }));
    Record { paid_plan, paid_plans, ..target }
}
