//! Authenticates a request: finds its session in the token cache, or verifies the signatures of its tokens
//! one by one.
//!
//! ```text
//! start ─┬─ a cached token ────────────────────────────────► Known
//!        ├─ Verify ─ signature ─┬─ valid, like the claims ──► Verified
//!        │    ▲                 └─ invalid: the next key or token
//!        ├─ Fetch / Await ─ keys ─► Verify
//!        └─ no token is left ───────────────────────────────► Failed
//! ```

use super::error::AuthError;
use super::keyring::Lookup;
use super::keys::PublicKey;
use super::state::AuthState;
use super::token::location::{self, TokenLocation};
use super::token::{Jws, Session, TokenError, TokenFailure};
use crate::held::Hold;
use crate::http::{Callout, HeaderMap};
use crate::machine::{Action, Verification};
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::rc::Rc;

/// The maximum number of tokens of one request whose signatures are verified.
const SIGNATURES_MAX: usize = 8;

/// The state of a request's authentication: the tokens that are left, and the error of those before.
#[derive(Debug)]
pub(crate) struct Authentication {
    /// The tokens that are left, in order of priority: the first valid one is the caller's.
    tokens: VecDeque<Vec<u8>>,
    /// The number of tokens whose signatures may still be verified.
    checks_left: usize,
    /// The token whose keys are looked up, and whether it has waited for a fetch of the keys.
    looking_up: Option<(Jws, bool)>,
    /// The token whose signature is verified, and the keys that are left to try.
    verifying: Option<(Jws, VecDeque<PublicKey>)>,
    /// The failure of the tokens before.
    failure: TokenFailure,
    /// Whether the keys for a token could not be fetched.
    keys_unavailable: bool,
    in_header: bool,
    /// The size of what is kept of the request besides its tokens, in bytes.
    other_bytes: usize,
    /// The hold of the request while it waits for keys.
    hold: Option<Hold>,
}

/// The result of a step of an [`Authentication`].
#[derive(Debug)]
pub(crate) enum AuthProgress<V> {
    /// The token is in the cache, with this value.
    Known(Rc<V>),
    /// The token is valid. The filter passes what it keeps of it to [`AuthState::remember`].
    Verified(Box<VerifiedToken>),
    /// The request has no valid token.
    Failed {
        /// The reason.
        error: AuthError,
        /// The value in the token that differs from the expected one; see [`TokenFailure::received`].
        received: Option<String>,
        /// Whether the request may pass as anonymous if its rule allows that. False if the token in the
        /// Authorization field is not valid, or if a cookie could not be checked.
        is_anonymous: bool,
    },
    /// The host must verify a signature, or wait for the keys.
    Perform(Box<Authentication>, Action),
    /// The keys must be fetched for all requests of the worker thread. The filter starts the inquiry and
    /// passes its id to [`AuthState::fetch_started`].
    Fetch(Box<Authentication>, Callout),
}

/// A token with a valid signature and valid claims.
#[derive(Debug)]
pub(crate) struct VerifiedToken {
    jws: Jws,
    session: Session,
}

impl VerifiedToken {
    /// Returns the token's bytes and its claims.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Session) {
        (self.jws.into_token(), self.session)
    }
}

impl Authentication {
    /// Starts the authentication of a request. `other_bytes` is the size of what is kept of it besides its
    /// tokens.
    pub(crate) fn start<V: AsRef<Session>>(
        state: &mut AuthState<V>,
        headers: &HeaderMap,
        other_bytes: usize,
        now: Micros,
    ) -> AuthProgress<V> {
        let mut looking_up = None;
        let (tokens, in_header, failure) = match location::find(headers, state.cookie) {
            Ok(TokenLocation::Nothing) => (VecDeque::new(), false, TokenError::Missing.into()),
            // Most requests have a token that is in the cache, and need no copy of it.
            Ok(TokenLocation::Bearer(token)) => match state.remembered(token, now) {
                Some(Ok(value)) => return AuthProgress::Known(value),
                Some(Err(error)) => (VecDeque::new(), true, error.into()),
                None => match Jws::parse(token) {
                    Ok(jws) => {
                        looking_up = Some((jws, false));
                        (VecDeque::new(), true, TokenError::Missing.into())
                    }
                    Err(error) => (VecDeque::new(), true, error.into()),
                },
            },
            Ok(TokenLocation::Cookies(tokens)) => {
                let (tokens, failure) = newest_first(state, &tokens, now);
                (tokens, false, failure)
            }
            Ok(TokenLocation::TooManyCookies) => {
                let error = TokenError::Malformed("the request has more cookies than the gateway reads");
                (VecDeque::new(), false, error.into())
            }
            Err(error) => {
                return failed(AuthError::Token(error), None, false);
            }
        };
        let authentication = Box::new(Authentication {
            tokens,
            checks_left: SIGNATURES_MAX,
            looking_up,
            verifying: None,
            failure,
            keys_unavailable: false,
            in_header,
            other_bytes,
            hold: None,
        });
        authentication.next(state, now)
    }

    /// Continues with the next signature to verify, or ends. The caller also calls it when a fetch of keys
    /// has ended.
    pub(crate) fn next<V: AsRef<Session>>(
        mut self: Box<Self>,
        state: &mut AuthState<V>,
        now: Micros,
    ) -> AuthProgress<V> {
        self.hold = None;
        loop {
            if let Some((jws, keys)) = &mut self.verifying {
                if let Some(key) = keys.front() {
                    let action = jws.verify_with(key);
                    return AuthProgress::Perform(self, action);
                }
                self.verifying = None;
            }
            let (jws, waited) = match self.looking_up.take() {
                Some(looking_up) => looking_up,
                None => match self.next_token(state, now) {
                    Some(NextToken::Known(value)) => return AuthProgress::Known(value),
                    Some(NextToken::Unseen(jws)) => (jws, false),
                    None => return self.end(state),
                },
            };
            match state.keyring.lookup(jws.key_id(), waited, now) {
                Lookup::Keys(keys) => self.verifying = Some((jws, keys)),
                Lookup::Unknown => self.fail(TokenFailure::of_key(TokenError::UnknownKey, &jws)),
                Lookup::Unavailable => self.keys_unavailable = true,
                Lookup::Await(inquiry) => {
                    let tokens = self.tokens.iter().map(Vec::len).chain([jws.byte_len(), self.other_bytes]);
                    self.hold = state.waiting.hold(tokens.fold(0, usize::saturating_add));
                    if self.hold.is_none() {
                        return failed(AuthError::TooManyWaiting, None, false);
                    }
                    self.looking_up = Some((jws, true));
                    return AuthProgress::Perform(self, Action::AwaitInquiry(inquiry));
                }
                Lookup::Fetch(callout) => {
                    self.looking_up = Some((jws, waited));
                    return AuthProgress::Fetch(self, callout);
                }
            }
        }
    }

    /// Takes the next token that is in the cache and still valid, or that is well formed and not in the
    /// cache.
    fn next_token<V: AsRef<Session>>(
        &mut self,
        state: &mut AuthState<V>,
        now: Micros,
    ) -> Option<NextToken<V>> {
        while let Some(token) = self.tokens.pop_front() {
            match state.remembered(&token, now) {
                Some(Ok(value)) => return Some(NextToken::Known(value)),
                Some(Err(error)) => self.fail(error.into()),
                None if self.checks_left == 0 => {}
                None => match Jws::parse(&token) {
                    Ok(jws) => {
                        self.checks_left = self.checks_left.saturating_sub(1);
                        return Some(NextToken::Unseen(jws));
                    }
                    Err(error) => self.fail(error.into()),
                },
            }
        }
        None
    }

    /// Records the failure of a token.
    fn fail(&mut self, failure: TokenFailure) {
        let earlier = std::mem::replace(&mut self.failure, TokenError::Missing.into());
        self.failure = earlier.or_of_later_check(failure);
    }

    /// Ends without a session. If there is no key at all, cookies cannot be checked, so the request cannot
    /// even pass as anonymous.
    fn end<V>(&mut self, state: &AuthState<V>) -> AuthProgress<V> {
        if self.keys_unavailable {
            let is_anonymous = !self.in_header && !state.keyring.is_empty();
            return failed(AuthError::KeysUnavailable, None, is_anonymous);
        }
        failed(AuthError::Token(self.failure.error), self.failure.received.take(), !self.in_header)
    }

    /// Continues with the result of a signature's verification.
    pub(crate) fn verified<V: AsRef<Session>>(
        mut self: Box<Self>,
        state: &mut AuthState<V>,
        verification: Verification,
        now: Micros,
    ) -> AuthProgress<V> {
        let Some((jws, keys)) = &mut self.verifying else { return self.next(state, now) };
        let verification = match (verification, state.rs256, keys.front()) {
            (Verification::Unsupported, Some(check), Some(key)) => {
                check(key.spki(), jws.signature(), jws.signing_input())
            }
            (Verification::Unsupported, _, _) => {
                return failed(AuthError::SignaturesUnsupported, None, false);
            }
            (verification, _, _) => verification,
        };
        keys.pop_front();
        let session = Session::from_jws(jws, verification);
        let session = session.map_err(|error| TokenFailure::of_key(error, jws));
        match session.and_then(|session| state.rules.checked(session, now)) {
            Ok(session) => match self.verifying.take() {
                Some((jws, _)) => AuthProgress::Verified(Box::new(VerifiedToken { jws, session })),
                None => self.next(state, now),
            },
            Err(failure) => {
                if failure.error != TokenError::SignatureMismatch {
                    self.verifying = None;
                }
                self.fail(failure);
                self.next(state, now)
            }
        }
    }
}

/// Ends a request without a valid token.
fn failed<V>(error: AuthError, received: Option<String>, is_anonymous: bool) -> AuthProgress<V> {
    AuthProgress::Failed { error, received, is_anonymous }
}

/// The next token to use.
#[derive(Debug)]
enum NextToken<V> {
    /// A cached token that is still valid.
    Known(Rc<V>),
    /// A token whose signature must be verified.
    Unseen(Jws),
}

/// Sorts the tokens of several cookies by priority, and removes those that cannot be valid with any
/// signature. The failure is that of the removed tokens.
///
/// The newest valid token (`iat`) is the caller's: if the user of a browser has changed, the previous user's
/// cookie may still be there under another name. Tokens of equal age keep their order, so that a suffixed
/// name comes first, as in `@clerk/backend`. The claims are not verified yet, but the order is only used for
/// tokens that are verified later.
fn newest_first<V: AsRef<Session>>(
    state: &mut AuthState<V>,
    tokens: &[&[u8]],
    now: Micros,
) -> (VecDeque<Vec<u8>>, TokenFailure) {
    let mut failure = TokenFailure::from(TokenError::Missing);
    if let [token] = tokens {
        return (VecDeque::from([token.to_vec()]), failure);
    }
    let mut dated = Vec::new();
    for token in tokens {
        let (issued_at, is_known) = match state.remembered(token, now) {
            Some(known) => (known.map(|value| (*value).as_ref().issued_at).map_err(TokenFailure::from), true),
            None => {
                let jws = Jws::parse(token).map_err(TokenFailure::from);
                (jws.and_then(|jws| state.rules.check_unverified(&jws, now)), false)
            }
        };
        match issued_at {
            Ok(issued_at) => dated.push((issued_at, *token, is_known)),
            Err(other) => failure = failure.or_of_later_check(other),
        }
    }
    dated.sort_by_key(|(issued_at, _, _)| Reverse(*issued_at));
    let mut unseen = 0_usize;
    // Tokens beyond the maximum are never verified, so they are not kept.
    dated.retain(|(_, _, is_known)| {
        unseen = unseen.saturating_add(usize::from(!is_known));
        *is_known || unseen <= SIGNATURES_MAX
    });
    (dated.into_iter().map(|(_, token, _)| token.to_vec()).collect(), failure)
}

#[cfg(test)]
mod tests;
