//! The response of the usage path: a caller's plan, and what is left of each of its limits. The request
//! itself is not counted.

use super::principal::Principal;
use super::refusal::USAGE_METHODS;
use super::response::ResponseContext;
use super::store::{CounterOwner, CounterReading, LimitState, ReadProgress};
use super::worker::GateWorker;
use crate::cors;
use crate::http::{HeaderMap, Reply};
use crate::plan_table::Limit;
use crate::quota::LimitUsage;
use crate::sorted::SortedMap;
use crate::time::Micros;
use serde::Serialize;
use std::sync::Arc;

/// The body of the response.
#[derive(Serialize)]
struct Usage<'a> {
    plan: &'a str,
    subject: &'a str,
    features: Vec<&'a str>,
    limits: &'a SortedMap<String, LimitUsage>,
}

/// A request for a caller's usage, while its counters are being read.
#[derive(Debug)]
pub(super) struct UsageRequest {
    limits: SortedMap<String, LimitUsage>,
}

impl UsageRequest {
    /// Starts to read the limits of the plan in force.
    pub(super) fn begin(
        worker: &GateWorker,
        principal: &Principal,
        owner: CounterOwner<'_>,
        now: Micros,
    ) -> (Self, ReadProgress) {
        let plan = worker.plans.get(principal.plan(&worker.plans, now));
        let (mut limits, mut to_read) = (SortedMap::new(), Vec::new());
        for (name, limit) in plan.limits.iter() {
            match limit {
                Limit::Unlimited => {
                    limits.insert(name.clone(), LimitUsage::UNLIMITED);
                }
                Limit::Windows(windows) => to_read.push((name.as_str().into(), Arc::clone(windows))),
            }
        }
        (UsageRequest { limits }, CounterReading::begin(&worker.store, owner, to_read, now))
    }

    /// Adds the usage of limits whose counters were read.
    pub(super) fn add(&mut self, states: Vec<LimitState>) {
        for LimitState { limit, windows } in states {
            self.limits.insert(limit.as_ref().to_owned(), LimitUsage::new(&windows));
        }
    }

    /// Returns the response with the plan, its features, and its limits.
    pub(super) fn reply(
        &self,
        worker: &GateWorker,
        principal: &Principal,
        context: &ResponseContext,
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
        // Serializing plain structs with string keys cannot fail.
        let body = serde_json::to_vec(&usage).unwrap_or_default();
        Reply { status: 200, headers: fields, body, details: "usage", grpc_status: None }
    }
}

/// The kind of a request to the usage path.
#[derive(Debug)]
pub(super) enum UsageRequestKind {
    /// A caller's request for its usage, which needs a token.
    Usage,
    /// A CORS preflight from an allowed origin, with the response.
    Preflight(Reply),
    /// Any other request.
    Other,
}

impl UsageRequestKind {
    /// Classifies a request to the usage path.
    pub(super) fn classify(worker: &GateWorker, headers: &HeaderMap, context: &ResponseContext) -> Self {
        match headers.get(":method") {
            Some(b"GET" | b"HEAD") => UsageRequestKind::Usage,
            // The gate responds to preflights here, because no upstream has this path.
            _ if cors::is_preflight(headers) => match context.cors_fields(worker) {
                fields if fields.is_empty() => UsageRequestKind::Other,
                fields => {
                    UsageRequestKind::Preflight(cors::preflight(fields, USAGE_METHODS, "authorization"))
                }
            },
            _ => UsageRequestKind::Other,
        }
    }
}
