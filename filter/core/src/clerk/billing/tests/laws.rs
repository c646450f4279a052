//! Laws that hold for any items, in any order.

use super::*;
use crate::clerk::billing::ClerkItemStatus;
use crate::plan_table::RecordedPlan;
use proptest::prelude::*;
use std::collections::BTreeSet;

const STATUSES: [&str; 9] =
    ["active", "canceled", "expired", "ended", "past_due", "upcoming", "incomplete", "abandoned", "resting"];
const SLUGS: [&str; 6] = ["free_user", "basic", "pro_user", "pro_org", "enterprise", "gold"];

prop_compose! {
    fn any_item()(
        id in 0..4_u8,
        status in proptest::sample::select(&STATUSES[..]),
        slug in proptest::sample::select(&SLUGS[..]),
        is_default in proptest::bool::weighted(0.1),
        has_plan in proptest::bool::weighted(0.9),
        end_days in proptest::option::of(-40_i64..40),
        late_days in proptest::option::of(0_u64..30),
    ) -> Value {
        let end = end_days.map(|days| NOW_S.saturating_add_signed(days * 86_400) * 1_000);
        let late = late_days.map(|days| (NOW_S - days * DAY_S) * 1_000);
        let plan = has_plan.then(|| json!({"slug": slug, "is_default": is_default}));
        let id = id.to_string();
        item(&id, slug, json!({"status": status, "period_end": end, "past_due_at": late, "plan": plan}))
    }
}

proptest! {
    #[test]
    fn the_order_of_the_items_does_not_matter(items in proptest::collection::vec(any_item(), 0..6)) {
        let mut reversed = items.clone();
        reversed.reverse();
        let (one, other) = (granted(&items), granted(&reversed));
        let alarms = |of: &ClerkResolution| of.alarms.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        prop_assert_eq!((one.plan, alarms(&one)), (other.plan, alarms(&other)));
        let granting = |of: &ClerkResolution| of.granting.clone().map(|item| (item.id, item.status, item.period_end));
        prop_assert_eq!(granting(&one), granting(&other));
    }

    #[test]
    fn another_item_never_lowers_the_plan(
        items in proptest::collection::vec(any_item(), 0..5),
        more in any_item(),
    ) {
        let fewer = granted(&items);
        let all = granted(&[items, vec![more]].concat());
        prop_assert!(all.plan >= fewer.plan);
    }

    #[test]
    fn only_granting_statuses_grant(items in proptest::collection::vec(any_item(), 0..6)) {
        let resolution = granted(&items);
        match resolution.granting {
            None => prop_assert_eq!(resolution.plan, plans().default_rank()),
            Some(item) => {
                prop_assert!(resolution.plan > plans().default_rank());
                let may_grant = [ClerkItemStatus::Active, ClerkItemStatus::Canceled, ClerkItemStatus::PastDue];
                prop_assert!(may_grant.contains(&item.status));
            }
        }
    }

    #[test]
    fn a_plan_is_kept_only_if_it_would_be_lowered(items in proptest::collection::vec(any_item(), 0..6)) {
        let (resolution, plans) = (granted(&items), plans());
        for (rank, _) in plans.iter() {
            let kept = resolution.may_still_grant(RecordedPlan::Known(rank));
            prop_assert!(!kept || rank > resolution.plan);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(read) = ClerkSubscription::parse(&bytes) {
            prop_assert!(read.items.len() <= 500);
        }
    }
}
