//! Determines the plan that a subscription's items sell, whether or not it is paid.

use super::alarm::PlanAlarm;
use super::catalog::{Catalog, PriceMapping, Products};
use crate::ids::ProductId;
use crate::plan_table::Rank;
use crate::sorted::SortedSet;
use crate::stripe::invoice::{OpenInvoices, RenewedPrice};
use crate::stripe::object::{Expandable, Metadata};
use crate::stripe::price::{Price, PriceTerms};
use crate::stripe::subscription::{Subscription, UnreadablePart};

/// The plans that a subscription's items sell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The highest plan among its items.
    pub(super) best: Option<BestItem>,
    /// Whether there are items and each maps to a plan or is configured as not a plan.
    pub(super) all_mapped: bool,
    /// Whether there are items and each is configured as not a plan.
    pub(super) only_add_ons: bool,
    /// Whether there may be other items: some were not read, or a part cannot be parsed.
    pub(super) partly_read: bool,
    /// Whether a readable item maps to no plan, or there are no items.
    pub(super) unmapped: bool,
    /// The products whose metadata is needed.
    pub(super) depends_on: SortedSet<ProductId>,
    /// Alarms about prices and items.
    pub(super) alarms: SortedSet<PlanAlarm>,
}

/// The best item, ordered by plan and then by the end of its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BestItem {
    /// The item's plan.
    pub(super) rank: Rank,
    /// The end of the item's paid period, in seconds since the Unix epoch.
    pub(super) current_period_end_s: Option<u64>,
}

/// The plan that an unpaid renewal charges for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// Unknown, possibly until these products are read.
    Unknown(SortedSet<ProductId>),
    /// A configured plan.
    Plan(Rank),
    /// No plan, as far as known.
    NoPlan,
}

impl Renewal {
    /// Determines the plan that the oldest open invoice of a subscription charges for a whole period.
    pub(super) fn new(
        subscription: &Subscription,
        open_invoices: &OpenInvoices,
        catalog: &Catalog<'_>,
        products: &Products,
    ) -> Self {
        let mut plan = None;
        let mut depends_on = SortedSet::default();
        let mut known = !open_invoices.renews.is_empty();
        for RenewedPrice { price: id, product } in &open_invoices.renews {
            // A line contains only ids. The other members of a price are known only for current items.
            let mut items = subscription.items.iter().map(|item| &item.price);
            let price = items.find(|price| price.id == *id).cloned().unwrap_or_else(|| Price {
                id: id.clone(),
                lookup_key: None,
                metadata: Metadata::default(),
                product: Some(Expandable::Id(product.clone())),
                unreadable: false,
                terms: PriceTerms::default(),
            });
            match catalog.map_price(&price, products) {
                PriceMapping::Plan(rank) => plan = plan.max(Some(rank)),
                PriceMapping::NotAPlan => {}
                PriceMapping::Unmapped(_) | PriceMapping::ProductGone => known = false,
                PriceMapping::DependsOn(product) => depends_on.extend([product]),
            }
        }
        match known && depends_on.is_empty() {
            true => plan.map_or(Renewal::NoPlan, Renewal::Plan),
            false => Renewal::Unknown(depends_on),
        }
    }
}

impl Offer {
    /// Determines what the subscription sells according to the catalog. If an item maps to a plan, unmapped
    /// items are add-ons.
    pub(super) fn new(subscription: &Subscription, catalog: &Catalog<'_>, products: &Products) -> Self {
        let mut offer = Offer {
            best: None,
            all_mapped: !subscription.items.is_empty(),
            only_add_ons: !subscription.items.is_empty(),
            partly_read: subscription.items_truncated
                || subscription.unreadable.contains(&UnreadablePart::Item),
            unmapped: subscription.items.is_empty(),
            depends_on: SortedSet::default(),
            alarms: SortedSet::default(),
        };
        if subscription.items_truncated {
            offer.alarms.insert(PlanAlarm::ItemsCut { subscription: subscription.id.clone() });
        }
        offer.unmapped &= !offer.partly_read;
        let mut unreadable = subscription.unreadable.clone();
        for item in &subscription.items {
            if item.price.unreadable && !catalog.maps_by_id(&item.price) {
                unreadable.insert(UnreadablePart::Item);
            }
            let mapping = catalog.map_price(&item.price, products);
            offer.all_mapped &= matches!(mapping, PriceMapping::NotAPlan | PriceMapping::Plan(_));
            offer.only_add_ons &= mapping == PriceMapping::NotAPlan;
            match mapping {
                PriceMapping::NotAPlan => (),
                PriceMapping::Plan(rank) => {
                    let best = BestItem { rank, current_period_end_s: item.current_period_end_s };
                    offer.best = offer.best.max(Some(best));
                }
                PriceMapping::Unmapped(alarm) => {
                    offer.unmapped = true;
                    offer.alarms.extend(alarm);
                }
                PriceMapping::DependsOn(product) => {
                    offer.unmapped = true;
                    offer.depends_on.insert(product);
                }
                PriceMapping::ProductGone => {
                    offer.unmapped = true;
                    unreadable.insert(UnreadablePart::Product);
                }
            }
        }
        offer.partly_read |=
            unreadable.contains(&UnreadablePart::Item) || unreadable.contains(&UnreadablePart::Product);
        offer.all_mapped &= !offer.partly_read;
        offer.only_add_ons &= !offer.partly_read;
        let alarm = |part| PlanAlarm::Unreadable { subscription: subscription.id.clone(), part };
        offer.alarms.extend(unreadable.into_iter().map(alarm));
        offer
    }
}
