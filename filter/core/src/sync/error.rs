//! Why a sync did not come to its end, by who can do something about it.

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

/// Why a sync did not come to its end. Nothing was taken away or granted by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SyncError {
    /// It may work in a moment: a timeout, a refused connection, 429, 5xx, an answer that is none.
    #[error("{} did not answer as it should: {why}", .service.name())]
    Transient {
        /// Which.
        service: Service,
        /// In a few words.
        why: String,
    },
    /// The API key is wrong, was revoked, or may not do this.
    #[error("{} refuses the API key, or does not know what it should: check that the key is of the right account and mode", .service.name())]
    Credentials {
        /// Which.
        service: Service,
    },
    /// The restricted key at Stripe lacks a permission.
    #[error("Stripe refuses {endpoint} to the API key: {}", cure(.missing))]
    Forbidden {
        /// What was asked, as Stripe's reference names it.
        endpoint: &'static str,
        /// What it lacks.
        missing: Box<MissingPermission>,
    },
    /// The request was refused for what it says: a fault of ours, or an API that changed.
    #[error("{} refused a request: {why}", .service.name())]
    Refused {
        /// Which.
        service: Service,
        /// In its own words.
        why: String,
    },
    /// The time for the whole sync is over.
    #[error("the sync took longer than its time")]
    OutOfTime,
    /// Stripe and Clerk were changed by others in each round.
    #[error("Clerk's record was changed by others in every round")]
    Unsettled,
    /// An active subscription sells nothing known, and the configuration asks to wait until it does. All that
    /// is known was written.
    #[error("an active subscription sells no plan, and could change the one that is shown")]
    Unmapped,
    /// Clerk does not have the subject of a subscription that is younger than a day.
    #[error(
        "Clerk has no such user or organization yet: are Stripe's and Clerk's keys of the same environment?"
    )]
    SubjectMissing,
    /// A list at Stripe has more pages than are read.
    #[error("a customer has more subscriptions than are read")]
    TooMany,
}

/// Returns what to do about a permission that a restricted key lacks.
fn cure(missing: &MissingPermission) -> String {
    match missing.permissions.as_slice() {
        [] => format!("give the restricted key the permission that it lacks; Stripe says: {}", missing.error),
        permissions => format!("give the restricted key the permission {}", permissions.join(" or ")),
    }
}

impl SyncError {
    /// Returns the code in the answer and in the metric: the alarm's.
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

    /// Returns the service that a callout failed at.
    pub(crate) fn service(&self) -> Option<Service> {
        match self {
            SyncError::Transient { service, .. }
            | SyncError::Credentials { service }
            | SyncError::Refused { service, .. } => Some(*service),
            SyncError::Forbidden { .. } => Some(Service::Stripe),
            _ => None,
        }
    }

    /// Returns whether the service refuses this one request, and will again until somebody acts.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            SyncError::Credentials { .. } | SyncError::Forbidden { .. } | SyncError::Refused { .. }
        )
    }

    /// Returns whether somebody must look at it: it will not pass by itself.
    pub(crate) fn is_alarm(&self) -> bool {
        !matches!(self, SyncError::Transient { .. } | SyncError::OutOfTime | SyncError::Unsettled)
    }
}

impl SyncError {
    /// Returns what an error of Clerk's means to a sync.
    pub(crate) fn from_clerk(error: &ClerkApiError) -> Self {
        let (service, why) = (Service::Clerk, error.to_string());
        match error {
            ClerkApiError::Credentials { .. } => SyncError::Credentials { service },
            ClerkApiError::Refused { .. } | ClerkApiError::Gone => SyncError::Refused { service, why },
            ClerkApiError::TooOften { .. }
            | ClerkApiError::Down { .. }
            | ClerkApiError::NoAnswer(_)
            | ClerkApiError::Unreadable
            | ClerkApiError::ClusterUnknown => SyncError::Transient { service, why },
        }
    }
}
