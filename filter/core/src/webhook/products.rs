//! The metadata of Stripe's products, kept briefly: many subscriptions sell the same few.

use crate::ids::ProductId;
use crate::sorted::SortedMap;
use crate::stripe::object::Metadata;
use crate::stripe::plan::Products;
use crate::time::Micros;
use std::time::Duration;

/// How long a product's metadata are taken for present.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// How many products are kept; then all are forgotten, and the next syncs ask again.
const PRODUCTS_MAX: usize = 1_000;

/// The metadata of products that were read lately.
#[derive(Debug, Default)]
pub(super) struct ProductCache {
    read: SortedMap<ProductId, (Micros, Option<Metadata>)>,
}

impl ProductCache {
    /// Keeps what was read; `None` of a product that Stripe does not have any more.
    pub(super) fn insert(&mut self, id: ProductId, metadata: Option<Metadata>, now: Micros) {
        if self.read.len() >= PRODUCTS_MAX {
            self.read.clear();
        }
        self.read.insert(id, (now, metadata));
    }

    /// What is fresh.
    pub(super) fn fresh(&self, now: Micros) -> Products {
        let fresh = self.read.iter().filter(|(_, (read_at, _))| now.since(*read_at) < FRESH_FOR);
        fresh.map(|(id, (_, metadata))| (id.clone(), metadata.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_fresh_for_a_minute() {
        let id = ProductId::parse("prod_1").unwrap();
        let read_at = Micros::from_secs(100);
        let mut products = ProductCache::default();
        products.insert(id.clone(), Some([("plan", "pro")].into_iter().collect()), read_at);
        let at = |secs| products.fresh(Micros::from_secs(secs));
        let plan = |products: Products| products.get(&id)?.as_ref()?.get("plan").map(str::to_owned);
        assert_eq!(plan(at(159)).as_deref(), Some("pro"));
        assert!(at(160).is_empty());
    }
}
