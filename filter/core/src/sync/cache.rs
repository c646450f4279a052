//! What was read at Stripe and may be taken for present for a while.

use super::ownership::SessionClaims;
use crate::ids::{ProductId, SubscriptionId};
use crate::sorted::SortedMap;
use crate::stripe::object::Metadata;
use crate::time::Micros;
use std::time::Duration;

/// The metadata of products that were read lately: many subscriptions sell the same few.
/// `None` is one that Stripe does not have any more.
pub(crate) type ProductCache = Cache<ProductId, Option<Metadata>>;

/// The subscriptions of which it was read lately that no Checkout Session names anybody: that never changes
/// by itself.
pub(crate) type SilentSessions = Cache<SubscriptionId, SessionClaims>;

impl Default for ProductCache {
    fn default() -> Self {
        Cache::holding(Duration::from_secs(60), 1_000)
    }
}

impl Default for SilentSessions {
    fn default() -> Self {
        Cache::holding(Duration::from_secs(60 * 60), 4_000)
    }
}

/// What was read, by its id.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    fresh_for: Duration,
    /// How many are kept; then all are forgotten, and the next syncs ask again.
    entries_max: usize,
    read: SortedMap<K, (Micros, V)>,
}

impl<K: Ord + Clone, V: Clone> Cache<K, V> {
    fn holding(fresh_for: Duration, entries_max: usize) -> Self {
        Cache { fresh_for, entries_max, read: SortedMap::default() }
    }

    /// Keeps what was read.
    pub(crate) fn insert(&mut self, id: K, value: V, now: Micros) {
        if self.read.len() >= self.entries_max {
            self.read.clear();
        }
        self.read.insert(id, (now, value));
    }

    /// Returns what was read of one, if that is fresh.
    pub(crate) fn get(&self, id: &K, now: Micros) -> Option<&V> {
        let (read_at, value) = self.read.get(id)?;
        read_at.is_within(self.fresh_for, now).then_some(value)
    }

    /// Returns all that is fresh.
    pub(crate) fn fresh(&self, now: Micros) -> SortedMap<K, V> {
        let fresh = self.read.iter().filter(|(_, (read_at, _))| read_at.is_within(self.fresh_for, now));
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
        assert!(!got(99) && at(99).is_empty(), "read before the clock stepped back");
    }

    #[test]
    fn a_full_cache_forgets_all_but_the_newest() {
        let mut cache = Cache::holding(Duration::from_secs(9), 2);
        for id in 0..3 {
            cache.insert(id, (), Micros::from_secs(1));
        }
        assert_eq!(cache.fresh(Micros::from_secs(1)).keys().collect::<Vec<_>>(), [&2]);
    }
}
