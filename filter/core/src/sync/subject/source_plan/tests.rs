//! Tests of the record with the plans of several sources.

use super::*;
use crate::ids::SubscriptionId;
use crate::plan_table::Plan;
use proptest::prelude::*;

const PLANS: [&str; 4] = ["free", "basic", "pro", "enterprise"];

fn plans() -> PlanTable {
    let plan = |name: &str| Plan { name: name.to_owned(), ..Plan::default() };
    PlanTable::new(plan("free"), vec![plan("basic"), plan("pro"), plan("enterprise")])
}

fn subscription() -> Option<SubscriptionId> {
    Some(SubscriptionId::parse("sub_1").unwrap())
}

fn note(status: &str) -> SubscriptionNote {
    SubscriptionNote { status: Some(status.to_owned()), ..SubscriptionNote::default() }
}

/// Returns Stripe's target: a granted plan, or the default one.
fn stripe_target(plan: &str) -> Record {
    let granted_by = if plan == "free" { None } else { subscription() };
    let subscription = if plan == "free" { SubscriptionNote::default() } else { note("trialing") };
    Record { plan: Some(plan.to_owned()), subscription, granted_by, ..Record::default() }
}

fn clerk(plan: &str) -> SourcePlan {
    let subscription = if plan == "free" { SubscriptionNote::default() } else { note("active") };
    SourcePlan { source: PlanSource::ClerkBilling, plan: Some(plan.to_owned()), subscription, is_read: true }
}

/// Returns the record that a document that reads both sources writes.
fn both(current: &Record, stripe: &str, clerk_plan: &str) -> CombinedRecord {
    let read = clerk(clerk_plan);
    let sources = OtherSources { reads_stripe: true, clerk_billing: Some(&read), released: None };
    combine(&plans(), current, stripe_target(stripe), sources)
}

/// Returns the record that a document that reads only Stripe writes.
fn only_stripe(current: &Record, stripe: &str, released: Option<&PlanSource>) -> CombinedRecord {
    let sources = OtherSources { reads_stripe: true, clerk_billing: None, released };
    combine(&plans(), current, stripe_target(stripe), sources)
}

/// Returns the record that a document that reads only Clerk Billing writes.
fn only_clerk(current: &Record, clerk_plan: &str, released: Option<&PlanSource>) -> CombinedRecord {
    let read = clerk(clerk_plan);
    let is_released = released == Some(&PlanSource::Stripe);
    let stripe = target_without_stripe(current, clerk_plan != "free", is_released);
    let sources = OtherSources { reads_stripe: false, clerk_billing: Some(&read), released };
    combine(&plans(), current, stripe, sources)
}

/// Returns the plan, its source, the plan beside it, and the status that is current.
fn summary(record: &Record) -> (&str, &str, &str, &str) {
    let source = record.plan_source.as_ref().map_or("-", PlanSource::as_str);
    let beside = record.plan_beside.as_ref().map_or("-", |beside| beside.plan.as_str());
    let status = record.subscription.status.as_deref().unwrap_or("-");
    (record.plan.as_deref().unwrap_or("-"), source, beside, status)
}

#[test]
fn the_highest_plan_of_both_sources_counts() {
    let cases = [
        ("free", "free", ("free", "-", "-", "-")),
        ("pro", "free", ("pro", "stripe", "-", "trialing")),
        ("free", "pro", ("pro", "clerk_billing", "-", "active")),
        ("pro", "basic", ("pro", "stripe", "basic", "trialing")),
        ("basic", "pro", ("pro", "clerk_billing", "basic", "active")),
        ("pro", "pro", ("pro", "stripe", "pro", "trialing")),
    ];
    for (stripe, clerk, want) in cases {
        let combined = both(&Record::default(), stripe, clerk);
        assert_eq!((summary(&combined.record), combined.kept_source), (want, None), "{stripe} {clerk}");
    }
    let current = both(&Record::default(), "free", "pro").record;
    assert_eq!(
        summary(&both(&current, "pro", "pro").record).1,
        "clerk_billing",
        "of equal plans, the plan of the current source stays"
    );
}

#[test]
fn without_other_sources_the_record_is_stripes_target() {
    for plan in PLANS {
        let combined = only_stripe(&Record::default(), plan, None);
        assert_eq!((combined.record, combined.kept_source), (stripe_target(plan), None));
    }
}

#[test]
fn the_plan_of_a_source_that_is_not_read_is_never_lowered() {
    let mirrored = both(&Record::default(), "pro", "basic").record;
    let combined = only_stripe(&mirrored, "free", None);
    assert_eq!(summary(&combined.record), ("basic", "clerk_billing", "-", "-"));
    assert_eq!(combined.kept_source, Some(PlanSource::ClerkBilling));
    let again = only_stripe(&combined.record, "free", None);
    assert_eq!((again.record, again.kept_source), (combined.record, combined.kept_source));
    let mirrored = both(&Record::default(), "basic", "pro").record;
    let combined = only_clerk(&mirrored, "free", None);
    assert_eq!(summary(&combined.record), ("basic", "stripe", "-", "-"));
    assert_eq!(
        (combined.record.granted_by, combined.kept_source),
        (subscription(), Some(PlanSource::Stripe))
    );
    // A record that was written before there were sources.
    let combined = only_clerk(&stripe_target("pro"), "free", None);
    assert_eq!(
        (summary(&combined.record), combined.kept_source),
        (("pro", "stripe", "-", "trialing"), Some(PlanSource::Stripe))
    );
    let combined = only_clerk(&stripe_target("pro"), "enterprise", None);
    assert_eq!(
        (summary(&combined.record), combined.kept_source),
        (("enterprise", "clerk_billing", "pro", "active"), None)
    );
    assert_eq!(summary(&only_clerk(&combined.record, "free", None).record).0, "pro");
}

#[test]
fn only_a_paid_plan_replaces_a_plan_of_unknown_origin() {
    let by_hand = Record { plan: Some("pro".to_owned()), ..Record::default() };
    assert_eq!(summary(&only_clerk(&by_hand, "free", None).record), ("pro", "-", "-", "-"));
    assert_eq!(only_clerk(&by_hand, "free", None).kept_source, None);
    assert_eq!(
        summary(&only_clerk(&by_hand, "basic", None).record),
        ("basic", "clerk_billing", "-", "active")
    );
}

#[test]
fn without_any_plan_the_record_gets_the_default_plan() {
    let missing = SourcePlan { plan: None, ..clerk("free") };
    let sources = OtherSources { reads_stripe: false, clerk_billing: Some(&missing), released: None };
    let current = Record { plan_source: Some(PlanSource::ClerkBilling), ..stripe_target("pro") };
    let current = Record { granted_by: None, ..current };
    let combined = combine(&plans(), &current, target_without_stripe(&current, false, false), sources);
    assert_eq!(summary(&combined.record), ("free", "-", "-", "-"));
    let combined = combine(&plans(), &Record::default(), Record::default(), sources);
    assert_eq!(combined.record, Record::default(), "nothing is written for a subject without a plan");
}

#[test]
fn a_released_source_grants_nothing() {
    let (clerk_source, stripe_source) = (PlanSource::ClerkBilling, PlanSource::Stripe);
    let mirrored = both(&Record::default(), "basic", "pro").record;
    let released = only_stripe(&mirrored, "basic", Some(&clerk_source));
    assert_eq!(
        (summary(&released.record), released.kept_source),
        (("basic", "stripe", "-", "trialing"), None)
    );
    let released = only_stripe(&both(&Record::default(), "free", "pro").record, "free", Some(&clerk_source));
    assert_eq!(summary(&released.record), ("free", "-", "-", "-"));
    let released =
        only_clerk(&both(&Record::default(), "pro", "free").record, "free", Some(&stripe_source)).record;
    assert_eq!((summary(&released), &released.granted_by), (("free", "-", "-", "-"), &None));
    let other = PlanSource::Other("elsewhere".to_owned());
    let current =
        Record { plan: Some("pro".to_owned()), plan_source: Some(other.clone()), ..Record::default() };
    assert_eq!(only_stripe(&current, "free", Some(&clerk_source)).kept_source, Some(other.clone()));
    assert_eq!(summary(&only_stripe(&current, "free", Some(&other)).record).0, "free");
}

#[test]
fn a_plan_that_is_not_configured_is_kept() {
    let current = Record {
        plan: Some("platinum".to_owned()),
        plan_source: Some(PlanSource::ClerkBilling),
        ..Record::default()
    };
    let combined = only_stripe(&current, "enterprise", None);
    assert_eq!(summary(&combined.record).0, "platinum");
    assert_eq!(combined.kept_source, Some(PlanSource::ClerkBilling));
}

proptest! {
    /// Documents with any sources write the record in any order, while the plans at both sources change. Each
    /// document keeps the last known plan of a source that it does not read, so the record always has the
    /// highest known plan.
    #[test]
    fn documents_with_different_sources_agree(
        steps in proptest::collection::vec((0..3_u8, 0..4_usize, 0..4_usize), 1..12)
    ) {
        let mut current = Record::default();
        let (mut known_stripe, mut known_clerk) = ("free", "free");
        for (document, stripe, clerk) in steps {
            let (stripe, clerk) = (PLANS[stripe], PLANS[clerk]);
            let write = |current: &Record| match document {
                0 => both(current, stripe, clerk),
                1 => only_stripe(current, stripe, None),
                _ => only_clerk(current, clerk, None),
            };
            if document != 2 {
                known_stripe = stripe;
            }
            if document != 1 {
                known_clerk = clerk;
            }
            current = write(&current).record;
            let rank = |name: &str| plans().rank_of(name).unwrap();
            let want = std::cmp::max_by_key(known_stripe, known_clerk, |name| rank(name));
            prop_assert_eq!(current.plan.as_deref(), Some(want));
            prop_assert_eq!(&write(&current).record, &current, "a second sync writes nothing");
        }
    }
}
