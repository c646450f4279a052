//! The filters that Envoy has configured, in all threads.
//!
//! Envoy configures a filter in its main thread and then starts requests of it in its workers, each of which
//! configures its own at the first request. A listener update adds filters and removes them, the latter after
//! their last request.

use crate::inquiry::Inquiries;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The bit in the ID of a filter that distinguishes it from the IDs of requests.
pub(crate) const FILTER_BIT: u32 = 1 << 31;

/// A filter as the main thread configured it.
#[derive(Debug)]
pub(crate) struct RegisteredFilter {
    /// The configuration.
    pub(crate) document: Vec<u8>,
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
pub(crate) fn add(filter: RegisteredFilter) -> u32 {
    let filter_id = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1) | FILTER_BIT;
    FILTERS.write().unwrap_or_else(PoisonError::into_inner).insert(filter_id, Arc::new(filter));
    filter_id
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
