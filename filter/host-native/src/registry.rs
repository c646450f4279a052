//! The filters that Envoy has configured, in all threads.
//!
//! Envoy configures a filter in its main thread and then starts requests of it in its workers, each of which
//! configures its own at the first request. A listener update adds filters and removes them, the latter after
//! their last request.

use crate::filters::FilterKind;
use crate::inquiry::Inquiries;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tollgate_core::config::ApiKeyVariable;

/// The bit in the ID of a filter that distinguishes it from the IDs of requests.
pub(crate) const FILTER_BIT: u32 = 1 << 31;
/// The position in the ID of a filter of its kind's, seven bits. Below it is a number.
const KIND_SHIFT: u32 = 24;
/// The bits of the number.
const NUMBER_MASK: u32 = (1 << KIND_SHIFT) - 1;

/// A filter as the main thread configured it.
#[derive(Debug)]
pub(crate) struct RegisteredFilter {
    /// The configuration.
    pub(crate) document: Vec<u8>,
    /// The API keys that the document lists.
    pub(crate) api_keys: Vec<ApiKeyVariable>,
    /// Envoy's IDs of the metrics, by name. They can only be defined in the main thread.
    pub(crate) metrics: BTreeMap<String, u32>,
    /// Envoy's ID of the counter of panics.
    pub(crate) panics: Option<u32>,
    /// The inquiries of its requests in all threads.
    pub(crate) inquiries: Inquiries,
}

static FILTERS: RwLock<BTreeMap<u32, Arc<RegisteredFilter>>> = RwLock::new(BTreeMap::new());
static LAST: AtomicU32 = AtomicU32::new(0);
static REMOVALS: AtomicU64 = AtomicU64::new(0);

/// Adds a filter and returns its ID.
pub(crate) fn add(kind: FilterKind, filter: RegisteredFilter) -> u32 {
    let mut filters = FILTERS.write().unwrap_or_else(PoisonError::into_inner);
    loop {
        let number = LAST.fetch_add(1, Ordering::Relaxed) & NUMBER_MASK;
        let filter_id = FILTER_BIT | (kind as u32) << KIND_SHIFT | number;
        if let Entry::Vacant(vacant) = filters.entry(filter_id) {
            vacant.insert(Arc::new(filter));
            return filter_id;
        }
    }
}

/// Returns the kind of a filter. An ID that [`add`] did not return has any kind: no filter has requests of
/// it.
pub(crate) fn kind_of(filter_id: u32) -> FilterKind {
    let index = usize::try_from((filter_id & !FILTER_BIT) >> KIND_SHIFT).unwrap_or_default();
    FilterKind::ALL.get(index).copied().unwrap_or(FilterKind::plan_gate)
}

/// Returns a filter that was not removed.
pub(crate) fn get(filter_id: u32) -> Option<Arc<RegisteredFilter>> {
    FILTERS.read().unwrap_or_else(PoisonError::into_inner).get(&filter_id).cloned()
}

/// Removes a filter that has no requests.
pub(crate) fn remove(filter_id: u32) {
    FILTERS.write().unwrap_or_else(PoisonError::into_inner).remove(&filter_id);
    REMOVALS.fetch_add(1, Ordering::Release);
}

/// Returns how many filters were removed so far. A worker compares this to remove its own.
pub(crate) fn removals() -> u64 {
    REMOVALS.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::FilterConfig;

    fn filter() -> RegisteredFilter {
        RegisteredFilter {
            document: Vec::new(),
            api_keys: Vec::new(),
            metrics: BTreeMap::new(),
            panics: None,
            inquiries: Inquiries::new(FilterConfig::unconnected()),
        }
    }

    #[test]
    fn a_filter_is_found_while_others_are_added_and_removed() {
        const UPDATES: usize = 500;
        let stays = add(FilterKind::plan_gate, filter());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..UPDATES {
                        assert!(get(stays).is_some());
                    }
                });
            }
            for _ in 0..UPDATES {
                let removed = add(FilterKind::billing, filter());
                assert_ne!(removed, stays);
                remove(removed);
                assert!(get(removed).is_none());
            }
        });
        remove(stays);
    }

    #[test]
    fn the_id_of_a_filter_contains_its_kind() {
        for kind in FilterKind::ALL {
            let filter_id = add(*kind, filter());
            assert_eq!(kind_of(filter_id), *kind);
            assert!(get(filter_id).is_some());
            let removed = removals();
            remove(filter_id);
            assert!(get(filter_id).is_none() && removals() > removed);
        }
        kind_of(0);
        kind_of(u32::MAX);
    }
}
