//! A host in memory: performs the actions of [`GateRequest`]s for one worker thread, checks signatures for real.

use super::service::{FakeRatelimit, ServiceAnswer};
use crate::auth::token::tests::factory::{Draft, NOW_S, verify};
use crate::config::{Configuration, Gate};
use crate::gate::{GateRequest, GateWorker};
use crate::http::{Callout, Forward, HeaderMap, Outcome, Reply, Request};
use crate::machine::{Action, Input, InquiryId, KEPT, Machine, Verification, Version};
use crate::report::{MetricId, Metrics, Report};
use crate::time::Micros;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the workers of one process share: values and their versions.
pub(super) type SharedValues = Rc<RefCell<BTreeMap<String, (Vec<u8>, u32)>>>;

/// A worker thread.
pub(super) struct Host {
    pub(super) worker: GateWorker,
    pub(super) shared: SharedValues,
    pub(super) now: Micros,
    /// The rule that the route names.
    pub(super) route_rule: Option<&'static str>,
    /// What was kept of an earlier pass of the next requests.
    pub(super) kept: Option<Vec<u8>>,
    pub(super) source_address: Option<&'static str>,
    /// How many swaps fail, as if another worker had been faster.
    pub(super) swaps_to_lose: u32,
    /// Whether there is a `verify_signature`.
    pub(super) checks_signatures: bool,
    /// How many signatures were checked.
    pub(super) verifications: u32,
    pub(super) reports: Vec<Report>,
    /// What answers gRPC callouts, at once.
    pub(super) ratelimit: Option<Rc<RefCell<FakeRatelimit>>>,
    under_way: Vec<(InquiryId, Callout)>,
}

/// How far a request has come.
#[derive(Debug)]
pub(super) enum Progress {
    Judged(GateAnswer),
    /// It awaits an inquiry.
    Held(Box<GateRequest>),
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum GateAnswer {
    Forwarded(Forward),
    Replied(Reply),
}

impl Host {
    pub(super) fn new(configuration: Configuration<Gate>, seed: [u8; 16]) -> Self {
        Host {
            worker: GateWorker::new(configuration, seed).unwrap(),
            shared: SharedValues::default(),
            now: Micros::from_secs(NOW_S.unsigned_abs()),
            route_rule: None,
            kept: None,
            source_address: Some("192.0.2.1:4711"),
            swaps_to_lose: 0,
            checks_signatures: true,
            verifications: 0,
            reports: Vec::new(),
            ratelimit: None,
            under_way: Vec::new(),
        }
    }

    /// Another worker thread of the same process.
    pub(super) fn beside(&self, configuration: Configuration<Gate>, seed: [u8; 16]) -> Self {
        Host { shared: Rc::clone(&self.shared), now: self.now, ..Host::new(configuration, seed) }
    }

    /// Sends a request that waits for nothing.
    pub(super) fn send(&mut self, fields: &[(&str, &str)]) -> GateAnswer {
        self.start(fields).answer()
    }

    /// Sends a request and performs whatever its passage wants until it is judged or waits.
    pub(super) fn start(&mut self, fields: &[(&str, &str)]) -> Progress {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = Input::Head { headers: HeaderMap::from_fields(fields), end_of_stream: true };
        let mut passage = GateRequest::default();
        let action = self.give(&mut passage, head);
        self.go_on(Box::new(passage), action)
    }

    /// Goes on with a request whose inquiry has ended, if it waited for one.
    pub(super) fn finish(&mut self, progress: Progress) -> GateAnswer {
        match progress {
            Progress::Judged(answer) => answer,
            Progress::Held(mut passage) => {
                let action = self.give(&mut passage, Input::Settled);
                self.go_on(passage, action).answer()
            }
        }
    }

    fn go_on(&mut self, mut passage: Box<GateRequest>, mut action: Action) -> Progress {
        loop {
            action = match action {
                Action::Forward(forward) => return Progress::Judged(GateAnswer::Forwarded(forward)),
                Action::Reply(reply) => return Progress::Judged(GateAnswer::Replied(reply)),
                Action::Await(inquiry) if self.waits_for_clerk(inquiry) => return Progress::Held(passage),
                other => self.perform(&mut passage, other),
            };
        }
    }

    /// Sends a request that is judged at once; its answer, and what is kept if it ends without a response.
    pub(super) fn send_and_keep(&mut self, fields: &[(&str, &str)]) -> (GateAnswer, Option<Vec<u8>>) {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = Input::Head { headers: HeaderMap::from_fields(fields), end_of_stream: true };
        let mut passage = GateRequest::default();
        let mut action = self.give(&mut passage, head);
        loop {
            action = match action {
                Action::Forward(forward) => return (GateAnswer::Forwarded(forward), passage.keep()),
                Action::Reply(reply) => return (GateAnswer::Replied(reply), passage.keep()),
                other => self.perform(&mut passage, other),
            };
        }
    }

    /// What the worker has asked and was not answered.
    pub(super) fn inquiries(&self) -> Vec<Callout> {
        self.under_way.iter().map(|(_, callout)| callout.clone()).collect()
    }

    /// Answers all inquiries.
    pub(super) fn answer_inquiries(&mut self, status: u16, body: &str) {
        let headers = &HeaderMap::default();
        self.end_inquiries(Outcome::Answered { status, headers, body: body.as_bytes() });
    }

    /// Whether an inquiry has not ended yet, and is not one that is answered at once.
    fn waits_for_clerk(&self, inquiry: InquiryId) -> bool {
        let is_http = |callout: &Callout| matches!(callout.request, Request::Http { .. });
        self.under_way.iter().any(|(known, callout)| *known == inquiry && is_http(callout))
    }

    /// What the worker has asked since the last time, for a test that answers it in its own time.
    pub(super) fn new_inquiries(&mut self) -> Vec<(InquiryId, Callout)> {
        std::mem::take(&mut self.under_way)
    }

    /// Ends an inquiry.
    pub(super) fn settle(&mut self, inquiry: InquiryId, outcome: Outcome<'_>) {
        self.reports.extend(GateRequest::settle(&mut self.worker, self.now, inquiry, outcome));
    }

    /// Ends all inquiries.
    pub(super) fn end_inquiries(&mut self, outcome: Outcome<'_>) {
        for (inquiry, _) in std::mem::take(&mut self.under_way) {
            self.reports.extend(GateRequest::settle(&mut self.worker, self.now, inquiry, outcome));
        }
    }

    /// Gives a passage an input, and keeps what it reports.
    pub(super) fn give(&mut self, passage: &mut GateRequest, input: Input<'_>) -> Action {
        let step = passage.handle(&mut self.worker, self.now, input);
        self.reports.extend(step.reports);
        step.action
    }

    /// Performs an action that is answered at once.
    pub(super) fn perform(&mut self, passage: &mut GateRequest, action: Action) -> Action {
        match action {
            Action::ReadProperty { path } => {
                let value = match path {
                    ["source", "address"] => self.source_address.map(str::as_bytes),
                    ["xds", "route_metadata", "filter_metadata", "tollgate", "rule"] => {
                        self.route_rule.map(str::as_bytes)
                    }
                    path if path == KEPT => self.kept.as_deref(),
                    other => panic!("nobody knows {other:?}"),
                };
                let value = value.map(<[u8]>::to_vec);
                self.give(passage, Input::Property(value.as_deref()))
            }
            Action::Verify { .. } => {
                self.verifications += 1;
                let verification =
                    if self.checks_signatures { verify(action) } else { Verification::Unsupported };
                self.give(passage, Input::Verified(verification))
            }
            Action::Load { key } => {
                let stored = self.shared.borrow().get(&key).cloned();
                let version = stored.as_ref().map_or(Version::ABSENT, |(_, version)| Version(*version));
                let value = stored.as_ref().map(|(value, _)| &value[..]);
                self.give(passage, Input::Loaded { value, version })
            }
            Action::Swap { key, value, version } => {
                let stored = self.swap(key, value, version);
                self.give(passage, Input::Swapped { stored })
            }
            Action::Inquire { inquiry, callout } => {
                self.under_way.push((inquiry, *callout));
                self.give(passage, Input::Inquired)
            }
            Action::Await(inquiry) => {
                let place = self.under_way.iter().position(|(known, _)| *known == inquiry);
                if let Some((_, callout)) = place.map(|place| self.under_way.remove(place)) {
                    let answer = self.ask_ratelimit(&callout);
                    self.settle(inquiry, answer.outcome());
                }
                self.give(passage, Input::Settled)
            }
            Action::Call(callouts) => {
                let [(call, callout)] = &callouts[..] else { panic!("one at a time: {callouts:?}") };
                let answer = self.ask_ratelimit(callout);
                self.give(passage, Input::Answered { call: *call, outcome: answer.outcome() })
            }
            other => panic!("not answered at once: {other:?}"),
        }
    }

    fn ask_ratelimit(&self, callout: &Callout) -> ServiceAnswer {
        let service = self.ratelimit.as_ref().unwrap_or_else(|| panic!("nobody answers {callout:?}"));
        service.borrow_mut().answer(callout, self.now)
    }

    fn swap(&mut self, key: String, value: Vec<u8>, version: Version) -> bool {
        let mut shared = self.shared.borrow_mut();
        let present = shared.get(&key).map_or(Version::ABSENT, |(_, version)| Version(*version));
        let lost = self.swaps_to_lose > 0;
        self.swaps_to_lose = self.swaps_to_lose.saturating_sub(1);
        if lost || version != present {
            return false;
        }
        shared.insert(key, (value, present.0 + 1));
        true
    }

    /// How many of so many such requests go on.
    pub(super) fn served(&mut self, requests: u64, fields: &[(&str, &str)]) -> u64 {
        (0..requests).map(|_| u64::from(self.send(fields).status() == 200)).sum()
    }

    /// Lets time pass.
    pub(super) fn sleep_s(&mut self, seconds: u64) {
        self.now = Micros::from_secs(self.now.as_secs() + seconds);
    }

    /// How often the metric of that name was counted, without `tollgate.gate.`.
    pub(super) fn count(&self, name: &str) -> usize {
        let name = format!("tollgate.gate.{name}");
        let place = self.worker.metrics().iter().position(|metric| metric.name == name).unwrap();
        self.reports.iter().filter(|report| **report == Report::Count(MetricId(place))).count()
    }

    /// The lines of the log that tell of that alarm.
    pub(super) fn alarms(&self, alarm: &str) -> Vec<Value> {
        let lines = self.reports.iter().filter_map(|report| match report {
            Report::Line(_, line) => Some(serde_json::from_str::<Value>(line).unwrap()),
            _ => None,
        });
        lines.filter(|line| line["alarm"] == alarm).collect()
    }
}

impl Progress {
    /// What became of a request that waits for nothing.
    pub(super) fn answer(self) -> GateAnswer {
        match self {
            Progress::Judged(answer) => answer,
            Progress::Held(passage) => panic!("it waits: {passage:?}"),
        }
    }
}

impl GateAnswer {
    /// 200 for a request that went on.
    pub(super) fn status(&self) -> u16 {
        match self {
            GateAnswer::Forwarded(_) => 200,
            GateAnswer::Replied(reply) => reply.status,
        }
    }

    /// `on` for a request that went on, else the code of the refusal.
    pub(super) fn code(&self) -> &str {
        match self {
            GateAnswer::Forwarded(_) => "on",
            GateAnswer::Replied(reply) => reply.details,
        }
    }

    /// The body of a reply.
    pub(super) fn json(&self) -> Value {
        match self {
            GateAnswer::Replied(reply) => serde_json::from_slice(&reply.body).unwrap(),
            other => panic!("not a reply: {other:?}"),
        }
    }

    /// A field of the response that the client gets.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = match self {
            GateAnswer::Forwarded(forward) => &forward.respond_with,
            GateAnswer::Replied(reply) => &reply.headers,
        };
        fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// A field that the upstream gets.
    pub(super) fn upstream(&self, name: &str) -> Option<&str> {
        let GateAnswer::Forwarded(forward) = self else { panic!("not forwarded: {self:?}") };
        let set = forward.set.iter().find(|(known, _)| *known == name);
        set.map(|(_, value)| std::str::from_utf8(value).unwrap())
    }
}

/// A request's header.
pub(super) fn get<'a>(path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    request("GET", path, more)
}

/// A request's header.
pub(super) fn post<'a>(path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    request("POST", path, more)
}

/// A request's header.
pub(super) fn request<'a>(
    method: &'a str,
    path: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    [&[(":method", method), (":authority", "api.example.com"), (":path", path)], more].concat()
}

/// An Authorization field's value: a token that lives for an hour, of a user with that plan.
pub(super) fn token(plan: impl Into<Value>) -> String {
    bearer(|draft| draft.claim("public_metadata", json!({"plan": plan.into()})))
}

/// An Authorization field's value, after an edit of the token.
pub(super) fn bearer(edit: impl FnOnce(&mut Draft)) -> String {
    format!("Bearer {}", signed(edit))
}

/// A token, after an edit.
pub(super) fn signed(edit: impl FnOnce(&mut Draft)) -> String {
    let mut draft = Draft::session();
    draft.claim("exp", NOW_S + 4_000_000);
    edit(&mut draft);
    draft.sign()
}
