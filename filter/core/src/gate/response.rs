//! How a judged request goes on, and what its client is told: identity and RateLimit header fields.

use super::principal::Principal;
use super::refusal::Refusal;
use super::worker::GateWorker;
use crate::config::{IdentityHeader, RateLimitHeaders};
use crate::cors;
use crate::http::{Forward, HeaderMap, Reply};
use crate::identity::{HeaderOwner, fields_owned_by};
use crate::quota::{WindowState, fields};
use crate::time::Micros;

/// What of a request's header its answer needs. It is all that is kept while the request is held.
#[derive(Debug, Default)]
pub(super) struct AnswerContext {
    /// The header fields that others have sent in Tollgate's name.
    remove: Vec<Vec<u8>>,
    /// The place among `authorized_parties` of the page's origin, where a browser asks for one that may read answers.
    reader: Option<usize>,
}

impl AnswerContext {
    /// Takes from the header what its answer needs.
    pub(super) fn of(worker: &GateWorker, headers: &HeaderMap) -> Self {
        let gate = &worker.gate;
        let ours = |owner| owner == HeaderOwner::Gate || !gate.webhook_has_path;
        let reader = if gate.cors { cors::allowed_origin(&gate.authorized_parties, headers) } else { None };
        AnswerContext { remove: fields_owned_by(headers, ours), reader }
    }

    /// Returns how many bytes are kept.
    pub(super) fn byte_len(&self) -> usize {
        self.remove.iter().map(Vec::len).fold(0, usize::saturating_add)
    }

    /// The header fields by which a browser lets its page read an answer of the gate's own.
    pub(super) fn cors_fields(&self, worker: &GateWorker) -> Vec<(&'static str, String)> {
        cors::response_fields(&worker.gate.authorized_parties, self.reader)
    }
}

/// Forwards a request without identity: it only removes the header fields that clients must not set.
pub(super) fn without_identity(context: AnswerContext) -> Forward {
    Forward { remove: context.remove, ..Forward::default() }
}

/// Lets a request go on, and tells the upstream who calls by which plan.
pub(super) fn with_identity(
    worker: &GateWorker,
    context: AnswerContext,
    principal: &Principal,
    now: Micros,
) -> Forward {
    let mut forward = without_identity(context);
    let told = &worker.gate.identity_headers;
    if let Some(caller) = principal.caller() {
        let session = &caller.session;
        if told.contains(&IdentityHeader::User) {
            forward.set.push(("x-tollgate-user", session.user.as_str().into()));
        }
        if let Some(organization) = &session.organization
            && told.contains(&IdentityHeader::Organization)
        {
            forward.set.push(("x-tollgate-organization", organization.as_str().into()));
        }
        if let Some(session) = &session.session
            && told.contains(&IdentityHeader::Session)
        {
            forward.set.push(("x-tollgate-session", session.as_str().into()));
        }
    }
    if !principal.lacks_organization() && told.contains(&IdentityHeader::Plan) {
        let plan = worker.plans.get(principal.plan(&worker.plans, now));
        forward.set.push(("x-tollgate-plan", plan.name.as_bytes().into()));
    }
    forward
}

/// The RateLimit fields of the tightest window, in the forms that the configuration asks for.
pub(super) fn rate_limit(
    worker: &GateWorker,
    limit: &str,
    state: &WindowState,
    now: Micros,
) -> Vec<(&'static str, String)> {
    let (ietf, x) = match worker.gate.rate_limit_headers {
        RateLimitHeaders::Ietf => (true, false),
        RateLimitHeaders::XRateLimit => (false, true),
        RateLimitHeaders::Both => (true, true),
        RateLimitHeaders::None => (false, false),
    };
    let mut fields = Vec::with_capacity(5);
    if ietf {
        fields.extend(fields::ietf(limit, state, now));
    }
    if x {
        fields.extend(fields::x_ratelimit(state, now));
    }
    fields
}

/// The answer to a request that does not go on.
pub(super) fn refused(worker: &GateWorker, context: &AnswerContext, refusal: &Refusal, now: Micros) -> Reply {
    let gate = &worker.gate;
    let mut reply = Reply::from(refusal.problem(gate.plan_required_status, gate.upgrade_url.as_deref()));
    if let Refusal::QuotaExceeded { limit, tightest, reset, .. } = refusal {
        reply.headers.push(fields::retry_after(*reset, now));
        reply.headers.extend(rate_limit(worker, limit, tightest, now));
    }
    reply.grpc_status = Some(grpc_status(reply.status));
    reply.headers.extend(context.cors_fields(worker));
    reply
}

/// What a gRPC client is told (<https://grpc.io/docs/guides/status-codes/>). Left to itself, Envoy says UNAVAILABLE for
/// 429, which clients try again at once.
fn grpc_status(status: u16) -> u8 {
    match status {
        400 => 3,       // INVALID_ARGUMENT
        401 => 16,      // UNAUTHENTICATED
        402 | 403 => 7, // PERMISSION_DENIED
        405 => 12,      // UNIMPLEMENTED
        429 => 8,       // RESOURCE_EXHAUSTED
        503 => 14,      // UNAVAILABLE
        _ => 13,        // INTERNAL
    }
}
