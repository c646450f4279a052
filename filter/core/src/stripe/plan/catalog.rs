//! Maps prices to plans. Names are exact and case-sensitive; a near match raises an alarm and does not count.

use super::alarm::{PlanAlarm, PlanNameSource};
use crate::ids::ProductId;
use crate::plan_table::{Plan, PlanTable, Rank, differs_only_in_case_or_spaces};
use crate::sorted::SortedMap;
use crate::stripe::object::{Expandable, Metadata};
use crate::stripe::price::Price;
use std::collections::BTreeSet;

/// The metadata key by which a price or a product names its plan.
pub(crate) const PLAN_KEY: &str = "plan";

/// The metadata of the products that were read, by id; `None` for one that Stripe no longer has.
pub(crate) type Products = SortedMap<ProductId, Option<Metadata>>;

/// The mapping of prices and products to plans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Catalog<'a> {
    /// The plans, each with the prices, lookup keys, and products that sell it.
    pub(crate) plans: &'a PlanTable,
    /// Ids of prices that are configured as not a plan.
    pub(crate) not_plan_prices: &'a BTreeSet<String>,
    /// Ids of products that are configured as not a plan.
    pub(crate) not_plan_products: &'a BTreeSet<String>,
}

/// The plan that a price maps to, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PriceMapping {
    /// A plan.
    Plan(Rank),
    /// No plan, by configuration: an add-on.
    NotAPlan,
    /// No known plan, possibly for the reason in the alarm.
    Unmapped(Option<PlanAlarm>),
    /// Depends on the metadata of a product that was not read yet.
    DependsOn(ProductId),
    /// Unknown, because Stripe no longer has the product.
    ProductGone,
}

impl Catalog<'_> {
    /// Returns the plan that a price maps to. The most specific rule comes first, and configuration comes
    /// before metadata. Price metadata with an unknown plan ends the search, because the product's plan was
    /// not intended.
    pub(crate) fn map_price(&self, price: &Price, products: &Products) -> PriceMapping {
        let product = price.product_id();
        if let Some(rank) = self.highest(&|plan| plan.prices.contains(&price.id)) {
            return PriceMapping::Plan(rank);
        }
        if self.not_plan_prices.contains(&price.id) {
            return PriceMapping::NotAPlan;
        }
        let key = price.lookup_key.as_deref();
        if let Some(rank) = key.and_then(|key| self.highest(&|plan| plan.lookup_keys.contains(key))) {
            return PriceMapping::Plan(rank);
        }
        let is_in = |products: &BTreeSet<String>| product.is_some_and(|product| products.contains(product));
        if let Some(rank) = self.highest(&|plan| is_in(&plan.products)) {
            return PriceMapping::Plan(rank);
        }
        if is_in(self.not_plan_products) {
            return PriceMapping::NotAPlan;
        }
        if let Some(name) = price.metadata.get(PLAN_KEY) {
            return self.named(name, PlanNameSource::PriceMetadata(price.id.clone()));
        }
        let metadata = match product_metadata(price, products) {
            ProductMetadata::NotRead(id) => return PriceMapping::DependsOn(id),
            ProductMetadata::Gone => return PriceMapping::ProductGone,
            ProductMetadata::Read(metadata) => Some(metadata),
            ProductMetadata::NoId => None,
        };
        match metadata.and_then(|metadata| metadata.get(PLAN_KEY)) {
            Some(name) => {
                self.named(name, PlanNameSource::ProductMetadata(product.unwrap_or_default().to_owned()))
            }
            None => PriceMapping::Unmapped(key.and_then(|key| self.misspelled_lookup_key(key, price))),
        }
    }

    /// Returns every plan to which a rule maps the price, also those that a more specific rule overrides.
    pub(crate) fn all_plans(&self, price: &Price, products: &Products) -> BTreeSet<Rank> {
        let (key, product) = (price.lookup_key.as_ref(), price.product_id());
        let product_name = match product_metadata(price, products) {
            ProductMetadata::Read(metadata) => metadata.get(PLAN_KEY),
            ProductMetadata::NotRead(_) | ProductMetadata::Gone | ProductMetadata::NoId => None,
        };
        let is_mapped = |plan: &Plan| {
            plan.prices.contains(&price.id)
                || key.is_some_and(|key| plan.lookup_keys.contains(key))
                || product.is_some_and(|product| plan.products.contains(product))
                || [price.metadata.get(PLAN_KEY), product_name].contains(&Some(plan.name.as_str()))
        };
        self.plans.iter().filter(|(_, plan)| is_mapped(plan)).map(|(rank, _)| rank).collect()
    }

    /// Returns whether the price is configured by its id, so that its other members do not matter.
    pub(super) fn maps_by_id(&self, price: &Price) -> bool {
        self.not_plan_prices.contains(&price.id)
            || self.plans.iter().any(|(_, plan)| plan.prices.contains(&price.id))
    }

    fn named(&self, value: &str, location: PlanNameSource) -> PriceMapping {
        if let Some(rank) = self.plans.rank_of(value) {
            return PriceMapping::Plan(rank);
        }
        let configured = self.plans.nearly(value).map(str::to_owned);
        let value = value.to_owned();
        PriceMapping::Unmapped(Some(match configured {
            Some(configured) => PlanAlarm::Misspelled { location, value, configured },
            None => PlanAlarm::UnknownPlan { location, value },
        }))
    }

    fn misspelled_lookup_key(&self, key: &str, price: &Price) -> Option<PlanAlarm> {
        let mut keys = self.plans.iter().flat_map(|(_, plan)| &plan.lookup_keys);
        let configured = keys.find(|known| differs_only_in_case_or_spaces(key, known))?.clone();
        let location = PlanNameSource::LookupKey(price.id.clone());
        Some(PlanAlarm::Misspelled { location, value: key.to_owned(), configured })
    }

    fn highest(&self, sells: &dyn Fn(&Plan) -> bool) -> Option<Rank> {
        self.plans.iter().filter(|(_, plan)| sells(plan)).map(|(rank, _)| rank).max()
    }
}

/// The metadata of a price's product.
enum ProductMetadata<'a> {
    Read(&'a Metadata),
    /// The product was not read yet.
    NotRead(ProductId),
    /// Stripe no longer has the product.
    Gone,
    /// The price has no valid product id.
    NoId,
}

fn product_metadata<'a>(price: &'a Price, products: &'a Products) -> ProductMetadata<'a> {
    match &price.product {
        Some(Expandable::Object(product)) if product.deleted => ProductMetadata::Gone,
        Some(Expandable::Object(product)) => ProductMetadata::Read(&product.metadata),
        Some(Expandable::Id(id)) => match ProductId::parse(id) {
            Ok(id) => match products.get(&id) {
                Some(Some(metadata)) => ProductMetadata::Read(metadata),
                Some(None) => ProductMetadata::Gone,
                None => ProductMetadata::NotRead(id),
            },
            Err(_) => ProductMetadata::NoId,
        },
        None => ProductMetadata::NoId,
    }
}

#[cfg(test)]
mod tests;
