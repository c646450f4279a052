//! The plan that a subscription sells, regardless of its status, and the item that sells it.

use super::catalog::{Catalog, PriceMapping, Products};
use crate::plan_table::Rank;
use crate::stripe::subscription::{Item, Subscription};

/// The plan that a subscription sells, if it sells one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SoldPlan {
    /// A plan, by the item with this index.
    Plan {
        /// The plan.
        rank: Rank,
        /// The index among the subscription's items.
        item: usize,
    },
    /// Only prices that the configuration lists in `not_plans`.
    AddOns,
    /// Only prices that the configuration does not have.
    Unmapped,
}

impl SoldPlan {
    /// Returns the highest plan that the subscription's items sell.
    pub(crate) fn new(subscription: &Subscription, catalog: &Catalog<'_>, products: &Products) -> Self {
        let map = |item: &Item| catalog.map_price(&item.price, products);
        let plans = subscription.items.iter().enumerate().filter_map(|(index, item)| match map(item) {
            PriceMapping::Plan(rank) => Some((rank, index)),
            _ => None,
        });
        // Of several items with the same plan, the first is changed.
        let best = plans.fold(None, |best: Option<(Rank, usize)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        });
        let only_add_ons = || subscription.items.iter().all(|item| map(item) == PriceMapping::NotAPlan);
        match best {
            Some((rank, item)) => SoldPlan::Plan { rank, item },
            None if !subscription.items.is_empty() && !subscription.items_truncated && only_add_ons() => {
                SoldPlan::AddOns
            }
            None => SoldPlan::Unmapped,
        }
    }

    /// Returns the plan.
    pub(crate) fn rank(self) -> Option<Rank> {
        match self {
            SoldPlan::Plan { rank, .. } => Some(rank),
            SoldPlan::AddOns | SoldPlan::Unmapped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::plan::tests::fixture::{World, subscription};

    #[test]
    fn the_item_with_the_highest_plan_counts() {
        let world = World::new(Vec::new());
        let sold = |prices: &[&str]| {
            SoldPlan::new(&subscription("sub_1", "active", prices), &world.catalog(), &world.products)
        };
        let name = |sold: SoldPlan| sold.rank().map(|rank| world.plans.get(rank).name.clone());
        let item = |sold| match sold {
            SoldPlan::Plan { item, .. } => Some(item),
            _ => None,
        };
        let both = sold(&["price_pro", "price_ent"]);
        assert_eq!((name(both), item(both)), (name(sold(&["price_ent"])), Some(1)));
        assert_eq!(item(sold(&["price_pro", "price_pro"])), Some(0));
        assert_eq!(sold(&["price_unknown"]), SoldPlan::Unmapped);
        assert_eq!(sold(&[]), SoldPlan::Unmapped);
    }
}
