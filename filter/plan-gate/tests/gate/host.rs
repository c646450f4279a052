//! One worker thread of a gateway in memory: the driver performs the gate's actions, and signatures are
//! really verified.

use super::service::FakeRatelimit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plan_gate::PlanGate;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use tollgate_core::http::{Callout, HeaderMap, Reply, Request};
use tollgate_core::machine::{KEPT_PROPERTY, Machine, Verification};
use tollgate_core::time::Micros;
use tollgate_driver::memory::{MemoryHost, MemoryRequest, StartedCallout};
use tollgate_driver::{CalloutResult, Dispatch, Flow};
use tollgate_fixtures::{Draft, NOW_S, own_key};

/// The id of the only filter.
const FILTER: u32 = 1;

/// The requests and the filter of a worker thread. A request that is held ends with its [`HeldRequest`].
type SharedDispatch = Rc<RefCell<Dispatch<PlanGate, MemoryHost>>>;

/// The result of a callout; `None` if it never starts, because the host has no such cluster.
pub(super) type CalloutEnd = Option<fn() -> CalloutResult>;

/// A worker thread.
pub(super) struct Host {
    memory: MemoryHost,
    dispatch: SharedDispatch,
    requests_started: u32,
    /// The service that responds to gRPC callouts, immediately.
    pub(super) ratelimit: Option<Rc<RefCell<FakeRatelimit>>>,
    in_flight: Vec<StartedCallout>,
}

/// The progress of a request.
#[derive(Debug)]
pub(super) enum Progress {
    /// It was forwarded, or has a response.
    Done(GateResult),
    /// It waits for the end of a callout.
    Held(HeldRequest),
}

/// A held request. If it is dropped, the client disconnects.
pub(super) struct HeldRequest {
    id: u32,
    dispatch: SharedDispatch,
}

/// The result of a request: it was forwarded, or has a response.
#[derive(Debug)]
pub(super) struct GateResult(Box<MemoryRequest>);

impl Host {
    pub(super) fn new(document: &Value, seed: [u8; 16]) -> Self {
        let environment = [
            ("CLERK_JWT_KEY".to_owned(), STANDARD.encode(own_key().public_der())),
            ("CLERK_SECRET_KEY".to_owned(), "sk_test_1".to_owned()),
        ];
        let mut memory = MemoryHost::default();
        memory.now = Micros::from_secs(NOW_S.unsigned_abs());
        memory.environment = environment.into();
        memory.verifier = Some(check);
        memory.seed = seed;
        let mut dispatch = Dispatch::new();
        let document = document.to_string();
        assert!(
            dispatch.configure(&mut memory, FILTER, Some(document.as_bytes())),
            "{:?}",
            memory.take_lines()
        );
        let dispatch = Rc::new(RefCell::new(dispatch));
        let mut host =
            Host { memory, dispatch, requests_started: FILTER, ratelimit: None, in_flight: Vec::new() };
        host.come_from("192.0.2.1:4711");
        host
    }

    /// Creates another worker thread of the same process.
    pub(super) fn another_worker(&self, document: &Value, seed: [u8; 16]) -> Self {
        let mut other = Host::new(document, seed);
        other.memory.shared = self.memory.shared.clone();
        other.memory.now = self.memory.now;
        other
    }

    /// Sets the client address of the next requests.
    pub(super) fn come_from(&mut self, address: &str) {
        self.memory.properties.insert("source.address".to_owned(), address.into());
    }

    /// Sets the rule that the route of the next requests names.
    pub(super) fn name_rule(&mut self, rule: &str) {
        let path = "xds.route_metadata.filter_metadata.tollgate.rule";
        self.memory.properties.insert(path.to_owned(), rule.into());
    }

    /// Returns the data that was kept for the next requests.
    pub(super) fn kept(&self) -> Option<&[u8]> {
        self.memory.properties.get(&KEPT_PROPERTY.join(".")).map(Vec::as_slice)
    }

    /// Keeps data for the next requests, or removes it.
    pub(super) fn keep(&mut self, bytes: Option<Vec<u8>>) {
        match bytes {
            Some(bytes) => self.memory.properties.insert(KEPT_PROPERTY.join("."), bytes),
            None => self.memory.properties.remove(&KEPT_PROPERTY.join(".")),
        };
    }

    /// Sends a request that does not wait, and returns its result.
    pub(super) fn send(&mut self, fields: &[(&str, &str)]) -> GateResult {
        self.start(fields).result()
    }

    /// Sends a request, which is then done or held.
    pub(super) fn start(&mut self, fields: &[(&str, &str)]) -> Progress {
        let held = self.begin(fields);
        self.progress(held)
    }

    /// Returns the progress of a held request.
    pub(super) fn progress(&mut self, held: HeldRequest) -> Progress {
        match self.take_answer(&held) {
            Some(result) => Progress::Done(result),
            None => Progress::Held(held),
        }
    }

    /// Returns the result of a request whose callout has ended, if it waited for one.
    pub(super) fn finish(&mut self, progress: Progress) -> GateResult {
        match progress {
            Progress::Done(result) => result,
            Progress::Held(held) => self.progress(held).result(),
        }
    }

    /// Sends a request that does not wait. Returns its result, and the data to keep if it ends without a
    /// response.
    pub(super) fn send_and_keep(&mut self, fields: &[(&str, &str)]) -> (GateResult, Option<Vec<u8>>) {
        let held = self.begin(fields);
        let kept = self.dispatch.borrow().request(held.id).unwrap().keep();
        (self.progress(held).result(), kept)
    }

    fn begin(&mut self, fields: &[(&str, &str)]) -> HeldRequest {
        self.requests_started += 1;
        let id = self.requests_started;
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let request = MemoryRequest { headers: HeaderMap::from_fields(fields), ..MemoryRequest::default() };
        self.memory.current = id;
        self.memory.requests.insert(id, request);
        let mut dispatch = self.dispatch.borrow_mut();
        dispatch.begin_request(id, FILTER);
        if dispatch.request_headers(&mut self.memory, id, true) == Flow::Continue {
            self.memory.request().resumed = true;
        }
        drop(dispatch);
        self.collect();
        HeldRequest { id, dispatch: Rc::clone(&self.dispatch) }
    }

    /// Returns the result of a request, with the fields of its response, if it is done.
    fn take_answer(&mut self, held: &HeldRequest) -> Option<GateResult> {
        let request = &self.memory.requests[&held.id];
        if !request.resumed && request.reply.is_none() {
            return None;
        }
        self.memory.current = held.id;
        self.dispatch.borrow_mut().response_headers(&mut self.memory, held.id);
        self.memory.requests.remove(&held.id).map(|request| GateResult(Box::new(request)))
    }

    /// Returns the callouts in progress.
    pub(super) fn inquiries(&self) -> Vec<Callout> {
        self.in_flight.iter().map(|started| started.callout.clone()).collect()
    }

    /// Takes the callouts in progress, for a test that ends them itself.
    pub(super) fn new_callouts(&mut self) -> Vec<StartedCallout> {
        std::mem::take(&mut self.in_flight)
    }

    /// Ends all callouts with this HTTP response.
    pub(super) fn answer_inquiries(&mut self, status: u16, body: &str) {
        self.end_inquiries(&|| response(status, body));
    }

    /// Ends all callouts with this result.
    pub(super) fn end_inquiries(&mut self, result: &dyn Fn() -> CalloutResult) {
        for started in self.new_callouts() {
            self.end_callout(started.id, result());
        }
    }

    /// Ends a callout.
    pub(super) fn end_callout(&mut self, callout: u32, result: CalloutResult) {
        self.dispatch.borrow_mut().callout_ended(&mut self.memory, callout, || result);
        self.collect();
    }

    /// Collects the started callouts, and ends those for the rate limit service.
    fn collect(&mut self) {
        self.in_flight.extend(self.memory.take_callouts());
        let Some(service) = self.ratelimit.clone() else { return };
        let is_grpc = |started: &StartedCallout| matches!(started.callout.request, Request::Grpc { .. });
        while let Some(index) = self.in_flight.iter().position(is_grpc) {
            let started = self.in_flight.remove(index);
            let result = service.borrow_mut().answer(&started.callout, self.memory.now);
            self.dispatch.borrow_mut().callout_ended(&mut self.memory, started.id, || result);
            self.in_flight.extend(self.memory.take_callouts());
        }
    }

    /// Sends requests, and returns how many were forwarded.
    pub(super) fn served(&mut self, requests: u64, fields: &[(&str, &str)]) -> u64 {
        (0..requests).map(|_| u64::from(self.send(fields).status() == 200)).sum()
    }

    /// Advances the clock.
    pub(super) fn sleep_s(&mut self, seconds: u64) {
        self.memory.now = Micros::from_secs(self.memory.now.as_secs() + seconds);
    }

    /// Returns the value of a counter; its name is without `tollgate.gate.`.
    pub(super) fn count(&self, name: &str) -> usize {
        let count = self.memory.count(&format!("tollgate.gate.{name}"));
        usize::try_from(count.unwrap_or_else(|| panic!("no metric {name}"))).unwrap()
    }

    /// Returns the audit lines of that kind.
    pub(super) fn audit_lines(&self, audit: &str) -> Vec<Value> {
        let lines = self.memory.lines().iter();
        let lines = lines.map(|(_, line)| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["audit"] == audit).collect()
    }

    /// Returns the log lines of that alarm.
    pub(super) fn alarms(&self, alarm: &str) -> Vec<Value> {
        let lines = self.memory.lines().iter();
        let lines = lines.map(|(_, line)| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["alarm"] == alarm).collect()
    }
}

impl Deref for Host {
    type Target = MemoryHost;

    fn deref(&self) -> &MemoryHost {
        &self.memory
    }
}

impl DerefMut for Host {
    fn deref_mut(&mut self) -> &mut MemoryHost {
        &mut self.memory
    }
}

impl Drop for HeldRequest {
    fn drop(&mut self) {
        // The end of a context performs no action on the host.
        self.dispatch.borrow_mut().end_context(&mut MemoryHost::default(), self.id);
    }
}

impl std::fmt::Debug for HeldRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "request {}", self.id)
    }
}

impl Progress {
    /// Returns the result of a request that does not wait.
    pub(super) fn result(self) -> GateResult {
        match self {
            Progress::Done(result) => result,
            Progress::Held(held) => panic!("it waits: {held:?}"),
        }
    }
}

impl GateResult {
    /// Returns the status; 200 for a forwarded request.
    pub(super) fn status(&self) -> u16 {
        self.0.reply.as_ref().map_or(200, |reply| reply.status)
    }

    /// Returns `on` for a forwarded request, or the code of the refusal.
    pub(super) fn code(&self) -> &str {
        self.0.reply.as_ref().map_or("forwarded", |reply| reply.details)
    }

    fn reply(&self) -> &Reply {
        self.0.reply.as_ref().unwrap_or_else(|| panic!("not a reply: {self:?}"))
    }

    /// Returns the body of a reply.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.reply().body).unwrap()
    }

    /// Returns a field of the response to the client.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        match &self.0.reply {
            None => {
                found(self.0.response.iter().map(|(name, value)| (name.as_str(), value.as_slice())), name)
            }
            Some(reply) => found(reply.headers.iter().map(|(name, value)| (*name, value.as_bytes())), name),
        }
    }

    /// Returns a field of the forwarded request.
    pub(super) fn upstream(&self, name: &str) -> Option<&str> {
        assert!(self.0.reply.is_none(), "not forwarded: {self:?}");
        found(self.0.added.iter().map(|(name, value)| (name.as_str(), value.as_slice())), name)
    }

    /// Returns the names of the fields that were removed from the forwarded request.
    pub(super) fn removed(&self) -> &[Vec<u8>] {
        assert!(self.0.reply.is_none(), "not forwarded: {self:?}");
        &self.0.removed
    }
}

fn found<'a>(mut fields: impl Iterator<Item = (&'a str, &'a [u8])>, name: &str) -> Option<&'a str> {
    fields.find(|(known, _)| *known == name).map(|(_, value)| std::str::from_utf8(value).unwrap())
}

fn check(public_key: &[u8], signature: &[u8], text: &[u8]) -> Verification {
    match tollgate_fixtures::verify(public_key, signature, text) {
        true => Verification::Valid,
        false => Verification::Invalid,
    }
}

/// Returns an HTTP response of Clerk.
pub(super) fn response(status: u16, body: &str) -> CalloutResult {
    CalloutResult::Http { status, headers: HeaderMap::default(), body: body.into() }
}

/// Returns the header of a request.
pub(super) fn get<'a>(path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    request("GET", path, more)
}

/// Returns the header of a request.
pub(super) fn post<'a>(path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    request("POST", path, more)
}

/// Returns the header of a request.
pub(super) fn request<'a>(
    method: &'a str,
    path: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    [&[(":method", method), (":authority", "api.example.com"), (":path", path)], more].concat()
}

/// Returns an Authorization value with a token of a user with `plan`.
pub(super) fn token(plan: impl Into<Value>) -> String {
    bearer(|draft| draft.claim("public_metadata", json!({"plan": plan.into()})))
}

/// Returns an Authorization value with an edited token.
pub(super) fn bearer(edit: impl FnOnce(&mut Draft)) -> String {
    format!("Bearer {}", signed(edit))
}

/// Returns an edited token.
pub(super) fn signed(edit: impl FnOnce(&mut Draft)) -> String {
    let mut draft = Draft::session();
    draft.claim("exp", NOW_S + 4_000_000);
    edit(&mut draft);
    draft.sign()
}
