//! Caches of objects read from Stripe.

use super::ownership::SessionClaims;
use crate::ids::{ProductId, SubscriptionId};
use crate::sorted::SortedMap;
use crate::stripe::object::Metadata;
use crate::time::Micros;
use std::time::Duration;

/// The metadata of recently read products, because many subscriptions share few products. `None` means that
/// Stripe no longer has the product.
pub(crate) type ProductCache = Cache<ProductId, Option<Metadata>>;

/// The subscriptions whose Checkout Sessions were read recently and name no subject, which hardly ever
/// changes.
pub(crate) type SessionsWithoutSubject = Cache<SubscriptionId, SessionClaims>;

impl Default for ProductCache {
    fn default() -> Self {
        Cache::holding(Duration::from_secs(60), 1_000)
    }
}

impl Default for SessionsWithoutSubject {
    fn default() -> Self {
        Cache::holding(Duration::from_secs(60 * 60), 4_000)
    }
}

/// Cached values by id.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    fresh_for: Duration,
    /// The maximum number of entries. A full cache is cleared, and the next syncs read again.
    entries_max: usize,
    entries: SortedMap<K, (Micros, V)>,
}

impl<K: Ord + Clone, V: Clone> Cache<K, V> {
    fn holding(fresh_for: Duration, entries_max: usize) -> Self {
        Cache { fresh_for, entries_max, entries: SortedMap::default() }
    }

    /// Adds or replaces a value.
    pub(crate) fn insert(&mut self, id: K, value: V, now: Micros) {
        if self.entries.len() >= self.entries_max {
            self.entries.clear();
        }
        self.entries.insert(id, (now, value));
    }

    /// Returns the value of an id if it is fresh.
    pub(crate) fn get(&self, id: &K, now: Micros) -> Option<&V> {
        let (read_at, value) = self.entries.get(id)?;
        read_at.is_within(self.fresh_for, now).then_some(value)
    }

    /// Returns all fresh values.
    pub(crate) fn fresh(&self, now: Micros) -> SortedMap<K, V> {
        let fresh = self.entries.iter().filter(|(_, (read_at, _))| read_at.is_within(self.fresh_for, now));
        fresh.map(|(id, (_, value))| (id.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::plan::Products;

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
        let got = |secs| products.get(&id, Micros::from_secs(secs)).is_some();
        assert_eq!((got(159), got(160)), (true, false));
        assert!(!got(99) && at(99).is_empty(), "the clock was set back after the read");
    }

    #[test]
    fn a_full_cache_keeps_only_the_newest_entry() {
        let mut cache = Cache::holding(Duration::from_secs(9), 2);
        for id in 0..3 {
            cache.insert(id, (), Micros::from_secs(1));
        }
        assert_eq!(cache.fresh(Micros::from_secs(1)).keys().collect::<Vec<_>>(), [&2]);
    }
}
