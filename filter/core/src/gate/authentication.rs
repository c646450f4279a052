//! From the token that a request carries to its caller: out of the cache, or by checking signatures one by one.

use super::caller::{Caller, PlanFault};
use super::metrics::Event;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::clerk::TokenError;
use crate::clerk::carrier::{self, Carried};
use crate::clerk::claims::Session;
use crate::clerk::jws::Jws;
use crate::clerk::keys::PublicKey;
use crate::http::HeaderMap;
use crate::machine::{Action, Verification};
use crate::report::{Level, Report};
use crate::time::Micros;
use serde::Serialize;
use std::collections::VecDeque;
use std::rc::Rc;

/// Tokens that are still to be judged, and what stood against those before.
#[derive(Debug)]
pub(super) struct Authentication {
    tokens: VecDeque<Vec<u8>>,
    checking: Option<(Jws, VecDeque<PublicKey>)>,
    error: TokenError,
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
    /// A signature must be checked first.
    Verify(Authentication, Action),
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
        let authentication = Authentication { tokens, checking: None, error: TokenError::Missing, by_header };
        authentication.next(worker)
    }

    /// The next signature to check, or the end.
    fn next(mut self, worker: &Worker) -> Progress {
        loop {
            if let Some((jws, keys)) = &mut self.checking {
                if let Some(key) = keys.pop_front() {
                    let action = jws.verify_with(&key);
                    return Progress::Verify(self, action);
                }
                self.checking = None;
            }
            let Some(token) = self.tokens.pop_front() else {
                return nobody(Refusal::Token(self.error), self.by_header);
            };
            match Jws::parse(&token) {
                Ok(jws) => {
                    let keys: VecDeque<_> = worker.keys.candidates(jws.key_id()).cloned().collect();
                    if keys.is_empty() {
                        self.error = self.error.or_further(TokenError::UnknownKey);
                    }
                    self.checking = Some((jws, keys));
                }
                Err(error) => self.error = self.error.or_further(error),
            }
        }
    }

    /// Goes on with the result of a check.
    pub(super) fn verified(
        mut self,
        worker: &mut Worker,
        verification: Verification,
        now: Micros,
        reports: &mut Vec<Report>,
    ) -> Progress {
        if verification == Verification::Unsupported {
            return nobody(Refusal::SignaturesUnsupported, true);
        }
        let Some((jws, _)) = &self.checking else { return self.next(worker) };
        let session = Session::from_jws(jws, verification);
        match session.and_then(|session| worker.rules.check(&session, now).map(|()| session)) {
            Ok(session) => {
                reports.push(worker.metrics.happened(Event::CacheMiss));
                let (caller, fault) = Caller::new(session, &worker.gate, &worker.plans);
                if let Some(fault) = fault {
                    report_fault(worker, &caller, &fault, reports);
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
                self.next(worker)
            }
        }
    }
}

fn nobody(refusal: Refusal, by_header: bool) -> Progress {
    Progress::Nobody { refusal, by_header }
}

/// Once for each token, not for each request: a cached token is not read again.
fn report_fault(worker: &Worker, caller: &Caller, fault: &PlanFault, reports: &mut Vec<Report>) {
    #[derive(Serialize)]
    struct Line<'a> {
        alarm: &'static str,
        subject: Option<&'a str>,
        found: &'a str,
        cure: &'static str,
    }
    let (found, cure) = match fault {
        PlanFault::Unknown(plan) => (plan, "add the plan to `plans`, or correct it in Clerk"),
        PlanFault::Unreadable(error) => (error, "correct the session token's claims in Clerk"),
    };
    let subject = caller.subject.as_ref().map(crate::ids::Subject::as_str);
    reports.push(worker.metrics.happened(Event::PlanUnknown));
    reports.push(Report::json(Level::Warn, &Line { alarm: "plan_unknown", subject, found, cure }));
}
