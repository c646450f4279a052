//! From the token that a request carries to its session: remembered, or by checking signatures one by one.
//!
//! ```text
//! begin ─┬─ a token that was verified before ──────────────► Known
//!        ├─ Verify ─ signature ─┬─ holds, and its claims ───► Verified
//!        │    ▲                 └─ not: the next key or token
//!        ├─ Fetch / Await ─ keys ─► Verify
//!        └─ no token is left ───────────────────────────────► Failed
//! ```

use super::error::AuthError;
use super::keyring::Lookup;
use super::keys::PublicKey;
use super::state::AuthState;
use super::token::location::{self, TokenLocation};
use super::token::{Jws, Session, TokenError};
use crate::held::Hold;
use crate::http::{Callout, HeaderMap};
use crate::machine::{Action, Verification};
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many tokens of one request may have their signature checked.
const SIGNATURES_MAX: usize = 8;

/// Tokens that are still to be judged, and what stood against those before.
#[derive(Debug)]
pub(crate) struct Authentication {
    /// In the order in which they count: the first that holds is the caller's.
    tokens: VecDeque<Vec<u8>>,
    /// How many of them may still have their signature checked.
    checks_left: usize,
    /// A token whose keys are looked for, and whether they were waited for.
    looking: Option<(Jws, bool)>,
    /// A token whose signature is checked, and the keys that are left to try.
    checking: Option<(Jws, VecDeque<PublicKey>)>,
    error: TokenError,
    /// For a token the keys could not be fetched.
    keys_unavailable: bool,
    in_header: bool,
    /// How many bytes are kept of the request beside its tokens.
    other_bytes: usize,
    /// While it waits for keys.
    hold: Option<Hold>,
}

/// How far an authentication has come.
#[derive(Debug)]
pub(crate) enum AuthProgress<V> {
    /// The token was verified before: what was remembered of it.
    Known(Rc<V>),
    /// The token holds. The filter passes what it keeps of it to [`AuthState::remember`].
    Verified(Box<VerifiedToken>),
    /// There is no token that holds.
    Failed(AuthFailure),
    /// The host is to check a signature, or to wait for the keys.
    Perform(Box<Authentication>, Action),
    /// The keys are to be fetched for all requests of the worker thread. The filter begins the inquiry and passes its id
    /// to [`AuthState::fetch_began`].
    Fetch(Box<Authentication>, Callout),
}

/// A token whose signature and claims hold.
#[derive(Debug)]
pub(crate) struct VerifiedToken {
    jws: Jws,
    session: Session,
}

/// Why there is no session, and whether the request may pass without one where a rule takes anonymous callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AuthFailure {
    /// Why.
    pub(crate) error: AuthError,
    /// False if the Authorization field did not hold, or if nobody can say whether a cookie does.
    pub(crate) is_anonymous: bool,
}

impl VerifiedToken {
    /// Returns the token's bytes and its claims.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Session) {
        (self.jws.into_token(), self.session)
    }
}

impl Authentication {
    /// Looks for the tokens that a request carries, of which so many other bytes are kept.
    pub(crate) fn begin<V: AsRef<Session>>(
        state: &mut AuthState<V>,
        headers: &HeaderMap,
        other_bytes: usize,
        now: Micros,
    ) -> AuthProgress<V> {
        let (tokens, in_header, error) = match location::find(headers, state.cookie) {
            Ok(TokenLocation::Nothing) => (VecDeque::new(), false, TokenError::Missing),
            Ok(TokenLocation::Bearer(token)) => (VecDeque::from([token.to_vec()]), true, TokenError::Missing),
            Ok(TokenLocation::Cookies(tokens)) => {
                let (tokens, error) = newest_first(state, &tokens, now);
                (tokens, false, error)
            }
            Ok(TokenLocation::TooManyCookies) => {
                let error = TokenError::Malformed("it comes among more cookies than the gateway reads");
                (VecDeque::new(), false, error)
            }
            Err(error) => return failed(AuthError::Token(error), false),
        };
        let authentication = Box::new(Authentication {
            tokens,
            checks_left: SIGNATURES_MAX,
            looking: None,
            checking: None,
            error,
            keys_unavailable: false,
            in_header,
            other_bytes,
            hold: None,
        });
        authentication.next(state, now)
    }

    /// Continues with the next signature to check, or ends. Also what follows once keys were fetched.
    pub(crate) fn next<V: AsRef<Session>>(
        mut self: Box<Self>,
        state: &mut AuthState<V>,
        now: Micros,
    ) -> AuthProgress<V> {
        self.hold = None;
        loop {
            if let Some((jws, keys)) = &mut self.checking {
                if let Some(key) = keys.front() {
                    let action = jws.verify_with(key);
                    return AuthProgress::Perform(self, action);
                }
                self.checking = None;
            }
            let (jws, waited) = match self.looking.take() {
                Some(looking) => looking,
                None => match self.next_token(state, now) {
                    Some(NextToken::Known(value)) => return AuthProgress::Known(value),
                    Some(NextToken::Unseen(jws)) => (jws, false),
                    None => return self.end(state),
                },
            };
            match state.keyring.lookup(jws.key_id(), waited, now) {
                Lookup::Keys(keys) => self.checking = Some((jws, keys)),
                Lookup::Unknown => self.error = self.error.or_further(TokenError::UnknownKey),
                Lookup::Unavailable => self.keys_unavailable = true,
                Lookup::Await(inquiry) => {
                    let tokens = self.tokens.iter().map(Vec::len).chain([jws.byte_len(), self.other_bytes]);
                    self.hold = state.waiting.hold(tokens.fold(0, usize::saturating_add));
                    if self.hold.is_none() {
                        return failed(AuthError::TooManyWaiting, false);
                    }
                    self.looking = Some((jws, true));
                    return AuthProgress::Perform(self, Action::Await(inquiry));
                }
                Lookup::Fetch(callout) => {
                    self.looking = Some((jws, waited));
                    return AuthProgress::Fetch(self, callout);
                }
            }
        }
    }

    /// Takes the next token that holds as it was remembered, or that is well formed and not known yet.
    fn next_token<V: AsRef<Session>>(
        &mut self,
        state: &mut AuthState<V>,
        now: Micros,
    ) -> Option<NextToken<V>> {
        while let Some(token) = self.tokens.pop_front() {
            match state.remembered(&token, now) {
                Some(Ok(value)) => return Some(NextToken::Known(value)),
                Some(Err(error)) => self.error = self.error.or_further(error),
                None if self.checks_left == 0 => {}
                None => match Jws::parse(&token) {
                    Ok(jws) => {
                        self.checks_left = self.checks_left.saturating_sub(1);
                        return Some(NextToken::Unseen(jws));
                    }
                    Err(error) => self.error = self.error.or_further(error),
                },
            }
        }
        None
    }

    /// No token holds. Without any key nobody can say whose a cookie is, so not even an anonymous rule lets it pass.
    fn end<V>(&self, state: &AuthState<V>) -> AuthProgress<V> {
        if self.keys_unavailable {
            let is_anonymous = !self.in_header && !state.keyring.is_empty();
            return failed(AuthError::KeysUnavailable, is_anonymous);
        }
        failed(AuthError::Token(self.error), !self.in_header)
    }

    /// Continues with the result of a check.
    pub(crate) fn verified<V: AsRef<Session>>(
        mut self: Box<Self>,
        state: &mut AuthState<V>,
        verification: Verification,
        now: Micros,
    ) -> AuthProgress<V> {
        let Some((jws, keys)) = &mut self.checking else { return self.next(state, now) };
        let verification = match (verification, state.rs256, keys.front()) {
            (Verification::Unsupported, Some(check), Some(key)) => {
                check(key.spki(), jws.signature(), jws.signing_input())
            }
            (Verification::Unsupported, _, _) => return failed(AuthError::SignaturesUnsupported, false),
            (verification, _, _) => verification,
        };
        keys.pop_front();
        let session = Session::from_jws(jws, verification);
        match session.and_then(|session| state.rules.check(&session, now).map(|()| session)) {
            Ok(session) => match self.checking.take() {
                Some((jws, _)) => AuthProgress::Verified(Box::new(VerifiedToken { jws, session })),
                None => self.next(state, now),
            },
            Err(error) => {
                self.error = self.error.or_further(error);
                if error != TokenError::SignatureMismatch {
                    self.checking = None;
                }
                self.next(state, now)
            }
        }
    }
}

/// A token that comes next.
#[derive(Debug)]
enum NextToken<V> {
    /// Its signature was checked before, and it still holds.
    Known(Rc<V>),
    /// Its signature must be checked.
    Unseen(Jws),
}

/// Puts the tokens of several cookies in the order in which they count, and leaves out those that cannot hold, whoever
/// signed them; the error says why.
///
/// The newest (`iat`) that holds is the caller's: a browser that has changed its user may keep the other's cookie under
/// another name. Of equals the order stays, so that a suffixed name comes first, as in `@clerk/backend`. The claims are
/// not verified yet, but those that count are the same after it.
fn newest_first<V: AsRef<Session>>(
    state: &mut AuthState<V>,
    tokens: &[&[u8]],
    now: Micros,
) -> (VecDeque<Vec<u8>>, TokenError) {
    let mut error = TokenError::Missing;
    if let [token] = tokens {
        return (VecDeque::from([token.to_vec()]), error);
    }
    let mut dated = Vec::new();
    for token in tokens {
        let (issued_at, is_known) = match state.remembered(token, now) {
            Some(known) => (known.map(|value| (*value).as_ref().issued_at), true),
            None => (Jws::parse(token).and_then(|jws| state.rules.check_unverified(&jws, now)), false),
        };
        match issued_at {
            Ok(issued_at) => dated.push((issued_at, *token, is_known)),
            Err(why) => error = error.or_further(why),
        }
    }
    dated.sort_by_key(|(issued_at, _, _)| Reverse(*issued_at));
    let mut unseen = 0_usize;
    // What would not be checked need not be kept.
    dated.retain(|(_, _, is_known)| {
        unseen = unseen.saturating_add(usize::from(!is_known));
        *is_known || unseen <= SIGNATURES_MAX
    });
    (dated.into_iter().map(|(_, token, _)| token.to_vec()).collect(), error)
}

fn failed<V>(error: AuthError, is_anonymous: bool) -> AuthProgress<V> {
    AuthProgress::Failed(AuthFailure { error, is_anonymous })
}

#[cfg(test)]
mod tests;
