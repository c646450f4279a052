//! Errors that end a sync, grouped by who can fix them.

use crate::alarm::AlarmCode;
use crate::clerk::api::ClerkApiError;
use crate::stripe::outcome::MissingPermission;

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
    /// The API key is wrong, revoked, or lacks access.
    #[error("{} rejects the API key or does not know an object that it should: check that the key belongs to the right account and mode", .service.name())]
    Credentials {
        /// The service that failed.
        service: Service,
    },
    /// The restricted key of Stripe lacks a permission.
    #[error("Stripe refuses {endpoint} to the API key: {}", cure(.missing))]
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
    #[error(
        "Clerk does not have this user or organization yet: check that the Stripe and Clerk keys belong to the same environment"
    )]
    SubjectMissing,
    /// A list at Stripe has more pages than Tollgate reads.
    #[error("a customer has more subscriptions than Tollgate reads")]
    TooMany,
}

/// Returns instructions for granting the missing permission.
fn cure(missing: &MissingPermission) -> String {
    match missing.permissions.as_slice() {
        [] => format!("give the restricted key the missing permission; Stripe says: {}", missing.error),
        permissions => format!("give the restricted key the permission {}", permissions.join(" or ")),
    }
}

impl SyncError {
    /// Returns the code of the alarm as responses show it.
    pub(crate) fn code(&self) -> &'static str {
        self.alarm_code().as_str()
    }

    /// Returns the code of the alarm.
    pub(crate) fn alarm_code(&self) -> AlarmCode {
        match self {
            SyncError::Transient { .. } => AlarmCode::UpstreamUnavailable,
            SyncError::Credentials { .. } | SyncError::Forbidden { .. } => AlarmCode::BadCredentials,
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
            | SyncError::Credentials { service }
            | SyncError::Refused { service, .. } => Some(*service),
            SyncError::Forbidden { .. } => Some(Service::Stripe),
            _ => None,
        }
    }

    /// Returns whether the service refuses this request and will keep refusing it until an operator acts.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            SyncError::Credentials { .. } | SyncError::Forbidden { .. } | SyncError::Refused { .. }
        )
    }

    /// Returns whether an operator must act, because retries will not fix the error.
    pub(crate) fn needs_operator(&self) -> bool {
        !matches!(self, SyncError::Transient { .. } | SyncError::OutOfTime | SyncError::Unsettled)
    }
}

impl SyncError {
    /// Converts an error of Clerk's API.
    pub(crate) fn from_clerk(error: &ClerkApiError) -> Self {
        let (service, why) = (Service::Clerk, error.to_string());
        match error {
            ClerkApiError::Credentials { .. } => SyncError::Credentials { service },
            ClerkApiError::Refused { .. } | ClerkApiError::Gone => SyncError::Refused { service, why },
            ClerkApiError::RateLimited { .. }
            | ClerkApiError::Down { .. }
            | ClerkApiError::NoResponse(_)
            | ClerkApiError::Unreadable => SyncError::Transient { service, why },
        }
    }
}
