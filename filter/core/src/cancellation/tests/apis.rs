//! A model of Stripe and Clerk that a cancellation calls, and the loop that calls it.

use crate::cancellation::{CancellationEnd, CancellationStep, Deletion, SubjectCancellation};
use crate::config::{self, CancellationTime, ClerkWebhookSettings};
use crate::http::{Callout, HeaderMap, Outcome, Request};
use crate::ids::{EventId, Subject};
use crate::machine::{Action, CallId, Input};
use crate::report::Report;
use crate::stripe::search::metadata_clause;
use crate::sync::{Deadline, SyncState};
use crate::time::Micros;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(super) const NOW_S: u64 = 1_800_000_000;
const NOW: Micros = Micros::from_secs(NOW_S);

/// A failure of the next request whose text contains the given words.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// A response with this status and body; the request is not performed.
    Status(u16, Value),
    /// No response; the request is not performed.
    Lost,
    /// No response, although the request is performed.
    ResponseLost,
}

impl Fault {
    /// Returns Stripe's refusal of a request.
    pub(super) fn refused(status: u16, code: &str, message: &str) -> Self {
        let error = json!({"type": "invalid_request_error", "code": code, "message": message});
        Fault::Status(status, json!({"error": error}))
    }
}

/// What Stripe and Clerk have.
#[derive(Clone, Debug, Default)]
pub(super) struct ScriptedApis {
    /// Whether Clerk has the user.
    pub(super) has_user: bool,
    /// The metadata of customers.
    pub(super) customers: BTreeMap<String, Value>,
    pub(super) subscriptions: BTreeMap<String, Value>,
    pub(super) sessions: BTreeMap<String, Vec<Value>>,
    pub(super) schedules: BTreeMap<String, Value>,
    /// The failures to come, each for the first request with these words.
    pub(super) faults: Vec<(&'static str, Fault)>,
    /// The number of results on a page of a search; 0 for all.
    pub(super) page: usize,
    /// All requests: method, path, query, and body.
    pub(super) requests: Vec<String>,
}

/// Returns an active subscription of `cus_1`, with these members changed.
pub(super) fn subscription(id: &str, changes: Value) -> Value {
    let mut subscription = json!({
        "id": id, "object": "subscription", "customer": "cus_1", "status": "active", "metadata": {}, "created": 1,
        "cancel_at_period_end": false, "cancel_at": null, "schedule": null,
        "items": {"data": [{
            "id": "si_1", "price": {"id": "price_1"}, "current_period_end": NOW_S + 1_000,
        }], "has_more": false},
    });
    for (name, value) in changes.as_object().unwrap() {
        subscription[name] = value.clone();
    }
    subscription
}

impl ScriptedApis {
    /// Returns APIs without the user, whose customer `cus_1` has these subscriptions.
    pub(super) fn new(subscriptions: impl IntoIterator<Item = Value>) -> Self {
        let id = |subscription: &Value| subscription["id"].as_str().unwrap().to_owned();
        ScriptedApis {
            customers: [("cus_1".to_owned(), json!({"clerk_user_id": "user_1"}))].into(),
            subscriptions: subscriptions.into_iter().map(|one| (id(&one), one)).collect(),
            ..ScriptedApis::default()
        }
    }

    /// Returns the writes among the requests: their method and path.
    pub(super) fn writes(&self) -> Vec<String> {
        let is_write = |request: &&String| !request.starts_with("GET ");
        self.requests.iter().filter(is_write).map(|request| request.replace("/v1/", "")).collect()
    }

    fn respond(&mut self, callout: &Callout) -> Option<(u16, Value)> {
        let Request::Http { method, path, body, .. } = &callout.request else { panic!("HTTP") };
        let body = String::from_utf8(body.clone()).unwrap();
        let request = format!("{method} {path} {body}").trim_end().to_owned();
        self.requests.push(request.clone());
        let fault = self.faults.iter().position(|(words, _)| request.contains(words));
        match fault.map(|index| self.faults.remove(index).1) {
            Some(Fault::Status(status, body)) => return Some((status, body)),
            Some(Fault::Lost) => return None,
            Some(Fault::ResponseLost) => {
                self.perform(method, path, &body);
                return None;
            }
            None => {}
        }
        Some(self.perform(method, path, &body))
    }

    fn perform(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let missing = || {
            let error = json!({"type": "invalid_request_error", "code": "resource_missing", "param": "id"});
            (404, json!({"error": error}))
        };
        let segments: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method, segments.as_slice()) {
            ("GET", ["users", id]) if self.has_user => (200, json!({"id": id})),
            ("GET", ["users", _]) => (404, json!({"errors": [{"code": "resource_not_found"}]})),
            ("GET", [kind, "search"]) => (200, self.search(kind, &query)),
            ("GET", ["subscriptions"]) => (200, self.list(&query)),
            ("GET", ["checkout", "sessions"]) => {
                let sessions = self.sessions.get(&query["subscription"]).cloned().unwrap_or_default();
                (200, json!({"data": sessions, "has_more": false}))
            }
            ("GET", ["subscription_schedules", id]) => {
                self.schedules.get(*id).map_or_else(missing, |schedule| (200, schedule.clone()))
            }
            ("POST", ["subscription_schedules", id, "release"]) => {
                let managed = self.subscriptions.values_mut().filter(|one| one["schedule"] == *id);
                managed.for_each(|subscription| subscription["schedule"] = Value::Null);
                (200, json!({"id": id}))
            }
            (_, ["subscriptions", id]) => {
                let Some(found) = self.subscriptions.get_mut(*id) else { return missing() };
                let scheduled =
                    json!({"error": {"type": "invalid_request_error", "message": "managed by a schedule"}});
                match method {
                    "GET" => {}
                    "DELETE" if found["status"] == "canceled" => return missing(),
                    _ if found["schedule"] != Value::Null => return (400, scheduled),
                    "DELETE" => found["status"] = json!("canceled"),
                    _ => {
                        assert_eq!(body, "cancel_at_period_end=true");
                        found["cancel_at_period_end"] = json!(true);
                    }
                }
                (200, found.clone())
            }
            other => panic!("{other:?}"),
        }
    }

    fn search(&self, kind: &str, query: &BTreeMap<String, String>) -> Value {
        let matches = |metadata: &Value| {
            let mut pairs = metadata.as_object().unwrap().iter();
            pairs.any(|(key, value)| query["query"].contains(&metadata_clause(key, value.as_str().unwrap())))
        };
        let found: Vec<Value> = match kind {
            "customers" => {
                let found = self.customers.iter().filter(|(_, metadata)| matches(metadata));
                found.map(|(id, _)| json!({"object": "customer", "id": id})).collect()
            }
            _ => self.subscriptions.values().filter(|one| matches(&one["metadata"])).cloned().collect(),
        };
        let from: usize = query.get("page").map_or(0, |page| page.parse().unwrap());
        let until =
            if self.page == 0 { found.len() } else { found.len().min(from.saturating_add(self.page)) };
        let next = (until < found.len()).then(|| until.to_string());
        json!({"data": found[from..until], "has_more": next.is_some(), "next_page": next})
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Value {
        let customer = &query["customer"];
        let of_customer = self.subscriptions.values().filter(|one| one["customer"] == customer.as_str());
        let expanded = of_customer.cloned().map(|mut one| {
            let metadata = self.customers.get(customer).cloned().unwrap_or(json!({}));
            one["customer"] = json!({"object": "customer", "id": customer, "metadata": metadata});
            one
        });
        let after = query.get("starting_after").map_or("", String::as_str);
        let rest: Vec<Value> = expanded.filter(|one| one["id"].as_str().unwrap() > after).collect();
        let until = rest.len().min(100);
        json!({"data": rest[..until], "has_more": until < rest.len()})
    }
}

/// Performs the cancellation for `user_1`. Returns its end, and all its lines.
pub(super) fn run(apis: &mut ScriptedApis, at: CancellationTime) -> (CancellationEnd, Vec<String>) {
    run_within(apis, at, Duration::from_secs(8), Duration::ZERO)
}

/// Performs the same, with this time in all and for each callout.
pub(super) fn run_within(
    apis: &mut ScriptedApis,
    at: CancellationTime,
    time: Duration,
    callout: Duration,
) -> (CancellationEnd, Vec<String>) {
    let deletion = Deletion {
        event: EventId::parse("msg_1").unwrap(),
        event_type: "user.deleted".to_owned(),
        subject: Subject::parse("user_1").unwrap(),
        at,
    };
    let (state, mut now) = (state(), NOW);
    let begun = SubjectCancellation::begin(&state, now, deletion, Deadline::new(now, time));
    let (mut cancellation, action) = begun.unwrap();
    let mut lines = Vec::new();
    let mut calls: VecDeque<(CallId, Callout)> = calls_of(action).into();
    loop {
        let (call, sent) = calls.pop_front().expect("a callout in progress");
        now = now.plus(callout);
        let response = apis.respond(&sent);
        let (headers, body) = (HeaderMap::default(), response.as_ref().map(|(_, body)| body.to_string()));
        let outcome = match (&response, &body) {
            (Some((status, _)), Some(body)) => {
                Outcome::Response { status: *status, headers: &headers, body: body.as_bytes() }
            }
            _ => Outcome::TimedOut,
        };
        match cancellation.handle(&state, now, &Input::CalloutEnded { call, outcome }) {
            CancellationStep::Continue(action, reports) => {
                lines.extend(lines_of(reports));
                calls.extend(calls_of(action));
            }
            CancellationStep::Ended(mut end) => {
                assert!(calls.is_empty(), "it ended with callouts in progress");
                lines.extend(lines_of(std::mem::take(&mut end.reports)));
                return (*end, lines);
            }
        }
    }
}

fn calls_of(action: Action) -> Vec<(CallId, Callout)> {
    match action {
        Action::Call(calls) => calls,
        Action::Wait => Vec::new(),
        action => panic!("{action:?}"),
    }
}

fn lines_of(reports: Vec<Report>) -> impl Iterator<Item = String> {
    let line = |report| if let Report::Line(_, line) = report { Some(line) } else { None };
    reports.into_iter().filter_map(line)
}

fn state() -> SyncState {
    let document = json!({
        "plans": [{"name": "free"}, {"name": "pro"}],
        "clerk_webhook": {
            "path": "/webhooks/clerk",
            "signing_secrets": {"env": "CLERK_WEBHOOK_SIGNING_SECRET"},
            "instance": "ins_1",
            "on_deleted": "cancel",
            "stripe": {"cluster": "stripe_api"},
            "clerk": {"cluster": "clerk_api"},
        },
    });
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let environment = |name: &str| (name == "CLERK_WEBHOOK_SIGNING_SECRET").then(|| secret.to_owned());
    let read = config::read::<ClerkWebhookSettings>(document.to_string().as_bytes(), &environment).unwrap();
    SyncState::new(read.map_section(|section| section.sync))
}
