//! What `usage_path` answers: a caller's plan, and what is left of each of its limits. Counts nothing.

use super::cors;
use super::refusal::USAGE_METHODS;
use super::spender::Spender;
use super::worker::Worker;
use crate::http::{HeaderMap, Reply};
use crate::machine::{Action, Input};
use crate::plan_table::{Limit, Window};
use crate::quota::{Fingerprint, LimitUsage, peek};
use crate::sorted::SortedMap;
use crate::time::Micros;
use serde::Serialize;
use std::collections::VecDeque;

/// How long a browser may remember that it may ask, in seconds.
const PREFLIGHT_AGE_S: &str = "600";

/// The body.
#[derive(Serialize)]
struct Usage<'a> {
    plan: &'a str,
    subject: &'a str,
    features: Vec<&'a str>,
    limits: &'a SortedMap<String, LimitUsage>,
}

/// The counters of a caller, read one after the other: as many as its plan has limits, which the configuration bounds.
#[derive(Debug)]
pub(super) struct Reading {
    spender: Spender,
    to_read: VecDeque<(String, Vec<Window>)>,
    /// What the counter is found by for which the store was asked.
    asked: Option<Fingerprint>,
    limits: SortedMap<String, LimitUsage>,
}

impl Reading {
    /// Begins with the limits of the plan in force.
    pub(super) fn new(worker: &Worker, spender: Spender, now: Micros) -> Self {
        let plan = worker.plans.get(spender.plan(&worker.plans, now));
        let mut reading =
            Reading { spender, to_read: VecDeque::new(), asked: None, limits: SortedMap::new() };
        for (name, limit) in plan.limits.iter() {
            match limit {
                Limit::Unlimited => {
                    reading.limits.insert(name.clone(), LimitUsage::UNLIMITED);
                }
                Limit::Windows(windows) => reading.to_read.push_back((name.clone(), windows.clone())),
            }
        }
        reading
    }

    /// Whose counters they are.
    pub(super) fn spender(&self) -> &Spender {
        &self.spender
    }

    /// Whether any counter has to be read.
    pub(super) fn needs_counters(&self) -> bool {
        !self.to_read.is_empty()
    }

    /// The next counter to ask the store for; `None` once all are read, or if nobody knows where they are.
    pub(super) fn next(&mut self, worker: &Worker) -> Option<Action> {
        let (limit, _) = self.to_read.front()?;
        let place = self.spender.place(worker.counters.as_ref()?, limit)?;
        self.asked = Some(place.fingerprint);
        Some(Action::Load { key: place.key })
    }

    /// Takes what the store says. Anything else changes nothing.
    pub(super) fn take(&mut self, input: &Input<'_>, now: Micros) {
        let Input::Loaded { value, .. } = *input else { return };
        if let Some((fingerprint, (limit, windows))) = self.asked.take().zip(self.to_read.pop_front()) {
            self.limits.insert(limit, LimitUsage::of(&peek(value, fingerprint, &windows, now)));
        }
    }

    /// The answer.
    pub(super) fn reply(&self, worker: &Worker, headers: &HeaderMap, now: Micros) -> Reply {
        let rank = self.spender.plan(&worker.plans, now);
        let subject = self.spender.caller().and_then(|caller| caller.subject.as_ref());
        let usage = Usage {
            plan: &worker.plans.get(rank).name,
            subject: subject.map_or("", crate::ids::Subject::as_str),
            features: self.spender.features(&worker.plans, now),
            limits: &self.limits,
        };
        let mut fields =
            vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
        if worker.gate.cors {
            fields.extend(cors::readable_by(&worker.gate.authorized_parties, headers));
        }
        // Serialising plain structs with string keys has no failing case.
        let body = serde_json::to_vec(&usage).unwrap_or_default();
        Reply { status: 200, headers: fields, body, details: "usage", grpc_status: None }
    }
}

/// What a request to `usage_path` is.
#[derive(Debug)]
pub(super) enum Asked {
    /// A caller's question, to be answered by its token.
    Usage,
    /// A browser's question beforehand, from an origin that may ask.
    Preflight(Reply),
    /// Neither.
    Otherwise,
}

/// What a request to `usage_path` is.
pub(super) fn asked(worker: &Worker, headers: &HeaderMap) -> Asked {
    match headers.get(":method") {
        Some(b"GET" | b"HEAD") => Asked::Usage,
        // Nobody behind the gateway could answer it: this path is the gateway's own.
        _ if worker.gate.cors && cors::is_preflight(headers) => {
            match cors::readable_by(&worker.gate.authorized_parties, headers) {
                readable if readable.is_empty() => Asked::Otherwise,
                readable => Asked::Preflight(preflight(readable)),
            }
        }
        _ => Asked::Otherwise,
    }
}

fn preflight(mut headers: Vec<(&'static str, String)>) -> Reply {
    headers.extend([
        ("access-control-allow-methods", USAGE_METHODS.to_owned()),
        ("access-control-allow-headers", "authorization".to_owned()),
        ("access-control-max-age", PREFLIGHT_AGE_S.to_owned()),
    ]);
    Reply { status: 204, headers, body: Vec::new(), details: "preflight", grpc_status: None }
}
