//! The settings of a random schedule, chosen from its seed: how many subjects, how many failures, how much
//! delay.

use tollgate_fixtures::Random;

/// The settings of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScheduleSettings {
    /// How many subjects there are: the fewer, the more meets in one record.
    pub(crate) subjects: usize,
    /// How many changes there are at Stripe or Clerk.
    pub(crate) changes: usize,
    /// How many callouts fail.
    pub(crate) fault_percent: usize,
    /// How many events are delivered twice.
    pub(crate) duplicate_percent: usize,
    /// How many deliveries are delayed just before they write, while others overtake them.
    pub(crate) late_write_percent: usize,
    /// How many are aborted right after a write, before they check.
    pub(crate) abort_after_write_percent: usize,
    /// It begins with a listed customer whose subscription has ended.
    pub(crate) begins_with_an_ended_customer: bool,
    /// How many of the changes are that other code empties a list of customers.
    pub(crate) emptied_list_percent: usize,
    /// The first subject has as many customers as are listed, before anything else happens.
    pub(crate) begins_with_a_full_list: bool,
    /// Subscriptions have many items, and some sell what maps to nothing.
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
