//! From the token that a request carries to its caller: out of the cache, or by checking signatures one by one.

use super::caller::Caller;
use super::keyring::Lookup;
use super::metrics::Event;
use super::refusal::Refusal;
use super::worker::{Purpose, Worker};
use crate::clerk::TokenError;
use crate::clerk::carrier::{self, Carried};
use crate::clerk::claims::Session;
use crate::clerk::jws::Jws;
use crate::clerk::keys::PublicKey;
use crate::held::Hold;
use crate::http::HeaderMap;
use crate::machine::{Action, Verification};
use crate::report::Report;
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many tokens of one request may have their signature checked.
const SIGNATURES_MAX: usize = 8;

/// Tokens that are still to be judged, and what stood against those before.
#[derive(Debug)]
pub(super) struct Authentication {
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
    by_header: bool,
    /// How many bytes are kept of the request beside its tokens.
    other_bytes: usize,
    /// While it waits for keys.
    hold: Option<Hold>,
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// The caller is known.
    Caller(Rc<Caller>),
    /// There is no caller. An anonymous rule lets pass what did not come in the Authorization field.
    Nobody {
        /// Why.
        refusal: Refusal,
        /// Whether it was the Authorization field that did not hold.
        by_header: bool,
    },
    /// A signature must be checked or keys be fetched first.
    Ask(Box<Authentication>, Action),
}

impl Authentication {
    /// Looks for the tokens that a request carries, of which so many other bytes are kept.
    pub(super) fn begin(
        worker: &mut Worker,
        headers: &HeaderMap,
        other_bytes: usize,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> Progress {
        let (tokens, by_header, error) = match carrier::find(headers, worker.gate.cookie) {
            Ok(Carried::Nothing) => (VecDeque::new(), false, TokenError::Missing),
            Ok(Carried::Bearer(token)) => (VecDeque::from([token.to_vec()]), true, TokenError::Missing),
            Ok(Carried::Cookies(tokens)) => {
                let (tokens, error) = newest_first(worker, &tokens, now);
                (tokens, false, error)
            }
            Ok(Carried::TooManyCookies) => {
                let error = TokenError::Malformed("it comes among more cookies than the gateway reads");
                (VecDeque::new(), false, error)
            }
            Err(error) => return nobody(Refusal::Token(error), true),
        };
        let authentication = Box::new(Authentication {
            tokens,
            checks_left: SIGNATURES_MAX,
            looking: None,
            checking: None,
            error,
            keys_unavailable: false,
            by_header,
            other_bytes,
            hold: None,
        });
        authentication.next(worker, now, reports)
    }

    /// The next signature to check, or the end. Also what goes on once keys were fetched.
    pub(super) fn next(
        mut self: Box<Self>,
        worker: &mut Worker,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> Progress {
        self.hold = None;
        loop {
            if let Some((jws, keys)) = &mut self.checking {
                if let Some(key) = keys.front() {
                    let action = jws.verify_with(key);
                    return Progress::Ask(self, action);
                }
                self.checking = None;
            }
            let (jws, waited) = match self.looking.take() {
                Some(looking) => looking,
                None => match self.next_token(worker, now) {
                    Some(Next::Known(caller)) => {
                        reports.push(worker.metrics.happened(Event::CacheHit));
                        return Progress::Caller(caller);
                    }
                    Some(Next::Unseen(jws)) => (jws, false),
                    None => return self.end(worker),
                },
            };
            match worker.keyring.lookup(jws.key_id(), waited, now) {
                Lookup::Keys(keys) => self.checking = Some((jws, keys)),
                Lookup::Unknown => self.error = self.error.or_further(TokenError::UnknownKey),
                Lookup::Unavailable => self.keys_unavailable = true,
                Lookup::Await(inquiry) => {
                    let tokens = self.tokens.iter().map(Vec::len).chain([jws.byte_len(), self.other_bytes]);
                    self.hold = worker.waiting.hold(tokens.fold(0, usize::saturating_add));
                    if self.hold.is_none() {
                        return nobody(Refusal::TooManyWaiting, true);
                    }
                    self.looking = Some((jws, true));
                    return Progress::Ask(self, Action::Await(inquiry));
                }
                Lookup::Fetch(callout) => {
                    self.looking = Some((jws, waited));
                    let inquiry = worker.inquiries.begin(Purpose::Keys);
                    worker.keyring.began(inquiry, now);
                    return Progress::Ask(self, Action::Inquire { inquiry, callout: Box::new(callout) });
                }
            }
        }
    }

    /// Takes the next token that holds as it was remembered, or that is well formed and not known yet.
    fn next_token(&mut self, worker: &mut Worker, now: Micros) -> Option<Next> {
        while let Some(token) = self.tokens.pop_front() {
            match remembered(worker, &token, now) {
                Some(Ok(caller)) => return Some(Next::Known(caller)),
                Some(Err(error)) => self.error = self.error.or_further(error),
                None if self.checks_left == 0 => {}
                None => match Jws::parse(&token) {
                    Ok(jws) => {
                        self.checks_left = self.checks_left.saturating_sub(1);
                        return Some(Next::Unseen(jws));
                    }
                    Err(error) => self.error = self.error.or_further(error),
                },
            }
        }
        None
    }

    /// No token holds. Without any key nobody can say whose a cookie is, so not even as nobody's does it pass.
    fn end(&self, worker: &Worker) -> Progress {
        if self.keys_unavailable {
            return nobody(Refusal::KeysUnavailable, self.by_header || worker.keyring.is_empty());
        }
        nobody(Refusal::Token(self.error), self.by_header)
    }

    /// Goes on with the result of a check.
    pub(super) fn verified(
        mut self: Box<Self>,
        worker: &mut Worker,
        verification: Verification,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> Progress {
        let Some((jws, keys)) = &mut self.checking else { return self.next(worker, now, reports) };
        let verification = match (verification, worker.rs256, keys.front()) {
            (Verification::Unsupported, Some(check), Some(key)) => {
                check(key.spki(), jws.signature(), jws.signing_input())
            }
            (Verification::Unsupported, _, _) => return nobody(Refusal::SignaturesUnsupported, true),
            (verification, _, _) => verification,
        };
        keys.pop_front();
        let session = Session::from_jws(jws, verification);
        match session.and_then(|session| worker.rules.check(&session, now).map(|()| session)) {
            Ok(session) => {
                reports.push(worker.metrics.happened(Event::CacheMiss));
                let (caller, fault) = Caller::new(session, &worker.gate, &worker.plans);
                if let Some(fault) = fault {
                    let subject = caller.subject.as_ref();
                    reports.extend(fault.reports(&worker.metrics, &mut worker.reported, subject, now));
                }
                let caller = Rc::new(caller);
                worker.tokens.insert(jws.token(), Rc::clone(&caller));
                Progress::Caller(caller)
            }
            Err(error) => {
                self.error = self.error.or_further(error);
                if error != TokenError::SignatureMismatch {
                    self.checking = None;
                }
                self.next(worker, now, reports)
            }
        }
    }
}

/// A token that comes next.
#[derive(Debug)]
enum Next {
    /// Its signature was checked before, and it still holds.
    Known(Rc<Caller>),
    /// Its signature must be checked.
    Unseen(Jws),
}

/// Returns the caller of a token that was verified before, or why it holds no longer; it is forgotten then.
fn remembered(worker: &mut Worker, token: &[u8], now: Micros) -> Option<Result<Rc<Caller>, TokenError>> {
    let caller = worker.tokens.get(token)?;
    let verdict = worker.rules.check(&caller.session, now);
    if verdict.is_err() {
        worker.tokens.remove(token);
    }
    Some(verdict.map(|()| caller))
}

/// Puts the tokens of several cookies in the order in which they count, and leaves out those that cannot hold, whoever
/// signed them; the error says why.
///
/// The newest (`iat`) that holds is the caller's: a browser that has changed its user may keep the other's cookie under
/// another name. Of equals the order stays, so that a suffixed name comes first, as in `@clerk/backend`. The claims are
/// not verified yet, but those that count are the same after it.
fn newest_first(worker: &mut Worker, tokens: &[&[u8]], now: Micros) -> (VecDeque<Vec<u8>>, TokenError) {
    let mut error = TokenError::Missing;
    if let [token] = tokens {
        return (VecDeque::from([token.to_vec()]), error);
    }
    let mut dated = Vec::new();
    for token in tokens {
        let (issued_at, is_known) = match remembered(worker, token, now) {
            Some(known) => (known.map(|caller| caller.session.issued_at), true),
            None => (Jws::parse(token).and_then(|jws| worker.rules.check_unverified(&jws, now)), false),
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

fn nobody(refusal: Refusal, by_header: bool) -> Progress {
    Progress::Nobody { refusal, by_header }
}
