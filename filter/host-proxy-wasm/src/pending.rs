//! Who waits for which callout: a request, or a filter on behalf of all its requests.

use crate::callout::Token;
use tollgate_core::sorted::SortedMap;
use tollgate_core::{CallId, InquiryId};

/// Who waits for a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// One request.
    Request {
        /// The request's context.
        context_id: u32,
        /// The number that its machine gave the callout.
        call: CallId,
    },
    /// All requests of a filter in this worker thread.
    Worker {
        /// The filter's context.
        root_id: u32,
        /// The number that the worker gave the inquiry.
        inquiry: InquiryId,
    },
}

/// The callouts in flight of a VM.
#[derive(Debug)]
pub(crate) struct Pending(SortedMap<Token, Waiting>);

impl Pending {
    pub(crate) const fn new() -> Self {
        Pending(SortedMap::new())
    }

    /// Notes a callout that was started.
    pub(crate) fn insert(&mut self, token: Token, waiting: Waiting) {
        self.0.insert(token, waiting);
    }

    /// Who waits for it; from now on nobody does.
    pub(crate) fn take(&mut self, token: Token) -> Option<Waiting> {
        self.0.remove(&token)
    }

    /// Whether a filter's inquiry has not ended yet.
    pub(crate) fn is_under_way(&self, root_id: u32, inquiry: InquiryId) -> bool {
        self.0.iter().any(|(_, waiting)| *waiting == Waiting::Worker { root_id, inquiry })
    }

    /// Forgets the callouts of a request or a filter that is over.
    pub(crate) fn forget(&mut self, over: u32) {
        self.0.retain(|waiting| match waiting {
            Waiting::Request { context_id: own, .. } | Waiting::Worker { root_id: own, .. } => *own != over,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callout_is_answered_once_and_only_while_its_request_lives() {
        let mut pending = Pending::new();
        let waiting = |context_id| Waiting::Request { context_id, call: CallId(7) };
        pending.insert(Token::Http(1), waiting(2));
        pending.insert(Token::Grpc(1), waiting(3));
        pending.insert(Token::Http(2), waiting(3));
        pending.forget(3);
        assert_eq!(pending.take(Token::Http(1)), Some(waiting(2)));
        assert_eq!(pending.take(Token::Http(1)), None);
        assert_eq!(pending.take(Token::Grpc(1)), None);
        assert_eq!(pending.take(Token::Http(2)), None);
    }

    #[test]
    fn an_inquiry_lives_as_long_as_its_filter() {
        let mut pending = Pending::new();
        let asked = Waiting::Worker { root_id: 1, inquiry: InquiryId(1) };
        pending.insert(Token::Http(1), asked);
        pending.forget(2);
        assert!(pending.is_under_way(1, InquiryId(1)));
        assert!(!pending.is_under_way(2, InquiryId(1)), "another filter numbers its own");
        pending.forget(1);
        assert!(!pending.is_under_way(1, InquiryId(1)));
        assert_eq!(pending.take(Token::Http(1)), None);
    }
}
