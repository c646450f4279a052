//! What a subscription sells, all its items taken together. Does not ask whether it is paid.

use super::alarm::PlanAlarm;
use super::catalogue::{Catalogue, Products, Sells};
use crate::ids::ProductId;
use crate::plan_table::Rank;
use crate::sorted::SortedSet;
use crate::stripe::subscription::Subscription;

/// What a subscription sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The highest plan among its items.
    pub(super) best: Option<Best>,
    /// It has items, and of each it is known which plan it is, or that it is none.
    pub(super) complete: bool,
    /// It has items, and each is knowingly no plan.
    pub(super) knowingly_none: bool,
    /// The products whose metadata is needed to say more.
    pub(super) depends_on: SortedSet<ProductId>,
    /// Names that are wrong.
    pub(super) alarms: SortedSet<PlanAlarm>,
}

/// The item that counts. Ordered: a higher plan is more, then a later end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Best {
    /// Its plan.
    pub(super) rank: Rank,
    /// Until when it is paid.
    pub(super) current_period_end_s: Option<u64>,
}

impl Offer {
    /// What the subscription sells according to the catalogue. Items that map to nothing are add-ons where another
    /// one maps.
    pub(super) fn of(subscription: &Subscription, catalogue: &Catalogue<'_>, products: &Products) -> Self {
        let shows_items = !subscription.items.is_empty() && !subscription.items_cut;
        let mut offer = Offer {
            best: None,
            complete: shows_items,
            knowingly_none: shows_items,
            depends_on: SortedSet::default(),
            alarms: SortedSet::default(),
        };
        if subscription.items_cut {
            offer.alarms.insert(PlanAlarm::ItemsCut { subscription: subscription.id.clone() });
        }
        for item in &subscription.items {
            let sells = catalogue.sells(&item.price, products);
            offer.complete &= matches!(sells, Sells::NotAPlan | Sells::Plan(_));
            offer.knowingly_none &= sells == Sells::NotAPlan;
            match sells {
                Sells::NotAPlan => (),
                Sells::Plan(rank) => {
                    let best = Best { rank, current_period_end_s: item.current_period_end_s };
                    offer.best = offer.best.max(Some(best));
                }
                Sells::Nothing(alarm) => offer.alarms.extend(alarm),
                Sells::DependsOn(product) => offer.depends_on.extend([product]),
            }
        }
        offer
    }
}
