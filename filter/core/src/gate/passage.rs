//! The way of one request through the gate.

use super::authentication::{Authentication, Progress};
use super::counting::{Counted, Counting, Standing};
use super::judgement::{self, Judgement};
use super::metrics::{Decision, Event};
use super::refusal::Refusal;
use super::rules::{Guard, guard};
use super::spender::Spender;
use super::usage::{self, Asked, Reading};
use super::worker::{Seeding, Worker};
use super::{answer, cors};
use crate::config::{Rule, Unmatched};
use crate::http::{HeaderMap, Outcome};
use crate::machine::{Action, Input, InquiryId, Machine, Step};
use crate::plan_table::Rank;
use crate::quota::{ClientNetwork, tightest};
use crate::report::Report;
use crate::time::Micros;

/// Where Envoy keeps the name of the rule that a route asks for.
const ROUTE_RULE: &[&str] = &["xds", "route_metadata", "filter_metadata", "tollgate", "rule"];

/// Where Envoy keeps the client's address.
const SOURCE_ADDRESS: &[&str] = &["source", "address"];

/// One request on its way through the gate.
#[derive(Debug, Default)]
pub struct Passage {
    headers: HeaderMap,
    /// The place of the rule that guards it.
    rule: Option<usize>,
    at_usage_path: bool,
    stage: Stage,
    reports: Vec<Report>,
}

/// What is being waited for.
#[derive(Debug, Default)]
enum Stage {
    /// The request itself.
    #[default]
    Header,
    /// The rule that the route names.
    Route,
    /// A signature to be checked, or keys.
    Token(Box<Authentication>),
    /// The address of a caller without a token, who has this plan.
    Address(Rank),
    /// The seed that the workers of the process share, in order to count.
    Seed(Box<Due>),
    /// A counter.
    Counter(Box<Spender>, Box<Counting>),
    /// A counter that is only read.
    Usage(Box<Reading>),
    /// Nothing any more.
    Judged,
}

/// What needs counters.
#[derive(Debug)]
enum Due {
    /// To count a request: of whom, and against what.
    Count(Spender, Judgement),
    /// To read how they stand.
    Read(Reading),
}

impl Due {
    fn spender(&self) -> &Spender {
        match self {
            Due::Count(spender, _) => spender,
            Due::Read(reading) => reading.spender(),
        }
    }
}

impl Machine for Passage {
    type Worker = Worker;

    fn handle(&mut self, worker: &mut Worker, now: Micros, input: Input<'_>) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Judged);
        let action = match (stage, input) {
            (Stage::Header, Input::Head { headers, .. }) => {
                self.headers = headers;
                self.arrive(worker, now)
            }
            (Stage::Route, Input::Property(named)) => self.route(worker, now, named),
            (Stage::Token(authentication), Input::Verified(verification)) => {
                let progress = authentication.verified(worker, verification, now, &mut self.reports);
                self.authenticated(worker, now, progress)
            }
            (Stage::Token(authentication), Input::Inquired | Input::Settled) => {
                let progress = authentication.next(worker, now);
                self.authenticated(worker, now, progress)
            }
            (Stage::Address(plan), Input::Property(address)) => {
                match address.and_then(ClientNetwork::parse) {
                    Some(network) => self.judge(worker, now, Spender::Anonymous { network, plan }),
                    None => self.refuse(worker, now, &Refusal::AddressUnknown, None),
                }
            }
            (Stage::Seed(due), Input::Loaded { value, .. }) => {
                let seeding = worker.seed_loaded(value);
                self.seed(worker, now, *due, seeding)
            }
            (Stage::Seed(due), Input::Swapped { stored }) => {
                let seeding = worker.seed_swapped(stored);
                self.seed(worker, now, *due, seeding)
            }
            (Stage::Counter(spender, counting), input) => {
                let counted = counting.go_on(worker, now, &input, &mut self.reports);
                self.counted(worker, now, *spender, counted)
            }
            (Stage::Usage(mut reading), input) => {
                reading.take(&input, now);
                self.read(worker, now, reading)
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
}

impl Passage {
    fn arrive(&mut self, worker: &mut Worker, now: Micros) -> Action {
        let path = self.headers.get(":path").unwrap_or_default();
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        let is = |own: &Option<String>| own.as_ref().is_some_and(|own| own.as_bytes() == path);
        if is(&worker.gate.webhook_path) {
            return self.let_by(worker);
        }
        if is(&worker.gate.usage_path) {
            return self.usage(worker, now);
        }
        self.stage = Stage::Route;
        Action::ReadProperty { path: ROUTE_RULE }
    }

    fn route(&mut self, worker: &mut Worker, now: Micros, named: Option<&[u8]>) -> Action {
        match guard(&worker.gate.rules, named, &self.headers) {
            Guard::Rule(place, _) => self.rule = Some(place),
            Guard::Unmatched => match worker.gate.unmatched {
                Unmatched::Pass => return self.let_by(worker),
                Unmatched::RequireToken => {}
                Unmatched::Deny => return self.refuse(worker, now, &Refusal::NoRule, None),
            },
            Guard::Ambiguous => return self.refuse(worker, now, &Refusal::AmbiguousPath, None),
            Guard::UnknownRule => return self.refuse(worker, now, &Refusal::UnknownRule, None),
        }
        if cors::is_preflight(&self.headers) {
            return self.let_by(worker);
        }
        self.authenticate(worker, now)
    }

    fn usage(&mut self, worker: &mut Worker, now: Micros) -> Action {
        self.at_usage_path = true;
        match usage::asked(worker, &self.headers) {
            Asked::Usage => self.authenticate(worker, now),
            Asked::Preflight(reply) => Action::Reply(reply),
            Asked::Otherwise => self.refuse(worker, now, &Refusal::MethodNotAllowed, None),
        }
    }

    fn authenticate(&mut self, worker: &mut Worker, now: Micros) -> Action {
        let progress = Authentication::begin(worker, &self.headers, now, &mut self.reports);
        self.authenticated(worker, now, progress)
    }

    fn authenticated(&mut self, worker: &mut Worker, now: Micros, progress: Progress) -> Action {
        match progress {
            Progress::Ask(authentication, action) => {
                self.stage = Stage::Token(authentication);
                action
            }
            Progress::Caller(caller) => self.judge(worker, now, Spender::Caller(caller)),
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

    fn judge(&mut self, worker: &mut Worker, now: Micros, spender: Spender) -> Action {
        if self.at_usage_path {
            return self.tell(worker, now, spender);
        }
        match judgement::of(worker, self.rule(worker), &spender, now) {
            Ok(Judgement::Pass) => self.pass(worker, now, &spender, &Standing::default()),
            Ok(judgement) => {
                let seeding = worker.seeding();
                self.seed(worker, now, Due::Count(spender, judgement), seeding)
            }
            Err(refusal) => self.refuse(worker, now, &refusal, Some(&spender)),
        }
    }

    /// Tells a caller how its limits stand.
    fn tell(&mut self, worker: &mut Worker, now: Micros, spender: Spender) -> Action {
        if spender.lacks_organization() {
            return self.refuse(worker, now, &Refusal::OrganizationRequired, Some(&spender));
        }
        let reading = Reading::new(worker, spender, now);
        let seeding = if reading.needs_counters() { worker.seeding() } else { Seeding::Done };
        self.seed(worker, now, Due::Read(reading), seeding)
    }

    /// Goes on as soon as the tables of counters are known.
    fn seed(&mut self, worker: &Worker, now: Micros, due: Due, seeding: Seeding) -> Action {
        match (seeding, due) {
            (Seeding::Ask(action), due) => {
                self.stage = Stage::Seed(Box::new(due));
                action
            }
            (Seeding::Failed, due) => {
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(due.spender()))
            }
            (Seeding::Done, Due::Read(reading)) => self.read(worker, now, Box::new(reading)),
            (Seeding::Done, Due::Count(spender, judgement)) => match spender.begin(worker, judgement) {
                Some(counted) => self.counted(worker, now, spender, counted),
                None => self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&spender)),
            },
        }
    }

    fn read(&mut self, worker: &Worker, now: Micros, mut reading: Box<Reading>) -> Action {
        if let Some(action) = reading.next(worker) {
            self.stage = Stage::Usage(reading);
            return action;
        }
        self.reports.push(worker.metrics.happened(Event::UsageRead));
        Action::Reply(reading.reply(worker, &self.headers, now))
    }

    fn counted(&mut self, worker: &Worker, now: Micros, spender: Spender, counted: Counted) -> Action {
        match counted {
            Counted::Ask(counting, action) => {
                self.stage = Stage::Counter(Box::new(spender), Box::new(counting));
                action
            }
            Counted::Admitted(standing) => self.pass(worker, now, &spender, &standing),
            Counted::Exhausted { standing, reset } => {
                let Some(tightest) = tightest(&standing.states).copied() else {
                    return self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&spender));
                };
                let plan = worker.plans.get(spender.plan(&worker.plans, now)).name.clone();
                let refusal = Refusal::QuotaExceeded { plan, limit: standing.limit, tightest, reset };
                self.refuse(worker, now, &refusal, Some(&spender))
            }
            Counted::Unavailable => {
                self.reports.push(worker.metrics.happened(Event::StoreFailed));
                self.refuse(worker, now, &Refusal::StoreUnavailable, Some(&spender))
            }
        }
    }

    /// The request goes on, and nobody is vouched for.
    fn let_by(&self, worker: &Worker) -> Action {
        Action::Forward(answer::unvouched(worker, &self.headers))
    }

    /// The request goes on.
    fn pass(&mut self, worker: &Worker, now: Micros, spender: &Spender, standing: &Standing) -> Action {
        self.reports.push(worker.metrics.decided(self.rule, Decision::Allowed));
        let mut forward = answer::vouched(worker, &self.headers, spender, now);
        if let Some(state) = tightest(&standing.states) {
            forward.respond_with = answer::rate_limit(worker, &standing.limit, state, now);
        }
        Action::Forward(forward)
    }

    /// The request does not go on, unless the gate only watches.
    fn refuse(
        &mut self,
        worker: &Worker,
        now: Micros,
        refusal: &Refusal,
        spender: Option<&Spender>,
    ) -> Action {
        if let Refusal::Token(error) = refusal {
            self.reports.extend(Event::refused(error.code()).map(|event| worker.metrics.happened(event)));
        }
        // The gate's own path is nobody's to go on to.
        if worker.gate.shadow && !self.at_usage_path {
            self.reports.push(worker.metrics.decided(self.rule, Decision::Shadowed));
            return Action::Forward(match spender {
                Some(spender) => answer::vouched(worker, &self.headers, spender, now),
                None => answer::unvouched(worker, &self.headers),
            });
        }
        self.reports.push(worker.metrics.decided(self.rule, refusal.decision()));
        Action::Reply(answer::refused(worker, &self.headers, refusal, now))
    }

    fn rule<'a>(&self, worker: &'a Worker) -> Option<&'a Rule> {
        worker.gate.rules.get(self.rule?)
    }
}
