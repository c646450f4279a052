//! Alarms found while determining a plan.

use crate::alarm::AlarmCode;
use crate::ids::SubscriptionId;
use crate::stripe::subscription::UnreadablePart;
use std::fmt;

/// A problem with a subject's subscriptions that an operator should fix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum PlanAlarm {
    /// The prices of a live subscription map to no plan.
    #[error(
        "subscription {subscription} has no price that maps to a plan ({}): {}",
        prices.join(", "),
        consequence(.keeps_plan)
    )]
    Unmapped {
        /// The subscription.
        subscription: SubscriptionId,
        /// The ids of the subscription's prices.
        prices: Vec<String>,
        /// Whether the subscription granted the recorded plan, which is therefore kept.
        keeps_plan: bool,
    },
    /// The metadata key `plan` names a plan that is not configured.
    #[error("{location} has the plan \"{value}\", which is not configured")]
    UnknownPlan {
        /// The object with the name.
        location: PlanNameSource,
        /// The name.
        value: String,
    },
    /// A name differs from a configured one only in case or surrounding spaces. It does not count as that
    /// name.
    #[error("{location} has \"{value}\", which differs from \"{configured}\" only in case or spaces")]
    Misspelled {
        /// The object with the name.
        location: PlanNameSource,
        /// The spelling there.
        value: String,
        /// The spelling in the configuration.
        configured: String,
    },
    /// The subscription has a status that this release does not support.
    #[error(
        "subscription {subscription} has the unknown status \"{status}\": no plan was removed or granted because of it"
    )]
    UnknownStatus {
        /// The subscription.
        subscription: SubscriptionId,
        /// The status.
        status: String,
    },
    /// A subscription is past due, but has no invoice that shows since when.
    #[error("subscription {subscription} is past due but has no invoice: it gets no grace period")]
    NoGraceStart {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// Not all items of the subscription could be read.
    #[error(
        "subscription {subscription} has more items than could be read: the plan that it granted is kept, and those \
         that were read count"
    )]
    ItemsCut {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// A part of a subscription cannot be parsed.
    #[error(
        "{part} of subscription {subscription} was deleted or does not match Stripe's API reference: the plan that it \
         granted is kept, and the rest counts"
    )]
    Unreadable {
        /// The subscription.
        subscription: SubscriptionId,
        /// The part.
        part: UnreadablePart,
    },
}

/// The object at Stripe that contains a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PlanNameSource {
    /// The metadata of the price with this id.
    PriceMetadata(String),
    /// The metadata of the product with this id.
    ProductMetadata(String),
    /// The lookup key of the price with this id.
    LookupKey(String),
}

impl fmt::Display for PlanNameSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanNameSource::PriceMetadata(id) => write!(f, "the metadata of price {id}"),
            PlanNameSource::ProductMetadata(id) => write!(f, "the metadata of product {id}"),
            PlanNameSource::LookupKey(id) => write!(f, "the lookup key of price {id}"),
        }
    }
}

impl PlanAlarm {
    /// Returns the alarm's code.
    pub(crate) fn code(&self) -> AlarmCode {
        match self {
            PlanAlarm::Unmapped { .. } => AlarmCode::UnmappedPrice,
            PlanAlarm::UnknownPlan { .. } => AlarmCode::UnknownPlan,
            PlanAlarm::Misspelled { .. } => AlarmCode::MisspelledName,
            PlanAlarm::UnknownStatus { .. } => AlarmCode::UnknownStatus,
            PlanAlarm::NoGraceStart { .. } => AlarmCode::NoGraceStart,
            PlanAlarm::ItemsCut { .. } => AlarmCode::ItemsCut,
            PlanAlarm::Unreadable { .. } => AlarmCode::UnreadablePart,
        }
    }

    /// Returns what an operator should do.
    pub(crate) fn cure(&self) -> &'static str {
        match self {
            PlanAlarm::Unmapped { .. } => "map one of its prices to a plan, or list it in `not_plans`",
            PlanAlarm::UnknownPlan { .. } => "correct the name, or add the plan to `plans`",
            PlanAlarm::Misspelled { .. } => "make them equal",
            PlanAlarm::UnknownStatus { .. } => "update Tollgate",
            PlanAlarm::NoGraceStart { .. } => {
                "look at the subscription at Stripe, and collect the payment, or end it"
            }
            PlanAlarm::ItemsCut { .. } => "sell fewer items in one subscription",
            PlanAlarm::Unreadable { .. } => {
                "look at that part at Stripe; if it is not deleted, update Tollgate, or report this line"
            }
        }
    }

    /// Returns the id of the object at Stripe that the alarm is about.
    pub(crate) fn object(&self) -> &str {
        match self {
            PlanAlarm::Unmapped { subscription, .. }
            | PlanAlarm::UnknownStatus { subscription, .. }
            | PlanAlarm::NoGraceStart { subscription }
            | PlanAlarm::ItemsCut { subscription }
            | PlanAlarm::Unreadable { subscription, .. } => subscription.as_str(),
            PlanAlarm::UnknownPlan { location, .. } | PlanAlarm::Misspelled { location, .. } => {
                match location {
                    PlanNameSource::PriceMetadata(id)
                    | PlanNameSource::ProductMetadata(id)
                    | PlanNameSource::LookupKey(id) => id,
                }
            }
        }
    }
}

fn consequence(keeps_plan: &bool) -> &'static str {
    if *keeps_plan { "the plan that it granted is kept" } else { "it grants nothing" }
}
