//! A filter for tests: its machine returns scripted actions, and records its inputs.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;
use tollgate_core::http::{Callout, Outcome, Reply, Request};
use tollgate_core::machine::{Action, CallId, Input, InquiryId, Machine, Step};
use tollgate_core::report::{MetricDefinition, Metrics, Report};
use tollgate_core::time::Micros;
use tollgate_driver::{Filter, Setup};

thread_local! {
    static ACTIONS: RefCell<VecDeque<Action>> = RefCell::default();
    static INPUTS: RefCell<Vec<String>> = RefCell::default();
    static WORKERS: RefCell<Vec<String>> = RefCell::default();
}

pub(super) fn reset() {
    ACTIONS.take();
    INPUTS.take();
    WORKERS.take();
}

/// Sets the actions that machines return next. After the last one they wait.
pub(super) fn then(actions: impl IntoIterator<Item = Action>) {
    ACTIONS.set(actions.into_iter().collect());
}

/// Returns the inputs of machines so far.
pub(super) fn inputs() -> Vec<String> {
    INPUTS.with_borrow(Clone::clone)
}

/// Returns the configurations of the workers that were passed to machines, in order.
pub(super) fn workers() -> Vec<String> {
    WORKERS.with_borrow(Clone::clone)
}

pub(super) fn reply(status: u16) -> Action {
    Action::Reply(Reply { status, headers: vec![], body: vec![], details: "test", grpc_status: None })
}

/// Returns HTTP callouts with these IDs to these clusters.
pub(super) fn call(callouts: &[(u32, &str)]) -> Action {
    Action::Call(callouts.iter().map(|(id, cluster)| (CallId(*id), callout(cluster))).collect())
}

/// Returns an inquiry with this ID to this cluster.
pub(super) fn inquire(inquiry: u32, cluster: &str) -> Action {
    Action::StartInquiry { inquiry: InquiryId(inquiry), callout: Box::new(callout(cluster)) }
}

fn callout(cluster: &str) -> Callout {
    let request = Request::Http {
        method: "GET",
        authority: "a".to_owned(),
        path: "/".to_owned(),
        headers: vec![],
        body: vec![],
    };
    Callout { cluster: cluster.to_owned(), timeout: Duration::from_secs(1), request }
}

pub(super) fn call_grpc(id: u32, cluster: &str) -> Action {
    let request = Request::Grpc { service: "s", method: "m", message: vec![] };
    let callout = Callout { cluster: cluster.to_owned(), timeout: Duration::from_secs(1), request };
    Action::Call(vec![(CallId(id), callout)])
}

pub(super) struct Scripted;

pub(super) struct Worker(String);

impl Metrics for Worker {
    fn metrics(&self) -> Vec<MetricDefinition> {
        Vec::new()
    }
}

impl Filter for Scripted {
    type Worker = Worker;
    type Request = ScriptedMachine;

    const READS_BODY: bool = true;

    fn configure(setup: Setup<'_>) -> Result<Worker, String> {
        match setup.document.escape_ascii().to_string() {
            wrong if wrong == "wrong" => Err("rejected by the test".to_owned()),
            document => Ok(Worker(document)),
        }
    }

    fn request(_worker: &Worker) -> ScriptedMachine {
        ScriptedMachine
    }

    fn removes_trailer(name: &[u8]) -> bool {
        name == b"x-foreign"
    }
}

pub(super) struct ScriptedMachine;

impl Machine for ScriptedMachine {
    type Worker = Worker;

    fn handle(&mut self, worker: &mut Worker, _now: Micros, input: Input<'_>) -> Step {
        INPUTS.with_borrow_mut(|inputs| inputs.push(describe(&input)));
        WORKERS.with_borrow_mut(|workers| workers.push(worker.0.clone()));
        ACTIONS.with_borrow_mut(VecDeque::pop_front).unwrap_or(Action::Wait).into()
    }

    fn keep(&self) -> Option<Vec<u8>> {
        Some(b"left".to_vec())
    }

    fn end_inquiry(
        worker: &mut Worker,
        _now: Micros,
        inquiry: InquiryId,
        outcome: Outcome<'_>,
    ) -> Vec<Report> {
        INPUTS
            .with_borrow_mut(|inputs| inputs.push(format!("end_inquiry {} {}", inquiry.0, ended(&outcome))));
        WORKERS.with_borrow_mut(|workers| workers.push(worker.0.clone()));
        Vec::new()
    }
}

fn describe(input: &Input<'_>) -> String {
    match input {
        Input::Head { headers, end_of_stream } => format!("head {headers:?} end={end_of_stream}"),
        Input::BodyGrew { bytes } => format!("grew {bytes}"),
        Input::Body(body) => format!("body {}", body.escape_ascii()),
        Input::CalloutEnded { call, outcome } => format!("callout_ended {} {}", call.0, ended(outcome)),
        Input::InquiryStarted => "inquiry_started".to_owned(),
        Input::InquiryEnded => "inquiry_ended".to_owned(),
        Input::Loaded { value: Some(value), version } => {
            format!("loaded {} {}", value.escape_ascii(), version.0)
        }
        Input::Loaded { value: None, version } => format!("loaded None {}", version.0),
        Input::Swapped { stored } => format!("swapped {stored}"),
        Input::Verified(verification) => format!("verified {verification:?}"),
        Input::Property(value) => format!("property {value:?}"),
        Input::Responded { status } => format!("responded {status}"),
    }
}

fn ended(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Response { status, body, .. } => format!("{status} {}", body.escape_ascii()),
        Outcome::Message(message) => format!("message {}", message.escape_ascii()),
        Outcome::Failed { grpc_status } => format!("Failed {grpc_status}"),
        ended => format!("{ended:?}"),
    }
}
