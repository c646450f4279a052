//! What `usage_path` answers: a caller's plan, and what is left of each of its limits. Counts nothing.

use super::principal::Principal;
use super::refusal::USAGE_METHODS;
use super::response::AnswerContext;
use super::store::{CounterOwner, LimitState, Read, Reading};
use super::worker::GateWorker;
use crate::cors;
use crate::http::{HeaderMap, Reply};
use crate::plan_table::Limit;
use crate::quota::LimitUsage;
use crate::sorted::SortedMap;
use crate::time::Micros;
use serde::Serialize;

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

/// A caller's question, while its counters are being read.
#[derive(Debug)]
pub(super) struct UsageRequest {
    limits: SortedMap<String, LimitUsage>,
}

impl UsageRequest {
    /// Begins to read the limits of the plan in force.
    pub(super) fn begin(
        worker: &GateWorker,
        principal: &Principal,
        owner: CounterOwner<'_>,
        now: Micros,
    ) -> (Self, Read) {
        let plan = worker.plans.get(principal.plan(&worker.plans, now));
        let (mut limits, mut to_read) = (SortedMap::new(), Vec::new());
        for (name, limit) in plan.limits.iter() {
            match limit {
                Limit::Unlimited => {
                    limits.insert(name.clone(), LimitUsage::UNLIMITED);
                }
                Limit::Windows(windows) => to_read.push((name.clone(), windows.clone())),
            }
        }
        (UsageRequest { limits }, Reading::begin(&worker.store, owner, to_read, now))
    }

    /// Takes how the limits stand.
    pub(super) fn take(&mut self, states: Vec<LimitState>) {
        for LimitState { limit, windows } in states {
            self.limits.insert(limit, LimitUsage::of(&windows));
        }
    }

    /// The answer.
    pub(super) fn reply(
        &self,
        worker: &GateWorker,
        principal: &Principal,
        context: &AnswerContext,
        now: Micros,
    ) -> Reply {
        let rank = principal.plan(&worker.plans, now);
        let subject = principal.caller().and_then(|caller| caller.subject.as_ref());
        let usage = Usage {
            plan: &worker.plans.get(rank).name,
            subject: subject.map_or("", crate::ids::Subject::as_str),
            features: principal.features(&worker.plans, now),
            limits: &self.limits,
        };
        let mut fields =
            vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
        fields.extend(context.cors_fields(worker));
        // Serializing plain structs with string keys has no failing case.
        let body = serde_json::to_vec(&usage).unwrap_or_default();
        Reply { status: 200, headers: fields, body, details: "usage", grpc_status: None }
    }
}

/// What a request to `usage_path` is.
#[derive(Debug)]
pub(super) enum UsageAsked {
    /// A caller's question, to be answered by its token.
    Usage,
    /// A browser's question beforehand, from an origin that may ask.
    Preflight(Reply),
    /// Neither.
    Otherwise,
}

/// What a request to `usage_path` is.
pub(super) fn asked(worker: &GateWorker, headers: &HeaderMap, context: &AnswerContext) -> UsageAsked {
    match headers.get(":method") {
        Some(b"GET" | b"HEAD") => UsageAsked::Usage,
        // Nobody behind the gateway could answer it: this path is the gateway's own.
        _ if cors::is_preflight(headers) => match context.cors_fields(worker) {
            readable if readable.is_empty() => UsageAsked::Otherwise,
            readable => UsageAsked::Preflight(preflight(readable)),
        },
        _ => UsageAsked::Otherwise,
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
