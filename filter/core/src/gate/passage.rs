//! The way of one request through the gate.

use super::authentication::{Authentication, Progress};
use super::caller::Caller;
use super::cors;
use super::counting::{Count, Counted, Counting};
use super::judgement::{self, Judgement};
use super::metrics::{Decision, Event};
use super::refusal::Refusal;
use super::rules::{Guard, guard};
use super::worker::Worker;
use crate::config::{Rule, Unmatched};
use crate::http::{Forward, HeaderMap, Reply};
use crate::identity::{Voucher, foreign_fields};
use crate::machine::{Action, Input, Machine, Step};
use crate::report::Report;
use crate::time::Micros;
use std::rc::Rc;

/// Where Envoy keeps the name of the rule that a route asks for.
const ROUTE_RULE: &[&str] = &["xds", "route_metadata", "filter_metadata", "tollgate", "rule"];

/// Where Envoy keeps the client's address.
const SOURCE_ADDRESS: &[&str] = &["source", "address"];

/// One request on its way through the gate.
#[derive(Debug, Default)]
pub struct Passage {
    request: Request,
    stage: Stage,
}

/// What is known of a request from the start.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) headers: HeaderMap,
    /// The place of the rule that guards it.
    pub(super) rule: Option<usize>,
    /// It asks for its caller's usage.
    pub(super) asks_usage: bool,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Header,
    Route,
    Token(Box<Authentication>),
    Address,
    Counter(Box<Counting>),
    Judged,
}

impl Machine for Passage {
    type Worker = Worker;

    fn handle(&mut self, worker: &mut Worker, now: Micros, input: Input<'_>) -> Step {
        let mut reports = Vec::new();
        let stage = std::mem::replace(&mut self.stage, Stage::Judged);
        let action = match (stage, input) {
            (Stage::Header, Input::Head { headers, .. }) => {
                self.request.headers = headers;
                self.arrive(worker)
            }
            (Stage::Route, Input::Property(named)) => self.route(worker, now, named, &mut reports),
            (Stage::Token(authentication), Input::Verified(verification)) => {
                let progress = authentication.verified(worker, verification, now, &mut reports);
                self.authenticated(worker, now, progress, &mut reports)
            }
            (Stage::Address, Input::Property(address)) => {
                let count = self.rule(worker).and_then(|rule| Count::anonymous(worker, rule, address));
                match count {
                    Some(count) => self.count(worker, count),
                    None => self.refuse(worker, &Refusal::AddressUnknown, &mut reports),
                }
            }
            (Stage::Counter(counting), input) => {
                let counted = counting.go_on(worker, now, input, &mut reports);
                self.counted(worker, now, counted, &mut reports)
            }
            // What nobody asked for changes nothing.
            (stage, _) => {
                self.stage = stage;
                Action::Wait
            }
        };
        Step { action, reports }
    }
}

impl Passage {
    fn arrive(&mut self, worker: &Worker) -> Action {
        if self.path_is(worker.gate.webhook_path.as_deref()) {
            return self.forward(worker, Forward::default());
        }
        self.request.asks_usage = self.path_is(worker.gate.usage_path.as_deref());
        self.stage = Stage::Route;
        Action::ReadProperty { path: ROUTE_RULE }
    }

    fn path_is(&self, wanted: Option<&str>) -> bool {
        let path = self.request.headers.get(":path").unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        wanted.is_some_and(|wanted| wanted.as_bytes() == path)
    }

    fn route(
        &mut self,
        worker: &mut Worker,
        now: Micros,
        named: Option<&[u8]>,
        reports: &mut Vec<Report>,
    ) -> Action {
        if self.request.asks_usage {
            return self.authenticate(worker, now, reports);
        }
        match guard(&worker.gate.rules, named, &self.request.headers) {
            Guard::Rule(place, _) => self.request.rule = Some(place),
            Guard::Unmatched => match worker.gate.unmatched {
                Unmatched::Pass => return self.forward(worker, Forward::default()),
                Unmatched::RequireToken => {}
                Unmatched::Deny => return self.refuse(worker, &Refusal::NoRule, reports),
            },
            Guard::Ambiguous => return self.refuse(worker, &Refusal::AmbiguousPath, reports),
            Guard::UnknownRule => return self.refuse(worker, &Refusal::UnknownRule, reports),
        }
        if cors::is_preflight(&self.request.headers) {
            return self.forward(worker, Forward::default());
        }
        self.authenticate(worker, now, reports)
    }

    fn authenticate(&mut self, worker: &mut Worker, now: Micros, reports: &mut Vec<Report>) -> Action {
        let progress = Authentication::begin(worker, &self.request.headers, now, reports);
        self.authenticated(worker, now, progress, reports)
    }

    fn authenticated(
        &mut self,
        worker: &Worker,
        now: Micros,
        progress: Progress,
        reports: &mut Vec<Report>,
    ) -> Action {
        match progress {
            Progress::Verify(authentication, action) => {
                self.stage = Stage::Token(Box::new(authentication));
                action
            }
            Progress::Caller(caller) => self.judge(worker, now, &caller, reports),
            Progress::Nobody { refusal, by_header } => {
                let anonymous = self.rule(worker).and_then(|rule| rule.anonymous);
                match anonymous {
                    Some(plan) if !by_header => self.judge_anonymous(worker, plan, reports),
                    _ => self.refuse(worker, &refusal, reports),
                }
            }
        }
    }

    fn judge(
        &mut self,
        worker: &Worker,
        now: Micros,
        caller: &Rc<Caller>,
        reports: &mut Vec<Report>,
    ) -> Action {
        if self.request.asks_usage {
            return match Count::usage(worker, caller, now) {
                Ok(count) => self.count(worker, count),
                Err(refusal) => self.refuse(worker, &refusal, reports),
            };
        }
        match judgement::of_caller(worker, self.rule(worker), caller, now) {
            Ok(Judgement::Pass) => self.pass(worker, Forward::default(), Some(caller), now, reports),
            Ok(Judgement::Count(windows)) => match Count::request(worker, self.rule(worker), caller, windows) {
                Ok(count) => self.count(worker, count),
                Err(refusal) => self.refuse_caller(worker, now, caller, &refusal, reports),
            },
            Err(refusal) => self.refuse_caller(worker, now, caller, &refusal, reports),
        }
    }
}
