//! Refusals as problem details: `application/problem+json` (RFC 9457).
//!
//! This file defines the codes of all filters. `docs/alarms.md` has an example of each, and tests compare the
//! two.

use crate::codes::codes;
use crate::http::Reply;
use serde::ser::{Serialize, SerializeMap, Serializer};

codes! {
    /// The code of a refusal, by which programs distinguish refusals.
    ProblemCode {
        // Any filter.
        InternalError => "internal_error",
        MethodNotAllowed => "method_not_allowed",
        AmbiguousPath => "ambiguous_path",
        BodyTooLarge => "body_too_large",
        // Session tokens, at the gate and the billing endpoints.
        MissingToken => "missing_token",
        MalformedToken => "malformed_token",
        TokenExpired => "token_expired",
        TokenNotYetValid => "token_not_yet_valid",
        SignatureMismatch => "signature_mismatch",
        UnknownKey => "unknown_key",
        WrongIssuer => "wrong_issuer",
        UnauthorizedParty => "unauthorized_party",
        WrongAudience => "wrong_audience",
        UnsupportedToken => "unsupported_token",
        SessionPending => "session_pending",
        KeysUnavailable => "keys_unavailable",
        // The gate.
        AmbiguousHost => "ambiguous_host",
        AmbiguousMethod => "ambiguous_method",
        NoRule => "no_rule",
        UnknownRule => "unknown_rule",
        OrganizationRequired => "organization_required",
        PlanRequired => "plan_required",
        FeatureRequired => "feature_required",
        QuotaExceeded => "quota_exceeded",
        AddressUnknown => "address_unknown",
        StoreUnavailable => "store_unavailable",
        // Webhooks.
        MissingSignature => "missing_signature",
        MalformedSignature => "malformed_signature",
        TimestampOutsideTolerance => "timestamp_outside_tolerance",
        InvalidPayload => "invalid_payload",
        DeliveriesOverloaded => "deliveries_overloaded",
        TooManySubscriptions => "too_many_subscriptions",
        OutOfTime => "out_of_time",
        Unsettled => "unsettled",
        UnmappedPrice => "unmapped_price",
        SubjectMissing => "subject_missing",
        // Webhooks and the billing endpoints, about Stripe and Clerk.
        BadCredentials => "bad_credentials",
        UpstreamUnavailable => "upstream_unavailable",
        UpstreamRefused => "upstream_refused",
        // The billing endpoints.
        NotFound => "not_found",
        UnsupportedMediaType => "unsupported_media_type",
        Overloaded => "overloaded",
        InvalidRequest => "invalid_request",
        UrlNotAllowed => "url_not_allowed",
        TooManyRequests => "too_many_requests",
        OriginRequired => "origin_required",
        NotAllowedForOrganization => "not_allowed_for_organization",
        UnknownPlan => "unknown_plan",
        UnknownPurchase => "unknown_purchase",
        PlanNotForSale => "plan_not_for_sale",
        IntervalRequired => "interval_required",
        AlreadySubscribed => "already_subscribed",
        ActionUnavailable => "action_unavailable",
        NoCustomer => "no_customer",
        NoSubscription => "no_subscription",
        NothingToResume => "nothing_to_resume",
        NoChange => "no_change",
        ChangePending => "change_pending",
        PreviewExpired => "preview_expired",
        PaymentFailed => "payment_failed",
        PaymentActionRequired => "payment_action_required",
    }
}

/// A refusal that a client can read and act on.
///
/// `type` is left out, which means `about:blank` (RFC 9457 §4.2.1), so `title` is the phrase of the status
/// code. Programs distinguish refusals by `code`.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: u16,
    code: ProblemCode,
    detail: String,
    members: Vec<(&'static str, Member)>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// Creates a problem. `detail` is for people, and must not contain a secret.
    pub fn new(status: u16, code: ProblemCode, detail: impl Into<String>) -> Self {
        Problem { status, code, detail: detail.into(), members: Vec::new(), headers: Vec::new() }
    }

    /// Returns the detail.
    pub(crate) fn detail_text(&self) -> &str {
        &self.detail
    }

    /// Replaces the detail.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds an extension member to the body.
    pub(crate) fn with(mut self, member: &'static str, value: impl Into<Member>) -> Self {
        self.members.push((member, value.into()));
        self
    }

    /// Adds a header field to the response.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The value of an extension member. Not serde_json's type, whose code for floats would make the module
/// larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    /// A string.
    Text(String),
    /// An integer.
    Number(u64),
    /// A list of texts.
    Texts(Vec<String>),
}

impl From<&str> for Member {
    fn from(text: &str) -> Self {
        Member::Text(text.to_owned())
    }
}

impl From<String> for Member {
    fn from(text: String) -> Self {
        Member::Text(text)
    }
}

impl From<Vec<String>> for Member {
    fn from(texts: Vec<String>) -> Self {
        Member::Texts(texts)
    }
}

impl From<u64> for Member {
    fn from(number: u64) -> Self {
        Member::Number(number)
    }
}

impl Serialize for Problem {
    /// Serializes the body: the members of every problem, then the extension members in the order of their
    /// addition.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry("title", phrase(self.status))?;
        body.serialize_entry("status", &u64::from(self.status))?;
        body.serialize_entry("code", self.code.as_str())?;
        body.serialize_entry("detail", &self.detail)?;
        for (member, value) in &self.members {
            match value {
                Member::Text(text) => body.serialize_entry(member, text)?,
                Member::Number(number) => body.serialize_entry(member, number)?,
                Member::Texts(texts) => body.serialize_entry(member, texts)?,
            }
        }
        body.end()
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        // Serializing strings and integers under string keys cannot fail.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut headers = vec![("content-type", "application/problem+json".to_owned())];
        headers.extend(problem.headers);
        Reply { status: problem.status, headers, body, details: problem.code.as_str(), grpc_status: None }
    }
}

/// Returns the phrase of a status code (RFC 9110 §15), for those that Tollgate uses.
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_a_reply_for_programs_and_people() {
        let problem = Problem::new(429, ProblemCode::QuotaExceeded, "5 a day are used up")
            .with("plan", "free")
            .with("max", 5);
        let reply = Reply::from(problem.header("retry-after", "60"));
        assert_eq!(reply.status, 429);
        assert_eq!(reply.details, "quota_exceeded");
        assert_eq!(reply.headers[0], ("content-type", "application/problem+json".to_owned()));
        assert_eq!(reply.headers[1], ("retry-after", "60".to_owned()));
        let body = r#"{"title":"Too Many Requests","status":429,"code":"quota_exceeded","detail":"5 a day are used up","plan":"free","max":5}"#;
        assert_eq!(String::from_utf8(reply.body).unwrap(), body);
    }
}
