//! Combines the plans that the sources grant into one record: the highest counts.
//!
//! The target that Stripe's rules compute takes no other source into account. Here the other sources are
//! added: what Clerk Billing grants, and what a source that was not read grants according to the record,
//! which is never lowered.

use crate::clerk::metadata::{Record, SubscriptionNote};
use crate::clerk::plan_source::{PlanBeside, PlanSource};
use crate::plan_table::{PlanTable, Rank, RecordedPlan};
use crate::sorted::SortedMap;

/// What one source grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourcePlan {
    pub(super) source: PlanSource,
    /// The plan's name; `None` if the source has none for the subject.
    pub(super) plan: Option<String>,
    /// The members of the public metadata about it.
    pub(super) subscription: SubscriptionNote,
    /// Whether the source was read. Otherwise its plan is kept as it is recorded.
    pub(super) is_read: bool,
}

/// What the sources grant, apart from Stripe's target.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherSources<'a> {
    /// Whether Stripe was read.
    pub(super) reads_stripe: bool,
    /// What Clerk Billing grants; `None` if it was not read.
    pub(super) clerk_billing: Option<&'a SourcePlan>,
    /// The source that is given up: what it grants according to the record does not count.
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

/// How much a plan is worth. One that is not in the configuration may be worth more than any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Default,
    Above(Rank),
    Unknown,
}

impl Worth {
    fn from_plan(plans: &PlanTable, plan: Option<&str>) -> Self {
        match plans.recorded(plan) {
            RecordedPlan::None => Worth::Default,
            RecordedPlan::Known(rank) if rank == plans.default_rank() => Worth::Default,
            RecordedPlan::Known(rank) => Worth::Above(rank),
            RecordedPlan::Unknown(_) => Worth::Unknown,
        }
    }
}

impl SourcePlan {
    /// Returns what a source other than Stripe grants according to the record.
    pub(super) fn recorded(source: PlanSource, shown: &Record, is_read: bool) -> Self {
        let plan = shown.plan_of(&source).map(str::to_owned);
        let is_shown = shown.plan_source.as_ref() == Some(&source) && plan == shown.plan;
        let subscription = if is_shown { shown.subscription.clone() } else { SubscriptionNote::default() };
        SourcePlan { source, plan, subscription, is_read }
    }
}

/// Returns the target of Stripe's part of the record where the document does not read Stripe: what is
/// recorded, unless Stripe is released. A plan of unknown origin ends if Clerk Billing grants one, as
/// `is_replaced` says.
pub(super) fn unread_stripe(shown: &Record, is_replaced: bool, is_released: bool) -> Record {
    let recorded = shown.of_stripe();
    let is_known = recorded.granted_by.is_some() || shown.plan_source.is_some();
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

/// Returns the target with the plans of all sources. `of_stripe` is the target if Stripe were the only
/// source.
pub(super) fn combine(
    plans: &PlanTable,
    shown: &Record,
    of_stripe: Record,
    sources: OtherSources<'_>,
) -> CombinedRecord {
    let others = other_plans(shown, sources);
    if others.is_empty() && !shown.has_sources() {
        return CombinedRecord { record: of_stripe, kept_source: None };
    }
    let stripe = SourcePlan {
        source: PlanSource::Stripe,
        plan: of_stripe.plan.clone(),
        subscription: of_stripe.subscription.clone(),
        is_read: sources.reads_stripe,
    };
    let all: Vec<&SourcePlan> = std::iter::once(&stripe).chain(&others).collect();
    let worth = |of: &SourcePlan| Worth::from_plan(plans, of.plan.as_deref());
    let highest = all.iter().map(|of| worth(of)).max().unwrap_or(Worth::Default);
    let default = || plans.get(plans.default_rank()).name.clone();
    if highest == Worth::Default {
        // What was read last says why there is no plan.
        let note = all.iter().map(|of| &of.subscription).find(|note| **note != SubscriptionNote::default());
        let plan = all.iter().find_map(|of| of.plan.clone()).or_else(|| shown.plan.is_some().then(default));
        let subscription = note.cloned().unwrap_or_default();
        let record = Record { plan, subscription, plan_source: None, plan_beside: None, ..of_stripe };
        return CombinedRecord { record, kept_source: None };
    }
    // Of equal plans, the present source's stays, so that documents with different sources agree; then one
    // that was read; then Stripe's.
    let is_present = |of: &SourcePlan| shown.plan_source.as_ref() == Some(&of.source);
    let of_highest = all.iter().copied().filter(|of| worth(of) == highest);
    let Some(best) = of_highest.min_by_key(|of| (!is_present(of), !of.is_read)) else {
        return CombinedRecord { record: of_stripe, kept_source: None };
    };
    let is_stripe = best.source == PlanSource::Stripe;
    // A plan that no subscription grants is an operator's, unless the record names its source.
    let has_origin = !is_stripe || of_stripe.granted_by.is_some() || shown.plan_source.is_some();
    let must_show_stripe = !is_stripe && of_stripe.granted_by.is_some();
    let lower = all.iter().copied().filter(|of| of.source != best.source);
    // One that was not read comes first: it is only known from the record.
    let beside = lower.max_by_key(|of| (worth(of) > Worth::Default, !of.is_read, worth(of)));
    let beside = beside.filter(|of| worth(of) > Worth::Default || must_show_stripe).map(|of| PlanBeside {
        source: of.source.clone(),
        plan: of.plan.clone().unwrap_or_else(default),
        subscription: of_stripe.granted_by.clone(),
    });
    let is_kept = has_origin && !best.is_read && all.iter().all(|of| !of.is_read || worth(of) < highest);
    let record = Record {
        plan: best.plan.clone(),
        subscription: best.subscription.clone(),
        plan_source: has_origin.then(|| best.source.clone()),
        plan_beside: beside,
        ..of_stripe
    };
    CombinedRecord { record, kept_source: is_kept.then(|| best.source.clone()) }
}

/// Returns what the sources other than Stripe grant: as read, or as recorded if they were not read.
fn other_plans(shown: &Record, sources: OtherSources<'_>) -> Vec<SourcePlan> {
    let read = sources.clerk_billing.map(|read| &read.source);
    let is_unread = |source: &&PlanSource| Some(*source) != read && Some(*source) != sources.released;
    let unread = shown.other_sources().filter(is_unread);
    let unread = unread.map(|source| SourcePlan::recorded(source.clone(), shown, false));
    sources.clerk_billing.cloned().into_iter().chain(unread).collect()
}

#[cfg(test)]
mod tests;
