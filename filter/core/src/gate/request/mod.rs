//! The way of one request through the gate: from its header to its caller here, and to its answer in [`enforcement`].

mod enforcement;

use super::caller::Caller;
use super::client_address::{self, AddressError};
use super::confirm::Confirming;
use super::metrics::GateEvent;
use super::principal::Principal;
use super::redirect::{self, CountedRequest};
use super::refusal::Refusal;
use super::response::{self, AnswerContext};
use super::rules::{Guard, RuleSet};
use super::store::{Counting, Reading};
use super::usage::{self, UsageAsked, UsageRequest};
use super::worker::{GateWorker, Purpose};
use crate::alarm::{Alarm, AlarmCode};
use crate::auth::{AuthFailure, AuthProgress, Authentication, VerifiedToken};
use crate::config::{Rule, Unmatched};
use crate::cors;
use crate::http::{HeaderMap, Outcome};
use crate::machine::{Action, Input, InquiryId, KEPT, Machine, Step};
use crate::override_fields::OverrideFields;
use crate::path;
use crate::plan_table::Rank;
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;

/// Where Envoy keeps the name of the rule that a route asks for.
const ROUTE_RULE: &[&str] = &["xds", "route_metadata", "filter_metadata", "tollgate", "rule"];

/// Where Envoy keeps the client's address.
const SOURCE_ADDRESS: &[&str] = &["source", "address"];

/// One request on its way through the gate.
#[derive(Debug, Default)]
pub struct GateRequest {
    /// What of the header its answer needs.
    context: AnswerContext,
    /// The place of the rule that guards it.
    rule: Option<usize>,
    at_usage_path: bool,
    /// `x-forwarded-for` names an address that Envoy does not read.
    is_forwarded_with_port: bool,
    /// What it was counted against before Envoy followed a redirect.
    counted_before: Option<CountedRequest>,
    /// What it is being counted against.
    counting: Option<CountedRequest>,
    /// What it was counted against.
    counted: Option<CountedRequest>,
    /// Clerk's own record was asked for: what comes of it is final.
    was_confirmed: bool,
    /// It is judged again, because something was learned of its caller.
    is_judged_again: bool,
    stage: GateStage,
    reports: Vec<Report>,
}

/// What is being waited for.
#[derive(Debug, Default)]
enum GateStage {
    /// The request itself.
    #[default]
    Header,
    /// What was kept of an earlier pass of the request with this header.
    Redirect(HeaderMap),
    /// The rule that the route names, for the request with this header.
    Route(HeaderMap),
    /// A signature to be checked, or keys.
    Token(Box<Authentication>),
    /// The address of a caller without a token, who has this plan.
    Address(Rank),
    /// The store, which counts.
    Store(Box<Principal>, Box<Counting>),
    /// The store, which only reads.
    Usage(Box<Principal>, Box<UsageRequest>, Box<Reading>),
    /// Whether Clerk's own record would lift a refusal.
    Confirm(Box<Confirming>),
    /// Nothing any more.
    Judged,
}

impl Machine for GateRequest {
    type Worker = GateWorker;

    fn handle(&mut self, worker: &mut GateWorker, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, GateStage::Judged);
        let action = match (stage, input) {
            (GateStage::Header, Input::Head { headers, .. }) => self.arrive(worker, now, headers),
            (GateStage::Redirect(headers), Input::Property(kept)) => {
                self.counted_before = kept.and_then(CountedRequest::parse);
                self.stage = GateStage::Route(headers);
                Action::ReadProperty { path: ROUTE_RULE }
            }
            (GateStage::Route(headers), Input::Property(named)) => self.route(worker, now, &headers, named),
            (GateStage::Token(authentication), Input::Verified(verification)) => {
                let progress = authentication.verified(&mut worker.auth, verification, now);
                self.authenticated(worker, now, progress)
            }
            (GateStage::Token(authentication), Input::Inquired | Input::Settled) => {
                let progress = authentication.next(&mut worker.auth, now);
                self.authenticated(worker, now, progress)
            }
            (GateStage::Address(plan), Input::Property(address)) => {
                match client_address::network(address, self.is_forwarded_with_port) {
                    Ok(network) => self.judge(worker, now, Principal::Anonymous { network, plan }),
                    Err(error) => self.without_address(worker, now, error),
                }
            }
            (GateStage::Store(principal, counting), input) => {
                let counted = counting.advance(&worker.metrics, now, &input, &mut self.reports);
                self.counted(worker, now, principal, counted)
            }
            (GateStage::Usage(principal, request, reading), input) => {
                let read = reading.advance(now, &input, &mut self.reports);
                self.read(worker, now, principal, request, read)
            }
            (GateStage::Confirm(confirming), input) => {
                let progress = confirming.go_on(worker, now, &input, &mut self.reports);
                self.confirming(worker, now, progress)
            }
            // What nobody asked for changes nothing.
            (stage, _) => {
                self.stage = stage;
                Action::Wait
            }
        };
        Step { action, reports: std::mem::take(&mut self.reports) }
    }

    fn settle(worker: &mut GateWorker, now: Micros, inquiry: InquiryId, outcome: Outcome<'_>) -> Vec<Report> {
        worker.settle(now, inquiry, &outcome)
    }

    fn keep(&self) -> Option<Vec<u8>> {
        self.counted.map(CountedRequest::to_bytes)
    }
}

impl GateRequest {
    fn arrive(&mut self, worker: &mut GateWorker, now: Micros, headers: HeaderMap) -> Action {
        self.context = AnswerContext::of(worker, &headers);
        let path = path::without_query(headers.get(":path").unwrap_or_default());
        let is = |own: &String| own.as_bytes() == path;
        // With another path in a header field it is not that filter's for everyone.
        if worker.gate.paths_of_others.iter().any(is) && OverrideFields::read(&headers).repeat_path(&headers)
        {
            return self.let_by();
        }
        if worker.gate.usage_path.as_ref().is_some_and(is) {
            return self.usage(worker, now, &headers);
        }
        if redirect::is_possible(&headers) {
            self.stage = GateStage::Redirect(headers);
            return Action::ReadProperty { path: KEPT };
        }
        self.stage = GateStage::Route(headers);
        Action::ReadProperty { path: ROUTE_RULE }
    }

    fn route(
        &mut self,
        worker: &mut GateWorker,
        now: Micros,
        headers: &HeaderMap,
        named: Option<&[u8]>,
    ) -> Action {
        let rules = RuleSet { rules: &worker.gate.rules, unmatched: worker.gate.unmatched };
        let overrides = OverrideFields::read(headers);
        match rules.guard(named, headers, &overrides) {
            Guard::Rule(place, _) => self.rule = Some(place),
            Guard::Unmatched => match worker.gate.unmatched {
                Unmatched::Pass => return self.let_by(),
                Unmatched::RequireToken => {}
                Unmatched::Deny => return self.refuse(worker, now, &Refusal::NoRule, None),
            },
            Guard::Ambiguous => return self.refuse(worker, now, &Refusal::AmbiguousPath, None),
            Guard::AmbiguousHost => return self.refuse(worker, now, &Refusal::AmbiguousHost, None),
            Guard::AmbiguousMethod => {
                return self.refuse(worker, now, &Refusal::AmbiguousMethod, None);
            }
            Guard::UnknownRule => return self.refuse(worker, now, &Refusal::UnknownRule, None),
        }
        // Browsers replace neither path nor method of their preflights; whoever does wants something else.
        let is_plain = || overrides.repeat_path(headers) && overrides.repeat_method(headers);
        if cors::is_preflight(headers) && is_plain() {
            return self.let_by();
        }
        self.authenticate(worker, now, headers)
    }

    fn usage(&mut self, worker: &mut GateWorker, now: Micros, headers: &HeaderMap) -> Action {
        self.at_usage_path = true;
        match usage::asked(worker, headers, &self.context) {
            UsageAsked::Usage => self.authenticate(worker, now, headers),
            UsageAsked::Preflight(reply) => Action::Reply(reply),
            UsageAsked::Otherwise => self.refuse(worker, now, &Refusal::MethodNotAllowed, None),
        }
    }

    fn authenticate(&mut self, worker: &mut GateWorker, now: Micros, headers: &HeaderMap) -> Action {
        if self.rule(worker).is_some_and(|rule| rule.anonymous.is_some()) {
            self.is_forwarded_with_port = client_address::is_forwarded_with_port(headers);
        }
        let progress = Authentication::start(&mut worker.auth, headers, self.context.byte_len(), now);
        self.authenticated(worker, now, progress)
    }

    fn authenticated(
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
                Action::Inquire { inquiry, callout: Box::new(callout) }
            }
            AuthProgress::Known(caller) => {
                self.reports.push(worker.metrics.happened(GateEvent::CacheHit));
                let principal = principal(worker, caller, now);
                self.judge(worker, now, principal)
            }
            AuthProgress::Verified(token) => {
                self.reports.push(worker.metrics.happened(GateEvent::CacheMiss));
                let caller = self.remember(worker, now, *token);
                let principal = principal(worker, caller, now);
                self.judge(worker, now, principal)
            }
            AuthProgress::Failed(AuthFailure { error, is_anonymous }) => {
                let anonymous = self.rule(worker).and_then(|rule| rule.anonymous);
                match anonymous {
                    Some(plan) if is_anonymous => {
                        self.stage = GateStage::Address(plan);
                        Action::ReadProperty { path: SOURCE_ADDRESS }
                    }
                    _ => self.refuse(worker, now, &Refusal::Auth(error), None),
                }
            }
        }
    }

    /// Keeps the caller of a token that was verified just now.
    fn remember(&mut self, worker: &mut GateWorker, now: Micros, token: VerifiedToken) -> Rc<Caller> {
        let (bytes, session) = token.into_parts();
        let (caller, fault) = Caller::new(session, &worker.gate, &worker.plans);
        if let Some(fault) = fault {
            let subject = caller.subject.as_ref();
            self.reports.extend(fault.reports(&worker.metrics, &mut worker.reported, subject, now));
        }
        worker.auth.remember(&bytes, caller)
    }

    /// An anonymous caller cannot be counted: it is refused, and the operator is told once a minute.
    fn without_address(&mut self, worker: &mut GateWorker, now: Micros, error: AddressError) -> Action {
        let (cause, cure) = error.cause_and_cure();
        if worker.reported.due(cause, now).is_some() {
            let alarm = Alarm::warning(AlarmCode::AddressUnknown, format!("{cause}: {cure}"));
            self.reports.push(alarm.with("cause", cause).with("cure", cure).into());
        }
        self.refuse(worker, now, &Refusal::AddressUnknown(error), None)
    }

    /// Forwards the request without identity fields.
    fn let_by(&mut self) -> Action {
        Action::Forward(response::without_identity(std::mem::take(&mut self.context)))
    }

    /// Returns the name of the rule that guards the request, once it was found.
    pub fn rule_name<'a>(&self, worker: &'a GateWorker) -> Option<&'a str> {
        self.rule(worker).map(|rule| rule.name.as_str())
    }

    fn rule<'a>(&self, worker: &'a GateWorker) -> Option<&'a Rule> {
        worker.gate.rules.get(self.rule?)
    }
}

/// Returns the bearer of a token as a principal, by what is known of the plan now.
fn principal(worker: &GateWorker, caller: Rc<Caller>, now: Micros) -> Principal {
    let known = |subject| worker.confirmed.answer(subject, caller.session.claims_read_at, now);
    let confirmed = caller.subject.as_ref().and_then(known);
    Principal::Caller { caller, confirmed }
}
