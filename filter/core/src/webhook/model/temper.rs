//! What kind of schedule a seed makes: how crowded, how faulty, how slow.

use super::random::Random;

/// What kind of schedule it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Temper {
    /// How many subjects there are: the fewer, the more meets in one record.
    pub(super) subjects: usize,
    pub(super) changes: usize,
    pub(super) fault_percent: usize,
    pub(super) duplicate_percent: usize,
    /// How many deliveries hang just before they write, while others overtake them.
    pub(super) slow_percent: usize,
    /// How many die right after a write, before they check.
    pub(super) dying_percent: usize,
    /// It begins with a customer that is listed and holds nothing any more.
    pub(super) begins_with_a_customer_that_left: bool,
    /// How many changes are such that other code empties a list of customers.
    pub(super) emptied_percent: usize,
    /// The first subject has as many customers as are listed, before anything else happens.
    pub(super) begins_with_a_full_list: bool,
    /// Subscriptions have many items, and some sell what maps to nothing.
    pub(super) odd_items: bool,
}

impl Temper {
    /// `others` decides on what a seed's schedule has beside its own steps, which stay the same without it.
    pub(super) fn of(random: &mut Random, others: &mut Random) -> Self {
        Temper {
            subjects: random.pick(&[1, 1, 2, 3]),
            changes: 2 + random.below(5),
            fault_percent: random.pick(&[0, 3, 12, 25]),
            duplicate_percent: random.pick(&[0, 10, 40]),
            slow_percent: random.pick(&[0, 30, 70]),
            dying_percent: random.pick(&[0, 0, 20, 50]),
            begins_with_a_customer_that_left: random.percent(35),
            emptied_percent: others.pick(&[0, 0, 0, 30]),
            begins_with_a_full_list: others.percent(1),
            odd_items: others.percent(50),
        }
    }
}
