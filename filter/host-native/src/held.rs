//! The held requests of this thread with Envoy's streams: those that the hook of another stream may change.

use crate::abi::Stream;
use crate::thread_state;
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static HELD: RefCell<BTreeMap<u32, Stream>> = const { RefCell::new(BTreeMap::new()) };
}

/// Adds a request that is held when its hook returns.
pub(crate) fn insert(request_id: u32, stream: Stream) {
    thread_state::change(&HELD, |held| held.insert(request_id, stream));
}

/// Returns the stream of a request that is held.
pub(crate) fn get(request_id: u32) -> Option<Stream> {
    thread_state::change(&HELD, |held| held.get(&request_id).copied()).flatten()
}

/// Removes a request that continues, has a reply, or ends.
pub(crate) fn remove(request_id: u32) {
    thread_state::change(&HELD, |held| held.remove(&request_id));
}
