//! The bytes that a request keeps when Envoy follows a redirect for it: the next pass is another stream of
//! the same thread with the same header fields.
//!
//! Envoy's filter state of a module does not outlive the pass. So the bytes are stored here, under the value
//! of a header field that no client can guess. The gate removes that field before it forwards a request, as
//! all fields of its prefix.

use crate::process;
use crate::thread_state;
use std::cell::RefCell;
use std::collections::VecDeque;

/// The header field.
pub(crate) const FIELD: &str = "x-tollgate-kept";

/// The maximum number of requests whose bytes a thread stores. Those whose client has left are never taken.
const KEPT_MAX: usize = 1_024;

thread_local! {
    static KEPT: RefCell<VecDeque<(String, Vec<u8>)>> = const { RefCell::new(VecDeque::new()) };
}

/// Stores bytes and returns the value of the header field; `None` without randomness.
pub(crate) fn keep(bytes: &[u8]) -> Option<String> {
    let value: String = process::random_seed().ok()?.iter().map(|byte| format!("{byte:02x}")).collect();
    thread_state::change(&KEPT, |kept| {
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((value.clone(), bytes.to_vec()));
    })?;
    Some(value)
}

/// Takes the stored bytes, once.
pub(crate) fn take(value: &[u8]) -> Option<Vec<u8>> {
    thread_state::change(&KEPT, |kept| {
        let position = kept.iter().position(|(own, _)| own.as_bytes() == value)?;
        kept.remove(position).map(|(_, bytes)| bytes)
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bytes_are_taken_once_and_the_oldest_are_removed_first() {
        let first = keep(b"first").unwrap();
        let second = keep(b"second").unwrap();
        assert_ne!(first, second);
        assert_eq!(take(b"first"), None, "only by the value");
        assert_eq!(take(first.as_bytes()).as_deref(), Some(&b"first"[..]));
        assert_eq!(take(first.as_bytes()), None);
        for _ in 0..KEPT_MAX {
            keep(b"later").unwrap();
        }
        assert_eq!(take(second.as_bytes()), None);
    }
}
