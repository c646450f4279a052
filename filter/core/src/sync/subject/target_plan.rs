//! Computes the plan that a record should have from the plan that the subject's subscriptions grant and from
//! the record that Clerk has now.

use crate::clerk::metadata::{PlanOf, Record, SubscriptionNote};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::stripe::plan::{GrantedPlan, Resolution, SubscriptionDetails};
use crate::time::Micros;

/// The reliability and completeness of what was read at Stripe for a subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reliability {
    /// Whether something other than a `client_reference_id` names the subject. Otherwise the result may raise
    /// the plan, but not remove a plan of another origin.
    pub(crate) trusted: bool,
    /// Whether all customers in the record were read. Otherwise no plan is lowered.
    pub(crate) complete: bool,
    /// Whether it is unknown if the subscription that granted the recorded plan still grants it.
    pub(crate) recorded_is_unclear: bool,
}

/// Returns the record with the target plan and the members about the subscription that grants it. All other
/// members are unchanged.
pub(crate) fn target_plan(
    plans: &PlanTable,
    current: &Record,
    resolution: &Resolution,
    reliability: Reliability,
) -> Record {
    let rank = match resolution.plan {
        GrantedPlan::Known(rank) => rank,
        GrantedPlan::AsRecorded => return as_recorded(current, resolution),
    };
    let recorded = plans.recorded(current.plan.as_deref());
    let lowers = recorded.may_be_lowered_by(rank) && !reliability.complete;
    if lowers || (reliability.recorded_is_unclear && recorded.may_be_at_least(rank)) {
        return current.clone();
    }
    let granted = Record {
        plan: Some(plans.get(rank).name.clone()),
        subscription: resolution.details.as_ref().map(note).unwrap_or_default(),
        granted_by: resolution.granting.clone(),
        plan_before: None,
        ..current.clone()
    };
    match floor(current, reliability.trusted) {
        None => granted,
        Some(floor) if raises(plans, floor, recorded, rank, current) => {
            let counts = plans.recorded(floor).is_above_default();
            let plan = floor.unwrap_or(&plans.get(plans.default_rank()).name).to_owned();
            let before = resolution.granting.clone().map(|subscription| PlanOf { subscription, plan });
            Record { plan_before: before.filter(|_| counts), ..granted }
        }
        Some(_) if current.granted_by.is_none() => Record { plan_before: None, ..current.clone() },
        Some(floor) => Record {
            plan: floor.map(str::to_owned),
            subscription: SubscriptionNote::default(),
            granted_by: None,
            plan_before: None,
            ..current.clone()
        },
    }
}

/// Returns the plan that this sync must not remove: a recorded plan without a subscription, or the plan that
/// was recorded before the granting subscription raised it. The inner `None` means that the record had no
/// plan. There is no such plan if the merchant's metadata names the subject.
fn floor(current: &Record, trusted: bool) -> Option<Option<&str>> {
    if trusted {
        return None;
    }
    match &current.granted_by {
        None => Some(current.plan.as_deref()),
        Some(_) => current.before().map(Some),
    }
}

/// Returns whether a plan of that rank is higher than the floor. If the floor is not in the configuration,
/// only the record can tell: a release that knew the floor raised it to the recorded plan, so the recorded
/// plan is higher.
fn raises(
    plans: &PlanTable,
    floor: Option<&str>,
    recorded: RecordedPlan<'_>,
    rank: Rank,
    current: &Record,
) -> bool {
    match (plans.recorded(floor), recorded) {
        (RecordedPlan::Unknown(_), RecordedPlan::Known(raised)) => {
            current.granted_by.is_some() && rank >= raised && rank > plans.default_rank()
        }
        (floor, _) => !floor.may_be_at_least(rank),
    }
}

/// Returns the record with its plan, which is not in the configuration, unchanged. The members about the
/// plan's subscription are updated from Stripe, because they tell when the plan ends. They are not added if
/// the record has none.
fn as_recorded(current: &Record, resolution: &Resolution) -> Record {
    let found = resolution.details.as_ref().map(note).unwrap_or_default();
    let has_no_note = current.subscription == SubscriptionNote::default();
    let subscription = match has_no_note && found.grace_until.is_none() {
        true => current.subscription.clone(),
        false => found,
    };
    Record { subscription, ..current.clone() }
}

fn note(details: &SubscriptionDetails) -> SubscriptionNote {
    SubscriptionNote {
        status: Some(details.status.as_str().to_owned()),
        current_period_end: details.current_period_end_s.map(Micros::from_secs),
        cancel_at_period_end: Some(details.cancel_at_period_end),
        grace_until: details.grace_until_s.map(Micros::from_secs),
    }
}
