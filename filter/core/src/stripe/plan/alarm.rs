//! What an operator should see to, found while working out a plan.

use crate::alarm::AlarmCode;
use crate::ids::SubscriptionId;
use crate::stripe::subscription::UnreadablePart;
use std::fmt;

/// Something about a subject's subscriptions that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum PlanAlarm {
    /// A subscription that should grant something sells nothing that is known.
    #[error(
        "subscription {subscription} sells no plan: map one of its prices ({}) to a plan, or list it in not_plans; {}",
        prices.join(", "),
        kept(.protects)
    )]
    Unmapped {
        /// The subscription.
        subscription: SubscriptionId,
        /// The ids of its prices.
        prices: Vec<String>,
        /// It is the one that granted the present plan, which is therefore kept.
        protects: bool,
    },
    /// A metadata `plan` names no plan.
    #[error("{place} says plan \"{value}\", and there is no such plan")]
    UnknownPlan {
        /// Where it says so.
        place: PlanNameSource,
        /// The name.
        value: String,
    },
    /// A name differs from a known one only in its case or in blanks around it. It is not taken for it.
    #[error("{place} says \"{value}\", which is nearly but not exactly \"{meant}\": make them the same")]
    Misspelled {
        /// Where it stands.
        place: PlanNameSource,
        /// As it is spelt there.
        value: String,
        /// As it is spelt in the configuration.
        meant: String,
    },
    /// A status that this version does not know.
    #[error(
        "subscription {subscription} has the unknown status \"{status}\": no plan is taken away or given for it"
    )]
    UnknownStatus {
        /// The subscription.
        subscription: SubscriptionId,
        /// The status.
        status: String,
    },
    /// A subscription is past due, but nothing says since when.
    #[error("subscription {subscription} is past due without any invoice: it has no grace")]
    NoGraceStart {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// Stripe showed only a part of the items.
    #[error(
        "subscription {subscription} has more items than could be read: those that were read count, and it keeps what \
         it granted"
    )]
    ItemsCut {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// A part of what Stripe says of a subscription cannot be read.
    #[error(
        "{part} of subscription {subscription} is deleted or not as Stripe's API describes it: the rest counts, and it \
         keeps what it granted"
    )]
    Unreadable {
        /// The subscription.
        subscription: SubscriptionId,
        /// The part.
        part: UnreadablePart,
    },
}

/// Where a name stands in Stripe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PlanNameSource {
    /// The metadata of the price with that id.
    PriceMetadata(String),
    /// The metadata of the product with that id.
    ProductMetadata(String),
    /// The lookup key of the price with that id.
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
    /// What programs tell the alarms apart by.
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

    /// Returns the id of the object at Stripe that it is about.
    pub(crate) fn object(&self) -> &str {
        match self {
            PlanAlarm::Unmapped { subscription, .. }
            | PlanAlarm::UnknownStatus { subscription, .. }
            | PlanAlarm::NoGraceStart { subscription }
            | PlanAlarm::ItemsCut { subscription }
            | PlanAlarm::Unreadable { subscription, .. } => subscription.as_str(),
            PlanAlarm::UnknownPlan { place, .. } | PlanAlarm::Misspelled { place, .. } => match place {
                PlanNameSource::PriceMetadata(id)
                | PlanNameSource::ProductMetadata(id)
                | PlanNameSource::LookupKey(id) => id,
            },
        }
    }
}

fn kept(protects: &bool) -> &'static str {
    if *protects { "the plan that it granted is kept" } else { "it grants nothing" }
}
