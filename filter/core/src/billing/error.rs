//! The reasons why an endpoint refuses a request or cannot perform it, and the response for each.

use crate::alarm::{Alarm, AlarmCode};
use crate::auth::AuthError;
use crate::ids::Subject;
use crate::problem::Problem;
use crate::report::Report;
use crate::sync::{Service, SyncError};

/// Value of `retry-after`, in seconds, where Stripe or Clerk did not respond.
const RETRY_AFTER_S: &str = "5";

/// The reason why an endpoint refuses a request or cannot perform it.
#[derive(Debug)]
pub(super) enum BillingError {
    // The request.
    /// There is no endpoint at the path.
    NotFound,
    /// The endpoint has another method.
    MethodNotAllowed {
        /// The methods that it has.
        allow: &'static str,
    },
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// The body is too long.
    BodyTooLarge,
    /// The gateway holds too many requests.
    Overloaded,
    /// The body or the query is malformed.
    InvalidRequest {
        /// The member at fault; empty for the whole body.
        member: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// A URL leads to an origin that is not allowed.
    UrlNotAllowed {
        /// The member.
        member: &'static str,
    },
    /// The subject has made too many requests.
    TooManyRequests {
        /// When the next may be made, in seconds from now.
        retry_after_s: u64,
    },

    // The caller.
    /// There is no caller.
    Auth(AuthError),
    /// A token of a machine.
    UnsupportedToken,
    /// The token came in a cookie, and no allowed origin sent it.
    OriginRequired,
    /// The session has no active organization.
    OrganizationRequired,
    /// The caller has none of the roles that may act for the organization.
    NotAllowedForOrganization,

    // What is for sale.
    /// No plan has this name.
    UnknownPlan,
    /// No purchase has this name.
    UnknownPurchase,
    /// The plan has no price.
    PlanNotForSale,
    /// The plan has several prices.
    IntervalRequired {
        /// The intervals of its prices.
        intervals: Vec<String>,
    },

    // The subscription.
    /// The subject already pays for a plan.
    AlreadySubscribed {
        /// The plan.
        plan: String,
        /// The subscription's status.
        status: String,
        /// The actions that are possible.
        actions: Vec<&'static str>,
    },
    /// The action is not possible in the subscription's status.
    ActionUnavailable {
        /// The subscription's status.
        status: String,
        /// The actions that are possible.
        actions: Vec<&'static str>,
    },
    /// The subject has no customer at Stripe.
    NoCustomer,
    /// The subject has no subscription.
    NoSubscription,
    /// Nothing is pending or paused.
    NothingToResume,
    /// The subscription already is as the change would make it.
    NoChange,
    /// A schedule that Tollgate did not create manages the subscription.
    ChangePending,
    /// The preview's time is too long ago, or in the future.
    PreviewExpired,
    /// The card was declined.
    PaymentFailed {
        /// Stripe's message for the cardholder.
        message: Option<String>,
        /// Stripe's page at which the invoice can be paid.
        url: Option<String>,
    },
    /// The customer's bank asks for authentication.
    PaymentActionRequired {
        /// Stripe's page at which the customer can authenticate.
        url: Option<String>,
    },

    // The services.
    /// Stripe or Clerk did not perform a request.
    Service(SyncError),
    /// Stripe does not have an object that was just read, or one that it depends on.
    ObjectMissing(SyncError),
    /// The prices could not be read.
    PricesUnavailable,
    /// Clerk does not have the caller's subject.
    SubjectMissing,
    /// A state that no code path should reach.
    Internal,
}

impl From<SyncError> for BillingError {
    fn from(error: SyncError) -> Self {
        BillingError::Service(error)
    }
}

impl BillingError {
    /// Creates the error about a member of the body or the query.
    pub(super) fn invalid(member: impl Into<String>, detail: &'static str) -> Self {
        BillingError::InvalidRequest { member: member.into(), detail }
    }

    /// Creates a transient error about Stripe's state, which will be different when the request is retried.
    pub(super) fn transient(why: &str) -> Self {
        BillingError::Service(SyncError::Transient { service: Service::Stripe, why: why.to_owned() })
    }

    /// Returns whether a retry may succeed. Whether the request was performed is then not known.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, BillingError::Service(SyncError::Transient { .. }))
    }

    /// Returns whether the request was refused, rather than not performed because of a failure. [`Self::Overloaded`]
    /// counts as a refusal, because clients can cause it without a token.
    pub(super) fn is_refusal(&self) -> bool {
        !matches!(
            self,
            BillingError::Service(_)
                | BillingError::ObjectMissing(_)
                | BillingError::PricesUnavailable
                | BillingError::SubjectMissing
                | BillingError::Internal
        )
    }

    /// Returns the alarm about a failure that an operator should look at.
    pub(super) fn alarm(&self, subject: Option<&Subject>) -> Option<Report> {
        let alarm = match self {
            BillingError::Service(error) | BillingError::ObjectMissing(error) if error.needs_operator() => {
                Alarm::error(error.alarm_code(), error.to_string())
            }
            BillingError::Service(error) | BillingError::ObjectMissing(error) => {
                Alarm::warning(error.alarm_code(), error.to_string())
            }
            BillingError::SubjectMissing => {
                let detail = "Clerk does not have the user or organization of a valid session token: check that \
                              CLERK_SECRET_KEY belongs to the instance that issues the tokens";
                Alarm::error(AlarmCode::SubjectMissing, detail)
            }
            BillingError::Internal => {
                Alarm::error(AlarmCode::InternalError, "an endpoint ended without a response")
            }
            _ => return None,
        };
        Some(alarm.subject(subject.map(Subject::as_str)).into())
    }

    /// Returns the response. The only messages of Stripe that it contains are those for a cardholder.
    pub(super) fn problem(self) -> Problem {
        match self {
            BillingError::Auth(error) => error.problem(),
            BillingError::Service(error) | BillingError::ObjectMissing(error) => service_problem(&error),
            error => match error.request_problem().or_else(Self::subscription_problem) {
                Ok(problem) => problem,
                Err(error) => error.failure_problem(),
            },
        }
    }

    /// Returns the response to an invalid request, or `Err(self)` for any other error.
    fn request_problem(self) -> Result<Problem, Self> {
        Ok(match self {
            BillingError::NotFound => Problem::new(404, "not_found", "there is no endpoint at this path"),
            BillingError::MethodNotAllowed { allow } => {
                Problem::new(405, "method_not_allowed", "this endpoint has another method")
                    .header("allow", allow)
            }
            BillingError::UnsupportedMediaType => Problem::new(
                415,
                "unsupported_media_type",
                "send the body as `content-type: application/json`",
            ),
            BillingError::BodyTooLarge => Problem::new(413, "body_too_large", "a body is at most 16 KB long"),
            BillingError::InvalidRequest { member, detail } => {
                let problem = Problem::new(400, "invalid_request", detail);
                if member.is_empty() { problem } else { problem.with("member", member) }
            }
            BillingError::UrlNotAllowed { member } => {
                let detail = "the URL must be absolute, and its origin must be in `billing.return_origins`";
                Problem::new(400, "url_not_allowed", detail).with("member", member)
            }
            BillingError::TooManyRequests { retry_after_s } => {
                let detail = "this user or organization has made too many requests; retry later";
                Problem::new(429, "too_many_requests", detail)
                    .header("retry-after", retry_after_s.to_string())
            }
            BillingError::UnsupportedToken => {
                let detail = "only session tokens are accepted here; a machine cannot buy";
                Problem::new(401, "unsupported_token", detail).header("www-authenticate", "Bearer")
            }
            BillingError::OriginRequired => {
                let detail =
                    "with a session cookie, the Origin field must be one of the application's origins";
                Problem::new(403, "origin_required", detail)
            }
            BillingError::OrganizationRequired => {
                Problem::new(403, "organization_required", "select an organization first")
            }
            BillingError::NotAllowedForOrganization => {
                let detail = "your role in the organization may not manage its billing";
                Problem::new(403, "not_allowed_for_organization", detail)
            }
            BillingError::UnknownPlan => Problem::new(400, "unknown_plan", "there is no plan of this name"),
            BillingError::UnknownPurchase => {
                Problem::new(400, "unknown_purchase", "there is no purchase of this name")
            }
            BillingError::PlanNotForSale => {
                Problem::new(400, "plan_not_for_sale", "this plan has no such price")
            }
            BillingError::IntervalRequired { intervals } => {
                let detail = "this plan has several prices: choose an `interval`";
                Problem::new(400, "interval_required", detail).with("intervals", intervals)
            }
            error => return Err(error),
        })
    }

    /// Returns the response to a request that the subscription does not allow, or `Err(self)` for any other error.
    fn subscription_problem(self) -> Result<Problem, Self> {
        Ok(match self {
            BillingError::AlreadySubscribed { plan, status, actions } => {
                let detail = "there is a subscription already: change it instead of buying a second one";
                let problem = Problem::new(409, "already_subscribed", detail).with("plan", plan);
                problem.with("subscription_status", status).with("actions", texts(&actions))
            }
            BillingError::ActionUnavailable { status, actions } => {
                let detail = "this is not possible in the subscription's present status";
                let problem = Problem::new(409, "action_unavailable", detail);
                problem.with("subscription_status", status).with("actions", texts(&actions))
            }
            BillingError::NoCustomer => {
                Problem::new(404, "no_customer", "nothing was bought yet: start with a checkout")
            }
            BillingError::NoSubscription => {
                Problem::new(404, "no_subscription", "there is no subscription that can be changed here")
            }
            BillingError::NothingToResume => Problem::new(
                409,
                "nothing_to_resume",
                "no cancellation or change is pending, and nothing is paused",
            ),
            BillingError::NoChange => Problem::new(409, "no_change", "the subscription is already like this"),
            BillingError::ChangePending => {
                let detail = "a schedule that was not made here manages the subscription";
                Problem::new(409, "change_pending", detail)
            }
            BillingError::PreviewExpired => {
                Problem::new(409, "preview_expired", "request a new preview: this one is too old")
            }
            BillingError::PaymentFailed { message, url } => {
                let detail = message.unwrap_or_else(|| "the payment failed".to_owned());
                with_url(Problem::new(402, "payment_failed", detail), url)
            }
            BillingError::PaymentActionRequired { url } => {
                let detail = "the bank asks for authentication: open `url`";
                with_url(Problem::new(402, "payment_action_required", detail), url)
            }
            error => return Err(error),
        })
    }

    /// Returns the response to a request that cannot be performed.
    fn failure_problem(&self) -> Problem {
        match self {
            BillingError::Overloaded => {
                unavailable("overloaded", "the gateway is processing too many requests")
            }
            BillingError::PricesUnavailable => {
                unavailable("upstream_unavailable", "the prices cannot be read now")
            }
            BillingError::SubjectMissing => Problem::new(500, "bad_credentials", SEE_LOG),
            _ => Problem::new(500, "internal_error", SEE_LOG),
        }
    }
}

const SEE_LOG: &str = "the request could not be performed; the gateway's log says why";

fn texts(actions: &[&str]) -> Vec<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

fn with_url(problem: Problem, url: Option<String>) -> Problem {
    match url {
        Some(url) => problem.with("url", url),
        None => problem,
    }
}

fn unavailable(code: &'static str, detail: &str) -> Problem {
    Problem::new(503, code, detail).header("retry-after", RETRY_AFTER_S)
}

fn service_problem(error: &SyncError) -> Problem {
    match error {
        SyncError::Credentials { .. } | SyncError::Forbidden { .. } => {
            Problem::new(500, "bad_credentials", SEE_LOG)
        }
        SyncError::Refused { .. } | SyncError::TooMany | SyncError::Unmapped => {
            Problem::new(502, "upstream_refused", SEE_LOG)
        }
        SyncError::Transient { .. }
        | SyncError::OutOfTime
        | SyncError::Unsettled
        | SyncError::SubjectMissing => {
            unavailable("upstream_unavailable", "Stripe or Clerk did not respond as expected; retry later")
        }
    }
}
