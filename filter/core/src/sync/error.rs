//! Errors that end a sync, grouped by who can fix them.

use crate::alarm::{Alarm, AlarmCode};
use crate::clerk::api::ClerkApiError;
use crate::config::SyncSettings;
use crate::problem::ProblemCode;
use crate::stripe::outcome::MissingPermission;
use crate::upstream::Upstream;
use std::fmt;

/// The service that a callout went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Stripe's API.
    Stripe,
    /// Clerk's Backend API.
    Clerk,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Service::Stripe => "Stripe",
            Service::Clerk => "Clerk",
        }
    }
}

/// An error that ended a sync. It neither grants nor removes a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SyncError {
    /// A failure that a retry may fix: a timeout, a refused connection, 429, 5xx, or an unreadable response.
    #[error("{} did not respond as expected: {why}", .service.name())]
    Transient {
        /// The service that failed.
        service: Service,
        /// The cause in a few words.
        why: String,
    },
    /// The service rejects the API key.
    #[error("{} rejects the API key: {why}", .service.name())]
    KeyRefused {
        /// The service that failed.
        service: Service,
        /// The service's error.
        why: String,
    },
    /// Stripe does not have an object in the account and mode of the API key, although an event or Clerk's
    /// record names it. Stripe keeps customers and subscriptions forever, so the API key must belong to
    /// another account or mode, and its responses must not change any plan.
    #[error("Stripe does not have {} in the account and mode of the API key{}", named(.object), found_in_other_mode(.why))]
    ObjectUnknown {
        /// The object's id, if it is known.
        object: Option<String>,
        /// Stripe's error, if it says that the object is of the other mode.
        why: Option<String>,
    },
    /// The restricted key of Stripe lacks a permission.
    #[error("Stripe refuses {endpoint} to the API key, which lacks {}", permission(.missing))]
    Forbidden {
        /// The endpoint, as Stripe's API reference names it.
        endpoint: &'static str,
        /// The missing permission.
        missing: Box<MissingPermission>,
    },
    /// The service rejected the content of the request: a bug in Tollgate, or an API that changed.
    #[error("{} refused a request: {why}", .service.name())]
    Refused {
        /// The service that failed.
        service: Service,
        /// The service's error message.
        why: String,
    },
    /// The sync's deadline has passed.
    #[error("the sync exceeded its time limit")]
    OutOfTime,
    /// Other writers changed Clerk's record in every round.
    #[error("other writers changed Clerk's record in every round of the sync")]
    Unsettled,
    /// An active subscription has a price that maps to no plan, and `unmapped_price` is `retry`. Everything
    /// that is known was written.
    #[error("an active subscription has a price that maps to no plan and could change the plan")]
    Unmapped,
    /// Clerk does not have the subject of a subscription that is younger than a day.
    #[error("Clerk does not have this user or organization yet, but a new subscription grants it a plan")]
    SubjectMissing,
    /// A list at Stripe has more pages than Tollgate reads.
    #[error("a customer has more subscriptions than Tollgate reads")]
    TooMany,
}

fn named(object: &Option<String>) -> &str {
    object.as_deref().unwrap_or("an object")
}

fn found_in_other_mode(why: &Option<String>) -> String {
    why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
}

/// Returns the name of the missing permission, or Stripe's error if that does not name it.
fn permission(missing: &MissingPermission) -> String {
    match missing.permissions.as_slice() {
        [] => format!("a permission: Stripe says: {}", missing.error),
        permissions => format!("the permission {}", permissions.join(" or ")),
    }
}

impl SyncError {
    /// Returns the code of the response.
    pub(crate) fn code(&self) -> ProblemCode {
        match self {
            SyncError::Transient { .. } => ProblemCode::UpstreamUnavailable,
            SyncError::KeyRefused { .. } | SyncError::ObjectUnknown { .. } | SyncError::Forbidden { .. } => {
                ProblemCode::BadCredentials
            }
            SyncError::Refused { .. } => ProblemCode::UpstreamRefused,
            SyncError::OutOfTime => ProblemCode::OutOfTime,
            SyncError::Unsettled => ProblemCode::Unsettled,
            SyncError::Unmapped => ProblemCode::UnmappedPrice,
            SyncError::SubjectMissing => ProblemCode::SubjectMissing,
            SyncError::TooMany => ProblemCode::TooManySubscriptions,
        }
    }

    /// Returns the code of the alarm.
    pub(crate) fn alarm_code(&self) -> AlarmCode {
        match self {
            SyncError::Transient { .. } => AlarmCode::UpstreamUnavailable,
            SyncError::KeyRefused { .. } | SyncError::ObjectUnknown { .. } | SyncError::Forbidden { .. } => {
                AlarmCode::BadCredentials
            }
            SyncError::Refused { .. } => AlarmCode::UpstreamRefused,
            SyncError::OutOfTime => AlarmCode::OutOfTime,
            SyncError::Unsettled => AlarmCode::Unsettled,
            SyncError::Unmapped => AlarmCode::UnmappedPrice,
            SyncError::SubjectMissing => AlarmCode::SubjectMissing,
            SyncError::TooMany => AlarmCode::TooManySubscriptions,
        }
    }

    /// Returns the service whose callout failed.
    pub(crate) fn service(&self) -> Option<Service> {
        match self {
            SyncError::Transient { service, .. }
            | SyncError::KeyRefused { service, .. }
            | SyncError::Refused { service, .. } => Some(*service),
            SyncError::Forbidden { .. } | SyncError::ObjectUnknown { .. } => Some(Service::Stripe),
            _ => None,
        }
    }

    /// Returns what is wrong with the API key, as the alarm `bad_credentials` names it.
    fn key_error(&self) -> Option<&'static str> {
        match self {
            SyncError::KeyRefused { .. } => Some("key_refused"),
            SyncError::ObjectUnknown { .. } => Some("object_unknown"),
            SyncError::Forbidden { .. } => Some("permission_missing"),
            _ => None,
        }
    }

    /// Returns the alarm, with the location of the API key if that is at fault.
    pub(crate) fn alarm(&self, settings: &SyncSettings) -> Alarm {
        let new = if self.needs_operator() { Alarm::error } else { Alarm::warning };
        let upstream = match self.service() {
            Some(Service::Clerk) => &settings.clerk,
            Some(Service::Stripe) | None => &settings.stripe,
        };
        let alarm = new(self.alarm_code(), self.to_string(), self.cure(upstream));
        let alarm = match self.key_error() {
            Some(cause) => alarm.with("cause", cause).with("key_location", upstream.key_location()),
            None => alarm,
        };
        match self {
            SyncError::ObjectUnknown { object: Some(object), .. } => alarm.object(object),
            _ => alarm,
        }
    }

    /// Returns what an operator should do. `upstream` is the API of the service whose callout failed.
    pub(crate) fn cure(&self, upstream: &Upstream) -> String {
        let cure = match self {
            SyncError::Transient { service, .. } => {
                return format!(
                    "nothing to do if it passes; if it does not, check the cluster `{}`, and {}'s status page",
                    upstream.cluster,
                    service.name()
                );
            }
            SyncError::KeyRefused { service, .. } => {
                return format!("put a valid key of {} into {}", service.name(), upstream.key_location());
            }
            SyncError::ObjectUnknown { .. } => {
                return format!(
                    "put a key of the account and mode that sends the events into {}",
                    upstream.key_location()
                );
            }
            SyncError::Forbidden { missing, .. } => {
                let permission = match missing.permissions.as_slice() {
                    [] => "the missing permission".to_owned(),
                    permissions => format!("the permission {}", permissions.join(" or ")),
                };
                return format!("give {permission} to the key in {}", upstream.key_location());
            }
            SyncError::Refused { .. } => {
                "correct what the response names; if nothing there can be corrected, update Tollgate, or report this line"
            }
            SyncError::OutOfTime => {
                "nothing to do if it passes; if it does not, find out why Stripe or Clerk responds slowly (Envoy's \
                 `upstream_rq_time` of their clusters)"
            }
            SyncError::Unsettled => {
                "nothing to do if it passes; if it does not, find the other program that writes the metadata at Clerk"
            }
            SyncError::Unmapped => {
                "map one of its prices to a plan, or list it in `not_plans`; the alarm `unmapped_price` about the \
                 subscription names them"
            }
            SyncError::SubjectMissing => {
                "nothing to do if the user or organization is new; if not, check that the Stripe and Clerk keys belong to \
                 the same environment"
            }
            SyncError::TooMany => "end the unused subscriptions of the customer",
        };
        cure.to_owned()
    }

    /// Returns whether the service refuses this request and will keep refusing it until an operator acts.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            SyncError::KeyRefused { .. }
                | SyncError::ObjectUnknown { .. }
                | SyncError::Forbidden { .. }
                | SyncError::Refused { .. }
        )
    }

    /// Returns whether an operator must act, because retries will not fix the error.
    pub(crate) fn needs_operator(&self) -> bool {
        !matches!(self, SyncError::Transient { .. } | SyncError::OutOfTime | SyncError::Unsettled)
    }
}

impl SyncError {
    /// Creates the error that Stripe does not have an object.
    pub(crate) fn unknown(object: &impl fmt::Display) -> Self {
        SyncError::ObjectUnknown { object: Some(object.to_string()), why: None }
    }

    /// Names the object of an [`ObjectUnknown`](SyncError::ObjectUnknown).
    pub(crate) fn about(self, object: &impl fmt::Display) -> Self {
        match self {
            SyncError::ObjectUnknown { why, .. } => {
                SyncError::ObjectUnknown { object: Some(object.to_string()), why }
            }
            error => error,
        }
    }

    /// Converts an error of Clerk's API.
    pub(crate) fn from_clerk(error: &ClerkApiError) -> Self {
        let (service, why) = (Service::Clerk, error.to_string());
        match error {
            ClerkApiError::Credentials { status } => {
                SyncError::KeyRefused { service, why: format!("status {status}") }
            }
            ClerkApiError::Refused { .. } | ClerkApiError::Gone => SyncError::Refused { service, why },
            ClerkApiError::RateLimited { .. }
            | ClerkApiError::Down { .. }
            | ClerkApiError::NoResponse(_)
            | ClerkApiError::Unreadable => SyncError::Transient { service, why },
        }
    }
}
