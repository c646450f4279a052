//! What a subscription sells, all its items taken together. Does not ask whether it is paid.

use super::alarm::PlanAlarm;
use super::catalog::{Catalog, Products, Sells};
use crate::ids::ProductId;
use crate::plan_table::Rank;
use crate::sorted::SortedSet;
use crate::stripe::invoice::{OpenInvoices, RenewedPrice};
use crate::stripe::object::{Expandable, Metadata};
use crate::stripe::subscription::{Price, Subscription, UnreadablePart};

/// What a subscription sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The highest plan among its items.
    pub(super) best: Option<Best>,
    /// It has items, and of each it is known which plan it is, or that it is none.
    pub(super) complete: bool,
    /// It has items, and each is knowingly no plan.
    pub(super) knowingly_none: bool,
    /// There may be more than what is known: Stripe showed only a part of the items, or a part cannot be
    /// read.
    pub(super) partly_read: bool,
    /// Some item that can be read maps to nothing; or there is none at all.
    pub(super) unmapped: bool,
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

/// What an unpaid renewal sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// Nobody knows, or not without more: these products.
    Unknown(SortedSet<ProductId>),
    /// This plan.
    Plan(Rank),
    /// Nothing that is a plan, as it is known.
    NoPlan,
}

impl Renewal {
    /// What the oldest open invoice of a subscription charges for a whole period.
    pub(super) fn of(
        subscription: &Subscription,
        owed: &OpenInvoices,
        catalog: &Catalog<'_>,
        products: &Products,
    ) -> Self {
        let mut plan = None;
        let mut depends_on = SortedSet::default();
        let mut known = !owed.renews.is_empty();
        for RenewedPrice { price: id, product } in &owed.renews {
            // A line has only ids; what else a price has is known of those that are still sold.
            let mut items = subscription.items.iter().map(|item| &item.price);
            let price = items.find(|price| price.id == *id).cloned().unwrap_or_else(|| Price {
                id: id.clone(),
                lookup_key: None,
                metadata: Metadata::default(),
                product: Some(Expandable::Id(product.clone())),
                unreadable: false,
            });
            match catalog.sells(&price, products) {
                Sells::Plan(rank) => plan = plan.max(Some(rank)),
                Sells::NotAPlan => {}
                Sells::Nothing(_) | Sells::ProductGone => known = false,
                Sells::DependsOn(product) => depends_on.extend([product]),
            }
        }
        match known && depends_on.is_empty() {
            true => plan.map_or(Renewal::NoPlan, Renewal::Plan),
            false => Renewal::Unknown(depends_on),
        }
    }
}

impl Offer {
    /// What the subscription sells according to the catalog. Items that map to nothing are add-ons where
    /// another one maps.
    pub(super) fn of(subscription: &Subscription, catalog: &Catalog<'_>, products: &Products) -> Self {
        let mut offer = Offer {
            best: None,
            complete: !subscription.items.is_empty(),
            knowingly_none: !subscription.items.is_empty(),
            partly_read: subscription.items_cut || subscription.unreadable.contains(&UnreadablePart::Item),
            unmapped: subscription.items.is_empty(),
            depends_on: SortedSet::default(),
            alarms: SortedSet::default(),
        };
        if subscription.items_cut {
            offer.alarms.insert(PlanAlarm::ItemsCut { subscription: subscription.id.clone() });
        }
        offer.unmapped &= !offer.partly_read;
        let mut unreadable = subscription.unreadable.clone();
        for item in &subscription.items {
            if item.price.unreadable && !catalog.knows_by_id(&item.price) {
                unreadable.insert(UnreadablePart::Item);
            }
            let sells = catalog.sells(&item.price, products);
            offer.complete &= matches!(sells, Sells::NotAPlan | Sells::Plan(_));
            offer.knowingly_none &= sells == Sells::NotAPlan;
            match sells {
                Sells::NotAPlan => (),
                Sells::Plan(rank) => {
                    let best = Best { rank, current_period_end_s: item.current_period_end_s };
                    offer.best = offer.best.max(Some(best));
                }
                Sells::Nothing(alarm) => {
                    offer.unmapped = true;
                    offer.alarms.extend(alarm);
                }
                Sells::DependsOn(product) => {
                    offer.unmapped = true;
                    offer.depends_on.insert(product);
                }
                Sells::ProductGone => {
                    offer.unmapped = true;
                    unreadable.insert(UnreadablePart::Product);
                }
            }
        }
        offer.partly_read |=
            unreadable.contains(&UnreadablePart::Item) || unreadable.contains(&UnreadablePart::Product);
        offer.complete &= !offer.partly_read;
        offer.knowingly_none &= !offer.partly_read;
        let alarm = |part| PlanAlarm::Unreadable { subscription: subscription.id.clone(), part };
        offer.alarms.extend(unreadable.into_iter().map(alarm));
        offer
    }
}
