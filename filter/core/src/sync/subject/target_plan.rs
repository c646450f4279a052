//! Computes the plan that a record should have from the plan that the subject's subscriptions grant and from
//! the present record.

use crate::clerk::metadata::{PlanOf, Record, SubscriptionNote};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::stripe::plan::{GrantedPlan, Resolution, Shown};
use crate::time::Micros;

/// The reliability and completeness of what was read at Stripe for a subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reliability {
    /// Whether something other than a payer's choice names the subject. Otherwise the result may raise the
    /// plan, but not remove a plan of another origin.
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
    shown: &Record,
    resolution: &Resolution,
    reliability: Reliability,
) -> Record {
    let rank = match resolution.plan {
        GrantedPlan::Known(rank) => rank,
        GrantedPlan::AsRecorded => return as_recorded(shown, resolution),
    };
    let recorded = plans.recorded(shown.plan.as_deref());
    let lowers = recorded.may_be_lowered_by(rank) && !reliability.complete;
    if lowers || (reliability.recorded_is_unclear && recorded.may_be_worth(rank)) {
        return shown.clone();
    }
    let granted = Record {
        plan: Some(plans.get(rank).name.clone()),
        subscription: resolution.shown.as_ref().map(note).unwrap_or_default(),
        granted_by: resolution.granting.clone(),
        plan_before: None,
        ..shown.clone()
    };
    match floor(shown, reliability.trusted) {
        None => granted,
        Some(floor) if raises(plans, floor, recorded, rank, shown) => {
            let counts = plans.recorded(floor).is_above_default();
            let plan = floor.unwrap_or(&plans.get(plans.default_rank()).name).to_owned();
            let before = resolution.granting.clone().map(|subscription| PlanOf { subscription, plan });
            Record { plan_before: before.filter(|_| counts), ..granted }
        }
        Some(_) if shown.granted_by.is_none() => Record { plan_before: None, ..shown.clone() },
        Some(floor) => Record {
            plan: floor.map(str::to_owned),
            subscription: SubscriptionNote::default(),
            granted_by: None,
            plan_before: None,
            ..shown.clone()
        },
    }
}

/// Returns the plan that this sync must not remove: a recorded plan without a subscription, or the plan that
/// was recorded before the granting subscription raised it. The inner `None` means that the record had no
/// plan. There is no such plan if the merchant's metadata names the subject.
fn floor(shown: &Record, trusted: bool) -> Option<Option<&str>> {
    if trusted {
        return None;
    }
    match &shown.granted_by {
        None => Some(shown.plan.as_deref()),
        Some(_) => shown.before().map(Some),
    }
}

/// Returns whether a plan of that rank is higher than the floor. If the floor is not in the configuration,
/// the only evidence is the record: a release that knew the floor raised it to the recorded plan, so that one
/// is higher.
fn raises(
    plans: &PlanTable,
    floor: Option<&str>,
    recorded: RecordedPlan<'_>,
    rank: Rank,
    shown: &Record,
) -> bool {
    match (plans.recorded(floor), recorded) {
        (RecordedPlan::Unknown(_), RecordedPlan::Known(raised)) => {
            shown.granted_by.is_some() && rank >= raised && rank > plans.default_rank()
        }
        (floor, _) => !floor.may_be_worth(rank),
    }
}

/// Returns the record with a plan that is not in the configuration unchanged. The members about its
/// subscription follow Stripe, because they say when the plan ends. They are not added if the record has
/// none.
fn as_recorded(shown: &Record, resolution: &Resolution) -> Record {
    let found = resolution.shown.as_ref().map(note).unwrap_or_default();
    let shows_nothing = shown.subscription == SubscriptionNote::default();
    let subscription = match shows_nothing && found.grace_until.is_none() {
        true => shown.subscription.clone(),
        false => found,
    };
    Record { subscription, ..shown.clone() }
}

fn note(shown: &Shown) -> SubscriptionNote {
    SubscriptionNote {
        status: Some(shown.status.as_str().to_owned()),
        current_period_end: shown.current_period_end_s.map(Micros::from_secs),
        cancel_at_period_end: Some(shown.cancel_at_period_end),
        grace_until: shown.grace_until_s.map(Micros::from_secs),
    }
}
