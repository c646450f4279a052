//! What kind of schedule a seed makes: how crowded, how faulty, how slow.

use crate::harness::random::Random;

/// What kind of schedule it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Temper {
    /// How many subjects there are: the fewer, the more meets in one record.
    pub(crate) subjects: usize,
    pub(crate) changes: usize,
    pub(crate) fault_percent: usize,
    pub(crate) duplicate_percent: usize,
    /// How many deliveries hang just before they write, while others overtake them.
    pub(crate) slow_percent: usize,
    /// How many die right after a write, before they check.
    pub(crate) dying_percent: usize,
    /// It begins with a customer that is listed and holds nothing any more.
    pub(crate) begins_with_a_customer_that_left: bool,
    /// How many changes are such that other code empties a list of customers.
    pub(crate) emptied_percent: usize,
    /// The first subject has as many customers as are listed, before anything else happens.
    pub(crate) begins_with_a_full_list: bool,
    /// Subscriptions have many items, and some sell what maps to nothing.
    pub(crate) odd_items: bool,
}

impl Temper {
    /// `others` decides on what a seed's schedule has beside its own steps, which stay the same without it.
    pub(crate) fn new(random: &mut Random, others: &mut Random) -> Self {
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
