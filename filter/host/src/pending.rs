//! Which request waits for which callout.

use crate::callout::Token;
use crate::sorted::SortedMap;
use tollgate_core::CallId;

/// Who waits for a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The request's context.
    pub(crate) context_id: u32,
    /// The number that its machine gave the callout.
    pub(crate) call: CallId,
}

/// The callouts in flight of all requests of a VM.
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
        self.0.remove(token)
    }

    /// Forgets the callouts of a request that is over.
    pub(crate) fn forget(&mut self, context_id: u32) {
        self.0.retain(|waiting| waiting.context_id != context_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callout_is_answered_once_and_only_while_its_request_lives() {
        let mut pending = Pending::new();
        let waiting = |context_id| Waiting { context_id, call: CallId(7) };
        pending.insert(Token::Http(1), waiting(2));
        pending.insert(Token::Grpc(1), waiting(3));
        pending.insert(Token::Http(2), waiting(3));
        pending.forget(3);
        assert_eq!(pending.take(Token::Http(1)), Some(waiting(2)));
        assert_eq!(pending.take(Token::Http(1)), None);
        assert_eq!(pending.take(Token::Grpc(1)), None);
        assert_eq!(pending.take(Token::Http(2)), None);
    }
}
