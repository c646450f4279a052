//! Why a sync did not come to its end, by who can do something about it, and what Stripe is told.

use crate::problem::Problem;

/// Seconds after which Stripe may try again. It keeps to its own schedule; people and proxies read this.
const RETRY_AFTER_S: &str = "30";

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// It may work in a moment: a timeout, a refused connection, 429, 5xx, an answer that is none.
    #[error("{} did not answer as it should: {why}", .service.name())]
    Transient {
        /// Which.
        service: Service,
        /// In a few words.
        why: &'static str,
    },
    /// The API key is wrong, was revoked, or may not do this.
    #[error("{} refuses the API key: check the credential of its cluster, and that it is of the right mode", .service.name())]
    Credentials {
        /// Which.
        service: Service,
    },
    /// The request was refused for what it says: a fault of ours, or an API that changed.
    #[error("{} refused a request with status {status}", .service.name())]
    Refused {
        /// Which.
        service: Service,
        /// The status.
        status: u16,
    },
    /// The time for the whole sync is over.
    #[error("the sync took longer than its time")]
    OutOfTime,
    /// Stripe and Clerk were changed by others in each round.
    #[error("Clerk's record was changed by others in every round")]
    Unsettled,
    /// A list at Stripe has more pages than are read.
    #[error("a customer has more subscriptions than are read")]
    TooMany,
}

impl Trouble {
    /// The code in the answer, in the alarm and in the metric.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Trouble::Transient { .. } => "upstream_unavailable",
            Trouble::Credentials { .. } => "bad_credentials",
            Trouble::Refused { .. } => "upstream_refused",
            Trouble::OutOfTime => "out_of_time",
            Trouble::Unsettled => "unsettled",
            Trouble::TooMany => "too_many_subscriptions",
        }
    }

    /// Whether somebody must look at it: it will not pass by itself.
    pub(crate) fn is_alarm(self) -> bool {
        !matches!(self, Trouble::Transient { .. } | Trouble::OutOfTime | Trouble::Unsettled)
    }
}

impl From<Trouble> for Problem {
    /// Every trouble is answered so that Stripe comes again: the event is not lost.
    fn from(trouble: Trouble) -> Self {
        let status = if trouble.is_alarm() { 500 } else { 503 };
        Problem::new(status, trouble.code(), trouble.to_string()).header("retry-after", RETRY_AFTER_S)
    }
}
