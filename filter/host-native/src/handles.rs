//! Envoy's pointers to data of this module: they are IDs. Nothing is read through them, so a stale one is
//! harmless.

use crate::filters::FilterKind;
use crate::registry;

/// The handle of a filter. Zero makes Envoy reject the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct FilterHandle(usize);

/// The handle of a request: the IDs of its filter and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct RequestHandle(usize);

const _: () = assert!(usize::BITS == u64::BITS, "a request's handle has two IDs of 32 bits");

impl FilterHandle {
    /// Makes Envoy reject the configuration.
    pub(crate) const REFUSED: FilterHandle = FilterHandle(0);

    /// Returns the handle of a filter.
    pub(crate) fn new(filter_id: u32) -> Self {
        FilterHandle(filter_id as usize)
    }

    /// Returns the ID of the filter.
    pub(crate) fn filter_id(self) -> u32 {
        low_half(self.0)
    }
}

impl RequestHandle {
    /// Returns the handle of a request.
    pub(crate) fn new(filter_id: u32, request_id: u32) -> Self {
        RequestHandle((filter_id as usize) << u32::BITS | request_id as usize)
    }

    /// Returns the ID of the request's filter.
    pub(crate) fn filter_id(self) -> u32 {
        low_half(self.0 >> u32::BITS)
    }

    /// Returns the kind of the request's filter.
    pub(crate) fn kind(self) -> FilterKind {
        registry::kind_of(self.filter_id())
    }

    /// Returns the ID of the request in its thread. It is 0 if Envoy has destroyed the filter already, or if
    /// the request was not started.
    pub(crate) fn request_id(self) -> u32 {
        low_half(self.0)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the upper half is another number")]
fn low_half(handle: usize) -> u32 {
    handle as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_contains_both_ids() {
        let handle = RequestHandle::new(u32::MAX, 7);
        assert_eq!((handle.filter_id(), handle.request_id()), (u32::MAX, 7));
    }
}
