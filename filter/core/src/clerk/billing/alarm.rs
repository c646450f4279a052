//! Alarms found while determining the plan that Clerk Billing grants.

use crate::alarm::AlarmCode;
use crate::ids::BillingItemId;

/// The maximum number of characters of a slug or a status in an alarm.
const WORD_SHOWN_MAX: usize = 64;

/// A problem with a billing subscription that an operator should fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClerkPlanAlarm {
    /// A granting item has a plan that maps to none of the configuration.
    #[error(
        "Clerk Billing's plan \"{slug}\" maps to no plan: it grants nothing, and what Clerk Billing granted is kept"
    )]
    UnmappedSlug {
        /// The item.
        item: BillingItemId,
        /// The slug.
        slug: String,
    },
    /// A granting item shows no plan.
    #[error(
        "item {item} of Clerk Billing shows no plan: it grants nothing, and what Clerk Billing granted is kept"
    )]
    NoPlan {
        /// The item.
        item: BillingItemId,
    },
    /// An item has a status that this release does not support.
    #[error(
        "item {item} of Clerk Billing has the unknown status \"{status}\": no plan was removed or granted because of it"
    )]
    UnknownStatus {
        /// The item.
        item: BillingItemId,
        /// The status.
        status: String,
    },
    /// An item is past due, but nothing shows since when.
    #[error("item {item} of Clerk Billing is past due but does not show since when: it gets no grace period")]
    NoGraceStart {
        /// The item.
        item: BillingItemId,
    },
}

impl ClerkPlanAlarm {
    /// Returns the alarm's code.
    pub(crate) fn code(&self) -> AlarmCode {
        match self {
            ClerkPlanAlarm::UnmappedSlug { .. } | ClerkPlanAlarm::NoPlan { .. } => {
                AlarmCode::UnmappedClerkPlan
            }
            ClerkPlanAlarm::UnknownStatus { .. } => AlarmCode::UnknownStatus,
            ClerkPlanAlarm::NoGraceStart { .. } => AlarmCode::NoGraceStart,
        }
    }

    /// Returns what an operator should do.
    pub(crate) fn cure(&self) -> &'static str {
        match self {
            ClerkPlanAlarm::UnmappedSlug { .. } => "add the slug to the `clerk_plan` of a plan in `plans`",
            ClerkPlanAlarm::NoPlan { .. } => {
                "look at the item at Clerk; if it has a plan there, update Tollgate"
            }
            ClerkPlanAlarm::UnknownStatus { .. } => "update Tollgate",
            ClerkPlanAlarm::NoGraceStart { .. } => {
                "look at the item at Clerk, and collect the payment, or end it"
            }
        }
    }

    /// Returns the item that the alarm is about.
    pub(crate) fn item(&self) -> &BillingItemId {
        match self {
            ClerkPlanAlarm::UnmappedSlug { item, .. }
            | ClerkPlanAlarm::NoPlan { item }
            | ClerkPlanAlarm::UnknownStatus { item, .. }
            | ClerkPlanAlarm::NoGraceStart { item } => item,
        }
    }

    /// Returns the text that identifies the cause. Many subjects share one cause, so that alarms of the same
    /// cause are rarely logged.
    pub(crate) fn cause(&self) -> String {
        let (kind, word) = match self {
            ClerkPlanAlarm::UnmappedSlug { slug, .. } => ("slug", slug.as_str()),
            ClerkPlanAlarm::NoPlan { .. } => ("no plan", ""),
            ClerkPlanAlarm::UnknownStatus { status, .. } => ("status", status.as_str()),
            ClerkPlanAlarm::NoGraceStart { item } => ("grace", item.as_str()),
        };
        format!("{kind} {word}")
    }
}

/// Returns the beginning of a slug or a status of Clerk's.
pub(super) fn shortened(word: &str) -> String {
    word.chars().take(WORD_SHOWN_MAX).collect()
}
