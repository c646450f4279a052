//! The owners of the callouts in flight: requests and filters.

use tollgate_core::sorted::SortedMap;
use tollgate_core::{CallId, InquiryId};

/// The owner of a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalloutOwner {
    /// One request.
    Request {
        /// The request's context.
        request_id: u32,
        /// The machine's ID of the callout.
        call: CallId,
    },
    /// A filter, on behalf of all its requests in this worker thread.
    Filter {
        /// The filter's context.
        filter_id: u32,
        /// The worker's ID of the inquiry.
        inquiry: InquiryId,
    },
}

/// The callouts in flight, by the host's IDs.
#[derive(Debug)]
pub(crate) struct PendingCallouts<C>(SortedMap<C, CalloutOwner>);

impl<C: Copy + Ord> PendingCallouts<C> {
    pub(crate) const fn new() -> Self {
        PendingCallouts(SortedMap::new())
    }

    /// Adds a callout that was started.
    pub(crate) fn insert(&mut self, callout: C, owner: CalloutOwner) {
        self.0.insert(callout, owner);
    }

    /// Removes a callout and returns its owner.
    pub(crate) fn take(&mut self, callout: C) -> Option<CalloutOwner> {
        self.0.remove(&callout)
    }

    /// Returns whether a filter's inquiry is in flight.
    pub(crate) fn is_in_flight(&self, filter_id: u32, inquiry: InquiryId) -> bool {
        self.callout_of(filter_id, inquiry).is_some()
    }

    /// Returns the callout of a filter's inquiry that is in flight.
    pub(crate) fn callout_of(&self, filter_id: u32, inquiry: InquiryId) -> Option<C> {
        let owner = CalloutOwner::Filter { filter_id, inquiry };
        self.0.iter().find(|(_, own)| **own == owner).map(|(callout, _)| *callout)
    }

    /// Removes the callouts of a request or a filter that has ended.
    pub(crate) fn remove_owner(&mut self, context_id: u32) {
        self.0.retain(|owner| match owner {
            CalloutOwner::Request { request_id: own, .. } | CalloutOwner::Filter { filter_id: own, .. } => {
                *own != context_id
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callout_ends_once_and_only_while_its_request_lives() {
        let mut pending = PendingCallouts::new();
        let owner = |request_id| CalloutOwner::Request { request_id, call: CallId(7) };
        pending.insert(("http", 1), owner(2));
        pending.insert(("grpc", 1), owner(3));
        pending.insert(("http", 2), owner(3));
        pending.remove_owner(3);
        assert_eq!(pending.take(("http", 1)), Some(owner(2)));
        assert_eq!(pending.take(("http", 1)), None);
        assert_eq!(pending.take(("grpc", 1)), None);
        assert_eq!(pending.take(("http", 2)), None);
    }

    #[test]
    fn an_inquiry_lives_as_long_as_its_filter() {
        let mut pending = PendingCallouts::new();
        pending.insert(1, CalloutOwner::Filter { filter_id: 1, inquiry: InquiryId(1) });
        pending.remove_owner(2);
        assert!(pending.is_in_flight(1, InquiryId(1)));
        assert!(!pending.is_in_flight(2, InquiryId(1)), "another filter numbers its own");
        pending.remove_owner(1);
        assert!(!pending.is_in_flight(1, InquiryId(1)));
        assert_eq!(pending.take(1), None);
    }
}
