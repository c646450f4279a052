//! The reasons why an endpoint refuses a request or cannot perform it, and the response for each.

use super::code::BillingCode;
use crate::alarm::{Alarm, AlarmCode, FAULT_CURE};
use crate::auth::AuthError;
use crate::auth::token::TokenCode;
use crate::config::SyncSettings;
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
        /// The reason why it is invalid.
        detail: &'static str,
    },
    /// A URL leads to an origin that is not allowed.
    UrlNotAllowed {
        /// The member.
        member: &'static str,
    },
    /// The subject has made too many requests.
    TooManyRequests {
        /// The time until the next request is allowed, in seconds.
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
        /// The seller of the plan, if it is not Stripe.
        source: Option<&'static str>,
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

    /// Returns the code of the response.
    pub(super) fn code(&self) -> BillingCode {
        match self {
            BillingError::NotFound => BillingCode::NotFound,
            BillingError::MethodNotAllowed { .. } => BillingCode::MethodNotAllowed,
            BillingError::UnsupportedMediaType => BillingCode::UnsupportedMediaType,
            BillingError::BodyTooLarge => BillingCode::BodyTooLarge,
            BillingError::Overloaded => BillingCode::Overloaded,
            BillingError::InvalidRequest { .. } => BillingCode::InvalidRequest,
            BillingError::UrlNotAllowed { .. } => BillingCode::UrlNotAllowed,
            BillingError::TooManyRequests { .. } => BillingCode::TooManyRequests,
            BillingError::Auth(AuthError::Token(error)) => BillingCode::Token(error.code()),
            BillingError::Auth(_) => BillingCode::KeysUnavailable,
            BillingError::UnsupportedToken => BillingCode::Token(TokenCode::Unsupported),
            BillingError::OriginRequired => BillingCode::OriginRequired,
            BillingError::OrganizationRequired => BillingCode::OrganizationRequired,
            BillingError::NotAllowedForOrganization => BillingCode::NotAllowedForOrganization,
            BillingError::UnknownPlan => BillingCode::UnknownPlan,
            BillingError::UnknownPurchase => BillingCode::UnknownPurchase,
            BillingError::PlanNotForSale => BillingCode::PlanNotForSale,
            BillingError::IntervalRequired { .. } => BillingCode::IntervalRequired,
            BillingError::AlreadySubscribed { .. } => BillingCode::AlreadySubscribed,
            BillingError::ActionUnavailable { .. } => BillingCode::ActionUnavailable,
            BillingError::NoCustomer => BillingCode::NoCustomer,
            BillingError::NoSubscription => BillingCode::NoSubscription,
            BillingError::NothingToResume => BillingCode::NothingToResume,
            BillingError::NoChange => BillingCode::NoChange,
            BillingError::ChangePending => BillingCode::ChangePending,
            BillingError::PreviewExpired => BillingCode::PreviewExpired,
            BillingError::PaymentFailed { .. } => BillingCode::PaymentFailed,
            BillingError::PaymentActionRequired { .. } => BillingCode::PaymentActionRequired,
            BillingError::Service(error) | BillingError::ObjectMissing(error) => service_code(error),
            BillingError::PricesUnavailable => BillingCode::UpstreamUnavailable,
            BillingError::SubjectMissing => BillingCode::BadCredentials,
            BillingError::Internal => BillingCode::InternalError,
        }
    }

    /// Returns the alarm about a failure that an operator should look at.
    pub(super) fn alarm(&self, settings: &SyncSettings, subject: Option<&Subject>) -> Option<Report> {
        let alarm = match self {
            BillingError::Service(error) | BillingError::ObjectMissing(error) => error.alarm(settings),
            BillingError::SubjectMissing => {
                let cause = "Clerk does not have the user or organization of a valid session token";
                let cure = format!(
                    "put a key of the instance that issues the tokens into {}",
                    settings.clerk.key_location()
                );
                Alarm::error(AlarmCode::SubjectMissing, cause, cure)
            }
            BillingError::Internal => {
                let cause = "an endpoint ended without a response";
                Alarm::error(AlarmCode::InternalError, cause, FAULT_CURE).with("cause", cause)
            }
            _ => return None,
        };
        Some(alarm.subject(subject.map(Subject::as_str)).into())
    }

    /// Returns the response. The only messages of Stripe that it contains are those for a cardholder.
    pub(super) fn problem(self) -> Problem {
        let problem = self.code().problem();
        match self {
            BillingError::Auth(error) => error.problem(),
            BillingError::UnsupportedToken => problem
                .detail("only session tokens are accepted here; a machine cannot buy")
                .header("www-authenticate", "Bearer"),
            BillingError::MethodNotAllowed { allow } => problem.header("allow", allow),
            BillingError::InvalidRequest { member, detail } => {
                let problem = problem.detail(detail);
                if member.is_empty() { problem } else { problem.with("member", member) }
            }
            BillingError::UrlNotAllowed { member } => problem.with("member", member),
            BillingError::TooManyRequests { retry_after_s } => {
                problem.header("retry-after", retry_after_s.to_string())
            }
            BillingError::IntervalRequired { intervals } => problem.with("intervals", intervals),
            BillingError::AlreadySubscribed { plan, status, source, actions } => {
                let problem = problem.with("plan", plan).with("subscription_status", status);
                let problem = match source {
                    Some(source) => problem.with("source", source),
                    None => problem,
                };
                problem.with("actions", texts(&actions))
            }
            BillingError::ActionUnavailable { status, actions } => {
                problem.with("subscription_status", status).with("actions", texts(&actions))
            }
            BillingError::PaymentFailed { message, url } => {
                let problem = match message {
                    Some(message) => problem.detail(message),
                    None => problem,
                };
                with_url(problem, url)
            }
            BillingError::PaymentActionRequired { url } => with_url(problem, url),
            error if error.code().status() == 503 => problem.header("retry-after", RETRY_AFTER_S),
            _ => problem,
        }
    }
}

fn texts(actions: &[&str]) -> Vec<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

fn with_url(problem: Problem, url: Option<String>) -> Problem {
    match url {
        Some(url) => problem.with("url", url),
        None => problem,
    }
}

/// Returns the code of the response if Stripe or Clerk did not do what was requested.
fn service_code(error: &SyncError) -> BillingCode {
    match error {
        SyncError::KeyRefused { .. } | SyncError::ObjectUnknown { .. } | SyncError::Forbidden { .. } => {
            BillingCode::BadCredentials
        }
        SyncError::Refused { .. } | SyncError::TooMany | SyncError::Unmapped => BillingCode::UpstreamRefused,
        SyncError::Transient { .. }
        | SyncError::OutOfTime
        | SyncError::Unsettled
        | SyncError::SubjectMissing => BillingCode::UpstreamUnavailable,
    }
}
