//! Combines the plans that the sources grant into one record: the highest plan counts.
//!
//! Stripe's target is computed as if Stripe were the only source. This file adds the other sources: the plan
//! that Clerk Billing grants, and the recorded plan of a source that was not read, which is never lowered.

use crate::clerk::metadata::{Record, SubscriptionNote};
use crate::clerk::plan_source::{PlanBeside, PlanSource};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sorted::SortedMap;

/// The plan that one source grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourcePlan {
    pub(super) source: PlanSource,
    /// The plan's name; `None` if the source has none for the subject.
    pub(super) plan: Option<String>,
    /// The members of the public metadata about the plan.
    pub(super) subscription: SubscriptionNote,
    /// Whether the source was read. Otherwise this is the recorded plan, which is kept.
    pub(super) is_read: bool,
}

/// The sources other than Stripe, and whether Stripe was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherSources<'a> {
    /// Whether Stripe was read.
    pub(super) reads_stripe: bool,
    /// The plan of Clerk Billing; `None` if it was not read.
    pub(super) clerk_billing: Option<&'a SourcePlan>,
    /// The source that the configuration releases: its recorded plan does not count.
    pub(super) released: Option<&'a PlanSource>,
}

/// The record with the plans of all sources.
#[derive(Debug)]
pub(super) struct CombinedRecord {
    /// The record that Clerk should have.
    pub(super) record: Record,
    /// The source of a plan that is kept only because the source was not read.
    pub(super) kept_source: Option<PlanSource>,
}

/// The value by which plans are compared. A plan that is not in the configuration counts as the highest,
/// because it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PlanValue {
    Default,
    Above(Rank),
    Unknown,
}

impl PlanValue {
    fn from_plan(plans: &PlanTable, plan: Option<&str>) -> Self {
        match plans.recorded(plan) {
            RecordedPlan::None => PlanValue::Default,
            RecordedPlan::Known(rank) if rank == plans.default_rank() => PlanValue::Default,
            RecordedPlan::Known(rank) => PlanValue::Above(rank),
            RecordedPlan::Unknown(_) => PlanValue::Unknown,
        }
    }
}

impl SourcePlan {
    /// Returns the recorded plan of a source other than Stripe.
    pub(super) fn recorded(source: PlanSource, current: &Record, is_read: bool) -> Self {
        let plan = current.plan_of(&source).map(str::to_owned);
        let is_shown = current.plan_source.as_ref() == Some(&source) && plan == current.plan;
        let subscription = if is_shown { current.subscription.clone() } else { SubscriptionNote::default() };
        SourcePlan { source, plan, subscription, is_read }
    }
}

/// Returns Stripe's target if the document does not read Stripe: Stripe's part of the record, without its
/// plan if Stripe is released. If another source grants a plan (`is_replaced`), a plan of unknown origin
/// ends.
pub(super) fn target_without_stripe(current: &Record, is_replaced: bool, is_released: bool) -> Record {
    let recorded = current.stripe_part();
    let is_known = recorded.granted_by.is_some() || current.plan_source.is_some();
    let without_plan = |record| Record { plan: None, subscription: SubscriptionNote::default(), ..record };
    match is_known {
        true if is_released => without_plan(Record {
            granted_by: None,
            paid_plan: None,
            paid_plans: SortedMap::default(),
            plan_before: None,
            ..recorded
        }),
        false if is_replaced => without_plan(recorded),
        _ => recorded,
    }
}

/// Returns the target with the plans of all sources.
pub(super) fn combine(
    plans: &PlanTable,
    current: &Record,
    stripe_target: Record,
    sources: OtherSources<'_>,
) -> CombinedRecord {
    let others = other_plans(current, sources);
    if others.is_empty() && !current.has_sources() {
        return CombinedRecord { record: stripe_target, kept_source: None };
    }
    let stripe = SourcePlan {
        source: PlanSource::Stripe,
        plan: stripe_target.plan.clone(),
        subscription: stripe_target.subscription.clone(),
        is_read: sources.reads_stripe,
    };
    let all: Vec<&SourcePlan> = std::iter::once(&stripe).chain(&others).collect();
    let value = |plan: &SourcePlan| PlanValue::from_plan(plans, plan.plan.as_deref());
    let highest = all.iter().map(|plan| value(plan)).max().unwrap_or(PlanValue::Default);
    let default = || plans.get(plans.default_rank()).name.clone();
    if highest == PlanValue::Default {
        // The first note of any source tells why there is no plan.
        let note =
            all.iter().map(|plan| &plan.subscription).find(|note| **note != SubscriptionNote::default());
        let plan =
            all.iter().find_map(|plan| plan.plan.clone()).or_else(|| current.plan.is_some().then(default));
        let subscription = note.cloned().unwrap_or_default();
        let record = Record { plan, subscription, plan_source: None, plan_beside: None, ..stripe_target };
        return CombinedRecord { record, kept_source: None };
    }
    // Of several sources with the highest plan, the one that the record names comes first, so that documents
    // with different sources agree; then one that was read; then Stripe.
    let is_current = |plan: &SourcePlan| current.plan_source.as_ref() == Some(&plan.source);
    let with_highest = all.iter().copied().filter(|plan| value(plan) == highest);
    let Some(best) = with_highest.min_by_key(|plan| (!is_current(plan), !plan.is_read)) else {
        return CombinedRecord { record: stripe_target, kept_source: None };
    };
    let is_stripe = best.source == PlanSource::Stripe;
    // A plan that no subscription grants was set by an operator, unless the record names its source.
    let has_origin = !is_stripe || stripe_target.granted_by.is_some() || current.plan_source.is_some();
    let must_show_stripe = !is_stripe && stripe_target.granted_by.is_some();
    let lower = all.iter().copied().filter(|plan| plan.source != best.source);
    // A source that was not read comes first, because only the record has its plan.
    let beside = lower.max_by_key(|plan| (value(plan) > PlanValue::Default, !plan.is_read, value(plan)));
    let beside =
        beside.filter(|plan| value(plan) > PlanValue::Default || must_show_stripe).map(|plan| PlanBeside {
            source: plan.source.clone(),
            plan: plan.plan.clone().unwrap_or_else(default),
            subscription: stripe_target.granted_by.clone(),
        });
    let is_kept =
        has_origin && !best.is_read && all.iter().all(|plan| !plan.is_read || value(plan) < highest);
    let record = Record {
        plan: best.plan.clone(),
        subscription: best.subscription.clone(),
        plan_source: has_origin.then(|| best.source.clone()),
        plan_beside: beside,
        ..stripe_target
    };
    CombinedRecord { record, kept_source: is_kept.then(|| best.source.clone()) }
}

/// Returns the plans of the sources other than Stripe: as read, or as recorded if the source was not read.
fn other_plans(current: &Record, sources: OtherSources<'_>) -> Vec<SourcePlan> {
    let read = sources.clerk_billing.map(|read| &read.source);
    let is_not_read = |source: &&PlanSource| Some(*source) != read && Some(*source) != sources.released;
    let not_read = current.other_sources().filter(is_not_read);
    let not_read = not_read.map(|source| SourcePlan::recorded(source.clone(), current, false));
    sources.clerk_billing.cloned().into_iter().chain(not_read).collect()
}

#[cfg(test)]
mod tests;
