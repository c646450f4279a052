//! The record with the plans of several sources.

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
fn of_stripe(plan: &str) -> Record {
    let granted_by = if plan == "free" { None } else { subscription() };
    let subscription = if plan == "free" { SubscriptionNote::default() } else { note("trialing") };
    Record { plan: Some(plan.to_owned()), subscription, granted_by, ..Record::default() }
}

fn clerk(plan: &str) -> SourcePlan {
    let subscription = if plan == "free" { SubscriptionNote::default() } else { note("active") };
    SourcePlan { source: PlanSource::ClerkBilling, plan: Some(plan.to_owned()), subscription, is_read: true }
}

/// Returns what a document that reads both sources writes.
fn both(shown: &Record, stripe: &str, clerk_plan: &str) -> CombinedRecord {
    let read = clerk(clerk_plan);
    let sources = OtherSources { reads_stripe: true, clerk_billing: Some(&read), released: None };
    combine(&plans(), shown, of_stripe(stripe), sources)
}

/// Returns what a document that reads only Stripe writes.
fn only_stripe(shown: &Record, stripe: &str, released: Option<&PlanSource>) -> CombinedRecord {
    let sources = OtherSources { reads_stripe: true, clerk_billing: None, released };
    combine(&plans(), shown, of_stripe(stripe), sources)
}

/// Returns what a document that reads only Clerk Billing writes.
fn only_clerk(shown: &Record, clerk_plan: &str, released: Option<&PlanSource>) -> CombinedRecord {
    let read = clerk(clerk_plan);
    let is_released = released == Some(&PlanSource::Stripe);
    let stripe = unread_stripe(shown, clerk_plan != "free", is_released);
    let sources = OtherSources { reads_stripe: false, clerk_billing: Some(&read), released };
    combine(&plans(), shown, stripe, sources)
}

/// Returns the plan, its source, the plan beside it, and the status that is shown.
fn shows(record: &Record) -> (&str, &str, &str, &str) {
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
        assert_eq!((shows(&combined.record), combined.kept_source), (want, None), "{stripe} {clerk}");
    }
    let present = both(&Record::default(), "free", "pro").record;
    assert_eq!(
        shows(&both(&present, "pro", "pro").record).1,
        "clerk_billing",
        "of equal ones the present stays"
    );
}

#[test]
fn without_sources_the_record_is_stripes_alone() {
    for plan in PLANS {
        let combined = only_stripe(&Record::default(), plan, None);
        assert_eq!((combined.record, combined.kept_source), (of_stripe(plan), None));
    }
}

#[test]
fn a_document_never_lowers_what_it_does_not_read() {
    let mirrored = both(&Record::default(), "pro", "basic").record;
    let combined = only_stripe(&mirrored, "free", None);
    assert_eq!(shows(&combined.record), ("basic", "clerk_billing", "-", "-"));
    assert_eq!(combined.kept_source, Some(PlanSource::ClerkBilling));
    let again = only_stripe(&combined.record, "free", None);
    assert_eq!((again.record, again.kept_source), (combined.record, combined.kept_source));
    let mirrored = both(&Record::default(), "basic", "pro").record;
    let combined = only_clerk(&mirrored, "free", None);
    assert_eq!(shows(&combined.record), ("basic", "stripe", "-", "-"));
    assert_eq!(
        (combined.record.granted_by, combined.kept_source),
        (subscription(), Some(PlanSource::Stripe))
    );
    // A record that was written before there were sources.
    let combined = only_clerk(&of_stripe("pro"), "free", None);
    assert_eq!(
        (shows(&combined.record), combined.kept_source),
        (("pro", "stripe", "-", "trialing"), Some(PlanSource::Stripe))
    );
    let combined = only_clerk(&of_stripe("pro"), "enterprise", None);
    assert_eq!(
        (shows(&combined.record), combined.kept_source),
        (("enterprise", "clerk_billing", "pro", "active"), None)
    );
    assert_eq!(shows(&only_clerk(&combined.record, "free", None).record).0, "pro");
}

#[test]
fn a_plan_of_unknown_origin_gives_way_to_a_paid_one_only() {
    let by_hand = Record { plan: Some("pro".to_owned()), ..Record::default() };
    assert_eq!(shows(&only_clerk(&by_hand, "free", None).record), ("pro", "-", "-", "-"));
    assert_eq!(only_clerk(&by_hand, "free", None).kept_source, None);
    assert_eq!(shows(&only_clerk(&by_hand, "basic", None).record), ("basic", "clerk_billing", "-", "active"));
}

#[test]
fn a_plan_is_not_deleted_where_no_source_has_one() {
    let missing = SourcePlan { plan: None, ..clerk("free") };
    let sources = OtherSources { reads_stripe: false, clerk_billing: Some(&missing), released: None };
    let shown = Record { plan_source: Some(PlanSource::ClerkBilling), ..of_stripe("pro") };
    let shown = Record { granted_by: None, ..shown };
    let combined = combine(&plans(), &shown, unread_stripe(&shown, false, false), sources);
    assert_eq!(shows(&combined.record), ("free", "-", "-", "-"));
    let combined = combine(&plans(), &Record::default(), Record::default(), sources);
    assert_eq!(combined.record, Record::default(), "nothing is written of a subject without a plan");
}

#[test]
fn a_released_source_grants_nothing() {
    let (of_clerk, of_stripe) = (PlanSource::ClerkBilling, PlanSource::Stripe);
    let mirrored = both(&Record::default(), "basic", "pro").record;
    let released = only_stripe(&mirrored, "basic", Some(&of_clerk));
    assert_eq!((shows(&released.record), released.kept_source), (("basic", "stripe", "-", "trialing"), None));
    let released = only_stripe(&both(&Record::default(), "free", "pro").record, "free", Some(&of_clerk));
    assert_eq!(shows(&released.record), ("free", "-", "-", "-"));
    let released =
        only_clerk(&both(&Record::default(), "pro", "free").record, "free", Some(&of_stripe)).record;
    assert_eq!((shows(&released), &released.granted_by), (("free", "-", "-", "-"), &None));
    let other = PlanSource::Other("elsewhere".to_owned());
    let shown =
        Record { plan: Some("pro".to_owned()), plan_source: Some(other.clone()), ..Record::default() };
    assert_eq!(only_stripe(&shown, "free", Some(&of_clerk)).kept_source, Some(other.clone()));
    assert_eq!(shows(&only_stripe(&shown, "free", Some(&other)).record).0, "free");
}

#[test]
fn a_plan_that_is_not_configured_is_kept() {
    let shown = Record {
        plan: Some("platinum".to_owned()),
        plan_source: Some(PlanSource::ClerkBilling),
        ..Record::default()
    };
    let combined = only_stripe(&shown, "enterprise", None);
    assert_eq!(shows(&combined.record).0, "platinum");
    assert_eq!(combined.kept_source, Some(PlanSource::ClerkBilling));
}

proptest! {
    /// A record is written by documents of any sources in any order, while both truths change. Each keeps
    /// what it does not read as it was read last, so the last of those that read both shows the highest.
    #[test]
    fn documents_with_different_sources_agree(
        steps in proptest::collection::vec((0..3_u8, 0..4_usize, 0..4_usize), 1..12)
    ) {
        let mut shown = Record::default();
        let (mut known_stripe, mut known_clerk) = ("free", "free");
        for (document, stripe, clerk) in steps {
            let (stripe, clerk) = (PLANS[stripe], PLANS[clerk]);
            let write = |shown: &Record| match document {
                0 => both(shown, stripe, clerk),
                1 => only_stripe(shown, stripe, None),
                _ => only_clerk(shown, clerk, None),
            };
            if document != 2 {
                known_stripe = stripe;
            }
            if document != 1 {
                known_clerk = clerk;
            }
            shown = write(&shown).record;
            let rank = |name: &str| plans().rank_of(name).unwrap();
            let want = std::cmp::max_by_key(known_stripe, known_clerk, |name| rank(name));
            prop_assert_eq!(shown.plan.as_deref(), Some(want));
            prop_assert_eq!(&write(&shown).record, &shown, "a second sync writes nothing");
        }
    }
}
