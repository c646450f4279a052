//! The settings of a random schedule, chosen from its seed: the numbers of subjects, failures, and delays.

use tollgate_fixtures::Random;

/// The settings of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScheduleSettings {
    /// The number of subjects. The fewer there are, the more writes of one record collide.
    pub(crate) subjects: usize,
    /// The number of changes at Stripe or Clerk.
    pub(crate) changes: usize,
    /// The share of callouts that fail.
    pub(crate) fault_percent: usize,
    /// The share of events that are delivered twice.
    pub(crate) duplicate_percent: usize,
    /// The share of deliveries that are delayed just before they write, while others overtake them.
    pub(crate) late_write_percent: usize,
    /// The share of deliveries that are aborted right after a write, before they check it.
    pub(crate) abort_after_write_percent: usize,
    /// Whether the schedule begins with a listed customer whose subscription has ended.
    pub(crate) begins_with_an_ended_customer: bool,
    /// The share of changes in which other code empties a list of customers.
    pub(crate) emptied_list_percent: usize,
    /// Whether the schedule begins with a subject whose list of customers is full.
    pub(crate) begins_with_a_full_list: bool,
    /// Whether subscriptions have many items, some with a price that maps to no plan.
    pub(crate) unusual_items: bool,
}

impl ScheduleSettings {
    /// Chooses them. `others` chooses what was added later, so that the steps of a known seed stay the same.
    pub(crate) fn new(random: &mut Random, others: &mut Random) -> Self {
        ScheduleSettings {
            subjects: random.pick(&[1, 1, 2, 3]),
            changes: 2 + random.below(5),
            fault_percent: random.pick(&[0, 3, 12, 25]),
            duplicate_percent: random.pick(&[0, 10, 40]),
            late_write_percent: random.pick(&[0, 30, 70]),
            abort_after_write_percent: random.pick(&[0, 0, 20, 50]),
            begins_with_an_ended_customer: random.percent(35),
            emptied_list_percent: others.pick(&[0, 0, 0, 30]),
            begins_with_a_full_list: others.percent(1),
            unusual_items: others.percent(50),
        }
    }
}
