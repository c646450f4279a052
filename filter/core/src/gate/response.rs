//! The result of a decision: the header fields of a forwarded request (identity, RateLimit), or the response
//! to a refused one.

use super::principal::Principal;
use super::refusal::Refusal;
use super::worker::GateWorker;
use crate::config::{IdentityHeader, RateLimitHeaders};
use crate::cors;
use crate::http::{Forward, HeaderMap, Reply};
use crate::identity::{HeaderOwner, fields_owned_by};
use crate::quota::{WindowState, fields};
use crate::time::Micros;

/// The part of a request's header that the response needs. Only this is kept while the request is held.
#[derive(Debug, Default)]
pub(super) struct ResponseContext {
    /// The names of the client's header fields that only Tollgate may set.
    remove: Vec<Vec<u8>>,
    /// The index in `authorized_parties` of the request's origin, if its pages may read responses.
    origin: Option<usize>,
}

impl ResponseContext {
    /// Reads the header.
    pub(super) fn new(worker: &GateWorker, headers: &HeaderMap) -> Self {
        let gate = &worker.gate;
        let is_removed = |owner| match owner {
            HeaderOwner::StripeWebhook => !gate.stripe_webhook_has_path,
            HeaderOwner::ClerkWebhook => !gate.clerk_webhook_has_path,
            HeaderOwner::Gate => true,
        };
        let origin = if gate.cors {
            cors::allowed_origin(&gate.tokens.rules.authorized_parties, headers)
        } else {
            None
        };
        ResponseContext { remove: fields_owned_by(headers, is_removed), origin }
    }

    /// Returns the size of what is kept, in bytes.
    pub(super) fn byte_len(&self) -> usize {
        self.remove.iter().map(Vec::len).fold(0, usize::saturating_add)
    }

    /// Returns the header fields with which a browser lets its page read a response of the gate.
    pub(super) fn cors_fields(&self, worker: &GateWorker) -> Vec<(&'static str, String)> {
        cors::response_fields(&worker.gate.tokens.rules.authorized_parties, self.origin)
    }
}

/// Forwards a request without identity: it only removes the header fields that clients must not set.
pub(super) fn without_identity(context: ResponseContext) -> Forward {
    Forward { remove: context.remove, ..Forward::default() }
}

/// Forwards a request with the identity of its caller and the plan.
pub(super) fn with_identity(
    worker: &GateWorker,
    context: ResponseContext,
    principal: &Principal,
    now: Micros,
) -> Forward {
    let configured = &worker.gate.identity_headers;
    let mut forward = without_identity(context);
    forward.add.reserve_exact(configured.len());
    if let Some(caller) = principal.caller() {
        let session = &caller.session;
        if configured.contains(&IdentityHeader::User) {
            forward.add.push(("x-tollgate-user", session.user.as_str().into()));
        }
        if let Some(organization) = &session.organization
            && configured.contains(&IdentityHeader::Organization)
        {
            forward.add.push(("x-tollgate-organization", organization.as_str().into()));
        }
        if let Some(session) = &session.session
            && configured.contains(&IdentityHeader::Session)
        {
            forward.add.push(("x-tollgate-session", session.as_str().into()));
        }
    }
    if !principal.lacks_organization() && configured.contains(&IdentityHeader::Plan) {
        let plan = worker.plans.get(principal.plan(&worker.plans, now));
        forward.add.push(("x-tollgate-plan", plan.name.as_bytes().into()));
    }
    forward
}

/// Returns the RateLimit fields of the tightest window, in the configured forms.
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

/// Returns the response to a refused request.
pub(super) fn refused(
    worker: &GateWorker,
    context: &ResponseContext,
    refusal: &Refusal,
    now: Micros,
) -> Reply {
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

/// Returns the status for gRPC clients (<https://grpc.io/docs/guides/status-codes/>). Envoy's own mapping of
/// 429 is UNAVAILABLE, which clients retry immediately.
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
