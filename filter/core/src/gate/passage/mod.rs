//! The way of one request through the gate: from its header to its caller here, and to its answer in [`verdict`].

mod verdict;

use super::answer::{self, AnswerContext};
use super::authentication::{Authentication, Progress};
use super::client_address::{self, AddressError};
use super::confirm::Confirming;
use super::cors;
use super::redirect::{self, CountedRequest};
use super::refusal::Refusal;
use super::rules::{Guard, RuleSet};
use super::spender::Spender;
use super::store::{Counting, Reading};
use super::usage::{self, Asked};
use super::worker::Worker;
use crate::alarm::{Alarm, AlarmCode};
use crate::config::{Rule, Unmatched};
use crate::http::{HeaderMap, Outcome};
use crate::machine::{Action, Input, InquiryId, KEPT, Machine, Step};
use crate::override_fields::OverrideFields;
use crate::path;
use crate::plan_table::Rank;
use crate::report::Report;
use crate::time::Micros;

/// Where Envoy keeps the name of the rule that a route asks for.
const ROUTE_RULE: &[&str] = &["xds", "route_metadata", "filter_metadata", "tollgate", "rule"];

/// Where Envoy keeps the client's address.
const SOURCE_ADDRESS: &[&str] = &["source", "address"];

/// One request on its way through the gate.
#[derive(Debug, Default)]
pub struct Passage {
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
    stage: Stage,
    reports: Vec<Report>,
}

/// What is being waited for.
#[derive(Debug, Default)]
enum Stage {
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
    Store(Box<Spender>, Box<Counting>),
    /// The store, which only reads.
    Usage(Box<usage::Question>, Box<Reading>),
    /// Whether Clerk's own record would lift a refusal.
    Confirm(Box<Confirming>),
    /// Nothing any more.
    Judged,
}

impl Machine for Passage {
    type Worker = Worker;

    fn handle(&mut self, worker: &mut Worker, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Judged);
        let action = match (stage, input) {
            (Stage::Header, Input::Head { headers, .. }) => self.arrive(worker, now, headers),
            (Stage::Redirect(headers), Input::Property(kept)) => {
                self.counted_before = kept.and_then(CountedRequest::parse);
                self.stage = Stage::Route(headers);
                Action::ReadProperty { path: ROUTE_RULE }
            }
            (Stage::Route(headers), Input::Property(named)) => self.route(worker, now, &headers, named),
            (Stage::Token(authentication), Input::Verified(verification)) => {
                let progress = authentication.verified(worker, verification, now, &mut self.reports);
                self.authenticated(worker, now, progress)
            }
            (Stage::Token(authentication), Input::Inquired | Input::Settled) => {
                let progress = authentication.next(worker, now, &mut self.reports);
                self.authenticated(worker, now, progress)
            }
            (Stage::Address(plan), Input::Property(address)) => {
                match client_address::network(address, self.is_forwarded_with_port) {
                    Ok(network) => self.judge(worker, now, Spender::Anonymous { network, plan }),
                    Err(error) => self.without_address(worker, now, error),
                }
            }
            (Stage::Store(spender, counting), input) => {
                let counted = counting.go_on(worker, &spender, now, &input, &mut self.reports);
                self.counted(worker, now, *spender, counted)
            }
            (Stage::Usage(question, reading), input) => {
                let read = reading.go_on(worker, question.spender(), now, &input, &mut self.reports);
                self.read(worker, now, question, read)
            }
            (Stage::Confirm(confirming), input) => {
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

    fn settle(worker: &mut Worker, now: Micros, inquiry: InquiryId, outcome: Outcome<'_>) -> Vec<Report> {
        worker.settle(now, inquiry, &outcome)
    }

    fn keep(&self) -> Option<Vec<u8>> {
        self.counted.map(CountedRequest::to_bytes)
    }
}

impl Passage {
    fn arrive(&mut self, worker: &mut Worker, now: Micros, headers: HeaderMap) -> Action {
        self.context = AnswerContext::of(worker, &headers);
        let path = path::without_query(headers.get(":path").unwrap_or_default());
        let is = |own: &Option<String>| own.as_ref().is_some_and(|own| own.as_bytes() == path);
        // With another path in a header field it is not the webhook for everyone.
        if is(&worker.gate.webhook_path) && OverrideFields::read(&headers).repeat_path(&headers) {
            return self.let_by();
        }
        if is(&worker.gate.usage_path) {
            return self.usage(worker, now, &headers);
        }
        if redirect::is_possible(&headers) {
            self.stage = Stage::Redirect(headers);
            return Action::ReadProperty { path: KEPT };
        }
        self.stage = Stage::Route(headers);
        Action::ReadProperty { path: ROUTE_RULE }
    }

    fn route(
        &mut self,
        worker: &mut Worker,
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

    fn usage(&mut self, worker: &mut Worker, now: Micros, headers: &HeaderMap) -> Action {
        self.at_usage_path = true;
        match usage::asked(worker, headers, &self.context) {
            Asked::Usage => self.authenticate(worker, now, headers),
            Asked::Preflight(reply) => Action::Reply(reply),
            Asked::Otherwise => self.refuse(worker, now, &Refusal::MethodNotAllowed, None),
        }
    }

    fn authenticate(&mut self, worker: &mut Worker, now: Micros, headers: &HeaderMap) -> Action {
        if self.rule(worker).is_some_and(|rule| rule.anonymous.is_some()) {
            self.is_forwarded_with_port = client_address::is_forwarded_with_port(headers);
        }
        let progress =
            Authentication::begin(worker, headers, self.context.byte_len(), now, &mut self.reports);
        self.authenticated(worker, now, progress)
    }

    fn authenticated(&mut self, worker: &mut Worker, now: Micros, progress: Progress) -> Action {
        match progress {
            Progress::Ask(authentication, action) => {
                self.stage = Stage::Token(authentication);
                action
            }
            Progress::Caller(caller) => {
                let spender = Spender::of(worker, caller, now);
                self.judge(worker, now, spender)
            }
            Progress::Nobody { refusal, by_header } => {
                let anonymous = self.rule(worker).and_then(|rule| rule.anonymous);
                match anonymous {
                    Some(plan) if !by_header => {
                        self.stage = Stage::Address(plan);
                        Action::ReadProperty { path: SOURCE_ADDRESS }
                    }
                    _ => self.refuse(worker, now, &refusal, None),
                }
            }
        }
    }

    /// An anonymous caller cannot be counted: it is refused, and the operator is told once a minute.
    fn without_address(&mut self, worker: &mut Worker, now: Micros, error: AddressError) -> Action {
        let (cause, cure) = error.cause_and_cure();
        if worker.reported.due(cause, now).is_some() {
            let alarm = Alarm::warning(AlarmCode::AddressUnknown, format!("{cause}: {cure}"));
            self.reports.push(alarm.with("cause", cause).with("cure", cure).into());
        }
        self.refuse(worker, now, &Refusal::AddressUnknown(error), None)
    }

    /// The request goes on, and nobody is vouched for.
    fn let_by(&mut self) -> Action {
        Action::Forward(answer::unvouched(std::mem::take(&mut self.context)))
    }

    /// Returns the name of the rule that guards the request, once it was found.
    pub fn rule_name<'a>(&self, worker: &'a Worker) -> Option<&'a str> {
        self.rule(worker).map(|rule| rule.name.as_str())
    }

    fn rule<'a>(&self, worker: &'a Worker) -> Option<&'a Rule> {
        worker.gate.rules.get(self.rule?)
    }
}
