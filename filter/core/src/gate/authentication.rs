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
use crate::http::HeaderMap;
use crate::machine::{Action, Verification};
use crate::report::Report;
use crate::time::Micros;
use std::collections::VecDeque;
use std::rc::Rc;

/// Tokens that are still to be judged, and what stood against those before.
#[derive(Debug)]
pub(super) struct Authentication {
    tokens: VecDeque<Vec<u8>>,
    /// A token whose keys are looked for, and whether they were waited for.
    looking: Option<(Jws, bool)>,
    /// A token whose signature is checked, and the keys that are left to try.
    checking: Option<(Jws, VecDeque<PublicKey>)>,
    error: TokenError,
    /// For a token the keys could not be fetched.
    keys_unavailable: bool,
    by_header: bool,
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
    /// Looks for the tokens that a request carries.
    pub(super) fn begin(
        worker: &mut Worker,
        headers: &HeaderMap,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> Progress {
        let (tokens, by_header) = match carrier::find(headers, worker.gate.cookie) {
            Ok(Carried::Nothing) => (Vec::new(), false),
            Ok(Carried::Bearer(token)) => (vec![token], true),
            Ok(Carried::Cookies(tokens)) => (tokens, false),
            Err(error) => return nobody(Refusal::Token(error), true),
        };
        for token in &tokens {
            if let Some(caller) = worker.tokens.get(token) {
                reports.push(worker.metrics.happened(Event::CacheHit));
                match worker.rules.check(&caller.session, now) {
                    Ok(()) => return Progress::Caller(caller),
                    Err(_) => worker.tokens.remove(token),
                }
            }
        }
        let tokens = tokens.into_iter().map(<[u8]>::to_vec).collect();
        let authentication = Box::new(Authentication {
            tokens,
            looking: None,
            checking: None,
            error: TokenError::Missing,
            keys_unavailable: false,
            by_header,
        });
        authentication.next(worker, now)
    }

    /// The next signature to check, or the end. Also what goes on once keys were fetched.
    pub(super) fn next(mut self: Box<Self>, worker: &mut Worker, now: Micros) -> Progress {
        loop {
            if let Some((jws, keys)) = &mut self.checking {
                if let Some(key) = keys.front() {
                    let action = jws.verify_with(key);
                    return Progress::Ask(self, action);
                }
                self.checking = None;
            }
            let Some((jws, waited)) = self.looking.take().or_else(|| self.next_token()) else {
                return self.end(worker);
            };
            match worker.keyring.lookup(jws.key_id(), waited, now) {
                Lookup::Keys(keys) => self.checking = Some((jws, keys)),
                Lookup::Unknown => self.error = self.error.or_further(TokenError::UnknownKey),
                Lookup::Unavailable => self.keys_unavailable = true,
                Lookup::Await(inquiry) => {
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

    /// The next token that is well formed.
    fn next_token(&mut self) -> Option<(Jws, bool)> {
        while let Some(token) = self.tokens.pop_front() {
            match Jws::parse(&token) {
                Ok(jws) => return Some((jws, false)),
                Err(error) => self.error = self.error.or_further(error),
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
        let Some((jws, keys)) = &mut self.checking else { return self.next(worker, now) };
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
                    reports.extend(fault.reports(&worker.metrics, caller.subject.as_ref()));
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
                self.next(worker, now)
            }
        }
    }
}

fn nobody(refusal: Refusal, by_header: bool) -> Progress {
    Progress::Nobody { refusal, by_header }
}
