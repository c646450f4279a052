//! The requests of this thread that are held, and Envoy's streams of them: what a hook of another stream may reach.

use crate::abi::Stream;
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static HELD: RefCell<BTreeMap<u32, Stream>> = const { RefCell::new(BTreeMap::new()) };
}

/// Adds a request that is held when its hook returns.
pub(crate) fn insert(request_id: u32, stream: Stream) {
    with(|held| held.insert(request_id, stream));
}

/// Returns the stream of a request that is held.
pub(crate) fn get(request_id: u32) -> Option<Stream> {
    with(|held| held.get(&request_id).copied()).flatten()
}

/// Removes a request that continues, is answered, or ends.
pub(crate) fn remove(request_id: u32) {
    with(|held| held.remove(&request_id));
}

fn with<T>(change: impl FnOnce(&mut BTreeMap<u32, Stream>) -> T) -> Option<T> {
    HELD.try_with(|held| held.try_borrow_mut().ok().map(|mut held| change(&mut held))).ok().flatten()
}
