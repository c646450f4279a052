//! The state machine of one request in the gate. This file goes from the header to the caller;
//! [`enforcement`] goes from the caller to the response.
//!
//! A guarded request:
//!
//! ```text
//! Header ─► [Redirect ─►] [Route ─►] Token ─► [Address ─►] decision ─► [Store ─►] [Confirm ─►] Done
//!                                                          ▲                       │
//!                                                          └── the plan is higher ─┘
//! ```
//!
//! A request for the usage path:
//!
//! ```text
//! Header ─► Token ─► [Usage ─►] Done
//! ```
//!
//! `Redirect` only if Envoy may have followed a redirect; `Route` only if routes may name rules; `Token` only
//! if a signature must be verified or keys fetched; `Address` only for an anonymous caller; `Store` only if
//! the rule has a limit; `Confirm` only before a refusal that a higher plan would lift; `Usage` only if the
//! plan has a limit to read. Every stage can end in `Done` with a refusal. `Header` and `Route` also end in
//! `Done` with a forwarded request if no token is needed.

mod enforcement;

use super::caller::Caller;
use super::client_address::{self, AddressError};
use super::confirm::Confirming;
use super::metrics::GateEvent;
use super::principal::Principal;
use super::redirect::{self, CountedRequest};
use super::refusal::Refusal;
use super::response::{self, ResponseContext};
use super::rules::{Guard, RuleSet};
use super::store::{CounterReading, Counting};
use super::usage::{UsageRequest, UsageRequestKind};
use super::worker::{GateWorker, Purpose};
use crate::auth::{AuthProgress, Authentication, VerifiedToken};
use crate::config::{Rule, Unmatched};
use crate::cors;
use crate::http::{HeaderMap, Outcome};
use crate::machine::{Action, Input, InquiryId, KEPT_PROPERTY, Machine, Step};
use crate::override_fields::OverrideFields;
use crate::path;
use crate::plan_table::Rank;
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;

/// The attribute with the name of the rule that the route selects.
const ROUTE_RULE: &[&str] = &["xds", "route_metadata", "filter_metadata", "tollgate", "rule"];

/// The attribute with the client's address.
const SOURCE_ADDRESS: &[&str] = &["source", "address"];

/// The state of one request in the gate.
#[derive(Debug, Default)]
pub struct GateRequest {
    /// The part of the header that the response needs.
    context: ResponseContext,
    /// The index of the rule that guards the request.
    rule: Option<usize>,
    at_usage_path: bool,
    /// Whether `x-forwarded-for` has an address that Envoy does not read.
    is_forwarded_with_port: bool,
    /// The count before Envoy followed a redirect.
    counted_before: Option<CountedRequest>,
    /// The count in progress.
    counting: Option<CountedRequest>,
    /// The completed count.
    counted: Option<CountedRequest>,
    /// Whether Clerk's own record was read, so that the next decision is final.
    was_confirmed: bool,
    /// Whether this is a second decision, after new information about the caller.
    is_decided_again: bool,
    stage: GateStage,
    reports: Vec<Report>,
}

/// The input that a request waits for. See the module's documentation for the transitions.
#[derive(Debug, Default)]
enum GateStage {
    /// The request's header.
    #[default]
    Header,
    /// The data that was kept before a redirect, for the request with this header.
    Redirect(HeaderMap),
    /// The rule that the route names, for the request with this header.
    Route(HeaderMap),
    /// The result of a signature's verification, or the keys.
    Token(Box<Authentication>),
    /// The address of an anonymous caller, who has this plan.
    Address(Rank),
    /// The store, which counts the request.
    Store(Box<Principal>, Box<Counting>),
    /// The store, which only reads counters.
    Usage(Box<Principal>, Box<UsageRequest>, Box<CounterReading>),
    /// Clerk's own record, which may lift the refusal.
    Confirm(Box<Confirming>),
    /// No further input: the request was forwarded or has a response.
    Done,
}

impl Machine for GateRequest {
    type Worker = GateWorker;

    fn handle(&mut self, worker: &mut GateWorker, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, GateStage::Done);
        let action = match (stage, input) {
            (GateStage::Header, Input::Head { headers, .. }) => self.handle_header(worker, now, headers),
            (GateStage::Redirect(headers), Input::Property(kept)) => {
                self.counted_before = kept.and_then(CountedRequest::parse);
                self.read_route(worker, now, headers)
            }
            (GateStage::Route(headers), Input::Property(rule_name)) => {
                self.select_rule(worker, now, &headers, rule_name)
            }
            (GateStage::Token(authentication), Input::Verified(verification)) => {
                let progress = authentication.verified(&mut worker.auth, verification, now);
                self.handle_auth_progress(worker, now, progress)
            }
            (GateStage::Token(authentication), Input::InquiryStarted | Input::InquiryEnded) => {
                let progress = authentication.next(&mut worker.auth, now);
                self.handle_auth_progress(worker, now, progress)
            }
            (GateStage::Address(plan), Input::Property(address)) => {
                match client_address::network(address, self.is_forwarded_with_port) {
                    Ok(network) => self.decide(worker, now, Principal::Anonymous { network, plan }),
                    Err(error) => self.without_address(worker, now, error),
                }
            }
            (GateStage::Store(principal, counting), input) => {
                let counted = counting.advance(&worker.metrics, now, &input, &mut self.reports);
                self.handle_count(worker, now, principal, counted)
            }
            (GateStage::Usage(principal, request, reading), input) => {
                let read = reading.advance(now, &input, &mut self.reports);
                self.handle_usage_read(worker, now, principal, request, read)
            }
            (GateStage::Confirm(confirming), input) => {
                let progress = confirming.advance(worker, now, &input, &mut self.reports);
                self.handle_confirm_progress(worker, now, progress)
            }
            // An unexpected input changes nothing.
            (stage, _) => {
                self.stage = stage;
                Action::Wait
            }
        };
        Step { action, reports: std::mem::take(&mut self.reports) }
    }

    fn end_inquiry(
        worker: &mut GateWorker,
        now: Micros,
        inquiry: InquiryId,
        outcome: Outcome<'_>,
    ) -> Vec<Report> {
        worker.end_inquiry(now, inquiry, &outcome)
    }

    fn keep(&self) -> Option<Vec<u8>> {
        self.counted.map(CountedRequest::to_bytes)
    }
}

impl GateRequest {
    fn handle_header(&mut self, worker: &mut GateWorker, now: Micros, headers: HeaderMap) -> Action {
        self.context = ResponseContext::new(worker, &headers);
        let path = path::without_query(headers.get(":path").unwrap_or_default());
        let is_path = |usage_path: &String| usage_path.as_bytes() == path;
        if let Some(other) = worker.gate.paths_of_others.iter().find(|other| other.serves(path)) {
            let (filter, is_forwarded) = (other.section, other.is_forwarded);
            return self.handle_path_of_other(worker, now, headers, filter, is_forwarded);
        }
        if worker.gate.usage_path.as_ref().is_some_and(is_path) {
            return self.handle_usage_request(worker, now, &headers);
        }
        self.read_redirect(worker, now, headers)
    }

    /// Handles a request for a path to which another filter responds. Only a webhook in the mode `forward` lets
    /// such a request reach the gate; otherwise, that filter is missing, or listed after the gate.
    fn handle_path_of_other(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        headers: HeaderMap,
        filter: &'static str,
        is_forwarded: bool,
    ) -> Action {
        if !is_forwarded {
            self.reports.extend(worker.filter_missing(filter, now));
            return self.refuse(worker, now, &Refusal::FilterMissing, None);
        }
        // If a header field overrides the path, the upstream may serve another path than that filter does.
        if OverrideFields::read(&headers).repeat_path(&headers) {
            return self.pass_through();
        }
        self.read_redirect(worker, now, headers)
    }

    /// Reads what an earlier pass of the request through the gate has kept, if Envoy may have redirected it.
    fn read_redirect(&mut self, worker: &mut GateWorker, now: Micros, headers: HeaderMap) -> Action {
        if redirect::is_possible(&headers) {
            self.stage = GateStage::Redirect(headers);
            return Action::ReadProperty { path: KEPT_PROPERTY };
        }
        self.read_route(worker, now, headers)
    }

    /// Reads the rule that the route names, if routes may name rules.
    fn read_route(&mut self, worker: &mut GateWorker, now: Micros, headers: HeaderMap) -> Action {
        if !worker.gate.rules_by_route {
            return self.select_rule(worker, now, &headers, None);
        }
        self.stage = GateStage::Route(headers);
        Action::ReadProperty { path: ROUTE_RULE }
    }

    fn select_rule(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        headers: &HeaderMap,
        rule_name: Option<&[u8]>,
    ) -> Action {
        let rules = RuleSet { rules: &worker.gate.rules, unmatched: worker.gate.unmatched };
        let overrides = OverrideFields::read(headers);
        match rules.guard(rule_name, headers, &overrides) {
            Guard::Rule(index, _) => self.rule = Some(index),
            Guard::Unmatched => match worker.gate.unmatched {
                Unmatched::Pass => return self.pass_through(),
                Unmatched::RequireToken => {}
                Unmatched::Deny => return self.refuse(worker, now, &Refusal::NoRule, None),
            },
            Guard::Ambiguous => return self.refuse(worker, now, &Refusal::AmbiguousPath, None),
            Guard::AmbiguousHost => return self.refuse(worker, now, &Refusal::AmbiguousHost, None),
            Guard::AmbiguousMethod => {
                return self.refuse(worker, now, &Refusal::AmbiguousMethod, None);
            }
            Guard::UnknownRule => {
                self.reports.extend(worker.unknown_rule(rule_name, now));
                return self.refuse(worker, now, &Refusal::UnknownRule, None);
            }
        }
        // Browsers override neither the path nor the method of a preflight. A request that does is no
        // preflight.
        let has_no_override = || overrides.repeat_path(headers) && overrides.repeat_method(headers);
        if cors::is_preflight(headers) && has_no_override() {
            return self.pass_through();
        }
        self.authenticate(worker, now, headers)
    }

    fn handle_usage_request(&mut self, worker: &mut GateWorker, now: Micros, headers: &HeaderMap) -> Action {
        self.at_usage_path = true;
        match UsageRequestKind::classify(worker, headers, &self.context) {
            UsageRequestKind::Usage => self.authenticate(worker, now, headers),
            UsageRequestKind::Preflight(reply) => Action::Reply(reply),
            UsageRequestKind::Other => self.refuse(worker, now, &Refusal::MethodNotAllowed, None),
        }
    }

    fn authenticate(&mut self, worker: &mut GateWorker, now: Micros, headers: &HeaderMap) -> Action {
        if self.rule(worker).is_some_and(|rule| rule.anonymous.is_some()) {
            self.is_forwarded_with_port = client_address::is_forwarded_with_port(headers);
        }
        let progress = Authentication::start(&mut worker.auth, headers, self.context.byte_len(), now);
        self.handle_auth_progress(worker, now, progress)
    }

    fn handle_auth_progress(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        progress: AuthProgress<Caller>,
    ) -> Action {
        match progress {
            AuthProgress::Perform(authentication, action) => {
                self.stage = GateStage::Token(authentication);
                action
            }
            AuthProgress::Fetch(authentication, callout) => {
                self.stage = GateStage::Token(authentication);
                let inquiry = worker.inquiries.start(Purpose::Keys);
                worker.auth.fetch_started(inquiry, now);
                Action::StartInquiry { inquiry, callout: Box::new(callout) }
            }
            AuthProgress::Known(caller) => {
                self.reports.push(worker.metrics.count_event(GateEvent::CacheHit));
                let principal = principal(worker, caller, now);
                self.decide(worker, now, principal)
            }
            AuthProgress::Verified(token) => {
                self.reports.push(worker.metrics.count_event(GateEvent::CacheMiss));
                let caller = self.remember(worker, now, *token);
                let principal = principal(worker, caller, now);
                self.decide(worker, now, principal)
            }
            AuthProgress::Failed { error, received, is_anonymous } => {
                let anonymous = self.rule(worker).and_then(|rule| rule.anonymous);
                match anonymous {
                    Some(plan) if is_anonymous => {
                        self.stage = GateStage::Address(plan);
                        Action::ReadProperty { path: SOURCE_ADDRESS }
                    }
                    _ => {
                        self.reports.extend(worker.auth.refusal_alarm(error, received.as_deref(), now));
                        self.refuse(worker, now, &Refusal::Auth(error), None)
                    }
                }
            }
        }
    }

    /// Caches the caller of a token that was just verified.
    fn remember(&mut self, worker: &mut GateWorker, now: Micros, token: VerifiedToken) -> Rc<Caller> {
        let (bytes, session) = token.into_parts();
        let (caller, error, is_claim_provided) = Caller::new(session, &worker.gate, &worker.plans);
        if let (Some(is_provided), Some(subject)) = (is_claim_provided, &caller.subject) {
            self.reports.extend(worker.record_plan_claim(is_provided, subject, now));
        }
        if let Some(error) = error {
            let subject = caller.subject.as_ref();
            self.reports.extend(error.reports(&worker.metrics, &mut worker.reported, subject, now));
        }
        worker.auth.remember(&bytes, caller)
    }

    /// Refuses an anonymous caller, who cannot be counted without an address, and logs an alarm once a
    /// minute.
    fn without_address(&mut self, worker: &mut GateWorker, now: Micros, error: AddressError) -> Action {
        let (cause, _) = error.cause_and_cure();
        if worker.reported.due(cause, now).is_some() {
            self.reports.push(error.alarm().into());
        }
        self.refuse(worker, now, &Refusal::AddressUnknown(error), None)
    }

    /// Forwards the request without identity fields.
    fn pass_through(&mut self) -> Action {
        Action::Forward(response::without_identity(std::mem::take(&mut self.context)))
    }

    /// Returns the name of the rule that guards the request, if it is already known.
    pub fn rule_name<'a>(&self, worker: &'a GateWorker) -> Option<&'a str> {
        self.rule(worker).map(|rule| rule.name.as_str())
    }

    fn rule<'a>(&self, worker: &'a GateWorker) -> Option<&'a Rule> {
        worker.gate.rules.get(self.rule?)
    }
}

/// Returns the principal of a caller with a token, with the plan from Clerk's record if that is newer than
/// the token.
fn principal(worker: &GateWorker, caller: Rc<Caller>, now: Micros) -> Principal {
    let newer = |subject| worker.confirmed.newer_than(subject, caller.session.claims_read_at, now);
    let confirmed = caller.subject.as_ref().and_then(newer);
    Principal::Caller { caller, confirmed }
}
