//! Subscription schedules.

use super::StripeMetadata;

/// An item of a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseItem {
    /// The price's id.
    pub price: String,
    /// The quantity.
    pub quantity: u32,
}

/// A time in which a subscription has certain items.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulePhase {
    /// Its start (Unix seconds).
    pub start: i64,
    /// Its end (Unix seconds).
    pub end: i64,
    /// The items.
    pub items: Vec<PhaseItem>,
    /// `always_invoice`, `create_prorations`, or `none`: what its start does within a period.
    pub proration_behavior: String,
    /// Added to the metadata of the subscription when it starts.
    pub metadata: StripeMetadata,
}

/// A subscription schedule: the phases of a subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscriptionSchedule {
    /// `sub_sched_…`
    pub id: String,
    /// The creation time in Unix seconds; 0 stands for the time at which it is put.
    pub created: i64,
    /// The customer's id.
    pub customer: String,
    /// The subscription that it manages; `None` once it is released.
    pub subscription: Option<String>,
    /// The subscription that it managed until it was released.
    pub released_subscription: Option<String>,
    /// `active`, `released`, or `completed`.
    pub status: String,
    /// Its phases in order.
    pub phases: Vec<SchedulePhase>,
    /// `release` or `cancel`: what happens to the subscription after the last phase.
    pub end_behavior: String,
    /// Its metadata.
    pub metadata: StripeMetadata,
    /// The time at which it entered its current phase (Unix seconds); 0 for the first.
    pub entered: i64,
    /// When it was released (Unix seconds).
    pub released_at: Option<i64>,
    /// When it was completed (Unix seconds).
    pub completed_at: Option<i64>,
}

impl SubscriptionSchedule {
    /// Returns the index of the phase at a time (Unix seconds).
    pub fn current_phase(&self, now: i64) -> Option<usize> {
        let contains = |phase: &SchedulePhase| phase.start <= now && now < phase.end;
        self.phases.iter().position(contains).filter(|_| self.status == "active")
    }
}
