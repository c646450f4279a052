//! The state of Clerk Billing for one subject, as read in one round.

use super::source_plan::SourcePlan;
use crate::clerk::billing::{BillingRead, ClerkItemStatus, ClerkResolution, ItemDetails, SoldItem};
use crate::clerk::metadata::{Record, SubscriptionNote};
use crate::clerk::plan_source::PlanSource;
use crate::ids::Subject;
use crate::plan_table::PlanTable;
use crate::sync::findings::SyncFindings;
use crate::sync::state::SyncState;
use crate::time::Micros;

/// The state of Clerk Billing for a subject.
#[derive(Clone, Debug, Default)]
pub(crate) enum ClerkState {
    /// The state was not read yet, or is never read because the document does not mirror Clerk Billing.
    #[default]
    NotRead,
    /// The plan that the billing subscription grants.
    Read(Box<ClerkResolution>),
    /// The subject has no billing subscription at Clerk.
    Missing,
    /// Clerk refused the request, because Billing is off.
    Off,
}

impl ClerkState {
    /// Creates the state from a response.
    pub(super) fn new(
        state: &mut SyncState,
        findings: &mut SyncFindings,
        now: Micros,
        subject: &Subject,
        response: BillingRead,
    ) -> Self {
        match (response, state.clerk_plan_rules()) {
            (BillingRead::Found(subscription), Some(rules)) => {
                let resolution = rules.resolve(now, &subscription);
                findings.record_clerk_alarms(state, now, subject, &resolution);
                ClerkState::Read(Box::new(resolution))
            }
            (BillingRead::Missing, _) => ClerkState::Missing,
            (BillingRead::Off, _) => {
                findings.clerk_billing_off.insert(subject.clone());
                ClerkState::Off
            }
            (BillingRead::Found(_), None) => ClerkState::NotRead,
        }
    }

    /// Returns whether Clerk Billing grants more than the default plan. A billing subscription always names
    /// its subject, so its plan replaces a plan of unknown origin, as the plan of a subscription does whose
    /// owner the merchant's metadata names.
    pub(super) fn grants(&self) -> bool {
        matches!(self, ClerkState::Read(resolution) if resolution.granting.is_some())
    }

    /// Returns the item of Clerk Billing that the subject pays for or must pay for.
    pub(super) fn sold(&self) -> Option<&SoldItem> {
        match self {
            ClerkState::Read(resolution) => resolution.sold.as_ref(),
            ClerkState::NotRead | ClerkState::Missing | ClerkState::Off => None,
        }
    }

    /// Returns the plan of Clerk Billing; `None` if it was not read.
    pub(super) fn plan(&self, plans: &PlanTable, current: &Record) -> Option<SourcePlan> {
        let source = PlanSource::ClerkBilling;
        let recorded = current.plan_of(&source);
        match self {
            ClerkState::NotRead => None,
            ClerkState::Off => Some(SourcePlan::recorded(source, current, true)),
            ClerkState::Read(resolution) if resolution.may_still_grant(plans.recorded(recorded)) => {
                Some(SourcePlan::recorded(source, current, true))
            }
            ClerkState::Read(resolution) => Some(SourcePlan {
                source,
                plan: Some(plans.get(resolution.plan).name.clone()),
                subscription: resolution.details.as_ref().map(note).unwrap_or_default(),
                is_read: true,
            }),
            ClerkState::Missing => Some(SourcePlan {
                source,
                plan: None,
                subscription: SubscriptionNote::default(),
                is_read: true,
            }),
        }
    }
}

/// Returns the members of the public metadata about an item. Their times are truncated to seconds.
fn note(item: &ItemDetails) -> SubscriptionNote {
    let seconds = |time: Micros| Micros::from_secs(time.as_secs());
    SubscriptionNote {
        status: Some(item.status.as_str().to_owned()),
        current_period_end: item.period_end.map(seconds),
        cancel_at_period_end: Some(item.status == ClerkItemStatus::Canceled),
        grace_until: item.grace_until.map(seconds),
    }
}
