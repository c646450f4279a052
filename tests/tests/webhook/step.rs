//! The callouts of a sync, at which tests inject faults.

use crate::shared::Payer;
use tollgate_tests::fakes::faults::{Faults, Matcher, on};
use tollgate_tests::processes::gateway::Gateway;

/// A callout of a sync that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Subscription,
    Subscriptions,
    Link,
    Record,
    Write,
}

impl Step {
    /// Every step.
    pub const ALL: [Step; 5] =
        [Step::Subscription, Step::Subscriptions, Step::Link, Step::Record, Step::Write];

    /// Returns whether the request goes to Stripe, and not to Clerk.
    pub fn is_at_stripe(self) -> bool {
        !matches!(self, Step::Record | Step::Write)
    }

    /// Returns the condition for that request about the payer.
    pub fn matcher(self, payer: &Payer) -> Matcher {
        match self {
            Step::Subscription => on("GET", &format!("/v1/subscriptions/{}", payer.subscription)),
            Step::Subscriptions => {
                on("GET", "/v1/subscriptions").containing(&format!("customer={}&", payer.customer))
            }
            Step::Link => on("POST", &format!("/v1/subscriptions/{}", payer.subscription)),
            Step::Record => on("GET", &format!("/v1/users/{}", payer.user)),
            Step::Write => on("PATCH", &format!("/v1/users/{}/", payer.user)),
        }
    }

    /// Returns the faults of the service that gets the request.
    pub fn faults(self, gateway: &Gateway) -> &Faults {
        if self.is_at_stripe() { gateway.stripe.faults() } else { gateway.clerk.faults() }
    }
}
