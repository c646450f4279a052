//! The refusals of the gate, and their responses.

use crate::auth::AuthError;
use crate::auth::token::TokenCode;
use crate::gate::client_address::AddressError;
use crate::gate::metrics::GateDecision;
use crate::problem::{Problem, ProblemCode};
use crate::quota::WindowState;
use crate::quota::calendar::rfc3339;
use crate::time::Micros;
use std::sync::Arc;

/// The methods of the usage path.
pub(super) const USAGE_METHODS: &str = "GET, HEAD";

/// The codes of refusals at a rule, besides those of tokens.
pub(super) const RULE_CODES: [ProblemCode; 13] = [
    ProblemCode::AmbiguousPath,
    ProblemCode::AmbiguousHost,
    ProblemCode::AmbiguousMethod,
    ProblemCode::NoRule,
    ProblemCode::UnknownRule,
    ProblemCode::NotFound,
    ProblemCode::OrganizationRequired,
    ProblemCode::PlanRequired,
    ProblemCode::FeatureRequired,
    ProblemCode::QuotaExceeded,
    ProblemCode::AddressUnknown,
    ProblemCode::StoreUnavailable,
    ProblemCode::KeysUnavailable,
];

/// Returns all codes of the gate's refusals, for the test of its page.
pub fn refusal_codes() -> impl Iterator<Item = ProblemCode> {
    let of_usage_path = [ProblemCode::MethodNotAllowed, ProblemCode::InternalError];
    RULE_CODES.into_iter().chain(TokenCode::ALL.map(TokenCode::problem)).chain(of_usage_path)
}

/// The reason of a refusal. Each has one status and one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request could not be authenticated.
    Auth(AuthError),
    /// An upstream could read the path in another way.
    AmbiguousPath,
    /// There are rules for hosts, and servers would disagree about the host of the request.
    AmbiguousHost,
    /// There are rules for methods, and a header field overrides the method of the request.
    AmbiguousMethod,
    /// No rule matches the request, and `unmatched` is `deny`.
    NoRule,
    /// The route names a rule that is not configured.
    UnknownRule,
    /// Another filter responds to the path, but it is missing, or listed after the gate.
    FilterMissing,
    /// The plan is an organization's, but the session has no active organization.
    OrganizationRequired,
    /// A higher plan is needed.
    PlanRequired {
        /// The caller's plan.
        plan: String,
        /// The lowest sufficient plan, if there is one.
        required: Option<String>,
    },
    /// A feature is needed that the plan does not have.
    FeatureRequired {
        /// The caller's plan.
        plan: String,
        /// The feature.
        feature: String,
        /// The lowest plan that has it, if there is one.
        required: Option<String>,
    },
    /// The plan's limit is used up.
    QuotaExceeded {
        /// The caller's plan.
        plan: String,
        /// The limit's name.
        limit: Arc<str>,
        /// The tightest of its windows.
        tightest: WindowState,
        /// The time when all windows have room again.
        reset: Micros,
    },
    /// The usage path does not support the method.
    MethodNotAllowed,
    /// An anonymous caller cannot be counted, because its address is not known.
    AddressUnknown(AddressError),
    /// The counter could not be read or written in time.
    StoreUnavailable,
}

impl Refusal {
    /// Returns the decision by which the refusal is counted.
    pub(crate) fn decision(&self) -> GateDecision {
        match self {
            Refusal::Auth(AuthError::Token(_) | AuthError::TooManyWaiting) => GateDecision::Unauthenticated,
            Refusal::OrganizationRequired
            | Refusal::NoRule
            | Refusal::PlanRequired { .. }
            | Refusal::FeatureRequired { .. } => GateDecision::PlanRequired,
            Refusal::QuotaExceeded { .. } => GateDecision::OverLimit,
            Refusal::AmbiguousPath
            | Refusal::AmbiguousHost
            | Refusal::AmbiguousMethod
            | Refusal::AddressUnknown(AddressError::Unreadable)
            | Refusal::MethodNotAllowed => GateDecision::BadRequest,
            Refusal::UnknownRule
            | Refusal::FilterMissing
            | Refusal::AddressUnknown(AddressError::Unknown)
            | Refusal::Auth(AuthError::KeysUnavailable | AuthError::SignaturesUnsupported)
            | Refusal::StoreUnavailable => GateDecision::Undecided,
        }
    }

    /// Returns the code.
    pub(crate) fn code(&self) -> ProblemCode {
        match self {
            Refusal::Auth(error) => error.code(),
            Refusal::AmbiguousPath => ProblemCode::AmbiguousPath,
            Refusal::AmbiguousHost => ProblemCode::AmbiguousHost,
            Refusal::AmbiguousMethod => ProblemCode::AmbiguousMethod,
            Refusal::NoRule => ProblemCode::NoRule,
            Refusal::UnknownRule => ProblemCode::UnknownRule,
            Refusal::FilterMissing => ProblemCode::NotFound,
            Refusal::OrganizationRequired => ProblemCode::OrganizationRequired,
            Refusal::PlanRequired { .. } => ProblemCode::PlanRequired,
            Refusal::FeatureRequired { .. } => ProblemCode::FeatureRequired,
            Refusal::QuotaExceeded { .. } => ProblemCode::QuotaExceeded,
            Refusal::MethodNotAllowed => ProblemCode::MethodNotAllowed,
            Refusal::AddressUnknown(_) => ProblemCode::AddressUnknown,
            Refusal::StoreUnavailable => ProblemCode::StoreUnavailable,
        }
    }

    /// Returns the response. `plan_required_status` is the configured status: 402 or 403.
    pub(crate) fn problem(&self, plan_required_status: u16, upgrade_url: Option<&str>) -> Problem {
        let code = self.code();
        match self {
            Refusal::Auth(error) => error.problem(),
            Refusal::AmbiguousPath => {
                Problem::new(400, code, "this path can be read in more than one way: send it in normal form")
            }
            Refusal::AmbiguousHost => Problem::new(
                400,
                code,
                "this host can be read in more than one way: send one host name, with a port at most",
            ),
            Refusal::AmbiguousMethod => Problem::new(
                400,
                code,
                "a header field overrides the method, and another rule applies to that one: send one method",
            ),
            Refusal::NoRule => Problem::new(403, code, "nothing is served at this path"),
            Refusal::UnknownRule => {
                Problem::new(500, code, "the gateway's route names a rule that is not configured")
            }
            Refusal::FilterMissing => Problem::new(
                404,
                code,
                "a webhook or a billing endpoint has this path, and its filter did not respond",
            ),
            Refusal::OrganizationRequired => {
                Problem::new(403, code, "select an organization: this resource depends on its plan")
            }
            Refusal::PlanRequired { plan, required } => {
                let detail = match required {
                    Some(required) => format!("the plan {plan} does not include this; {required} does"),
                    None => format!("the plan {plan} does not include this"),
                };
                let problem = Problem::new(plan_required_status, code, detail);
                by_plan(problem, plan, required.as_deref(), upgrade_url)
            }
            Refusal::FeatureRequired { plan, feature, required } => {
                let detail = format!("the plan {plan} does not have {feature}");
                let problem = Problem::new(plan_required_status, code, detail);
                by_plan(problem.with("feature", feature.as_str()), plan, required.as_deref(), upgrade_url)
            }
            Refusal::QuotaExceeded { plan, limit, tightest, reset } => {
                let detail =
                    format!("the plan {plan} allows {limit} {} a {}", tightest.max, tightest.per.name());
                let problem = Problem::new(429, code, detail)
                    .with("limit", &**limit)
                    .with("max", tightest.max)
                    .with("per", tightest.per.name())
                    .with("reset", rfc3339(*reset));
                by_plan(problem, plan, None, upgrade_url)
            }
            Refusal::MethodNotAllowed => {
                Problem::new(405, code, "usage can only be read").header("allow", USAGE_METHODS)
            }
            Refusal::AddressUnknown(_) => {
                Problem::new(503, code, "the gateway cannot determine the client's address")
            }
            Refusal::StoreUnavailable => {
                Problem::new(503, code, "usage could not be counted; try again").header("retry-after", "1")
            }
        }
    }
}

/// Adds the caller's plan, the lowest sufficient plan, and the page to get it.
fn by_plan(problem: Problem, plan: &str, required: Option<&str>, upgrade_url: Option<&str>) -> Problem {
    let mut problem = problem.with("plan", plan);
    if let Some(required) = required {
        problem = problem.with("required_plan", required);
    }
    match upgrade_url {
        Some(url) => problem.with("upgrade_url", url),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::TokenError;
    use crate::http::Reply;

    #[test]
    fn each_refusal_has_its_status_and_code() {
        let required = Some("pro".to_owned());
        let plan = "free".to_owned();
        let cases = [
            (Refusal::Auth(AuthError::Token(TokenError::Missing)), 401, "missing_token"),
            (Refusal::Auth(AuthError::Token(TokenError::Expired)), 401, "token_expired"),
            (Refusal::AmbiguousPath, 400, "ambiguous_path"),
            (Refusal::AmbiguousHost, 400, "ambiguous_host"),
            (Refusal::AmbiguousMethod, 400, "ambiguous_method"),
            (Refusal::NoRule, 403, "no_rule"),
            (Refusal::UnknownRule, 500, "unknown_rule"),
            (Refusal::FilterMissing, 404, "not_found"),
            (Refusal::OrganizationRequired, 403, "organization_required"),
            (Refusal::PlanRequired { plan: plan.clone(), required: required.clone() }, 402, "plan_required"),
            (Refusal::FeatureRequired { plan, feature: "sso".to_owned(), required }, 402, "feature_required"),
            (Refusal::Auth(AuthError::KeysUnavailable), 503, "keys_unavailable"),
            (Refusal::MethodNotAllowed, 405, "method_not_allowed"),
            (Refusal::StoreUnavailable, 503, "store_unavailable"),
        ];
        for (refusal, status, code) in cases {
            let reply = Reply::from(refusal.problem(402, Some("https://x/pricing")));
            assert_eq!((reply.status, reply.details), (status, code));
            assert!(refusal_codes().any(|listed| listed.as_str() == code), "{code}");
        }
    }

    #[test]
    fn the_response_has_the_sufficient_plan_and_the_page_to_get_it() {
        let refusal = Refusal::PlanRequired { plan: "free".to_owned(), required: Some("pro".to_owned()) };
        let reply = Reply::from(refusal.problem(403, Some("https://x/pricing")));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["plan"], "free");
        assert_eq!(body["required_plan"], "pro");
        assert_eq!(body["upgrade_url"], "https://x/pricing");
    }

    #[test]
    fn the_challenge_has_an_error_only_for_an_invalid_token() {
        let challenge =
            |error| Reply::from(Refusal::Auth(AuthError::Token(error)).problem(403, None)).headers;
        assert!(challenge(TokenError::Missing).contains(&("www-authenticate", "Bearer".to_owned())));
        let bad = challenge(TokenError::Expired);
        assert!(
            bad.iter().any(|(_, value)| value.contains("invalid_token") && value.contains("token_expired"))
        );
    }
}
