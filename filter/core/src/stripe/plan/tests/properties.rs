//! Properties of plan resolution that hold for any subscriptions.
#![allow(clippy::arithmetic_side_effects)]

use super::fixture::{DAY_S, GRACE, NOW_S, World, invoice, subscription};
use crate::stripe::invoice::PLAN_CHANGE;
use crate::stripe::plan::*;
use proptest::prelude::*;
use proptest::sample::select;

const STATUSES: [&str; 9] = [
    "active",
    "trialing",
    "past_due",
    "unpaid",
    "paused",
    "incomplete",
    "incomplete_expired",
    "canceled",
    "on_hold",
];
const PRICES: [&str; 5] = ["price_free", "price_pro", "price_ent", "price_storage", "price_new"];

fn a_subscription() -> impl Strategy<Value = Subscription> {
    let prices = proptest::collection::vec(select(&PRICES[..]), 0..4);
    let latest =
        proptest::option::of((select(vec!["open", "paid"]), select(vec![PLAN_CHANGE, "subscription_cycle"])));
    (0..6u8, select(&STATUSES[..]), prices, 0..4u64, latest, any::<bool>()).prop_map(
        |(id, status, prices, end, latest, cancel)| {
            let mut subscription = subscription(&format!("sub_{id}"), status, &prices);
            for item in &mut subscription.items {
                item.current_period_end_s = Some(NOW_S + end);
            }
            subscription.latest_invoice =
                latest.map(|(status, reason)| invoice(status, reason, NOW_S - DAY_S));
            subscription.cancel_at_period_end = cancel;
            subscription
        },
    )
}

fn a_world() -> impl Strategy<Value = World> {
    let subscriptions = proptest::collection::vec(a_subscription(), 0..6);
    let setting = select(vec![PastDue::Keep, PastDue::Revoke, GRACE]);
    let recorded = (select(vec!["free", "pro", "enterprise", "platinum"]), 0..7u8);
    let owing = proptest::collection::vec((0..6u8, 0..30u64, any::<bool>()), 0..4);
    (subscriptions, setting, recorded, owing).prop_map(
        |(mut subscriptions, setting, (plan, granting), owing)| {
            subscriptions.sort_by(|a, b| a.id.cmp(&b.id));
            subscriptions.dedup_by(|a, b| a.id == b.id);
            let world =
                World::new(subscriptions).past_due(setting).recorded(plan, &format!("sub_{granting}"));
            let world = match granting {
                0..=2 => world.paid("sub_0", "pro").paid("sub_2", "free"),
                _ => world,
            };
            let world = world.product("prod_other", &[]);
            owing.into_iter().fold(world, |world, (id, days, change)| {
                world.owing(&format!("sub_{id}"), NOW_S - days * DAY_S, change)
            })
        },
    )
}

/// Returns the state that the next delivery finds: the recorded plan and the subscription that granted it.
fn recorded_after(world: &World) -> World {
    let resolution = world.resolve();
    let mut next = world.clone();
    if let GrantedPlan::Known(rank) = resolution.plan {
        let plan = ["free", "pro", "enterprise"].into_iter().find(|plan| world.rank(plan) == rank);
        next.recorded = plan.unwrap();
    }
    next.paid = resolution.paid;
    if let (Some(id), GrantedPlan::Known(rank)) = (&resolution.granting, resolution.plan)
        && !next.paid.contains_key(id)
    {
        next.paid.insert(id.clone(), rank);
    }
    next.granting = resolution.granting;
    next.granting_is_paid =
        resolution.details.is_some_and(|details| details.status != SubscriptionStatus::PastDue);
    next
}

proptest! {
    #[test]
    fn the_order_of_subscriptions_and_items_does_not_matter(
        (world, shuffled) in a_world().prop_flat_map(|world| {
            let shuffled = Just(world.subscriptions.clone()).prop_shuffle();
            (Just(world), shuffled)
        }),
    ) {
        let mut other = world.clone();
        other.subscriptions = shuffled;
        for subscription in &mut other.subscriptions {
            subscription.items.reverse();
        }
        prop_assert_eq!(world.resolve(), other.resolve());
    }

    #[test]
    fn listing_a_subscription_twice_changes_nothing(world in a_world()) {
        let mut other = world.clone();
        other.subscriptions.extend(world.subscriptions.clone());
        prop_assert_eq!(world.resolve(), other.resolve());
    }

    #[test]
    fn another_subscription_never_lowers_the_plan(world in a_world(), another in a_subscription()) {
        let mut more = world.clone();
        more.subscriptions.push(another);
        prop_assert!(more.resolve().plan >= world.resolve().plan);
    }

    #[test]
    fn a_plan_above_the_default_has_a_granting_subscription_of_the_list(world in a_world()) {
        let resolution = world.resolve();
        match &resolution.granting {
            Some(id) => prop_assert!(world.subscriptions.iter().any(|s| s.id == *id)),
            None => prop_assert_eq!(resolution.plan, GrantedPlan::Known(world.rank("free"))),
        }
    }

    #[test]
    fn no_plan_is_higher_than_those_sold_or_recorded(world in a_world()) {
        let sold = world.subscriptions.iter().flat_map(|s| &s.items).map(|item| match item.price.id.as_str() {
            "price_ent" => world.rank("enterprise"),
            "price_pro" => world.rank("pro"),
            _ => world.rank("free"),
        });
        let most = sold.max().unwrap_or(world.rank("free"));
        match (world.resolve().plan, world.plans.recorded(Some(world.recorded))) {
            (GrantedPlan::Known(rank), RecordedPlan::Known(recorded)) => prop_assert!(rank <= most.max(recorded)),
            (GrantedPlan::Known(rank), _) => prop_assert!(rank <= most),
            (GrantedPlan::AsRecorded, recorded) => prop_assert_eq!(recorded, RecordedPlan::Unknown("platinum")),
        }
    }

    #[test]
    fn without_a_paid_or_late_subscription_nothing_is_raised(mut world in a_world()) {
        world.subscriptions.retain(|s| !matches!(s.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing | SubscriptionStatus::PastDue));
        match (world.resolve().plan, world.plans.recorded(Some(world.recorded))) {
            (GrantedPlan::Known(rank), RecordedPlan::Known(recorded)) => prop_assert!(rank <= recorded),
            (GrantedPlan::Known(_), _) => {}
            (GrantedPlan::AsRecorded, recorded) => prop_assert_eq!(recorded, RecordedPlan::Unknown("platinum")),
        }
    }

    #[test]
    fn time_alone_never_raises_a_plan(world in a_world(), days in 0..40u64) {
        let at = |now_s| world.evaluate(|rules, evidence, recorded| {
            rules.resolve(Micros::from_secs(now_s), evidence, recorded).plan
        });
        prop_assert!(at(NOW_S + days * DAY_S) <= at(NOW_S));
    }

    #[test]
    fn a_late_payment_never_gives_more_than_was_paid_or_is_on_record(world in a_world()) {
        let resolution = world.resolve();
        let granting = world.subscriptions.iter().find(|s| Some(&s.id) == resolution.granting.as_ref());
        if let (Some(granting), GrantedPlan::Known(rank)) = (granting, resolution.plan)
            && granting.status == SubscriptionStatus::PastDue
            && let Some(paid) = world.paid.get(&granting.id)
        {
            // What is on record of it stays where a part of it cannot be read, or is not known.
            let of_record = (world.granting.as_ref() == Some(&granting.id)).then(|| world.plans.rank_of(world.recorded));
            prop_assert!(Some(rank) <= Some(*paid).max(of_record.flatten()));
        }
    }

    #[test]
    fn an_unknown_plan_is_kept_only_by_the_subscription_that_granted_it(world in a_world()) {
        let resolution = world.resolve();
        if resolution.plan == GrantedPlan::AsRecorded {
            prop_assert_eq!(resolution.granting, world.granting);
        }
    }

    #[test]
    fn what_was_written_is_what_the_next_delivery_computes(world in a_world()) {
        let after = recorded_after(&world);
        let (first, second) = (world.resolve(), after.resolve());
        prop_assert_eq!((first.plan, &first.granting, &first.details), (second.plan, &second.granting, &second.details));
    }

    #[test]
    fn the_strictest_setting_never_gives_more_than_a_milder_one(world in a_world()) {
        let plan = |setting| world.clone().past_due(setting).resolve().plan;
        prop_assert!(plan(PastDue::Revoke) <= plan(GRACE));
        prop_assert!(plan(GRACE) <= plan(PastDue::Keep));
    }

    #[test]
    fn an_unreadable_part_neither_removes_nor_grants_a_plan(
        world in a_world(), index in 0..6usize, listed in 0..4usize, is_truncated in any::<bool>(),
    ) {
        let mut hidden = world.clone();
        let recorded = match world.plans.recorded(Some(world.recorded)) {
            RecordedPlan::Known(rank) => GrantedPlan::Known(rank),
            RecordedPlan::None | RecordedPlan::Unknown(_) => GrantedPlan::AsRecorded,
        };
        let Some(subscription) = hidden.subscriptions.get_mut(index) else { return Ok(()) };
        subscription.items.truncate(listed);
        subscription.set_items(subscription.items.clone(), !is_truncated, !is_truncated);
        let grants = matches!(subscription.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing);
        let granted_recorded = world.granting.as_ref() == Some(&subscription.id);
        let plan = hidden.resolve().plan;
        prop_assert!(plan <= world.resolve().plan.max(recorded));
        prop_assert!(!grants || !granted_recorded || plan >= recorded);
    }

    #[test]
    fn nothing_is_needed_once_all_of_it_was_read(world in a_world()) {
        let mut read = world.clone();
        let needs = world.evaluate(|rules, evidence, recorded| rules.needs(evidence, recorded));
        for id in needs.open_invoices {
            read.open_invoices.insert(id, Default::default());
        }
        let left = read.evaluate(|rules, evidence, recorded| rules.needs(evidence, recorded));
        prop_assert!(left.is_empty(), "{left:?}");
    }
}
